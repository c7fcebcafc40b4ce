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

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
#include "base/time.h"

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
    weir__free(sv);
}

/* ---- closing ---- */

static void conn_gone(struct weir__op *op) {
    struct weir_conn *c = WEIR_CONTAINER(op, struct weir_conn, socket.op);
    struct react_server *sv = c->server;
    weir__close_done(sv->loop);
    weir__group_close_under(&c->group);
    c->socket.stream.reading = false;
    weir__stream_gone(&c->socket.stream); /* frees c: now, or when a task that writes has left */
    weir__react_server_unref(sv);
}

/* All children have ended. The group stays open until the descriptor is closed, so that a close of
 * the server's group waits for that too. */
static void conn_close_file(struct weir_conn *c) {
    c->state = CONN_GONE;
    c->socket.stream.closed = true;
    weir__socket_close(&c->socket, conn_gone);
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
    weir__list_add_tail(&sv->stalled, &c->link);
    weir__timer_arm(sv->loop->timers, &sv->retry,
                    weir__deadline(weir__loop_now(sv->loop),
                                   WEIR_MILLISECONDS(STALLED_RETRY_MS)));
}

static void retry_stalled(struct weir__timer *t) {
    struct react_server *sv = WEIR_CONTAINER(t, struct react_server, retry);
    struct weir__list again;
    weir__list_init(&again);
    while (!weir__list_empty(&sv->stalled)) {
        struct weir__list *link = sv->stalled.next;
        weir__list_remove(link);
        weir__list_add_tail(&again, link);
    }
    while (!weir__list_empty(&again)) {
        struct weir__list *link = again.next;
        weir__list_remove(link);
        conn_start(WEIR_CONTAINER(link, struct weir_conn, link));
    }
}

/* ---- reading ahead ---- */

static void received(struct weir__op *op);

static bool recv_submit(struct weir_conn *c) {
    struct weir__op *op = &c->socket.op;
    op->kind = WEIR__RECV;
    op->wake = received;
    op->cancelled = false;
    return weir__submit(c->server->loop->backend, op) == WEIR__DONE;
}

/* A piece has come while a task of c exists: give it to hooks.ahead. Returns true if the next piece
 * may be asked for. */
static bool ahead_take(struct weir_conn *c) {
    struct weir__op *op = &c->socket.op;
    struct weir_view v = {NULL, 0};
    c->ahead = AHEAD_CAME;
    if (c->stop)
        return false;
    if (op->result > 0)
        v = (struct weir_view){op->u.lent.base, op->u.lent.len};
    int rc = v.len > 0 ? 0 : (int)op->result;
    enum weir__ahead answer = c->server->hooks.ahead(c, c->user, v, rc);
    if (v.len == 0 || answer == WEIR__AHEAD_KEEP)
        return false;
    weir__release(c->server->loop->backend, &op->u.lent);
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
    struct weir_conn *c = WEIR_CONTAINER(p, struct ahead_wait, park)->c;
    return weir__cancel(c->server->loop->backend, &c->socket.op);
}

static const struct weir__what ends_read = {.text = "the end of a read", .link = "from",
                                            .kind = WEIR__ON_STREAM};

/* Park until the op, which is pending, completes. */
static void ahead_await(struct weir_conn *c, const struct weir__what *what, bool is_cancelled) {
    struct ahead_wait w = {.park = {.abort = is_cancelled ? NULL : ahead_abort, .what = what,
                                    .on = &c->socket.stream},
                           .c = c};
    c->ahead = AHEAD_AWAITED;
    c->socket.op.waiter = &w.park;
    weir__park(&w.park);
    c->ahead = AHEAD_CAME;
}

/* The connection closes: cancel a pending RECV and release a piece that was not used. The op must
 * be free for the CLOSE. */
static void ahead_drop(struct weir_conn *c) {
    struct weir__op *op = &c->socket.op;
    if (c->ahead == AHEAD_NONE)
        return;
    bool pending = c->ahead == AHEAD_PENDING;
    if (pending && weir__cancel(c->server->loop->backend, op) == WEIR__PENDING)
        ahead_await(c, &ends_read, true);
    c->ahead = AHEAD_NONE;
    if (op->result > 0)
        weir__release(c->server->loop->backend, &op->u.lent);
}

static void received(struct weir__op *op) {
    struct weir_conn *c = WEIR_CONTAINER(op, struct weir_conn, socket.op);
    if (__builtin_expect(c->ahead == AHEAD_NONE, 1))
        conn_start(c);
    else if (c->ahead == AHEAD_AWAITED)
        weir__unpark(op->waiter, 0);
    else if (ahead_take(c))
        ahead_ask(c);
}

/* Stop the connection. If it is idle, a task must run once more, which calls closed. */
static void conn_rouse(struct weir_conn *c) {
    c->stop = true;
    if (c->state != CONN_IDLE)
        return;
    if (weir__cancel(c->server->loop->backend, &c->socket.op) == WEIR__DONE)
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
        if (weir__list_empty(&c->link))
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
static bool conn_recv(struct weir_conn *c) {
    bool came = c->ahead == AHEAD_CAME, asked = c->ahead != AHEAD_NONE;
    c->ahead = AHEAD_NONE;
    return asked ? came : recv_submit(c);
}

/* A RECV has returned rc: 0 at the end of the stream, or an error. Returns rc, with a record if it
 * is an error, or what a write has met before that end. */
static int read_failed(struct weir_conn *c, int rc) {
    struct weir_stream *s = &c->socket.stream;
    rc = rc == 0 ? weir__stream_end(s) : rc;
    return rc < 0 ? weir__fail(rc, "read", weir_stream_peer(s)) : 0;
}

/* Give the piece to the user's function message. Returns its error, or 0; 0 with c->stop: the
 * stream has ended. */
static int conn_deliver(struct weir_conn *c) {
    struct weir__op *op = &c->socket.op;
    struct weir_stream *s = &c->socket.stream;
    if (op->result > 0 && c->stop) {
        c->ahead = AHEAD_CAME; /* it came before the cancel: weir__conn_next returns it first */
        return 0;
    }
    if (op->result > 0) {
        s->lent = op->u.lent;
        int rc = c->server->fn.message(c, c->user, (struct weir_view){s->lent.base, s->lent.len});
        weir__stream_release(s);
        return rc < 0 ? rc : 0;
    }
    c->stop = true;
    return read_failed(c, op->result == -ECANCELED ? 0 : (int)op->result);
}

/* The unread bytes of a stream that was taken over are the first message. */
static int conn_deliver_held(struct weir_conn *c) {
    struct weir_stream *s = &c->socket.stream;
    struct weir_view v = weir__stream_view(s);
    if (c->stop || weir__group_cancelled(&c->group) != 0)
        return 0; /* they stay unread: the close resets the connection */
    int rc = c->server->fn.message(c, c->user, v);
    weir__stream_drop(s);
    return rc < 0 ? rc : 0;
}

static int conn_open(struct weir_conn *c) {
    c->opened = true;
    c->socket.op.result = 0;
    int rc = c->server->fn.opened != NULL ? c->server->fn.opened(c, c->user) : 0;
    return rc >= 0 && c->socket.stream.held ? conn_deliver_held(c) : rc;
}

/* Call closed, which may still read (weir__conn_next). Only after it is an unused piece dropped. */
static void conn_closed(struct weir_conn *c) {
    weir__group_error_give(&c->group, c->rc);
    if (c->server->fn.closed != NULL)
        c->server->fn.closed(c, c->user, c->rc);
    ahead_drop(c);
    c->state = CONN_CLOSING;
}

/* Nothing more is delivered: cancel the other tasks of the group. If there are none, call closed
 * here, with the error record that belongs to rc. Without a function closed, rc is returned and the
 * group logs it. */
static int conn_end(struct weir_conn *c, int rc) {
    int felt = weir__group_cancelled(&c->group);
    if (c->server->hooks.ends != NULL)
        c->server->hooks.ends(c, c->user, rc);
    weir__stream_release(&c->socket.stream);
    c->rc = rc == 0 && felt != 0 ? felt : rc;
    if (rc == 0 && felt != 0)
        weir__error_forget(felt); /* a record of it that the task has is of a message */
    c->state = CONN_ENDING;
    weir_group_cancel(&c->group, "the connection ended");
    if (weir_group_live(&c->group) == 1)
        conn_closed(c);
    else if (rc < 0)
        weir__group_error_keep(&c->group, rc);
    return c->server->fn.closed == NULL ? rc : 0;
}

static int conn_run(void *args) {
    struct weir_conn *c = *(struct weir_conn **)args;
    int rc = c->opened ? conn_deliver(c) : conn_open(c);
    for (unsigned round = 1; rc >= 0; round++) {
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
struct weir_conn *weir__conn_new(struct react_server *sv) {
    struct weir_conn *c = weir__alloc_zero(sizeof *c + sv->fn.state_size);
    if (c == NULL)
        return NULL;
    weir__socket_init(&c->socket, sv->loop);
    c->socket.stream.owned = c->socket.stream.reading = true;
    c->server = sv;
    weir__list_init(&c->link);
    return c;
}

void weir__conn_begin(struct weir_conn *c, struct weir_group *g) {
    struct react_server *sv = c->server;
    weir__group_open_under(&c->group, g, WEIR_INDEPENDENT, group_idle);
    sv->refs++;
    c->opened = sv->fn.opened == NULL && !c->socket.stream.held;
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
    WEIR_OPTIONS_COPY(&sv->fn, r);
    if (hooks != NULL)
        sv->hooks = *hooks;
    sv->task = (struct weir_spawn_options){
        .size = sizeof sv->task, .stack_size = sv->fn.stack_size, .name = sv->fn.name};
    sv->loop = loop;
    sv->listener = l;
    sv->refs = 1;
    weir__timer_init(&sv->retry, retry_stalled);
    weir__list_init(&sv->stalled);
    return sv;
}

/* ---- for the user's functions ---- */

struct weir_stream *weir_conn_stream(struct weir_conn *c) {
    weir__not_null(c, "weir_conn_stream");
    return &c->socket.stream;
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

ssize_t weir__conn_next(struct weir_conn *c, struct weir_view *ret_view) {
    struct weir__op *op = &c->socket.op;
    struct weir_stream *s = &c->socket.stream;
    int rc = weir__suspend_enter("read");
    weir__stream_release(s);
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

void **weir__conn_aside(struct weir_conn *c) {
    return &c->socket.op.waiter;
}

void weir_conn_close(struct weir_conn *c) {
    weir__not_null(c, "weir_conn_close");
    if (weir__loop_is_parents(c->server->loop))
        return; /* in a fork child: the connection belongs to the parent */
    weir__loop_assert(c->server->loop, "weir_conn_close");
    conn_rouse(c);
}
