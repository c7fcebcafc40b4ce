/* SPDX-License-Identifier: MIT */
/* epoll.c - the backend by readiness. Each descriptor is registered once, edge-triggered, and (but
 * for an exact one that was full) never changed: no epoll_ctl for a message. Sends are tried in
 * submit, receives when an edge has come (direct.c). Every cancel is done at once, because the
 * kernel never holds a caller's memory. */
#include "sys/epoll_backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sys/fds.h"
#include "sys/limits.h"
#include "sys/plain.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* Linux 5.11; the same number on all machines but alpha */
#endif

/* While files wait for buffers, a turn need not ask the kernel. After so many turns it asks all the
 * same, so that other files get their share. */
enum { TURNS_UNPOLLED_MAX = 4 };

static struct epoll_backend *self(struct weir__backend *b) {
    return (struct epoll_backend *)(void *)b;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Urgent data is watched only because it makes TCP's reads short (direct.h: steady). Unix and UDP
 * sockets report room whenever a peer has read, asked or not: each answer would wake the loop once
 * more. So exact files are watched for room only once they have been full. */
static __attribute__((noinline)) int watch_for(struct epoll_backend *b, struct weir__file *file,
                                               bool room) {
    struct epoll_file *f = weir__epoll_file(file);
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET,
                            .data.u64 = f->handle};
    room |= !file->exact;
    if (f->registered && (f->room || !room))
        return 0;
    e.events |= room ? EPOLLOUT : 0u;
    int call = f->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(b->epfd, call, file->fd, &e) != 0)
        return errno == EPERM ? 0 : -errno; /* EPERM: a regular file, always ready */
    f->registered = true;
    f->room = room;
    return 0;
}

static inline int watch(struct epoll_backend *b, struct weir__file *file) {
    return __builtin_expect(weir__epoll_file(file)->registered, 1) ? 0
                                                                   : watch_for(b, file, false);
}

static int64_t adopt(struct epoll_backend *b, struct weir__file *file, bool steady) {
    struct epoll_file *f = weir__epoll_file(file);
    memset(file->priv, 0, sizeof file->priv);
    file->reader = file->writer = NULL;
    weir__direct_attach(&f->direct, file, steady);
    return weir__slots_add(&b->sources, f, &f->handle);
}

static void drop_source(struct epoll_backend *b, struct weir__file *file) {
    struct epoll_file *f = weir__epoll_file(file);
    weir__slots_remove(&b->sources, (uint32_t)f->handle, f);
}

static int64_t open_socket(struct epoll_backend *b, struct weir__op *op) {
    int type = op->u.socket.type;
    int64_t fd = weir__plain_socket(op->u.socket.family, type, SOCK_NONBLOCK);
    if (fd < 0)
        return fd;
    bool tcp = op->u.socket.family != AF_UNIX && type == SOCK_STREAM;
    int64_t rc = adopt(b, op->file, tcp || op->file->exact);
    if (rc != 0) {
        close((int)fd);
        return rc;
    }
    op->file->fd = (int)fd;
    op->file->foreign = false;
    op->file->state = WEIR__FILE_KEPT;
    return 0;
}

static int64_t attach(struct epoll_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    bool foreign = file->foreign;
    bool steady = file->exact || (!foreign && weir__direct_is_tcp(file->fd));
    int64_t rc = adopt(b, file, steady);
    if (rc != 0)
        return rc;
    rc = foreign && !file->own ? 0 : watch(b, file);
    if (rc == 0)
        file->state = WEIR__FILE_KEPT;
    else
        drop_source(b, file);
    return rc;
}

static void drop_reader(struct weir__file *file) {
    weir__list_remove(&weir__epoll_file(file)->direct.link);
    file->reader = NULL;
}

static void drop_writer(struct epoll_backend *b, struct weir__file *file) {
    weir__writers_remove(&b->writers, file->writer);
    file->writer = NULL;
}

static int close_file(struct epoll_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct epoll_file *f = weir__epoll_file(file);
    struct weir__op *reader = file->reader, *writer = file->writer;
    if (file->state == WEIR__FILE_NONE)
        return weir__op_now_done(op, weir__plain_close_unkept(file));
    if (f->has_polls || file->own) {
        weir__epoll_poll_close(b, file);
        reader = file->reader, writer = file->writer;
    }
    if (reader != NULL) {
        drop_reader(file);
        weir__op_complete(&b->done, reader, -ECANCELED);
    }
    if (writer != NULL) {
        drop_writer(b, file);
        weir__op_complete(&b->done, writer, -ECANCELED);
    }
    drop_source(b, file);
    if (!file->foreign)
        close(file->fd);
    file->fd = -1;
    file->state = WEIR__FILE_NONE;
    if (weir__fifo_empty(&b->done))
        return weir__op_now_done(op, 0);
    weir__op_hold(op); /* it completes after the ops that it cancelled */
    weir__op_complete(&b->done, op, 0);
    return WEIR__PENDING;
}

/* The set must forget the descriptor, which stays open: another loop may wait for it next. What has
 * come is in the kernel still. */
static int64_t detach(struct epoll_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct epoll_file *f = weir__epoll_file(file);
    WEIR_CHECK(file->state == WEIR__FILE_KEPT);
    if (file->reader != NULL || file->writer != NULL
        || (f->has_polls && weir__epoll_poll_has(b, file)))
        return -EBUSY;
    if (f->registered)
        epoll_ctl(b->epfd, EPOLL_CTL_DEL, file->fd, NULL);
    drop_source(b, file);
    return weir__plain_detach(op);
}

/* ---- ops ------------------------------------------------------------------------------------ */

static int wait_to_read(struct epoll_backend *b, struct weir__op *op) {
    struct epoll_file *f = weir__epoll_file(op->file);
    int rc = watch(b, op->file);
    if (rc != 0)
        return weir__op_now_done(op, rc);
    op->file->reader = op;
    if (f->direct.in)
        weir__direct_want(&b->direct, &f->direct);
    return weir__op_hold(op);
}

static int accept_op(struct epoll_backend *b, struct weir__op *op) {
    int64_t n = weir__direct_accept(&b->direct, &weir__epoll_file(op->file)->direct, op);
    return n != -EAGAIN ? weir__op_now_done(op, n) : wait_to_read(b, op);
}

static int message_op(struct epoll_backend *b, struct weir__op *op) {
    int64_t n = weir__direct_message(&weir__epoll_file(op->file)->direct, op);
    return n != -EAGAIN ? weir__op_now_done(op, n) : wait_to_read(b, op);
}

static int read_op(struct epoll_backend *b, struct weir__op *op) {
    if (op->file->reader != NULL)
        return weir__op_now_done(op, -EBUSY);
    if (__builtin_expect(op->kind == WEIR__RECV || op->kind == WEIR__RECV_INTO, 1))
        return wait_to_read(b, op);
    return op->kind == WEIR__ACCEPT ? accept_op(b, op) : message_op(b, op);
}

static int connect_op(struct epoll_backend *b, struct weir__op *op) {
    int rc;
    do
        rc = connect(op->file->fd, &op->u.addr->sa, op->u.addr->len);
    while (rc != 0 && errno == EINTR);
    if (rc != 0 && errno != EINPROGRESS)
        return weir__op_now_done(op, -errno);
    bool pending = rc != 0;
    /* Not before: an unconnected socket reports a hang-up. */
    rc = watch_for(b, op->file, pending);
    if (rc != 0 || !pending)
        return weir__op_now_done(op, rc);
    op->file->writer = op;
    return weir__op_hold(op);
}

static int write_op(struct epoll_backend *b, struct weir__op *op) {
    if (op->file->writer != NULL)
        return weir__op_now_done(op, -EBUSY);
    op->priv = 0;
    if (op->kind == WEIR__CONNECT)
        return connect_op(b, op);
    int64_t n = weir__writers_send(&b->writers, op);
    if (n != -EAGAIN && n != -EINPROGRESS)
        return weir__op_now_done(op, n);
    int rc = watch_for(b, op->file, true);
    if (rc != 0)
        return weir__op_now_done(op, rc);
    op->file->writer = op;
    weir__op_hold(op);
    if (n == -EINPROGRESS) /* the socket is not full: no edge would come */
        weir__writers_add(&b->writers, op);
    return WEIR__PENDING;
}

static int epoll_submit(struct weir__backend *base, struct weir__op *op) {
    struct epoll_backend *b = self(base);
    WEIR_CHECK(op->state != WEIR__OP_HELD);
    switch (op->kind) {
    case WEIR__SEND:
    case WEIR__SENDV:
    case WEIR__CONNECT:
        return write_op(b, op);
    case WEIR__RECV:
    case WEIR__RECV_INTO:
    case WEIR__RECVMSG:
    case WEIR__ACCEPT:
        return read_op(b, op);
    case WEIR__SOCKET:
        return weir__op_now_done(op, open_socket(b, op));
    case WEIR__ATTACH:
        return weir__op_now_done(op, attach(b, op));
    case WEIR__POLL:
        return weir__epoll_poll_submit(b, op);
    case WEIR__CLOSE:
        return close_file(b, op);
    case WEIR__DETACH:
        return weir__op_now_done(op, detach(b, op));
    default:
        if (weir__helpers_kind(op->kind))
            return weir__helpers_submit(&b->helpers, op);
        return weir__op_now_done(op, weir__plain(op));
    }
}

static int epoll_cancel(struct weir__backend *base, struct weir__op *op) {
    struct epoll_backend *b = self(base);
    if (op->state != WEIR__OP_HELD)
        return WEIR__PENDING; /* it has completed: its wake will be called */
    if (weir__helpers_kind(op->kind))
        return weir__helpers_cancel(&b->helpers, op);
    if (op->kind == WEIR__POLL)
        return weir__epoll_poll_cancel(b, op);
    if (op->file->reader == op)
        drop_reader(op->file);
    else
        drop_writer(b, op->file);
    return weir__op_now_done(op, -ECANCELED);
}

/* ---- events --------------------------------------------------------------------------------- */

static void connected(struct epoll_backend *b, struct weir__op *op, uint32_t events) {
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(op->file->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error == 0 && (events & EPOLLOUT) == 0)
        return;
    op->file->writer = NULL;
    weir__op_complete(&b->done, op, -error);
}

/* The socket has room: the sender becomes a ready writer and goes on in this turn. */
static void writable(struct epoll_backend *b, struct weir__op *op, uint32_t events) {
    if (op->kind == WEIR__CONNECT)
        connected(b, op, events);
    else if ((op->priv & WEIR__WRITER_READY) == 0)
        weir__writers_add(&b->writers, op);
}

static void readable(struct epoll_backend *b, struct weir__file *file, uint32_t events) {
    struct weir__direct_file *f = &weir__epoll_file(file)->direct;
    f->in = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
        f->steady = false;
    if (file->reader != NULL)
        weir__direct_want(&b->direct, f);
}

static void on_event(struct epoll_backend *b, const struct epoll_event *e) {
    struct epoll_source *s = weir__slots_get(&b->sources, e->data.u64);
    if (s == NULL)
        return; /* the latch; or a closed file of which another process has a duplicate */
    if (s->is_poll) {
        weir__epoll_poll_event(b, s, e->events);
        return;
    }
    struct weir__file *file = ((struct epoll_file *)(void *)s)->direct.file;
    if (file->own) {
        weir__epoll_own_event(b, file, e->events);
        return;
    }
    if (file->writer != NULL && (e->events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
        writable(b, file->writer, e->events);
    if (e->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
        readable(b, file, e->events);
}

/* ---- the turn ------------------------------------------------------------------------------- */

static int wait_ms(struct epoll_backend *b, weir_ns wait) {
    weir_ns ms = wait / 1000000 + (wait % 1000000 != 0);
    int timeout = wait == WEIR_NEVER ? -1 : ms < INT32_MAX ? (int)ms : INT32_MAX;
    return epoll_wait(b->epfd, b->events, WEIR__EPOLL_EVENTS, timeout);
}

/* wait: 0, a duration, or WEIR_NEVER. */
static int wait_events(struct epoll_backend *b, weir_ns wait) {
    struct {
        int64_t sec, nsec;
    } t = {wait / 1000000000, wait % 1000000000};
    if (wait == 0 || wait == WEIR_NEVER || b->no_pwait2)
        return wait_ms(b, wait);
    long n = syscall(SYS_epoll_pwait2, b->epfd, b->events, WEIR__EPOLL_EVENTS, &t, NULL, 0);
    if (n >= 0 || errno != ENOSYS)
        return (int)n;
    b->no_pwait2 = true;
    return wait_ms(b, wait);
}

static weir_ns duration(weir_ns until_ns) {
    if (until_ns <= 0 || until_ns == WEIR_NEVER)
        return until_ns <= 0 ? 0 : WEIR_NEVER;
    weir_ns left = until_ns - weir__plain_now();
    return left > 0 ? left : 0;
}

static void poll_kernel(struct epoll_backend *b, weir_ns until_ns) {
    weir_ns wait = duration(until_ns);
    WEIR_CHECK(wait == 0 || !weir__writers_waiting(&b->writers));
    b->turns_unpolled = 0;
    if (wait != 0 && !weir__latch_sleep(b->base.latch))
        wait = 0;
    int n = wait_events(b, wait);
    weir__latch_awake(b->base.latch);
    WEIR_CHECK(n >= 0 || errno == EINTR);
    for (int i = 0; i < n; i++)
        on_event(b, &b->events[i]);
}

static bool has_work(const struct epoll_backend *b) {
    return !weir__list_empty(&b->direct.ready) || !weir__fifo_empty(&b->done)
           || weir__writers_waiting(&b->writers);
}

static struct weir__op *epoll_turn(struct weir__backend *base, weir_ns until_ns) {
    struct epoll_backend *b = self(base);
    bool busy = has_work(b);
    weir__direct_begin(&b->direct);
    weir__writers_begin(&b->writers);
    if (!busy || ++b->turns_unpolled >= TURNS_UNPOLLED_MAX)
        poll_kernel(b, busy ? 0 : until_ns);
    weir__latch_clear(b->base.latch);
    weir__helpers_collect(&b->helpers, &b->done);
    weir__direct_turn(&b->direct, &b->done);
    (void)weir__writers_turn(&b->writers, &b->done); /* an edge reports when a full one has room */
    return weir__fifo_take(&b->done);
}

/* ---- the rest of the contract --------------------------------------------------------------- */

static void epoll_release(struct weir__backend *base, struct weir__lent *lent) {
    weir__bufs_put(&self(base)->direct.bufs, lent);
}

static void epoll_wake(struct weir__backend *base) {
    weir__latch_ring(base->latch);
}

static weir_ns epoll_now(struct weir__backend *base) {
    (void)base;
    return weir__plain_now();
}

static void epoll_random(struct weir__backend *base, void *buf, size_t len) {
    (void)base;
    weir__plain_random(buf, len);
}

static const char *epoll_explain(struct weir__backend *base) {
    return self(base)->why;
}

static int epoll_descriptor(struct weir__backend *base) {
    return self(base)->epfd;
}

/* An edge that no turn has fetched keeps the epoll set itself ready. */
static bool epoll_arm(struct weir__backend *base) {
    return weir__latch_sleep(base->latch) && !has_work(self(base));
}

static void epoll_close(struct weir__backend *base) {
    struct epoll_backend *b = self(base);
    weir__helpers_fini(&b->helpers);
    weir__direct_fini(&b->direct);
    weir__slots_fini(&b->sources);
    weir__latch_unref(base->latch);
    if (b->epfd >= 0)
        close(b->epfd);
    weir__free(b);
}

static const struct weir__backend_ops ops = {
    .name = "epoll",
    .submit = epoll_submit,
    .cancel = epoll_cancel,
    .turn = epoll_turn,
    .release = epoll_release,
    .wake = epoll_wake,
    .now = epoll_now,
    .random = epoll_random,
    .explain = epoll_explain,
    .close = epoll_close,
    .descriptor = epoll_descriptor,
    .arm = epoll_arm,
};

static int open_kernel_side(struct epoll_backend *b) {
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = 0}; /* no handle is 0 */
    b->epfd = weir__fd_lift(epoll_create1(EPOLL_CLOEXEC));
    if (b->epfd < 0)
        return b->epfd;
    return epoll_ctl(b->epfd, EPOLL_CTL_ADD, b->base.latch->fd, &e) != 0 ? -errno : 0;
}

int weir__epoll_open_because(const char *because, struct weir__backend **ret_backend,
                             const char **ret_why) {
    struct epoll_backend *b = weir__alloc_zero(sizeof *b);
    if (b == NULL)
        return -ENOMEM;
    b->base.ops = &ops;
    b->epfd = -1;
    int rc = weir__latch_new(true, &b->base.latch);
    if (rc != 0) {
        weir__free(b);
        return rc;
    }
    weir__fifo_init(&b->done);
    weir__slots_init(&b->sources);
    weir__helpers_init(&b->helpers, b->base.latch);
    snprintf(b->why, sizeof b->why, "epoll: %s", because);
    rc = weir__direct_init(&b->direct);
    if (rc == 0)
        rc = open_kernel_side(b);
    if (rc != 0) {
        epoll_close(&b->base);
        return rc;
    }
    *ret_why = b->why;
    *ret_backend = &b->base;
    return 0;
}

int weir__epoll_open(struct weir__backend **ret_backend, const char **ret_why) {
    return weir__epoll_open_because("asked for", ret_backend, ret_why);
}
