/* SPDX-License-Identifier: MIT */
/* guard.c - a poll loop without the runtime, for the same reasons as keeper.c. Its children are
 * keepers, and strangers: processes that a dead keeper left, which it kills as soon as it sees
 * them. The guard holds a second copy of each channel's descriptor, so that `up` sees a channel
 * closed only when no process of the node lives, however the keeper died.
 *
 * A check that fails in the guard's process prints to /dev/null and ends the fleet. So it has few:
 * those of keeper.c's rule, and that no node is reported as gone while its keeper lives. */
#include "cli/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/children.h"
#include "cli/keeper.h"
#include "cli/limits.h"
#include "sys/fds.h"

/* How long after a KILL to look again: the children of a killed process become ours. */
#define RETRY_FIRST WEIR_MILLISECONDS(10)
#define RETRY_LAST WEIR_SECONDS(1)

enum { FDS_PASSED = 4 };

/* A request of `up`: START passes FDS_PASSED descriptors, OVERRULE none. */
enum request_verb { START, OVERRULE };

struct request {
    uint32_t verb, index;
};

struct kept {
    pid_t pid;   /* 0: no keeper, or it has ended */
    int channel; /* our copy; -1: none, or closed because the node is gone */
    bool overruled; /* the keeper does not answer: it is killed as a stranger */
};

struct watch {
    const struct launch *launches;
    size_t count;
    int up;      /* -1: `up` is dead, or done */
    int life[2]; /* keepers hold [0]; only the guard holds [1] */
    int signals;
    weir_ns until; /* when `up` is gone: keepers must have exited by then */
    bool forced;   /* they have not: they are killed too */
    int strangers;
    weir_ns retry_ns;
    struct kept kept[LIMIT_NODES];
};

/* ---- the guard's process --------------------------------------------------------------------- */

static void start_keeper(struct watch *w, size_t index, const int fds[FDS_PASSED]) {
    pid_t pid = fork();
    if (pid == 0)
        keeper_run(&w->launches[index],
                   &(struct keeper_fds){fds[0], fds[1], fds[2], fds[3], w->life[0]});
    if (pid < 0) {
        keeper_tell(fds[0], "failed errno=%d\n", errno);
        keeper_hear_no_more(fds[0]);
    }
    for (int i = pid < 0 ? 0 : 1; i < FDS_PASSED; i++)
        close(fds[i]);
    if (pid > 0)
        w->kept[index] = (struct kept){.pid = pid, .channel = fds[0]};
}

static weir_ns longest_grace(const struct watch *w) {
    weir_ns longest = 0;
    for (size_t i = 0; i < w->count; i++)
        longest = w->launches[i].grace_ns > longest ? w->launches[i].grace_ns : longest;
    return longest;
}

static void up_ended(struct watch *w) {
    close(w->up);
    w->up = -1;
    /* Keepers see that their channels are closed, and stop their nodes a little earlier. */
    w->until = children_now() + longest_grace(w) + LIMIT_KILL + WEIR_SECONDS(1);
}

static void hear_up(struct watch *w) {
    struct request r = {START, UINT32_MAX};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(FDS_PASSED * sizeof(int))];
    } passed = {.bytes = {0}};
    struct iovec vec = {&r, sizeof r};
    struct msghdr m = {.msg_iov = &vec,
                       .msg_iovlen = 1,
                       .msg_control = passed.bytes,
                       .msg_controllen = sizeof passed.bytes};
    ssize_t n = recvmsg(w->up, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        up_ended(w);
        return;
    }
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    int fds[FDS_PASSED];
    size_t count = c == NULL ? 0 : (c->cmsg_len - CMSG_LEN(0)) / sizeof fds[0];
    WEIR_CHECK(count <= FDS_PASSED);
    if (count > 0)
        memcpy(fds, CMSG_DATA(c), count * sizeof fds[0]);
    if (r.verb == OVERRULE && r.index < w->count)
        w->kept[r.index].overruled = true; /* sweep kills it */
    if (r.verb == START && count == FDS_PASSED && r.index < w->count)
        start_keeper(w, r.index, fds);
    else /* the kernel dropped some for want of numbers: `up` sees the channel closed */
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
}

static struct kept *find_kept(struct watch *w, pid_t pid) {
    for (size_t i = 0; i < w->count; i++)
        if (w->kept[i].pid == pid)
            return &w->kept[i];
    return NULL;
}

/* Close the last copy of the channel: `up` sees that the node is gone. */
static void forget(struct kept *k) {
    WEIR_CHECK(k->pid == 0);
    keeper_hear_no_more(k->channel);
    close(k->channel);
    k->channel = -1;
}

/* A keeper that is stopped (SIGSTOP) cannot stop its node: continue it. */
static void resume(const struct kept *k) {
    WEIR_CHECK(k->pid > 0);
    kill(k->pid, SIGCONT);
    keeper_tell(k->channel, "resumed\n");
}

/* Returns whether a child is left. A keeper that exits with 0 has left no process; the processes
 * that another keeper left are strangers now. */
static bool reap(struct watch *w) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        struct kept *k = find_kept(w, pid);
        if (k != NULL && WIFSTOPPED(status))
            resume(k);
        if (k == NULL || WIFSTOPPED(status))
            continue;
        k->pid = 0;
        if (WIFSIGNALED(status))
            keeper_tell(k->channel, "lost signal=%d\n", WTERMSIG(status));
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            forget(k);
    }
    return pid == 0;
}

static bool is_keeper(pid_t pid, void *arg) {
    const struct watch *w = arg;
    for (size_t i = 0; i < w->count; i++)
        if (w->kept[i].pid == pid)
            return !w->forced && !w->kept[i].overruled;
    return false;
}

/* Kill strangers. When there are none, the nodes of dead keepers are gone completely. Some
 * processes cannot be killed (a node became root): try again, at growing intervals. */
static void sweep(struct watch *w) {
    w->strangers = children_signal(SIGKILL, is_keeper, w);
    w->retry_ns = w->strangers == 0 ? RETRY_FIRST : w->retry_ns * 2;
    w->retry_ns = w->retry_ns > RETRY_LAST ? RETRY_LAST : w->retry_ns;
    for (size_t i = 0; w->strangers == 0 && i < w->count; i++)
        if (w->kept[i].pid == 0 && w->kept[i].channel >= 0)
            forget(&w->kept[i]);
}

static void act_on_time(struct watch *w) {
    if (children_now() < w->until)
        return;
    if (w->forced)
        _exit(1); /* what is left cannot be killed */
    w->forced = true;
    w->until = children_now() + LIMIT_KILL;
}

static _Noreturn void guard_run(struct watch *w) {
    while (reap(w) || w->up >= 0) {
        act_on_time(w);
        sweep(w);
        struct pollfd files[] = {{.fd = w->up, .events = POLLIN},
                                 {.fd = w->signals, .events = POLLIN}};
        weir_ns retry = w->strangers != 0 ? children_now() + w->retry_ns : WEIR_NEVER;
        if (poll(files, 2, children_timeout(w->until < retry ? w->until : retry)) <= 0)
            continue;
        if (files[0].revents != 0)
            hear_up(w);
        if (files[1].revents != 0)
            children_drain(w->signals);
    }
    _exit(0);
}

static _Noreturn void become_guard(const struct launch *launches, size_t count, int up) {
    struct watch w = {.launches = launches,
                      .count = count,
                      .up = up,
                      .until = WEIR_NEVER,
                      .retry_ns = RETRY_FIRST};
    setsid(); /* a terminal's signals and its hang-up shall reach `up` alone */
    int null = weir__fd_lift(open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    children_keep_fds(&up, 1);
    for (size_t i = 0; i < count; i++)
        w.kept[i].channel = -1;
    w.signals = children_supervise("weir-guard");
    if (w.signals < 0 || weir__fd_lift_pair(pipe2(w.life, O_CLOEXEC), w.life) < 0)
        _exit(1);
    guard_run(&w);
}

/* ---- up's side ------------------------------------------------------------------------------- */

int guard_open(const struct launch *launches, size_t count, struct guard *ret_guard) {
    int ends[2], type = SOCK_SEQPACKET | SOCK_CLOEXEC;
    WEIR_CHECK(count <= LIMIT_NODES);
    if (access("/proc/self/stat", R_OK) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return -errno;
    int rc = weir__fd_lift_pair(socketpair(AF_UNIX, type, 0, ends), ends);
    if (rc < 0)
        return rc;
    pid_t pid = fork();
    if (pid == 0)
        become_guard(launches, count, ends[1]);
    rc = pid < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    close(ends[1]);
    if (rc < 0)
        close(ends[0]);
    else
        *ret_guard = (struct guard){pid, ends[0]};
    return rc;
}

int guard_start(struct guard *g, size_t index, const struct guard_fds *fds) {
    struct request r = {START, (uint32_t)index};
    WEIR_CHECK(g->fd >= 0 && index < LIMIT_NODES);
    const int list[FDS_PASSED] = {fds->channel, fds->out, fds->err, fds->control};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof list)];
    } passed = {.bytes = {0}};
    struct iovec vec = {&r, sizeof r};
    struct msghdr m = {.msg_iov = &vec,
                       .msg_iovlen = 1,
                       .msg_control = passed.bytes,
                       .msg_controllen = sizeof passed.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof list);
    memcpy(CMSG_DATA(c), list, sizeof list);
    return sendmsg(g->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int guard_overrule(struct guard *g, size_t index) {
    struct request r = {OVERRULE, (uint32_t)index};
    WEIR_CHECK(index < LIMIT_NODES);
    return send(g->fd, &r, sizeof r, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

bool guard_resume(const struct guard *g) {
    siginfo_t info = {.si_pid = 0};
    WEIR_CHECK(g->pid > 0);
    if (waitid(P_PID, (id_t)g->pid, &info, WSTOPPED | WNOHANG) < 0 || info.si_pid == 0)
        return false;
    kill(g->pid, SIGCONT);
    return true;
}

int guard_pidfd(const struct guard *g) {
    return weir__fd_lift((int)syscall(SYS_pidfd_open, g->pid, 0));
}

bool guard_bury(const struct guard *g) {
    WEIR_CHECK(g->pid > 0 && g->fd < 0); /* less would mean a group, or all processes */
    struct pollfd end = {.fd = guard_pidfd(g), .events = POLLIN};
    weir_ns until = children_now() + LIMIT_KILL;
    bool ended = false;
    kill(g->pid, SIGCONT);
    while (!ended && children_now() < until) { /* by 100 ms: it may be stopped again */
        ended = poll(&end, end.fd >= 0, 100) > 0 || waitpid(g->pid, NULL, WNOHANG) != 0;
        guard_resume(g);
    }
    if (!ended)
        kill(g->pid, SIGKILL);
    if (end.fd >= 0) {
        poll(&end, 1, 1000);
        close(end.fd);
    }
    waitpid(g->pid, NULL, WNOHANG);
    return !ended;
}
