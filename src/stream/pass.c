/* SPDX-License-Identifier: MIT */
/* pass.c - see pass.h. */
#include "stream/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "stream/socket.h"
#include "sys/message.h"

enum { CONTROL_MORE = 128 }; /* for control messages of other kinds, which are dropped */

union control {
    struct cmsghdr head; /* for its alignment */
    uint8_t bytes[CMSG_SPACE(WEIR__PASS_MAX * sizeof(int)) + CONTROL_MORE];
};

struct pass {
    void *buf;
    size_t len;
    int *fds;
    size_t count; /* of fds: to send; room for those that come */
    size_t got;
    bool lost;
};

static int no_socket(struct weir_stream *s, const char *what) {
    return weir__failf(-EOPNOTSUPP, what, s->kind->name,
                       "descriptors pass over connected unix sockets only");
}

/* ---- sending -------------------------------------------------------------------------------- */

static void put_fds(struct msghdr *m, union control *control, const struct pass *p) {
    if (p->count == 0)
        return;
    size_t size = p->count * sizeof(int);
    memset(control, 0, CMSG_SPACE(size));
    m->msg_control = control;
    m->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), p->fds, size);
}

/* The first message, which carries the descriptors. Returns how many bytes it took, never 0;
 * -EAGAIN. */
static int64_t send_first(struct weir_stream *s, const struct pass *p) {
    union control control;
    struct iovec v = {.iov_base = p->buf, .iov_len = p->len};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
    put_fds(&m.msg_hdr, &control, p);
    struct weir__op op = {.kind = WEIR__TRY_SENDMSG,
                          .file = weir__socket_unix(s),
                          .u.message = {.messages = &m, .count = 1}};
    int64_t n = weir__op_now(s->loop, &op);
    return n < 0 ? n : (int64_t)m.msg_len;
}

static int send_all(struct weir_stream *s, void *arg, size_t *ret_done) {
    struct pass *p = arg;
    int64_t n;
    *ret_done = 0;
    while ((n = send_first(s, p)) == -EAGAIN) {
        int rc = s->kind->wait_room(s);
        if (rc >= 0)
            rc = s->closed ? WEIR_ECLOSED : weir_cancelled();
        if (rc < 0)
            return rc;
    }
    if (n < 0 || (size_t)n == p->len) {
        *ret_done = n < 0 ? 0 : p->len;
        return n < 0 ? (int)n : 0;
    }
    size_t rest = 0;
    int rc = s->kind->send(s, (char *)p->buf + n, p->len - (size_t)n, &rest);
    *ret_done = (size_t)n + rest;
    return rc;
}

int weir__stream_send_fds(struct weir_stream *s, const void *buf, size_t len, const int *fds,
                          size_t count) {
    static const char what[] = "send descriptors";
    if (weir__socket_unix(s) == NULL)
        return no_socket(s, what);
    if (len == 0 || count > WEIR__PASS_MAX)
        return weir__fail(-EINVAL, what, NULL);
    struct pass p = {.buf = (void *)(uintptr_t)buf,
                     .len = len,
                     .fds = (int *)(uintptr_t)fds,
                     .count = count};
    return weir__stream_write_by(s, send_all, &p);
}

/* ---- receiving ------------------------------------------------------------------------------ */

static int64_t receive(struct weir_stream *s, void *arg) {
    struct pass *p = arg;
    union control control;
    struct iovec v = {.iov_base = p->buf, .iov_len = p->len};
    size_t room = p->count < WEIR__PASS_MAX ? p->count : WEIR__PASS_MAX;
    size_t size = room * sizeof(int);
    struct mmsghdr m = {
        .msg_hdr = {.msg_iov = &v,
                    .msg_iovlen = 1,
                    .msg_control = &control,
                    .msg_controllen = s->loop->backend->simulated
                                          ? CMSG_LEN(size)
                                          : CMSG_SPACE(size) + CONTROL_MORE}};
    struct weir__op op = {.kind = WEIR__RECVMSG,
                          .file = weir__socket_unix(s),
                          .u.message = {.messages = &m, .count = 1}};
    int64_t n = weir__op_await(&op, &weir__reads, s);
    if (n < 0)
        return n;
    p->got = weir__message_take_fds(&m.msg_hdr, p->fds, p->count, &p->lost);
    return (int64_t)m.msg_len;
}

/* In a simulation it is a number that the system does not know. */
static void drop(struct weir__loop *l, int fd) {
    struct weir__file file = {.fd = fd};
    struct weir__op op = {.kind = WEIR__CLOSE, .file = &file};
    if (l->backend->simulated)
        (void)weir__op_now(l, &op);
    else
        close(fd);
}

ssize_t weir__stream_recv_fds(struct weir_stream *s, void *buf, size_t len, int *ret_fds,
                              size_t max, size_t *ret_count, bool *ret_lost) {
    static const char what[] = "receive descriptors";
    if (weir__socket_unix(s) == NULL)
        return no_socket(s, what);
    if (len == 0)
        return weir__fail(-EINVAL, what, NULL);
    struct weir__loop *l = s->loop;
    struct pass p = {.buf = buf, .len = len, .fds = ret_fds, .count = max};
    ssize_t n = weir__stream_read_by(s, buf, len, receive, &p);
    if (n < 0) {
        while (p.got > 0) { /* s was closed meanwhile */
            drop(l, p.fds[--p.got]);
            p.fds[p.got] = -1;
        }
        return n;
    }
    *ret_count = p.got;
    *ret_lost = p.lost;
    return n;
}
