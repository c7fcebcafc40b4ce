/* SPDX-License-Identifier: MIT */
/* subprocess.c - a program with a protocol. Each of its pipes has a transport of its own, whose
 * protocol passes on what it is told; the pump waits for the end of the program. When it has ended
 * and no pipe is left, connection_lost is called. */
#include <errno.h>
#include <signal.h>
#include <weir/process.h>
#include <weir/transport.h>

#include "base/alloc.h"
#include "base/options.h"
#include "callback/stream_transport.h"
#include "process/process.h"

enum { PIPES = 3 };

/* The protocol of one pipe. */
struct pipe_end {
    struct weir_protocol protocol;
    struct weir_subprocess *sp;
    struct weir_transport *transport; /* NULL: there is none, or it is lost */
};

struct weir_subprocess {
    struct transport t; /* first: freed by it */
    struct weir_process *process;
    struct weir_subprocess_protocol *protocol;
    struct weir_subprocess_calls calls;
    struct pipe_end pipes[PIPES];
    struct weir__soon exited;
    struct weir_exit exit;
    bool has_exited; /* and process_exited was called */
};

static struct weir_subprocess *of(struct transport *t) {
    return WEIR_CONTAINER(t, struct weir_subprocess, t);
}

/* ---- what calls the protocol ---- */

static void made(struct transport *t) {
    if (of(t)->calls.connection_made != NULL)
        of(t)->calls.connection_made(of(t)->protocol, of(t));
}

static void lost(struct transport *t, int rc) {
    if (of(t)->calls.connection_lost != NULL)
        of(t)->calls.connection_lost(of(t)->protocol, rc);
}

static void finish_when_all_is_over(struct weir_subprocess *sp) {
    bool is_over = sp->has_exited;
    for (int fd = 0; fd < PIPES; fd++)
        is_over = is_over && sp->pipes[fd].transport == NULL;
    if (is_over)
        weir__transport_lose(&sp->t, 0);
}

static void call_exited(struct weir__soon *n, bool dropped) {
    struct weir_subprocess *sp = WEIR_CONTAINER(n, struct weir_subprocess, exited);
    sp->has_exited = true;
    if (!dropped && !sp->t.is_gone && sp->calls.process_exited != NULL)
        sp->calls.process_exited(sp->protocol, &sp->exit);
    finish_when_all_is_over(sp);
    weir__transport_unref(&sp->t);
}

/* ---- the pipes: connection_lost of the program comes behind theirs ---- */

static struct pipe_end *end_of(struct weir_protocol *p) {
    return WEIR_CONTAINER(p, struct pipe_end, protocol);
}

static int number_of(const struct pipe_end *e) {
    return (int)(e - e->sp->pipes);
}

static int pipe_data(struct weir_protocol *p, struct weir_view data) {
    struct pipe_end *e = end_of(p);
    struct weir_subprocess *sp = e->sp;
    if (!sp->t.is_gone && sp->calls.pipe_data_received != NULL)
        sp->calls.pipe_data_received(sp->protocol, number_of(e), data);
    return 0;
}

static void pipe_lost(struct weir_protocol *p, int rc) {
    struct pipe_end *e = end_of(p);
    struct weir_subprocess *sp = e->sp;
    e->transport = NULL;
    if (!sp->t.is_gone && sp->calls.pipe_connection_lost != NULL)
        sp->calls.pipe_connection_lost(sp->protocol, number_of(e), rc);
    finish_when_all_is_over(sp);
    weir__transport_unref(&sp->t);
}

static void pipe_pause(struct weir_protocol *p) {
    struct weir_subprocess *sp = end_of(p)->sp;
    if (!sp->t.is_gone && sp->calls.pause_writing != NULL)
        sp->calls.pause_writing(sp->protocol);
}

static void pipe_resume(struct weir_protocol *p) {
    struct weir_subprocess *sp = end_of(p)->sp;
    if (!sp->t.is_gone && sp->calls.resume_writing != NULL)
        sp->calls.resume_writing(sp->protocol);
}

static const struct weir_protocol_calls pipe_calls = {
    .size = sizeof pipe_calls, .data_received = pipe_data, .connection_lost = pipe_lost,
    .pause_writing = pipe_pause, .resume_writing = pipe_resume};

static int pipe_protocol(void *arg, struct weir_protocol **ret_protocol) {
    struct pipe_end *e = arg;
    e->protocol.calls = &pipe_calls;
    *ret_protocol = &e->protocol;
    return 0;
}

static int pipe_open(struct weir_subprocess *sp, int fd) {
    struct weir_stream **s = weir__subprocess_stream(sp->process, fd);
    struct pipe_end *e = &sp->pipes[fd];
    if (*s == NULL)
        return 0;
    e->sp = sp;
    int rc = weir__stream_transport_open(s, pipe_protocol, e, sp->t.group, fd == 0,
                                         &e->transport);
    if (rc == 0)
        sp->t.refs++;
    return rc;
}

static void pipes_close(struct weir_subprocess *sp, int rc, bool at_once) {
    for (int fd = 0; fd < PIPES; fd++) {
        struct weir_transport *t = sp->pipes[fd].transport;
        if (t != NULL && at_once)
            weir__transport_lose(&t->t, rc);
        else if (t != NULL)
            weir__transport_close(&t->t);
    }
}

/* ---- the program ---- */

/* The program does not read its input any more. */
static void input_ends(struct weir_subprocess *sp) {
    struct weir_transport *in = sp->pipes[0].transport;
    if (in != NULL)
        weir__transport_lose(&in->t, in->t.unsent > 0 ? weir__fail(-EPIPE, "write", NULL) : 0);
}

static void await_end(struct weir_subprocess *sp) {
    int rc = weir_process_wait(sp->process, &sp->exit);
    if (rc == -ECANCELED || rc == -ETIME) {
        weir__transport_lose(&sp->t, rc);
        return;
    }
    if (rc < 0)
        sp->exit = (struct weir_exit){.code = -1};
    sp->t.refs++;
    weir__soon_add(&sp->exited);
    input_ends(sp);
}

static int pump(void *args) {
    struct weir_subprocess *sp = of(*(struct transport **)args);
    weir__transport_await_made(&sp->t);
    if (!sp->t.lost_asked)
        await_end(sp);
    weir__transport_end(&sp->t);
    return 0;
}

/* If the program was not waited for, it is killed. */
static void close_process(struct transport *t) {
    weir_process_close(&of(t)->process);
}

/* It is lost. If that is a cancel pipes are left, and connection_lost comes behind theirs. */
static void drop_pipes(struct transport *t) {
    pipes_close(of(t), t->why.rc, true);
}

static void nothing(struct transport *t) {
    (void)t;
}

static const struct transport_kind of_program = {
    .name = "subprocess", .pump = pump, .made = made, .lost = lost, .pause = nothing,
    .resume = nothing, .drop = drop_pipes, .close = close_process};

/* ---- the calls ---- */

static int ask_factory(struct weir_subprocess *sp, weir_subprocess_factory *factory, void *arg) {
    struct weir__callback c;
    weir__callback_begin(&c);
    int rc = weir__transport_answer(&c, factory(arg, &sp->protocol));
    if (rc == 0)
        WEIR_OPTIONS_COPY(struct weir_subprocess_calls, resume_writing, &sp->calls,
                          sp->protocol->calls);
    return rc;
}

/* The pipes first: when they cannot be had, the protocol was not asked for. Their first turn comes
 * after connection_made in any case, since that is queued now. */
static int join_protocol(struct weir_subprocess *sp, weir_subprocess_factory *factory, void *arg) {
    int rc = 0;
    for (int fd = 0; fd < PIPES && rc == 0; fd++)
        rc = pipe_open(sp, fd);
    if (rc == 0)
        rc = ask_factory(sp, factory, arg);
    if (rc < 0) {
        sp->calls = (struct weir_subprocess_calls){0};
        pipes_close(sp, 0, true);
        weir__transport_refused(&sp->t);
        return rc;
    }
    weir__transport_connected(&sp->t);
    return 0;
}

static int subprocess_open(struct weir_process **take_process, weir_subprocess_factory *factory,
                           void *arg, struct weir_group *g, struct weir_subprocess **ret_sp) {
    struct weir_subprocess *sp = weir__alloc_zero(sizeof *sp);
    if (sp == NULL)
        return weir__fail(-ENOMEM, "subprocess", NULL);
    weir__soon_prepare(&sp->exited, call_exited);
    sp->process = *take_process;
    int rc = weir__transport_begin(&sp->t, &of_program, g);
    if (rc < 0) {
        weir__free(sp);
        return rc;
    }
    if ((rc = join_protocol(sp, factory, arg)) < 0)
        return rc;
    *take_process = NULL;
    *ret_sp = sp;
    return 0;
}

/* A terminal is one stream for several descriptors, and each transport closes its own. */
static bool has_terminal(const struct weir_process_options *options) {
    struct weir_process_options o;
    WEIR_OPTIONS_COPY(struct weir_process_options, input_len, &o, options);
    return o.in.kind == WEIR_STDIO_PTY || o.out.kind == WEIR_STDIO_PTY ||
           o.err.kind == WEIR_STDIO_PTY;
}

int weir_subprocess_exec(const char *const *argv, const struct weir_process_options *options,
                         weir_subprocess_factory *factory, void *arg, struct weir_group *g,
                         struct weir_subprocess **ret_sp) {
    static const char what[] = "subprocess exec";
    struct weir_process *p;
    struct weir_subprocess *sp = NULL;
    weir__argument_not_null((void *)factory, "weir_subprocess_exec", "factory");
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    if (has_terminal(options))
        return weir__failf(-EINVAL, what, NULL, "a terminal cannot be one of its pipes");
    if ((rc = weir_process_start(argv, options, &p)) < 0)
        return rc;
    if ((rc = subprocess_open(&p, factory, arg, g, &sp)) < 0) {
        weir_process_close(&p);
        return rc;
    }
    if ((rc = weir__transport_opened(&sp->t, what)) == 0)
        *ret_sp = sp;
    else
        weir_subprocess_close(sp);
    weir__transport_unref(&sp->t);
    return rc;
}

static struct weir_subprocess *here(const struct weir_subprocess *sp, const char *call) {
    weir__not_null(sp, call);
    weir__loop_assert(sp->t.loop, sp, call);
    return (struct weir_subprocess *)sp;
}

struct weir_transport *weir_subprocess_pipe(const struct weir_subprocess *sp, int fd) {
    here(sp, "weir_subprocess_pipe");
    return fd >= 0 && fd < PIPES ? sp->pipes[fd].transport : NULL;
}

struct weir_process *weir_subprocess_process(const struct weir_subprocess *sp) {
    return here(sp, "weir_subprocess_process")->process;
}

void weir_subprocess_close(struct weir_subprocess *sp) {
    here(sp, "weir_subprocess_close");
    if (sp->t.closing)
        return;
    sp->t.closing = true;
    pipes_close(sp, 0, false);
    (void)weir_process_signal_group(sp->process, SIGKILL);
}
