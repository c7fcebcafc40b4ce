/* SPDX-License-Identifier: MIT */
/* whole.c - whole files in one call, and temporary files and directories. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "file/file.h"

enum { READ_MAX = 64 << 20, READ_FIRST = 4096, LINKS_MAX = 40, NAME_TRIES = 100 };

/* ---- reading --------------------------------------------------------------------------------- */

struct bytes {
    char *base;
    size_t len, size, max;
};

/* One byte more than max, to see that there are more; and one for the NUL. */
static int bytes_grow(struct bytes *b, size_t size) {
    size_t most = b->max + 2;
    if (size > most)
        size = most;
    char *base = weir__realloc(b->base, size);
    if (base == NULL)
        return -ENOMEM;
    b->base = base;
    b->size = size;
    return 0;
}

/* The size is a hint only: a file of /proc has none, and others may grow. */
static size_t size_hint(const struct weir_file *f) {
    struct weir__call c = {.verb = WEIR__SEEK, .fd = f->fd, .flags = SEEK_END};
    int64_t size = f->stream == NULL ? weir__file_call(&c, &weir__file_reads, &f->fd) : 0;
    return size > 0 && size < INT_MAX ? (size_t)size + 2 : READ_FIRST;
}

/* Read all into b. Returns 0 or an error. */
static int bytes_read(struct bytes *b, struct weir_file *f) {
    int rc = bytes_grow(b, size_hint(f));
    for (;;) {
        if (rc == 0 && b->len + 1 == b->size)
            rc = b->len > b->max ? WEIR_ETOOBIG : bytes_grow(b, 2 * b->size);
        if (rc == 0)
            rc = weir__file_goes_on(f);
        if (rc < 0)
            return rc;
        size_t room = b->size - b->len - 1;
        int64_t n = f->stream != NULL
                        ? weir_read(f->stream, b->base + b->len, room)
                        : weir__file_move(f, WEIR__READ_AT, b->base + b->len, room,
                                          (int64_t)b->len);
        if (n <= 0)
            return n == 0 && b->len > b->max ? WEIR_ETOOBIG : (int)n;
        b->len += (size_t)n;
    }
}

int weir_read_file(const char *path, size_t max, void **ret_bytes, size_t *ret_len) {
    struct weir_file *f = NULL;
    struct bytes b = {.max = max > 0 && max < SIZE_MAX / 4 ? max : READ_MAX};
    int rc = weir__suspend_enter("read file");
    if (rc < 0)
        return rc;
    weir__argument_not_null(path, "weir_read_file", "path");
    rc = weir__file_open(path, O_RDONLY, 0, &f);
    if (rc == 0)
        rc = bytes_read(&b, f);
    weir__file_drop(&f);
    if (rc < 0) {
        weir__free(b.base);
        if (rc == WEIR_ETOOBIG)
            return weir__failf(rc, "read file", path, "it has more than %zu bytes (WEIR_ETOOBIG)",
                               b.max);
        return weir__fail(rc, "read file", path);
    }
    b.base[b.len] = '\0';
    *ret_bytes = weir__alloc_given(b.base);
    *ret_len = b.len;
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* How many bytes of a path name its directory, with the slash: 0 for "name". */
static size_t directory_len(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

/* Write a name that nobody else has into the directory of path. Returns 0 or -ENAMETOOLONG. */
static int name_beside(const char *path, size_t directory, char ret_name[PATH_MAX]) {
    unsigned long long number = weir_random();
    int n = snprintf(ret_name, PATH_MAX, "%.*s.weir-%016llx", (int)directory, path, number);
    return directory < PATH_MAX && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Follow symbolic links, also one that leads nowhere. Returns 0 or an error. */
static int follow(char path[PATH_MAX]) {
    static const struct weir__what reads = {.text = "write file", .kind = WEIR__ON_NAME};
    for (int i = 0; i < LINKS_MAX; i++) {
        char target[PATH_MAX / 2];
        struct weir__call c = {.verb = WEIR__READLINK, .path = path, .base = target,
                               .len = sizeof target - 1};
        int64_t n = weir__file_call(&c, &reads, path);
        if (n == -EINVAL || n == -ENOENT)
            return 0;
        if (n < 0)
            return (int)n;
        size_t at = target[0] == '/' ? 0 : directory_len(path);
        if (at + (size_t)n >= PATH_MAX || (size_t)n == sizeof target - 1)
            return -ENAMETOOLONG;
        memcpy(path + at, target, (size_t)n);
        path[at + (size_t)n] = '\0';
        int rc = weir_cancelled();
        if (rc < 0)
            return rc;
    }
    return -ELOOP;
}

/* ---- atomic writing -------------------------------------------------------------------------- */

struct writing {
    struct weir_file *f;
    const void *bytes;
    size_t len;
    int mode;      /* of the file that is replaced; -1: there is none */
    unsigned wish; /* the mode of a new one */
    bool named;    /* beside is a file that we have made */
    char path[PATH_MAX], beside[PATH_MAX];
};

static const struct weir__what replaces = {.text = "write file", .kind = WEIR__ON_NAME};

/* Make a call of the next step, unless the task was cancelled. */
static int step(struct writing *w, struct weir__call c) {
    int rc = weir_cancelled();
    return rc < 0 ? rc : (int)weir__file_call(&c, &replaces, w->path);
}

/* The new file is this process's: it must not act as its user where the old one acted as another's
 * (set-user-ID). */
static int look_at_old(struct writing *w) {
    struct statx x;
    int rc = step(w, (struct weir__call){.verb = WEIR__STAT, .path = w->path, .base = &x});
    w->mode = rc == 0 ? x.stx_mode & 0777 : -1;
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    return S_ISDIR(x.stx_mode) ? -EISDIR : S_ISREG(x.stx_mode) ? 0 : -EINVAL;
}

/* Nobody else may read the bytes before the file has the permissions of the old one. */
static int make_beside(struct writing *w) {
    int rc = -EEXIST;
    for (int i = 0; i < NAME_TRIES && rc == -EEXIST; i++) {
        rc = name_beside(w->path, directory_len(w->path), w->beside);
        if (rc == 0)
            rc = weir_cancelled();
        if (rc == 0)
            rc = weir__file_open(w->beside, O_WRONLY | O_CREAT | O_EXCL,
                                 w->mode >= 0 ? 0600 : w->wish, &w->f);
    }
    w->named = rc == 0;
    return rc;
}

static int fill_beside(struct writing *w) {
    size_t done;
    int rc = weir_cancelled();
    if (rc == 0)
        rc = weir__file_move_all(w->f, WEIR__WRITE_AT, (void *)(uintptr_t)w->bytes, w->len, 0,
                                 &done);
    if (rc == 0 && w->mode >= 0)
        rc = step(w, (struct weir__call){.verb = WEIR__CHMOD, .fd = w->f->fd,
                                         .mode = (unsigned)w->mode});
    if (rc == 0)
        rc = step(w, (struct weir__call){.verb = WEIR__SYNC, .fd = w->f->fd});
    return rc;
}

/* The new name is on the disk when its directory is. */
static int sync_directory(struct writing *w) {
    struct weir_file *f = NULL;
    size_t len = directory_len(w->path);
    char *directory = w->beside; /* not needed any more */
    memcpy(directory, len > 0 ? w->path : ".", len > 0 ? len : 1);
    directory[len > 0 ? len : 1] = '\0';
    int rc = weir_cancelled();
    if (rc == 0)
        rc = weir__file_open(directory, O_RDONLY | O_DIRECTORY, 0, &f);
    if (rc == 0)
        rc = step(w, (struct weir__call){.verb = WEIR__SYNC, .fd = f->fd});
    weir__file_drop(&f);
    return rc == -EINVAL ? 0 : rc; /* a file system that cannot sync a directory */
}

/* Returns 0 or an error; *ret_done: whether path has the new bytes. */
static int replace(struct writing *w, bool *ret_done) {
    int rc = follow(w->path);
    if (rc == 0)
        rc = look_at_old(w);
    if (rc == 0)
        rc = make_beside(w);
    if (rc == 0)
        rc = fill_beside(w);
    weir__file_drop(&w->f);
    if (rc == 0)
        rc = step(w, (struct weir__call){.verb = WEIR__RENAME, .path = w->beside, .to = w->path});
    *ret_done = rc == 0;
    if (rc < 0 && w->named)
        (void)weir__file_remove(w->beside);
    return rc < 0 ? rc : sync_directory(w);
}

int weir_write_file(const char *path, const void *bytes, size_t len, unsigned mode) {
    bool is_done = false;
    int rc = weir__suspend_enter("write file");
    if (rc < 0)
        return rc;
    weir__argument_not_null(path, "weir_write_file", "path");
    size_t size = strlen(path) + 1;
    if (size > PATH_MAX || size == 1)
        return weir__fail(size == 1 ? -ENOENT : -ENAMETOOLONG, "write file", path);
    struct writing *w = weir__alloc_zero(sizeof *w); /* two paths are too much for a stack */
    if (w == NULL)
        return weir__fail(-ENOMEM, "write file", path);
    memcpy(w->path, path, size);
    w->bytes = bytes;
    w->len = len;
    w->wish = mode != 0 ? mode : 0666;
    rc = replace(w, &is_done);
    weir__free(w);
    if (rc == 0)
        return 0;
    weir__fail(rc, "write file", path);
    weir__fail_done(rc, is_done ? len : 0);
    return rc;
}

/* ---- temporary files ------------------------------------------------------------------------- */

static const char *temp_directory(const char *directory) {
    const char *set = secure_getenv("TMPDIR");
    return directory != NULL ? directory : set != NULL && set[0] == '/' ? set : "/tmp";
}

/* Write a new name in a directory. Returns 0 or -ENAMETOOLONG. */
static int name_in(const char *directory, char *ret_name, size_t size) {
    unsigned long long number = weir_random();
    int n = snprintf(ret_name, size, "%s/.weir-%016llx", directory, number);
    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* The file system has no files without a name: make one, and remove the name. */
static int temp_named(const char *directory, struct weir_file **ret_file) {
    char name[PATH_MAX / 2];
    int rc = -EEXIST;
    for (int i = 0; i < NAME_TRIES && rc == -EEXIST; i++) {
        rc = weir_cancelled();
        if (rc == 0)
            rc = name_in(directory, name, sizeof name);
        if (rc == 0)
            rc = weir__file_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, ret_file);
    }
    if (rc == 0 && (rc = weir__file_remove(name)) < 0)
        weir__file_drop(ret_file);
    return rc;
}

int weir_temp_file(const char *directory, struct weir_file **ret_file) {
    struct weir_file *f = NULL;
    int rc = weir__suspend_enter("temporary file");
    if (rc < 0)
        return rc;
    directory = temp_directory(directory);
    rc = weir__file_open(directory, O_TMPFILE | O_RDWR, 0600, &f);
    if (rc == -EOPNOTSUPP || rc == -EISDIR || rc == -EINVAL)
        rc = temp_named(directory, &f);
    if (rc < 0)
        return weir__fail(rc, "temporary file", directory);
    weir__file_give(f, __builtin_return_address(0), ret_file);
    return 0;
}

int weir_temp_dir(const char *directory, char **ret_path) {
    static const struct weir__what makes = {.text = "temporary directory", .kind = WEIR__ON_NAME};
    int rc = weir__suspend_enter("temporary directory");
    if (rc < 0)
        return rc;
    directory = temp_directory(directory);
    char *path = weir__alloc(PATH_MAX);
    rc = path == NULL ? -ENOMEM : -EEXIST;
    for (int i = 0; i < NAME_TRIES && rc == -EEXIST; i++) {
        struct weir__call c = {.verb = WEIR__MKDIR, .path = path, .mode = 0700};
        rc = i > 0 ? weir_cancelled() : 0;
        if (rc == 0)
            rc = name_in(directory, path, PATH_MAX);
        if (rc == 0)
            rc = (int)weir__file_call(&c, &makes, path);
    }
    if (rc < 0) {
        weir__free(path);
        return weir__fail(rc, "temporary directory", directory);
    }
    *ret_path = weir__alloc_given(path);
    return 0;
}
