/* SPDX-License-Identifier: MIT */
/* drive.c - weir_run: it makes a loop, spawns the first task, and drives: a turn of the loop, then a
 * round of ready tasks, until all tasks have ended. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
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
