/* SPDX-License-Identifier: MIT */
/* path.c - calls on paths. */
#include "file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

static struct timespec time_from(const struct statx_timestamp *t) {
    return (struct timespec){.tv_sec = (time_t)t->tv_sec, .tv_nsec = (long)t->tv_nsec};
}

void weir__stat_from(const struct statx *x, struct stat *ret_stat) {
    memset(ret_stat, 0, sizeof *ret_stat);
    ret_stat->st_dev = makedev(x->stx_dev_major, x->stx_dev_minor);
    ret_stat->st_rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor);
    ret_stat->st_ino = (ino_t)x->stx_ino;
    ret_stat->st_mode = x->stx_mode;
    ret_stat->st_nlink = (nlink_t)x->stx_nlink;
    ret_stat->st_uid = x->stx_uid;
    ret_stat->st_gid = x->stx_gid;
    ret_stat->st_size = (off_t)x->stx_size;
    ret_stat->st_blksize = (blksize_t)x->stx_blksize;
    ret_stat->st_blocks = (blkcnt_t)x->stx_blocks;
    ret_stat->st_atim = time_from(&x->stx_atime);
    ret_stat->st_mtim = time_from(&x->stx_mtime);
    ret_stat->st_ctim = time_from(&x->stx_ctime);
}

/* Make a call that names c->path, the subject of the error. The public function has passed the
 * cancel point. */
static int64_t call(struct weir__call c, const struct weir__what *what) {
    weir__argument_not_null(c.path, what->text, "path");
    int64_t rc = weir__file_call(&c, what, c.path);
    return rc < 0 ? weir__fail((int)rc, what->text, c.path) : rc;
}

/* The same for a call that makes or replaces c->to, and needs c->path. */
static int pair_call(struct weir__call c, const struct weir__what *what) {
    weir__argument_not_null(c.path, what->text, "path");
    weir__argument_not_null(c.to, what->text, "new path");
    int rc = (int)weir__file_call(&c, what, c.path);
    if (rc >= 0)
        return 0;
    return weir__failf(rc, what->text, c.path, "to '%s': %s (%s)", c.to, weir_error_text(rc),
                       weir_error_name(rc));
}

int weir_rename(const char *from, const char *to) {
    static const struct weir__what renames = {.text = "rename", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("rename");
    if (rc < 0)
        return rc;
    return pair_call((struct weir__call){.verb = WEIR__RENAME, .path = from, .to = to}, &renames);
}

int weir_unlink(const char *path) {
    static const struct weir__what unlinks = {.text = "unlink", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("unlink");
    if (rc < 0)
        return rc;
    return (int)call((struct weir__call){.verb = WEIR__UNLINK, .path = path}, &unlinks);
}

int weir_mkdir(const char *path, unsigned mode) {
    static const struct weir__what makes = {.text = "mkdir", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("mkdir");
    if (rc < 0)
        return rc;
    return (int)call((struct weir__call){.verb = WEIR__MKDIR, .path = path, .mode = mode}, &makes);
}

int weir_rmdir(const char *path) {
    static const struct weir__what removes = {.text = "rmdir", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("rmdir");
    if (rc < 0)
        return rc;
    struct weir__call c = {.verb = WEIR__UNLINK, .path = path, .flags = AT_REMOVEDIR};
    return (int)call(c, &removes);
}

static int stat_call(const char *path, int flags, struct stat *ret_stat) {
    static const struct weir__what stats = {.text = "stat", .kind = WEIR__ON_NAME};
    struct statx x;
    struct weir__call c = {.verb = WEIR__STAT, .path = path, .flags = flags, .base = &x};
    int rc = (int)call(c, &stats);
    if (rc == 0)
        weir__stat_from(&x, ret_stat);
    return rc;
}

int weir_stat(const char *path, struct stat *ret_stat) {
    int rc = weir__suspend_enter("stat");
    return rc < 0 ? rc : stat_call(path, 0, ret_stat);
}

int weir_lstat(const char *path, struct stat *ret_stat) {
    int rc = weir__suspend_enter("stat");
    return rc < 0 ? rc : stat_call(path, AT_SYMLINK_NOFOLLOW, ret_stat);
}

int weir_link(const char *path, const char *new_path) {
    static const struct weir__what links = {.text = "link", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("link");
    if (rc < 0)
        return rc;
    return pair_call((struct weir__call){.verb = WEIR__LINK, .path = path, .to = new_path}, &links);
}

int weir_symlink(const char *target, const char *new_path) {
    static const struct weir__what links = {.text = "symlink", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("symlink");
    if (rc < 0)
        return rc;
    struct weir__call c = {.verb = WEIR__SYMLINK, .path = target, .to = new_path};
    return pair_call(c, &links);
}

ssize_t weir_readlink(const char *path, char *buf, size_t size) {
    static const struct weir__what reads = {.text = "readlink", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("readlink");
    if (rc < 0)
        return rc;
    if (size == 0)
        return weir__fail(WEIR_ETOOBIG, "readlink", path);
    size_t room = size < PATH_MAX ? size : PATH_MAX; /* no link contains more */
    int64_t n = call((struct weir__call){.verb = WEIR__READLINK, .path = path, .base = buf,
                                         .len = room}, &reads);
    if (n == (int64_t)size)
        return weir__fail(WEIR_ETOOBIG, "readlink", path);
    if (n >= 0)
        buf[n] = '\0';
    return (ssize_t)n;
}

int weir_truncate(const char *path, int64_t size) {
    static const struct weir__what truncates = {.text = "truncate", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("truncate");
    if (rc < 0)
        return rc;
    if (size < 0)
        return weir__fail(-EINVAL, "truncate", path);
    struct weir__call c = {.verb = WEIR__TRUNCATE, .fd = -1, .path = path, .at = size};
    return (int)call(c, &truncates);
}

int weir_chmod(const char *path, unsigned mode) {
    static const struct weir__what changes = {.text = "chmod", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("chmod");
    if (rc < 0)
        return rc;
    struct weir__call c = {.verb = WEIR__CHMOD, .fd = -1, .path = path, .mode = mode};
    return (int)call(c, &changes);
}

int weir_access(const char *path, int mode) {
    static const struct weir__what asks = {.text = "access", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("access");
    if (rc < 0)
        return rc;
    struct weir__call c = {.verb = WEIR__ACCESS, .path = path, .mode = (unsigned)mode};
    return (int)call(c, &asks);
}
