/* SPDX-License-Identifier: MIT */
/* file.c - an open file: how it is opened and closed, and how a task waits for a call on it. */
#include "file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/debug.h"
#include "stream/stream.h"
#include "sys/fds.h"

const struct weir__what weir__opens = {.text = "open", .kind = WEIR__ON_NAME};
const struct weir__what weir__file_reads = {.text = "read", .kind = WEIR__ON_FD};
const struct weir__what weir__file_writes = {.text = "write", .kind = WEIR__ON_FD};

/* ---- calls ----------------------------------------------------------------------------------- */

int64_t weir__file_call(struct weir__call *c, const struct weir__what *what, const void *on) {
    struct weir__op op = {.kind = WEIR__FILE_OP, .u.call = c};
    return weir__op_await(&op, what, on);
}

struct uncut {
    struct weir__park park;
    struct weir__op op;
};

static void uncut_over(struct weir__op *op) {
    weir__unpark(&WEIR_CONTAINER(op, struct uncut, op)->park, op->result);
}

int64_t weir__file_call_uncut(struct weir__call *c, const struct weir__what *what,
                              const void *on) {
    struct uncut u = {
        .park = {.what = what, .on = on}, /* no abort hook */
        .op = {.kind = WEIR__FILE_OP, .wake = uncut_over, .u.call = c},
    };
    if (weir__submit(weir__loop()->backend, &u.op) == WEIR__DONE)
        return u.op.result;
    return weir__park(&u.park);
}

int weir__file_remove(const char *path) {
    static const struct weir__what removes = {.text = "remove", .kind = WEIR__ON_NAME};
    struct weir__call c = {.verb = WEIR__UNLINK, .path = path};
    return (int)weir__file_call_uncut(&c, &removes, path);
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct weir_file *file_new(struct weir__loop *l, const char *path) {
    size_t size = strlen(path) + 1;
    struct weir_file *f = weir__alloc_zero(sizeof *f + size);
    if (f == NULL)
        return NULL;
    f->loop = l;
    f->fd = -1;
    memcpy(f->path, path, size);
    return f;
}

/* O_DIRECT would wait for the disk although it is asked not to. */
static void set_flags(struct weir_file *f, int fd, int flags) {
    f->fd = fd;
    f->writes = (flags & O_ACCMODE) != O_RDONLY;
    f->never_waits = (flags & O_DIRECT) == 0;
    f->syncs = (flags & (O_SYNC | O_DSYNC)) != 0;
}

static void close_begin(struct weir_file *f, bool at_once);

/* The close did not find a thread: then it must do without. */
static void close_over(struct weir__op *op) {
    struct weir_file *f = WEIR_CONTAINER(op, struct weir_file, op);
    struct weir__loop *l = f->loop;
    bool refused = op->result == -EAGAIN || op->result == -ENOMEM || op->result == -ECANCELED;
    if (refused && !f->call.never_waits) {
        close_begin(f, true);
        return;
    }
    weir__free(f);
    weir__close_done(l);
}

/* The last close of a file that was written may free the blocks of one that has no name any more,
 * or send its bytes to a server: that takes long. */
static void close_begin(struct weir_file *f, bool at_once) {
    f->call = (struct weir__call){.verb = WEIR__CLOSE_FD, .fd = f->fd, .never_waits = at_once};
    f->op = (struct weir__op){.kind = WEIR__FILE_OP, .wake = close_over, .u.call = &f->call};
    if (weir__submit(f->loop->backend, &f->op) == WEIR__DONE)
        close_over(&f->op);
}

static void close_now(struct weir_file *f) {
    if (f->stream != NULL) {
        weir_close(&f->stream);
        weir__free(f);
        return;
    }
    f->loop->hidden++;
    close_begin(f, !f->writes);
}

void weir__file_drop(struct weir_file **take_file) {
    struct weir_file *f = *take_file;
    *take_file = NULL;
    if (f == NULL)
        return;
    f->closed = true;
    if (f->users == 0)
        close_now(f);
}

/* Returns 0; or an error, without a record, and the file is dropped. */
static int take_stream(struct weir_file *f) {
    int rc = weir_stream_from_fd(f->fd, &f->stream);
    if (rc < 0)
        weir__file_drop(&f);
    return rc;
}

int weir__file_open_by(struct weir__call *c, struct weir_file **ret_file) {
    struct weir_file *f = file_new(weir__loop(), c->path);
    if (f == NULL)
        return -ENOMEM;
    int64_t fd = weir__file_call(c, &weir__opens, c->path);
    if (fd >= 0)
        set_flags(f, (int)fd, c->flags);
    int rc = fd < 0 ? (int)fd : c->seeks ? 0 : take_stream(f);
    if (fd < 0)
        weir__free(f);
    if (rc == 0)
        *ret_file = f;
    return rc;
}

int weir__file_open(const char *path, int flags, unsigned mode, struct weir_file **ret_file) {
    struct weir__call c = {.verb = WEIR__OPEN, .path = path, .flags = flags, .mode = mode};
    return weir__file_open_by(&c, ret_file);
}

void weir__file_give(struct weir_file *f, const void *pc, struct weir_file **ret_file) {
    if (f->stream == NULL) /* else the stream is counted */
        f->loop->unclosed++;
    weir__debug_made(f->loop, f, "file", f->path, pc);
    *ret_file = f;
}

int weir_file_open(const char *path, int flags, unsigned mode, struct weir_file **ret_file) {
    struct weir_file *f = NULL;
    int rc = weir__suspend_enter("open");
    if (rc < 0)
        return rc;
    weir__argument_not_null(path, "weir_file_open", "path");
    rc = weir__file_open(path, flags, mode, &f);
    if (rc < 0)
        return weir__fail(rc, "open", path);
    weir__file_give(f, __builtin_return_address(0), ret_file);
    (void)weir__breathe();
    return 0;
}

int weir_file_from_fd(int fd, struct weir_file **ret_file) {
    char name[24];
    struct weir__loop *l = weir__loop();
    if (l == NULL)
        return weir__no_loop("file from a descriptor");
    if (l->backend->simulated)
        return weir__fail(WEIR_ESIMREFUSED, "file from a descriptor", NULL);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return weir__fail(-EBADF, "file from a descriptor", NULL);
    snprintf(name, sizeof name, "fd %d", fd);
    struct weir_file *f = file_new(l, name);
    if (f == NULL)
        return weir__fail(-ENOMEM, "file from a descriptor", NULL);
    int rc = weir__verb_seeks(fd) ? 0 : weir_stream_from_fd(fd, &f->stream);
    if (rc < 0) {
        weir__free(f);
        return rc;
    }
    set_flags(f, fd, flags);
    weir__file_give(f, __builtin_return_address(0), ret_file);
    return 0;
}

int weir_file_fd(const struct weir_file *f) {
    weir__not_null(f, "weir_file_fd");
    weir__loop_assert(f->loop, f, "weir_file_fd");
    if (f->loop->backend->simulated)
        return weir__fail(-EOPNOTSUPP, "descriptor", f->path);
    return f->fd;
}

void weir_file_close(struct weir_file **take_file) {
    struct weir_file *f = take_file != NULL ? *take_file : NULL;
    if (f == NULL)
        return;
    weir__debug_not_closed(weir__loop(), f, "weir_file_close", __builtin_return_address(0));
    *take_file = NULL;
    if (weir__loop_is_parents(f->loop)) { /* in a fork child */
        weir__fd_close_copy(f->fd, false);
        return;
    }
    weir__loop_assert(f->loop, f, "weir_file_close");
    WEIR_CHECK(!f->closed);
    if (f->stream == NULL)
        f->loop->unclosed--;
    weir__debug_closed(f->loop, f, __builtin_return_address(0));
    weir__file_drop(&f);
}

/* ---- in use ---------------------------------------------------------------------------------- */

void weir__file_enter(struct weir_file *f, const char *call) {
    weir__not_null(f, call);
    weir__loop_assert(f->loop, f, call);
    f->users++;
}

int64_t weir__file_leave(struct weir_file *f, int64_t rc, const char *what, size_t done) {
    if (rc < 0) {
        weir__fail((int)rc, what, f->path);
        weir__fail_done((int)rc, done);
    }
    if (--f->users == 0 && f->closed)
        close_now(f);
    return rc;
}

int weir__file_goes_on(const struct weir_file *f) {
    int rc = weir_cancelled();
    return rc < 0 ? rc : f->closed ? WEIR_ECLOSED : 0;
}
