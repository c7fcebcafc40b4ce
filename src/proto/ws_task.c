/* SPDX-License-Identifier: MIT */
/* ws_task.c - a connection that tasks drive: dial, accept, receive, flush, close and drop. A server
 * without a task per connection is ws_react.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/time.h"
#include "proto/http_headers.h"
#include "proto/ws_admit.h"
#include "proto/ws_conn.h"
#include "proto/ws_dial.h"
#include "proto/ws_in.h"
#include "proto/ws_keep.h"
#include "proto/ws_out.h"
#include "proto/ws_room.h"
#include "proto/ws_send.h"
#include "proto/ws_shake.h"
#include "proto/ws_sub.h"
#include "proto/ws_wait.h"
#include "proto/ws_writer.h"
#include "proto/ws_zip.h"
#include "stream/stream.h"

/* ---- the driver ---- */

static void task_flush(struct weir__flush *f) {
    weir__ws_go(WEIR_CONTAINER(f, struct weir_ws, flush));
}

/* Closing the stream wakes the task that reads; the peer's address is kept. If no task reads, a
 * message may be lent from the stream, which then stays until the drop. */
static void task_cut(struct weir_ws *ws) {
    if (ws->reading == WS_RESTS || ws->stream == NULL)
        return;
    const char *peer = weir_ws_peer(ws);
    size_t size = strlen(peer) + 1;
    struct ws_extra *x = weir__ws_extra(ws);
    if (x != NULL && (x->peer = weir__alloc(size)) != NULL)
        memcpy(x->peer, peer, size);
    weir_close(&ws->stream);
}

static void task_left(struct weir_ws *ws) {
    weir__ws_fini(ws);
    weir__free(ws);
}

/* The peer has not answered our close frame in time. A task may be parked in receive, and would
 * wait for ever. */
static void close_overdue(struct weir__timer *t) {
    struct weir_ws *ws = WEIR_CONTAINER(t, struct weir_ws, timer);
    if (ws->state != WS_CLOSED)
        weir__ws_cut(ws, WEIR_EEOF);
}

static void closes_by(struct weir_ws *ws) {
    weir__ws_timer(ws, close_overdue, weir__loop_now(ws->config->loop), ws->config->o.close_ns);
}

static void task_abandoned(struct weir_ws *ws) {
    if (weir__ws_parts_close(ws) == 0)
        closes_by(ws);
}

static void task_sheds(struct weir_ws *ws, int code, const char *reason) {
    int rc = weir__ws_queue_close(ws, code, reason);
    if (rc < 0)
        weir__ws_cut(ws, rc);
    else
        closes_by(ws);
}

static const struct ws_driver task_driver = {
    .moved = weir__ws_moved, .flush = task_flush, .cut = task_cut, .left = task_left,
    .abandoned = task_abandoned, .sheds = task_sheds, .direct = true};

static bool is_reactive(const struct weir_ws *ws) {
    return ws->config->driver != &task_driver;
}

/* ---- open ---- */

static struct weir_ws *ws_new(struct weir_stream *s, const struct weir_ws_options *options,
                              enum weir__ws_role role) {
    struct weir_ws *ws = weir__alloc(sizeof *ws);
    struct ws_config *c = weir__ws_config_new(options, &task_driver);
    if (ws == NULL || c == NULL) {
        weir__free(ws);
        weir__free(c);
        return NULL;
    }
    weir__ws_init(ws, s, c, role);
    return ws;
}

static void ws_free(struct weir_ws *ws) {
    weir_close(&ws->stream);
    weir__ws_fini(ws);
    weir__free(ws);
}

/* The end of both openings. Who fired: the bound of the handshake, or a scope of the caller's? */
static int opened(struct weir_ws *ws, struct weir_scope *s, int rc, const char *what,
                  const char *on, struct weir_ws **ret_ws) {
    bool has_fired = weir_cancelled() != 0; /* or rc is of a scope in the user's function */
    rc = weir_scope_leave(s, rc);
    if (rc == -ETIME && has_fired && weir_cancelled() == 0) {
        if (!ws_is_client(ws))
            weir__ws_shake_late(ws);
        rc = weir__failf(rc, what, on ? on : weir_ws_peer(ws),
                         "the handshake took longer than %lld ms",
                         (long long)(ws->config->o.handshake_ns / 1000000));
    }
    if (rc != 0) {
        ws_free(ws);
        return rc;
    }
    weir__ws_keep_start(ws);
    *ret_ws = ws;
    return 0;
}

int weir_ws_dial(const char *url, const struct weir_ws_options *options,
                 struct weir_ws **ret_ws) {
    struct weir__uri u;
    struct weir_scope s;
    int rc = weir__suspend_enter("ws dial");
    if (rc < 0)
        return rc;
    if (url == NULL)
        WEIR_BUG("weir_ws_dial: the URL is NULL");
    if ((rc = weir__ws_url_check(url, &u)) < 0)
        return rc;
    struct weir_ws *ws = ws_new(NULL, options, WEIR__WS_CLIENT);
    if (ws == NULL)
        return weir__fail(-ENOMEM, "ws dial", url);
    rc = weir__http_headers_check("ws dial", ws->config->o.headers, HTTP_ASKS);
    if (rc < 0 || (rc = weir__ws_question_check(&ws->config->o)) < 0 ||
        (rc = weir__ws_zips_open(ws->config, "ws dial")) < 0) {
        ws_free(ws);
        return rc;
    }
    char on[72]; /* more than a record has room for. url may lie in it, where a dial writes */
    snprintf(on, sizeof on, "%.*s", (int)sizeof on - 1, url);
    weir_scope_enter(&s, ws->config->o.handshake_ns);
    return opened(ws, &s, weir__ws_dial(ws, url, &u), "ws dial", on, ret_ws);
}

/* r: the request, if an HTTP server has read it from the stream; else NULL. */
static int accept_on(struct weir_stream **take_stream, const struct weir_ws_options *options,
                     const struct weir_http_request *r, struct weir_ws **ret_ws) {
    struct weir_scope s;
    struct weir_ws *ws = ws_new(*take_stream, options, WEIR__WS_SERVER);
    if (ws == NULL) {
        weir_close(take_stream);
        return weir__fail(-ENOMEM, "ws accept", NULL);
    }
    *take_stream = NULL;
    int rc = weir__ws_lists_check("ws accept", &ws->config->o);
    if (rc < 0 || (rc = weir__ws_zips_open(ws->config, "ws accept")) < 0) {
        ws_free(ws);
        return rc;
    }
    weir_scope_enter(&s, ws->config->o.handshake_ns);
    rc = r != NULL ? weir__ws_shake_request(ws, r) : weir__ws_shake_server(ws);
    return opened(ws, &s, rc, "ws accept", NULL, ret_ws);
}

int weir_ws_accept(struct weir_stream **take_stream, const struct weir_ws_options *options,
                   struct weir_ws **ret_ws) {
    int rc = weir__suspend_enter("ws accept");
    if (rc >= 0)
        weir__not_null(take_stream ? *take_stream : NULL, "weir_ws_accept");
    if (rc < 0) {
        weir_close(take_stream);
        return rc;
    }
    rc = accept_on(take_stream, options, NULL, ret_ws);
    if (rc == 1)
        *ret_ws = NULL;
    return rc;
}

int weir__ws_accept_request(struct weir_stream **take_stream,
                            const struct weir_ws_options *options,
                            const struct weir_http_request *r, struct weir_ws **ret_ws) {
    return accept_on(take_stream, options, r, ret_ws);
}

/* ---- receive ---- */

static int stream_ended(struct weir_ws *ws, ssize_t n) {
    int rc = n < 0 ? (int)n : WEIR_EEOF;
    if (ws->state == WS_DROPPED || rc == -ECANCELED || rc == -ETIME || rc == -ENOMEM)
        return rc; /* the caller's trouble: the connection has not failed */
    weir__ws_broke(ws, rc);
    return n < 0 ? rc : weir__fail(rc, "ws receive", weir_ws_peer(ws));
}

/* The reason is the peer's: the record escapes it. */
static int fail_closed(struct weir_ws *ws) {
    const char *reason = weir_ws_close_reason(ws);
    return weir__failf(WEIR_EWSCLOSED, "ws receive", weir_ws_peer(ws),
                       "the WebSocket is closed: %d (%s)%s%s", ws->code,
                       weir_ws_code_text(ws->code), *reason ? " " : "", reason);
}

static int receive_next(struct weir_ws *ws, struct weir_ws_message *ret) {
    for (;;) {
        struct weir_view v;
        if (ws->failed != 0)
            return weir__fail(ws->failed, "ws receive", weir_ws_peer(ws));
        if (ws->state == WS_DROPPED)
            return weir__fail(WEIR_ECLOSED, "ws receive", NULL);
        bool in_parts = __builtin_expect(ws->extra != NULL, 0) && ws->extra->taken != NULL;
        int part = in_parts ? weir__ws_part_at_hand(ws) : 0;
        if (part != 0)
            return part > 0 ? 0 : part;
        if (__builtin_expect(ws->extra != NULL, 0) && !in_parts)
            weir__ws_part_skip(ws);
        weir__ws_message_drop(ws);
        if (ws->used > 0)
            weir_consume(ws->stream, ws->used);
        ws->used = 0;
        if (ws->state == WS_CLOSED)
            return weir__fail(WEIR_EWSCLOSED, "ws receive", weir_ws_peer(ws));
        ssize_t n = weir__stream_peek(ws->stream, 1, "ws receive", &v);
        if (ws->stream == NULL || ws->state == WS_DROPPED)
            continue; /* to return the reason, above */
        if (n <= 0)
            return stream_ended(ws, n);
        size_t used;
        ws_heard(ws);
        uint8_t *base = (uint8_t *)(uintptr_t)v.base;
        int rc = 1;
        if (in_parts || (used = weir__ws_feed_small(ws, base, v.len, ret)) == 0)
            rc = weir__ws_feed(ws, base, v.len, &used, ret);
        ws->used = (uint32_t)used;
        if (rc != 0)
            return rc > 0 ? 0 : rc == WEIR_EWSCLOSED ? fail_closed(ws) : rc;
    }
}

/* Take the most common message: a small one that lies whole behind the one before. No other task
 * runs meanwhile. Returns false if there is none, or others must run: receive_slowly checks
 * everything anew. */
static inline __attribute__((always_inline)) bool
receive_at_hand(struct weir_ws *ws, struct weir_ws_message *ret) {
    struct weir__loop *l = ws->config->loop;
    if (!ws_is_open(ws) || ws->reading != WS_RESTS || is_reactive(ws) || ws->gather != NULL ||
        weir__must_breathe(l) || weir__stream_at_hand(ws->stream) <= ws->used)
        return false;
    weir__stream_skip(ws->stream, ws->used);
    struct weir_view v = weir__stream_view(ws->stream);
    ws->used = (uint32_t)weir__ws_feed_small(ws, (uint8_t *)(uintptr_t)v.base, v.len, ret);
    if (__builtin_expect(ws->used == 0, 0))
        return false;
    ws_heard(ws);
    weir__breathe_in(l);
    return true;
}

static int refuse_second(struct weir_ws *ws) {
    return weir__failf(-EBUSY, "ws receive", weir_ws_peer(ws), "%s is receiving from it (EBUSY)",
                       is_reactive(ws) ? "its reactive server" : "another task");
}

/* Must the caller of weir__ws_receive let something leave? That is our close frame; or what was
 * queued, if the peer has closed only its own side, without a close frame: it still reads. */
static bool has_more_to_send(const struct weir_ws *ws, int rc) {
    bool still_sends = ws->failed != 0 && ws->out.failed == 0 && ws_queued(ws) > 0;
    return rc == WEIR_EWSCLOSED || (rc < 0 && (ws->finish != WS_GOES_ON || still_sends));
}

/* part: where a part goes, which is what is received then. NULL: a whole message. Who receives is
 * decided behind the breath, in which another task may have begun to. */
static __attribute__((noinline)) int receive_slowly(struct weir_ws *ws, struct weir_ws_part *part,
                                                    struct weir_ws_message *ret_message,
                                                    bool *ret_ends) {
    weir__breathe();
    bool was_over = ws->failed != 0 || ws->state == WS_CLOSED;
    *ret_ends = false;
    if (is_reactive(ws) || ws->reading != WS_RESTS)
        return refuse_second(ws);
    struct ws_extra *x = part != NULL ? weir__ws_extra(ws) : ws->extra;
    if (part != NULL && x == NULL)
        return weir__fail(-ENOMEM, "ws receive", weir_ws_peer(ws));
    if (__builtin_expect(x != NULL, 0) && part == NULL && x->takes_parts)
        return weir__failf(-EBUSY, "ws receive", weir_ws_peer(ws),
                           "a message is being received in parts (EBUSY)");
    ws->reading = WS_READS;
    if (part != NULL)
        x->taken = part;
    int rc = receive_next(ws, ret_message);
    if (part != NULL)
        x->taken = NULL;
    ws->reading = WS_RESTS;
    *ret_ends = !was_over && has_more_to_send(ws, rc);
    weir__ws_wake(ws);
    return rc;
}

int weir__ws_receive(struct weir_ws *ws, struct weir_ws_message *ret_message, bool *ret_ends) {
    int rc = ws_enter(ws, "ws receive");
    *ret_ends = false;
    if (rc < 0)
        return rc;
    if (!receive_at_hand(ws, ret_message))
        rc = receive_slowly(ws, NULL, ret_message, ret_ends);
    weir__ws_leave(ws);
    return rc;
}

/* Read and throw away until the peer closes its side: a close with bytes unread is a reset, which
 * overtakes what was sent. */
static void discard_rest(struct weir_ws *ws) {
    struct weir_view v;
    weir_consume(ws->stream, weir__stream_at_hand(ws->stream));
    for (size_t sum = 0; sum < WS_LINGER_MAX && ws->stream != NULL; sum += v.len) {
        if (weir_peek(ws->stream, 1, &v) <= 0)
            break;
        weir_consume(ws->stream, v.len);
    }
}

/* Let our close frame leave before the caller can drop the connection. After a failure, wait here
 * until the peer has closed, so that it gets the frame; after its own close frame the drop does. */
static void close_politely(struct weir_ws *ws, int why) {
    struct weir_scope s;
    weir_scope_enter(&s, ws->config->o.close_ns);
    int rc = weir__ws_flushed(ws, &weir__ws_receives);
    if (why != WEIR_EWSCLOSED && rc == 0 && ws->out.failed == 0 && ws->stream != NULL) {
        ws->used = 0;
        discard_rest(ws);
    }
    weir_scope_leave(&s, rc);
}

void weir__ws_receive_end(struct weir_ws *ws, int why) {
    struct weir_error kept = {0};
    const struct weir_error *e = weir_error(why);
    if (e != NULL)
        kept = *e;
    ws->inside++;
    ws->reading = WS_READS;
    if (ws->finish != WS_GOES_ON)
        close_politely(ws, why);
    else
        (void)weir__ws_flushed(ws, &weir__ws_receives); /* the writer's clock bounds it */
    ws->reading = WS_RESTS;
    weir__ws_wake(ws);
    weir__ws_leave(ws);
    if (kept.code == why)
        weir__error_restore(&kept);
}

static __attribute__((noinline)) int receive_to_the_end(struct weir_ws *ws,
                                                        struct weir_ws_message *ret_message) {
    bool ends;
    ws->inside++;
    int rc = receive_slowly(ws, NULL, ret_message, &ends);
    if (__builtin_expect(ends, 0))
        weir__ws_receive_end(ws, rc);
    weir__ws_leave(ws);
    return rc;
}

/* A message at hand lets no other task run, so this one is not counted inside. */
int weir_ws_receive(struct weir_ws *ws, struct weir_ws_message *ret_message) {
    int rc = ws_check(ws, "ws receive");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    return receive_at_hand(ws, ret_message) ? 0 : receive_to_the_end(ws, ret_message);
}

static int receive_part(struct weir_ws *ws, struct weir_ws_part *ret_part) {
    struct weir_ws_message m;
    struct weir_ws_part part = {0};
    bool ends;
    int rc = receive_slowly(ws, &part, &m, &ends);
    if (ends)
        weir__ws_receive_end(ws, rc);
    if (rc == 0)
        *ret_part = part;
    return rc;
}

int weir_ws_receive_part(struct weir_ws *ws, struct weir_ws_part *ret_part) {
    int rc = ws_enter(ws, "ws receive");
    if (rc < 0)
        return rc;
    rc = receive_part(ws, ret_part);
    weir__ws_leave(ws);
    return rc;
}

int weir_ws_flush(struct weir_ws *ws) {
    int rc = ws_enter(ws, "ws flush");
    if (rc < 0)
        return rc;
    rc = weir__ws_flushed(ws, &weir__ws_flushes);
    int bad = ws->out.failed ? ws->out.failed : ws->failed ? ws->failed : WEIR_ECLOSED;
    bool is_lost = ws->state == WS_DROPPED && ws_queued(ws) > 0;
    bool has_left = ws->stream != NULL && ws->out.failed == 0 && !is_lost;
    if (rc == 0 && !has_left)
        rc = weir__fail(bad, "ws flush", weir_ws_peer(ws));
    return ws_exit(ws, rc);
}

size_t weir_ws_queued(const struct weir_ws *ws) {
    weir__not_null(ws, "weir_ws_queued");
    return ws_queued(ws);
}

/* ---- close and drop ---- */

static int read_until_closed(struct weir_ws *ws) {
    struct weir_ws_message m;
    int rc = 0;
    ws->reading = WS_READS;
    while (rc == 0)
        rc = receive_next(ws, &m);
    ws->reading = WS_RESTS;
    weir__ws_wake(ws); /* another task in close may have to read on */
    return rc;
}

/* Wait for the peer's close frame. If another task receives, or closes too, that one reads it. */
static int close_within(struct weir_ws *ws) {
    struct ws_waiter w;
    int rc = 0;
    weir__ws_wait_begin(ws, &w, WS_CLOSES);
    while (rc == 0 && ws->state < WS_CLOSED && ws->failed == 0)
        rc = ws->reading == WS_RESTS ? read_until_closed(ws)
                                     : weir__ws_wait(ws, &w, &weir__ws_closes);
    weir__ws_wait_end(ws, &w);
    if (ws->state != WS_CLOSED)
        return rc;
    return weir__ws_flushed(ws, &weir__ws_closes);
}

static int close_bounded(struct weir_ws *ws) {
    struct weir_scope s;
    weir_scope_enter(&s, ws->config->o.close_ns);
    int rc = close_within(ws);
    rc = weir_scope_leave(&s, rc);
    if (rc < 0 && weir_cancelled() != 0) {
        if (ws->state == WS_CLOSING) /* others may wait for the peer's close frame */
            closes_by(ws);
        return rc;
    }
    if (ws->state == WS_DROPPED)
        return weir__fail(WEIR_ECLOSED, "ws close", NULL);
    if (ws->state == WS_CLOSED)
        return 0;
    bool is_late = rc == -ETIME;
    weir__ws_cut(ws, WEIR_EEOF); /* another task may receive, and would wait for ever */
    return weir__failf(WEIR_EEOF, "ws close", weir_ws_peer(ws), "%s",
                       is_late ? "the peer did not answer the close frame in time"
                               : "the connection broke before the peer's close frame");
}

int weir_ws_close(struct weir_ws *ws, int code, const char *reason) {
    int rc = ws_enter(ws, "ws close");
    if (rc < 0)
        return rc;
    rc = weir__ws_close_check("ws close", code, reason);
    if (rc == 0 && is_reactive(ws))
        rc = weir__failf(-EBUSY, "ws close", weir_ws_peer(ws),
                         "the server's: weir_ws_begin_close closes it");
    else if (rc == 0 && ws_is_open(ws))
        rc = weir__ws_queue_close(ws, code, reason ? reason : "");
    if (rc == 0)
        rc = close_bounded(ws);
    return ws_exit(ws, rc);
}

/* Wait until another writer has written the queue, which it does although the ws was dropped. */
static int wait_written(struct weir_ws *ws) {
    struct ws_waiter w;
    int rc = 0;
    weir__ws_wait_begin(ws, &w, WS_CLOSES);
    while (rc == 0 && ws_queued(ws) > 0 && ws->out.failed == 0 && ws->stream != NULL)
        rc = weir__ws_wait(ws, &w, &weir__ws_closes);
    weir__ws_wait_end(ws, &w);
    return rc;
}

/* The body of a task of the run's, for a ws that its user has dropped: write what was queued; if
 * closing now could be a reset, wait until the peer has closed its side; then close the stream. */
static int closer(void *args) {
    struct weir_ws *ws = *(struct weir_ws **)args;
    struct weir_scope s;
    weir_ns until = weir__deadline(weir__loop_now(ws->config->loop), ws->config->o.close_ns);
    weir_scope_enter(&s, ws->config->o.close_ns);
    int rc = weir__ws_write_out(ws, until);
    if (rc == 0 && (rc = wait_written(ws)) == 0)
        rc = weir__ws_write_out(ws, until); /* closes our side, if the other writer has not */
    if (ws->config->o.close_ns > WS_LINGER_NS)
        weir_scope_renew(&s, WS_LINGER_NS);
    if (rc == 0 && ws->finish == WS_LINGERS && ws->out.failed == 0)
        discard_rest(ws);
    weir_scope_leave(&s, rc);
    weir_close(&ws->stream);
    weir__ws_leave(ws);
    return 0;
}

/* Have bytes that we sent not yet reached the peer's kernel? Closing with bytes of the peer's
 * unread would lose them. */
static bool is_on_its_way(struct weir_ws *ws) {
    return ws_queued(ws) > 0 || (ws->failed == 0 && weir__stream_unacked(ws->stream) > 0);
}

/* Spawn the closer. Returns false if there is nothing to wait for, or it cannot be spawned. */
static bool closes_later(struct weir_ws *ws) {
    bool works = ws->stream != NULL && ws->out.failed == 0 && ws->reading == WS_RESTS &&
                 (ws->failed == 0 || ws->failed == WEIR_EEOF);
    if (!works)
        return false;
    if (!ws->stream->ended && is_on_its_way(ws))
        ws->finish = WS_LINGERS;
    if (ws_queued(ws) == 0 && (ws->finish != WS_LINGERS || ws->stream->ended))
        return false;
    if (weir_spawn(NULL, WEIR_SITE(weir_ws_drop), closer, &ws, sizeof ws, NULL, NULL) < 0)
        return false;
    ws->inside++;
    return true;
}

void weir_ws_drop(struct weir_ws **take_ws) {
    if (take_ws == NULL || *take_ws == NULL)
        return;
    struct weir_ws *ws = *take_ws;
    *take_ws = NULL;
    if (weir__loop_is_parents(ws->config->loop)) {
        weir_close(&ws->stream);
        return;
    }
    weir__loop_assert(ws->config->loop, ws, "weir_ws_drop");
    if (is_reactive(ws))
        WEIR_BUG("weir_ws_drop: a reactive connection is the server's: weir_ws_begin_close closes "
                 "it");
    ws->inside++; /* closing the stream may end a write, which leaves */
    ws->state = WS_DROPPED;
    weir__ws_subs_end(ws);
    weir__timer_disarm(ws->config->loop->timers, &ws->timer);
    if (ws->stream != NULL && ws->reading == WS_RESTS)
        weir_consume(ws->stream, ws->used);
    ws->used = 0;
    if (!closes_later(ws))
        weir_close(&ws->stream);
    weir__ws_wake(ws);
    weir__ws_leave(ws);
}
