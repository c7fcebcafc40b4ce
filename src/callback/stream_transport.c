/* SPDX-License-Identifier: MIT */
/* stream_transport.c - the transport of a stream: what it reads goes to the protocol, what the
 * protocol writes goes to the stream at once, as far as it takes it, and the rest later. */
#include "callback/stream_transport.h"

#include <errno.h>
#include <string.h>
#include <weir/stream.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/options.h"
#include "stream/stream.h"

enum { ROOM_MIN = 4 << 10, WAITING_PIECE = 1 << 10 };

static struct weir_transport *of(struct transport *t) {
    return WEIR_CONTAINER(t, struct weir_transport, t);
}

/* ---- what calls the protocol ---- */

static void made(struct transport *t) {
    struct weir_transport *st = of(t);
    if (st->calls.connection_made != NULL)
        st->calls.connection_made(st->protocol, st);
}

static void lost(struct transport *t, int rc) {
    struct weir_transport *st = of(t);
    if (st->calls.connection_lost != NULL)
        st->calls.connection_lost(st->protocol, rc);
    else if (rc < 0)
        weir__log(WEIR_LOG_ERROR, "a transport of %s is lost: %s (%s)",
                  weir_stream_peer(st->stream), weir_error_text(rc), weir_error_name(rc));
}

static void pause_protocol(struct transport *t) {
    if (of(t)->calls.pause_writing != NULL)
        of(t)->calls.pause_writing(of(t)->protocol);
}

static void resume_protocol(struct transport *t) {
    if (of(t)->calls.resume_writing != NULL)
        of(t)->calls.resume_writing(of(t)->protocol);
}

/* Bytes, or the end of the stream. */
static void deliver(struct weir_transport *st, struct weir_view v) {
    struct weir__callback c;
    int rc = 0;
    weir__callback_begin(&c);
    if (v.len > 0 && st->calls.data_received != NULL)
        rc = st->calls.data_received(st->protocol, v);
    else if (v.len == 0 && st->calls.eof_received != NULL)
        rc = st->calls.eof_received(st->protocol);
    if (rc < 0)
        weir__transport_lose(&st->t, rc); /* inside, for the record of rc */
    weir__callback_end(&c);
    if (v.len == 0 && rc == 0)
        weir__transport_close(&st->t);
}

/* ---- reading ---- */

static void read_one(struct weir_transport *st) {
    struct weir_view v = {NULL, 0};
    ssize_t n = weir_peek(st->stream, 1, &v);
    if (n == -ECANCELED || n == -ETIME) {
        weir__transport_lose(&st->t, (int)n);
        return;
    }
    if (n < 0)
        st->t.broke = (int)n;
    if (st->t.closing || st->t.read_paused)
        return; /* the next peek shows the same */
    if (n < 0) {
        weir__transport_lose(&st->t, (int)n);
        return;
    }
    st->t.at_end = n == 0;
    deliver(st, v);
    if (n > 0)
        weir_consume(st->stream, v.len);
    weir__transport_turn(&st->t);
}

static int pump(void *args) {
    struct weir_transport *st = of(*(struct transport **)args);
    weir__transport_await_made(&st->t);
    while (weir__transport_reads(&st->t))
        read_one(st);
    weir__transport_end(&st->t);
    return 0;
}

/* ---- what waits to be sent ---- */

static void unsent_free(struct unsent *u) {
    weir__free(u->base);
    *u = (struct unsent){0};
}

static bool unsent_reserve(struct unsent *u, size_t more) {
    if (u->at > 0 && u->at + u->len + more > u->room) {
        memmove(u->base, u->base + u->at, u->len);
        u->at = 0;
    }
    if (u->len + more <= u->room)
        return true;
    size_t room = u->room > 0 ? u->room : ROOM_MIN;
    while (room < u->len + more)
        room *= 2;
    uint8_t *base = weir__realloc(u->base, room);
    if (base == NULL)
        return false;
    u->base = base;
    u->room = room;
    return true;
}

static void unsent_add(struct unsent *u, const void *buf, size_t len) {
    memcpy(u->base + u->at + u->len, buf, len);
    u->len += len;
}

/* After a burst its memory is given back. */
static void took(struct weir_transport *st, size_t n) {
    struct unsent *u = &st->out;
    u->at += n;
    u->len -= n;
    if (u->len == 0)
        unsent_free(u);
    weir__transport_sent(&st->t, n);
}

/* ---- the sender ---- */

/* A stream that can only be written by a call that waits. The bytes are copied out, since the
 * protocol may write meanwhile. */
static int send_waiting(struct weir_transport *st) {
    uint8_t piece[WAITING_PIECE];
    size_t n = st->out.len < sizeof piece ? st->out.len : sizeof piece;
    memcpy(piece, st->out.base + st->out.at, n);
    int rc = weir_write(st->stream, piece, n);
    if (rc == 0 && !st->t.lost_asked)
        took(st, n);
    return rc;
}

static int send_some(struct weir_transport *st) {
    int rc = weir_wait_writable(st->stream);
    if (rc < 0 || st->t.lost_asked)
        return rc;
    ssize_t n = weir_try_write(st->stream, st->out.base + st->out.at, st->out.len);
    if (n == -EOPNOTSUPP)
        return send_waiting(st);
    if (n > 0)
        took(st, (size_t)n);
    return n > 0 || n == -EAGAIN ? 0 : (int)n;
}

static int send_end(struct weir_transport *st) {
    st->shut = true;
    return weir_shutdown(st->stream);
}

static int sender(void *args) {
    struct weir_transport *st = of(*(struct transport **)args);
    int rc = 0;
    while (rc == 0 && !st->t.lost_asked && st->out.len > 0)
        rc = send_some(st);
    if (rc == 0 && !st->t.lost_asked && st->eof && !st->shut)
        rc = send_end(st);
    weir__transport_sender_ends(&st->t, rc);
    return 0;
}

/* ---- the end ---- */

static void drop(struct transport *t) {
    unsent_free(&of(t)->out);
}

static void close_stream(struct transport *t) {
    weir_close(&of(t)->stream);
}

static const struct transport_kind of_stream = {
    .name = "transport", .pump = pump, .sender = sender, .made = made, .lost = lost,
    .pause = pause_protocol, .resume = resume_protocol, .drop = drop, .close = close_stream};

/* ---- the calls ---- */

static struct weir_transport *here(const struct weir_transport *t, const char *call) {
    weir__not_null(t, call);
    weir__loop_assert(t->t.loop, t, call);
    return (struct weir_transport *)t;
}

void weir_transport_set_protocol(struct weir_transport *t, struct weir_protocol *p) {
    here(t, "weir_transport_set_protocol");
    weir__argument_not_null(p, "weir_transport_set_protocol", "protocol");
    t->protocol = p;
    WEIR_OPTIONS_COPY(struct weir_protocol_calls, resume_writing, &t->calls, p->calls);
}

/* Returns 0 or the factory's error, with its record. */
static int ask_factory(struct weir_transport *t, weir_protocol_factory *factory, void *arg) {
    struct weir_protocol *p = NULL;
    struct weir__callback c;
    weir__callback_begin(&c);
    int rc = weir__transport_answer(&c, factory(arg, &p));
    if (rc == 0)
        weir_transport_set_protocol(t, p);
    return rc;
}

int weir__stream_transport_open(struct weir_stream **take_stream, weir_protocol_factory *factory,
                                void *arg, struct weir_group *g, bool writes_only,
                                struct weir_transport **ret_transport) {
    int rc;
    struct weir_transport *t = weir__alloc_zero(sizeof *t);
    if (t == NULL)
        return weir__fail(-ENOMEM, "transport", weir_stream_peer(*take_stream));
    if ((rc = weir__transport_begin(&t->t, &of_stream, g)) < 0) {
        weir__free(t);
        return rc;
    }
    if ((rc = ask_factory(t, factory, arg)) < 0) {
        weir__transport_refused(&t->t);
        return rc;
    }
    t->stream = *take_stream;
    t->t.at_end = writes_only;
    *take_stream = NULL;
    weir__transport_connected(&t->t);
    *ret_transport = t;
    return 0;
}

int weir_transport_open(struct weir_stream **take_stream, weir_protocol_factory *factory, void *arg,
                        struct weir_group *g, struct weir_transport **ret_transport) {
    weir__not_null(take_stream, "weir_transport_open");
    weir__not_null(*take_stream, "weir_transport_open");
    weir__argument_not_null((void *)factory, "weir_transport_open", "factory");
    int rc = weir__loop_enter((*take_stream)->loop, *take_stream, "weir_transport_open");
    if (rc < 0)
        return rc;
    return weir__stream_transport_open(take_stream, factory, arg, g, false, ret_transport);
}

/* Hand the stream what it takes without a wait. */
static int send_now(struct weir_transport *t, struct weir_view *v) {
    while (v->len > 0) {
        ssize_t n = weir_try_write(t->stream, v->base, v->len);
        if (n == -EAGAIN || n == -EOPNOTSUPP)
            return 0;
        if (n < 0)
            return (int)n;
        v->base = (const uint8_t *)v->base + n;
        v->len -= (size_t)n;
    }
    return 0;
}

static int may_write(const struct weir_transport *t, const char *call) {
    if (t->eof)
        return weir__failf(-EPIPE, "write", NULL, "%s after weir_transport_eof", call);
    if (t->t.closing)
        return weir__failf(WEIR_ECLOSED, "write", NULL, "the transport is closing");
    return 0;
}

/* What was to be sent would be a hole before what is written next. */
static int no_memory(struct weir_transport *t) {
    int rc = weir__fail(-ENOMEM, "write", weir_stream_peer(t->stream));
    weir__transport_lose(&t->t, rc);
    return rc;
}

/* Keep pieces behind what waits already. */
static int send_later(struct weir_transport *t, const struct weir_view *pieces, size_t count) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += pieces[i].len;
    if (len == 0)
        return 0;
    if (!unsent_reserve(&t->out, len))
        return no_memory(t);
    for (size_t i = 0; i < count; i++)
        unsent_add(&t->out, pieces[i].base, pieces[i].len);
    int rc = weir__transport_send_later(&t->t);
    if (rc == 0)
        weir__transport_queued(&t->t, len);
    return rc;
}

int weir_transport_write(struct weir_transport *t, const void *buf, size_t len) {
    struct weir_view v = {buf, len};
    here(t, "weir_transport_write");
    int rc = may_write(t, "weir_transport_write");
    if (rc < 0)
        return rc;
    if (t->out.len == 0 && (rc = send_now(t, &v)) < 0) {
        weir__transport_lose(&t->t, rc);
        return rc;
    }
    return send_later(t, &v, 1);
}

/* Several pieces are joined first: one system call sends them all. */
int weir_transport_writelines(struct weir_transport *t, const struct weir_view *pieces,
                              size_t count) {
    here(t, "weir_transport_writelines");
    int rc = may_write(t, "weir_transport_writelines");
    if (rc < 0)
        return rc;
    if (t->out.len > 0)
        return send_later(t, pieces, count);
    struct unsent joined = {0};
    for (size_t i = 0; i < count; i++) {
        if (!unsent_reserve(&joined, pieces[i].len)) {
            unsent_free(&joined);
            return no_memory(t);
        }
        unsent_add(&joined, pieces[i].base, pieces[i].len);
    }
    rc = weir_transport_write(t, joined.base, joined.len);
    unsent_free(&joined);
    return rc;
}

void weir_transport_eof(struct weir_transport *t) {
    here(t, "weir_transport_eof");
    if (t->t.closing || t->eof)
        return;
    t->eof = true;
    (void)weir__transport_send_later(&t->t);
}

void weir_transport_close(struct weir_transport *t) {
    weir__transport_close(&here(t, "weir_transport_close")->t);
}

void weir_transport_abort(struct weir_transport *t) {
    weir__transport_lose(&here(t, "weir_transport_abort")->t, 0);
}

bool weir_transport_is_closing(const struct weir_transport *t) {
    return here(t, "weir_transport_is_closing")->t.closing;
}

void weir_transport_pause_reading(struct weir_transport *t) {
    weir__transport_pause_reading(&here(t, "weir_transport_pause_reading")->t, true);
}

void weir_transport_resume_reading(struct weir_transport *t) {
    weir__transport_pause_reading(&here(t, "weir_transport_resume_reading")->t, false);
}

int weir_transport_set_limits(struct weir_transport *t, ssize_t high, ssize_t low) {
    return weir__transport_set_limits(&here(t, "weir_transport_set_limits")->t, high, low,
                                      "weir_transport_set_limits");
}

size_t weir_transport_unsent(const struct weir_transport *t) {
    return here(t, "weir_transport_unsent")->t.unsent;
}

struct weir_stream *weir_transport_stream(const struct weir_transport *t) {
    return here(t, "weir_transport_stream")->stream;
}

struct weir_protocol *weir_transport_protocol(const struct weir_transport *t) {
    return here(t, "weir_transport_protocol")->protocol;
}
