/* SPDX-License-Identifier: MIT */
/* dir.c - the names in a directory, read many at a time. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "file/cached.h"
#include "file/file.h"
#include "loop/debug.h"
#include "sys/fds.h"

enum { BATCH = 32 << 10 }; /* about a thousand names: 0.2 ms of a helper thread */

struct weir_dir {
    struct weir__loop *loop;
    int fd;
    bool busy;      /* a task is in weir_dir_next: a helper may write to the batch */
    unsigned opens; /* tasks in weir_file_open_beneath: a helper may use fd */
    size_t at, len; /* of the batch: what was returned, and what there is */
    _Alignas(struct dirent64) char batch[BATCH];
    char path[];
};

int weir_dir_open(const char *path, struct weir_dir **ret_dir) {
    int rc = weir__suspend_enter("open directory");
    if (rc < 0)
        return rc;
    weir__argument_not_null(path, "weir_dir_open", "path");
    size_t size = strlen(path) + 1;
    struct weir_dir *d = weir__alloc(sizeof *d + size);
    if (d == NULL)
        return weir__fail(-ENOMEM, "open directory", path);
    struct weir__call c = {.verb = WEIR__OPEN, .path = path, .flags = O_RDONLY | O_DIRECTORY};
    int64_t fd = weir__file_call(&c, &weir__opens, path);
    if (fd < 0) {
        weir__free(d);
        return weir__fail((int)fd, "open directory", path);
    }
    d->loop = weir__loop();
    d->fd = (int)fd;
    d->busy = false;
    d->opens = 0;
    d->at = d->len = 0;
    memcpy(d->path, path, size);
    d->loop->unclosed++;
    weir__debug_made(d->loop, d, "directory", d->path, __builtin_return_address(0));
    *ret_dir = d;
    return 0;
}

/* Read the next batch. Returns its bytes, 0 at the end, or an error. */
static int64_t next_batch(struct weir_dir *d) {
    static const struct weir__what lists = {.text = "read directory", .kind = WEIR__ON_NAME};
    struct weir__call c = {.verb = WEIR__LIST, .fd = d->fd, .base = d->batch, .len = BATCH};
    d->busy = true;
    int64_t n = weir__file_call(&c, &lists, d->path);
    d->busy = false;
    if (n < 0)
        return weir__fail((int)n, "read directory", d->path);
    d->at = 0;
    d->len = (size_t)n;
    return n;
}

static bool is_dots(const char *name) {
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

int weir_dir_next(struct weir_dir *d, struct weir_dir_entry *ret_entry) {
    int rc = weir__suspend_enter("read directory");
    if (rc < 0)
        return rc;
    weir__not_null(d, "weir_dir_next");
    weir__loop_assert(d->loop, d, "weir_dir_next");
    if (d->busy)
        WEIR_BUG("weir_dir_next on '%s': another task is in it", d->path);
    for (;;) {
        if (d->at == d->len) {
            int64_t n = next_batch(d);
            if (n <= 0)
                return (int)n;
        }
        const struct dirent64 *e = (const void *)&d->batch[d->at];
        d->at += e->d_reclen;
        if (is_dots(e->d_name))
            continue;
        *ret_entry = (struct weir_dir_entry){e->d_name, e->d_type, e->d_ino};
        (void)weir__breathe();
        return 1;
    }
}

static int open_beneath(struct weir_dir *d, struct weir__call c, const void *pc,
                        struct weir_file **ret_file) {
    struct weir_file *f = NULL;
    int rc = weir__suspend_enter("open");
    if (rc < 0)
        return rc;
    weir__not_null(d, "weir_file_open_beneath");
    weir__argument_not_null(c.path, "weir_file_open_beneath", "path");
    weir__loop_assert(d->loop, d, "weir_file_open_beneath");
    c.verb = WEIR__OPEN;
    c.beneath = true;
    c.to_fd = d->fd;
    d->opens++;
    rc = weir__file_open_by(&c, &f);
    d->opens--;
    if (rc < 0)
        return weir__fail(rc, "open", c.path);
    weir__file_give(f, pc, ret_file);
    (void)weir__breathe();
    return 0;
}

int weir_file_open_beneath(struct weir_dir *d, const char *path, int flags, unsigned mode,
                           struct weir_file **ret_file) {
    struct weir__call c = {.path = path, .flags = flags, .mode = mode};
    return open_beneath(d, c, __builtin_return_address(0), ret_file);
}

int weir__file_open_stat(struct weir_dir *d, const char *path, struct weir_file **ret_file,
                         struct stat *ret_stat) {
    struct statx x = {0};
    struct weir__call c = {.path = path, .flags = O_RDONLY, .base = &x};
    int rc = open_beneath(d, c, __builtin_return_address(0), ret_file);
    if (rc == 0)
        weir__stat_from(&x, ret_stat);
    return rc;
}

void weir_dir_close(struct weir_dir **take_dir) {
    struct weir_dir *d = take_dir != NULL ? *take_dir : NULL;
    if (d == NULL)
        return;
    weir__debug_not_closed(weir__loop(), d, "weir_dir_close", __builtin_return_address(0));
    *take_dir = NULL;
    if (weir__loop_is_parents(d->loop)) { /* in a fork child */
        weir__fd_close_copy(d->fd, false);
        return;
    }
    weir__loop_assert(d->loop, d, "weir_dir_close");
    if (d->busy)
        WEIR_BUG("weir_dir_close on '%s': a task is in weir_dir_next", d->path);
    if (d->opens > 0)
        WEIR_BUG("weir_dir_close on '%s': a task is in weir_file_open_beneath", d->path);
    struct weir__call c = {.verb = WEIR__CLOSE_FD, .fd = d->fd, .never_waits = true};
    struct weir__op op = {.kind = WEIR__FILE_OP, .u.call = &c};
    (void)weir__op_now(d->loop, &op);
    d->loop->unclosed--;
    weir__debug_closed(d->loop, d, __builtin_return_address(0));
    weir__free(d);
}
