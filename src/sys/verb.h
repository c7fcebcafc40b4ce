/* SPDX-License-Identifier: MIT */
/* verb.h - the op WEIR__FILE_OP: one system call on files, which may block. Its verb says which
 * call. verb.c makes the call on a helper thread, or at once where the kernel promises not to
 * block; uring_verb.c asks the ring for those that it knows; sim/verb.c makes it in a file system
 * in memory. */
#ifndef WEIR_SYS_VERB_H
#define WEIR_SYS_VERB_H

#include "sys/backend.h"

/* Results are those of the system calls; 0 where nothing else is said. A path is resolved from the
 * working directory of the process. "fd or path": fd -1 means the path. */
enum weir__verb {
    WEIR__OPEN,      /* path, flags (O_CLOEXEC, O_NONBLOCK and O_NOCTTY are added), mode; base:
                      * NULL, or a struct statx to fill, for which no file server is asked; result:
                      * the descriptor, above 2. Sets seeks */
    WEIR__CLOSE_FD,  /* fd. never_waits: at once */
    WEIR__READ_AT,   /* fd, base, len, at; result: the count, short only at the end or at a page
                      * that is not in memory, 0 at the end */
    WEIR__WRITE_AT,  /* likewise; the count is more than 0 */
    WEIR__SYNC,      /* fd; flags: DATA_ONLY */
    WEIR__STAT,      /* fd or path, flags (AT_SYMLINK_NOFOLLOW), base: struct statx */
    WEIR__TRUNCATE,  /* fd or path, at: the new size */
    WEIR__ALLOCATE,  /* fd, at, size */
    WEIR__SEEK,      /* fd, at, flags: SEEK_*; result: the position */
    WEIR__RENAME,    /* path, to */
    WEIR__UNLINK,    /* path; flags: AT_REMOVEDIR */
    WEIR__MKDIR,     /* path, mode */
    WEIR__LINK,      /* path, to: the new name */
    WEIR__SYMLINK,   /* path: what the link contains, to: the new name */
    WEIR__READLINK,  /* path, base, len; result: the length, cut to len */
    WEIR__CHMOD,     /* fd or path, mode */
    WEIR__ACCESS,    /* path, mode: R_OK, W_OK, X_OK */
    WEIR__LIST,      /* fd of a directory, base, len: struct dirent64 one behind the other; result:
                      * bytes, 0 at the end */
    WEIR__COPY,      /* fd, at, to_fd, to_at, len: copy_file_range; result: the count */
    WEIR__SENDFILE,  /* fd, at, to_fd, len; -EAGAIN: to_fd is non-blocking and full */
    WEIR__SPLICE,    /* fd, at, to_fd, to_at, len: one of the two is a pipe; -EAGAIN */
    WEIR__WATCH,     /* fd: inotify, path, mode: the mask; result: the number of the watch */
    WEIR__VERBS
};

enum { WEIR__DATA_ONLY = 1, WEIR__AT_POSITION = -1 };

/* A call and its arguments, in the memory of the task that waits. */
struct weir__call {
    uint8_t verb;     /* enum weir__verb */
    bool never_waits; /* READ_AT, WRITE_AT: this file may be tried at once; CLOSE_FD: see there */
    bool syncs;       /* WRITE_AT: O_SYNC or O_DSYNC: the ring must not try it at once */
    bool seeks;       /* OPEN: it is a file with positions, a directory, or the like. Else a pipe, a
                       * tty, ...: non-blocking, and to be waited for by POLL */
    bool beneath;     /* OPEN: path begins in the directory to_fd; -EXDEV if it leads out of it */
    bool by_ring;     /* the backend's */
    int fd, to_fd, flags;
    unsigned mode;
    const char *path, *to;
    void *base;
    size_t len;
    int64_t at, to_at; /* WEIR__AT_POSITION: where the file's position is, which moves */
    int64_t size; /* ALLOCATE; else the backend's */
};

const char *weir__verb_name(enum weir__verb verb); /* "open", "read", ... */

/* Make the call. It may block. */
int64_t weir__verb_call(struct weir__call *c);

/* The open of a path beneath a directory for a kernel without openat2: part by part, and no
 * symbolic link is followed. Returns the descriptor or -1 and errno. */
int weir__verb_open_parts(const struct weir__call *c);

/* Make it at once if it does not block. -EAGAIN: it may. */
int64_t weir__verb_try(struct weir__call *c);

/* Are all pages of the len > 0 bytes at an offset in the page cache? Pages that are being read
 * count too. Returns 1; 0: some are; -EOPNOTSUPP: none is, or the file system keeps them
 * elsewhere, as overlayfs and DAX do; -EPERM: this process neither owns the file nor may write it
 * (Linux 6.14); -ENOSYS before Linux 6.5. */
int weir__verb_is_cached(int fd, int64_t at, size_t len);

/* May it raise SIGXFSZ on the thread that makes it? Helper threads block all signals. */
bool weir__verb_may_raise(const struct weir__call *c);

/* fd was opened with O_NONBLOCK: find out what it is. A descriptor with positions gets its flags as
 * they were asked for: io_uring would fail at once where it must wait for the disk. Returns the
 * descriptor, above 2, or a negative errno; then fd is closed. */
int64_t weir__verb_opened(struct weir__call *c, int fd);

/* Has the descriptor positions? A directory, and a device that takes no part of poll (/dev/null),
 * count too. */
bool weir__verb_seeks(int fd);
/* Is it a regular file or a block device? */
bool weir__verb_is_on_disk(int fd);

#endif
