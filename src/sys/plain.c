/* SPDX-License-Identifier: MIT */
/* plain.c - see plain.h. */
#include "sys/plain.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/fds.h"
#include "sys/foreign.h"
#include "sys/limits.h"
#include "sys/message.h"

enum { ACCEPT_TRIES = 16 }; /* in a row: an error that does not pass must not hold the loop */

static int64_t result(int64_t rc) {
    return rc < 0 ? -errno : rc;
}

weir_ns weir__plain_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (weir_ns)t.tv_sec * 1000000000 + t.tv_nsec;
}

void weir__plain_random(void *buf, size_t len) {
    uint8_t *p = buf;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            WEIR_BUG("getrandom failed: %s", strerror(errno));
        p += n;
        len -= (size_t)n;
    }
}

int64_t weir__plain_socket(int family, int type, int flags) {
    return weir__fd_lift(socket(family, type | SOCK_CLOEXEC | flags, 0));
}

int64_t weir__plain_recv(int fd, void *buf, size_t len) {
    ssize_t n;
    do
        n = recv(fd, buf, len, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return result(n);
}

/* accept(2), "Error handling": errors of the network that already happened to the new socket. */
static bool died_waiting(int64_t rc) {
    switch (-rc) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* The kernel takes a descriptor number and memory before it looks whether a connection waits. So a
 * shortage matters only if one does: ask poll. */
static bool is_for_nobody(int fd, int64_t rc) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM) && poll(&p, 1, 0) == 0;
}

int64_t weir__plain_accept(int fd, struct weir__addr *ret_peer, int flags) {
    int64_t rc;
    int tries = ACCEPT_TRIES;
    do {
        socklen_t len = sizeof *ret_peer - offsetof(struct weir__addr, sa);
        rc = weir__fd_accept(fd, ret_peer ? &ret_peer->sa : NULL, ret_peer ? &len : NULL, flags);
        if (rc >= 0 && ret_peer != NULL)
            ret_peer->len = len;
    } while (died_waiting(rc) && --tries > 0);
    return is_for_nobody(fd, rc) ? -EAGAIN : rc;
}

int weir__plain_peer(int fd, struct weir__addr *ret_peer) {
    socklen_t len = sizeof *ret_peer - offsetof(struct weir__addr, sa);
    if (getpeername(fd, &ret_peer->sa, &len) != 0)
        return -errno;
    ret_peer->len = len;
    return 0;
}

static bool vector_sent(struct weir__op *op, size_t n) {
    op->u.vector.done += n;
    while (op->u.vector.count > 0) {
        struct iovec *v = op->u.vector.vec;
        if (n < v->iov_len) {
            v->iov_base = (uint8_t *)v->iov_base + n;
            v->iov_len -= n;
            return false;
        }
        n -= v->iov_len;
        op->u.vector.vec++;
        op->u.vector.count--;
    }
    return true;
}

bool weir__plain_sent(struct weir__op *op, size_t n) {
    if (op->kind == WEIR__SENDV)
        return vector_sent(op, n);
    op->u.bytes.done += n;
    return op->u.bytes.done == op->u.bytes.len;
}

size_t weir__plain_done(const struct weir__op *op) {
    return op->kind == WEIR__SEND ? op->u.bytes.done : op->u.vector.done;
}

/* Count up to max only: a vector of very many parts must not be counted whole again for each
 * piece. */
size_t weir__plain_unsent(const struct weir__op *op, size_t max) {
    size_t sum = 0;
    if (op->kind == WEIR__SEND)
        sum = op->u.bytes.len - op->u.bytes.done;
    else
        for (size_t i = 0; i < op->u.vector.count && sum < max; i++)
            sum += op->u.vector.vec[i].iov_len;
    return sum < max ? sum : max;
}

static ssize_t send_some(struct weir__op *op, size_t max) {
    int fd = op->file->fd;
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    if (op->kind == WEIR__SEND) {
        size_t rest = op->u.bytes.len - op->u.bytes.done;
        return send(fd, (uint8_t *)op->u.bytes.base + op->u.bytes.done, rest < max ? rest : max,
                    flags);
    }
    struct iovec *v = op->u.vector.vec;
    size_t count = 0, sum = 0;
    while (count < op->u.vector.count && count < IOV_MAX && sum < max)
        sum += v[count++].iov_len;
    size_t over = sum > max ? sum - max : 0; /* cut from the last part for this call */
    if (over > 0)
        v[count - 1].iov_len -= over;
    struct msghdr m = {.msg_iov = v, .msg_iovlen = count};
    ssize_t n = sendmsg(fd, &m, flags);
    if (over > 0)
        v[count - 1].iov_len += over;
    return n;
}

int64_t weir__plain_send_once(const struct weir__op *op) {
    ssize_t n;
    do
        n = send(op->file->fd, op->u.bytes.base, op->u.bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return result(n);
}

/* A send that took a part only is tried again until the kernel returns EAGAIN: only then it will
 * report when there is room. */
int64_t weir__plain_send(struct weir__op *op, size_t max) {
    for (;;) {
        ssize_t n = send_some(op, max);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (weir__plain_sent(op, (size_t)n))
            return (int64_t)weir__plain_done(op);
        max -= (size_t)n;
        if (max == 0)
            return -EINPROGRESS;
    }
}

/* Those that are a number for the kernel as they are for us. */
static const struct {
    int level, name;
} options[WEIR__BROADCAST] = {
    [WEIR__NODELAY] = {IPPROTO_TCP, TCP_NODELAY},
    [WEIR__REUSEADDR] = {SOL_SOCKET, SO_REUSEADDR},
    [WEIR__REUSEPORT] = {SOL_SOCKET, SO_REUSEPORT},
    [WEIR__V6ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY},
    [WEIR__SNDBUF] = {SOL_SOCKET, SO_SNDBUF},
    [WEIR__RCVBUF] = {SOL_SOCKET, SO_RCVBUF},
    [WEIR__KEEPINTVL] = {IPPROTO_TCP, TCP_KEEPINTVL},
    [WEIR__KEEPCNT] = {IPPROTO_TCP, TCP_KEEPCNT},
    [WEIR__USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT},
    [WEIR__QUICKACK] = {IPPROTO_TCP, TCP_QUICKACK},
    [WEIR__MARK] = {SOL_SOCKET, SO_MARK},
    [WEIR__PRIORITY] = {SOL_SOCKET, SO_PRIORITY},
};

static int64_t set_option(int fd, enum weir__option option, int value) {
    int on = value != 0;
    struct linger reset = {.l_onoff = on, .l_linger = 0};
    if (option == WEIR__LINGER0)
        return result(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
    if (option == WEIR__KEEPALIVE) {
        if (on && setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof value) != 0)
            return -errno;
        return result(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
    }
    if (option >= WEIR__BROADCAST)
        return -EINVAL;
    return result(setsockopt(fd, options[option].level, options[option].name, &value,
                             sizeof value));
}

static int64_t get_number(int fd, int level, int name, int *ret_value) {
    socklen_t len = sizeof *ret_value;
    return result(getsockopt(fd, level, name, ret_value, &len));
}

static int64_t get_option(int fd, enum weir__option option, int *ret_value) {
    struct linger linger = {0};
    socklen_t len = sizeof linger;
    if (option == WEIR__LINGER0) {
        int64_t rc = result(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len));
        *ret_value = linger.l_onoff != 0 && linger.l_linger == 0;
        return rc;
    }
    if (option == WEIR__KEEPALIVE) {
        int64_t rc = get_number(fd, SOL_SOCKET, SO_KEEPALIVE, ret_value);
        bool on = rc == 0 && *ret_value != 0;
        return on ? get_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, ret_value) : rc;
    }
    if (option >= WEIR__BROADCAST)
        return -EINVAL;
    return get_number(fd, options[option].level, options[option].name, ret_value);
}

void weir__plain_reset(int fd) {
    set_option(fd, WEIR__LINGER0, 1);
}

void weir__plain_turn_away(int fd) {
    weir__plain_reset(fd);
    close(fd);
}

int64_t weir__plain_close_unkept(struct weir__file *file) {
    if (file->fd >= 0 && !file->foreign)
        weir__plain_turn_away(file->fd);
    file->fd = -1;
    return 0;
}

int64_t weir__plain_detach(struct weir__op *op) {
    struct weir__file *file = op->file;
    int fd = file->fd;
    op->u.detach.block = NULL;
    op->u.detach.len = 0;
    op->u.detach.end = 1;
    file->fd = -1;
    file->state = WEIR__FILE_NONE;
    return fd;
}

static int64_t name_of(int fd, struct weir__addr *ret, bool peer) {
    if (peer)
        return weir__plain_peer(fd, ret);
    socklen_t len = sizeof *ret - offsetof(struct weir__addr, sa);
    if (getsockname(fd, &ret->sa, &len) != 0)
        return -errno;
    ret->len = len;
    return 0;
}

static int64_t unacked(int fd) {
    int n = 0;
    return ioctl(fd, SIOCOUTQ, &n) < 0 ? -errno : n;
}

bool weir__plain_kind(int kind) {
    return kind >= WEIR__BIND && kind <= WEIR__TRY_RECVMSG;
}

/* Limit the length: one call on a regular file could move gigabytes. */
static size_t a_piece(const struct weir__op *op) {
    size_t max = weir__sys_limits.bulk_size;
    return op->u.bytes.len < max ? op->u.bytes.len : max;
}

int64_t weir__plain(struct weir__op *op) {
    int fd = op->file->fd;
    switch (op->kind) {
    case WEIR__BIND:
        return result(bind(fd, &op->u.addr->sa, op->u.addr->len));
    case WEIR__LISTEN:
        return result(listen(fd, op->u.number));
    case WEIR__SETOPT:
        if (op->u.option.option >= WEIR__BROADCAST)
            return weir__message_option(op);
        return set_option(fd, op->u.option.option, op->u.option.value);
    case WEIR__GETOPT:
        return get_option(fd, op->u.option.option, &op->u.option.value);
    case WEIR__NAME:
        return name_of(fd, op->u.name.ret, op->u.name.peer);
    case WEIR__UNACKED:
        return unacked(fd);
    case WEIR__SHUTDOWN:
        return result(shutdown(fd, op->u.number));
    case WEIR__READ_FD:
        return op->file->own ? weir__own_read(fd, op->u.bytes.base, a_piece(op))
                             : weir__foreign_read(fd, op->u.bytes.base, a_piece(op));
    case WEIR__WRITE_FD:
        return op->file->own ? weir__own_write(fd, op->u.bytes.base, a_piece(op))
                             : weir__foreign_write(fd, op->u.bytes.base, a_piece(op));
    case WEIR__TRY_SENDMSG:
        return weir__message_send(op);
    case WEIR__TRY_RECVMSG:
        return weir__message_recv(op);
    default:
        return -EINVAL;
    }
}
