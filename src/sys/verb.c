/* SPDX-License-Identifier: MIT */
/* verb.c - see verb.h. */
#include "sys/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys/fds.h"

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20 /* Linux 5.12 */
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451 /* Linux 6.5 */
#endif

static int64_t result(int64_t rc) {
    return rc < 0 ? -errno : rc;
}

static int open_flags(const struct weir__call *c) {
    if ((c->flags & O_PATH) != 0) /* with which openat2 takes little else */
        return c->flags | O_CLOEXEC;
    return c->flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
}

/* ---- what a descriptor is -------------------------------------------------------------------- */

/* epoll tells it, and poll(2) does not: a file that never makes anyone wait cannot be added. */
static bool takes_no_part_of_poll(int fd) {
    struct epoll_event e = {.events = EPOLLIN};
    int set = weir__fd_lift(epoll_create1(EPOLL_CLOEXEC));
    bool refused = set < 0 || (epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) != 0 && errno == EPERM);
    if (set >= 0)
        close(set);
    return refused;
}

bool weir__verb_is_on_disk(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static bool mode_seeks(int fd, mode_t mode) {
    if (S_ISCHR(mode))
        return lseek(fd, 0, SEEK_CUR) >= 0 && takes_no_part_of_poll(fd);
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISBLK(mode);
}

bool weir__verb_seeks(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && mode_seeks(fd, st.st_mode);
}

/* The same, and *ret is what the file is. */
static bool seeks_and_stat(int fd, struct statx *ret) {
    int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    return statx(fd, "", flags, STATX_BASIC_STATS, ret) == 0 && mode_seeks(fd, ret->stx_mode);
}

int64_t weir__verb_opened(struct weir__call *c, int fd) {
    int lifted = weir__fd_lift(fd);
    if (lifted < 0)
        return lifted;
    c->seeks = c->base != NULL ? seeks_and_stat(lifted, c->base) : weir__verb_seeks(lifted);
    if (!c->seeks || (c->flags & O_NONBLOCK) != 0)
        return lifted;
    if (fcntl(lifted, F_SETFL, c->flags & ~(O_CREAT | O_EXCL | O_TRUNC)) == 0)
        return lifted;
    int rc = -errno;
    close(lifted);
    return rc;
}

/* ---- the calls, in the order of the verbs ---------------------------------------------------- */

/* Another process has a lease on the file (fcntl(2), F_SETLEASE): open(2) waits until it has given
 * that up, but not with O_NONBLOCK. Only a regular file has leases, and the name may be a FIFO's by
 * now: so the file is held first, by O_PATH, which breaks no lease. Closes held; < 0: there is
 * none. */
static int open_leased(const struct weir__call *c, int held) {
    char name[32];
    struct stat st;
    int fd = -1, error = EAGAIN;
    snprintf(name, sizeof name, "/proc/self/fd/%d", held);
    if (held >= 0 && fstat(held, &st) == 0 && S_ISREG(st.st_mode)) {
        int flags = c->flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK);
        fd = openat(AT_FDCWD, name, flags | O_CLOEXEC | O_NOCTTY);
        error = errno;
    }
    if (held >= 0)
        close(held);
    errno = error;
    return fd;
}

/* Open the directory of the next part, which is cut from *path. */
static int open_part(int at, const char **path) {
    char part[NAME_MAX + 1];
    size_t len = strcspn(*path, "/");
    errno = len > NAME_MAX ? ENAMETOOLONG : EXDEV;
    if (len > NAME_MAX || (len == 2 && memcmp(*path, "..", 2) == 0))
        return -1;
    memcpy(part, *path, len);
    part[len] = '\0';
    *path += len + strspn(*path + len, "/");
    int fd = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOTDIR) { /* what Linux says of a symbolic link here too */
        struct stat st;
        bool is_link = fstatat(at, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
        errno = is_link ? EXDEV : ENOTDIR;
    }
    return fd;
}

int weir__verb_open_parts(const struct weir__call *c) {
    const char *path = c->path;
    int at = c->to_fd, fd = -1;
    errno = EXDEV;
    while (*path != '/' && strchr(path, '/') != NULL && strchr(path, '/')[1] != '\0') {
        fd = open_part(at, &path);
        if (at != c->to_fd)
            close(at);
        if (fd < 0)
            return -1;
        at = fd;
    }
    bool leaves = *path == '/' || strcmp(path, "..") == 0 || strcmp(path, "../") == 0;
    fd = leaves ? -1 : openat(at, path, open_flags(c) | O_NOFOLLOW, c->mode);
    int error = leaves || errno == ELOOP ? EXDEV : errno;
    if (at != c->to_fd)
        close(at);
    errno = error;
    return fd;
}

/* O_TMPFILE has the bit of O_DIRECTORY, too. */
static bool makes_file(const struct weir__call *c) {
    return (c->flags & O_CREAT) != 0 || (c->flags & O_TMPFILE) == O_TMPFILE;
}

/* A rename beside a path with ".." makes the kernel give up: it may try again. It refuses a mode
 * that means nothing, where open(2) does not look at it. */
static int open_beneath(const struct weir__call *c, uint64_t more) {
    bool creates = makes_file(c);
    struct open_how how = {.flags = (unsigned)open_flags(c), .mode = creates ? c->mode & 07777 : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | more};
    int fd = -1;
    for (int tries = 0; tries < 8 && fd < 0; tries++) {
        fd = (int)syscall(SYS_openat2, c->to_fd, c->path, &how, sizeof how);
        if (errno != EAGAIN || more != 0)
            break;
    }
    return fd;
}

/* Not lifted: verb_opened does that. */
static int open_path(const struct weir__call *c) {
    if (!c->beneath)
        return openat(AT_FDCWD, c->path, open_flags(c), c->mode);
    int fd = open_beneath(c, 0);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) /* an old kernel; a seccomp filter */
        fd = weir__verb_open_parts(c);
    return fd;
}

static int64_t open_call(struct weir__call *c) {
    int fd = open_path(c);
    if (fd < 0 && errno == EWOULDBLOCK && (c->flags & O_NONBLOCK) == 0) {
        struct weir__call hold = *c;
        hold.flags = O_PATH | (c->flags & O_NOFOLLOW);
        hold.mode = 0;
        fd = open_leased(c, open_path(&hold));
    }
    return fd < 0 ? -errno : weir__verb_opened(c, fd);
}

static int64_t close_call(struct weir__call *c) {
    return result(close(c->fd));
}

static int64_t transfer(const struct weir__call *c, int flags) {
    struct iovec v = {.iov_base = c->base, .iov_len = c->len};
    return result(c->verb == WEIR__WRITE_AT ? pwritev2(c->fd, &v, 1, c->at, flags)
                                            : preadv2(c->fd, &v, 1, c->at, flags));
}

static int64_t transfer_call(struct weir__call *c) {
    return transfer(c, 0);
}

static int64_t sync_call(struct weir__call *c) {
    return result(c->flags == WEIR__DATA_ONLY ? fdatasync(c->fd) : fsync(c->fd));
}

static int64_t stat_call(struct weir__call *c) {
    if (c->path == NULL)
        return result(statx(c->fd, "", AT_EMPTY_PATH | c->flags, STATX_BASIC_STATS, c->base));
    return result(statx(AT_FDCWD, c->path, c->flags, STATX_BASIC_STATS, c->base));
}

static int64_t truncate_call(struct weir__call *c) {
    return result(c->path == NULL ? ftruncate(c->fd, c->at) : truncate(c->path, c->at));
}

static int64_t allocate_call(struct weir__call *c) {
    return result(fallocate(c->fd, 0, c->at, c->size));
}

static int64_t seek_call(struct weir__call *c) {
    return result(lseek(c->fd, c->at, c->flags));
}

static int64_t rename_call(struct weir__call *c) {
    return result(rename(c->path, c->to));
}

static int64_t unlink_call(struct weir__call *c) {
    return result(unlinkat(AT_FDCWD, c->path, c->flags));
}

static int64_t mkdir_call(struct weir__call *c) {
    return result(mkdir(c->path, c->mode));
}

static int64_t link_call(struct weir__call *c) {
    return result(link(c->path, c->to));
}

static int64_t symlink_call(struct weir__call *c) {
    return result(symlink(c->path, c->to));
}

static int64_t readlink_call(struct weir__call *c) {
    return result(readlink(c->path, c->base, c->len));
}

static int64_t chmod_call(struct weir__call *c) {
    return result(c->path == NULL ? fchmod(c->fd, c->mode) : chmod(c->path, c->mode));
}

static int64_t access_call(struct weir__call *c) {
    return result(access(c->path, (int)c->mode));
}

static int64_t list_call(struct weir__call *c) {
    return result(syscall(SYS_getdents64, c->fd, c->base, c->len));
}

static off64_t *offset(int64_t *at) {
    return *at == WEIR__AT_POSITION ? NULL : at;
}

static int64_t copy_call(struct weir__call *c) {
    int64_t at = c->at, to_at = c->to_at;
    return result(copy_file_range(c->fd, offset(&at), c->to_fd, offset(&to_at), c->len, 0));
}

static int64_t sendfile_call(struct weir__call *c) {
    int64_t at = c->at;
    return result(sendfile(c->to_fd, c->fd, offset(&at), c->len));
}

static int64_t splice_call(struct weir__call *c) {
    int64_t at = c->at, to_at = c->to_at;
    return result(splice(c->fd, offset(&at), c->to_fd, offset(&to_at), c->len,
                         SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}

static int64_t watch_call(struct weir__call *c) {
    return result(inotify_add_watch(c->fd, c->path, c->mode));
}

static const struct {
    const char *name;
    int64_t (*call)(struct weir__call *c);
} verbs[WEIR__VERBS] = {
    [WEIR__OPEN] = {"open", open_call},
    [WEIR__CLOSE_FD] = {"close", close_call},
    [WEIR__READ_AT] = {"read", transfer_call},
    [WEIR__WRITE_AT] = {"write", transfer_call},
    [WEIR__SYNC] = {"sync", sync_call},
    [WEIR__STAT] = {"stat", stat_call},
    [WEIR__TRUNCATE] = {"truncate", truncate_call},
    [WEIR__ALLOCATE] = {"allocate", allocate_call},
    [WEIR__SEEK] = {"seek", seek_call},
    [WEIR__RENAME] = {"rename", rename_call},
    [WEIR__UNLINK] = {"unlink", unlink_call},
    [WEIR__MKDIR] = {"mkdir", mkdir_call},
    [WEIR__LINK] = {"link", link_call},
    [WEIR__SYMLINK] = {"symlink", symlink_call},
    [WEIR__READLINK] = {"readlink", readlink_call},
    [WEIR__CHMOD] = {"chmod", chmod_call},
    [WEIR__ACCESS] = {"access", access_call},
    [WEIR__LIST] = {"list", list_call},
    [WEIR__COPY] = {"copy", copy_call},
    [WEIR__SENDFILE] = {"sendfile", sendfile_call},
    [WEIR__SPLICE] = {"splice", splice_call},
    [WEIR__WATCH] = {"watch", watch_call},
};

const char *weir__verb_name(enum weir__verb verb) {
    return verbs[verb].name;
}

int64_t weir__verb_call(struct weir__call *c) {
    return verbs[c->verb].call(c);
}

/* ---- tries ----------------------------------------------------------------------------------- */

/* Only names that the kernel has in memory. It refuses this to a kernel before 5.12, and to
 * whatever makes or cuts a file. */
static int64_t try_open(struct weir__call *c) {
    struct open_how how = {.flags = (unsigned)open_flags(c), .resolve = RESOLVE_CACHED};
    if (makes_file(c) || (c->flags & O_TRUNC) != 0)
        return -EAGAIN;
    int fd = c->beneath ? open_beneath(c, RESOLVE_CACHED)
                        : (int)syscall(SYS_openat2, AT_FDCWD, c->path, &how, sizeof how);
    if (fd >= 0)
        return weir__verb_opened(c, fd); /* lifted there */
    return errno == EINVAL || errno == ENOSYS || errno == EPERM ? -EAGAIN : -errno;
}

/* The structs of cachestat(2), which older headers do not have. */
struct cache_range {
    uint64_t at, len;
};

struct cache_pages {
    uint64_t cached, dirty, written, evicted, evicted_lately;
};

int weir__verb_is_cached(int fd, int64_t at, size_t len) {
    struct cache_range range = {.at = (uint64_t)at, .len = len};
    struct cache_pages pages;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t all = (range.at + len - 1) / page - range.at / page + 1;
    if (syscall(SYS_cachestat, fd, &range, &pages, 0) != 0)
        return -errno;
    return pages.cached == 0 ? -EOPNOTSUPP : pages.cached >= all;
}

/* The limit may change at any time; asking for it costs 0.1 us. */
bool weir__verb_may_raise(const struct weir__call *c) {
    struct rlimit limit;
    if (c->verb != WEIR__WRITE_AT && c->verb != WEIR__TRUNCATE && c->verb != WEIR__ALLOCATE)
        return false;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}

static int64_t try_transfer(struct weir__call *c) {
    bool syncs = c->verb == WEIR__WRITE_AT && c->syncs;
    if (!c->never_waits || syncs || weir__verb_may_raise(c))
        return -EAGAIN;
    int64_t n = transfer(c, RWF_NOWAIT);
    return n == -EOPNOTSUPP || n == -ENOSYS || n == -EINTR ? -EAGAIN : n;
}

int64_t weir__verb_try(struct weir__call *c) {
    switch ((enum weir__verb)c->verb) {
    case WEIR__OPEN:
        return try_open(c);
    case WEIR__CLOSE_FD:
        return c->never_waits ? close_call(c) : -EAGAIN;
    case WEIR__READ_AT:
    case WEIR__WRITE_AT:
        return try_transfer(c);
    case WEIR__SEEK:
        return seek_call(c);
    default:
        return -EAGAIN;
    }
}
