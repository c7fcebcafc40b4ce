/* SPDX-License-Identifier: MIT */
/* process.c - a process while it runs and after its end: wait, signals, stop, close. A POLL of its
 * pidfd is pending until it has ended, whether somebody waits or not. Until the close it stays a
 * zombie then: so its number, and that of its group, cannot become another's. */
#include "process/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "loop/debug.h"
#include "stream/stream.h"

static const struct weir__what waits = {.text = "wait for process", .kind = WEIR__ON_NOTHING};

struct weir_process *weir__subprocess_new(struct weir__loop *l, const char *name) {
    size_t size = strlen(name) + 1;
    struct weir_process *p = weir__alloc(sizeof *p + size);
    if (p == NULL)
        return NULL;
    memset(p, 0, sizeof *p);
    memcpy(p->name, name, size);
    p->loop = l;
    weir__debug_begins(l, p);
    p->kind = &weir__subprocess_real;
    p->state = WEIR__SUBPROCESS_RUNS;
    p->holders = 1;
    p->pid = p->pidfd = -1;
    return p;
}

void weir__subprocess_give(struct weir_process *p, struct weir_process **ret_process) {
    p->loop->unclosed++;
    weir__debug_made(p->loop, p, "process", p->name, __builtin_return_address(0));
    *ret_process = p;
}

void weir__subprocess_drop(struct weir_process *p) {
    if (--p->holders > 0)
        return;
    weir__free(p->captures[0].bytes);
    weir__free(p->captures[1].bytes);
    weir__free(p);
}

void weir__subprocess_over(struct weir_process *p, int state, const struct weir_exit *exit) {
    p->state = state;
    p->exit = *exit;
    weir__waitq_wake_all(&p->waiting, 0);
    if (!p->closed)
        return;
    p->loop->hidden--;
    p->kind->release(p);
    weir__subprocess_drop(p);
}

/* ---- a process of the kernel ----------------------------------------------------------------- */

static void arm(struct weir_process *p, weir_ns after_ns) {
    weir__timer_arm(p->loop->timers, &p->again, weir__deadline(weir__loop_now(p->loop), after_ns));
}

/* The pidfd says that it has ended, or cannot be asked; but there is no status yet. A debugger gets
 * the status first, and has not taken it. Nothing tells when it does. */
static void hold_back(struct weir_process *p) {
    enum { AGAIN_MS = 10 };
    p->held_back = true;
    if (p->waits > 0 || p->closed)
        arm(p, WEIR_MILLISECONDS(AGAIN_MS));
}

static void look(struct weir_process *p) {
    struct weir__spawn_end end = {.code = -1};
    int rc = weir__spawn_ended(p->pidfd, false, &end);
    if (rc == -EAGAIN) {
        hold_back(p);
        return;
    }
    const struct weir_exit exit = {end.code,      end.signal,    end.core,
                                   end.user_ns, end.system_ns, end.memory_peak};
    p->held_back = false;
    weir__subprocess_over(p, rc, &exit);
}

static void fired(struct weir__timer *t) {
    look(WEIR_CONTAINER(t, struct weir_process, again));
}

static void woke(struct weir__op *op) {
    look(WEIR_CONTAINER(op, struct weir_process, op));
}

int weir__subprocess_follow(struct weir_process *p) {
    p->op = (struct weir__op){
        .kind = WEIR__POLL, .wake = woke, .u.poll = {.fd = p->pidfd, .events = POLLIN}};
    weir__timer_init(&p->again, fired);
    if (weir__submit(p->loop->backend, &p->op) == WEIR__PENDING)
        return 0;
    int rc = p->op.result < 0 ? (int)p->op.result : 0;
    if (rc == 0) /* it has ended already */
        look(p);
    return rc;
}

static int real_signal(struct weir_process *p, int signal, bool group) {
    return weir__spawn_signal(p->pidfd, p->pid, signal, group);
}

static void real_release(struct weir_process *p) {
    struct weir__spawn_end end;
    weir__spawn_ended(p->pidfd, true, &end);
    close(p->pidfd);
}

const struct weir__subprocess_kind weir__subprocess_real = {real_signal, real_release};

int weir_process_from_pid(pid_t pid, struct weir_process **ret_process) {
    struct weir__loop *l = weir__loop();
    struct weir__spawn_end end;
    if (l == NULL)
        return weir__no_loop("process from pid");
    if (l->backend->simulated)
        return weir__failf(WEIR_ESIMREFUSED, "process from pid", NULL,
                           "a simulation has no processes");
    struct weir_process *p = weir__subprocess_new(l, "");
    if (p == NULL)
        return weir__fail(-ENOMEM, "process from pid", NULL);
    int rc = weir__spawn_adopt(pid);
    if (rc >= 0) {
        p->pid = pid;
        p->pidfd = rc;
        rc = weir__spawn_ended(p->pidfd, false, &end);
        if (rc == 0 || rc == -EAGAIN)
            rc = weir__subprocess_follow(p);
        if (rc < 0)
            close(p->pidfd);
    }
    if (rc < 0) {
        weir__subprocess_drop(p);
        return weir__failf(rc, "process from pid", NULL, "%d", (int)pid);
    }
    weir__subprocess_give(p, ret_process);
    return 0;
}

/* ---- what it has ----------------------------------------------------------------------------- */

struct weir_stream *weir_process_stdin(const struct weir_process *p) {
    weir__not_null(p, "weir_process_stdin");
    return p->in;
}

struct weir_stream *weir_process_stdout(const struct weir_process *p) {
    weir__not_null(p, "weir_process_stdout");
    return p->out;
}

struct weir_stream *weir_process_stderr(const struct weir_process *p) {
    weir__not_null(p, "weir_process_stderr");
    return p->err;
}

void weir__subprocess_lend(struct weir_process *p) {
    struct weir_stream *all[] = {p->terminal, p->in, p->out, p->err};
    for (int i = 0; i < 4; i++)
        if (all[i] != NULL)
            all[i]->lent_out = true;
}

struct weir_stream **weir__subprocess_stream(struct weir_process *p, int fd) {
    struct weir_stream **at = fd == 0 ? &p->in : fd == 1 ? &p->out : &p->err;
    if (*at != NULL)
        (*at)->lent_out = false;
    return at;
}

static void close_one(struct weir_stream **take_stream) {
    if (*take_stream != NULL)
        (*take_stream)->lent_out = false;
    weir_close(take_stream);
}

void weir_process_close_stdin(struct weir_process *p) {
    weir__not_null(p, "weir_process_close_stdin");
    weir__loop_assert(p->loop, p, "weir_process_close_stdin");
    if (p->in == p->terminal)
        p->in = NULL;
    close_one(&p->in);
}

pid_t weir_process_pid(const struct weir_process *p) {
    weir__not_null(p, "weir_process_pid");
    return p->pid;
}

int weir_process_fd(const struct weir_process *p) {
    weir__not_null(p, "weir_process_fd");
    return p->pidfd >= 0 ? p->pidfd : -EOPNOTSUPP;
}

/* ---- wait, signal, stop ---------------------------------------------------------------------- */

static int unknown(const struct weir_process *p) {
    return weir__failf(p->state, waits.text, p->name,
                       "it has ended, but SIGCHLD is ignored or another wait of this program has "
                       "taken its exit status");
}

/* Wait until it has ended; a cancel is felt. */
static int await_end(struct weir_process *p) {
    int rc = 0;
    p->waits++;
    if (p->held_back)
        arm(p, 0);
    if (p->state == WEIR__SUBPROCESS_RUNS)
        rc = (int)weir__waitq_wait(&p->waiting, NULL, &waits, NULL);
    if (--p->waits == 0 && p->held_back && !p->closed)
        weir__timer_disarm(p->loop->timers, &p->again);
    return rc < 0 ? weir__fail(rc, waits.text, rc == WEIR_ECLOSED ? NULL : p->name) : 0;
}

static int tell(const struct weir_process *p, struct weir_exit *ret_exit) {
    if (p->state < 0)
        return unknown(p);
    if (ret_exit != NULL)
        *ret_exit = p->exit;
    return 0;
}

int weir_process_wait(struct weir_process *p, struct weir_exit *ret_exit) {
    int rc = weir__suspend_enter_on(p ? p->loop : NULL, "wait for process");
    if (rc < 0)
        return rc;
    weir__not_null(p, "weir_process_wait");
    p->holders++; /* another task may close it */
    rc = await_end(p);
    if (rc == 0)
        rc = tell(p, ret_exit);
    weir__subprocess_drop(p);
    return rc;
}

static int send_signal(struct weir_process *p, int signal, bool group, const char *call) {
    weir__not_null(p, call);
    int rc = weir__loop_enter(p->loop, p, call);
    if (rc < 0)
        return rc;
    group = group && p->grouped;
    if (!group && p->state != WEIR__SUBPROCESS_RUNS)
        rc = -ESRCH;
    else
        rc = p->kind->signal(p, signal, group);
    return rc < 0 ? weir__failf(rc, "signal process", p->name, "signal %d: %s (%s)", signal,
                                weir_error_text(rc), weir_error_name(rc))
                  : 0;
}

int weir_process_signal(struct weir_process *p, int signal) {
    return send_signal(p, signal, false, "weir_process_signal");
}

int weir_process_signal_group(struct weir_process *p, int signal) {
    return send_signal(p, signal, true, "weir_process_signal_group");
}

static void terminate(struct weir_process *p, int signal) {
    if (p->grouped || p->state == WEIR__SUBPROCESS_RUNS)
        p->kind->signal(p, signal, p->grouped);
}

/* Wait for its end, but no longer than grace_ns. Returns 0, also when that is over, or an error. */
static int await_grace(struct weir_process *p, weir_ns grace_ns) {
    struct weir_scope s;
    weir_scope_enter(&s, grace_ns);
    int rc = await_end(p), fired = weir_scope_fired(&s);
    rc = weir_scope_leave(&s, rc);
    return rc == -ETIME && fired == -ETIME && weir_cancelled() == 0 ? 0 : rc;
}

int weir_process_stop(struct weir_process *p, weir_ns grace_ns, struct weir_exit *ret_exit) {
    int rc = weir__suspend_enter_on(p ? p->loop : NULL, "stop process");
    if (rc < 0)
        return rc;
    weir__not_null(p, "weir_process_stop");
    p->holders++;
    if (p->state == WEIR__SUBPROCESS_RUNS && grace_ns > 0) {
        terminate(p, SIGTERM);
        rc = await_grace(p, grace_ns);
    }
    if (rc == 0 && !p->closed) {
        terminate(p, SIGKILL);
        rc = await_end(p);
    }
    if (rc == 0)
        rc = p->closed ? weir__fail(WEIR_ECLOSED, "stop process", NULL) : tell(p, ret_exit);
    weir__subprocess_drop(p);
    return rc;
}

/* ---- close ----------------------------------------------------------------------------------- */

void weir__subprocess_close_streams(struct weir_process *p) {
    struct weir_stream **all[] = {&p->in, &p->out, &p->err};
    for (int i = 0; i < 3; i++)
        if (*all[i] == p->terminal)
            *all[i] = NULL;
    close_one(&p->terminal);
    close_one(&p->in);
    close_one(&p->out);
    close_one(&p->err);
}

void weir_process_close(struct weir_process **take_process) {
    struct weir_process *p = take_process != NULL ? *take_process : NULL;
    if (p == NULL)
        return;
    weir__debug_not_closed(weir__loop(), p, "weir_process_close", __builtin_return_address(0));
    *take_process = NULL;
    if (weir__loop_is_parents(p->loop)) { /* the process is the parent's child */
        weir__subprocess_close_streams(p);
        if (p->pidfd >= 0)
            close(p->pidfd);
        weir__subprocess_drop(p);
        return;
    }
    weir__loop_assert(p->loop, p, "weir_process_close");
    p->closed = true;
    p->loop->unclosed--;
    weir__debug_closed(p->loop, p, __builtin_return_address(0));
    weir__subprocess_close_streams(p);
    weir__waitq_wake_all(&p->waiting, WEIR_ECLOSED);
    if (p->state == WEIR__SUBPROCESS_RUNS) {
        p->loop->hidden++; /* the run waits until it has ended: then it is reaped and freed */
        terminate(p, SIGKILL);
        if (p->held_back)
            arm(p, 0);
        return;
    }
    p->kind->release(p);
    weir__subprocess_drop(p);
}
