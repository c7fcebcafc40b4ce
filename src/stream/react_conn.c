/* SPDX-License-Identifier: MIT */
/* react_conn.c - connections without a stack: between messages a connection is one block of
 * memory and one pending RECV. When the RECV completes, a task is spawned in the connection's own
 * group. The task runs the user's functions until no more piece is at hand, and ends.
 *
 *   state    its task          RECV     left when
 *   BUSY     runs              ahead    no piece is at hand: IDLE; it must close: ENDING
 *   IDLE     -                 pending  a piece, end of stream, cancel, weir_conn_close: BUSY
 *   STALLED  -                 done     the timer fires and a task can be spawned: BUSY
 *   ENDING   returns           -        the group's last child ends: CLOSING
 *   CLOSING  calls closed      -        that task ends: GONE, the descriptor is being closed
 *
 * ahead: a RECV may be pending beside the task, asked for while a user's function is suspended
 * (ahead.h). If it is still pending when the task ends, it is the RECV of IDLE. If it has completed
 * and its piece was not used, that is the next piece.
 *
 * The connection's group hangs below the server's, so a cancel of that one reaches it. If it has no
 * task then, its hook group_idle is called. */
#include "stream/react_conn.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
#include "base/time.h"
#include "stream/detached.h"
#include "loop/debug.h"

#define HANDSHAKE_NS WEIR_SECONDS(10) /* the stream's own, if the server sets no bound */

enum {
    ROUNDS_MAX = 64,    /* messages in a row before other tasks get their turn */
    STALLED_RETRY_MS = 10
};

/* The RECV beside a running task: there is none; pending; completed, its piece not used yet;
 * pending, and the task waits for it. */
enum ahead_state { AHEAD_NONE, AHEAD_PENDING, AHEAD_CAME, AHEAD_AWAITED };

enum conn_state { CONN_BUSY, CONN_IDLE, CONN_STALLED, CONN_ENDING, CONN_CLOSING, CONN_GONE };

static int conn_run(void *args);
static int conn_run_closed(void *args);

void weir__react_server_unref(struct react_server *sv) {
    if (--sv->refs > 0)
        return;
    weir__timer_disarm(sv->loop->timers, &sv->retry);
    if (sv->hooks.freed != NULL)
        sv->hooks.freed(sv->fn.arg);
    weir__free(sv);
}

/* ---- closing ---- */

static void socket_gone(struct weir__op *op) {
    struct conn_socket *k = WEIR_CONTAINER(op, struct conn_socket, socket.op);
    struct react_server *sv = k->conn.server;
    weir__close_done(sv->loop);
    weir__group_close_under(&k->conn.group);
    k->socket.stream.reading = false;
    weir__stream_gone(&k->socket.stream); /* frees k: now, or when a task that writes has left */
    weir__react_server_unref(sv);
}

/* The stream has an object of its own, which stays until a task that writes has left. */
static void over_close(struct weir_conn *c) {
    struct react_server *sv = c->server;
    struct weir_stream *s = c->stream;
    s->owned = s->reading = false;
    s->closed = true;
    weir__debug_closed(s->loop, s, NULL);
    s->kind->close(s);
    weir__group_close_under(&c->group);
    weir__conn_free(c);
    weir__react_server_unref(sv);
}

/* All children have ended. The group stays open until a socket's descriptor is closed, so that a
 * close of the server's group waits for that too. */
static __attribute__((noinline)) void conn_close_file(struct weir_conn *c) {
    c->state = CONN_GONE;
    if (c->is_over) {
        over_close(c);
        return;
    }
    struct weir__socket *k = weir__conn_socket(c);
    k->stream.closed = true;
    weir__socket_close(k, socket_gone);
}

/* ---- tasks ---- */

static int conn_spawn(struct weir_conn *c, int (*fn)(void *args)) {
    static const struct weir_site site = {"connection", __FILE__, "weir_react", __LINE__};
    return weir_spawn(&c->group, &site, fn, &c, sizeof c, &c->server->task, NULL);
}

/* Start a task for c. If no stack can be had, c waits on the server's list. */
static void conn_start(struct weir_conn *c) {
    struct react_server *sv = c->server;
    bool ending = c->state == CONN_ENDING || c->state == CONN_CLOSING;
    c->state = ending ? CONN_CLOSING : CONN_BUSY;
    int rc = conn_spawn(c, ending ? conn_run_closed : conn_run);
    if (__builtin_expect(rc >= 0, 1))
        return;
    weir__log(WEIR_LOG_WARNING, "a connection waits for a task: %s", weir_error_text(rc));
    c->state = ending ? CONN_ENDING : CONN_STALLED;
    c->stalled = true;
    c->next = NULL;
    *sv->stalled_end = c;
    sv->stalled_end = &c->next;
    weir__timer_arm(sv->loop->timers, &sv->retry,
                    weir__deadline(weir__loop_now(sv->loop),
                                   WEIR_MILLISECONDS(STALLED_RETRY_MS)));
}

static void retry_stalled(struct weir__timer *t) {
    struct react_server *sv = WEIR_CONTAINER(t, struct react_server, retry);
    struct weir_conn *again = sv->stalled, *c;
    sv->stalled = NULL;
    sv->stalled_end = &sv->stalled;
    while ((c = again) != NULL) {
        again = c->next;
        c->stalled = false;
        conn_start(c);
    }
}

/* ---- reading ahead ---- */

static void received(struct weir__op *op);

/* A stream that was taken over may have met its end before. */
static __attribute__((noinline)) bool over_ask(struct weir_conn *c, struct weir__op *op) {
    struct weir_stream *s = c->stream;
    if (!s->ended && (s->failed == 0 || s->by_write))
        return s->kind->ask(s, op) == WEIR__DONE;
    op->result = s->failed;
    return true;
}

static inline __attribute__((always_inline)) bool recv_submit(struct weir_conn *c) {
    struct weir__op *op = conn_op(c);
    op->kind = WEIR__RECV;
    op->wake = received;
    op->cancelled = false;
    if (__builtin_expect(c->is_over, 0))
        return over_ask(c, op);
    return weir__submit(c->server->loop->backend, op) == WEIR__DONE;
}

/* Take a pending RECV back. Returns as weir__cancel. */
static int recv_cancel(struct weir_conn *c) {
    struct weir_stream *s = c->stream;
    return c->is_over ? s->kind->unask(s, conn_op(c)) : weir__cancel(s->loop->backend, conn_op(c));
}

/* A piece has come while a task of c exists: give it to hooks.ahead. Returns true if the next piece
 * may be asked for. */
static bool ahead_take(struct weir_conn *c) {
    struct weir__op *op = conn_op(c);
    struct weir_stream *s = c->stream;
    struct weir_view v = {NULL, 0};
    c->ahead = AHEAD_CAME;
    if (c->stop)
        return false;
    if (op->result > 0)
        v = (struct weir_view){op->u.lent.base, op->u.lent.len};
    int rc = v.len > 0 ? 0 : (int)op->result;
    enum weir__ahead answer = c->server->hooks.ahead(c, c + 1, v, rc);
    if (v.len == 0 || answer == WEIR__AHEAD_KEEP)
        return false;
    s->kind->release(s, &op->u.lent);
    c->ahead = AHEAD_NONE;
    return answer == WEIR__AHEAD_MORE;
}

static void ahead_ask(struct weir_conn *c) {
    do
        c->ahead = AHEAD_PENDING;
    while (recv_submit(c) && ahead_take(c));
}

struct ahead_wait {
    struct weir__park park;
    struct weir_conn *c;
};

static int ahead_abort(struct weir__park *p) {
    return recv_cancel(WEIR_CONTAINER(p, struct ahead_wait, park)->c);
}

static const struct weir__what ends_read = {.text = "the end of a read", .link = "from",
                                            .kind = WEIR__ON_STREAM};

/* Park until the op, which is pending, completes. */
static void ahead_await(struct weir_conn *c, const struct weir__what *what, bool is_cancelled) {
    struct ahead_wait w = {.park = {.abort = is_cancelled ? NULL : ahead_abort, .what = what,
                                    .on = c->stream},
                           .c = c};
    c->ahead = AHEAD_AWAITED;
    conn_op(c)->waiter = &w.park;
    weir__park(&w.park);
    c->ahead = AHEAD_CAME;
}

/* The connection closes: cancel a pending RECV and release a piece that was not used. The op must
 * be free for the CLOSE. */
static void ahead_drop(struct weir_conn *c) {
    struct weir__op *op = conn_op(c);
    struct weir_stream *s = c->stream;
    if (c->ahead == AHEAD_NONE)
        return;
    WEIR_CHECK(c->ahead != AHEAD_AWAITED);
    bool pending = c->ahead == AHEAD_PENDING;
    if (pending && recv_cancel(c) == WEIR__PENDING)
        ahead_await(c, &ends_read, true);
    c->ahead = AHEAD_NONE;
    if (op->result > 0)
        s->kind->release(s, &op->u.lent);
}

static void received(struct weir__op *op) {
    struct weir_conn *c = (struct weir_conn *)(void *)((char *)op + CONN_OP_AT);
    if (__builtin_expect(c->ahead == AHEAD_NONE, 1))
        conn_start(c);
    else if (c->ahead == AHEAD_AWAITED)
        weir__unpark(op->waiter, 0);
    else if (ahead_take(c))
        ahead_ask(c);
}

/* Stop the connection. If it is idle, a task must run once more, which calls closed. */
static __attribute__((noinline)) void conn_rouse(struct weir_conn *c) {
    c->stop = true;
    if (c->state != CONN_IDLE)
        return;
    if (recv_cancel(c) == WEIR__DONE)
        conn_start(c);
}

/* The hook of the connection's group: its last child has ended, or it was cancelled while it had no
 * child. */
static void group_idle(struct weir_group *g) {
    struct weir_conn *c = WEIR_CONTAINER(g, struct weir_conn, group);
    switch (c->state) {
    case CONN_IDLE:
        if (weir__group_cancelled(g) != 0)
            conn_rouse(c);
        break;
    case CONN_ENDING:
        if (!c->stalled)
            conn_start(c);
        break;
    case CONN_CLOSING:
        conn_close_file(c);
        break;
    default: /* stalled: the timer starts a task, which will see the cancel */
        break;
    }
}

/* ---- what the task does ---- */

/* Ask for the next piece. Returns true if the op has completed already. */
static inline __attribute__((always_inline)) bool conn_recv(struct weir_conn *c) {
    bool came = c->ahead == AHEAD_CAME, asked = c->ahead != AHEAD_NONE;
    c->ahead = AHEAD_NONE;
    return asked ? came : recv_submit(c);
}

/* A RECV has returned rc: 0 at the end of the stream, or an error. Returns rc, with a record if it
 * is an error, or what a write has met before that end. */
static int read_failed(struct weir_conn *c, int rc) {
    struct weir_stream *s = c->stream;
    rc = rc == 0 ? weir__stream_end(s) : rc;
    const char *why = rc < 0 && s->kind->why != NULL ? s->kind->why(s, rc) : NULL;
    if (why != NULL)
        return weir__failf(rc, "read", weir_stream_peer(s), "%s", why);
    return rc < 0 ? weir__fail(rc, "read", weir_stream_peer(s)) : 0;
}

/* Give the piece to the user's function message. Returns its error, or 0; 0 with c->stop: the
 * stream has ended. */
static __attribute__((noinline)) int conn_deliver(struct weir_conn *c) {
    struct weir__op *op = conn_op(c);
    struct weir_stream *s = c->stream;
    if (op->result > 0 && c->stop) {
        c->ahead = AHEAD_CAME; /* it came before the cancel: weir__conn_next returns it first */
        return 0;
    }
    if (op->result > 0) {
        s->lent = op->u.lent;
        int rc = c->server->fn.message(c, c + 1, (struct weir_view){s->lent.base, s->lent.len});
        weir__stream_release(s);
        return rc < 0 ? rc : 0;
    }
    c->stop = true;
    return read_failed(c, op->result == -ECANCELED ? 0 : (int)op->result);
}

/* Bytes that are there before the first piece is asked for are the first message: those that a
 * stream which was taken over had unread, or that the functions before left. They lie in the
 * hold. */
static int conn_deliver_held(struct weir_conn *c) {
    struct weir_stream *s = c->stream;
    struct weir_view v = weir__stream_view(s);
    struct weir__hold *hold = s->hold;
    if (c->stop || weir__group_cancelled(&c->group) != 0)
        return 0; /* they stay unread: the close resets the connection */
    s->hold = NULL;
    s->held = false;
    s->left = 0;
    int rc = c->server->fn.message(c, c + 1, v);
    weir__free(hold);
    return rc < 0 ? rc : 0;
}

/* The stream's own handshake, such as that of TLS. If it fails, the log says so, since the user's
 * functions never hear of the connection. */
static int conn_shake(struct weir_conn *c) {
    struct weir_stream *s = c->stream;
    weir_ns bound = c->server->fn.handshake_ns;
    struct weir_scope scope;
    weir_scope_enter(&scope, bound > 0 ? bound : HANDSHAKE_NS);
    int rc = weir_scope_leave(&scope, s->kind->begin(s));
    c->begun = true;
    c->refused = rc < 0;
    if (rc < 0 && weir__group_cancelled(&c->group) == 0)
        weir__log(WEIR_LOG_WARNING, "%s", weir_error_message(rc));
    return rc;
}

static int conn_open(struct weir_conn *c) {
    int rc = c->begun ? 0 : conn_shake(c);
    if (rc < 0)
        return rc;
    c->opened = true;
    if (c->ahead == AHEAD_NONE) /* else it has a piece that came for the functions before */
        conn_op(c)->result = 0;
    rc = c->server->fn.opened != NULL ? c->server->fn.opened(c, c + 1) : 0;
    return rc >= 0 && c->stream->left > 0 ? conn_deliver_held(c) : rc;
}

/* Open the connection: it is new, or has new functions. */
static __attribute__((cold, noinline)) int conn_opens(struct weir_conn *c) {
    int rc = 0;
    while (!c->opened && rc >= 0)
        rc = conn_open(c);
    return rc;
}

/* Call closed, which may still read (weir__conn_next). Only after it is an unused piece dropped. */
static void conn_closed(struct weir_conn *c) {
    weir__group_error_give(&c->group, c->rc);
    if (c->server->fn.closed != NULL && !c->refused)
        c->server->fn.closed(c, c + 1, c->rc);
    ahead_drop(c);
    c->state = CONN_CLOSING;
}

/* Nothing more is delivered: cancel the other tasks of the group. If there are none, call closed
 * here, with the error record that belongs to rc. Without a function closed, rc is returned and the
 * group logs it. */
static int conn_end(struct weir_conn *c, int rc) {
    int felt = weir__group_cancelled(&c->group);
    if (c->server->hooks.ends != NULL && !c->refused)
        c->server->hooks.ends(c, c + 1, rc);
    weir__stream_release(c->stream);
    c->rc = rc == 0 && felt != 0 ? felt : rc;
    if (rc == 0 && felt != 0)
        weir__error_forget(felt); /* a record of it that the task has is of a message */
    c->state = CONN_ENDING;
    weir_group_cancel(&c->group, "the connection ended");
    if (weir_group_live(&c->group) == 1)
        conn_closed(c);
    else if (rc < 0)
        weir__group_error_keep(&c->group, rc);
    return c->server->fn.closed == NULL && !c->refused ? rc : 0;
}

static int conn_run(void *args) {
    struct weir_conn *c = *(struct weir_conn **)args;
    int rc = c->opened ? conn_deliver(c) : 0;
    for (unsigned round = 1; rc >= 0; round++) {
        if (__builtin_expect(!c->opened, 0) && (rc = conn_opens(c)) < 0)
            break;
        if (c->stop || weir__group_cancelled(&c->group) != 0)
            break;
        if (round % ROUNDS_MAX == 0 && (rc = weir_yield()) < 0)
            break;
        if (!conn_recv(c)) {
            c->state = CONN_IDLE;
            return 0;
        }
        if (c->server->hooks.ahead == NULL) /* else the room above does it for each message */
            weir__error_begin();
        rc = conn_deliver(c);
    }
    return conn_end(c, rc);
}

static int conn_run_closed(void *args) {
    conn_closed(*(struct weir_conn **)args);
    return 0;
}

/* ---- life ---- */

struct weir_conn *weir__conn_new(struct react_server *sv) {
    struct conn_socket *k = weir__alloc_zero(sizeof *k + sv->fn.state_size);
    if (k == NULL)
        return NULL;
    weir__socket_init(&k->socket, sv->loop);
    k->socket.stream.owned = k->socket.stream.reading = true;
    k->conn.begun = true;
    k->conn.stream = &k->socket.stream;
    k->conn.server = sv;
    return &k->conn;
}

struct weir__socket *weir__conn_socket(struct weir_conn *c) {
    WEIR_CHECK(!c->is_over);
    return &WEIR_CONTAINER(c, struct conn_socket, conn)->socket;
}

struct weir_conn *weir__conn_over_new(struct react_server *sv) {
    struct conn_over *o = weir__alloc_zero(sizeof *o + sv->fn.state_size);
    if (o == NULL)
        return NULL;
    o->conn.is_over = true;
    o->conn.server = sv;
    return &o->conn;
}

void weir__conn_take(struct weir_conn *c, struct weir_stream **take_stream) {
    struct weir_stream *s = *take_stream;
    c->stream = s;
    *take_stream = NULL;
    s->loop->unclosed -= s->given;
    s->given = false;
    s->owned = s->reading = true;
    c->begun = s->kind->begin == NULL;
}

void weir__conn_free(struct weir_conn *c) {
    if (c == NULL)
        return;
    if (c->is_over)
        weir__free(WEIR_CONTAINER(c, struct conn_over, conn));
    else
        weir__free(WEIR_CONTAINER(c, struct conn_socket, conn));
}

void weir__conn_begin(struct weir_conn *c, struct weir_group *g) {
    struct react_server *sv = c->server;
    weir__group_open_under(&c->group, g, WEIR_INDEPENDENT, group_idle);
    sv->refs++;
    c->opened = sv->fn.opened == NULL && c->stream->left == 0 && c->begun;
    if (c->opened && !conn_recv(c))
        c->state = CONN_IDLE;
    else
        conn_start(c);
    if (c->state == CONN_IDLE && weir__group_cancelled(&c->group) != 0)
        conn_rouse(c);
}

struct react_server *weir__react_server_new(struct weir__loop *loop, struct weir_listener *l,
                                            const struct weir_reactive *r,
                                            const struct weir__react_hooks *hooks) {
    struct react_server *sv = weir__alloc_zero(sizeof *sv);
    if (sv == NULL)
        return NULL;
    WEIR_OPTIONS_COPY(struct weir_reactive, handshake_ns, &sv->fn, r);
    if (hooks != NULL)
        sv->hooks = *hooks;
    sv->task = (struct weir_spawn_options){
        .size = sizeof sv->task, .stack_size = sv->fn.stack_size, .name = sv->fn.name};
    sv->loop = loop;
    sv->listener = l;
    sv->refs = 1;
    weir__timer_init(&sv->retry, retry_stalled);
    sv->stalled_end = &sv->stalled;
    return sv;
}

size_t weir__react_state_size(const struct react_server *sv) {
    return sv->fn.state_size;
}

/* ---- for the user's functions ---- */

struct weir_stream *weir_conn_stream(struct weir_conn *c) {
    weir__not_null(c, "weir_conn_stream");
    return c->stream;
}

struct weir_group *weir_conn_group(struct weir_conn *c) {
    weir__not_null(c, "weir_conn_group");
    return &c->group;
}

void *weir_conn_arg(struct weir_conn *c) {
    weir__not_null(c, "weir_conn_arg");
    return c->server->fn.arg;
}

bool weir__conn_ahead(struct weir_conn *c) {
    WEIR_CHECK(c->state == CONN_BUSY && c->server->hooks.ahead != NULL);
    if (c->ahead == AHEAD_NONE && !c->stop)
        ahead_ask(c);
    return c->ahead == AHEAD_PENDING;
}

void **weir__conn_aside(struct weir_conn *c) {
    return &conn_op(c)->waiter;
}

ssize_t weir__conn_next(struct weir_conn *c, struct weir_view *ret_view) {
    struct weir__op *op = conn_op(c);
    struct weir_stream *s = c->stream;
    int rc = weir__suspend_enter("read");
    weir__stream_drop(s);
    if (rc < 0)
        return rc;
    if (c->ahead == AHEAD_NONE)
        c->ahead = recv_submit(c) ? AHEAD_CAME : AHEAD_PENDING;
    if (c->ahead == AHEAD_PENDING)
        ahead_await(c, &weir__reads, false);
    c->ahead = AHEAD_NONE;
    if (op->result <= 0)
        return read_failed(c, (int)op->result);
    s->lent = op->u.lent;
    *ret_view = (struct weir_view){s->lent.base, s->lent.len};
    return s->lent.len;
}

int weir__conn_become(struct weir_conn *c, struct react_server *sv, struct weir_view rest) {
    struct weir_stream *s = c->stream;
    struct react_server *before = c->server;
    WEIR_CHECK(c->state == CONN_BUSY && c->opened && s->hold == NULL);
    WEIR_CHECK(sv->fn.state_size <= before->fn.state_size && sv->loop == before->loop);
    WEIR_CHECK(c->ahead != AHEAD_PENDING || sv->hooks.ahead != NULL);
    int rc = rest.len > 0 ? weir__stream_hold(s, rest.base, rest.len) : 0;
    if (rc < 0)
        return weir__fail(rc, "react", weir_stream_peer(s));
    memset(c + 1, 0, sv->fn.state_size);
    *weir__conn_aside(c) = NULL; /* a RECV that the functions before asked for may be pending */
    c->server = sv;
    c->opened = false;
    sv->refs++;
    weir__react_server_unref(before);
    return 0;
}

static bool is_of_others(const struct weir_group *g, const void *arg) {
    return WEIR_CONTAINER(g, const struct weir_conn, group)->server->fn.arg != arg;
}

void weir__conns_cancel_others(struct weir_group *g, const void *arg, const char *cause) {
    weir__group_cancel_unders(g, cause, is_of_others, arg);
}

void weir_conn_close(struct weir_conn *c) {
    weir__not_null(c, "weir_conn_close");
    if (weir__loop_is_parents(c->server->loop))
        return; /* in a fork child: the connection belongs to the parent */
    weir__loop_assert(c->server->loop, c, "weir_conn_close");
    conn_rouse(c);
}
