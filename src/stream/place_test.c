/* SPDX-License-Identifier: MIT */
/* place_test.c - the places of a stream's peer and descriptor, read as another process would read
 * them: from the stream's memory alone (task/what.h). */
#include "stream/stream_test_util.h"

#include "stream/stream.h"
#include "sys/peer.h"

/* The first member of a stream points to its kind, and the kind begins with the place. */
static struct weir__place place_of(const struct weir_stream *s) {
    const void *kind;
    struct weir__place place;
    memcpy(&kind, s, sizeof kind);
    memcpy(&place, kind, sizeof place);
    return place;
}

static int fd_at(const struct weir_stream *s, struct weir__place place) {
    int fd;
    memcpy(&fd, (const char *)s + place.fd_at, sizeof fd);
    return fd;
}

STREAM_STORY(KINDS_ALL, the_descriptor_lies_where_its_kind_says) {
    struct weir__place place = place_of(e->a);
    if (e->kind == KIND_MEMORY)
        assert_int_equal(place.fd_at, 0); /* it has none */
    else if (strcmp(test_backend, "sim") == 0)
        assert_true(fd_at(e->a, place) > 0); /* weir_stream_fd hides a simulated one */
    else
        assert_int_equal(fd_at(e->a, place), weir_stream_fd(e->a));
    return 0;
}

/* The accepted end: its listener was told the peer's address. */
STREAM_STORY(KINDS_ALL, the_peer_lies_where_its_kind_says) {
    struct weir__place place = place_of(e->b);
    struct weir__peer peer;
    char text[64];
    if (e->kind == KIND_MEMORY || e->kind == KIND_FD) {
        assert_int_equal(place.peer_at, 0);
        return 0;
    }
    memcpy(&peer, (const char *)e->b + place.peer_at, sizeof peer);
    if (e->kind == KIND_UNIX) {
        assert_int_equal(peer.family, AF_UNSPEC);
        return 0;
    }
    assert_int_equal(peer.family, AF_INET);
    snprintf(text, sizeof text, "%d.%d.%d.%d:%d", peer.ip[0], peer.ip[1], peer.ip[2], peer.ip[3],
             peer.port);
    assert_string_equal(text, weir_stream_peer(e->b));
    return 0;
}
