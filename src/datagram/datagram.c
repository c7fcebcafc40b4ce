/* SPDX-License-Identifier: MIT */
/* datagram.c - one datagram at a time, and the life of a socket. A receive is one op of the
 * backend, in the frame of the task that waits. A send is tried, and waits for room if there is
 * none: so any number of tasks may send. */
#include "datagram/datagram.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "datagram/address.h"
#include "loop/debug.h"
#include "stream/socket.h"
#include "sys/fds.h"

enum { IN_VAIN_MS = 1 };

const struct weir__what weir__dgram_reads = {.text = "receive of datagrams", .link = "on",
                                             .kind = WEIR__ON_FD};
const struct weir__what weir__dgram_writes = {.text = "send of datagrams", .link = "on",
                                              .kind = WEIR__ON_FD};

/* ---- life ----------------------------------------------------------------------------------- */

static void free_if_left(struct weir_dgram *d) {
    if (d->gone && d->inside == 0)
        weir__free(d);
}

static void closed(struct weir__op *op) {
    struct weir_dgram *d = WEIR_CONTAINER(op, struct weir_dgram, op);
    weir__close_done(d->loop);
    d->gone = true;
    free_if_left(d);
}

void weir_dgram_close(struct weir_dgram **take_dgram) {
    struct weir_dgram *d = take_dgram != NULL ? *take_dgram : NULL;
    if (d == NULL)
        return;
    weir__debug_not_closed(weir__loop(), d, "weir_dgram_close", __builtin_return_address(0));
    if (weir__loop_is_parents(d->loop)) {
        *take_dgram = NULL;
        weir__fd_close_copy(d->file.fd, true);
        return;
    }
    weir__loop_assert(d->loop, d, "weir_dgram_close");
    WEIR_CHECK(!d->closed);
    *take_dgram = NULL;
    d->closed = true;
    d->loop->unclosed -= d->given;
    weir__debug_closed(d->loop, d, __builtin_return_address(0));
    weir__close_submit(d->loop, &d->op, &d->file, closed);
}

static __attribute__((cold, noinline)) ssize_t failed(struct weir_dgram *d, int rc,
                                                      const char *what) {
    char text[WEIR__ADDR_TEXT_MAX];
    struct weir__addr own;
    if (d->closed)
        return weir__fail(rc, what, NULL);
    weir__socket_name(d->loop, &d->file, false, &own);
    if (rc == -EDESTADDRREQ)
        return weir__failf(rc, what, weir__addr_format(&own, text, sizeof text),
                           "no receiver was given, and no peer was dialled (EDESTADDRREQ)");
    return weir__fail(rc, what, weir__addr_format(&own, text, sizeof text));
}

int weir__dgram_enter(struct weir_dgram *d, const char *what) {
    int rc = weir__suspend_enter_on(d != NULL ? d->loop : NULL, what);
    if (rc < 0)
        return rc;
    weir__not_null(d, what);
    d->inside++;
    if (!weir__breathe())
        return 0;
    rc = weir_cancelled(); /* other tasks have run */
    return rc < 0 || d->closed ? (int)weir__dgram_leave(d, rc, what) : 0;
}

ssize_t weir__dgram_leave(struct weir_dgram *d, int64_t rc, const char *what) {
    d->inside--;
    if (__builtin_expect(d->closed, 0)) {
        failed(d, WEIR_ECLOSED, what);
        free_if_left(d);
        return WEIR_ECLOSED;
    }
    return rc < 0 ? failed(d, (int)rc, what) : (ssize_t)rc;
}

/* ---- addresses ------------------------------------------------------------------------------ */

void weir__dgram_name(const struct weir_dgram *d, const struct weir_addr *to,
                      struct sockaddr_in6 *mapped, struct msghdr *m) {
    const struct weir__addr *a = to != NULL ? weir__addr_of(to) : NULL;
    m->msg_name = a != NULL ? (void *)(uintptr_t)&a->sa : NULL;
    m->msg_namelen = a != NULL ? a->len : 0;
    if (a == NULL || d->family != AF_INET6 || a->sa.sa_family != AF_INET)
        return;
    *mapped = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = a->in.sin_port};
    mapped->sin6_addr.s6_addr[10] = mapped->sin6_addr.s6_addr[11] = 0xff;
    memcpy(mapped->sin6_addr.s6_addr + 12, &a->in.sin_addr, 4);
    m->msg_name = mapped;
    m->msg_namelen = sizeof *mapped;
}

void weir__dgram_sender(struct weir_addr *from, socklen_t len) {
    struct weir__addr *a = weir__addr_in(from);
    if (len == 0) /* a unix socket without a name: nothing was written */
        *from = (struct weir_addr){{0}};
    a->len = len;
    if (!weir__addr_is_mapped(a))
        return;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = a->in6.sin6_port};
    memcpy(&v4.sin_addr, a->in6.sin6_addr.s6_addr + 12, 4);
    a->in = v4;
    a->len = sizeof v4;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* A unix socket that was not dialled is always ready to send, whether its receiver has room or not,
 * and no event says when it has: then wait a moment. */
int weir__dgram_wait_room(struct weir_dgram *d, unsigned tries) {
    int rc = tries > 1 ? weir_sleep(WEIR_MILLISECONDS(IN_VAIN_MS)) : weir_cancelled();
    if (rc < 0 || d->closed)
        return rc < 0 ? rc : WEIR_ECLOSED;
    struct weir__op op = {
        .kind = WEIR__POLL, .file = &d->file, .u.poll = {.fd = d->file.fd, .events = POLLOUT}};
    int64_t n = weir__op_await(&op, &weir__dgram_writes, &d->file.fd);
    if (n < 0 || d->closed)
        return n < 0 ? (int)n : WEIR_ECLOSED;
    return weir_cancelled();
}

static int64_t try_send(struct weir_dgram *d, const void *buf, size_t len,
                        const struct weir_addr *to) {
    struct sockaddr_in6 mapped;
    struct iovec v = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
    weir__dgram_name(d, to, &mapped, &m.msg_hdr);
    struct weir__op op = {.kind = WEIR__TRY_SENDMSG,
                          .file = &d->file,
                          .u.message = {.messages = &m, .count = 1}};
    int64_t n = weir__op_now(d->loop, &op);
    return n < 0 ? n : 0;
}

int weir_dgram_send(struct weir_dgram *d, const void *buf, size_t len,
                    const struct weir_addr *to) {
    static const char what[] = "send of a datagram";
    int64_t n = weir__dgram_enter(d, what);
    if (n < 0)
        return (int)n;
    for (unsigned tries = 1; (n = try_send(d, buf, len, to)) == -EAGAIN; tries++) {
        int rc = weir__dgram_wait_room(d, tries);
        if (rc < 0)
            return (int)weir__dgram_leave(d, rc, what);
    }
    return (int)weir__dgram_leave(d, n, what);
}

int weir_dgram_try_send(struct weir_dgram *d, const void *buf, size_t len,
                        const struct weir_addr *to) {
    weir__not_null(d, "weir_dgram_try_send");
    int64_t n = weir__loop_enter(d->loop, d, "weir_dgram_try_send");
    if (n < 0)
        return (int)n;
    n = try_send(d, buf, len, to);
    return n < 0 ? (int)failed(d, (int)n, "send of a datagram") : 0;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void one_init(struct weir__dgram_one *o, struct weir_dgram *d, enum weir__op_kind kind,
                     void *buf, size_t size, struct weir_addr *from) {
    *o = (struct weir__dgram_one){.v = {.iov_base = buf, .iov_len = size},
                      .m.msg_hdr = {.msg_iov = &o->v, .msg_iovlen = 1},
                      .op = {.kind = (uint8_t)kind,
                             .file = &d->file,
                             .u.message = {.messages = &o->m, .count = 1}}};
    if (from == NULL)
        return;
    o->m.msg_hdr.msg_name = &weir__addr_in(from)->sa;
    o->m.msg_hdr.msg_namelen = sizeof(struct sockaddr_un);
}

/* The length of what has come. */
static int64_t one_result(const struct weir__dgram_one *o, int64_t n, struct weir_addr *from) {
    if (n < 0)
        return n;
    if (from != NULL)
        weir__dgram_sender(from, o->m.msg_hdr.msg_namelen);
    return o->m.msg_hdr.msg_flags & MSG_TRUNC ? -EMSGSIZE : (int64_t)o->m.msg_len;
}

ssize_t weir_dgram_recv(struct weir_dgram *d, void *buf, size_t size,
                        struct weir_addr *ret_from) {
    static const char what[] = "receive of a datagram";
    struct weir__dgram_one o;
    int64_t n = weir__dgram_enter(d, what);
    if (n < 0)
        return (ssize_t)n;
    if (d->receiving)
        return weir__dgram_leave(d, -EBUSY, what);
    one_init(&o, d, WEIR__RECVMSG, buf, size, ret_from);
    d->receiving = true;
    n = weir__op_await(&o.op, &weir__dgram_reads, &d->file.fd);
    d->receiving = false;
    return weir__dgram_leave(d, one_result(&o, n, ret_from), what);
}

int weir__dgram_ask(struct weir_dgram *d, struct weir__dgram_one *o, void *buf, size_t size,
                    void (*wake)(struct weir__op *op)) {
    one_init(o, d, WEIR__RECVMSG, buf, size, NULL);
    o->op.wake = wake;
    d->receiving = true;
    d->inside++;
    return weir__submit(d->loop->backend, &o->op);
}

int64_t weir__dgram_asked(struct weir_dgram *d, struct weir__dgram_one *o) {
    int64_t n = d->closed ? -ECANCELED : one_result(o, o->op.result, NULL);
    d->receiving = false;
    d->inside--;
    free_if_left(d);
    return n;
}

int weir__dgram_unask(struct weir_dgram *d, struct weir__dgram_one *o) {
    return weir__cancel(d->loop->backend, &o->op);
}

ssize_t weir_dgram_try_recv(struct weir_dgram *d, void *buf, size_t size,
                            struct weir_addr *ret_from) {
    struct weir__dgram_one o;
    weir__not_null(d, "weir_dgram_try_recv");
    int64_t n = weir__loop_enter(d->loop, d, "weir_dgram_try_recv");
    if (n < 0)
        return (ssize_t)n;
    if (d->receiving)
        return failed(d, -EBUSY, "receive of a datagram");
    one_init(&o, d, WEIR__TRY_RECVMSG, buf, size, ret_from);
    n = one_result(&o, weir__op_now(d->loop, &o.op), ret_from);
    return n < 0 ? failed(d, (int)n, "receive of a datagram") : (ssize_t)n;
}
