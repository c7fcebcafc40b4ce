/* SPDX-License-Identifier: MIT */
/* handover.c - a detached stream on its way to another process: one message over a unix socket,
 * with the descriptor beside its first byte.
 *
 *   0   8  "weir\0d" and the version, two bytes
 *   8   4  how many unread bytes follow the head
 *  12   4  the error that reads return, negative; else 0
 *  16   1  bits: the stream has ended, the error was met by a write, this side was shut down,
 *          it is a unix socket
 *  17   1  the peer's family: 0 not known, 4, 6
 *  18   2  the peer's port
 *  20   4  the peer's scope
 *  24  16  the peer's address
 *
 * Numbers have the machine's byte order: both processes are on it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "stream/detached.h"
#include "stream/pass.h"
#include "sys/plain.h"

enum { HEAD = 40, UNREAD_MAX = 16 << 20, VERSION = 1 };
enum { ENDED = 1, BY_WRITE = 2, SHUT = 4, UNIX = 8, BITS = 15 };

static const char magic[6] = {'w', 'e', 'i', 'r', 0, 'd'};

/* ---- the head -------------------------------------------------------------------------------- */

static void put_head(const struct weir_detached *d, uint8_t *to) {
    const struct weir__peer *p = &d->peer;
    const uint16_t version = VERSION;
    const int32_t failed = d->failed;
    memset(to, 0, HEAD);
    memcpy(to, magic, sizeof magic);
    memcpy(to + 6, &version, 2);
    memcpy(to + 8, &d->left, 4);
    memcpy(to + 12, &failed, 4);
    to[16] = (uint8_t)((d->ended ? ENDED : 0) | (d->by_write ? BY_WRITE : 0)
                       | (d->shut ? SHUT : 0) | (d->exact ? UNIX : 0));
    to[17] = p->family == AF_INET ? 4 : p->family == AF_INET6 ? 6 : 0;
    memcpy(to + 18, &p->port, 2);
    memcpy(to + 20, &p->scope, 4);
    memcpy(to + 24, p->ip, 16);
}

/* Returns NULL, or what is wrong. */
static const char *take_head(struct weir_detached *d, const uint8_t *from) {
    uint16_t version;
    int32_t failed;
    memcpy(&version, from + 6, 2);
    memcpy(&d->left, from + 8, 4);
    memcpy(&failed, from + 12, 4);
    if (memcmp(from, magic, sizeof magic) != 0)
        return "it is no detached stream";
    if (version != VERSION)
        return "it comes from another version of the library";
    if (d->left > UNREAD_MAX)
        return "it has too many unread bytes";
    if (failed > 0 || failed <= WEIR_EUSER)
        return "its error code does not exist";
    if ((from[16] & ~BITS) != 0 || (from[17] != 0 && from[17] != 4 && from[17] != 6))
        return "its head is wrong";
    d->failed = (int16_t)failed;
    d->ended = (from[16] & ENDED) != 0;
    d->by_write = (from[16] & BY_WRITE) != 0;
    d->shut = (from[16] & SHUT) != 0;
    d->exact = (from[16] & UNIX) != 0;
    d->peer.family = from[17] == 4 ? AF_INET : from[17] == 6 ? AF_INET6 : AF_UNSPEC;
    memcpy(&d->peer.port, from + 18, 2);
    memcpy(&d->peer.scope, from + 20, 4);
    memcpy(d->peer.ip, from + 24, 16);
    return NULL;
}

/* ---- sending --------------------------------------------------------------------------------- */

int weir_detached_send(struct weir_stream *unix_stream, struct weir_detached **take_detached) {
    static const char what[] = "send a detached stream";
    struct weir_detached *d = *take_detached;
    weir__not_null(unix_stream, "weir_detached_send");
    weir__not_null(d, "weir_detached_send");
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    if (!d->is_socket)
        return weir__failf(-EOPNOTSUPP, what, d->peer_text, "it is no socket (EOPNOTSUPP)");
    if (d->left > UNREAD_MAX)
        return weir__fail(WEIR_ETOOBIG, what, d->peer_text);
    uint8_t *message = weir__alloc(HEAD + (size_t)d->left);
    if (message == NULL)
        return weir__fail(-ENOMEM, what, d->peer_text);
    put_head(d, message);
    if (d->left > 0)
        memcpy(message + HEAD, d->at, d->left);
    rc = weir__stream_send_fds(unix_stream, message, HEAD + (size_t)d->left, &d->fd, 1);
    weir__free(message);
    if (rc < 0)
        return rc;
    weir__detached_drop(d, true);
    *take_detached = NULL;
    return 0;
}

/* ---- receiving ------------------------------------------------------------------------------- */

struct coming {
    struct weir_stream *from;
    int *fd;
    size_t count, done;
    bool lost; /* there were more than one */
};

/* Receive len bytes. Returns len, or what has stopped it: 0, or an error. */
static ssize_t receive(struct coming *c, uint8_t *to, size_t len) {
    for (size_t got = 0; got < len;) {
        size_t count = 0;
        bool lost = false;
        ssize_t n = weir__stream_recv_fds(c->from, to + got, len - got, c->fd, 1 - c->count,
                                          &count, &lost);
        if (n <= 0)
            return n;
        got += (size_t)n;
        c->done += (size_t)n;
        c->count += count;
        c->lost |= lost;
    }
    return (ssize_t)len;
}

/* A connected stream socket? Its flags are those of the sender's, too. */
static const char *look_at(int fd) {
    int type = 0, listens = 0, flags = fcntl(fd, F_GETFL);
    socklen_t len = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
        return "its descriptor is no stream socket";
    len = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || listens != 0)
        return "its descriptor is no connection";
    if (flags < 0 || ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
        return "its descriptor cannot be used";
    return NULL;
}

static const char *check_fds(const struct coming *c, struct weir_detached *d) {
    if (c->lost)
        return "more than one descriptor came with it";
    if (c->count == 0)
        return "no descriptor came with it";
    return d->simulated ? NULL : look_at(d->fd);
}

static int stopped(const struct coming *c, int rc, const char *what, const char *why) {
    if (why != NULL)
        rc = weir__failf(WEIR_EPROTO, what, NULL, "%s (%s)", why, weir_error_name(WEIR_EPROTO));
    else if (rc == 0)
        rc = weir__fail(WEIR_EEOF, what, NULL);
    weir__fail_done(rc, c->done);
    return rc;
}

/* Receive all of d. Returns 1, 0 at the end, or an error. */
static int receive_all(struct coming *c, struct weir_detached *d, const char *what) {
    uint8_t head[HEAD];
    ssize_t n = receive(c, head, HEAD);
    if (n <= 0)
        return n == 0 && c->done == 0 ? 0 : stopped(c, (int)n, what, NULL);
    const char *why = take_head(d, head);
    if (why == NULL)
        why = check_fds(c, d);
    if (why != NULL)
        return stopped(c, 0, what, why);
    if (d->left == 0)
        return 1;
    d->hold = weir__alloc(sizeof *d->hold + d->left);
    if (d->hold == NULL)
        return stopped(c, weir__fail(-ENOMEM, what, NULL), what, NULL);
    d->hold->size = d->left;
    d->at = d->hold->bytes;
    n = receive(c, d->at, d->left);
    why = n > 0 ? check_fds(c, d) : NULL; /* another may have come beside the bytes */
    return n <= 0 || why != NULL ? stopped(c, (int)n, what, why) : 1;
}

static void name_peer(struct weir_detached *d) {
    struct weir__addr addr = {.len = 0};
    if (d->peer.family != AF_UNSPEC)
        weir__peer_addr(&d->peer, &addr);
    else if (!d->simulated)
        (void)weir__plain_peer(d->fd, &addr);
    weir__addr_format(&addr, d->peer_text, sizeof d->peer_text);
}

int weir_detached_recv(struct weir_stream *unix_stream, struct weir_detached **ret_detached) {
    static const char what[] = "receive a detached stream";
    weir__not_null(unix_stream, "weir_detached_recv");
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    struct weir_detached *d = weir__alloc_zero(sizeof *d);
    if (d == NULL)
        return weir__fail(-ENOMEM, what, NULL);
    d->fd = -1;
    struct coming c = {.from = unix_stream, .fd = &d->fd};
    d->is_socket = true;
    d->simulated = unix_stream->loop->backend->simulated;
    rc = receive_all(&c, d, what);
    if (rc <= 0) {
        weir__detached_drop(d, true);
        return rc;
    }
    name_peer(d);
    *ret_detached = d;
    return 1;
}
