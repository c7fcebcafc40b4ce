/* SPDX-License-Identifier: MIT */
/* spawn.c - see spawn.h. The child borrows this process's memory until it has become the program
 * (CLONE_VM and CLONE_VFORK, as vfork does), so a large process starts one as quickly as a small
 * one. It has a stack of its own, in one mapping with the place where it reports a failure:
 *
 *   | failure ... | guard page | stack of the child |
 *
 * The mapping is shared, because a child that becomes another user gets a copy of the memory: else
 * that user could write into this process for a moment. */
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/fds.h"
#include "sys/reused.h"

/* ThreadSanitizer takes each clone for a fork, and keeps its books in the child: the child must
 * have books of its own, and so a copy of the memory. */
#if defined(WEIR__SEES_THREADS)
enum { SHARES = 0 };
#else
enum { SHARES = 1 };
#endif

enum { STACK = 32 << 10, KERNEL_SET = 8, PIDFD_GROUP = 1 << 2 };

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

bool weir__spawn_is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int open_null(void) {
    return weir__fd_lift(open("/dev/null", O_RDWR | O_CLOEXEC));
}

/* The child reads its standard input, and writes all else. */
static int open_pipe(struct weir__spawn_map *m) {
    int fds[2], ours = m->target == STDIN_FILENO ? 1 : 0;
    int rc = weir__fd_lift_pair(pipe2(fds, O_CLOEXEC), fds);
    if (rc < 0)
        return rc;
    fcntl(fds[ours], F_SETFL, O_NONBLOCK | (ours == 1 ? O_WRONLY : O_RDONLY));
    m->pipe_end = fds[ours];
    return fds[!ours];
}

static int open_source(struct weir__spawn *s, struct weir__spawn_map *m) {
    if (m->source == WEIR__SPAWN_OUT) {
        m->source = s->maps[STDOUT_FILENO].source;
        return 0;
    }
    int fd = m->source == WEIR__SPAWN_PIPE ? open_pipe(m) : open_null();
    if (fd < 0)
        return fd;
    m->source = fd;
    m->opened = true;
    return 0;
}

static int open_sources(struct weir__spawn *s) {
    int rc = 0;
    for (size_t i = 0; i < s->map_count; i++) {
        s->maps[i].pipe_end = -1;
        s->maps[i].opened = false;
    }
    for (size_t i = 0; rc == 0 && i < s->map_count; i++)
        rc = s->maps[i].source < 0 ? open_source(s, &s->maps[i]) : 0;
    return rc;
}

static void close_sources(struct weir__spawn *s, bool ours_too) {
    for (size_t i = 0; i < s->map_count; i++) {
        struct weir__spawn_map *m = &s->maps[i];
        if (m->opened)
            close(m->source);
        m->opened = false;
        if (ours_too && m->pipe_end >= 0) {
            close(m->pipe_end);
            m->pipe_end = -1;
        }
    }
}

/* The kernel gives the pidfd the lowest free number, and cannot be asked to try again: a number
 * above 2 is reserved first if one of these is free. Returns it, -1: none is needed, or an error
 * below that. */
static int reserve(void) {
    if (weir__spawn_is_open(0) && weir__spawn_is_open(1) && weir__spawn_is_open(2))
        return -1;
    int fd = open_null();
    return fd < 0 ? fd - 1 : fd;
}

static int lifted(int pidfd, int room) {
    if (room < 0)
        return pidfd;
    if (pidfd > STDERR_FILENO) {
        close(room);
        return pidfd;
    }
    dup3(pidfd, room, O_CLOEXEC);
    close(pidfd);
    return room;
}

/* ---- the child ------------------------------------------------------------------------------- */

struct beginning { /* at the foot of the mapping */
    struct weir__spawn_failure failure;
    struct weir__spawn *spawn;
    pid_t parent;
};

IN_CHILD static int begin(void *arg) {
    struct beginning *b = arg;
    weir__spawn_become(b->spawn, b->parent, &b->failure);
}

/* All signals are blocked meanwhile, also those of the C library: a handler of this program must
 * not run in the child. */
static pid_t clone_blocked(struct beginning *b, char *stack_top, bool shares, int *ret_pidfd) {
    uint64_t all = ~(uint64_t)0, before = 0;
    int flags = CLONE_VFORK | CLONE_PIDFD | SIGCHLD | (shares ? CLONE_VM : 0);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, KERNEL_SET);
    pid_t pid = clone(begin, stack_top, flags, b, ret_pidfd);
    int error = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, KERNEL_SET);
    return pid < 0 ? -error : pid;
}

static int fail(struct weir__spawn *s, enum weir__spawn_step step, int rc) {
    s->failed = step;
    return rc;
}

static int make_child(struct weir__spawn *s, struct beginning *b, char *stack_top) {
    int room = reserve(), pidfd = -1;
    if (room < -1)
        return fail(s, WEIR__SPAWN_PIPES, room + 1);
    *b = (struct beginning){.spawn = s, .parent = getpid()};
    pid_t pid = clone_blocked(b, stack_top, SHARES && !s->has_user, &pidfd);
    if (pid < 0) {
        if (room >= 0)
            close(room);
        return fail(s, WEIR__SPAWN_FORK, pid);
    }
    s->pid = pid;
    s->pidfd = lifted(pidfd, room);
    if (b->failure.step == WEIR__SPAWN_OK)
        return 0;
    weir__spawn_reap(s->pidfd);
    close(s->pidfd);
    return fail(s, (enum weir__spawn_step)b->failure.step, -b->failure.error);
}

static int spawn_mapped(struct weir__spawn *s) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 2 * page + STACK;
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return fail(s, WEIR__SPAWN_PIPES, -errno);
    int rc = mprotect(at + page, page, PROT_NONE) != 0 ? -errno : 0;
    rc = rc < 0 ? fail(s, WEIR__SPAWN_PIPES, rc)
                : make_child(s, (struct beginning *)(void *)at, at + size);
    munmap(at, size);
    return rc;
}

int weir__spawn_run(void *spawn) {
    struct weir__spawn *s = spawn;
    int rc = open_sources(s);
    rc = rc < 0 ? fail(s, WEIR__SPAWN_PIPES, rc) : spawn_mapped(s);
    close_sources(s, rc < 0);
    return rc;
}

/* ---- afterwards ------------------------------------------------------------------------------ */

/* As the headers of Linux 6.15 have it. */
struct pidfd_info {
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ids[8];
    int32_t status;
};
_Static_assert(sizeof(struct pidfd_info) == 64, "the size is a part of the request's number");
enum { PIDFD_INFO_OF_EXIT = 1 << 3 };

static int64_t ns_of(struct timeval t) {
    return ((int64_t)t.tv_sec * 1000000 + t.tv_usec) * 1000;
}

static void from_status(int status, struct weir__spawn_end *ret) {
    ret->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    ret->core = WIFSIGNALED(status) && WCOREDUMP(status);
}

/* The kernel looks first how it ended, and then for the process itself: it finds neither (ESRCH) if
 * the process is reaped in between. Then it finds at the next call how it ended. */
static bool ask_info(int pidfd, struct pidfd_info *info) {
    for (int tries = 0; tries < 2; tries++) {
        info->mask = PIDFD_INFO_OF_EXIT;
        if (ioctl(pidfd, _IOWR(0xff, 11, struct pidfd_info), info) == 0)
            return true;
        if (errno != ESRCH)
            return false;
    }
    return false;
}

/* The kernel is about to reap it: it says first that it has ended, a moment later how, and nothing
 * wakes who waits for that. Not for one that runs, which is no child of ours. */
static bool await_info(int pidfd, struct pidfd_info *info) {
    enum { MOMENTS = 2000, MOMENT_US = 50 };
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    bool known = poll(&ended, 1, 0) == 1;
    for (int i = 0; known && (info->mask & PIDFD_INFO_OF_EXIT) == 0 && i < MOMENTS; i++) {
        usleep(MOMENT_US);
        known = ask_info(pidfd, info);
    }
    return known && (info->mask & PIDFD_INFO_OF_EXIT) != 0;
}

/* Another wait took it, or the program ignores SIGCHLD: the pidfd still knows how it ended. */
static int ask_pidfd(int pidfd, struct weir__spawn_end *ret_end) {
    struct pidfd_info info = {.mask = 0};
    if (!ask_info(pidfd, &info) || !await_info(pidfd, &info))
        return -ECHILD;
    *ret_end = (struct weir__spawn_end){.user_ns = -1, .system_ns = -1, .memory_peak = -1};
    from_status(info.status, ret_end);
    return 0;
}

static long wait_pidfd(int pidfd, siginfo_t *info, int flags, struct rusage *use) {
    long rc;
    do
        rc = syscall(SYS_waitid, P_PIDFD, pidfd, info, WEXITED | flags, use);
    while (rc != 0 && errno == EINTR);
    return rc;
}

int weir__spawn_ended(int pidfd, bool reap, struct weir__spawn_end *ret_end) {
    siginfo_t info = {.si_signo = 0};
    struct rusage use = {.ru_maxrss = 0};
    if (wait_pidfd(pidfd, &info, WNOHANG | (reap ? 0 : WNOWAIT), &use) != 0)
        return errno == ECHILD ? ask_pidfd(pidfd, ret_end) : -errno;
    if (info.si_signo == 0)
        return -EAGAIN;
    bool exited = info.si_code == CLD_EXITED;
    *ret_end = (struct weir__spawn_end){
        .code = exited ? info.si_status : -1,
        .signal = exited ? 0 : info.si_status,
        .core = info.si_code == CLD_DUMPED,
        .user_ns = ns_of(use.ru_utime),
        .system_ns = ns_of(use.ru_stime),
        .memory_peak = (int64_t)use.ru_maxrss * 1024,
    };
    return 0;
}

void weir__spawn_reap(int pidfd) {
    siginfo_t info;
    wait_pidfd(pidfd, &info, 0, NULL);
}

static int result(long rc) {
    return rc < 0 ? -errno : 0;
}

int weir__spawn_signal_number(int pidfd, pid_t pid, int signal) {
    siginfo_t info;
    if (wait_pidfd(pidfd, &info, WNOHANG | WNOWAIT, NULL) != 0)
        return -ESRCH;
    return result(kill(-pid, signal));
}

int weir__spawn_signal(int pidfd, pid_t pid, int signal, bool group) {
    int rc = result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, group ? PIDFD_GROUP : 0));
    bool old = group && rc == -EINVAL && signal >= 0 && signal <= SIGRTMAX;
    return old ? weir__spawn_signal_number(pidfd, pid, signal) : rc;
}

int weir__spawn_adopt(pid_t pid) {
    return weir__fd_lift((int)syscall(SYS_pidfd_open, pid, 0));
}
