/* SPDX-License-Identifier: MIT */
/* message.c - see message.h. */
#include "sys/message.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "sys/fds.h"

/* ---- descriptors beside the bytes ----------------------------------------------------------- */

/* The descriptors of one control message lie unaligned. */
static int fd_at(const struct cmsghdr *c, size_t i) {
    int fd;
    memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
    return fd;
}

static void fd_put(struct cmsghdr *c, size_t i, int fd) {
    memcpy(CMSG_DATA(c) + i * sizeof fd, &fd, sizeof fd);
}

/* How many descriptors c carries. */
static size_t fds_in(const struct cmsghdr *c) {
    bool has = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
               && c->cmsg_len >= CMSG_LEN(0);
    return has ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
}

/* No descriptor is 0, 1 or 2 (fds.h). */
static void lift(struct msghdr *m) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        for (size_t i = 0, n = fds_in(c); i < n; i++) {
            int fd = weir__fd_lift(fd_at(c, i));
            m->msg_flags |= fd < 0 ? MSG_CTRUNC : 0;
            fd_put(c, i, fd < 0 ? -1 : fd);
        }
    }
}

size_t weir__message_take_fds(struct msghdr *m, int *fds, size_t max, bool *ret_lost) {
    size_t count = 0;
    bool lost = (m->msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        for (size_t i = 0, n = fds_in(c); i < n; i++) {
            int fd = fd_at(c, i);
            fd_put(c, i, -1);
            lost |= fd < 0 || count == max;
            if (fd >= 0 && count < max)
                fds[count++] = fd;
            else if (fd >= 0)
                close(fd);
        }
    }
    *ret_lost = lost;
    return count;
}

/* ---- the calls ------------------------------------------------------------------------------ */

/* One message by a call of its own: recvmmsg and sendmmsg cost more. */
static int64_t send_once(struct weir__op *op, int flags) {
    struct mmsghdr *m = op->u.message.messages;
    if (op->u.message.count != 1)
        return sendmmsg(op->file->fd, m, op->u.message.count, flags);
    ssize_t n = sendmsg(op->file->fd, &m->msg_hdr, flags);
    m->msg_len = n > 0 ? (unsigned)n : 0;
    return n < 0 ? -1 : 1;
}

int64_t weir__message_send(struct weir__op *op) {
    int64_t n;
    do
        n = send_once(op, op->u.message.flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int64_t recv_once(struct weir__op *op, int flags) {
    struct mmsghdr *m = op->u.message.messages;
    if (op->u.message.count != 1)
        return recvmmsg(op->file->fd, m, op->u.message.count, flags, NULL);
    ssize_t n = recvmsg(op->file->fd, &m->msg_hdr, flags);
    m->msg_len = n > 0 ? (unsigned)n : 0;
    return n < 0 ? -1 : 1;
}

int64_t weir__message_recv(struct weir__op *op) {
    int64_t n;
    do
        n = recv_once(op, op->u.message.flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    for (int64_t i = 0; i < n; i++) {
        struct msghdr *m = &op->u.message.messages[i].msg_hdr;
        m->msg_flags &= ~MSG_CMSG_CLOEXEC;
        if (m->msg_controllen > 0)
            lift(m);
    }
    return n;
}

int64_t weir__message_read(int fd, void *buf, size_t len, bool *ret_drained) {
    struct iovec v = {.iov_base = buf, .iov_len = len};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1}; /* no room for control data: none comes */
    ssize_t n;
    do
        n = recvmsg(fd, &m, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    *ret_drained = n > 0 && (size_t)n < len && (m.msg_flags & MSG_CTRUNC) == 0;
    return n < 0 ? -errno : n;
}

size_t weir__message_bytes(const struct weir__op *op, int64_t n) {
    size_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += op->u.message.messages[i].msg_len;
    return sum;
}

/* ---- options -------------------------------------------------------------------------------- */

static int set(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) != 0 ? -errno : 0;
}

static int family_of(int fd) {
    int family = AF_UNSPEC;
    socklen_t len = sizeof family;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 ? family : AF_UNSPEC;
}

/* A socket of IPv6 may send to addresses of IPv4 too: it has both options. */
static int set_both(int fd, int name4, int name6, int value) {
    int rc = set(fd, IPPROTO_IP, name4, value);
    return rc == 0 && family_of(fd) == AF_INET6 ? set(fd, IPPROTO_IPV6, name6, value) : rc;
}

static int membership(int fd, const struct weir__addr *group, int interface, int name) {
    struct group_req r = {.gr_interface = (uint32_t)interface};
    bool v6 = group->sa.sa_family == AF_INET6;
    if (!v6 && group->sa.sa_family != AF_INET)
        return -EINVAL;
    memcpy(&r.gr_group, &group->sa, group->len);
    return setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, name, &r, sizeof r) != 0 ? -errno : 0;
}

int64_t weir__message_option(const struct weir__op *op) {
    int fd = op->file->fd, value = op->u.option.value, rc;
    switch (op->u.option.option) {
    case WEIR__BROADCAST:
        return set(fd, SOL_SOCKET, SO_BROADCAST, value != 0);
    case WEIR__TTL:
        rc = set_both(fd, IP_TTL, IPV6_UNICAST_HOPS, value);
        return rc != 0 ? rc : set_both(fd, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, value);
    case WEIR__MULTICAST_LOOP:
        return set_both(fd, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, value != 0);
    case WEIR__JOIN:
        return membership(fd, op->u.option.group, value, MCAST_JOIN_GROUP);
    case WEIR__LEAVE:
        return membership(fd, op->u.option.group, value, MCAST_LEAVE_GROUP);
    default:
        return -EINVAL;
    }
}
