/* SPDX-License-Identifier: MIT */
/* up.c - the rules of a fleet:
 *   a node starts when all nodes on which it depends are ready; nodes that wait for none start
 *   together;
 *   the fleet ends when every node without a port has exited (its code: the first that is not 0),
 *   when a node with a port exits, when a node cannot be started or is not ready in time, on
 *   SIGINT, SIGTERM or SIGHUP, and when the guard dies;
 *   then each node is stopped when all that depend on it are gone; a second signal kills them all.
 *
 * Every wait for a process has a time limit: member_stop overrules a keeper, take_over the guard. A
 * keeper that was stopped by a signal is continued by the guard, the guard by watch_guard.
 *
 * Scopes, from the outermost: `last`, the groups `speaking` and `tending`, `running`, which is
 * cancelled when the fleet ends, the group `starting`. Nodes are stopped inside `running`, in a
 * shield; `last` waits for signals before `running` is left, so that no signal is missed. When all
 * is printed, signals are ignored: the exit code is decided. */
#include "cli/up.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/escape.h"
#include "cli/children.h"
#include "cli/duration.h"
#include "cli/limits.h"
#include "cli/member.h"
#include "cli/summary.h"
#include "worker/line.h"
#include "worker/standard.h"

enum { SIGNALS = 3 };

static const int signals[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

struct up {
    const struct fleet *fleet;
    const struct up_options *options;
    struct guard *guard;
    struct output output;
    struct member *members;
    struct weir_task **starting, **stopping; /* one for each member */
    const char **epitaphs;       /* likewise: the end of the line about its exit, printed when it is
                                  * gone; NULL: it exited as expected, no line */
    struct weir_group speaking; /* the tasks that print */
    struct weir_group tending;  /* the tasks that read from keepers */
    struct weir_scope running;
    struct weir_scope last; /* waits for signals when all nodes are gone: they end the printing */
    bool begun;      /* the loop has begun */
    bool ending;     /* the fleet ends: further reasons do not matter */
    bool hurried;    /* a second signal has come */
    bool guard_died; /* although the fleet still needed it */
    bool guard_killed; /* by us, because it did not answer */
    bool ignored[SIGNALS]; /* those of `signals` that were ignored at the start: they stay so */
    int code;
};

static int listen_to_signals(const struct up *up, struct weir_scope *s) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < SIGNALS; i++)
        rc = up->ignored[i] ? 0 : weir_scope_on_signal(s, signals[i]);
    return rc;
}

struct print_message_args {
    struct output *output;
    char text[300];
};

static int print_message(void *args) {
    struct print_message_args *a = args;
    output_text(a->output, true, a->text, strlen(a->text));
    return 0;
}

/* Let a task print a line of `up` itself on stderr, in the order of the calls. Never waits. */
__attribute__((format(printf, 2, 3))) static void say(struct up *up, const char *format, ...) {
    struct print_message_args a = {.output = &up->output, .text = "weir: "};
    char raw[sizeof a.text], *text = a.text + strlen(a.text);
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    weir__escape(text, sizeof a.text - 1 - strlen(a.text), raw, strlen(raw));
    strcat(text, "\n");
    weir_spawn(&up->speaking, WEIR_SITE(print_message), print_message, &a, sizeof a, NULL, NULL);
}

/* ---- events of nodes, and what follows ------------------------------------------------------- */

static void end_fleet(struct up *up, int code) {
    if (up->ending)
        return;
    up->ending = true;
    up->code = up->code != 0 ? up->code : code;
    weir_scope_cancel(&up->running, "the fleet ends");
}

static bool has_done_its_work(const struct member *m) {
    return m->exited && m->node->port == 0;
}

static bool all_have_done_their_work(const struct up *up) {
    size_t done = 0, all = 0;
    for (size_t i = 0; i < up->fleet->count; i++) {
        all += up->fleet->nodes[i].port == 0;
        done += has_done_its_work(&up->members[i]);
    }
    return all > 0 && done == all;
}

static void say_how_it_ended(struct up *up, const struct member *m, const char *more) {
    if (m->failed < 0)
        say(up, "node '%s' could not be started: %s%s", m->node->name,
                   weir_error_text(m->failed), more);
    else if (m->lost < 0)
        say(up, "node '%s' was lost: %s%s", m->node->name,
                   m->lost == WEIR_ECLOSED ? "its keeper was killed" : weir_error_text(m->lost),
                   more);
    else if (m->signal != 0)
        say(up, "node '%s' was ended by signal %d (%s)%s", m->node->name, m->signal,
                   strsignal(m->signal), more);
    else
        say(up, "node '%s' exited with %d%s", m->node->name, m->code, more);
}

static void node_exited(struct up *up, struct member *m) {
    WEIR_CHECK(m->exited);
    if (up->ending || m->stopping)
        return;
    if (m->node->port != 0) {
        up->epitaphs[m->index] = ", though it should serve: stopping the fleet";
        end_fleet(up, m->code != 0 ? m->code : EXIT_FAILED);
        return;
    }
    if (m->code != 0)
        up->epitaphs[m->index] = "";
    up->code = up->code != 0 ? up->code : m->code;
    if (all_have_done_their_work(up))
        end_fleet(up, up->code);
}

static void node_gone(struct up *up, const struct member *m) {
    char grace[32];
    WEIR_CHECK(m->gone && m->exited);
    duration_format(m->node->grace_ns, grace, sizeof grace);
    if (up->epitaphs[m->index] != NULL)
        say_how_it_ended(up, m, up->epitaphs[m->index]);
    if (m->left > 0)
        say(up, "node '%s': %d processes are left, they cannot be ended", m->node->name, m->left);
    else if (m->overruled)
        say(up, "node '%s': its keeper did not answer, and was killed with it", m->node->name);
    else if (m->killed && !up->hurried)
        say(up, "node '%s'%s did not stop within %s and was killed", m->node->name,
                   m->by_itself ? ": what it left" : "", grace);
    if ((m->left > 0 || m->killed) && up->code == 0)
        up->code = EXIT_FAILED;
}

static void member_event(struct member *m, enum member_event event, void *arg) {
    struct up *up = arg;
    char silence[32];
    WEIR_CHECK(m->index < up->fleet->count && m == &up->members[m->index]);
    switch (event) {
    case MEMBER_READY:
        if (up->options->settings->verbose)
            say(up, "node '%s' is ready", m->node->name);
        break;
    case MEMBER_EXITED:
        node_exited(up, m);
        break;
    case MEMBER_GONE:
        node_gone(up, m);
        break;
    case MEMBER_RESUMED:
        say(up, "node '%s': its keeper was stopped by a signal, and continued", m->node->name);
        break;
    case MEMBER_SILENT:
        duration_format(LIMIT_SILENCE, silence, sizeof silence);
        say(up, "node '%s' has sent no heartbeat for %s", m->node->name, silence);
        break;
    case MEMBER_MUTE:
        if (!up->ending)
            say(up, "what the nodes print cannot be written: stopping the fleet");
        end_fleet(up, EXIT_FAILED);
        break;
    }
}

struct watch_guard_args {
    struct up *up;
};

/* Wait until the guard dies, or a child changes (SIGCHLD). Returns WEIR_ESTOPPED for the latter, >=
 * 0 if the guard is dead. */
static int await_guard(struct up *up, int fd, bool *reported) {
    struct weir_scope news;
    weir_scope_enter(&news, WEIR_NEVER);
    int rc = weir_scope_on_signal(&news, SIGCHLD);
    if (guard_resume(up->guard) && !*reported) {
        *reported = true;
        say(up, "the guard process was stopped by a signal, and continued");
    }
    if (rc == 0)
        rc = weir_wait_fd(fd, POLLIN);
    return weir_scope_leave(&news, rc < 0 ? rc : 0);
}

/* The guard is dead and `up` has inherited the keepers: continue those that are stopped. */
static int watch_orphans(struct up *up) {
    int rc = 0;
    while (rc == 0 && up->guard->fd >= 0) {
        children_resume();
        rc = weir_sleep(WEIR_MILLISECONDS(100));
    }
    return rc;
}

static int watch_guard(void *args) {
    struct up *up = ((struct watch_guard_args *)args)->up;
    bool reported = false;
    int fd = guard_pidfd(up->guard), rc = fd;
    if (fd >= 0) {
        while ((rc = await_guard(up, fd, &reported)) == WEIR_ESTOPPED)
            continue;
        close(fd);
    }
    if (rc < 0 || up->guard->fd < 0)
        return rc;
    up->guard_died = true;
    end_fleet(up, EXIT_FAILED);
    if (!up->guard_killed)
        say(up, "the guard process died: stopping the fleet");
    return watch_orphans(up);
}

/* ---- starting -------------------------------------------------------------------------------- */

struct start_node_args {
    struct up *up;
    size_t index;
};

static int await(struct weir_task *task) {
    WEIR_CHECK(task != NULL); /* started before those that wait for it */
    struct weir_task *t = weir_task_ref(task);
    int rc = weir_await(&t, NULL, 0);
    weir_task_release(&t);
    return rc;
}

/* Wait until a dependency is ready. Returns whether it is. */
static bool await_ready(struct up *up, const struct member *m, size_t on) {
    const struct member *d = &up->members[on];
    WEIR_CHECK(on < m->index);
    if (await(up->starting[on]) < 0)
        return false;
    if (d->ready || (has_done_its_work(d) && d->code == 0))
        return true;
    if (up->ending || weir_cancelled() != 0)
        return false;
    say(up, "node '%s' cannot start: '%s' did not become ready", m->node->name, d->node->name);
    end_fleet(up, d->code != 0 ? d->code : EXIT_FAILED);
    return false;
}

static void say_why_it_did_not_start(struct up *up, const struct member *m, int rc) {
    char within[32];
    duration_format(up->options->ready_within, within, sizeof within);
    if (rc == -ETIME && !m->started)
        say(up, "node '%s' is not ready after %s: its keeper has not started it", m->node->name,
                   within);
    else if (rc != -ETIME)
        say(up, "node '%s' cannot be started: %s", m->node->name,
                   weir_error_text(rc));
    else if (m->node->ready == FLEET_READY_TCP)
        say(up, "node '%s' is not ready after %s: nothing answers at %s:%d",
                   m->node->name, within, m->node->host, m->node->port);
    else
        say(up, "node '%s' is not ready after %s: it has not said so",
                   m->node->name, within);
}

static int start_node(void *args) {
    struct start_node_args *a = args;
    struct up *up = a->up;
    struct member *m = &up->members[a->index];
    for (size_t i = 0; i < m->node->depends_on_count; i++)
        if (!await_ready(up, m, m->node->depends_on[i]))
            return 0;
    int rc = member_start(m, up->options->ready_within);
    if (rc >= 0 || rc == -ECANCELED)
        return 0;
    say_why_it_did_not_start(up, m, rc);
    end_fleet(up, EXIT_FAILED);
    return 0;
}

/* Start all nodes, then wait until the fleet ends: the scope running is cancelled then. */
static int run_nodes(struct up *up) {
    struct weir_group starting;
    weir_group_open(&starting, WEIR_INDEPENDENT);
    int rc = weir_go(&up->tending, watch_guard, .up = up);
    for (size_t i = 0; rc == 0 && i < up->fleet->count; i++)
        rc = weir_go_task(&starting, start_node, &up->starting[i], .up = up, .index = i);
    if (rc == 0)
        rc = weir_sleep(WEIR_NEVER);
    return weir_group_close(&starting, rc);
}

/* ---- stopping -------------------------------------------------------------------------------- */

struct stop_node_args {
    struct up *up;
    size_t index;
};

static bool depends_on(const struct fleet_node *n, size_t index) {
    for (size_t i = 0; i < n->depends_on_count; i++)
        if (n->depends_on[i] == index)
            return true;
    return false;
}

/* Wait until the nodes that depend on this one are gone, then stop it. A node that cannot be
 * stopped does not hold up those on which it depends. */
static int stop_node(void *args) {
    struct stop_node_args *a = args;
    struct up *up = a->up;
    int rc = 0;
    for (size_t i = a->index + 1; rc == 0 && i < up->fleet->count; i++)
        if (depends_on(&up->fleet->nodes[i], a->index))
            rc = await(up->stopping[i]);
    if (rc == 0)
        rc = member_stop(&up->members[a->index]);
    return rc == -ETIME && weir_cancelled() == 0 ? 0 : rc;
}

static int stop_politely(struct up *up) {
    struct weir_group stopping;
    weir_group_open(&stopping, WEIR_TOGETHER);
    int rc = 0;
    for (size_t i = up->fleet->count; rc == 0 && i-- > 0;)
        rc = weir_go_task(&stopping, stop_node, &up->stopping[i], .up = up, .index = i);
    return weir_group_close(&stopping, rc);
}

/* Send word (NULL: nothing) to all keepers, and wait until all nodes are gone, at most
 * within_ns. */
static int tell_and_join_all(struct up *up, const char *word, weir_ns within_ns) {
    struct weir_scope patience;
    int rc = 0;
    weir_scope_enter(&patience, within_ns);
    for (size_t i = 0; word != NULL && rc == 0 && i < up->fleet->count; i++)
        rc = member_tell(&up->members[i], word);
    for (size_t i = 0; rc == 0 && i < up->fleet->count; i++)
        rc = member_join(&up->members[i]);
    return weir_scope_leave(&patience, rc);
}

static bool is_left(const struct member *m) {
    return m->tending != NULL && !m->gone;
}

static bool any_is_left(const struct up *up) {
    for (size_t i = 0; i < up->fleet->count; i++)
        if (is_left(&up->members[i]))
            return true;
    return false;
}

/* Neither keepers nor the guard have answered in time: `up` kills the guard, inherits all
 * processes, and kills them itself. What is left after that cannot be killed. */
static void take_over(struct up *up) {
    if (!up->guard_died)
        say(up, "the guard process does not answer: killing all that is left");
    up->guard_killed = true;
    WEIR_CHECK(up->guard->pid > 0);
    kill(up->guard->pid, SIGKILL);
    for (weir_ns until = children_now() + LIMIT_KILL;
         any_is_left(up) && children_now() < until && weir_sleep(WEIR_MILLISECONDS(10)) == 0;)
        if (up->guard_died)
            children_signal(SIGKILL, NULL, NULL);
    for (size_t i = 0; i < up->fleet->count; i++)
        if (is_left(&up->members[i]))
            say(up, "node '%s' is left, it cannot be ended", up->fleet->nodes[i].name);
    up->code = up->code != 0 ? up->code : EXIT_FAILED;
}

struct overrule_node_args {
    struct up *up;
    size_t index;
};

static int overrule_node(void *args) {
    struct overrule_node_args *a = args;
    int rc = member_overrule(&a->up->members[a->index]);
    return rc == -ETIME ? 0 : rc; /* take_over handles that */
}

static void kill_members(struct up *up) {
    int rc = tell_and_join_all(up, "kill", 2 * LIMIT_KILL);
    struct weir_group overruling;
    weir_group_open(&overruling, WEIR_INDEPENDENT);
    for (size_t i = 0; rc < 0 && i < up->fleet->count; i++)
        if (is_left(&up->members[i]))
            weir_go(&overruling, overrule_node, .up = up, .index = i);
    weir_group_close(&overruling, 0);
}

/* How long it takes at most if all nodes stop one after the other. */
static weir_ns longest_stop(const struct up *up) {
    weir_ns sum = WEIR_SECONDS(1);
    for (size_t i = 0; i < up->fleet->count; i++)
        sum += up->fleet->nodes[i].grace_ns + 2 * LIMIT_KILL + LIMIT_ANSWER;
    return sum;
}

/* A second signal has come: kill all nodes. 0: none has. */
static void hurry(struct up *up, int signal) {
    if (signal == 0)
        return;
    up->hurried = true;
    up->code = 128 + signal;
}

static void stop_nodes(struct up *up) {
    struct weir_scope patience;
    weir_scope_enter(&patience, longest_stop(up));
    int rc = listen_to_signals(up, &patience);
    if (rc == 0)
        rc = stop_politely(up);
    bool cut_short = weir_cancelled() != 0; /* the group may close with 0 even then */
    hurry(up, weir_scope_signal(&patience));
    rc = weir_scope_leave(&patience, rc);
    if (rc < 0 || cut_short)
        kill_members(up);
    if (any_is_left(up))
        take_over(up);
}

/* All nodes are gone: wait until their last lines are printed, which a pager may delay. Returns < 0
 * if they will not be printed. */
static int hear_all_out(struct up *up) {
    struct weir_scope patience;
    weir_scope_enter(&patience, up->hurried ? LIMIT_KILL : WEIR_NEVER);
    int rc = listen_to_signals(up, &patience);
    for (size_t i = 0; rc == 0 && i < up->fleet->count; i++)
        rc = member_hear_out(&up->members[i]);
    hurry(up, weir_scope_signal(&patience));
    rc = weir_scope_leave(&patience, rc);
    return rc == 0 && any_is_left(up) ? -ETIME : rc; /* processes left may print for ever */
}

/* ---- the run --------------------------------------------------------------------------------- */

static int make_members(struct up *up) {
    size_t count = up->fleet->count;
    up->members = weir__alloc_zero(count * sizeof *up->members);
    up->starting = weir__alloc_zero(count * sizeof *up->starting);
    up->stopping = weir__alloc_zero(count * sizeof *up->stopping);
    up->epitaphs = weir__alloc_zero(count * sizeof *up->epitaphs);
    if (!up->members || !up->starting || !up->stopping || !up->epitaphs)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct fleet_node *n = &up->fleet->nodes[i];
        up->members[i] = (struct member){.node = n,
                                         .index = i,
                                         .guard = up->guard,
                                         .output = &up->output,
                                         .tended = &up->tending,
                                         .spoken = &up->speaking,
                                         .on_event = member_event,
                                         .arg = up};
        int width = (int)strlen(n->name);
        up->output.width = width > up->output.width ? width : up->output.width;
    }
    return 0;
}

static void free_members(struct up *up) {
    for (size_t i = 0; up->members != NULL && i < up->fleet->count; i++)
        member_fini(&up->members[i]);
    for (size_t i = 0; up->starting != NULL && i < up->fleet->count; i++)
        weir_task_release(&up->starting[i]);
    for (size_t i = 0; up->stopping != NULL && i < up->fleet->count; i++)
        weir_task_release(&up->stopping[i]);
    weir__free(up->members);
    weir__free(up->starting);
    weir__free(up->stopping);
    weir__free(up->epitaphs);
}

/* The signal that ended the fleet decides its code: 0, if all stop in time. */
static void answer_signal(struct up *up) {
    int signal = weir_scope_signal(&up->running);
    if (signal == 0)
        return;
    up->ending = true;
    up->code = 0;
    if (!up->options->settings->quiet)
        say(up, "%s: stopping the fleet; once more kills it", strsignal(signal));
}

static void let_guard_go(struct up *up) {
    int fd = up->guard->fd;
    WEIR_CHECK(fd >= 0);
    up->guard->fd = -1; /* watch_guard ignores its death from now on */
    close(fd);
}

static int live(struct up *up) {
    struct weir_scope shield;
    weir_group_open(&up->speaking, WEIR_INDEPENDENT);
    weir_group_open(&up->tending, WEIR_INDEPENDENT);
    weir_scope_enter(&up->running, WEIR_NEVER);
    int rc = listen_to_signals(up, &up->running);
    if (rc == 0)
        rc = run_nodes(up);
    weir_shield_enter(&shield, LIMIT_DURATION);
    answer_signal(up);
    stop_nodes(up);
    int heard = hear_all_out(up);
    weir_scope_leave(&shield, 0);
    int listening = listen_to_signals(up, &up->last);
    rc = weir_scope_leave(&up->running, rc);
    let_guard_go(up);
    weir_group_drain(&up->tending, LIMIT_KILL);
    weir_group_close(&up->speaking, heard < 0 ? heard : listening);
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

static void print_summary(struct up *up) {
    int rc = summary_print(&up->output, up->members, up->fleet->count);
    if (rc >= 0 || up->code != 0)
        return;
    up->code = EXIT_FAILED;
    weir__line_error("weir up: cannot print: %s (%s)", weir_error_text(rc), weir_error_name(rc));
}

/* Until the process exits; its remaining waits are limited (LIMIT_KILL). */
static void ignore_signals(void) {
    for (size_t i = 0; i < SIGNALS; i++)
        signal(signals[i], SIG_IGN);
}

static int conduct(void *arg) {
    struct up *up = arg;
    up->begun = true;
    int rc = output_init(&up->output, up->options->settings->color);
    if (rc < 0)
        return rc;
    weir_scope_enter(&up->last, WEIR_NEVER);
    rc = make_members(up);
    if (rc == 0) {
        rc = live(up);
        if (!up->options->settings->quiet)
            print_summary(up);
    }
    hurry(up, weir_scope_signal(&up->last));
    ignore_signals();
    rc = weir_scope_leave(&up->last, rc);
    free_members(up);
    output_fini(&up->output);
    return rc;
}

/* Find the signals that were ignored at the start, by nohup or by a script's `&`. */
static void find_ignored(struct up *up) {
    struct sigaction now;
    for (size_t i = 0; i < SIGNALS; i++)
        up->ignored[i] = sigaction(signals[i], NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

int up_run(const struct fleet *f, struct guard *g, const struct up_options *options) {
    struct up up = {.fleet = f, .options = options, .guard = g};
    WEIR_CHECK(f->count > 0 && g->pid > 0 && g->fd >= 0);
    struct weir_run_options run = {
        .size = sizeof run, .backend = options->backend, .name = "up", .crash_reports = true};
    find_ignored(&up);
    int rc = weir_run(conduct, &up, &run);
    if (g->fd >= 0) {
        close(g->fd);
        g->fd = -1;
    }
    if (up.guard_died || guard_bury(g)) /* then `up` inherits what is left */
        children_bury(children_now() + LIMIT_KILL);
    if (rc < 0 && up.begun) /* otherwise weir_run has logged the reason */
        weir__line_error("weir up: %s", weir_error_text(rc));
    return rc < 0 ? weir__run_status(options->backend, rc) : up.code;
}
