/* SPDX-License-Identifier: MIT */
/* udp.c - udp://HOST:PORT as a stream: each write sends one datagram, and a read returns bytes of
 * one datagram. When that is used up, the next read takes the next one. A reader cannot see where a
 * datagram ends. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <weir/datagram.h>

#include "base/alloc.h"
#include "datagram/datagram.h"
#include "dial/scheme.h"
#include "stream/stream.h"

enum {
    DATAGRAM_MAX = 64 << 10,
    ROOM_MS = 1 /* between two looks for room, where no event tells */
};

struct udp {
    struct weir_stream stream;
    struct weir_dgram *dgram;
    char peer[64];
    struct weir__op *pending; /* an ask; NULL: none */
    bool taken_back;          /* it was, while a datagram was on its way to it */
    struct weir__dgram_one one;
    struct weir_dgram *asked; /* also after a close */
    uint8_t *into;
    bool lent; /* bytes */
    uint8_t bytes[DATAGRAM_MAX]; /* the datagram that is lent; its pages come with the first */
};

static struct udp *udp_of(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct udp, stream);
}

static void udp_release(struct weir_stream *s, struct weir__lent *lent) {
    struct udp *u = udp_of(s);
    if (lent->base == u->bytes)
        u->lent = false;
    else
        weir__free(lent->base);
    lent->token = 0;
}

/* ---- asking ---- */

static void ask_woke(struct weir__op *op);

static void ask_ends(struct udp *u, struct weir__op *ask, int64_t n) {
    ask->u.lent = (struct weir__lent){u->into, n > 0 ? (uint32_t)n : 0, 1};
    ask->result = n;
    u->pending = NULL;
    if (n <= 0)
        udp_release(&u->stream, &ask->u.lent);
}

/* A datagram of 0 bytes is skipped: it would be taken for the end of stream. */
static int ask_goes_on(struct udp *u, struct weir__op *ask) {
    int64_t n = 0;
    while (n == 0 && !u->stream.closed) {
        if (weir__dgram_ask(u->asked, &u->one, u->into, DATAGRAM_MAX, ask_woke) == WEIR__PENDING)
            return WEIR__PENDING;
        n = weir__dgram_asked(u->asked, &u->one);
    }
    ask_ends(u, ask, n != 0 ? n : -ECANCELED);
    return WEIR__DONE;
}

static void ask_woke(struct weir__op *op) {
    struct udp *u = WEIR_CONTAINER(op, struct udp, one.op);
    struct weir__op *ask = u->pending;
    bool closed = u->stream.closed;
    int64_t n = weir__dgram_asked(u->asked, &u->one);
    if (n != 0)
        ask_ends(u, ask, n);
    else if (u->taken_back)
        ask_ends(u, ask, -ECANCELED);
    else if (ask_goes_on(u, ask) == WEIR__PENDING)
        return;
    ask->wake(ask);
    if (closed)
        weir__stream_gone(&u->stream);
}

static int udp_ask(struct weir_stream *s, struct weir__op *ask) {
    struct udp *u = udp_of(s);
    u->into = u->lent ? weir__alloc(DATAGRAM_MAX) : u->bytes;
    if (u->into == NULL) {
        ask->result = -ENOMEM;
        return WEIR__DONE;
    }
    if (u->into == u->bytes)
        u->lent = true;
    u->pending = ask;
    u->taken_back = false;
    u->asked = u->dgram;
    return ask_goes_on(u, ask);
}

static int udp_unask(struct weir_stream *s, struct weir__op *ask) {
    struct udp *u = udp_of(s);
    u->taken_back = weir__dgram_unask(u->asked, &u->one) == WEIR__PENDING;
    if (u->taken_back)
        return WEIR__PENDING;
    int64_t n = weir__dgram_asked(u->asked, &u->one);
    ask_ends(u, ask, n != 0 ? n : -ECANCELED);
    return WEIR__DONE;
}

/* ---- writing ---- */

static int udp_send(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done) {
    int rc = weir_dgram_send(udp_of(s)->dgram, buf, len, NULL);
    *ret_done = rc == 0 ? len : 0;
    return s->closed ? -ECANCELED : rc;
}

/* One write is one datagram, whatever pieces it is made of. */
static int udp_sendv(struct weir_stream *s, struct iovec *vec, size_t count, size_t *ret_done) {
    size_t len = 0, at = 0;
    *ret_done = 0;
    for (size_t i = 0; i < count; i++)
        len += vec[i].iov_len;
    if (len > DATAGRAM_MAX)
        return -EMSGSIZE;
    uint8_t *whole = weir__alloc(len);
    if (whole == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; at += vec[i++].iov_len)
        if (vec[i].iov_len > 0)
            memcpy(whole + at, vec[i].iov_base, vec[i].iov_len);
    int rc = udp_send(s, whole, len, ret_done);
    weir__free(whole);
    return rc;
}

static int64_t udp_try_send(struct weir_stream *s, const void *buf, size_t len) {
    int rc = weir_dgram_try_send(udp_of(s)->dgram, buf, len, NULL);
    return rc == 0 ? (int64_t)len : rc;
}

static int udp_wait_room(struct weir_stream *s) {
    int fd = weir_dgram_fd(udp_of(s)->dgram);
    int rc = fd >= 0 ? weir_wait_fd(fd, POLLOUT) : weir_sleep(WEIR_MILLISECONDS(ROOM_MS));
    return s->closed ? -ECANCELED : rc < 0 ? rc : 0;
}

static int udp_shutdown(struct weir_stream *s) {
    return -EOPNOTSUPP;
}

static void udp_close(struct weir_stream *s) {
    weir__stream_drop(s);
    weir_dgram_close(&udp_of(s)->dgram);
    if (udp_of(s)->pending == NULL) /* else when that ends */
        weir__stream_gone(s);
}

static void udp_leave(struct weir_stream *s) {
    weir_dgram_close(&udp_of(s)->dgram);
}

static void udp_address(struct weir_stream *s, bool peer, char *ret_text) {
    struct weir_addr own;
    if (peer || s->closed) {
        snprintf(ret_text, WEIR__NAME_TEXT, "%s", peer ? udp_of(s)->peer : "?");
        return;
    }
    weir_dgram_local(udp_of(s)->dgram, &own);
    weir_addr_text(&own, ret_text, WEIR__NAME_TEXT);
}

static const struct weir__stream_kind udp_kind = {
    .name = "udp",
    .goes_on = true,
    .recv = weir__stream_recv,
    .release = udp_release,
    .ask = udp_ask,
    .unask = udp_unask,
    .send = udp_send,
    .sendv = udp_sendv,
    .try_send = udp_try_send,
    .wait_room = udp_wait_room,
    .shutdown = udp_shutdown,
    .close = udp_close,
    .leave = udp_leave,
    .address = udp_address,
};

int weir__dial_udp(const char *rest, const char *url, const struct weir_dial_options *options,
                   struct weir_stream **ret_stream) {
    struct weir_dgram_options o = {.size = sizeof o, .local = options->local};
    struct udp *u = weir__alloc(sizeof *u);
    if (u == NULL)
        return weir__fail(-ENOMEM, "dial", url);
    int rc = weir_dgram_dial(url, &o, &u->dgram);
    if (rc < 0) {
        weir__free(u);
        return rc;
    }
    u->pending = NULL;
    u->lent = false;
    weir__stream_init(&u->stream, &udp_kind, weir__loop());
    snprintf(u->peer, sizeof u->peer, "%s", url);
    weir__stream_give(&u->stream, ret_stream);
    return 0;
}
