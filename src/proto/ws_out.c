/* SPDX-License-Identifier: MIT */
/* ws_out.c - frames out. A frame enters the queue whole or not at all; one writer at a time takes
 * the whole queue and writes it, so what one turn queued leaves together. The writer is a task of
 * the run's own group (of the connection's, in a reactive server), which no cancel of a sender
 * reaches; and a cancel of these does not end it before the queue has left, or close_ns is over: a
 * frame is never torn by one, and none that was queued is lost. */
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_conn.h"
#include "stream/stream.h"

/* What the connections of a thread share: an empty queue for the next one who needs it, and
 * random bytes for masks. */
static __thread struct {
    size_t holders;
    struct ws_queue *queue;
    size_t random_left;
    uint8_t random[256];
} spare;

void weir__ws_spare_hold(void) {
    spare.holders++;
}

void weir__ws_spare_unhold(void) {
    WEIR_CHECK(spare.holders > 0);
    if (--spare.holders > 0)
        return;
    weir__free(spare.queue);
    spare.queue = NULL;
    spare.random_left = 0; /* the next run draws its own, so that a seed replays it */
}

/* ---- waiting ---- */

static int waiter_abort(struct weir__park *p) {
    WEIR_CONTAINER(p, struct ws_waiter, park)->parked = false;
    return WEIR__DONE;
}

/* Take a place in the line. Every begin has its end. */
void weir__ws_wait_begin(struct weir_ws *ws, struct ws_waiter *w, bool sends) {
    *w = (struct ws_waiter){.park = {.abort = waiter_abort, .on = ws}, .sends = sends};
    struct ws_waiter **at = &ws->waiters;
    while (*at != NULL)
        at = &(*at)->next;
    *at = w;
}

/* Wait for news. Returns 0, -ECANCELED or -ETIME; the place is kept. */
int weir__ws_wait(struct weir_ws *ws, struct ws_waiter *w, const char *what) {
    int rc = weir_cancelled(); /* fired while this call went round */
    if (rc == 0) {
        w->parked = true;
        w->park.what = what;
        rc = (int)weir__park(&w->park);
    }
    return rc < 0 ? weir__fail(rc, what, weir_ws_peer(ws)) : 0;
}

void weir__ws_wait_end(struct weir_ws *ws, struct ws_waiter *w) {
    struct ws_waiter **at = &ws->waiters;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (w->sends)
        weir__ws_wake(ws); /* the next in line */
}

/* Of those who send only the first in line is woken, who wakes the next when it leaves; and who
 * is in the middle of a message, for whom the others wait. */
void weir__ws_wake(struct weir_ws *ws) {
    bool is_open = ws->state == WS_OPEN && !ws->failed && !ws->unsent && !ws->dropped;
    bool seen = false;
    for (struct ws_waiter *w = ws->waiters; w != NULL; w = w->next) {
        bool skip = is_open && w->sends && seen && w->park.task != ws->parting;
        seen |= w->sends;
        if (skip || !w->parked)
            continue;
        w->parked = false;
        weir__unpark(&w->park, 0);
    }
}

/* ---- the queue ---- */

static int queue_reserve(struct weir_ws *ws, size_t more) {
    struct ws_queue *q = ws->queue;
    size_t len = q ? q->len : 0, max = WS_QUEUE_MIN;
    if (q != NULL && len + more <= q->max)
        return 0;
    if (q == NULL && spare.queue != NULL && more <= spare.queue->max) {
        ws->queue = spare.queue;
        spare.queue = NULL;
        return 0;
    }
    while (max < len + more)
        max *= 2;
    q = weir__realloc(q, sizeof *q + max);
    if (q == NULL)
        return -ENOMEM;
    q->len = (uint32_t)len;
    q->max = (uint32_t)max;
    ws->queue = q;
    return 0;
}

/* The larger one is kept: who sends much will do so again. */
static void queue_give_back(struct ws_queue *q) {
    struct ws_queue *kept = spare.queue;
    if (q->max <= WS_SPARE_MAX && (kept == NULL || kept->max < q->max)) {
        q->len = 0;
        spare.queue = q;
        q = kept;
    }
    weir__free(q);
}

/* RFC 6455 10.3: masks must not be guessed. Drawn from the backend a handful at a time. */
static void mask_make(struct weir_ws *ws, uint8_t mask[4]) {
    if (spare.random_left < 4) {
        struct weir__backend *b = ws->config->loop->backend;
        b->ops->random(b, spare.random, sizeof spare.random);
        spare.random_left = sizeof spare.random;
    }
    spare.random_left -= 4;
    memcpy(mask, spare.random + spare.random_left, 4);
}

int weir__ws_queue(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    bool masked = ws->role == WEIR__WS_CLIENT;
    uint8_t mask[4];
    if (queue_reserve(ws, WEIR__WS_HEAD_MAX + len) < 0)
        return weir__fail(-ENOMEM, "ws send", weir_ws_peer(ws));
    if (masked)
        mask_make(ws, mask);
    uint8_t *at = ws->queue->bytes + ws->queue->len;
    size_t head = weir__ws_head_write(at, first_byte, len, masked ? mask : NULL);
    if (masked)
        weir__ws_mask(at + head, data, len, mask, 0);
    else if (len > 0)
        memcpy(at + head, data, len);
    ws->queue->len += (uint32_t)(head + len);
    if (!ws->writing)
        weir__loop_flush_later(ws->config->loop, &ws->flush);
    return 0;
}

int weir__ws_queue_close(struct weir_ws *ws, int code, const char *reason) {
    uint8_t payload[WEIR__WS_CONTROL_MAX];
    size_t len = weir__ws_close_write(payload, (unsigned)code, reason, strlen(reason));
    int rc = weir__ws_queue(ws, WEIR__WS_CLOSE | WEIR__WS_FIN, payload, len);
    if (rc < 0)
        return rc;
    ws->state = WS_CLOSING;
    weir__ws_wake(ws); /* nobody sends any more */
    return 0;
}

int weir__ws_queue_pong(struct weir_ws *ws, const void *data, size_t len) {
    if (ws_queued(ws) <= WS_PONG_QUEUED_MAX && ws->pong == NULL)
        return weir__ws_queue(ws, WEIR__WS_PONG | WEIR__WS_FIN, data, len);
    if (ws->pong == NULL && (ws->pong = weir__alloc(sizeof *ws->pong)) == NULL)
        return -ENOMEM;
    ws->pong->len = (uint8_t)len;
    if (len > 0)
        memcpy(ws->pong->payload, data, len);
    return 0;
}

/* What was queued has left: now the pong that waited. */
static void queue_late_pong(struct weir_ws *ws) {
    struct ws_pong *pong = ws->pong;
    if (__builtin_expect(pong == NULL, 1) || ws->state != WS_OPEN)
        return;
    if (weir__ws_queue(ws, WEIR__WS_PONG | WEIR__WS_FIN, pong->payload, pong->len) < 0)
        return; /* after the next write */
    ws->pong = NULL;
    weir__free(pong);
}

/* ---- the writer ---- */

/* Whoever writes, on its own stack. */
struct ws_writer {
    struct weir_ws *ws;
    bool is_shielded;
    struct weir_scope shield;
};

static void writer_begin(struct ws_writer *w, struct weir_ws *ws) {
    w->ws = ws;
    w->is_shielded = false;
    ws->writing = true;
    ws->inside++;
}

static void writer_end(struct ws_writer *w, int rc) {
    if (w->is_shielded)
        weir_scope_leave(&w->shield, rc);
    w->ws->writing = false;
    weir__ws_leave(w->ws);
}

/* A cancel of whatever the writer is part of is no cancel of the writer: what was queued before it
 * leaves all the same, from the very byte where it stood, for close_ns at most. What ends a writer
 * is said by unsent, or by the stream, which is gone. */
static bool goes_on(struct ws_writer *w, int rc) {
    struct weir_ws *ws = w->ws;
    bool was_cancelled = rc == -ECANCELED || rc == -ETIME;
    if (!was_cancelled || w->is_shielded || ws->stream == NULL || ws->unsent != 0)
        return false;
    ws->stream->torn = false; /* we know where it was cut */
    weir_shield_enter(&w->shield, ws->config->o.close_ns);
    w->is_shielded = true;
    return true;
}

/* An error of the peer's is the reader's to meet too, behind what the peer sent before it, perhaps
 * its close frame. One of our own (a cancel, no memory) the reader would wait for in vain. */
static void send_failed(struct weir_ws *ws, int rc) {
    ws->unsent = ws->unsent ? ws->unsent : (int16_t)rc;
    if (rc == -ECANCELED || rc == -ETIME || rc == -ENOMEM || rc == -EAGAIN)
        weir__ws_cut(ws, rc);
    weir__ws_wake(ws);
}

static int write_slices(struct ws_writer *w, const struct ws_queue *q) {
    struct weir_ws *ws = w->ws;
    for (size_t at = 0; at < q->len;) {
        size_t n = q->len - at < WS_SLICE ? q->len - at : WS_SLICE;
        ws->moved = true;
        int rc = weir_write(ws->stream, q->bytes + at, n);
        if (rc < 0) {
            const struct weir_error *e = weir_error(rc);
            n = e ? e->done : 0;
        }
        at += n;
        ws->writing_len -= (uint32_t)n;
        if (rc < 0 && !goes_on(w, rc))
            return rc;
    }
    return 0;
}

static int write_queue(struct ws_writer *w) {
    struct weir_ws *ws = w->ws;
    struct ws_queue *taken = ws->queue;
    ws->queue = NULL;
    ws->writing_len = taken->len;
    int rc = write_slices(w, taken);
    ws->writing_len = 0;
    if (rc == 0) {
        queue_give_back(taken);
        queue_late_pong(ws);
    } else {
        weir__free(taken);
        send_failed(ws, rc);
    }
    weir__ws_wake(ws);
    return rc;
}

static int write_end(struct ws_writer *w) {
    int rc = weir_shutdown(w->ws->stream);
    return rc < 0 && goes_on(w, rc) ? weir_shutdown(w->ws->stream) : rc;
}

/* The rest of a frame that a cancel cut short goes before what is queued: the frame stays whole,
 * and the stream, whose writer we are, is not torn. */
static int keep_rest(struct weir_ws *ws, struct iovec *vec, size_t done) {
    size_t all = vec[0].iov_len + vec[1].iov_len - done;
    struct ws_queue *newer = ws->queue;
    ws->queue = NULL;
    if (queue_reserve(ws, all + (newer ? newer->len : 0)) < 0) {
        ws->queue = newer;
        return -ENOMEM;
    }
    for (int i = 0; i < 2; i++) {
        size_t skip = done < vec[i].iov_len ? done : vec[i].iov_len, n = vec[i].iov_len - skip;
        memcpy(ws->queue->bytes + ws->queue->len, (uint8_t *)vec[i].iov_base + skip, n);
        ws->queue->len += (uint32_t)n;
        done -= skip;
    }
    if (newer != NULL) {
        memcpy(ws->queue->bytes + ws->queue->len, newer->bytes, newer->len);
        ws->queue->len += newer->len;
        weir__free(newer);
    }
    ws->stream->torn = false;
    return 0;
}

static int direct_ended(struct weir_ws *ws, struct iovec *vec, int rc) {
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    size_t done = e ? e->done : 0;
    bool cut = (rc == -ECANCELED || rc == -ETIME) && ws->stream != NULL;
    if (cut && done > 0)
        rc = keep_rest(ws, vec, done);
    if (rc < 0 && !(cut && done == 0))
        send_failed(ws, rc);
    return rc;
}

int weir__ws_send_direct(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    uint8_t head[WEIR__WS_HEAD_MAX];
    size_t head_len = weir__ws_head_write(head, first_byte, len, NULL);
    struct iovec vec[2] = {{head, head_len}, {(void *)(uintptr_t)data, len}};
    struct iovec used[2] = {vec[0], vec[1]};
    WEIR_CHECK(!ws->writing && ws->queue == NULL && ws->role == WEIR__WS_SERVER);
    ws->writing = ws->moved = true;
    ws->writing_len = (uint32_t)(head_len + len);
    int rc = weir__stream_writev(ws->stream, used, 2);
    ws->writing = false;
    ws->writing_len = 0;
    if (rc < 0)
        rc = direct_ended(ws, vec, rc);
    else
        queue_late_pong(ws);
    if (ws->queue != NULL)
        weir__loop_flush_later(ws->config->loop, &ws->flush);
    weir__ws_wake(ws);
    return rc;
}

int weir__ws_write_out(struct weir_ws *ws) {
    struct ws_writer w;
    int rc = 0;
    if (ws->writing)
        return 0; /* the other one takes what came meanwhile */
    writer_begin(&w, ws);
    while (rc == 0 && ws->queue != NULL && ws->stream != NULL)
        rc = write_queue(&w);
    if (rc == 0 && ws->finish && ws->stream != NULL)
        rc = write_end(&w);
    writer_end(&w, rc);
    return rc;
}

static int writer(void *args) {
    struct weir_ws *ws = *(struct weir_ws **)args;
    (void)weir__ws_write_out(ws); /* an error stays in ws->unsent: who sends next gets it */
    weir__ws_leave(ws);
    return 0;
}

void weir__ws_flush_hook(struct weir__flush *f) {
    static const struct weir_site site = {"ws writer", __FILE__, "weir_ws_send", __LINE__};
    struct weir_ws *ws = WEIR_CONTAINER(f, struct weir_ws, flush);
    if (ws->in_user) {
        weir__ws_conn_suspended(ws);
        weir__list_remove(&f->link); /* a pong was queued: it leaves now */
    }
    if (ws->writing || ws->queue == NULL || ws->stream == NULL || ws->unsent != 0)
        return;
    ws->inside++; /* the writer's */
    struct weir_group *g = ws->conn ? weir_conn_group(ws->conn) : NULL;
    int rc = weir_spawn(g, &site, writer, &ws, sizeof ws, NULL, NULL);
    if (rc < 0) {
        send_failed(ws, rc);
        weir__ws_leave(ws);
    }
}
