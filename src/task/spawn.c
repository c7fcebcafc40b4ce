/* SPDX-License-Identifier: MIT */
/* spawn.c - the life of a task block. A spawn makes it and promises a stack; the stack is bound
 * when the task first runs; when the task has ended, the block alone is kept while somebody has a
 * handle. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
#include "task/internal.h"

enum { SLAB_TASKS = 64 };

/* Task blocks are allocated by slabs, so that all tasks of a loop can be visited. */
struct slab {
    struct slab *next;
    struct weir_task tasks[SLAB_TASKS];
};

static int slab_add(struct sched *s) {
    struct slab *slab = weir__alloc_zero(sizeof *slab);
    if (slab == NULL)
        return -ENOMEM;
    slab->next = s->task_slabs;
    s->task_slabs = slab;
    for (size_t i = SLAB_TASKS; i-- > 0;) {
        slab->tasks[i].next = s->free_tasks;
        s->free_tasks = &slab->tasks[i];
    }
    return 0;
}

int weir__task_slabs_init(struct sched *s) {
    return slab_add(s);
}

void weir__task_slabs_fini(struct sched *s) {
    for (struct slab *slab = s->task_slabs, *next; slab != NULL; slab = next) {
        next = slab->next;
        weir__free(slab);
    }
}

static void handle_left(struct weir_task *t, size_t *count, const struct weir_task **first) {
    if (t->unread)
        weir__error_log("failed, and its handle was never released", t, t->result, t->error);
    else if ((*count)++ == 0)
        *first = t;
    t->unread = false;
}

void weir__handles_end(struct sched *s) {
    const struct weir_task *first = NULL;
    size_t count = 0;
    for (struct slab *slab = s->task_slabs; slab != NULL; slab = slab->next)
        for (size_t i = 0; i < SLAB_TASKS; i++)
            if (slab->tasks[i].state == TASK_ENDED)
                handle_left(&slab->tasks[i], &count, &first);
    char others[48] = "";
    if (count == 2)
        snprintf(others, sizeof others, ", nor that of 1 other");
    if (count > 2)
        snprintf(others, sizeof others, ", nor those of %zu others", count - 1);
    if (count > 0)
        weir__log(WEIR_LOG_WARNING, "the handle of task '%s' (%s:%d) was never released%s",
                  first->name, first->site->file, first->site->line, others);
    for (struct slab *slab = s->task_slabs; slab != NULL; slab = slab->next)
        for (size_t i = 0; i < SLAB_TASKS; i++)
            while (slab->tasks[i].state == TASK_ENDED)
                weir__task_unref(s, &slab->tasks[i]);
}

void weir__task_unref(struct sched *s, struct weir_task *t) {
    WEIR_CHECK(t->refs > 0);
    if (--t->refs > 0)
        return;
    if (t->done)
        weir__group_done_leave(t->group, t);
    if (t->group != NULL) /* the caller has checked it with group_of_task */
        weir__list_remove(&t->link);
    if (t->args_size > TASK_INLINE)
        weir__free(t->args_heap);
    weir__free(t->error);
    t->state = TASK_FREE;
    t->generation++;
    t->next = s->free_tasks;
    s->free_tasks = t;
}

static int args_copy(struct weir_task *t, const void *args, size_t size) {
    t->args_size = (uint32_t)size;
    if (size > TASK_INLINE) {
        t->args_heap = weir__alloc(size);
        if (t->args_heap == NULL)
            return -ENOMEM;
    }
    if (size > 0)
        memcpy(weir__task_args(t), args, size);
    return 0;
}

static int task_make(struct sched *s, const void *args, size_t size, struct weir_task **ret_task) {
    if (__builtin_expect(s->free_tasks == NULL, 0) && slab_add(s) < 0)
        return weir__fail(-ENOMEM, "spawn", NULL);
    struct weir_task *t = s->free_tasks;
    if (size > UINT32_MAX || args_copy(t, args, size) < 0)
        return weir__fail(-ENOMEM, "spawn", NULL);
    s->free_tasks = t->next;
    *ret_task = t;
    return 0;
}

bool weir__stack_exists(size_t size) {
    return weir__stack_class_of(size) >= 0;
}

static int class_for(struct sched *s, const struct weir_spawn_options *o) {
    size_t known = weir__options_known(o->size, sizeof *o);
    bool given = known >= offsetof(struct weir_spawn_options, stack_size) + sizeof o->stack_size;
    size_t size = given ? o->stack_size : 0;
    return size ? weir__stack_class_of(size) : s->stack_class;
}

static bool is_daemon(const struct weir_spawn_options *o) {
    size_t known = weir__options_known(o->size, sizeof *o);
    return known >= offsetof(struct weir_spawn_options, daemon) + sizeof o->daemon && o->daemon;
}

static void task_begin(struct sched *s, struct weir_task *t, struct group *g) {
    t->stack = NULL;
    t->group = g;
    t->group_site = g->scope.site;
    t->loop = s->loop.number;
    t->scope = NULL;
    t->cause = NULL;
    t->at_end = NULL;
    t->awaiters = (struct weir__waitq){NULL};
    t->inherited = NULL;
    const struct stack *spawners = s->current != NULL ? s->current->stack : NULL;
    if (spawners != NULL && __builtin_expect(spawners->locals != NULL, 0))
        t->inherited = weir__locals_inherit(spawners->locals);
    t->cancelled = false;
    t->daemon = t->done = false;
    t->base = t->felt = g->scope.felt;
    if (__builtin_expect(t->base != 0, 0))
        weir__group_child_begins_cancelled(g);
    t->unread = false;
    weir__list_add_tail(&g->tasks, &t->link);
    g->live++;
    s->tasks_live++;
    s->tasks_spawned++;
    weir__make_ready(s, t);
}

static __attribute__((cold)) void refuse(const struct scope *sc, int (*fn)(void *args)) {
    scope_assert(sc, "weir_spawn");
    WEIR_BUG("weir_spawn: %s", fn ? "this is a scope, not a group" : "the function is NULL");
}

int weir_spawn(struct weir_group *group, const struct weir_site *site, int (*fn)(void *args),
               const void *args, size_t args_size, const struct weir_spawn_options *options,
               struct weir_task **ret_task) {
    struct sched *s = weir__sched;
    if (__builtin_expect(site == NULL, 0))
        WEIR_BUG("weir_spawn: the site is NULL: WEIR_SITE(fn) makes one");
    if (__builtin_expect(s == NULL, 0))
        return weir__no_loop("spawn");
    struct group *g = group ? group_of(group) : &s->root;
    if (__builtin_expect(g->scope.loop != s->loop.number || !scope_has(&g->scope, SCOPE_OPEN) ||
                             g->scope.kind < SCOPE_GROUP || fn == NULL, 0))
        refuse(&g->scope, fn);
    int class = options ? class_for(s, options) : s->stack_class;
    if (class < 0)
        return weir__failf(-ENOMEM, "spawn", site->name, "no stack is that large");
    int rc = weir__stack_promise(&s->stacks, class);
    if (__builtin_expect(rc < 0, 0))
        return weir__failf(rc, "spawn", site->name, "no stack could be had");
    struct weir_task *t = NULL;
    rc = task_make(s, args, args_size, &t);
    if (__builtin_expect(rc < 0, 0)) {
        weir__stack_unpromise(&s->stacks, class);
        return rc;
    }
    t->fn = fn;
    t->site = site;
    t->name = options && options->name ? options->name : site->name;
    t->result = class; /* kept here until the stack is bound */
    t->refs = ret_task ? 2 : 1;
    task_begin(s, t, g);
    if (options != NULL && is_daemon(options))
        weir__daemon_begins(s, t);
    if (ret_task != NULL)
        *ret_task = t;
    return 0;
}

/* A task that returns the code felt in it, or in its group, was stopped from outside and has not
 * failed: the owner of its handle may read the code, but need not. */
static __attribute__((cold)) void task_failed(struct weir_task *t, int rc,
                                              const struct weir_error *e) {
    bool stopped = rc == t->base || weir__group_has_felt(t->group, rc);
    weir__error_raised(t);
    if (stopped)
        weir__error_settled(t->error_number);
    if (t->refs > 1) {
        t->unread = !stopped;
        t->error = weir__error_copy(rc, e);
    } else if (!stopped) {
        weir__group_child_failed(t->group, t, rc, e);
    }
}

/* The function of t has returned rc. Runs on the stack of t. */
void weir__task_ended(struct sched *s, struct weir_task *t, int rc) {
    if (__builtin_expect(t->scope != NULL, 0))
        weir__ended_inside(t);
    t->result = rc; /* hooks may look at it */
    if (t->at_end != NULL)
        weir__at_end_run(t, __builtin_dwarf_cfa()); /* below it lay the frames that are gone */
    if (!weir__waitq_empty(&t->awaiters))
        weir__waitq_wake_all(&t->awaiters, 0);
    if (s->fired_task == t)
        s->fired_task = NULL; /* the next task in this block is not the one that was counted */
    struct group *g = group_of_task(t);
    t->state = TASK_ENDED;
    t->error = NULL;
    s->tasks_live--;
    s->daemons -= t->daemon;
    if (t->stack->locals != NULL) /* their release may give back a handle of t */
        weir__locals_drop(t->stack->locals);
    const struct weir_error *e = t->stack->error.code == rc ? &t->stack->error : NULL;
    if (__builtin_expect(rc < 0, 0))
        task_failed(t, rc, e);
    if (t->refs > 1)
        weir__group_child_done(g, t);
    t->stack = NULL;
    weir__task_unref(s, t);
    weir__group_child_ended(g);
}

int weir_stack_use(size_t i, struct weir_stack_use *ret) {
    struct sched *s = weir__sched;
    if (s == NULL)
        return weir__no_loop("stack use");
    if (ret == NULL)
        WEIR_BUG("weir_stack_use: the result's place is NULL");
    const struct depth *at = weir__depth_at(&s->depths, i);
    if (at == NULL)
        return 0;
    for (struct slab *slab = s->task_slabs; slab != NULL; slab = slab->next)
        for (size_t k = 0; k < SLAB_TASKS; k++) {
            struct stack *stack = slab->tasks[k].stack;
            if (stack != NULL && stack->measured == at->site && stack->class == at->class)
                weir__depth_look(&s->depths, stack);
        }
    struct weir_stack_use use = {ret->size, at->site, at->stack_size, at->deepest,
                                 at->due - at->left, at->measured};
    memcpy(ret, &use, weir__options_known(ret->size, sizeof use));
    return 1;
}

struct weir_task *weir_task_current(void) {
    return weir__sched ? weir__sched->current : NULL;
}

const char *weir_task_name(const struct weir_task *t) {
    task_assert(t, "weir_task_name");
    return t->name;
}

struct weir_task *weir_task_ref(struct weir_task *t) {
    task_assert(t, "weir_task_ref");
    t->refs++;
    return t;
}

#undef weir_task_cancel
void weir_task_cancel(struct weir_task *t, const char *cause) {
    weir_task_cancel_at(NULL, t, cause);
}

void weir_task_cancel_at(const struct weir_site *site, struct weir_task *t, const char *cause) {
    task_assert(t, "weir_task_cancel");
    struct sched *s = weir__sched;
    if (t->state == TASK_ENDED || t->cancelled)
        return;
    t->cancelled = true;
    t->cause = cause;
    t->note = weir__note_here(site);
    weir__scope_refresh(s, t);
    weir__scope_spread(s);
}
