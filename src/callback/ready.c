/* SPDX-License-Identifier: MIT */
/* ready.c - callbacks for descriptors that can be read or written. Each has a POLL op in the
 * backend, which says once that the descriptor is ready. Then the function is queued, and when it
 * has returned the op starts again. So it is called in each round, but never keeps the loop. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <weir/callback.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "callback/call.h"

enum { READER, WRITER };

struct ready {
    struct weir__op op;
    struct weir__soon soon;
    void (*fn)(void *arg);
    void *arg;
    int fd;
    short events; /* POLLIN or POLLOUT */
    bool polls;   /* the backend has op */
    bool removed; /* freed as soon as neither the backend nor the function's call needs it */
    bool calls;   /* the function runs */
};

static const char *const names[] = {"add_reader", "add_writer"};

static size_t place(int fd, int which) {
    return (size_t)fd * 2 + (size_t)which;
}

static bool has_failed(const struct ready *r) {
    return r->op.result < 0 || (r->op.result & POLLNVAL) != 0;
}

static void ready_woken(struct weir__op *op) {
    struct ready *r = WEIR_CONTAINER(op, struct ready, op);
    r->polls = false;
    if (!r->removed) {
        weir__soon_add(&r->soon);
        return;
    }
    weir__loop()->hidden--;
    weir__free(r);
}

/* The backend says so at once, or later by ready_woken. */
static void ready_poll(struct ready *r) {
    r->op = (struct weir__op){
        .kind = WEIR__POLL, .wake = ready_woken, .u.poll = {r->fd, r->events}};
    r->polls = weir__submit(weir__loop()->backend, &r->op) == WEIR__PENDING;
    if (!r->polls)
        weir__soon_add(&r->soon);
}

/* r is in no table any more. */
static void ready_remove(struct ready *r) {
    struct weir__loop *l = weir__loop();
    r->removed = true;
    weir__soon_remove(&r->soon);
    if (r->calls)
        return;
    if (r->polls && weir__cancel(l->backend, &r->op) == WEIR__PENDING) {
        l->hidden++;
        return;
    }
    weir__free(r);
}

static bool remove_fd(int fd, int which) {
    struct weir__loop *l = weir__loop();
    struct calls *cs = l ? l->calls : NULL;
    if (cs == NULL || fd < 0 || place(fd, which) >= cs->ready_count)
        return false;
    struct ready *r = cs->ready[place(fd, which)];
    cs->ready[place(fd, which)] = NULL;
    if (r != NULL)
        ready_remove(r);
    return r != NULL;
}

static __attribute__((cold)) void ready_lost(struct ready *r, int which) {
    int rc = r->op.result < 0 ? (int)r->op.result : -EBADF;
    weir__log(WEIR_LOG_ERROR, "weir_%s: descriptor %d is watched no more: %s (%s)", names[which],
              r->fd, weir_error_text(rc), weir_error_name(rc));
    remove_fd(r->fd, which);
}

/* Without memory the op starts again in the next round, and nothing is called. */
static void ready_called(struct weir__soon *n, bool dropped) {
    struct ready *r = WEIR_CONTAINER(n, struct ready, soon);
    if (dropped)
        return;
    if (has_failed(r) && r->op.result != -ENOMEM) {
        ready_lost(r, r->events == POLLIN ? READER : WRITER);
        return;
    }
    r->calls = true;
    if (r->op.result >= 0)
        r->fn(r->arg);
    r->calls = false;
    if (r->removed)
        weir__free(r);
    else
        ready_poll(r);
}

static void end_ready(struct calls *cs) {
    for (size_t i = 0; i < cs->ready_count; i++)
        if (cs->ready[i] != NULL)
            ready_remove(cs->ready[i]);
    weir__free(cs->ready);
}

static bool table_grow(struct calls *cs, size_t needed) {
    size_t count = cs->ready_count ? cs->ready_count : 16;
    while (count <= needed)
        count *= 2;
    struct ready **table = weir__realloc(cs->ready, count * sizeof *table);
    if (table == NULL)
        return false;
    memset(table + cs->ready_count, 0, (count - cs->ready_count) * sizeof *table);
    cs->ready = table;
    cs->ready_count = count;
    cs->end_ready = end_ready;
    return true;
}

static int ready_start(struct calls *cs, struct ready *r, int which) {
    ready_poll(r);
    if (!r->polls && has_failed(r)) {
        int rc = r->op.result < 0 ? (int)r->op.result : -EBADF;
        weir__soon_remove(&r->soon);
        weir__free(r);
        return weir__fail(rc, names[which], NULL);
    }
    cs->ready[place(r->fd, which)] = r;
    return 0;
}

static int add_fd(int fd, int which, void (*fn)(void *arg), void *arg) {
    struct calls *cs;
    if (fn == NULL)
        WEIR_BUG("weir_%s: the function is NULL", names[which]);
    int rc = weir__calls(names[which], &cs);
    if (rc < 0)
        return rc;
    if (fd < 0 || (!weir__loop()->exact && fcntl(fd, F_GETFD) < 0)) /* io_uring says so later */
        return weir__fail(-EBADF, names[which], NULL);
    if (place(fd, WRITER) >= cs->ready_count && !table_grow(cs, place(fd, WRITER)))
        return weir__fail(-ENOMEM, names[which], NULL);
    struct ready *r = cs->ready[place(fd, which)];
    if (r == NULL) {
        if ((r = weir__alloc_zero(sizeof *r)) == NULL)
            return weir__fail(-ENOMEM, names[which], NULL);
        r->fd = fd;
        r->events = which == READER ? POLLIN : POLLOUT;
        weir__soon_prepare(&r->soon, ready_called);
        if ((rc = ready_start(cs, r, which)) < 0)
            return rc;
    }
    r->fn = fn;
    r->arg = arg;
    return 0;
}

int weir_add_reader(int fd, void (*fn)(void *arg), void *arg) {
    return add_fd(fd, READER, fn, arg);
}

int weir_add_writer(int fd, void (*fn)(void *arg), void *arg) {
    return add_fd(fd, WRITER, fn, arg);
}

bool weir_remove_reader(int fd) {
    return remove_fd(fd, READER);
}

bool weir_remove_writer(int fd) {
    return remove_fd(fd, WRITER);
}
