/* SPDX-License-Identifier: MIT */
/* drive.c - open a loop, step it (a turn of the loop, then a round of ready tasks), close it; and
 * weir_run and weir_block_on, which are made of these. A thread may have several loops open, but
 * one at most is inside a step. weir__sched is that one; between steps it is the one that plain
 * code speaks to. */
#include <weir/drive.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/levels.h"
#include "base/log.h"
#include "base/options.h"
#include "base/process.h"
#include "loop/debug.h"
#include "task/internal.h"
#include "task/sanitize.h"

/* 32-bit machines have little address space. */
enum { STACK_SIZE = sizeof(void *) > 4 ? 256 * 1024 : 64 * 1024 };

struct first_args {
    int (*fn)(void *arg);
    void *arg;
    int rc;
    weir_ns grace_ns; /* for the tasks that are left when fn has returned; 0: no end */
};

static struct weir_run_options options_of(const struct weir_run_options *given) {
    struct weir_run_options o;
    WEIR_OPTIONS_COPY(struct weir_run_options, unhandled_arg, &o, given);
    return o;
}

static const char *running_name(void) {
    struct weir_task *t = weir_task_current();
    return t ? t->name : "";
}

static __thread struct sched *opened; /* the loops of this thread, the last first, by s->outer */

static void forked_child(void) {
    opened = NULL;
    weir__op_after_fork();
}

static const struct weir__part part = {.name = "tasks", .fork_child = forked_child};

static __attribute__((constructor)) void begin(void) {
    weir__check_who = running_name;
    weir__process_add(WEIR__PART_TASKS, &part);
}

/* The run's own group: no task opened it, it has no parent, and the driver joins it. */
static void root_init(struct sched *s) {
    memset(&s->root, 0, sizeof s->root);
    s->root.scope.cookie = SCOPE_OPEN ^ (uint32_t)(uintptr_t)&s->root.scope;
    s->root.scope.kind = SCOPE_UNDER;
    s->root.scope.loop = s->loop.number;
    weir__group_init(&s->root, WEIR_INDEPENDENT);
}

/* The loop could not be opened. Called without a loop on this thread: the sink of the log may call
 * weir_now, weir_random and weir_stop. */
static int cannot_run(int rc, const char *why) {
    if (*why == '\0')
        why = weir_error_text(rc);
    weir__log(WEIR_LOG_ERROR, "cannot run: %s: %s", weir_error_name(rc), why);
    return weir__failf(rc, "run", NULL, "%s (%s)", why, weir_error_name(rc));
}

static bool wants_debug(const struct weir_run_options *o) {
    const char *given = getenv("WEIR_DEBUG");
    return o->debug || (given != NULL && *given != '\0' && strcmp(given, "0") != 0);
}

/* On error s is freed. */
static int sched_init(struct sched *s, const struct weir_run_options *o) {
    memset(s, 0, sizeof *s);
    char refused[WEIR__PROCESS_WHY];
    const char *why = weir__levels_environment();
    int rc = *why != '\0' ? -EINVAL : weir__process_begin(refused);
    if (rc == -EEXIST)
        why = refused;
    if (rc == 0)
        rc = weir__loop_init(&s->loop, o->backend, o->name, &why);
    if (rc < 0) {
        weir__free(s);
        return cannot_run(rc, why);
    }
    s->order = s->loop.backend->order;
    s->stack_class = weir__stack_class_of(o->stack_size ? o->stack_size : STACK_SIZE);
    weir__stack_pool_init(&s->stacks);
    weir__depths_init(&s->depths);
    weir__list_init(&s->abandoned);
    root_init(s);
    weir__soon_init(s);
    weir__shutdown_init(s);
    s->on_unhandled = o->on_unhandled;
    s->unhandled_arg = o->unhandled_arg;
    if ((rc = weir__task_slabs_init(s)) < 0) {
        weir__loop_stop(&s->loop);
        weir__loop_fini(&s->loop);
        weir__free(s);
        return weir__fail(rc, "run", NULL);
    }
    sanitize_driver_init(&s->driver);
    bool debug = wants_debug(o);
    bool reports = o->crash_reports || (debug && weir__crash_reports_welcome());
    s->crash_reports = reports && weir__crash_reports_start(s) == 0;
    if (debug)
        weir__sched_debug(s, o->slow_ns);
    return 0;
}

static void forget_opened(struct sched *s) {
    struct sched **at = &opened;
    while (*at != s)
        at = &(*at)->outer;
    *at = s->outer;
}

/* From the close of the backend on this thread has no loop: what that logs goes to a sink that may
 * call weir_now. */
static void sched_fini(struct sched *s) {
    if (s->crash_reports)
        weir__crash_reports_stop(s);
    weir__shutdown_end(s);
    weir__soon_drop(s);
    weir__handles_end(s);
    weir__offload_forget(s);
    weir__loop_stop(&s->loop);
    weir__sched = NULL;
    weir__loop_fini(&s->loop);
    forget_opened(s);
    weir__stack_pool_fini(&s->stacks);
    weir__depths_fini(&s->depths);
    weir__task_slabs_fini(s);
    weir__free(s);
}

/* No event can wake any task any more (only a simulation knows that): name the tasks and cancel the
 * run. */
static void quiet(struct sched *s) {
    weir__log(WEIR_LOG_ERROR, "loop '%s' is quiet: nothing can wake the %zu tasks that wait",
              s->loop.handle->name, s->tasks_live);
    weir__name_waiting(WEIR_LOG_ERROR, &s->root);
    WEIR_CHECK(s->root.scope.own == 0 || s->first_spared);
    weir__root_fire(s, "nothing could ever wake it", 0);
}

/* Not before the flushes are done: the last task may have queued one when it ended. */
static bool is_idle(const struct sched *s) {
    return s->root.live == 0 && s->loop.hidden == 0 && weir__list_empty(&s->loop.flushes);
}

/* The run ends, or the loop closes: is_idle, for good. Callbacks that were queued before the last
 * task ended may have spawned daemons since: no end of a task cancels these. */
static bool is_over(struct sched *s) {
    if (s->root.live == 0 && !s->ending)
        weir__run_ends(s);
    if (__builtin_expect(s->root.live == s->daemons, 0) && s->daemons > 0 && s->is_run)
        weir__daemons_cancel(s);
    return is_idle(s);
}

/* After a burst of tasks: give a few stacks back in each turn, and more when there is nothing else
 * to do; but look for events in between. A simulated world has no time to spare: all at once. */
static __attribute__((noinline)) weir_ns trim_stacks(struct sched *s, weir_ns until_ns) {
    enum { TRIM_BUSY = 4, TRIM_IDLE = 32 };
    size_t count = weir__loop_may_sleep(&s->loop) ? TRIM_IDLE : TRIM_BUSY;
    weir__stack_pool_trim(&s->stacks, s->loop.exact ? SIZE_MAX : count);
    return s->stacks.excess ? 0 : until_ns;
}

/* Plain code may have made another loop of this thread its own: that one is put back. */
static void step(struct sched *s, weir_ns until_ns) {
    struct sched *outside = weir__sched;
    weir__sched = s;
    s->stepping = true;
    if (__builtin_expect(s->stacks.excess, 0))
        until_ns = trim_stacks(s, until_ns);
    weir__loop_turn(&s->loop, until_ns);
    bool is_quiet = s->loop.backend->quiet;
    if (__builtin_expect(is_quiet, 0) && weir__loop_may_sleep(&s->loop) && s->root.live > 0)
        quiet(s);
    weir__run_round(s);
    if (__builtin_expect(s->loop.debug != NULL, 0))
        weir__debug_waits(&s->loop); /* what follows may be the code of a foreign loop */
    s->stepping = false;
    weir__sched = outside;
}

/* The loop of this thread that is inside a step; NULL: none is. In a step of one a callback may
 * speak to another. */
static const struct sched *stepping(void) {
    const struct sched *s = opened;
    while (s != NULL && !s->stepping)
        s = s->outer;
    return s;
}

bool weir__is_stepping(void) {
    return stepping() != NULL;
}

void weir__loop_speak_again(const struct sched *inside, struct sched *outside) {
    struct sched *s = opened;
    if (weir__sched != inside)
        return;
    while (s != NULL && s != outside)
        s = s->outer;
    weir__sched = s != NULL || outside == NULL ? outside : opened;
}

bool weir__loop_is_here(const struct weir_loop *l) {
    const struct sched *s = opened;
    while (s != NULL && s->loop.handle != l)
        s = s->outer;
    return s != NULL;
}

static int open_loop(const struct weir_run_options *options, struct sched **ret_sched) {
    struct weir_run_options o = options_of(options);
    struct sched *s = weir__alloc(sizeof *s); /* too large for a library's thread-local memory */
    if (s == NULL)
        return weir__fail(-ENOMEM, "run", NULL);
    int rc = sched_init(s, &o);
    if (rc < 0)
        return rc;
    s->outer = opened;
    opened = s;
    weir__sched = s; /* not before its backend is open, and not after: see sched_fini */
    *ret_sched = s;
    return 0;
}

static void close_loop(struct sched *s) {
    sched_fini(s);
    weir__sched = opened;
}

static int first(void *args) {
    struct first_args *a = *(struct first_args **)args;
    a->rc = a->fn(a->arg);
    if (a->grace_ns > 0 && weir__sched != NULL) /* not in a fork child */
        weir__shutdown(weir__sched, a->grace_ns, "the first task has ended", 0);
    return a->rc;
}

/* Spawn the task that weir_run or weir_block_on waits for. The handle is held until first_take. */
static int first_begin(struct sched *s, const struct weir_site *site, struct first_args *a) {
    struct weir_task *t = NULL;
    int rc = weir_spawn(NULL, site, first, &a, sizeof a, NULL, &t);
    if (rc == 0)
        s->first = t;
    return rc;
}

/* It has ended: return its result, with the record, to plain code. */
static int first_take(struct sched *s) {
    struct weir_task *t = s->first;
    struct weir_error failure = {0};
    int rc = t->result;
    s->first = NULL;
    s->first_spared = false;
    if (rc < 0 && t->error != NULL)
        failure = *t->error;
    if (t->unread)
        weir__error_settled(t->error_number);
    t->unread = false;
    weir__task_unref(s, t);
    if (failure.code == rc)
        *weir__error_here() = failure;
    else if (rc < 0)
        weir__error_forget(rc); /* an earlier run's */
    return rc;
}

#undef weir_run
int weir_run(int (*fn)(void *arg), void *arg, const struct weir_run_options *options) {
    static const struct weir_site unknown = {"main", "a place unknown", "", 0};
    return weir_run_at(&unknown, fn, arg, options);
}

int weir_run_at(const struct weir_site *site, int (*fn)(void *arg), void *arg,
                const struct weir_run_options *options) {
    struct sched *s = NULL, *outside = weir__sched;
    if (site == NULL || fn == NULL)
        WEIR_BUG("weir_run: the %s is NULL", site ? "function" : "site");
    if (weir__is_stepping())
        return weir__failf(-EBUSY, "run", NULL, "a loop runs on this thread already");
    int rc = open_loop(options, &s);
    if (rc < 0)
        return rc;
    struct first_args a = {fn, arg, 0, options_of(options).grace_ns};
    s->is_run = true;
    rc = first_begin(s, site, &a);
    if (rc == 0) {
        while (!is_over(s))
            step(s, WEIR_NEVER);
        rc = first_take(s);
    }
    close_loop(s);
    weir__sched = outside;
    return rc;
}

#undef weir_block_on
int weir_block_on(int (*fn)(void *arg), void *arg) {
    static const struct weir_site unknown = {"block_on", "a place unknown", "", 0};
    return weir_block_on_at(&unknown, fn, arg);
}

int weir_block_on_at(const struct weir_site *site, int (*fn)(void *arg), void *arg) {
    struct sched *s = weir__sched;
    if (site == NULL || fn == NULL)
        WEIR_BUG("weir_block_on: the %s is NULL", site ? "function" : "site");
    if (weir__is_stepping())
        return weir__failf(-EBUSY, "block on", NULL,
                           "a task or posted function of the loop called it: await a task instead");
    if (s == NULL)
        return weir__is_fork_child()
                   ? weir__no_loop("block on")
                   : weir__failf(WEIR_ENOLOOP, "block on", NULL,
                                 "this thread has no loop open: call weir_loop_open first");
    struct first_args a = {fn, arg, 0, 0};
    int rc = first_begin(s, site, &a);
    if (rc < 0)
        return rc;
    while (s->first->state != TASK_ENDED)
        step(s, WEIR_NEVER);
    return first_take(s);
}

int weir_loop_open(const struct weir_run_options *options, struct weir_loop **ret_loop) {
    struct sched *s = NULL;
    if (ret_loop == NULL)
        WEIR_BUG("weir_loop_open: the result's place is NULL");
    if (weir__is_stepping())
        return weir__failf(-EBUSY, "open loop", NULL, "a loop runs on this thread already");
    int rc = open_loop(options, &s);
    if (rc == 0)
        *ret_loop = s->loop.handle;
    return rc;
}

/* The scheduler of l; NULL, with the code of why, if l has none any more. */
static struct sched *own_of(const struct weir_loop *l, const char *call, int *ret_rc) {
    if (l == NULL)
        WEIR_BUG("%s: the loop is NULL", call);
    *ret_rc = weir__mailbox_is_parents(&l->mail) ? WEIR_EFORKED : WEIR_ECLOSED;
    if (*ret_rc == WEIR_EFORKED || l->own == NULL)
        return NULL;
    if (!pthread_equal(l->own->thread, pthread_self()))
        WEIR_BUG("%s: loop '%s' belongs to another thread: weir_post reaches it", call, l->name);
    return (struct sched *)(void *)l->own;
}

int weir_loop_step(struct weir_loop *l, weir_ns timeout_ns) {
    int rc = 0;
    struct sched *s = own_of(l, "weir_loop_step", &rc);
    if (s == NULL)
        return weir__fail(rc, "step", NULL);
    if (weir__is_stepping())
        return weir__failf(-EBUSY, "step", NULL, "a loop runs on this thread already");
    step(s, timeout_ns <= 0 ? 0 : weir__deadline(weir__loop_now(&s->loop), timeout_ns));
    return !is_idle(s);
}

int weir_loop_fd(struct weir_loop *l) {
    int rc = 0;
    struct sched *s = own_of(l, "weir_loop_fd", &rc);
    rc = s != NULL ? weir__loop_fd(&s->loop) : rc;
    return rc < 0 ? weir__fail(rc, "loop descriptor", NULL) : rc;
}

weir_ns weir_loop_prepare(struct weir_loop *l) {
    int rc = 0;
    struct sched *s = own_of(l, "weir_loop_prepare", &rc);
    return s != NULL && !s->stacks.excess ? weir__loop_prepare(&s->loop) : 0;
}

void weir_loop_use(struct weir_loop *l) {
    int rc = 0;
    struct sched *s = own_of(l, "weir_loop_use", &rc);
    if (s == NULL)
        WEIR_BUG("weir_loop_use: the loop %s",
                 rc == WEIR_EFORKED ? "belongs to the parent process" : "has been closed");
    if (weir__is_stepping())
        WEIR_BUG("weir_loop_use: called inside a step of loop '%s'",
                 stepping()->loop.handle->name);
    weir__sched = s;
}

#undef weir_loop_close
void weir_loop_close(struct weir_loop **take_loop) {
    weir_loop_close_at(NULL, take_loop);
}

void weir_loop_close_at(const struct weir_site *site, struct weir_loop **take_loop) {
    int rc = 0;
    if (take_loop == NULL || *take_loop == NULL)
        return;
    struct sched *s = own_of(*take_loop, "weir_loop_close", &rc);
    if (s == NULL && rc == WEIR_ECLOSED)
        WEIR_BUG("weir_loop_close: loop '%s' has been closed already", (*take_loop)->name);
    *take_loop = NULL;
    if (s == NULL)
        return;
    if (weir__is_stepping())
        WEIR_BUG("weir_loop_close: called inside a step of loop '%s'",
                 stepping()->loop.handle->name);
    struct sched *outside = weir__sched;
    weir__sched = s;
    if (s->root.live > 0) {
        weir__log(WEIR_LOG_WARNING, "loop '%s' closes, tasks that have not ended: %zu",
                  s->loop.handle->name, s->tasks_live);
        weir__name_waiting(WEIR_LOG_WARNING, &s->root);
        weir__root_fire(s, "the loop closes", weir__note_here(site));
    }
    while (!is_over(s))
        step(s, WEIR_NEVER);
    close_loop(s);
    if (outside != s)
        weir__sched = outside;
}
