/* SPDX-License-Identifier: MIT */
/* socket.c - a stream over a kernel socket: each wait is one op of the backend, in the frame of
 * the task that waits. */
#include "stream/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/check.h"
#include "stream/detached.h"
#include "sys/fds.h"

static struct weir__socket *socket_of(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct weir__socket, stream);
}

static int64_t socket_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct weir__op op = {.kind = WEIR__RECV, .file = &socket_of(s)->file};
    int64_t n = weir__op_await(&op, &weir__reads, s);
    if (n > 0)
        *ret_lent = op.u.lent;
    return n;
}

static void socket_release(struct weir_stream *s, struct weir__lent *lent) {
    weir__release(s->loop->backend, lent);
}

/* A RECV of the backend is an ask already. */
static int socket_ask(struct weir_stream *s, struct weir__op *ask) {
    ask->kind = WEIR__RECV;
    ask->file = &socket_of(s)->file;
    ask->cancelled = false;
    return weir__submit(s->loop->backend, ask);
}

static int socket_unask(struct weir_stream *s, struct weir__op *ask) {
    return weir__cancel(s->loop->backend, ask);
}

static int64_t socket_recv_into(struct weir_stream *s, void *buf, size_t len) {
    struct weir__op op = {.kind = WEIR__RECV_INTO,
                          .file = &socket_of(s)->file,
                          .u.bytes = {.base = buf, .len = len}};
    return weir__op_await(&op, &weir__reads, s);
}

static int socket_send(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done) {
    struct weir__op op = {.kind = WEIR__SEND,
                          .file = &socket_of(s)->file,
                          .u.bytes = {.base = (void *)(uintptr_t)buf, .len = len}};
    int64_t n = weir__op_await(&op, &weir__writes, s);
    *ret_done = op.u.bytes.done;
    return n < 0 ? (int)n : 0;
}

static int socket_sendv(struct weir_stream *s, struct iovec *vec, size_t count,
                        size_t *ret_done) {
    struct weir__op op = {.kind = WEIR__SENDV,
                          .file = &socket_of(s)->file,
                          .u.vector = {.vec = vec, .count = count}};
    int64_t n = weir__op_await(&op, &weir__writes, s);
    *ret_done = op.u.vector.done;
    return n < 0 ? (int)n : 0;
}

static int put_ended(struct weir__put *p) {
    p->done = p->op.kind == WEIR__SEND ? p->op.u.bytes.done : p->op.u.vector.done;
    p->result = p->op.result < 0 ? p->op.result : 0;
    return WEIR__DONE;
}

static void put_wake(struct weir__op *op) {
    struct weir__put *p = WEIR_CONTAINER(op, struct weir__put, op);
    put_ended(p);
    p->wake(p);
}

static int socket_put(struct weir_stream *s, struct weir__put *p) {
    p->op = (struct weir__op){.kind = WEIR__SENDV,
                              .file = &socket_of(s)->file,
                              .wake = put_wake,
                              .u.vector = {.vec = p->vec, .count = p->count}};
    if (p->count == 1) {
        p->op.kind = WEIR__SEND;
        p->op.u.bytes.base = p->vec->iov_base;
        p->op.u.bytes.len = p->vec->iov_len;
        p->op.u.bytes.done = 0;
    }
    return weir__submit(s->loop->backend, &p->op) == WEIR__DONE ? put_ended(p) : WEIR__PENDING;
}

static int socket_unput(struct weir_stream *s, struct weir__put *p) {
    return weir__cancel(s->loop->backend, &p->op) == WEIR__DONE ? put_ended(p) : WEIR__PENDING;
}

static int64_t socket_try_send(struct weir_stream *s, const void *buf, size_t len) {
    struct weir__op op = {.kind = WEIR__WRITE_FD,
                          .file = &socket_of(s)->file,
                          .u.bytes = {.base = (void *)(uintptr_t)buf, .len = len}};
    return weir__op_now(s->loop, &op);
}

static int socket_send_soon(struct weir_stream *s, struct weir__op *op) {
    op->kind = WEIR__SEND_SOON;
    op->file = &socket_of(s)->file;
    return weir__submit(s->loop->backend, op);
}

static int socket_wait_room(struct weir_stream *s) {
    struct weir__file *file = &socket_of(s)->file;
    struct weir__op op = {
        .kind = WEIR__POLL, .file = file, .u.poll = {.fd = file->fd, .events = POLLOUT}};
    int64_t n = weir__op_await(&op, &weir__writes, s);
    return n < 0 ? (int)n : 0;
}

static int socket_fd(const struct weir_stream *s) {
    return ((const struct weir__socket *)(const void *)s)->file.fd;
}

static int socket_shutdown(struct weir_stream *s) {
    struct weir__op op = {
        .kind = WEIR__SHUTDOWN, .file = &socket_of(s)->file, .u.number = SHUT_WR};
    return (int)weir__op_now(s->loop, &op);
}

static int64_t socket_unacked(struct weir_stream *s) {
    struct weir__op op = {.kind = WEIR__UNACKED, .file = &socket_of(s)->file};
    return weir__op_now(s->loop, &op);
}

/* What the backend has received already, and what only the kernel has. */
static bool socket_is_quiet(struct weir_stream *s) {
    uint8_t byte;
    struct iovec piece = {&byte, 1};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
    struct weir__op read = {.kind = WEIR__READ_FD, .file = &socket_of(s)->file,
                            .u.bytes = {.base = &byte, .len = 1}};
    struct weir__op look = {.kind = WEIR__TRY_RECVMSG, .file = &socket_of(s)->file,
                            .u.message = {.messages = &message, .count = 1, .flags = MSG_PEEK}};
    return weir__op_now(s->loop, &read) == -EAGAIN &&
           (s->loop->backend->simulated || weir__op_now(s->loop, &look) == -EAGAIN);
}

static int64_t socket_detach(struct weir_stream *s, struct weir__op *op,
                             struct weir_detached *d) {
    struct weir__socket *k = socket_of(s);
    d->is_socket = true;
    d->peer = k->peer;
    d->exact = k->file.exact;
    op->file = &k->file;
    return weir__detach_await(s, op);
}

static void closed(struct weir__op *op) {
    struct weir_stream *s = &WEIR_CONTAINER(op, struct weir__socket, op)->stream;
    weir__close_done(s->loop);
    weir__stream_gone(s);
}

static void socket_close(struct weir_stream *s) {
    weir__socket_close(socket_of(s), closed);
}

static void socket_leave(struct weir_stream *s) {
    weir__fd_close_copy(socket_of(s)->file.fd, true);
}

static void socket_address(struct weir_stream *s, bool peer, char *ret_text) {
    struct weir__socket *k = socket_of(s);
    struct weir__peer known = k->peer;
    struct weir__addr addr = {.len = 0};
    if (!peer || known.family == AF_UNSPEC) {
        weir__socket_name(s->loop, &k->file, peer, &addr);
        weir__peer_of(&addr, &known);
    }
    if (known.family != AF_UNSPEC)
        weir__peer_addr(&known, &addr);
    weir__addr_format(&addr, ret_text, WEIR__NAME_TEXT);
}

static const struct weir__stream_kind socket_kind = {
    .place = {.peer_at = offsetof(struct weir__socket, peer),
              .fd_at = offsetof(struct weir__socket, file.fd)},
    .name = "socket",
    .recv = socket_recv,
    .release = socket_release,
    .ask = socket_ask,
    .unask = socket_unask,
    .recv_into = socket_recv_into,
    .send = socket_send,
    .sendv = socket_sendv,
    .put = socket_put,
    .unput = socket_unput,
    .try_send = socket_try_send,
    .send_soon = socket_send_soon,
    .wait_room = socket_wait_room,
    .shutdown = socket_shutdown,
    .fd = socket_fd,
    .unacked = socket_unacked,
    .is_quiet = socket_is_quiet,
    .detach = socket_detach,
    .close = socket_close,
    .leave = socket_leave,
    .address = socket_address,
};

void weir__socket_init(struct weir__socket *k, struct weir__loop *l) {
    weir__stream_init(&k->stream, &socket_kind, l);
    k->file = (struct weir__file){.fd = -1};
    k->op = (struct weir__op){.file = &k->file};
    k->peer = (struct weir__peer){.family = AF_UNSPEC};
}

struct weir__file *weir__socket_file(struct weir_stream *s) {
    return s->kind == &socket_kind ? &socket_of(s)->file : NULL;
}

struct weir__file *weir__socket_unix(struct weir_stream *s) {
    bool is_socket = s->kind == &socket_kind;
    return is_socket && socket_of(s)->file.exact ? &socket_of(s)->file : NULL;
}

static int attach(struct weir__socket *k, int fd, bool exact) {
    struct weir__op op = {.kind = WEIR__ATTACH, .file = &k->file};
    k->file.fd = fd;
    k->file.exact = exact;
    int rc = (int)weir__op_now(k->stream.loop, &op);
    if (rc < 0)
        k->file.fd = -1;
    return rc;
}

int weir__socket_adopt(struct weir__socket *k, int fd, const struct weir__addr *peer) {
    int rc = attach(k, fd, peer->len > 0 && peer->sa.sa_family == AF_UNIX);
    if (rc >= 0)
        weir__peer_of(peer, &k->peer);
    return rc;
}

int weir__socket_enter(struct weir__socket *k, const struct weir_detached *d) {
    int rc = attach(k, d->fd, d->exact);
    if (rc >= 0)
        k->peer = d->peer;
    return rc;
}

int weir__socket_again(struct weir__loop *l, const struct weir_detached *d,
                       struct weir_stream **ret_stream) {
    struct weir__socket *k = weir__alloc(sizeof *k);
    if (k == NULL)
        return -ENOMEM;
    weir__socket_init(k, l);
    int rc = weir__socket_enter(k, d);
    if (rc < 0) {
        weir__free(k);
        return rc;
    }
    *ret_stream = &k->stream;
    return 0;
}

/* A connected stream socket of the system? ret_peer->len is 0 if its peer has no name. */
static int look_at(int fd, struct weir__addr *ret_peer) {
    int type = 0;
    socklen_t len = sizeof type, peer_len = sizeof ret_peer->un;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return -errno;
    if (type != SOCK_STREAM)
        return -EPROTOTYPE;
    if (getpeername(fd, &ret_peer->sa, &peer_len) < 0)
        return -errno;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    ret_peer->len = peer_len;
    return 0;
}

/* In a simulation the kernel does not know the number, so look_at finds no peer: this asks the
 * backend for it. A connection that was reset has no peer any more. */
static void ask_peer(struct weir__socket *k) {
    struct weir__addr peer = {.len = 0};
    struct weir__op op = {
        .kind = WEIR__NAME, .file = &k->file, .u.name = {.peer = true, .ret = &peer}};
    if (weir__op_now(k->stream.loop, &op) < 0)
        return;
    k->file.exact = peer.sa.sa_family == AF_UNIX;
    weir__peer_of(&peer, &k->peer);
}

int weir_stream_from_socket(int fd, struct weir_stream **ret_stream) {
    static const char what[] = "stream from a socket";
    struct weir__addr peer = {.len = 0};
    struct weir__loop *l = weir__loop();
    if (l == NULL)
        return weir__no_loop(what);
    int rc = l->backend->simulated ? 0 : look_at(fd, &peer);
    struct weir__socket *k = rc == 0 ? weir__alloc(sizeof *k) : NULL;
    if (rc == 0 && k == NULL)
        rc = -ENOMEM;
    if (rc < 0)
        return weir__fail(rc, what, NULL);
    weir__socket_init(k, l);
    rc = weir__socket_adopt(k, fd, &peer);
    if (rc < 0) {
        weir__free(k);
        return weir__fail(rc, what, NULL);
    }
    if (l->backend->simulated)
        ask_peer(k);
    weir__stream_give(&k->stream, ret_stream);
    weir__stream_remember(&k->stream, __builtin_return_address(0));
    return 0;
}

int weir__socket_open(struct weir__loop *l, int family, const struct weir__socket_options *options,
                      struct weir__socket **ret_socket) {
    struct weir__socket *k = weir__alloc(sizeof *k);
    if (k == NULL)
        return -ENOMEM;
    weir__socket_init(k, l);
    k->file.exact = family == AF_UNIX;
    struct weir__op op = {
        .kind = WEIR__SOCKET, .file = &k->file, .u.socket = {family, SOCK_STREAM}};
    int rc = (int)weir__op_now(l, &op);
    if (rc < 0) {
        weir__free(k);
        return rc;
    }
    if (family != AF_UNIX)
        rc = weir__socket_options(l, &k->file, options);
    if (rc < 0) {
        struct weir_stream *s = &k->stream;
        weir_close(&s);
        return rc;
    }
    *ret_socket = k;
    return 0;
}

/* The kernel resets a connection that is closed with unread bytes. It does not know of unread bytes
 * that lie in the window already: ask it for the reset. */
void weir__socket_close(struct weir__socket *k, void (*done)(struct weir__op *op)) {
    struct weir_stream *s = &k->stream;
    if (s->left > 0 && k->peer.family != AF_UNSPEC)
        weir__socket_option(s->loop, &k->file, WEIR__LINGER0, 1);
    weir__stream_drop(s);
    weir__close_submit(s->loop, &k->op, &k->file, done);
}

int weir__socket_option(struct weir__loop *l, struct weir__file *file, enum weir__option option,
                        int value) {
    struct weir__op op = {
        .kind = WEIR__SETOPT, .file = file, .u.option = {.option = option, .value = value}};
    return (int)weir__op_now(l, &op);
}

int weir__socket_options(struct weir__loop *l, struct weir__file *file,
                         const struct weir__socket_options *options) {
    int rc = 0;
    if (!options->delay)
        rc = weir__socket_option(l, file, WEIR__NODELAY, 1);
    if (rc >= 0 && options->keepalive_s > 0)
        rc = weir__socket_option(l, file, WEIR__KEEPALIVE, options->keepalive_s);
    return rc;
}

void weir__socket_name(struct weir__loop *l, struct weir__file *file, bool peer,
                       struct weir__addr *ret_addr) {
    struct weir__op op = {
        .kind = WEIR__NAME, .file = file, .u.name = {.ret = ret_addr, .peer = peer}};
    ret_addr->len = 0;
    if (weir__op_now(l, &op) < 0)
        ret_addr->len = 0;
}
