/* SPDX-License-Identifier: MIT */
/* ws_writer.c - one writer at a time takes the whole queue and writes it, so what one turn queued
 * leaves together. The writer is a task of the run's own group (of the connection's group in a
 * reactive server), so a cancel of a sender does not reach it. If its own group is cancelled, the
 * writer goes on until the queue is written, for at most close_ns. So a cancel never cuts a frame
 * in two. On a served connection a sender writes a large message itself, past the queue. */
#include "proto/ws_writer.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/time.h"
#include "proto/ws_conn.h"
#include "proto/ws_out.h"
#include "proto/ws_spare.h"
#include "proto/ws_wait.h"
#include "stream/stream.h"

/* On the stack of the task that writes. */
struct ws_writer {
    struct weir__list link; /* in config->writers */
    struct weir_ws *ws;
    struct weir_task *task;
    weir_ns moved; /* the last turn in which bytes are known to have left */
    int64_t unacked; /* bytes that had not reached the peer when the clock looked; -1: not yet */
    bool is_shielded;
    struct weir_scope shield;
};

/* ---- the clock ---- */

/* A write is at rest while our kernel takes no byte of it and the peer's kernel acknowledges none.
 * Both are looked at, since our kernel makes room only in large steps when the peer reads slowly.
 * How far an op has come is known only when it is done. So the clock cancels it a few times in
 * pong_ns, and the writer goes on from the byte where it stood. All connections of a config share
 * one timer, armed while one of them writes: a write that does not rest costs a list entry. */
static weir_ns clock_step(const struct ws_config *c) {
    weir_ns step = c->o.pong_ns / WS_CLOCK_PARTS;
    return step > WS_CLOCK_MIN_NS ? step : WS_CLOCK_MIN_NS;
}

static void clock_arm(struct ws_config *c);

static void clock_looks(struct weir__timer *clock) {
    struct ws_config *c = WEIR_CONTAINER(clock, struct ws_config, clock);
    weir_ns now = weir__loop_now(c->loop), step = clock_step(c);
    for (struct weir__list *at = c->writers.next; at != &c->writers; at = at->next) {
        struct ws_writer *w = WEIR_CONTAINER(at, struct ws_writer, link);
        if (now - w->moved >= step)
            weir__wait_cut(w->task);
    }
    if (!weir__list_empty(&c->writers))
        clock_arm(c);
}

static void clock_arm(struct ws_config *c) {
    c->clock.fire = clock_looks;
    weir__timer_arm(c->loop->timers, &c->clock,
                    weir__deadline(weir__loop_now(c->loop), clock_step(c)));
}

static void writer_begin(struct ws_writer *w, struct weir_ws *ws) {
    struct ws_config *c = ws->config;
    w->ws = ws;
    w->task = weir_task_current();
    w->moved = c->loop->turn_ns;
    w->unacked = -1;
    w->is_shielded = false;
    weir__list_add_tail(&c->writers, &w->link);
    if (!weir__timer_armed(&c->clock))
        clock_arm(c);
    ws->writing = true;
    ws->inside++;
}

static void writer_end(struct ws_writer *w, int rc) {
    if (w->is_shielded)
        weir_scope_leave(&w->shield, rc);
    weir__list_remove(&w->link);
    w->ws->writing = false;
    weir__ws_leave(w->ws);
}

/* ---- when a write has returned ---- */

/* The clock has cut a write short. Returns 0 if something has moved within pong_ns. */
static int rests(struct ws_writer *w) {
    const struct ws_config *c = w->ws->config;
    int64_t unacked = weir__stream_unacked(w->ws->stream);
    if (w->unacked >= 0 && unacked < w->unacked)
        w->moved = c->loop->turn_ns;
    w->unacked = unacked;
    if (c->loop->turn_ns - w->moved < c->o.pong_ns)
        return 0;
    return weir__failf(WEIR_EKEEPALIVE, "ws send", weir_ws_peer(w->ws),
                       "the peer has taken nothing for %lld ms",
                       (long long)(c->o.pong_ns / 1000000));
}

/* A write returned rc, after done bytes. Returns 0 if the writer goes on with the next write. It
 * does so if the clock has cut this one short, or a cancel of the group that the writer belongs to:
 * what was queued before the cancel is still sent, for at most close_ns. The writer stops when
 * unsent is set or the stream is gone. */
static int write_goes_on(struct ws_writer *w, int rc, size_t done) {
    struct weir_ws *ws = w->ws;
    if (done > 0)
        w->moved = ws->config->loop->turn_ns;
    if (rc == 0)
        return 0;
    bool was_cut = rc == -ECANCELED || rc == -ETIME, is_cancelled = weir_cancelled() != 0;
    if (!was_cut || ws->stream == NULL || ws->unsent != 0 || (is_cancelled && w->is_shielded))
        return rc == WEIR_ECLOSED && ws->failed != 0 ? ws->failed : rc;
    ws->stream->torn = false; /* we know where it was cut */
    if (!is_cancelled)
        return rests(w);
    weir_shield_enter(&w->shield, ws->config->o.close_ns);
    w->is_shielded = true;
    return 0;
}

/* How many of len bytes were written by a call that returned rc. */
static size_t done_of(int rc, size_t len) {
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    return rc == 0 ? len : e ? e->done : 0;
}

/* If the peer caused the error, a reader meets it too, after it has read what the peer sent before,
 * perhaps a close frame. An error of our own (a cancel, no memory) a reader would not meet: it
 * would wait for ever, so the connection is cut. */
static void send_failed(struct weir_ws *ws, int rc) {
    ws->unsent = ws->unsent ? ws->unsent : WEIR_SMALL_CODE(rc);
    if (rc == -ECANCELED || rc == -ETIME || rc == -ENOMEM || rc == -EAGAIN ||
        rc == WEIR_EKEEPALIVE)
        weir__ws_cut(ws, rc);
    weir__ws_wake(ws);
}

static int write_slices(struct ws_writer *w, const struct ws_queue *q) {
    struct weir_ws *ws = w->ws;
    int rc = 0;
    for (size_t at = 0; at < q->len && rc == 0;) {
        size_t n = q->len - at < WS_SLICE ? q->len - at : WS_SLICE;
        rc = weir_write(ws->stream, q->bytes + at, n);
        n = done_of(rc, n);
        at += n;
        ws->writing_len -= (uint32_t)n;
        rc = write_goes_on(w, rc, n);
        if (n > 0 && at < q->len)
            weir__ws_wake(ws); /* there is room */
    }
    return rc;
}

static int write_queue(struct ws_writer *w) {
    struct weir_ws *ws = w->ws;
    struct ws_queue *taken = ws->queue;
    ws->queue = NULL;
    ws->writing_len = taken->len;
    int rc = write_slices(w, taken);
    ws->writing_len = 0;
    if (rc == 0) {
        weir__ws_spare_give(taken);
        weir__ws_queue_late_pong(ws);
    } else {
        weir__free(taken);
        send_failed(ws, rc);
    }
    weir__ws_wake(ws);
    return rc;
}

static int write_end(struct ws_writer *w) {
    int rc = weir_shutdown(w->ws->stream);
    if (rc < 0 && (rc = write_goes_on(w, rc, 0)) == 0)
        rc = weir_shutdown(w->ws->stream);
    return rc;
}

/* ---- past the queue ---- */

/* A cancel cut a direct send short. The rest of its frame goes before what is queued, so that the
 * peer gets the whole frame, and the stream is not torn. */
static int keep_rest(struct weir_ws *ws, struct iovec *vec, size_t done) {
    size_t all = vec[0].iov_len + vec[1].iov_len - done;
    struct ws_queue *newer = ws->queue;
    ws->queue = NULL;
    if (weir__ws_queue_reserve(ws, all + (newer ? newer->len : 0)) < 0) {
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

/* Not shielded: the sender may be cancelled, and then direct_ended queues the rest. */
static int direct_write(struct ws_writer *w, const struct iovec *vec, size_t *ret_done) {
    size_t all = vec[0].iov_len + vec[1].iov_len, done = 0;
    int rc = 0;
    while (done < all && rc == 0) {
        size_t skip = done < vec[0].iov_len ? done : vec[0].iov_len, behind = done - skip;
        struct iovec rest[2] = {{(uint8_t *)vec[0].iov_base + skip, vec[0].iov_len - skip},
                                {(uint8_t *)vec[1].iov_base + behind, vec[1].iov_len - behind}};
        bool head_is_out = skip == vec[0].iov_len;
        rc = weir__stream_writev(w->ws->stream, rest + head_is_out, 2 - (size_t)head_is_out);
        size_t n = done_of(rc, all - done);
        done += n;
        if (rc < 0 && weir_cancelled() != 0)
            break;
        rc = write_goes_on(w, rc, n);
    }
    *ret_done = done;
    return rc;
}

static int direct_ended(struct weir_ws *ws, struct iovec *vec, int rc, size_t done) {
    bool cut = (rc == -ECANCELED || rc == -ETIME) && ws->stream != NULL;
    if (cut && done > 0)
        rc = keep_rest(ws, vec, done);
    if (rc < 0 && !(cut && done == 0))
        send_failed(ws, rc);
    return rc;
}

int weir__ws_send_direct(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    uint8_t head[WEIR__WS_HEAD_MAX];
    size_t head_len = weir__ws_head_write(head, first_byte, len, NULL), done;
    struct iovec vec[2] = {{head, head_len}, {(void *)(uintptr_t)data, len}};
    struct ws_writer w;
    WEIR_CHECK(!ws->writing && ws->queue == NULL && !ws_is_client(ws));
    writer_begin(&w, ws);
    ws->writing_len = (uint32_t)(head_len + len);
    int rc = direct_write(&w, vec, &done);
    ws->writing_len = 0;
    writer_end(&w, rc);
    if (rc < 0)
        rc = direct_ended(ws, vec, rc, done);
    else
        weir__ws_queue_late_pong(ws);
    if (ws->queue != NULL)
        weir__loop_flush_later(ws->config->loop, &ws->flush);
    weir__ws_wake(ws);
    return rc;
}

/* ---- the task ---- */

int weir__ws_write_out(struct weir_ws *ws) {
    struct ws_writer w;
    int rc = 0;
    if (ws->writing)
        return 0; /* that one takes what was queued meanwhile, too */
    writer_begin(&w, ws);
    while (rc == 0 && ws->queue != NULL && ws->stream != NULL)
        rc = write_queue(&w);
    if (rc == 0 && ws->finish != WS_GOES_ON && ws->stream != NULL)
        rc = write_end(&w);
    writer_end(&w, rc);
    return rc;
}

static int writer(void *args) {
    struct weir_ws *ws = *(struct weir_ws **)args;
    (void)weir__ws_write_out(ws); /* an error stays in ws->unsent: the next send returns it */
    weir__ws_leave(ws);
    return 0;
}

void weir__ws_writer_start(struct weir_ws *ws, struct weir_group *g) {
    static const struct weir_site site = {"ws writer", __FILE__, "weir_ws_send", __LINE__};
    if (ws->writing || ws->queue == NULL || ws->stream == NULL || ws->unsent != 0)
        return;
    ws->inside++; /* the new task leaves */
    int rc = weir_spawn(g, &site, writer, &ws, sizeof ws, NULL, NULL);
    if (rc < 0) {
        send_failed(ws, rc);
        weir__ws_leave(ws);
    }
}
