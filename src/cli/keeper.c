/* SPDX-License-Identifier: MIT */
/* keeper.c - a poll loop without the runtime: it must work when the rest has crashed, and a process
 * that forks must have one thread and no loop.
 *
 *   phase     is left when                                  and then
 *   RUNNING   the node exits; stop; `up` or the guard dies  TERM to the group: STOPPING
 *   STOPPING  the grace has passed; kill                    KILL to all, again every RETRY: KILLING
 *   KILLING   LIMIT_KILL has passed                         send "left", exit
 * In every phase the keeper exits when it has no child.
 *
 * A check that fails here prints to /dev/null, and the guard kills the node without its grace. So
 * checks stand only where to go on would be worse: before a signal to a process that is not ours,
 * and before a write out of bounds. */
#include "cli/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/children.h"
#include "cli/control.h"
#include "cli/limits.h"
#include "cli/names.h"
#include "worker/line.h"

/* The children of a killed process become ours a moment later, and no signal reports it. */
#define RETRY WEIR_MILLISECONDS(20)

enum phase { RUNNING, STOPPING, KILLING };

struct keeper {
    const struct launch *launch;
    struct keeper_fds fds;
    int signals;
    pid_t node;  /* 0 when reaped: its number may then belong to another process */
    pid_t guard; /* our parent, as long as it lives */
    pid_t group; /* the same number, only to compare: processes in that group have had its TERM */
    pid_t strays[LIMIT_STRAYS]; /* children that left the group and have had their TERM; 0: free */
    enum phase phase;
    weir_ns until; /* of the phase */
};

void keeper_tell(int channel, const char *format, ...) {
    char line[LIMIT_CONTROL_BYTES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof line)
        send(channel, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void keeper_hear_no_more(int channel) {
    char line[LIMIT_CONTROL_BYTES];
    shutdown(channel, SHUT_RD);
    while (recv(channel, line, sizeof line, MSG_DONTWAIT) > 0)
        continue;
}

/* Exit with nothing left. A stopped guard would neither reap us nor exit: continue it. */
static _Noreturn void leave(const struct keeper *k) {
    keeper_hear_no_more(k->fds.channel);
    keeper_tell(k->fds.channel, "done\n");
    if (getppid() == k->guard)
        kill(k->guard, SIGCONT);
    _exit(0);
}

/* ---- the node -------------------------------------------------------------------------------- */

static size_t count_of(char **list) {
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    return count;
}

/* Append the variables of from whose names are not there yet, the last ones first: of two with the
 * same name the last one counts. */
static void add_variables(char **to, size_t *count, struct names *names, char **from) {
    for (size_t i = count_of(from); i-- > 0;)
        if (names_put(names, from[i], strcspn(from[i], "="), 0) == NAMES_NONE)
            to[(*count)++] = from[i];
}

/* Make the node's environment: the launch's variables outrank the inherited ones. One pass, since
 * setenv for each would compare it with all others. Returns 0 or -ENOMEM. */
static int set_environment(const struct launch *l) {
    static char control[] = CONTROL_VARIABLE "=" CONTROL_FD_TEXT;
    static struct arena memory; /* until the exec */
    char *own[] = {control, NULL};
    size_t most = count_of(l->environment) + count_of(environ) + 1, count = 0;
    struct names names;
    char **list = arena_take(&memory, (most + 1) * sizeof *list);
    if (list == NULL || names_init(&names, &memory, most) < 0)
        return -ENOMEM;
    add_variables(list, &count, &names, l->environment);
    add_variables(list, &count, &names, own);
    add_variables(list, &count, &names, environ);
    WEIR_CHECK(count <= most && list[count] == NULL);
    environ = list;
    return 0;
}

/* In the child of the fork: make a process group, restore signals, execute the node. */
static _Noreturn void become_node(const struct launch *l, const struct keeper_fds *fds,
                                  pid_t keeper) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* for the case that keeper and guard die at once */
    if (getppid() != keeper)
        _exit(1);
    children_release();
    dup2(fds->out, STDOUT_FILENO);
    dup2(fds->err, STDERR_FILENO);
    dup2(fds->control, CONTROL_FD); /* last, because it may close one of the others */
    fcntl(CONTROL_FD, F_SETFD, 0);
    int failed = -set_environment(l);
    bool is_there = failed == 0 && (l->directory == NULL || chdir(l->directory) == 0);
    if (is_there)
        execvp(l->program, l->argv);
    failed = failed != 0 ? failed : errno;
    bool is_lost = !is_there && l->directory != NULL && failed != ENOMEM;
    weir__line_error("weir: cannot %s '%s': %s", is_lost ? "enter" : "run",
                     is_lost ? l->directory : l->program, strerror(failed));
    _exit(failed == ENOENT ? 127 : 126);
}

static void start_node(struct keeper *k) {
    pid_t keeper = getpid();
    k->node = k->group = fork();
    if (k->node == 0)
        become_node(k->launch, &k->fds, keeper);
    close(k->fds.out);
    close(k->fds.err);
    close(k->fds.control);
    if (k->node < 0) {
        keeper_tell(k->fds.channel, "failed errno=%d\n", errno);
        leave(k);
    }
    setpgid(k->node, k->node); /* here and in the child: one of them is first */
    keeper_tell(k->fds.channel, "started pid=%d\n", (int)k->node);
}

/* ---- ending it ------------------------------------------------------------------------------- */

static void signal_group(const struct keeper *k, int signal) {
    WEIR_CHECK(k->node == 0 || k->node == k->group);
    if (k->node > 0)
        kill(-k->node, signal);
}

static void stop(struct keeper *k) {
    if (k->phase != RUNNING)
        return;
    k->phase = STOPPING;
    k->until = children_now() + k->launch->grace_ns;
    /* A stopped process would not handle the TERM, so CONT first. Not after it: a CONT that comes
     * while a program exits disturbs tracers, for example a leak checker. */
    signal_group(k, SIGCONT);
    signal_group(k, SIGTERM);
}

static void kill_all(struct keeper *k) {
    if (k->phase != KILLING) {
        k->until = children_now() + LIMIT_KILL;
        keeper_tell(k->fds.channel, "killed\n");
    }
    k->phase = KILLING;
    signal_group(k, SIGKILL);
    children_signal(SIGKILL, NULL, NULL);
}

/* Has this process had its TERM? It is sent once: many programs take a second one as an order to
 * drop everything. Remembers the process. */
static bool had_its_term(pid_t pid, void *arg) {
    struct keeper *k = arg;
    pid_t *free_slot = NULL;
    if (getpgid(pid) == k->group)
        return true;
    for (size_t i = 0; i < LIMIT_STRAYS; i++) {
        if (k->strays[i] == pid)
            return true;
        if (k->strays[i] == 0)
            free_slot = &k->strays[i];
    }
    if (free_slot == NULL)
        return true;
    *free_slot = pid;
    return false;
}

/* The node has exited but is not reaped, so its number still names its group: use it a last
 * time. */
static void node_ended(struct keeper *k, const siginfo_t *info) {
    stop(k);
    keeper_tell(k->fds.channel, "exited %s=%d\n", info->si_code == CLD_EXITED ? "code" : "signal",
                info->si_status);
}

static void reap_one(struct keeper *k, pid_t pid) {
    WEIR_CHECK(pid > 0); /* less would mean any child */
    waitpid(pid, NULL, 0);
    if (pid == k->node)
        k->node = 0;
    for (size_t i = 0; i < LIMIT_STRAYS; i++)
        if (k->strays[i] == pid)
            k->strays[i] = 0;
}

/* Returns whether a child is left. */
static bool reap(struct keeper *k) {
    bool some = false;
    for (;;) {
        siginfo_t info = {.si_pid = 0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
            return errno != ECHILD;
        if (info.si_pid == 0)
            break;
        if (info.si_pid == k->node)
            node_ended(k, &info);
        reap_one(k, info.si_pid);
        some = true;
    }
    if (some && k->phase == STOPPING && k->node == 0)
        children_signal(SIGTERM, had_its_term, k);
    return true;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void act_on_time(struct keeper *k) {
    bool over = children_now() >= k->until;
    if (k->phase == KILLING && over) {
        int left = children_signal(SIGKILL, NULL, NULL);
        keeper_tell(k->fds.channel, "left count=%d\n", left);
        _exit(1);
    }
    if (k->phase == KILLING || (k->phase == STOPPING && over))
        kill_all(k);
}

static void hear_channel(struct keeper *k) {
    char line[LIMIT_CONTROL_BYTES];
    ssize_t n = recv(k->fds.channel, line, sizeof line, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n >= 4 && memcmp(line, "kill", 4) == 0)
        kill_all(k);
    else if (n <= 0 || (n >= 4 && memcmp(line, "stop", 4) == 0))
        stop(k);
    if (n <= 0) {
        close(k->fds.channel);
        k->fds.channel = -1; /* poll ignores it */
    }
}

static void wait_for_events(struct keeper *k) {
    struct pollfd files[] = {{.fd = k->fds.channel, .events = POLLIN},
                             {.fd = k->fds.life, .events = POLLIN},
                             {.fd = k->signals, .events = POLLIN}};
    weir_ns retry = k->phase == KILLING ? children_now() + RETRY : WEIR_NEVER;
    weir_ns until = k->phase == RUNNING ? WEIR_NEVER : k->until;
    if (poll(files, 3, children_timeout(until < retry ? until : retry)) <= 0)
        return;
    if (files[0].revents != 0)
        hear_channel(k);
    if (files[1].revents != 0) {
        stop(k);
        close(k->fds.life);
        k->fds.life = -1;
    }
    if (files[2].revents != 0)
        children_drain(k->signals);
}

_Noreturn void keeper_run(const struct launch *l, const struct keeper_fds *fds) {
    struct keeper k = {.launch = l,
                       .fds = *fds,
                       .guard = getppid(),
                       .phase = RUNNING,
                       .until = WEIR_NEVER};
    int kept[] = {fds->channel, fds->out, fds->err, fds->control, fds->life};
    children_keep_fds(kept, sizeof kept / sizeof kept[0]);
    char name[16];
    snprintf(name, sizeof name, "keep:%s", l->name);
    k.signals = children_supervise(name);
    if (k.signals < 0) {
        keeper_tell(k.fds.channel, "failed errno=%d\n", -k.signals);
        leave(&k);
    }
    start_node(&k);
    while (reap(&k)) {
        act_on_time(&k);
        wait_for_events(&k);
    }
    leave(&k);
}
