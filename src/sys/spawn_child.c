/* SPDX-License-Identifier: MIT */
/* spawn_child.c - what the child of weir__spawn_run does before it becomes the program. It runs in
 * the memory of its parent while other threads of the parent go on. So it allocates nothing, takes
 * no lock, and makes system calls by number: the functions of the C library that set a user id, for
 * one, act on all threads of the parent, and sanitizers keep books in others. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/spawn.h"

enum { SIGNALS = 64, KERNEL_SET = 8 /* bytes of its signal set */ };

/* All signals are blocked here. An ignored signal would stay ignored over exec. A handler would run
 * in the parent's memory once the signals are unblocked. Zeros are SIG_DFL, no flags, no mask. */
IN_CHILD static void restore_signals(void) {
    static const uint64_t by_default[8];
    for (int n = 1; n <= SIGNALS; n++)
        syscall(SYS_rt_sigaction, n, by_default, NULL, KERNEL_SET);
}

IN_CHILD static void unblock_signals(void) {
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, KERNEL_SET);
}

IN_CHILD static long make_group(const struct weir__spawn *s) {
    if (s->session)
        return syscall(SYS_setsid);
    return s->own_group ? syscall(SYS_setpgid, 0, 0) : 0;
}

/* Will the number fd be given to another file before map i has been served? */
IN_CHILD static bool is_overwritten(const struct weir__spawn *s, size_t i, int fd) {
    for (size_t j = 0; j < s->map_count; j++)
        if (j != i && s->maps[j].target == fd && s->maps[j].source != fd)
            return true;
    return false;
}

/* Sources that are overwritten go above all targets first: so 3 -> 4 and 4 -> 3 can be swapped. */
IN_CHILD static long lift_sources(struct weir__spawn *s) {
    int base = s->maps[s->map_count - 1].target + 1;
    for (size_t i = 0; i < s->map_count; i++) {
        int fd = s->maps[i].source;
        s->maps[i].copy = -1;
        if (fd == s->maps[i].target || !is_overwritten(s, i, fd))
            continue;
        long copy = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, base);
        if (copy < 0)
            return -1;
        s->maps[i].copy = (int)copy;
    }
    return 0;
}

/* Without close_range: the numbers that are open stand in /proc/self/fd. */
IN_CHILD static bool is_kept(const struct weir__spawn *s, int fd) {
    for (size_t i = 0; i < s->map_count; i++)
        if (s->maps[i].target == fd)
            return true;
    return false;
}

struct dirent64_head {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[];
};

IN_CHILD static int number_of(const char *name) {
    int n = 0;
    for (; *name >= '0' && *name <= '9'; name++)
        n = n * 10 + (*name - '0');
    return *name == '\0' ? n : -1;
}

IN_CHILD static void close_listed(const struct weir__spawn *s) {
    _Alignas(8) char buf[1024];
    long dir = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long n = dir >= 0 ? 1 : 0;
    while (n > 0) {
        n = syscall(SYS_getdents64, dir, buf, sizeof buf);
        for (long at = 0; at < n;) {
            const struct dirent64_head *d = (const void *)(buf + at);
            int fd = d->name[0] == '.' ? -1 : number_of(d->name);
            if (fd >= 0 && fd != dir && !is_kept(s, fd))
                syscall(SYS_close, fd);
            at += d->size;
        }
    }
    if (dir >= 0) { /* it may have a number that is kept only if that was closed anyway */
        syscall(SYS_close, dir);
        return;
    }
    struct rlimit r = {0};
    syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &r);
    for (int fd = 0; (rlim_t)fd < r.rlim_cur && fd < INT_MAX; fd++)
        if (!is_kept(s, fd))
            syscall(SYS_close, fd);
}

IN_CHILD static void close_others(const struct weir__spawn *s) {
    unsigned from = 0;
    long rc = s->no_close_range ? -1 : 0;
    for (size_t i = 0; rc == 0 && i < s->map_count; i++) {
        unsigned target = (unsigned)s->maps[i].target;
        if (target > from)
            rc = syscall(SYS_close_range, from, target - 1, 0);
        from = target + 1;
    }
    if (rc == 0)
        rc = syscall(SYS_close_range, from, ~0U, 0);
    if (rc != 0)
        close_listed(s);
}

IN_CHILD static long place_descriptors(struct weir__spawn *s) {
    if (lift_sources(s) < 0)
        return -1;
    for (size_t i = 0; i < s->map_count; i++) {
        const struct weir__spawn_map *m = &s->maps[i];
        long rc;
        if (m->source == m->target)
            rc = syscall(SYS_fcntl, m->source, F_SETFD, 0);
        else
            rc = syscall(SYS_dup3, m->copy >= 0 ? m->copy : m->source, m->target, 0);
        if (rc < 0)
            return -1;
    }
    close_others(s);
    return 0;
}

IN_CHILD static long set_limits(const struct weir__spawn *s) {
    for (size_t i = 0; i < s->limit_count; i++) {
        struct rlimit r = {s->limits[i].value, s->limits[i].value};
        if (syscall(SYS_prlimit64, 0, s->limits[i].resource, &r, NULL) < 0)
            return -1;
    }
    return 0;
}

IN_CHILD static long set_user(const struct weir__spawn *s) {
    if (syscall(SYS_setgroups, (size_t)1, &s->gid) < 0 ||
        syscall(SYS_setresgid, s->gid, s->gid, s->gid) < 0)
        return -1;
    return syscall(SYS_setresuid, s->uid, s->uid, s->uid);
}

/* Returns the step that failed, with errno; or does not return. */
IN_CHILD static enum weir__spawn_step prepare(struct weir__spawn *s, pid_t parent) {
    restore_signals();
    if (make_group(s) < 0)
        return WEIR__SPAWN_GROUP;
    if (place_descriptors(s) < 0)
        return WEIR__SPAWN_FDS;
    if (s->terminal >= 0 && syscall(SYS_ioctl, s->terminal, TIOCSCTTY, 0) < 0)
        return WEIR__SPAWN_TERMINAL;
    if (s->has_umask)
        syscall(SYS_umask, s->umask);
    if (s->nice != 0) {
        long mine = 20 - syscall(SYS_getpriority, PRIO_PROCESS, 0);
        if (syscall(SYS_setpriority, PRIO_PROCESS, 0, mine + s->nice) < 0)
            return WEIR__SPAWN_NICE;
    }
    if (set_limits(s) < 0)
        return WEIR__SPAWN_LIMIT;
    if (s->has_user && set_user(s) < 0)
        return WEIR__SPAWN_USER;
    if (s->cwd != NULL && syscall(SYS_chdir, s->cwd) < 0)
        return WEIR__SPAWN_CWD;
    if (s->dies_with_parent) { /* a change of the user would clear it */
        syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (syscall(SYS_getppid) != parent)
            syscall(SYS_exit_group, 127);
    }
    return WEIR__SPAWN_EXEC;
}

/* As a shell searches PATH: a file that may not be executed is passed over, and reported only if no
 * other is found. */
IN_CHILD static int execute(const struct weir__spawn *s) {
    int error = ENOENT;
    for (size_t i = 0; s->paths[i] != NULL; i++) {
        syscall(SYS_execve, s->paths[i], s->argv, s->envp);
        if (errno == EACCES)
            error = EACCES;
        else if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
            return errno;
        else if (s->paths[1] == NULL)
            error = errno;
    }
    return error;
}

IN_CHILD _Noreturn void weir__spawn_become(struct weir__spawn *s, pid_t parent,
                                           struct weir__spawn_failure *ret) {
    enum weir__spawn_step step = prepare(s, parent);
    int error = errno;
    if (step == WEIR__SPAWN_EXEC) {
        unblock_signals();
        error = execute(s);
    }
    ret->error = error;
    ret->step = (int)step;
    for (;;)
        syscall(SYS_exit_group, 127);
}
