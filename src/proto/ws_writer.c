/* SPDX-License-Identifier: MIT */
/* ws_writer.c - a connection's write line (stream/out.h): when it begins to write, and what follows
 * each write. On a served connection a sender writes a large message itself, past what is queued:
 * from its caller's bytes. */
#include "proto/ws_writer.h"

#include "base/check.h"
#include "proto/ws_conn.h"
#include "proto/ws_out.h"
#include "proto/ws_wait.h"
#include "stream/stream.h"

/* ---- after a write ---- */

/* If the peer caused the error, a reader meets it too, after it has read what the peer sent before,
 * perhaps a close frame. An error of our own (a cancel, no memory) a reader would not meet: it
 * would wait for ever, so the connection is cut. */
static void send_failed(struct weir_ws *ws, int rc) {
    if (ws->out.failed == 0)
        ws->out.failed = WEIR_SMALL_CODE(rc);
    if (rc == -ECANCELED || rc == -ETIME || rc == -ENOMEM || rc == -EAGAIN ||
        rc == WEIR_EKEEPALIVE)
        weir__ws_cut(ws, rc);
    else if (ws->config->driver->unsent != NULL)
        ws->config->driver->unsent(ws);
    weir__ws_wake(ws);
}

/* All was written: close our side of the stream, if it finishes. */
static int end_side(struct weir_ws *ws) {
    if (ws->finish == WS_GOES_ON || ws->stream == NULL || ws->out.tail != NULL)
        return 0;
    return weir__stream_shut(ws->stream);
}

/* The stream was closed because the connection had failed: that is the reason. */
static int reason_of(struct weir_ws *ws, int rc) {
    return rc == WEIR_ECLOSED && ws->failed != 0 ? ws->failed : rc;
}

void weir__ws_moved(struct weir__out *o, int rc) {
    struct weir_ws *ws = WEIR_CONTAINER(o, struct weir_ws, out);
    bool over = !weir__out_writes(o);
    if (__builtin_expect(rc < 0, 0)) {
        send_failed(ws, reason_of(ws, rc));
    } else if (over) {
        weir__ws_queue_late_pong(ws);
        if (__builtin_expect(ws->finish != WS_GOES_ON, 0))
            (void)end_side(ws); /* weir__ws_write_out returns what it meets */
    }
    weir__ws_wake(ws);
    if (over && ws->flying) {
        ws->flying = false;
        weir__ws_leave(ws);
    }
}

/* ---- writing ---- */

void weir__ws_go(struct weir_ws *ws) {
    if (ws->stream == NULL)
        return;
    weir__out_go(&ws->out, ws->stream, &ws->config->line);
    if (weir__out_writes(&ws->out) && !ws->flying && !ws->held) {
        ws->flying = true;
        ws->inside++; /* weir__ws_moved leaves */
    }
}

static bool is_written(const struct weir_ws *ws, size_t left) {
    return !weir__out_writes(&ws->out) || ws->out.failed != 0 ||
           (left > 0 && ws->out.queued <= left);
}

static int await_written(struct weir_ws *ws, size_t left) {
    struct ws_waiter w;
    int rc = 0;
    weir__ws_wait_begin(ws, &w, WS_CLOSES);
    while (rc == 0 && !is_written(ws, left))
        rc = weir__ws_wait(ws, &w, &weir__ws_flushes);
    weir__ws_wait_end(ws, &w);
    return rc;
}

/* Wait until at most left bytes are to be written; 0: and the last write is over. If the waiter is
 * cancelled, what was queued before is still sent, for at most close_ns, and not beyond until: then
 * the line is ended. */
static __attribute__((noinline)) int written(struct weir_ws *ws, size_t left, weir_ns until) {
    struct weir_scope shield;
    int rc = await_written(ws, left);
    weir_ns more = until - weir__loop_now(ws->config->loop);
    if (rc < 0 && more > 0) {
        weir_ns close_ns = ws->config->o.close_ns;
        weir_shield_enter(&shield, more < close_ns ? more : close_ns);
        rc = await_written(ws, left);
        rc = weir_scope_leave(&shield, rc);
    }
    if (rc < 0)
        weir__out_stop(&ws->out, rc);
    return ws->out.failed ? ws->out.failed : rc;
}

int weir__ws_push(struct weir_ws *ws) {
    weir__ws_go(ws);
    return is_written(ws, WS_PUSH_MAX) ? ws->out.failed : written(ws, WS_PUSH_MAX, WEIR_NEVER);
}

int weir__ws_write_out(struct weir_ws *ws, weir_ns until) {
    weir__ws_go(ws);
    int rc = is_written(ws, 0) ? ws->out.failed : written(ws, 0, until);
    return rc < 0 ? rc : end_side(ws);
}

/* ---- past the queue ---- */

/* A cancel cut a direct send short. The rest of its frame goes before what is queued, so that the
 * peer gets the whole frame, and the stream is not torn. */
static int keep_rest(struct weir_ws *ws, struct iovec *vec, size_t done) {
    size_t skip = done < vec[0].iov_len ? done : vec[0].iov_len, behind = done - skip;
    struct iovec rest[2] = {{(uint8_t *)vec[0].iov_base + skip, vec[0].iov_len - skip},
                            {(uint8_t *)vec[1].iov_base + behind, vec[1].iov_len - behind}};
    if (weir__out_push_front(&ws->out, rest, 2) < 0)
        return -ENOMEM;
    ws->stream->torn = false;
    return 0;
}

/* How many of len bytes were written by a call that returned rc. */
static size_t done_of(int rc, size_t len) {
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    return rc == 0 ? len : e ? e->done : 0;
}

/* A write of the task's own returned rc, after done bytes. Returns 0 if it goes on with the next:
 * the clock has cut this one short, and the peer takes what comes. */
static int direct_goes_on(struct weir_ws *ws, int rc, size_t done) {
    weir__out_held_moved(&ws->out, done);
    if (rc == 0)
        return 0;
    bool was_cut = rc == -ECANCELED || rc == -ETIME;
    if (!was_cut || ws->stream == NULL || ws->out.failed != 0)
        return reason_of(ws, rc);
    ws->stream->torn = false; /* we know where it was cut */
    return weir__out_held_moves(&ws->out);
}

/* Not shielded: the sender may be cancelled, and then direct_ended queues the rest. */
static int direct_write(struct weir_ws *ws, const struct iovec *vec, size_t *ret_done) {
    size_t all = vec[0].iov_len + vec[1].iov_len, done = 0;
    int rc = 0;
    while (done < all && rc == 0) {
        size_t skip = done < vec[0].iov_len ? done : vec[0].iov_len, behind = done - skip;
        struct iovec rest[2] = {{(uint8_t *)vec[0].iov_base + skip, vec[0].iov_len - skip},
                                {(uint8_t *)vec[1].iov_base + behind, vec[1].iov_len - behind}};
        bool head_is_out = skip == vec[0].iov_len;
        rc = weir__stream_writev(ws->stream, rest + head_is_out, 2 - (size_t)head_is_out);
        size_t n = done_of(rc, all - done);
        done += n;
        if (rc < 0 && weir_cancelled() != 0)
            break;
        rc = direct_goes_on(ws, rc, n);
    }
    *ret_done = done;
    return rc;
}

static int direct_ended(struct weir_ws *ws, struct iovec *vec, int rc, size_t done) {
    bool cut = (rc == -ECANCELED || rc == -ETIME) && ws->stream != NULL;
    if (cut && done == 0) {
        weir__ws_queue_late_pong(ws); /* no write follows that would end with it */
        return rc;
    }
    if (cut)
        rc = keep_rest(ws, vec, done);
    if (rc < 0)
        send_failed(ws, rc);
    return rc;
}

int weir__ws_send_direct(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    uint8_t head[WEIR__WS_HEAD_MAX];
    size_t head_len = weir__ws_head_write(head, first_byte, len, NULL), done;
    struct iovec vec[2] = {{head, head_len}, {(void *)(uintptr_t)data, len}};
    uint32_t all = (uint32_t)(head_len + len);
    WEIR_CHECK(!ws_is_client(ws));
    if (weir__out_hold(&ws->out, ws->stream, &ws->config->line) < 0)
        return weir__fail(-ENOMEM, "ws send", weir_ws_peer(ws));
    ws->held = true;
    ws->inside++;
    ws->out.queued += all;
    int rc = direct_write(ws, vec, &done);
    ws->out.queued -= all;
    weir__out_let_go(&ws->out);
    ws->held = false;
    weir__ws_leave(ws);
    if (rc < 0)
        rc = direct_ended(ws, vec, rc, done);
    else
        weir__ws_queue_late_pong(ws);
    if (ws->out.tail != NULL)
        weir__loop_flush_later(ws->config->loop, &ws->flush);
    weir__ws_wake(ws);
    return rc;
}
