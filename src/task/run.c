/* SPDX-License-Identifier: MIT */
/* run.c - weir_run: it makes a loop, spawns the first task, and drives: a turn of the loop, then a
 * round of ready tasks, until all tasks have ended. Sleep and yield are here too. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
#include "sys/plain.h"
#include "task/internal.h"
#include "task/sanitize.h"

/* 32-bit machines have little address space. */
enum { STACK_SIZE = sizeof(void *) > 4 ? 256 * 1024 : 64 * 1024 };

struct first_args {
    int (*fn)(void *arg);
    void *arg;
    int rc;
};

static struct weir_run_options options_of(const struct weir_run_options *given) {
    struct weir_run_options o;
    WEIR_OPTIONS_COPY(&o, given);
    return o;
}

static const char *running_name(void) {
    struct weir_task *t = weir_task_current();
    return t ? t->name : "";
}

static void forked_child(void) {
    weir__loops_after_fork_child();
    weir__op_after_fork();
}

static void process_once(void) {
    weir__check_who = running_name;
    pthread_atfork(weir__loops_before_fork, weir__loops_after_fork_parent, forked_child);
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

/* On error s is freed. */
static int sched_init(struct sched *s, const struct weir_run_options *o) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, process_once);
    memset(s, 0, sizeof *s);
    const char *why = "";
    int rc = weir__loop_init(&s->loop, o->backend, o->name, &why);
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
    if ((rc = weir__task_slabs_init(s)) < 0) {
        weir__loop_stop(&s->loop);
        weir__loop_fini(&s->loop);
        weir__free(s);
        return weir__fail(rc, "run", NULL);
    }
    sanitize_driver_init(&s->driver);
    s->crash_reports = o->crash_reports && weir__crash_reports_start(s) == 0;
    return 0;
}

/* From the close of the backend on this thread has no loop: what that logs goes to a sink that may
 * call weir_now. */
static void sched_fini(struct sched *s) {
    if (s->crash_reports)
        weir__crash_reports_stop(s);
    weir__soon_drop(s);
    weir__handles_end(s);
    weir__offload_forget(s);
    weir__loop_stop(&s->loop);
    weir__sched = NULL;
    weir__loop_fini(&s->loop);
    weir__stack_pool_fini(&s->stacks);
    weir__depths_fini(&s->depths);
    weir__task_slabs_fini(s);
    weir__free(s);
}

static void name_waiting(struct group *g) {
    char waits[WEIR__WHAT_TEXT];
    for (struct weir__list *at = g->tasks.next; at != &g->tasks; at = at->next) {
        struct weir_task *t = WEIR_CONTAINER(at, struct weir_task, link);
        if (t->state == TASK_ENDED)
            continue;
        weir__log(WEIR_LOG_ERROR, "  task '%s' (%s:%d) waits: %s", t->name, t->site->file,
                  t->site->line, weir__task_waits_text(t, waits));
        for (struct scope *sc = t->scope; sc != NULL; sc = sc->outer)
            if (sc->kind == SCOPE_GROUP)
                name_waiting(WEIR_CONTAINER(sc, struct group, scope));
    }
}

/* No event can wake any task any more (only a simulation knows that): name the tasks and cancel the
 * run. */
static void quiet(struct sched *s) {
    weir__log(WEIR_LOG_ERROR, "loop '%s' is quiet: nothing can wake the %zu tasks that wait",
              s->loop.handle->name, s->tasks_live);
    name_waiting(&s->root);
    WEIR_CHECK(s->root.scope.own == 0 || s->first_spared);
    weir__root_fire(s, "nothing could ever wake it", 0);
}

/* Not before the flushes are done: the last task may have queued one when it ended. */
static bool is_over(struct sched *s) {
    if (s->root.live == 0 && !s->ending)
        weir__run_ends(s);
    return s->root.live == 0 && s->loop.hidden == 0 && weir__list_empty(&s->loop.flushes);
}

static void drive(struct sched *s) {
    for (weir__run_round(s); !is_over(s); weir__run_round(s)) {
        weir__loop_turn(&s->loop, WEIR_NEVER);
        bool is_quiet = s->loop.backend->quiet;
        if (__builtin_expect(is_quiet, 0) && weir__loop_may_sleep(&s->loop))
            quiet(s);
    }
}

static int first(void *args) {
    struct first_args *a = *(struct first_args **)args;
    a->rc = a->fn(a->arg);
    return a->rc;
}

static int run_first(struct sched *s, const struct weir_site *site, struct first_args *a) {
    struct weir_task *t = NULL;
    struct weir_error failure = {0};
    int rc = weir_spawn(NULL, site, first, &a, sizeof a, NULL, &t);
    if (rc < 0)
        return rc;
    s->first = t;
    drive(s);
    if (t->result < 0 && t->error != NULL)
        failure = *t->error;
    rc = t->result;
    if (t->unread)
        weir__error_settled(t->error_number);
    t->unread = false;
    weir__task_unref(s, t);
    if (failure.code == rc)
        *weir__error_here() = failure; /* for the caller of weir_run */
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
    if (site == NULL || fn == NULL)
        WEIR_BUG("weir_run: the %s is NULL", site ? "function" : "site");
    if (weir__sched != NULL)
        return weir__failf(-EBUSY, "run", NULL, "a loop runs on this thread already");
    struct weir_run_options o = options_of(options);
    struct sched *s = weir__alloc(sizeof *s); /* too large for a library's thread-local memory */
    if (s == NULL)
        return weir__fail(-ENOMEM, "run", NULL);
    int rc = sched_init(s, &o);
    if (rc < 0)
        return rc;
    weir__sched = s; /* not before its backend is open, and not after: see sched_fini */
    struct first_args a = {fn, arg, 0};
    rc = run_first(s, site, &a);
    sched_fini(s);
    return rc;
}

weir_ns weir_now(void) {
    if (weir__sched != NULL)
        return weir__loop_now(&weir__sched->loop);
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (weir_ns)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint64_t weir_random(void) {
    uint64_t drawn;
    if (weir__sched != NULL)
        weir__sched->loop.backend->ops->random(weir__sched->loop.backend, &drawn, sizeof drawn);
    else
        weir__plain_random(&drawn, sizeof drawn);
    return drawn;
}

struct nap {
    struct weir__park park;
    struct weir__timer timer;
};

static void nap_over(struct weir__timer *t) {
    weir__unpark(&WEIR_CONTAINER(t, struct nap, timer)->park, 0);
}

static int nap_abort(struct weir__park *p) {
    weir__timer_disarm(weir__sched->loop.timers, &WEIR_CONTAINER(p, struct nap, park)->timer);
    return WEIR__DONE;
}

static int nap(const struct weir__what *what, weir_ns until_ns) {
    struct weir__timers *timers = weir__sched->loop.timers;
    struct nap n = {.park = {.abort = nap_abort, .what = what, .on = &n.timer}};
    weir__timer_init(&n.timer, nap_over);
    weir__timer_arm(timers, &n.timer, until_ns);
    int rc = (int)weir__park(&n.park);
    return rc < 0 ? weir__fail(rc, what->text, NULL) : 0;
}

static const struct weir__what sleeps = {.text = "sleep", .kind = WEIR__ON_TIMER};

int weir_sleep(weir_ns duration_ns) {
    int rc = weir__suspend_enter("sleep");
    if (rc < 0)
        return rc;
    struct sched *s = weir__sched;
    if (duration_ns <= 0) {
        weir__yield_now(s);
        return 0;
    }
    return nap(&sleeps, weir__deadline(weir__loop_now(&s->loop), duration_ns));
}

int weir_sleep_until(weir_ns when_ns) {
    int rc = weir__suspend_enter("sleep");
    if (rc < 0)
        return rc;
    if (when_ns > weir__loop_now(&weir__sched->loop))
        return nap(&sleeps, when_ns);
    weir__yield_now(weir__sched);
    return 0;
}

/* A timer that is due already: it fires in the next turn, after that turn's completed ops. */
int weir__look_around(const struct weir__what *what) {
    int rc = weir_cancelled(); /* not a cancel point at entry: a scope may have fired since */
    if (rc < 0)
        return weir__fail(rc, what->text, NULL);
    return nap(what, weir__loop_now(&weir__sched->loop));
}

int weir_yield(void) {
    int rc = weir__suspend_enter("yield");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    weir__yield_now(weir__sched);
    return 0;
}

struct weir_loop *weir_loop_current(void) {
    return weir__sched != NULL ? weir__sched->loop.handle : NULL;
}

static void loop_assert(const struct weir_loop *l, const char *call) {
    if (l == NULL)
        WEIR_BUG("%s: the loop is NULL (weir_loop_current() is, outside of a loop)", call);
}

const char *weir_loop_explain(struct weir_loop *l) {
    loop_assert(l, "weir_loop_explain");
    return l->why;
}

struct weir_loop *weir_loop_ref(struct weir_loop *l) {
    loop_assert(l, "weir_loop_ref");
    return weir__loop_ref(l);
}

void weir_loop_unref(struct weir_loop **take_loop) {
    if (take_loop == NULL || *take_loop == NULL)
        return;
    struct weir_loop *l = *take_loop;
    *take_loop = NULL;
    weir__loop_unref(l);
}

int weir_post(struct weir_loop *l, void (*fn)(void *arg), void *arg) {
    loop_assert(l, "weir_post");
    if (fn == NULL)
        WEIR_BUG("weir_post: the function is NULL");
    return weir__loop_post(l, fn, arg);
}
