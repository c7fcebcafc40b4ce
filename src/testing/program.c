/* SPDX-License-Identifier: MIT */
/* program.c - a function that plays a program. It runs as a task of its own, and like a process no
 * scope of its starter reaches it. The process and the task both hold its memory. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <weir/stream.h>
#include <weir/testing.h>

#include "process/process.h"
#include "sim/sim.h"
#include "testing/program.h"

struct program {
    struct weir_sim_process shown; /* what the function sees */
    int (*fn)(struct weir_sim_process *p);
    struct weir_process *process;
    struct weir_scope scope;
    struct weir_stream *terminal;
    bool running; /* scope is entered */
    int ended_by; /* the signal that cancelled it */
    unsigned holders;
    char *strings[]; /* argv, env, then the texts and cwd: copies */
};

/* ---- copies of its arguments ----------------------------------------------------------------- */

static size_t measure(char *const *list, size_t *bytes) {
    size_t n = 0;
    for (; list[n] != NULL; n++)
        *bytes += strlen(list[n]) + 1;
    return n + 1;
}

static const char *copy(char **at, const char *s) {
    size_t size = strlen(s) + 1;
    char *to = memcpy(*at, s, size);
    *at += size;
    return to;
}

static const char *const *copy_list(char ***pointers, char **at, char *const *list) {
    char **to = *pointers, **first = to;
    for (; *list != NULL; list++)
        *to++ = (char *)(uintptr_t)copy(at, *list);
    *to++ = NULL;
    *pointers = to;
    return (const char *const *)first;
}

static struct program *program_new(const struct weir__spawn *s) {
    size_t bytes = s->cwd != NULL ? strlen(s->cwd) + 1 : 2;
    size_t count = measure(s->argv, &bytes);
    count += measure(s->envp, &bytes);
    struct program *g = weir__sim_alloc(sizeof *g + count * sizeof(char *) + bytes);
    char **pointers = g->strings, *at = (char *)(g->strings + count);
    g->shown.argv = copy_list(&pointers, &at, s->argv);
    g->shown.env = copy_list(&pointers, &at, s->envp);
    g->shown.cwd = copy(&at, s->cwd != NULL ? s->cwd : "/");
    g->fn = s->played;
    g->holders = 1;
    return g;
}

static void drop(struct program *g) {
    if (--g->holders == 0)
        free(g);
}

/* ---- its streams ----------------------------------------------------------------------------- */

/* A pair in memory: whole in both directions, but without echo and lines. */
static int open_terminal(struct program *g, struct weir_process *p, const struct weir__spawn *s) {
    struct weir_stream **all[] = {&g->shown.in, &g->shown.out, &g->shown.err};
    int rc = s->terminal >= 0 ? weir_memory_pair(0, &g->terminal, &p->terminal) : 0;
    for (int i = 0; rc == 0 && i < 3; i++)
        if (s->maps[i].source == WEIR__SPAWN_PTY)
            *all[i] = g->terminal;
    return rc;
}

static int open_stream(struct weir__loop *l, const struct weir__spawn_map *m,
                       struct weir_stream **ret_theirs, struct weir_stream **ret_ours) {
    if (m->source == WEIR__SPAWN_PTY)
        return 0;
    if (m->source >= 0 && m->source != m->target)
        return WEIR_ESIMREFUSED; /* a real descriptor */
    return m->source == WEIR__SPAWN_PIPE ? weir_memory_pair(0, ret_theirs, ret_ours)
                                         : weir__subprocess_null(l, ret_theirs);
}

static int open_streams(struct program *g, struct weir_process *p, const struct weir__spawn *s) {
    if (s->map_count > 3)
        return WEIR_ESIMREFUSED;
    int rc = open_terminal(g, p, s);
    if (rc == 0)
        rc = open_stream(p->loop, &s->maps[0], &g->shown.in, &p->in);
    if (rc == 0)
        rc = open_stream(p->loop, &s->maps[1], &g->shown.out, &p->out);
    if (rc == 0 && s->maps[2].source == WEIR__SPAWN_OUT)
        g->shown.err = g->shown.out;
    else if (rc == 0)
        rc = open_stream(p->loop, &s->maps[2], &g->shown.err, &p->err);
    return rc;
}

static void close_streams(struct program *g) {
    struct weir_stream **all[] = {&g->shown.in, &g->shown.out, &g->shown.err};
    if (g->shown.err == g->shown.out)
        g->shown.err = NULL;
    for (int i = 0; i < 3; i++)
        if (*all[i] == g->terminal)
            *all[i] = NULL;
    weir_close(&g->terminal);
    weir_close(&g->shown.in);
    weir_close(&g->shown.out);
    weir_close(&g->shown.err);
}

/* ---- its life -------------------------------------------------------------------------------- */

static struct weir_exit exit_of(const struct program *g, int rc) {
    if (g->ended_by != 0 && (rc < 0 || g->ended_by == SIGKILL))
        return (struct weir_exit){.code = -1, .signal = g->ended_by};
    return (struct weir_exit){.code = rc < 0 ? 1 : rc & 255};
}

static const char *cause_of(const struct program *g) {
    return g->ended_by == SIGKILL ? "SIGKILL" : "signal";
}

struct plays_args {
    struct program *program;
};

static WEIR_NOINLINE int perform(struct program *g) {
    weir_scope_enter(&g->scope, WEIR_NEVER);
    g->running = true;
    if (g->ended_by != 0)
        weir_scope_cancel(&g->scope, cause_of(g));
    int rc = g->fn(&g->shown);
    g->running = false;
    weir_scope_leave(&g->scope, 0);
    return rc;
}

static int plays(void *args) {
    struct program *g = ((struct plays_args *)args)->program;
    struct weir_exit exit = exit_of(g, perform(g));
    close_streams(g);
    weir__subprocess_over(g->process, 0, &exit);
    drop(g);
    return 0;
}

/* Does the signal end a program that does nothing about it? */
static bool is_deadly(int signal) {
    static const int harmless[] = {0,       SIGCHLD, SIGCONT, SIGURG,  SIGWINCH,
                                   SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        if (signal == harmless[i])
            return false;
    return true;
}

static int played_signal(struct weir_process *p, int signal, bool group) {
    struct program *g = p->played;
    if (signal < 0 || signal >= NSIG)
        return -EINVAL;
    if (p->state != WEIR__SUBPROCESS_RUNS)
        return -ESRCH;
    if (signal != 0)
        g->shown.signal = signal;
    bool ignored = signal != SIGKILL && signal < 64 && (g->shown.ignored >> signal & 1) != 0;
    if (!is_deadly(signal) || ignored || g->ended_by == SIGKILL)
        return 0;
    g->ended_by = signal;
    if (g->running)
        weir_scope_cancel(&g->scope, cause_of(g));
    return 0;
}

static void played_release(struct weir_process *p) {
    drop(p->played);
}

static const struct weir__subprocess_kind played_kind = {played_signal, played_release};

static int start(struct program *g, struct weir_process *p, const struct weir__spawn *s) {
    static const struct weir_spawn_options daemonic = {.size = sizeof daemonic, .daemon = true};
    const struct plays_args args = {g};
    int rc = open_streams(g, p, s);
    if (rc == 0)
        rc = weir_spawn(NULL, WEIR_SITE(program), plays, &args, sizeof args, &daemonic, NULL);
    if (rc == 0)
        return 0;
    close_streams(g);
    weir_close(&p->in);
    weir_close(&p->out);
    weir_close(&p->err);
    weir_close(&p->terminal);
    return rc;
}

int weir__subprocess_play(struct weir_process *p, const struct weir__spawn *s) {
    struct program *g = program_new(s);
    g->process = p;
    int rc = start(g, p, s);
    if (rc < 0) {
        drop(g);
        return rc;
    }
    g->holders++;
    p->kind = &played_kind;
    p->played = g;
    p->pid = (pid_t)++weir__sim_world_here()->programs_started;
    return 0;
}

int weir_sim_program(const char *name, int (*fn)(struct weir_sim_process *p)) {
    struct sim_world *w = weir__sim_world_here();
    if (w == NULL)
        return WEIR_ENOLOOP;
    weir__sim_program_set(w, name, fn);
    return 0;
}
