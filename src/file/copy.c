/* SPDX-License-Identifier: MIT */
/* copy.c - bytes from a file or stream to another: by the kernel where it can, else through memory.
 *
 *   from        to                 by
 *   file        file               COPY
 *   file        stream, non-       SENDFILE; when the stream is full, wait for room
 *               blocking
 *   pipe, idle  file               SPLICE; when the pipe is empty, wait for bytes
 *   all else, and where the kernel refuses: a piece is read or peeked, and written
 *
 * The helper thread works on a duplicate of a stream's descriptor: another task may close the
 * stream meanwhile, and its number may become another file's. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "file/file.h"
#include "stream/stream.h"
#include "sys/fds.h"

enum {
    KERNEL_PIECE = 4 << 20, /* a cancel waits for so much: 2 ms from memory */
    MEMORY_PIECE = 64 << 10,
    NAMES = 64 /* of both ends, for an error's text */
};

struct end { /* one of the two is NULL */
    struct weir_file *file;
    struct weir_stream *stream;
};

struct copy {
    struct end to, from;
    int64_t left, done; /* left: WEIR_NEVER where there is no limit */
    enum weir__verb verb;
    int own_fd; /* the duplicate of a stream's descriptor; -1: none */
    uint8_t *piece;
};

static const struct weir__what copies = {.text = "copy", .kind = WEIR__ON_NOTHING};

static struct end file_end(struct weir_file *f) {
    return f->stream != NULL ? (struct end){.stream = f->stream} : (struct end){.file = f};
}

static size_t at_most(const struct copy *c, size_t max) {
    return c->left < (int64_t)max ? (size_t)c->left : max;
}

static void count(struct copy *c, int64_t n) {
    c->done += n;
    c->left -= c->left == WEIR_NEVER ? 0 : n;
}

/* ---- by the kernel --------------------------------------------------------------------------- */

/* Only of a pipe does no backend receive ahead. */
static bool is_pipe(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static bool never_blocks(int fd) {
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

/* Returns a duplicate of the stream's descriptor, or -1. */
static int duplicate(const struct weir_stream *s) {
    if (s->kind->fd == NULL || s->loop->backend->simulated)
        return -1;
    return weir__fd_lift(fcntl(s->kind->fd(s), F_DUPFD_CLOEXEC, 0));
}

/* Choose the call. Returns whether there is one. */
static bool kernel_can(struct copy *c) {
    bool can;
    if (c->from.file != NULL && c->to.file != NULL) {
        c->verb = WEIR__COPY;
        return true;
    }
    if (c->from.file != NULL) {
        c->verb = WEIR__SENDFILE;
        c->own_fd = duplicate(c->to.stream);
        can = c->own_fd >= 0 && never_blocks(c->own_fd);
    } else {
        c->verb = WEIR__SPLICE;
        c->own_fd = c->to.file != NULL ? duplicate(c->from.stream) : -1;
        can = c->own_fd >= 0 && is_pipe(c->own_fd);
    }
    return can;
}

/* The stream of a SENDFILE is full, or the pipe of a SPLICE is empty. A stream that is closed
 * meanwhile wakes who waits for its room: the duplicate would stay full. */
static int wait_ready(struct copy *c) {
    struct weir__op op = {.kind = WEIR__POLL, .u.poll = {c->own_fd, POLLIN}};
    int64_t rc = weir_cancelled();
    if (rc == 0 && c->verb == WEIR__SENDFILE)
        rc = c->to.stream->kind->wait_room(c->to.stream);
    else if (rc == 0)
        rc = weir__op_await(&op, &copies, NULL);
    return rc < 0 ? (int)rc : 0;
}

/* The codes with which the kernel says that it cannot do this for these two. */
static bool is_refusal(int64_t rc) {
    return rc == -EINVAL || rc == -EXDEV || rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -EPERM
           || rc == -EBADF || rc == -ESPIPE || rc == -ETXTBSY || rc == -EISDIR
           || rc == WEIR_ESIMREFUSED;
}

static int64_t kernel_call(struct copy *c) {
    struct weir__call call = {
        .verb = (uint8_t)c->verb,
        .fd = c->from.file != NULL ? c->from.file->fd : c->own_fd,
        .to_fd = c->to.file != NULL ? c->to.file->fd : c->own_fd,
        .len = at_most(c, KERNEL_PIECE),
        .at = WEIR__AT_POSITION,
        .to_at = WEIR__AT_POSITION,
    };
    return weir__file_call(&call, &copies, NULL);
}

/* Returns 0 when memory must go on: the kernel refuses, or says that there is no more, which it
 * also does for a file of /proc. Else an error. */
static int by_kernel(struct copy *c) {
    const struct weir_stream *stream = c->to.stream != NULL ? c->to.stream : c->from.stream;
    while (c->left > 0) {
        int64_t n = kernel_call(c);
        if (n == 0 || is_refusal(n))
            return 0;
        if (n > 0)
            count(c, n);
        int rc = n == -EAGAIN ? wait_ready(c) : n < 0 ? (int)n : weir_cancelled();
        if (rc == 0 && stream != NULL && stream->closed)
            rc = WEIR_ECLOSED;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* While the kernel writes to a stream or reads it, no other task may. What goes wrong here is the
 * copy's error and not the stream's: no byte is lost. */
static int kernel_writes(struct weir_stream *s, void *arg, size_t *ret_done) {
    (void)s;
    *ret_done = 0;
    return by_kernel(arg);
}

struct kernel_read {
    struct copy *copy;
    int rc;
};

/* Not called while the stream holds bytes. */
static int64_t kernel_reads(struct weir_stream *s, void *arg) {
    struct kernel_read *r = arg;
    (void)s;
    r->rc = by_kernel(r->copy);
    return 1;
}

static int kernel_way(struct copy *c) {
    struct kernel_read r = {.copy = c};
    if (!kernel_can(c))
        return 0;
    if (c->verb == WEIR__COPY)
        return by_kernel(c);
    if (c->verb == WEIR__SENDFILE)
        return weir__stream_write_by(c->to.stream, kernel_writes, c);
    ssize_t n = weir__stream_read_by(c->from.stream, NULL, 0, kernel_reads, &r);
    return n < 0 ? (int)n : r.rc;
}

/* ---- through memory -------------------------------------------------------------------------- */

/* Get a piece. Returns its length, 0 at the end, or an error. */
static int64_t piece_get(struct copy *c, struct weir_view *ret_view) {
    size_t most = at_most(c, MEMORY_PIECE);
    if (c->from.stream != NULL) {
        ssize_t n = weir_peek(c->from.stream, 1, ret_view);
        if (n > 0 && (int64_t)ret_view->len > c->left)
            ret_view->len = (size_t)c->left;
        return n;
    }
    if (c->piece == NULL)
        c->piece = weir__alloc(MEMORY_PIECE);
    if (c->piece == NULL)
        return -ENOMEM;
    int64_t n = weir__file_move(c->from.file, WEIR__READ_AT, c->piece, most, WEIR__AT_POSITION);
    *ret_view = (struct weir_view){c->piece, n > 0 ? (size_t)n : 0};
    return n;
}

/* Write a piece. *ret_done counts what was written. Returns 0 or an error. */
static int piece_put(struct copy *c, struct weir_view v, size_t *ret_done) {
    if (c->to.file != NULL)
        return weir__file_move_all(c->to.file, WEIR__WRITE_AT, (void *)(uintptr_t)v.base, v.len,
                                   WEIR__AT_POSITION, ret_done);
    int rc = weir_write(c->to.stream, v.base, v.len);
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    *ret_done = rc == 0 ? v.len : e != NULL ? (size_t)e->done : 0;
    return rc;
}

/* Of a piece of len bytes only `done` were written: `from` has been read so far. */
static void piece_end(struct copy *c, size_t len, size_t done) {
    struct weir_file *f = c->from.file;
    if (f == NULL) {
        weir_consume(c->from.stream, done);
        return;
    }
    struct weir__call back = {
        .verb = WEIR__SEEK, .fd = f->fd, .at = -(int64_t)(len - done), .flags = SEEK_CUR};
    if (done < len)
        (void)weir__file_call_uncut(&back, &copies, NULL);
}

static int through_memory(struct copy *c) {
    while (c->left > 0) {
        struct weir_view v;
        size_t done = 0;
        int64_t n = piece_get(c, &v);
        if (n <= 0)
            return (int)n;
        int rc = weir_cancelled();
        if (rc == 0)
            rc = piece_put(c, v, &done);
        piece_end(c, v.len, done);
        count(c, (int64_t)done);
        if (rc == 0)
            rc = weir_cancelled();
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- the calls ------------------------------------------------------------------------------- */

static const char *name_of(const struct end *e) {
    return e->file != NULL ? e->file->path : weir_stream_peer(e->stream);
}

/* Of two streams it is not known which of them the error came from: name both. */
static void name_both(const struct end *from, const struct end *to, char ret_text[static NAMES]) {
    snprintf(ret_text, NAMES, "%.29s to %.29s", name_of(from), name_of(to));
}

static int64_t copy_all(struct end to, struct end from, int64_t max) {
    struct copy c = {.to = to, .from = from, .left = max < 0 ? WEIR_NEVER : max, .own_fd = -1};
    char names[NAMES];
    name_both(&from, &to, names); /* now: a stream that is closed meanwhile may be freed at once */
    int rc = kernel_way(&c);
    if (c.own_fd >= 0)
        close(c.own_fd);
    if (rc == 0)
        rc = through_memory(&c);
    weir__free(c.piece);
    if (rc == 0)
        return c.done;
    weir__fail(rc, "copy", names);
    weir__fail_done(rc, (size_t)c.done);
    return rc;
}

/* f is in use while a copy runs. */
static void let_go(struct weir_file *f) {
    weir__file_leave(f, 0, NULL, 0);
}

int64_t weir_copy_file_to_file(struct weir_file *to, struct weir_file *from, int64_t max) {
    int rc = weir__suspend_enter("copy");
    if (rc < 0)
        return rc;
    weir__file_enter(to, "weir_copy");
    weir__file_enter(from, "weir_copy");
    int64_t n = copy_all(file_end(to), file_end(from), max);
    let_go(from);
    let_go(to);
    return n;
}

int64_t weir_copy_file_to_stream(struct weir_stream *to, struct weir_file *from, int64_t max) {
    int rc = weir__suspend_enter("copy");
    if (rc < 0)
        return rc;
    weir__not_null(to, "weir_copy");
    weir__file_enter(from, "weir_copy");
    int64_t n = copy_all((struct end){.stream = to}, file_end(from), max);
    let_go(from);
    return n;
}

int64_t weir_copy_stream_to_file(struct weir_file *to, struct weir_stream *from, int64_t max) {
    int rc = weir__suspend_enter("copy");
    if (rc < 0)
        return rc;
    weir__not_null(from, "weir_copy");
    weir__file_enter(to, "weir_copy");
    int64_t n = copy_all(file_end(to), (struct end){.stream = from}, max);
    let_go(to);
    return n;
}

int64_t weir_copy_stream_to_stream(struct weir_stream *to, struct weir_stream *from, int64_t max) {
    int rc = weir__suspend_enter("copy");
    if (rc < 0)
        return rc;
    weir__not_null(to, "weir_copy");
    weir__not_null(from, "weir_copy");
    return copy_all((struct end){.stream = to}, (struct end){.stream = from}, max);
}

/* ---- a whole file ---------------------------------------------------------------------------- */

static int stat_of(struct weir_file *f, struct statx *x) {
    struct weir__call c = {.verb = WEIR__STAT, .fd = f->fd, .base = x};
    int rc = weir_cancelled();
    return rc < 0 ? rc : (int)weir__file_call(&c, &copies, NULL);
}

static bool same_file(const struct statx *a, const struct statx *b) {
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major
           && a->stx_dev_minor == b->stx_dev_minor;
}

/* The new permissions come last: they may forbid writing. Not set-user-ID and the like: the copy
 * belongs to another user. */
static int set_mode(struct weir_file *to, const struct statx *x, const struct statx *y) {
    struct weir__call c = {.verb = WEIR__CHMOD, .fd = to->fd, .mode = x->stx_mode & 0777};
    int rc = weir_cancelled();
    if (rc < 0 || c.mode == (y->stx_mode & 07777) || !S_ISREG(y->stx_mode))
        return rc;
    return (int)weir__file_call(&c, &copies, NULL);
}

static int cut_old(struct weir_file *to, const struct statx *y) {
    struct weir__call c = {.verb = WEIR__TRUNCATE, .fd = to->fd, .at = 0};
    int rc = weir_cancelled();
    if (rc < 0 || y->stx_size == 0 || !S_ISREG(y->stx_mode))
        return rc;
    return (int)weir__file_call(&c, &copies, NULL);
}

/* Not O_TRUNC: `to` may be the same file. */
static int copy_opened(const char *to_path, struct weir_file *from, struct weir_file **ret_to) {
    struct statx x, y;
    int rc = stat_of(from, &x);
    if (rc == 0)
        rc = weir_cancelled();
    if (rc == 0)
        rc = weir__file_open(to_path, O_WRONLY | O_CREAT, x.stx_mode & 0777, ret_to);
    if (rc == 0)
        rc = stat_of(*ret_to, &y);
    if (rc == 0 && same_file(&x, &y))
        rc = -EINVAL;
    if (rc == 0)
        rc = cut_old(*ret_to, &y);
    if (rc == 0)
        rc = weir_cancelled();
    if (rc == 0) {
        int64_t n = copy_all(file_end(*ret_to), file_end(from), -1);
        rc = n < 0 ? (int)n : 0;
    }
    return rc < 0 ? rc : set_mode(*ret_to, &x, &y);
}

int weir_copy_file(const char *to_path, const char *from_path) {
    struct weir_file *from = NULL, *to = NULL;
    int rc = weir__suspend_enter("copy file");
    if (rc < 0)
        return rc;
    weir__argument_not_null(to_path, "weir_copy_file", "path");
    weir__argument_not_null(from_path, "weir_copy_file", "path");
    const char *at = from_path;
    rc = weir__file_open(from_path, O_RDONLY, 0, &from);
    if (rc == 0) {
        at = to_path;
        rc = copy_opened(to_path, from, &to);
    }
    weir__file_drop(&from);
    weir__file_drop(&to);
    return rc < 0 ? weir__fail(rc, "copy file", at) : 0;
}
