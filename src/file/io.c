/* SPDX-License-Identifier: MIT */
/* io.c - calls on an open file. */
#include "file/file.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- pieces ---------------------------------------------------------------------------------- */

/* One call at a time uses the position: the ring reads it when a call begins and sets it when the
 * call ends, so two would move the same bytes. Returns 0 or an error of the wait. */
static int position_take(struct weir_file *f, const struct weir__what *what) {
    if (f->moves)
        return (int)weir__waitq_wait(&f->moving, NULL, what, &f->fd);
    f->moves = true;
    return 0;
}

/* The next one has it then. */
void weir__file_position_give(struct weir_file *f) {
    f->moves = weir__waitq_grant(&f->moving) != NULL;
}

bool weir__file_position_try(struct weir_file *f, struct weir__waiter *w) {
    bool had = f->moves;
    f->moves = true;
    if (had)
        weir__waitq_add(&f->moving, w);
    return !had;
}

/* A call that uses the position. */
static int64_t position_call(struct weir_file *f, struct weir__call *c,
                             const struct weir__what *what) {
    int64_t n = position_take(f, what);
    if (n == 0) {
        n = weir__file_call(c, what, &f->fd);
        weir__file_position_give(f);
    }
    return n;
}

struct weir__call weir__file_piece(const struct weir_file *f, enum weir__verb verb, void *base,
                                   size_t len, int64_t at) {
    return (struct weir__call){
        .verb = (uint8_t)verb,
        .never_waits = f->never_waits,
        .syncs = f->syncs,
        .fd = f->fd,
        .base = base,
        .len = len < WEIR__FILE_PIECE ? len : WEIR__FILE_PIECE,
        .at = at,
    };
}

int64_t weir__file_move(struct weir_file *f, enum weir__verb verb, void *base, size_t len,
                        int64_t at) {
    bool writes = verb == WEIR__WRITE_AT;
    const struct weir__what *what = writes ? &weir__file_writes : &weir__file_reads;
    struct weir__call c = weir__file_piece(f, verb, base, len, at);
    int64_t n = at == WEIR__AT_POSITION ? position_call(f, &c, what)
                                        : weir__file_call(&c, what, &f->fd);
    if (n > 0) /* perhaps without a wait: a small one counts as a call too */
        (void)weir__breathe_bytes((size_t)n + 1023);
    return n == 0 && writes && len > 0 ? -EIO : n;
}

int weir__file_move_all(struct weir_file *f, enum weir__verb verb, void *base, size_t len,
                        int64_t at, size_t *ret_done) {
    *ret_done = 0;
    while (*ret_done < len) {
        int rc = *ret_done > 0 ? weir__file_goes_on(f) : 0;
        if (rc < 0)
            return rc;
        int64_t here = at == WEIR__AT_POSITION ? at : at + (int64_t)*ret_done;
        int64_t n = weir__file_move(f, verb, (uint8_t *)base + *ret_done, len - *ret_done, here);
        if (n <= 0)
            return (int)n;
        *ret_done += (size_t)n;
    }
    return 0;
}

/* ---- reads and writes ------------------------------------------------------------------------ */

ssize_t weir_file_read(struct weir_file *f, void *buf, size_t len) {
    int rc = weir__suspend_enter("read");
    if (rc < 0)
        return rc;
    weir__not_null(f, "weir_file_read");
    if (f->stream != NULL)
        return weir_read(f->stream, buf, len);
    weir__file_enter(f, "weir_file_read");
    int64_t n = len == 0 ? 0 : weir__file_move(f, WEIR__READ_AT, buf, len, WEIR__AT_POSITION);
    return (ssize_t)weir__file_leave(f, n, "read", 0);
}

int weir_file_write(struct weir_file *f, const void *buf, size_t len) {
    size_t done;
    int rc = weir__suspend_enter("write");
    if (rc < 0)
        return rc;
    weir__not_null(f, "weir_file_write");
    if (f->stream != NULL)
        return weir_write(f->stream, buf, len);
    weir__file_enter(f, "weir_file_write");
    rc = weir__file_move_all(f, WEIR__WRITE_AT, (void *)(uintptr_t)buf, len, WEIR__AT_POSITION,
                             &done);
    return (int)weir__file_leave(f, rc, "write", done);
}

static int positioned(const struct weir_file *f, int64_t offset) {
    return f->stream != NULL ? -ESPIPE : offset < 0 ? -EINVAL : 0;
}

ssize_t weir_file_pread(struct weir_file *f, void *buf, size_t len, int64_t offset) {
    size_t done = 0;
    int rc = weir__suspend_enter("read");
    if (rc < 0)
        return rc;
    weir__file_enter(f, "weir_file_pread");
    rc = positioned(f, offset);
    if (rc == 0)
        rc = weir__file_move_all(f, WEIR__READ_AT, buf, len, offset, &done);
    return (ssize_t)weir__file_leave(f, rc < 0 ? rc : (int64_t)done, "read", done);
}

int weir_file_pwrite(struct weir_file *f, const void *buf, size_t len, int64_t offset) {
    size_t done = 0;
    int rc = weir__suspend_enter("write");
    if (rc < 0)
        return rc;
    weir__file_enter(f, "weir_file_pwrite");
    rc = positioned(f, offset);
    if (rc == 0)
        rc = weir__file_move_all(f, WEIR__WRITE_AT, (void *)(uintptr_t)buf, len, offset, &done);
    return (int)weir__file_leave(f, rc, "write", done);
}

/* ---- all else -------------------------------------------------------------------------------- */

/* One call on f, which is in use. Its name is that of the verb. */
static int64_t simple(struct weir_file *f, struct weir__call c, const struct weir__what *what) {
    c.fd = f->fd;
    int64_t rc = weir__file_call(&c, what, &f->fd);
    return weir__file_leave(f, rc, what->text, 0);
}

static int wait_synced(struct weir_file *f, int flags) {
    static const struct weir__what syncs = {.text = "sync", .kind = WEIR__ON_FD};
    return (int)simple(f, (struct weir__call){.verb = WEIR__SYNC, .flags = flags}, &syncs);
}

int weir_file_sync(struct weir_file *f) {
    int rc = weir__suspend_enter("sync");
    if (rc < 0)
        return rc;
    weir__file_enter(f, "weir_file_sync");
    return wait_synced(f, 0);
}

int weir_file_sync_data(struct weir_file *f) {
    int rc = weir__suspend_enter("sync");
    if (rc < 0)
        return rc;
    weir__file_enter(f, "weir_file_sync_data");
    return wait_synced(f, WEIR__DATA_ONLY);
}

int weir_file_truncate(struct weir_file *f, int64_t size) {
    static const struct weir__what truncates = {.text = "truncate", .kind = WEIR__ON_FD};
    int rc = weir__suspend_enter("truncate");
    if (rc < 0)
        return rc;
    weir__file_enter(f, "weir_file_truncate");
    if (size < 0)
        return (int)weir__file_leave(f, -EINVAL, "truncate", 0);
    return (int)simple(f, (struct weir__call){.verb = WEIR__TRUNCATE, .at = size}, &truncates);
}

int weir_file_allocate(struct weir_file *f, int64_t offset, int64_t len) {
    static const struct weir__what allocates = {.text = "allocate", .kind = WEIR__ON_FD};
    int rc = weir__suspend_enter("allocate");
    if (rc < 0)
        return rc;
    weir__file_enter(f, "weir_file_allocate");
    struct weir__call c = {.verb = WEIR__ALLOCATE, .at = offset, .size = len};
    return (int)simple(f, c, &allocates);
}

int weir_file_stat(struct weir_file *f, struct stat *ret_stat) {
    static const struct weir__what stats = {.text = "stat", .kind = WEIR__ON_FD};
    struct statx x;
    int rc = weir__suspend_enter("stat");
    if (rc < 0)
        return rc;
    weir__file_enter(f, "weir_file_stat");
    rc = (int)simple(f, (struct weir__call){.verb = WEIR__STAT, .base = &x}, &stats);
    if (rc == 0)
        weir__stat_from(&x, ret_stat);
    return rc;
}

int64_t weir_file_seek(struct weir_file *f, int64_t offset, int whence) {
    static const struct weir__what seeks = {.text = "seek", .kind = WEIR__ON_FD};
    int rc = weir__suspend_enter("seek");
    if (rc < 0)
        return rc;
    weir__file_enter(f, "weir_file_seek");
    struct weir__call c = {.verb = WEIR__SEEK, .fd = f->fd, .at = offset, .flags = whence};
    return weir__file_leave(f, position_call(f, &c, &seeks), "seek", 0);
}
