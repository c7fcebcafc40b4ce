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
    uint8_t bytes[DATAGRAM_MAX]; /* the datagram that is lent; its pages come with the first */
};

static struct udp *udp_of(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct udp, stream);
}

/* A datagram of 0 bytes is skipped: it would be taken for the end of stream. */
static int64_t udp_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct udp *u = udp_of(s);
    ssize_t n = 0;
    while (n == 0 && !s->closed)
        n = weir_dgram_recv(u->dgram, u->bytes, sizeof u->bytes, NULL);
    if (s->closed)
        return -ECANCELED;
    if (n > 0)
        *ret_lent = (struct weir__lent){u->bytes, (uint32_t)n, 1};
    return n;
}

static void udp_release(struct weir_stream *s, struct weir__lent *lent) {
    lent->token = 0;
}

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
    .recv = udp_recv,
    .release = udp_release,
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
    weir__stream_init(&u->stream, &udp_kind, weir__loop());
    snprintf(u->peer, sizeof u->peer, "%s", url);
    weir__stream_give(&u->stream, ret_stream);
    return 0;
}
