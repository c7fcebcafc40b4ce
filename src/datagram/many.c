/* SPDX-License-Identifier: MIT */
/* many.c - datagrams in batches, each by one system call; multicast groups. */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "datagram/address.h"
#include "datagram/datagram.h"
#include "stream/socket.h"

enum { BATCH = 32 }; /* datagrams in one call: its arrays lie on the caller's stack */

struct batch {
    struct mmsghdr m[BATCH];
    struct iovec v[BATCH];
};

/* ---- sending -------------------------------------------------------------------------------- */

static int64_t try_batch(struct weir_dgram *d, const struct weir_datagram *from, size_t count) {
    struct batch b;
    struct sockaddr_in6 mapped[BATCH];
    for (size_t i = 0; i < count; i++) {
        b.v[i] = (struct iovec){.iov_base = from[i].data, .iov_len = from[i].len};
        b.m[i].msg_hdr = (struct msghdr){.msg_iov = &b.v[i], .msg_iovlen = 1};
        weir__dgram_name(d, from[i].addr, &mapped[i], &b.m[i].msg_hdr);
    }
    struct weir__op op = {.kind = WEIR__TRY_SENDMSG,
                          .file = &d->file,
                          .u.message = {.messages = b.m, .count = (unsigned)count}};
    return weir__op_now(d->loop, &op);
}

ssize_t weir_dgram_send_many(struct weir_dgram *d, const struct weir_datagram *datagrams,
                             size_t count) {
    static const char what[] = "send of datagrams";
    size_t done = 0;
    unsigned tries = 0;
    int64_t n = weir__dgram_enter(d, what);
    if (n < 0)
        return (ssize_t)n;
    while (done < count && n >= 0) {
        size_t left = count - done;
        n = try_batch(d, datagrams + done, left < BATCH ? left : BATCH);
        done += n > 0 ? (size_t)n : 0;
        tries = n > 0 ? 0 : tries + 1;
        if (n == -EAGAIN)
            n = weir__dgram_wait_room(d, tries);
        else if (n > 0 && done < count && weir__breathe())
            n = d->closed ? WEIR_ECLOSED : weir_cancelled();
    }
    return weir__dgram_leave(d, done > 0 ? (int64_t)done : n, what);
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void batch_init(struct batch *b, struct weir_datagram *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        b->v[i] = (struct iovec){.iov_base = to[i].data, .iov_len = to[i].size};
        b->m[i].msg_hdr = (struct msghdr){.msg_iov = &b->v[i], .msg_iovlen = 1};
        if (to[i].addr == NULL)
            continue;
        b->m[i].msg_hdr.msg_name = &weir__addr_in(to[i].addr)->sa;
        b->m[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_un);
    }
}

static void batch_result(const struct batch *b, struct weir_datagram *to, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        to[i].len = b->m[i].msg_len;
        to[i].flags = b->m[i].msg_hdr.msg_flags & MSG_TRUNC ? WEIR_DGRAM_TRUNCATED : 0;
        if (to[i].addr != NULL)
            weir__dgram_sender(to[i].addr, b->m[i].msg_hdr.msg_namelen);
    }
}

/* One batch. kind: RECVMSG waits, TRY_RECVMSG does not. */
static int64_t receive(struct weir_dgram *d, enum weir__op_kind kind, struct weir_datagram *to,
                       size_t count) {
    struct batch b;
    size_t most = count < BATCH ? count : BATCH;
    batch_init(&b, to, most);
    struct weir__op op = {.kind = (uint8_t)kind,
                          .file = &d->file,
                          .u.message = {.messages = b.m, .count = (unsigned)most}};
    int64_t n = kind == WEIR__RECVMSG ? weir__op_await(&op, &weir__dgram_reads, &d->file.fd)
                                      : weir__op_now(d->loop, &op);
    batch_result(&b, to, n);
    return n;
}

ssize_t weir_dgram_recv_many(struct weir_dgram *d, struct weir_datagram *datagrams,
                             size_t count) {
    static const char what[] = "receive of datagrams";
    int64_t n = weir__dgram_enter(d, what);
    if (n < 0)
        return (ssize_t)n;
    if (d->receiving || count == 0)
        return weir__dgram_leave(d, count == 0 ? 0 : -EBUSY, what);
    d->receiving = true;
    n = receive(d, WEIR__RECVMSG, datagrams, count);
    size_t done = n > 0 ? (size_t)n : 0;
    bool full = done == BATCH;
    while (full && done < count && !d->closed) {
        int64_t more = receive(d, WEIR__TRY_RECVMSG, datagrams + done, count - done);
        done += more > 0 ? (size_t)more : 0;
        full = more == BATCH;
    }
    d->receiving = false;
    return weir__dgram_leave(d, done > 0 ? (int64_t)done : n, what);
}

/* ---- groups --------------------------------------------------------------------------------- */

static int membership(struct weir_dgram *d, const struct weir_addr *group, unsigned interface,
                      enum weir__option option, const char *call) {
    char text[WEIR__ADDR_TEXT_MAX];
    weir__not_null(d, call);
    weir__argument_not_null(group, call, "group");
    int rc = weir__loop_enter(d->loop, d, call);
    if (rc < 0)
        return rc;
    struct weir__op op = {.kind = WEIR__SETOPT,
                          .file = &d->file,
                          .u.option = {.option = option,
                                       .value = (int)interface,
                                       .group = weir__addr_of(group)}};
    rc = (int)weir__op_now(d->loop, &op);
    if (rc >= 0)
        return 0;
    return weir__fail(rc, option == WEIR__JOIN ? "join" : "leave",
                      weir__addr_format(weir__addr_of(group), text, sizeof text));
}

int weir_dgram_join(struct weir_dgram *d, const struct weir_addr *group, unsigned interface) {
    return membership(d, group, interface, WEIR__JOIN, "weir_dgram_join");
}

int weir_dgram_leave(struct weir_dgram *d, const struct weir_addr *group, unsigned interface) {
    return membership(d, group, interface, WEIR__LEAVE, "weir_dgram_leave");
}

/* ---- names ---------------------------------------------------------------------------------- */

void weir_dgram_local(const struct weir_dgram *d, struct weir_addr *ret_addr) {
    struct weir__addr own;
    weir__not_null(d, "weir_dgram_local");
    weir__loop_assert(d->loop, d, "weir_dgram_local");
    weir__socket_name(d->loop, (struct weir__file *)(uintptr_t)&d->file, false, &own);
    weir__addr_give(&own, ret_addr);
}

int weir_dgram_port(const struct weir_dgram *d) {
    struct weir_addr own;
    weir_dgram_local(d, &own);
    return weir_addr_port(&own);
}

int weir_dgram_fd(const struct weir_dgram *d) {
    weir__not_null(d, "weir_dgram_fd");
    int rc = weir__loop_enter(d->loop, d, "weir_dgram_fd");
    if (rc < 0)
        return rc;
    if (d->loop->backend->simulated)
        return weir__fail(-EOPNOTSUPP, "descriptor of a datagram socket", NULL);
    return d->file.fd;
}
