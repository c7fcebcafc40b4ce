/* SPDX-License-Identifier: MIT */
/* epoll_poll.c - readiness of the user's descriptors. They are registered (one-shot) only while an
 * op waits, because their owner may close them at any other time without our knowing. A descriptor
 * can be in an epoll set once only: further waits register a duplicate. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sys/epoll_backend.h"
#include "sys/fds.h"

struct poll_wait {
    struct epoll_source source;
    struct weir__op *op;
    int fd; /* what is registered: the op's, or a duplicate */
    uint64_t handle;
};

static int add(struct epoll_backend *b, struct poll_wait *w, short events) {
    struct epoll_event e = {.events = EPOLLONESHOT, .data.u64 = w->handle};
    e.events |= (events & POLLIN ? EPOLLIN | EPOLLRDHUP : 0u) | (events & POLLOUT ? EPOLLOUT : 0u)
                | (events & POLLPRI ? EPOLLPRI : 0u);
    if (epoll_ctl(b->epfd, EPOLL_CTL_ADD, w->fd, &e) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    w->fd = weir__fd_lift(fcntl(w->op->u.poll.fd, F_DUPFD_CLOEXEC, 0));
    if (w->fd < 0)
        return w->fd;
    return epoll_ctl(b->epfd, EPOLL_CTL_ADD, w->fd, &e) == 0 ? 0 : -errno;
}

static void forget(struct epoll_backend *b, struct poll_wait *w) {
    if (w->fd >= 0 && w->fd != w->op->u.poll.fd)
        close(w->fd); /* this takes the duplicate out of the set */
    weir__slots_remove(&b->sources, (uint32_t)w->handle, w);
    weir__free(w);
}

static void unregister(struct epoll_backend *b, struct poll_wait *w) {
    epoll_ctl(b->epfd, EPOLL_CTL_DEL, w->fd, NULL); /* fails if its owner has closed it: fine */
    forget(b, w);
}

/* The events that were asked for, and those that poll always reports. */
static int64_t true_bits(const struct weir__op *op, short revents) {
    return revents & (op->u.poll.events | POLLERR | POLLHUP);
}

/* Where a wait for a descriptor of our own is kept, which is registered, edge-triggered, until its
 * CLOSE. No edge is needed for what poll has just reported, and epoll looks again before it
 * reports one that is no longer true. NULL: the wait must be registered for itself. */
static struct weir__op **own_place(const struct weir__op *op) {
    struct weir__file *file = op->file;
    if (file == NULL || !file->own || file->fd != op->u.poll.fd ||
        !weir__epoll_file(file)->registered)
        return NULL;
    struct weir__op **place = op->u.poll.events == POLLIN    ? &file->reader
                              : op->u.poll.events == POLLOUT ? &file->writer
                                                             : NULL;
    return place != NULL && (*place == NULL || *place == op) ? place : NULL;
}

int weir__epoll_poll_submit(struct epoll_backend *b, struct weir__op *op) {
    struct pollfd now = {.fd = op->u.poll.fd, .events = op->u.poll.events};
    if (poll(&now, 1, 0) > 0)
        return weir__op_now_done(op, now.revents & POLLNVAL ? -EBADF
                                                            : true_bits(op, now.revents));
    struct weir__op **place = own_place(op);
    if (place != NULL) {
        *place = op;
        return weir__op_hold(op);
    }
    struct poll_wait *w = weir__alloc(sizeof *w);
    if (w == NULL)
        return weir__op_now_done(op, -ENOMEM);
    *w = (struct poll_wait){.source.is_poll = true, .op = op, .fd = op->u.poll.fd};
    int rc = weir__slots_add(&b->sources, w, &w->handle);
    if (rc != 0) {
        weir__free(w);
        return weir__op_now_done(op, rc);
    }
    rc = add(b, w, op->u.poll.events);
    if (rc != 0) {
        forget(b, w);
        return weir__op_now_done(op, rc);
    }
    op->priv = (uint32_t)w->handle;
    if (op->file != NULL)
        weir__epoll_file(op->file)->has_polls = true;
    return weir__op_hold(op);
}

static short as_poll(uint32_t events) {
    return (short)((events & (EPOLLIN | EPOLLRDHUP) ? POLLIN : 0)
                   | (events & EPOLLOUT ? POLLOUT : 0) | (events & EPOLLPRI ? POLLPRI : 0)
                   | (events & EPOLLERR ? POLLERR : 0) | (events & EPOLLHUP ? POLLHUP : 0));
}

void weir__epoll_poll_event(struct epoll_backend *b, struct epoll_source *s, uint32_t events) {
    struct poll_wait *w = (struct poll_wait *)(void *)s;
    struct weir__op *op = w->op;
    unregister(b, w);
    weir__op_complete(&b->done, op, true_bits(op, as_poll(events)));
}

void weir__epoll_own_event(struct epoll_backend *b, struct weir__file *file, uint32_t events) {
    struct weir__op **places[] = {&file->reader, &file->writer};
    for (int i = 0; i < 2; i++) {
        struct weir__op *op = *places[i];
        int64_t bits = op != NULL ? true_bits(op, as_poll(events)) : 0;
        if (bits == 0)
            continue;
        *places[i] = NULL;
        weir__op_complete(&b->done, op, bits);
    }
}

static void own_close(struct epoll_backend *b, struct weir__op **place) {
    struct weir__op *op = *place;
    *place = NULL;
    if (op != NULL)
        weir__op_complete(&b->done, op, -ECANCELED);
}

int weir__epoll_poll_cancel(struct epoll_backend *b, struct weir__op *op) {
    struct weir__op **place = own_place(op);
    if (place != NULL && *place == op) {
        *place = NULL;
        return weir__op_now_done(op, -ECANCELED);
    }
    struct poll_wait *w = weir__slots_at(&b->sources, op->priv);
    WEIR_CHECK(w != NULL && w->source.is_poll && w->op == op);
    unregister(b, w);
    return weir__op_now_done(op, -ECANCELED);
}

/* Is an op POLL pending that names the file? */
bool weir__epoll_poll_has(const struct epoll_backend *b, const struct weir__file *file) {
    for (uint32_t i = 0; i < b->sources.count; i++) {
        const struct poll_wait *w = weir__slots_at(&b->sources, i);
        if (w != NULL && w->source.is_poll && w->op->file == file)
            return true;
    }
    return false;
}

void weir__epoll_poll_close(struct epoll_backend *b, struct weir__file *file) {
    if (file->own) {
        own_close(b, &file->reader);
        own_close(b, &file->writer);
    }
    for (uint32_t i = 0; i < b->sources.count; i++) {
        struct poll_wait *w = weir__slots_at(&b->sources, i);
        if (w == NULL || !w->source.is_poll || w->op->file != file)
            continue;
        struct weir__op *op = w->op;
        unregister(b, w);
        weir__op_complete(&b->done, op, -ECANCELED);
    }
}
