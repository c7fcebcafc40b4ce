/* SPDX-License-Identifier: MIT */
/* children.c - finds children by a scan of /proc. The kernel's file `children` of a task is exact
 * only while no child changes, and a kernel may lack it. */
#include "cli/children.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/fds.h"

/* Is pid a child of self that has not ended? */
static bool is_living_child(pid_t pid, pid_t self) {
    char path[32], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = weir__fd_lift(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return false;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    const char *name_end = strrchr(text, ')'); /* the name before it may contain any byte */
    char state = 'Z';
    int parent = 0;
    return name_end != NULL && sscanf(name_end + 1, " %c %d", &state, &parent) == 2 &&
           state != 'Z' && parent == self;
}

int children_signal(int signal, bool (*spared)(pid_t pid, void *arg), void *arg) {
    WEIR_CHECK(signal > 0);
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        return -errno;
    int count = 0;
    for (struct dirent *e; (e = readdir(proc)) != NULL;) {
        pid_t pid = isdigit((unsigned char)e->d_name[0]) ? atoi(e->d_name) : 0;
        if (pid <= 0 || !is_living_child(pid, getpid()) || (spared && spared(pid, arg)))
            continue;
        if (signal == SIGTERM)
            kill(pid, SIGCONT); /* a stopped process would not handle the TERM */
        kill(pid, signal); /* EPERM: another user's process; it is counted as left */
        count++;
    }
    closedir(proc);
    return count;
}

static bool had_children_ignored; /* SIGCHLD, when the first supervisor began */

int children_supervise(const char *name) {
    struct sigaction before;
    /* `up` alone handles a terminal's Ctrl-C, or a service manager's TERM to all processes. They
     * are blocked, not ignored: a forked node must not lose a TERM that comes before its exec. */
    sigset_t mask;
    sigfillset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    /* If SIGCHLD were ignored (inherited), the kernel would reap children itself. */
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    had_children_ignored |=
        sigaction(SIGCHLD, &standard, &before) == 0 && before.sa_handler == SIG_IGN;
    /* A supervisor that is stopped while its parent dies would stay stopped: the kernel continues
     * it. */
    prctl(PR_SET_PDEATHSIG, SIGCONT);
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    prctl(PR_SET_NAME, name);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return -errno;
    return weir__fd_lift(signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
}

void children_release(void) {
    static const uint64_t standard[8]; /* the kernel's struct sigaction, all zero */
    static const int not_inherited[] = {SIGTERM, 32, 33};
    if (had_children_ignored)
        signal(SIGCHLD, SIG_IGN);
    for (size_t i = 0; i < sizeof not_inherited / sizeof not_inherited[0]; i++)
        syscall(SYS_rt_sigaction, not_inherited[i], standard, NULL, sizeof(uint64_t));
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void children_resume(void) {
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid != 0) {
        WEIR_CHECK(info.si_pid > 0); /* less would mean a group, or all processes */
        kill(info.si_pid, SIGCONT);
        info.si_pid = 0;
    }
}

void children_bury(weir_ns until) {
    WEIR_CHECK(until != WEIR_NEVER);
    for (pid_t pid = 0; pid >= 0 && children_now() < until;) {
        pid = waitpid(-1, NULL, WNOHANG);
        if (pid == 0 && children_signal(SIGKILL, NULL, NULL) != 0)
            poll(NULL, 0, 10);
    }
}

void children_drain(int fd) {
    struct signalfd_siginfo arrivals[8];
    while (read(fd, arrivals, sizeof arrivals) > 0)
        continue;
}

static int compare(const void *a, const void *b) {
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void close_range_of(unsigned first, unsigned last) {
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    long most = sysconf(_SC_OPEN_MAX); /* emulators lack close_range */
    for (long fd = first; fd <= (long)last && fd < (most > 0 ? most : 65536); fd++)
        close((int)fd);
}

void children_keep_fds(int *fds, size_t count) {
    unsigned first = STDERR_FILENO + 1;
    qsort(fds, count, sizeof fds[0], compare);
    for (size_t i = 0; i < count; i++) {
        unsigned kept = fds[i] < 0 ? 0 : (unsigned)fds[i];
        if (kept < first)
            continue;
        close_range_of(first, kept - 1);
        first = kept + 1;
    }
    close_range_of(first, INT_MAX);
}

weir_ns children_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return WEIR_SECONDS(t.tv_sec) + t.tv_nsec;
}

int children_timeout(weir_ns until) {
    if (until == WEIR_NEVER)
        return -1;
    weir_ns left = until - children_now();
    weir_ns ms = left <= 0 ? 0 : (left + WEIR_MILLISECONDS(1) - 1) / WEIR_MILLISECONDS(1);
    return ms < INT_MAX ? (int)ms : INT_MAX;
}
