/* SPDX-License-Identifier: MIT */
/* raw.c - messages on any socket of the program's own. Other programs may share its flags, so they
 * are not changed: each try is made by a call that never blocks, and poll waits for readiness. */
#include <errno.h>
#include <poll.h>

#include "base/check.h"
#include "task/task.h"
#include "weir/net.h"

enum { IN_VAIN_MS = 1 }; /* between tries where poll says ready and the call finds nothing */

static const struct weir__what sends = {.text = "sendmsg", .link = "on", .kind = WEIR__ON_FD};
static const struct weir__what receives = {.text = "recvmsg", .link = "on", .kind = WEIR__ON_FD};

struct call {
    const struct weir__what *what;
    enum weir__op_kind kind;
    int fd, flags;
    short events;
    struct mmsghdr m;
};

static int64_t try_call(struct call *c) {
    struct weir__file file = {.fd = c->fd, .foreign = true};
    struct mmsghdr m = c->m;
    struct weir__op op = {.kind = (uint8_t)c->kind,
                          .file = &file,
                          .u.message = {.messages = &m, .count = 1, .flags = c->flags}};
    int64_t n = weir__op_now(weir__loop(), &op);
    if (n > 0)
        c->m = m;
    return n;
}

static int64_t wait(const struct call *c, unsigned tries) {
    if (tries > 1) {
        int rc = weir_sleep(WEIR_MILLISECONDS(IN_VAIN_MS));
        if (rc < 0)
            return rc;
    }
    struct weir__op op = {.kind = WEIR__POLL, .u.poll = {.fd = c->fd, .events = c->events}};
    int64_t n = weir__op_await(&op, c->what, &c->fd);
    return n < 0 ? n : weir_cancelled();
}

/* Returns how many bytes were moved, or an error. */
static ssize_t run(struct call *c) {
    int64_t n;
    for (unsigned tries = 1; (n = try_call(c)) == -EAGAIN; tries++) {
        if (c->flags & MSG_DONTWAIT)
            break;
        int64_t rc = wait(c, tries);
        if (rc < 0)
            return weir__fail((int)rc, c->what->text, NULL);
    }
    if (n < 0)
        return weir__fail((int)n, c->what->text, NULL);
    (void)weir__breathe_bytes(c->m.msg_len);
    return (ssize_t)c->m.msg_len;
}

ssize_t weir_sendmsg(int fd, const struct msghdr *m, int flags) {
    int rc = weir__suspend_enter("sendmsg");
    if (rc < 0)
        return rc;
    weir__argument_not_null(m, "weir_sendmsg", "message");
    struct call c = {.what = &sends,
                     .kind = WEIR__TRY_SENDMSG,
                     .fd = fd,
                     .flags = flags,
                     .events = POLLOUT,
                     .m.msg_hdr = *m};
    return run(&c);
}

ssize_t weir_recvmsg(int fd, struct msghdr *m, int flags) {
    int rc = weir__suspend_enter("recvmsg");
    if (rc < 0)
        return rc;
    weir__argument_not_null(m, "weir_recvmsg", "message");
    struct call c = {.what = &receives,
                     .kind = WEIR__TRY_RECVMSG,
                     .fd = fd,
                     .flags = flags,
                     .events = flags & MSG_ERRQUEUE ? POLLPRI : POLLIN, /* POLLERR is implied */
                     .m.msg_hdr = *m};
    ssize_t n = run(&c);
    if (n >= 0)
        *m = c.m.msg_hdr;
    return n;
}
