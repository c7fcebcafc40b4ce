/* SPDX-License-Identifier: MIT */
/* inotify.c - what happens to files, as a queue of events. The descriptor is non-blocking, and for
 * the backend a foreign file that becomes readable. */
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <poll.h>

#include "base/alloc.h"
#include "file/file.h"
#include "loop/debug.h"
#include "stream/stream.h"
#include "sys/fds.h"

struct watched {
    int number;
    char *path;
};

struct weir_inotify {
    struct weir__loop *loop;
    struct weir__file file;
    struct weir__op op; /* CLOSE */
    struct watched *list;
    size_t count, cap;
    size_t at, len; /* of the buffer: what was returned, and what there is */
    int forget;     /* the watch whose last event was returned: its path is still lent; 0: none */
    unsigned adding; /* tasks in weir_inotify_add: a helper may use the descriptor */
    struct weir__waitq named; /* a task in weir_inotify_next, until one of these has ended */
    bool reading, closed;
    _Alignas(struct inotify_event) char buffer[4096];
};

int weir_inotify_open(struct weir_inotify **ret_inotify) {
    struct weir__loop *l = weir__loop();
    if (l == NULL)
        return weir__no_loop("inotify");
    if (l->backend->simulated)
        return weir__fail(WEIR_ESIMREFUSED, "inotify", NULL);
    struct weir_inotify *in = weir__alloc_zero(sizeof *in);
    if (in == NULL)
        return weir__fail(-ENOMEM, "inotify", NULL);
    in->loop = l;
    in->file.foreign = true;
    in->file.fd = weir__fd_lift(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    int rc = in->file.fd < 0 ? in->file.fd : 0;
    struct weir__op op = {.kind = WEIR__ATTACH, .file = &in->file};
    if (rc == 0 && (rc = (int)weir__op_now(l, &op)) < 0)
        close(in->file.fd);
    if (rc < 0) {
        weir__free(in);
        return weir__fail(rc, "inotify", NULL);
    }
    l->unclosed++;
    weir__debug_made(l, in, "inotify", "inotify", __builtin_return_address(0));
    *ret_inotify = in;
    return 0;
}

/* ---- watches --------------------------------------------------------------------------------- */

static struct watched *watched_of(struct weir_inotify *in, int number) {
    for (size_t i = 0; i < in->count; i++)
        if (in->list[i].number == number)
            return &in->list[i];
    return NULL;
}

static void forget(struct weir_inotify *in) {
    struct watched *w = in->forget != 0 ? watched_of(in, in->forget) : NULL;
    in->forget = 0;
    if (w == NULL)
        return;
    weir__free(w->path);
    *w = in->list[--in->count];
}

/* Room for one more, before anything is watched. */
static int make_room(struct weir_inotify *in) {
    if (in->count + in->adding < in->cap)
        return 0;
    size_t cap = in->cap > 0 ? 2 * in->cap : 8;
    struct watched *list = weir__realloc(in->list, cap * sizeof *list);
    if (list == NULL)
        return -ENOMEM;
    in->list = list;
    in->cap = cap;
    return 0;
}

static void inotify_gone(struct weir_inotify *in) {
    for (size_t i = 0; i < in->count; i++)
        weir__free(in->list[i].path);
    weir__free(in->list);
    weir__free(in);
}

static void close_over(struct weir__op *op) {
    struct weir_inotify *in = WEIR_CONTAINER(op, struct weir_inotify, op);
    weir__close_done(in->loop);
    in->file.fd = -1;
    if (!in->reading)
        inotify_gone(in);
}

static void close_begin(struct weir_inotify *in) {
    in->file.foreign = false; /* now the backend may close it */
    weir__close_submit(in->loop, &in->op, &in->file, close_over);
}

static int added(struct weir_inotify *in, int64_t number, char *path) {
    struct watched *old = number >= 0 ? watched_of(in, (int)number) : NULL;
    if (number < 0 || old != NULL)
        weir__free(path);
    else
        in->list[in->count++] = (struct watched){(int)number, path};
    return (int)number;
}

int weir_inotify_add(struct weir_inotify *in, const char *path, uint32_t mask) {
    static const struct weir__what watches = {.text = "watch", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("watch");
    if (rc < 0)
        return rc;
    weir__not_null(in, "weir_inotify_add");
    weir__argument_not_null(path, "weir_inotify_add", "path");
    weir__loop_assert(in->loop, in, "weir_inotify_add");
    char *copy = weir__strdup(path);
    rc = copy == NULL ? -ENOMEM : make_room(in);
    if (rc < 0) {
        weir__free(copy);
        return weir__fail(rc, "watch", path);
    }
    struct weir__call c = {
        .verb = WEIR__WATCH, .fd = in->file.fd, .path = copy, .mode = mask};
    in->adding++;
    int64_t number = weir__file_call(&c, &watches, copy);
    in->adding--;
    rc = added(in, in->closed ? WEIR_ECLOSED : number, copy);
    weir__waitq_wake_all(&in->named, 0);
    if (in->closed && in->adding == 0)
        close_begin(in);
    return rc < 0 ? weir__fail(rc, "watch", path) : rc;
}

int weir_inotify_remove(struct weir_inotify *in, int watch) {
    weir__not_null(in, "weir_inotify_remove");
    weir__loop_assert(in->loop, in, "weir_inotify_remove");
    if (inotify_rm_watch(in->file.fd, watch) == 0)
        return 0;
    return weir__failf(-errno, "stop watching", NULL, "no watch has the number %d (%s)", watch,
                       weir_error_name(-errno));
}

/* ---- events ---------------------------------------------------------------------------------- */

static const struct weir__what reads = {.text = "inotify", .kind = WEIR__ON_FD};

/* Fill the buffer. Returns 0 or an error. */
static int fill(struct weir_inotify *in) {
    for (;;) {
        struct weir__op op = {.kind = WEIR__READ_FD,
                              .file = &in->file,
                              .u.bytes = {.base = in->buffer, .len = sizeof in->buffer}};
        int64_t n = weir__op_now(in->loop, &op);
        if (n != -EAGAIN) {
            in->at = 0;
            in->len = n > 0 ? (size_t)n : 0;
            return n > 0 ? 0 : n < 0 ? (int)n : -EIO;
        }
        op = (struct weir__op){
            .kind = WEIR__POLL, .file = &in->file, .u.poll = {in->file.fd, POLLIN}};
        n = weir__op_await(&op, &reads, &in->file.fd);
        int rc = in->closed ? WEIR_ECLOSED : n < 0 ? (int)n : weir_cancelled();
        if (rc < 0)
            return rc;
    }
}

static const struct inotify_event *event_at(const struct weir_inotify *in) {
    return (const void *)&in->buffer[in->at];
}

static bool is_unknown(struct weir_inotify *in) {
    const struct inotify_event *e = event_at(in);
    return e->wd > 0 && watched_of(in, e->wd) == NULL;
}

/* Find an event whose watch is in the list. One may come before the task that has added its watch
 * runs again. And while a watch is removed, the kernel may report an event after its IN_IGNORED:
 * that is passed over. Returns 0 or an error. */
static int find(struct weir_inotify *in) {
    int rc = in->at == in->len ? fill(in) : 0;
    while (rc == 0 && is_unknown(in)) {
        if (in->adding > 0)
            rc = (int)weir__waitq_wait(&in->named, NULL, &reads, &in->file.fd);
        else
            in->at += sizeof(struct inotify_event) + event_at(in)->len;
        if (rc == 0 && in->at == in->len)
            rc = fill(in);
    }
    return in->closed ? WEIR_ECLOSED : rc;
}

static void next_event(struct weir_inotify *in, struct weir_inotify_event *ret_event) {
    const struct inotify_event *e = event_at(in);
    in->at += sizeof *e + e->len;
    const struct watched *w = e->wd > 0 ? watched_of(in, e->wd) : NULL;
    *ret_event = (struct weir_inotify_event){
        .watch = e->wd,
        .mask = e->mask,
        .cookie = e->cookie,
        .path = w != NULL ? w->path : "",
        .name = e->len > 0 ? e->name : "",
    };
    if ((e->mask & IN_IGNORED) != 0)
        in->forget = e->wd;
}

int weir_inotify_next(struct weir_inotify *in, struct weir_inotify_event *ret_event) {
    int rc = weir__suspend_enter("inotify");
    if (rc < 0)
        return rc;
    weir__not_null(in, "weir_inotify_next");
    weir__loop_assert(in->loop, in, "weir_inotify_next");
    if (in->reading)
        return weir__fail(-EBUSY, "inotify", NULL);
    forget(in);
    in->reading = true;
    (void)weir__breathe();
    rc = in->closed ? WEIR_ECLOSED : find(in);
    in->reading = false;
    if (rc == 0)
        next_event(in, ret_event);
    if (in->closed && in->file.fd < 0)
        inotify_gone(in);
    return rc < 0 ? weir__fail(rc, "inotify", NULL) : 0;
}

void weir_inotify_close(struct weir_inotify **take_inotify) {
    struct weir_inotify *in = take_inotify != NULL ? *take_inotify : NULL;
    if (in == NULL)
        return;
    weir__debug_not_closed(weir__loop(), in, "weir_inotify_close", __builtin_return_address(0));
    *take_inotify = NULL;
    if (weir__loop_is_parents(in->loop)) { /* in a fork child */
        weir__fd_close_copy(in->file.fd, false);
        return;
    }
    weir__loop_assert(in->loop, in, "weir_inotify_close");
    in->closed = true;
    in->loop->unclosed--;
    weir__debug_closed(in->loop, in, __builtin_return_address(0));
    if (in->adding == 0)
        close_begin(in);
}
