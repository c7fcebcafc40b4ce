/* SPDX-License-Identifier: MIT */
/* start.c - make a process: the op SPAWN, then its streams. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include <weir/tty.h>

#include "base/alloc.h"
#include "base/options.h"
#include "process/process.h"
#include "stream/fd.h"

static const struct weir__what starts = {.text = "start process", .kind = WEIR__ON_NOTHING};

int (*weir__subprocess_player)(struct weir_process *p, const struct weir__spawn *s);

/* ---- what failed ----------------------------------------------------------------------------- */

static int failed(int rc, const struct weir__spawn *s, enum weir__spawn_step step) {
    static const char *const texts[] = {
        [WEIR__SPAWN_OK] = "",
        [WEIR__SPAWN_PIPES] = "its pipes could not be made: ",
        [WEIR__SPAWN_FORK] = "no process could be made: ",
        [WEIR__SPAWN_GROUP] = "its process group could not be made: ",
        [WEIR__SPAWN_FDS] = "a descriptor could not be placed: ",
        [WEIR__SPAWN_TERMINAL] = "its terminal could not be set: ",
        [WEIR__SPAWN_NICE] = "its priority could not be set: ",
        [WEIR__SPAWN_LIMIT] = "a limit could not be set: ",
        [WEIR__SPAWN_USER] = "its user could not be set: ",
        [WEIR__SPAWN_EXEC] = "it cannot be executed: ",
    };
    const char *name = s->argv[0];
    if (rc == WEIR_ESIMREFUSED && s->played == NULL)
        return weir__failf(rc, starts.text, name,
                           "cannot be simulated: weir_sim_program has no function for it");
    if (step == WEIR__SPAWN_CWD)
        return weir__failf(rc, starts.text, name, "working directory '%s': %s (%s)", s->cwd,
                           weir_error_text(rc), weir_error_name(rc));
    return weir__failf(rc, starts.text, name, "%s%s (%s)", texts[step], weir_error_text(rc),
                       weir_error_name(rc));
}

/* ---- streams --------------------------------------------------------------------------------- */

static const struct weir__fd_kind pipe_kind = {.name = "pipe", .is_own = true};

/* The map's end of the pipe becomes a stream, or is closed with the map. */
static int stream_of(struct weir__spawn_map *m, struct weir_stream **ret_stream) {
    if (m->pipe_end < 0)
        return 0;
    int rc = weir__stream_of_fd(m->pipe_end, &pipe_kind, "start process",
                                __builtin_return_address(0), ret_stream);
    if (rc == 0)
        m->pipe_end = -1;
    return rc;
}

static int make_streams(struct weir_process *p, struct weir__spawn *s) {
    int rc = stream_of(&s->maps[0], &p->in);
    if (rc == 0)
        rc = stream_of(&s->maps[1], &p->out);
    if (rc == 0)
        rc = stream_of(&s->maps[2], &p->err);
    for (int i = 0; i < 3; i++)
        if (s->maps[i].pipe_end >= 0)
            close(s->maps[i].pipe_end);
    return rc;
}

/* The process exists. Follow it first: then a close reaps it, whatever fails later. */
static int take_over(struct weir_process *p, struct weir__spawn *s,
                     struct weir_process **ret_process) {
    p->pid = s->pid;
    p->pidfd = s->pidfd;
    int rc = weir__subprocess_follow(p), followed = rc;
    if (rc == 0)
        weir__subprocess_give(p, ret_process);
    int streams = make_streams(p, s);
    rc = rc < 0 ? rc : streams;
    if (rc < 0 && followed == 0)
        weir_process_close(ret_process);
    else if (rc < 0) {
        p->kind->signal(p, SIGKILL, p->grouped);
        weir__spawn_reap(p->pidfd);
        close(p->pidfd);
        weir__subprocess_close_streams(p);
        weir__subprocess_drop(p);
    }
    return rc < 0 ? failed(rc, s, WEIR__SPAWN_PIPES) : 0;
}

/* The slave becomes the program's; returns it, -1 if there is no terminal, or an error below. */
static int open_terminal(struct weir_process *p, struct weir__spawn *s,
                         const struct weir_pty_options *o) {
    int slave = -1;
    if (s->terminal < 0 || p->loop->backend->simulated)
        return -1;
    int rc = weir_pty_open(o, &p->terminal, &slave);
    if (rc < 0)
        return rc - 1;
    for (int i = 0; i < 3; i++)
        if (s->maps[i].source == WEIR__SPAWN_PTY)
            s->maps[i].source = slave;
    return slave;
}

/* Which of the three were made terminals, now that the maps do not show it any more. */
static void name_terminal(struct weir_process *p, const struct weir_process_options *o) {
    if (o->in.kind == WEIR_STDIO_PTY)
        p->in = p->terminal;
    if (o->out.kind == WEIR_STDIO_PTY)
        p->out = p->terminal;
    else if (o->err.kind == WEIR_STDIO_PTY)
        p->err = p->terminal;
}

static int play(struct weir_process *p, const struct weir__spawn *s,
                struct weir_process **ret_process) {
    int rc = weir__subprocess_player(p, s);
    if (rc < 0) {
        weir__subprocess_drop(p);
        return failed(rc, s, WEIR__SPAWN_PIPES);
    }
    weir__subprocess_give(p, ret_process);
    return 0;
}

/* ---- start ----------------------------------------------------------------------------------- */

static void set(struct weir_process *p, const struct weir_process_options *o) {
    enum { OUTPUT_MAX = 16 << 20, GRACE_S = 2 };
    p->grouped = o->group != WEIR_PROCESS_SAME_GROUP;
    p->grace_ns = o->grace_ns != 0 ? o->grace_ns : WEIR_SECONDS(GRACE_S);
    p->drain_ns = o->drain_ns;
    p->output_max = o->output_max != 0 ? o->output_max : OUTPUT_MAX;
}

static int start_planned(struct weir__plan *plan, const struct weir_process_options *o,
                         struct weir_process **ret_process) {
    struct weir__spawn *s = &plan->spawn;
    struct weir_process *p = weir__subprocess_new(weir__loop(), s->argv[0]), *made = NULL;
    if (p == NULL)
        return weir__fail(-ENOMEM, starts.text, s->argv[0]);
    set(p, o);
    int slave = open_terminal(p, s, o->pty);
    if (slave < -1) {
        weir__subprocess_drop(p);
        return failed(slave + 1, s, WEIR__SPAWN_TERMINAL);
    }
    struct weir__op op = {.kind = WEIR__SPAWN, .u.work = {.fn = weir__spawn_run, .arg = s}};
    op.u.work.is_file = true;
    int rc = (int)weir__op_await(&op, &starts, NULL);
    if (slave >= 0)
        close(slave);
    if (rc < 0) {
        weir_close(&p->terminal);
        weir__subprocess_drop(p);
        return failed(rc, s, s->failed);
    }
    rc = s->played != NULL ? play(p, s, &made) : take_over(p, s, &made);
    if (rc < 0)
        return rc;
    name_terminal(made, o);
    *ret_process = made;
    return 0;
}

int weir__subprocess_start(const char *const *argv, const struct weir_process_options *o,
                           bool is_run, struct weir_process **ret_process) {
    struct weir__plan plan;
    int rc = weir__plan_make(&plan, argv, o, is_run);
    if (rc == 0)
        rc = start_planned(&plan, o, ret_process);
    if (rc == 0)
        weir__subprocess_lend(*ret_process);
    weir__plan_free(&plan);
    return rc;
}

int weir_process_start(const char *const *argv, const struct weir_process_options *options,
                       struct weir_process **ret_process) {
    int rc = weir__suspend_enter("start process");
    if (rc < 0)
        return rc;
    weir__argument_not_null(argv, "weir_process_start", "argument list");
    struct weir_process_options o;
    WEIR_OPTIONS_COPY(struct weir_process_options, input_len, &o, options);
    return weir__subprocess_start(argv, &o, false, ret_process);
}
