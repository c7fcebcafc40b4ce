/* SPDX-License-Identifier: MIT */
/* ws_writer.c - one writer at a time takes the whole queue and writes it, so what one turn queued
 * leaves together. It is a task of the run's own group (of the connection's, in a reactive
 * server), which no cancel of a sender reaches; and a cancel of these does not end it before the
 * queue has left, or close_ns is over: a frame is never torn by one, and none that was queued is
 * lost. A large message of a served connection is written past the queue by its sender. */
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/ws_conn.h"
#include "stream/stream.h"

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
        weir__ws_queue_give_back(taken);
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
    return rc < 0 && goes_on(w, rc) ? weir_shutdown(w->ws->stream) : rc;
}

/* The rest of a frame that a cancel cut short goes before what is queued: the frame stays whole,
 * and the stream, whose writer we are, is not torn. */
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
        weir__ws_queue_late_pong(ws);
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
