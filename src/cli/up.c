/* SPDX-License-Identifier: MIT */
/* up.c - the rules of a fleet:
 *   a node starts once all it depends on is ready; those that wait for nobody start together;
 *   the fleet ends when every node without a port has exited (its code: the first that is not 0),
 *   when a node with a port ends, when a node cannot be started or is not ready in time, on
 *   SIGINT, SIGTERM or SIGHUP, and when the guard dies;
 *   then a node is stopped once all that depend on it are gone; a second signal kills them all.
 *
 * From the outside: the scope `last` > the groups `speaking` and `tending` > the scope `running`,
 * which ends with the fleet > the group `starting`. Stopping happens inside `running`, under a
 * shield, and `last` listens before `running` is left, so that at no moment a signal finds nobody.
 * Once all is printed signals are ignored: the exit code stands. */
#include "cli/up.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
#include "sys/fds.h"
#include "worker/line.h"

struct up {
    const struct fleet *fleet;
    const struct up_options *options;
    struct guard *guard;
    struct output output;
    struct member *members;
    struct weir_task **starting; /* one for each member */
    const char **epitaphs;       /* likewise: how to go on telling its end, once it is gone; NULL:
                                  * as expected */
    struct weir_group speaking; /* all that prints */
    struct weir_group tending;  /* all that hears keepers */
    struct weir_scope running;
    struct weir_scope last; /* hears signals once all nodes are gone: they end the printing */
    bool begun;      /* there is a loop */
    bool ending;     /* why no longer matters */
    bool hurried;    /* by a second signal */
    bool guard_died; /* before its time */
    int code;
};

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static int listen_to_signals(struct weir_scope *s) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof signals / sizeof signals[0]; i++)
        rc = weir_scope_on_signal(s, signals[i]);
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

/* Have a line of `up` itself printed on stderr, in the order of the calls; never waits. */
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

/* ---- what happens to nodes, and what follows ------------------------------------------------- */

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
    duration_format(m->node->grace_ns, grace, sizeof grace);
    if (up->epitaphs[m->index] != NULL)
        say_how_it_ended(up, m, up->epitaphs[m->index]);
    if (m->left > 0)
        say(up, "node '%s': %d processes cannot be ended", m->node->name, m->left);
    else if (m->killed && !up->hurried)
        say(up, "node '%s' did not stop within %s and was killed", m->node->name,
                   grace);
    if ((m->left > 0 || m->killed) && up->code == 0)
        up->code = EXIT_FAILED;
}

static void told(struct member *m, enum member_event event, void *arg) {
    struct up *up = arg;
    char silence[32];
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

static int pidfd_open_of(pid_t pid) {
    return weir__fd_lift((int)syscall(SYS_pidfd_open, pid, 0));
}

struct watch_guard_args {
    struct up *up;
};

static int watch_guard(void *args) {
    struct up *up = ((struct watch_guard_args *)args)->up;
    int fd = pidfd_open_of(up->guard->pid);
    int rc = fd < 0 ? fd : weir_wait_fd(fd, POLLIN);
    if (fd >= 0)
        close(fd);
    if (rc >= 0 && up->guard->fd >= 0) {
        up->guard_died = true;
        end_fleet(up, EXIT_FAILED);
        say(up, "the guard process died: stopping the fleet");
    }
    return rc < 0 ? rc : 0;
}

/* ---- starting -------------------------------------------------------------------------------- */

struct start_node_args {
    struct up *up;
    size_t index;
};

/* Wait until a dependency is ready. Returns whether it is. */
static bool await_ready(struct up *up, const struct member *m, size_t on) {
    const struct member *d = &up->members[on];
    struct weir_task *t = weir_task_ref(up->starting[on]);
    int rc = weir_await(&t, NULL, 0);
    weir_task_release(&t);
    if (rc < 0)
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
    if (rc != -ETIME)
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

/* Start all, then wait for the end of the fleet: its scope is cancelled. */
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

static int stop_node(void *args) {
    struct stop_node_args *a = args;
    struct up *up = a->up;
    int rc = 0;
    for (size_t i = a->index + 1; rc == 0 && i < up->fleet->count; i++)
        if (depends_on(&up->fleet->nodes[i], a->index))
            rc = member_join(&up->members[i]);
    if (rc == 0)
        rc = member_tell(&up->members[a->index], "stop");
    return rc < 0 ? rc : member_join(&up->members[a->index]);
}

static int stop_politely(struct up *up) {
    struct weir_group stopping;
    weir_group_open(&stopping, WEIR_TOGETHER);
    int rc = 0;
    for (size_t i = up->fleet->count; rc == 0 && i-- > 0;)
        rc = weir_go(&stopping, stop_node, .up = up, .index = i);
    return weir_group_close(&stopping, rc);
}

static void kill_members(struct up *up) {
    struct weir_scope patience;
    int rc = 0;
    weir_scope_enter(&patience, 2 * LIMIT_KILL);
    for (size_t i = 0; rc == 0 && i < up->fleet->count; i++)
        rc = member_tell(&up->members[i], "kill");
    for (size_t i = 0; rc == 0 && i < up->fleet->count; i++)
        rc = member_join(&up->members[i]);
    weir_scope_leave(&patience, rc);
}

/* As long as a chain of all nodes may take, one after the other. */
static weir_ns longest_stop(const struct up *up) {
    weir_ns sum = WEIR_SECONDS(1);
    for (size_t i = 0; i < up->fleet->count; i++)
        sum += up->fleet->nodes[i].grace_ns + LIMIT_KILL;
    return sum;
}

/* What a second signal does. */
static void hurry(struct up *up, int signal) {
    if (signal == 0)
        return;
    up->hurried = true;
    up->code = 128 + signal;
}

static void stop_nodes(struct up *up) {
    struct weir_scope patience;
    weir_scope_enter(&patience, longest_stop(up));
    int rc = listen_to_signals(&patience);
    if (rc == 0)
        rc = stop_politely(up);
    bool cut_short = weir_cancelled() != 0; /* the group then closes with 0 all the same */
    hurry(up, weir_scope_signal(&patience));
    rc = weir_scope_leave(&patience, rc);
    if (rc < 0 || cut_short)
        kill_members(up);
}

/* All are gone; a pager may still hold their last lines up. Returns < 0 if they will not be
 * printed. */
static int hear_all_out(struct up *up) {
    struct weir_scope patience;
    weir_scope_enter(&patience, up->hurried ? LIMIT_KILL : WEIR_NEVER);
    int rc = listen_to_signals(&patience);
    for (size_t i = 0; rc == 0 && i < up->fleet->count; i++)
        rc = member_hear_out(&up->members[i]);
    hurry(up, weir_scope_signal(&patience));
    return weir_scope_leave(&patience, rc);
}

/* ---- the run --------------------------------------------------------------------------------- */

static int make_members(struct up *up) {
    size_t count = up->fleet->count;
    up->members = weir__alloc_zero(count * sizeof *up->members);
    up->starting = weir__alloc_zero(count * sizeof *up->starting);
    up->epitaphs = weir__alloc_zero(count * sizeof *up->epitaphs);
    if (up->members == NULL || up->starting == NULL || up->epitaphs == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct fleet_node *n = &up->fleet->nodes[i];
        up->members[i] = (struct member){.node = n,
                                         .index = i,
                                         .guard = up->guard,
                                         .output = &up->output,
                                         .tended = &up->tending,
                                         .spoken = &up->speaking,
                                         .told = told,
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
    weir__free(up->members);
    weir__free(up->starting);
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
    up->guard->fd = -1; /* its end is no news any more */
    close(fd);
}

static int live(struct up *up) {
    struct weir_scope shield;
    weir_group_open(&up->speaking, WEIR_INDEPENDENT);
    weir_group_open(&up->tending, WEIR_INDEPENDENT);
    weir_scope_enter(&up->running, WEIR_NEVER);
    int rc = listen_to_signals(&up->running);
    if (rc == 0)
        rc = run_nodes(up);
    weir_shield_enter(&shield, LIMIT_DURATION);
    answer_signal(up);
    stop_nodes(up);
    int heard = hear_all_out(up);
    weir_scope_leave(&shield, 0);
    int listening = listen_to_signals(&up->last);
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

/* For the rest of the process, whose waits are bounded (LIMIT_KILL). */
static void ignore_signals(void) {
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
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

/* Without its guard `up` is the one that inherits what keepers leave. */
static void bury_orphans(weir_ns until) {
    for (pid_t pid = 0; pid >= 0 && children_now() < until;) {
        pid = waitpid(-1, NULL, WNOHANG);
        if (pid == 0 && children_signal(SIGKILL, NULL, NULL) != 0)
            poll(NULL, 0, 10);
    }
}

/* If the guard still waits for a node at the end, it is left to end by itself. */
static void bury_guard(pid_t pid, weir_ns until) {
    struct pollfd guard = {.fd = pidfd_open_of(pid), .events = POLLIN};
    if (guard.fd >= 0) {
        poll(&guard, 1, children_timeout(until));
        close(guard.fd);
    }
    waitpid(pid, NULL, WNOHANG);
}

int up_run(const struct fleet *f, struct guard *g, const struct up_options *options) {
    struct up up = {.fleet = f, .options = options, .guard = g};
    struct weir_run_options run = {
        .size = sizeof run, .backend = options->backend, .name = "up", .crash_reports = true};
    int rc = weir_run(conduct, &up, &run);
    if (g->fd >= 0) {
        close(g->fd);
        g->fd = -1;
    }
    if (up.guard_died)
        bury_orphans(children_now() + LIMIT_KILL);
    else
        bury_guard(g->pid, children_now() + LIMIT_KILL);
    if (rc < 0 && up.begun) /* else weir_run has told why */
        weir__line_error("weir up: %s", weir_error_text(rc));
    return rc < 0 ? EXIT_FAILED : up.code;
}
