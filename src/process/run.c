/* SPDX-License-Identifier: MIT */
/* run.c - communicate and run: a program's input, outputs and end at once. Each stream has a task
 * of its own. What was read and how much was written is kept in the process, so that a call that
 * was cut short can be made again. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"
#include "process/process.h"
#include "stream/stream.h"

enum {
    FIRST_SIZE = 4 << 10,
    LEFT_MAX = 1 << 20, /* the most that a pipe holds: so much is read after the program's end */
    REAP_S = 5          /* how long a run waits for a process that was killed */
};

struct talk { /* one communicate */
    struct weir_process *process;
    struct weir_group group;
    const char *input;
    size_t len;
    int rc; /* the first error of a task */
};

/* ---- output ---------------------------------------------------------------------------------- */

static int grow(struct weir__capture *c, size_t need) {
    size_t size = c->size > 0 ? c->size : FIRST_SIZE;
    while (size < need)
        size *= 2;
    char *bytes = size > c->size ? weir__realloc(c->bytes, size) : c->bytes;
    if (bytes == NULL)
        return -ENOMEM;
    c->bytes = bytes;
    c->size = size;
    return 0;
}

/* One byte more is always there, for the NUL. */
static int keep(struct weir__capture *c, const void *bytes, size_t len, size_t max) {
    size_t room = max - c->len, n = len < room ? len : room;
    int rc = grow(c, c->len + n + 1);
    if (rc < 0)
        return rc;
    memcpy(c->bytes + c->len, bytes, n);
    c->len += n;
    c->truncated = c->truncated || n < len;
    return 0;
}

/* A terminal in a simulation is reset if the program has left input unread. at: the process has it;
 * NULL when that was closed. */
static int capture(struct weir_stream *const *at, struct weir__capture *c, size_t max) {
    while (!c->ended && *at != NULL) {
        struct weir_stream *s = *at;
        struct weir_view v;
        ssize_t n = weir_peek(s, 1, &v);
        if (n == -ECONNRESET)
            n = 0;
        if (n < 0)
            return (int)n;
        int rc = n > 0 ? keep(c, v.base, v.len, max) : 0;
        if (rc < 0)
            return rc;
        if (n > 0)
            weir_consume(s, v.len);
        c->ended = n == 0;
    }
    return 0;
}

static int try_read(struct weir_stream *s, void *buf, size_t len) {
    struct weir__file file = {.fd = weir_stream_fd(s), .foreign = true, .own = true};
    struct weir__op op = {.kind = WEIR__READ_FD, .file = &file, .u.bytes = {buf, len, 0, NULL}};
    return (int)weir__op_now(s->loop, &op);
}

/* What an earlier read has left in the stream. */
static int capture_window(struct weir_stream *s, struct weir__capture *c, size_t max) {
    int rc = 0;
    while (rc == 0 && s->left > 0) {
        rc = keep(c, s->at, s->left, max);
        if (rc == 0)
            weir_consume(s, s->left);
    }
    return rc;
}

/* The program has ended, but the stream has not: somebody else may hold it open. Read what is
 * there. In a simulation the program was the only one. */
static int capture_left(struct weir_stream *const *at, struct weir__capture *c, size_t max) {
    struct weir_stream *s = *at;
    char buf[2048];
    if (s == NULL || c->ended)
        return 0;
    if (s->loop->backend->simulated)
        return capture(at, c, max);
    int left = capture_window(s, c, max);
    if (left < 0)
        return left;
    for (size_t got = 0; got < LEFT_MAX;) {
        int n = try_read(s, buf, sizeof buf);
        if (n <= 0)
            return 0;
        int rc = keep(c, buf, (size_t)n, max);
        if (rc < 0)
            return rc;
        got += (size_t)n;
    }
    return 0;
}

/* ---- the tasks ------------------------------------------------------------------------------- */

/* A program need not read all of its input: then *sent is len. */
static int feed_bytes(struct weir_process *p, const char *input, size_t len, size_t *sent) {
    while (*sent < len && p->in != NULL) {
        ssize_t n = weir_try_write(p->in, input + *sent, len - *sent);
        int rc = 0;
        if (n == -EPIPE || n == -ECONNRESET)
            n = (ssize_t)(len - *sent);
        if (n > 0)
            *sent += (size_t)n;
        if (n == -EAGAIN)
            rc = weir_wait_writable(p->in);
        else if (n < 0)
            rc = (int)n;
        else if (weir__breathe_bytes((size_t)n))
            rc = weir_cancelled();
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* What ends the input of a terminal: Ctrl-D, which counts at the beginning of a line. Elsewhere it
 * only hands on what stands in the line, so it is needed twice. */
static int feed(struct weir_process *p, const char *input, size_t len) {
    size_t ends = len == 0 || input[len - 1] == '\n' ? 1 : 2;
    int rc = feed_bytes(p, input, len, &p->sent);
    if (rc == 0 && p->terminal != NULL && p->in == p->terminal)
        rc = feed_bytes(p, "\4\4", ends, &p->ends_sent);
    if (rc == 0)
        weir_process_close_stdin(p);
    return rc;
}

static int over(struct talk *t, int rc) {
    if (rc < 0 && t->rc == 0 && weir_cancelled() == 0) {
        t->rc = rc;
        weir_group_cancel(&t->group, "communicate");
    }
    return 0;
}

struct feeds_args {
    struct talk *talk;
};

static int feeds(void *args) {
    struct talk *t = ((struct feeds_args *)args)->talk;
    return over(t, feed(t->process, t->input, t->len));
}

struct captures_args {
    struct talk *talk;
    struct weir_stream *const *stream;
    struct weir__capture *capture;
};

static int captures(void *args) {
    struct captures_args *a = args;
    return over(a->talk, capture(a->stream, a->capture, a->talk->process->output_max));
}

static int start_captures(struct talk *t, struct weir_stream *const *at,
                          struct weir__capture *c) {
    if (*at == NULL || c->ended)
        return 0;
    return weir_go(&t->group, captures, .talk = t, .stream = at, .capture = c);
}

static int start_tasks(struct talk *t) {
    struct weir_process *p = t->process;
    int rc = p->in != NULL ? weir_go(&t->group, feeds, .talk = t) : 0;
    if (rc == 0)
        rc = start_captures(t, &p->out, &p->captures[0]);
    return rc == 0 ? start_captures(t, &p->err, &p->captures[1]) : rc;
}

/* ---- communicate ----------------------------------------------------------------------------- */

static int talk(struct talk *t) {
    struct weir_process *p = t->process;
    weir_group_open(&t->group, WEIR_TOGETHER);
    int rc = start_tasks(t);
    if (rc == 0)
        rc = weir_process_wait(p, NULL);
    if (rc == 0)
        weir_group_drain(&t->group, p->drain_ns);
    else
        rc = weir_group_close(&t->group, rc);
    if (t->rc < 0)
        return weir__fail(t->rc, "communicate", p->closed ? NULL : p->name);
    return rc;
}

/* All is read: hand it out. */
static int hand_out(struct weir_process *p, struct weir_output *ret) {
    struct weir__capture *out = &p->captures[0], *err = &p->captures[1];
    if ((p->out != NULL && keep(out, "", 0, p->output_max) < 0) ||
        (p->err != NULL && keep(err, "", 0, p->output_max) < 0))
        return -ENOMEM;
    *ret = (struct weir_output){.exit = p->exit,
                                .out = out->bytes,
                                .err = err->bytes,
                                .out_len = out->len,
                                .err_len = err->len,
                                .out_truncated = out->truncated,
                                .err_truncated = err->truncated};
    if (out->bytes != NULL)
        out->bytes[out->len] = '\0';
    if (err->bytes != NULL)
        err->bytes[err->len] = '\0';
    *out = *err = (struct weir__capture){.ended = true};
    return 0;
}

static int communicate(struct weir_process *p, const void *input, size_t len,
                       struct weir_output *ret) {
    struct talk t = {.process = p, .input = input, .len = len};
    int rc = talk(&t);
    if (rc == 0 && p->closed)
        rc = weir__fail(WEIR_ECLOSED, "communicate", NULL);
    if (rc < 0)
        return rc;
    rc = capture_left(&p->out, &p->captures[0], p->output_max);
    if (rc == 0)
        rc = capture_left(&p->err, &p->captures[1], p->output_max);
    if (rc == 0)
        rc = hand_out(p, ret);
    return rc < 0 ? weir__fail(rc, "communicate", p->name) : 0;
}

int weir_process_communicate(struct weir_process *p, const void *input, size_t len,
                             struct weir_output *ret_output) {
    int rc = weir__suspend_enter_on(p ? p->loop : NULL, "communicate");
    if (rc < 0)
        return rc;
    weir__not_null(p, "weir_process_communicate");
    if (p->communicates)
        return weir__failf(-EBUSY, "communicate", p->name, "another task communicates with it");
    p->communicates = true;
    p->holders++;
    rc = communicate(p, input, len, ret_output);
    p->communicates = false;
    weir__subprocess_drop(p);
    return rc;
}

void weir_output_free(struct weir_output *output) {
    if (output == NULL)
        return;
    weir__free(output->out);
    weir__free(output->err);
    *output = (struct weir_output){.out = NULL};
}

/* ---- run ------------------------------------------------------------------------------------- */

/* A scope has fired, or something failed. The record of that stays. */
static WEIR_NOINLINE void end_run(struct weir_process *p) {
    struct weir_error record;
    struct weir_scope shield;
    weir__error_keep(&record);
    weir_ns grace_ns = p->grace_ns > 0 ? p->grace_ns : 0;
    weir_shield_enter(&shield, grace_ns < WEIR_NEVER - WEIR_SECONDS(REAP_S) - 1
                                   ? grace_ns + WEIR_SECONDS(REAP_S)
                                   : WEIR_NEVER - 1);
    weir_scope_leave(&shield, weir_process_stop(p, grace_ns, NULL));
    weir__error_restore(&record);
}

int weir_process_run(const char *const *argv, const struct weir_process_options *options,
                     struct weir_output *ret_output) {
    int rc = weir__suspend_enter("run process");
    if (rc < 0)
        return rc;
    weir__argument_not_null(argv, "weir_process_run", "argument list");
    weir__argument_not_null(ret_output, "weir_process_run", "output");
    struct weir_process_options o;
    struct weir_process *p = NULL;
    WEIR_OPTIONS_COPY(struct weir_process_options, input_len, &o, options);
    rc = weir__subprocess_start(argv, &o, true, &p);
    if (rc < 0)
        return rc;
    rc = weir_process_communicate(p, o.input, o.input_len, ret_output);
    if (rc < 0)
        end_run(p);
    else
        weir_process_signal_group(p, SIGKILL); /* what it has left behind */
    weir_process_close(&p);
    return rc;
}
