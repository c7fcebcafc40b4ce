/* SPDX-License-Identifier: MIT */
/* ws_out.c - frames out: the line of those who wait to send, and the queue, which a frame enters
 * whole or not at all. What takes them from there is ws_writer.c. */
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_conn.h"

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

/* A ring of which the connection knows the last: each of these costs the same however many wait. */
static void ring_add(struct ws_waiter **last, struct ws_waiter *w, bool first) {
    struct ws_waiter *end = *last;
    w->next = end ? end->next : w;
    w->prev = end ? end : w;
    w->next->prev = w->prev->next = w;
    *last = end == NULL || !first ? w : end;
}

/* Harmless if it is in none. */
static void ring_remove(struct ws_waiter **last, struct ws_waiter *w) {
    if (w->next == NULL)
        return;
    if (*last == w)
        *last = w->prev != w ? w->prev : NULL;
    w->prev->next = w->next;
    w->next->prev = w->prev;
    w->next = w->prev = NULL;
}

static struct ws_waiter **ring_of(struct weir_ws *ws, const struct ws_waiter *w) {
    return w->why == WS_SENDS ? &ws->senders : &ws->others;
}

/* A cancel: its place is free at once. */
static int waiter_abort(struct weir__park *p) {
    struct ws_waiter *w = WEIR_CONTAINER(p, struct ws_waiter, park);
    w->parked = false;
    ring_remove(ring_of(w->ws, w), w);
    return WEIR__DONE;
}

/* Senders: in the order they came, before them who is in the middle of a message, for whose end
 * they wait. Others: those who flush last, for wake stops at them. */
static void join(struct ws_waiter *w) {
    struct weir_ws *ws = w->ws;
    bool first = w->why == WS_SENDS ? ws_is_parting(ws) : w->why != WS_FLUSHES;
    ring_add(ring_of(ws, w), w, first);
}

void weir__ws_wait_begin(struct weir_ws *ws, struct ws_waiter *w, enum ws_why why) {
    *w = (struct ws_waiter){.park = {.abort = waiter_abort, .on = ws}, .ws = ws,
                            .why = (uint8_t)why};
    if (why == WS_LEAVES_LAST)
        w->park.abort = NULL;
    join(w);
}

int64_t weir__ws_wait_park(struct ws_waiter *w, const char *what) {
    if (w->next == NULL)
        join(w); /* woken before, in vain */
    w->parked = true;
    w->park.what = what;
    return weir__park(&w->park);
}

int weir__ws_wait(struct weir_ws *ws, struct ws_waiter *w, const char *what) {
    int rc = weir_cancelled(); /* fired while this call went round */
    if (rc == 0)
        rc = (int)weir__ws_wait_park(w, what);
    return rc < 0 ? weir__fail(rc, what, weir_ws_peer(ws)) : 0;
}

static void wake_one(struct ws_waiter *w) {
    if (!w->parked)
        return; /* it was woken, and has not run yet */
    w->parked = false;
    weir__unpark(&w->park, 0);
}

static void wake_all(struct ws_waiter **last) {
    while (*last != NULL) {
        struct ws_waiter *first = (*last)->next;
        ring_remove(last, first);
        wake_one(first);
    }
}

/* Only the first in line is woken, who wakes the next when it leaves; once nobody can send any
 * more, all. */
static void wake_senders(struct weir_ws *ws) {
    bool is_open = ws->state == WS_OPEN && !ws->failed && !ws->unsent && !ws->dropped;
    if (!is_open)
        wake_all(&ws->senders);
    else if (ws->senders != NULL)
        wake_one(ws->senders->next);
}

/* Those who wait for any change are few, and before those who flush. */
static void wake_others(struct weir_ws *ws) {
    if (ws_is_flushed(ws)) {
        wake_all(&ws->others);
        return;
    }
    struct ws_waiter *w = ws->others ? ws->others->next : NULL;
    while (w != NULL && w->why != WS_FLUSHES) {
        wake_one(w);
        w = w != ws->others ? w->next : NULL;
    }
}

void weir__ws_wake(struct weir_ws *ws) {
    wake_senders(ws);
    wake_others(ws);
}

void weir__ws_wait_end(struct weir_ws *ws, struct ws_waiter *w) {
    ring_remove(ring_of(ws, w), w);
    if (w->why == WS_SENDS)
        wake_senders(ws); /* the next in line */
}

/* ---- the queue ---- */

int weir__ws_queue_reserve(struct weir_ws *ws, size_t more) {
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
void weir__ws_queue_give_back(struct ws_queue *q) {
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
    if (weir__ws_queue_reserve(ws, WEIR__WS_HEAD_MAX + len) < 0)
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
    size_t good = weir__utf8_prefix(reason, strlen(reason)); /* whoever the text is from */
    size_t len = weir__ws_close_write(payload, (unsigned)code, reason, good);
    int rc = weir__ws_queue(ws, WEIR__WS_CLOSE | WEIR__WS_FIN, payload, len);
    if (rc < 0)
        return rc;
    ws->state = WS_CLOSING;
    weir__ws_wake(ws); /* nobody sends any more */
    return 0;
}

struct ws_extra *weir__ws_extra(struct weir_ws *ws) {
    if (ws->extra == NULL && (ws->extra = weir__alloc_zero(sizeof *ws->extra)) != NULL)
        ws->extra->ws = ws;
    return ws->extra;
}

int weir__ws_queue_pong(struct weir_ws *ws, const void *data, size_t len) {
    bool waits = ws->extra != NULL && ws->extra->pong_waits;
    if (ws_queued(ws) <= WS_PONG_QUEUED_MAX && !waits)
        return weir__ws_queue(ws, WEIR__WS_PONG | WEIR__WS_FIN, data, len);
    struct ws_extra *x = weir__ws_extra(ws);
    if (x == NULL)
        return -ENOMEM;
    x->pong_waits = true;
    x->pong_len = (uint8_t)len;
    if (len > 0)
        memcpy(x->pong, data, len);
    return 0;
}

/* What was queued has left: now the pong that waited. */
void weir__ws_queue_late_pong(struct weir_ws *ws) {
    struct ws_extra *x = ws->extra;
    if (__builtin_expect(x == NULL, 1) || !x->pong_waits || ws->state != WS_OPEN)
        return;
    if (weir__ws_queue(ws, WEIR__WS_PONG | WEIR__WS_FIN, x->pong, x->pong_len) == 0)
        x->pong_waits = false; /* else after the next write */
}
