/* SPDX-License-Identifier: MIT */
/* await.c - waiting for another task's end, and giving its handle back. */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "task/internal.h"

/* In the frame of the waiter. A ring of which the task knows the last: joining behind it, leaving
 * from anywhere and waking in order all cost the same, however many wait. */
struct await {
    struct weir__park park;
    struct await *next, *prev;
    struct weir_task *task;
};

static void awaiters_join(struct weir_task *t, struct await *a) {
    struct await *last = t->awaiters;
    a->next = last ? last->next : a;
    a->prev = last ? last : a;
    a->next->prev = a->prev->next = a;
    t->awaiters = a;
}

static int await_abort(struct weir__park *p) {
    struct await *a = WEIR_CONTAINER(p, struct await, park);
    if (a->task->awaiters == a)
        a->task->awaiters = a->prev != a ? a->prev : NULL;
    a->prev->next = a->next;
    a->next->prev = a->prev;
    return WEIR__DONE;
}

/* First come, first woken. */
void weir__awaiters_wake(struct weir_task *t) {
    struct await *last = t->awaiters, *a = last->next, *next;
    t->awaiters = NULL;
    for (bool more = true; more; a = next) {
        next = a->next;
        more = a != last;
        weir__unpark(&a->park, 0);
    }
}

static int take_result(struct weir_task *t, void *ret_args, size_t size) {
    int rc = t->result;
    if (ret_args != NULL)
        memcpy(ret_args, weir__task_args(t), size < t->args_size ? size : t->args_size);
    if (rc < 0 && t->error != NULL)
        *weir__error_here() = *t->error;
    if (t->unread)
        weir__error_settled(t->error_number); /* once, by however many handles it is read */
    t->unread = false;
    return rc;
}

int weir_await(struct weir_task **take_task, void *ret_args, size_t size) {
    int rc = weir__suspend_enter("await");
    if (rc < 0)
        return rc;
    struct sched *s = weir__sched;
    struct weir_task *t = take_task ? *take_task : NULL;
    task_assert(t, "weir_await");
    if (t == s->current)
        return weir__failf(-EDEADLK, "await", t->name, "a task cannot await itself");
    if (t->state != TASK_ENDED) {
        struct await a = {.park = {.abort = await_abort, .what = "await", .on = t}, .task = t};
        awaiters_join(t, &a);
        rc = (int)weir__park(&a.park);
        if (t->state != TASK_ENDED)
            return weir__fail(rc, "await", t->name);
    }
    (void)group_of_task(t);
    rc = take_result(t, ret_args, size);
    *take_task = NULL;
    weir__task_unref(s, t);
    return rc;
}

void weir_task_release(struct weir_task **take_task) {
    if (take_task == NULL || *take_task == NULL)
        return;
    struct sched *s = weir__sched;
    struct weir_task *t = *take_task;
    task_assert(t, "weir_task_release");
    struct group *g = group_of_task(t);
    *take_task = NULL;
    if (t->unread && t->refs == 1) {
        t->unread = false;
        weir__group_child_failed(g, t, t->result, t->error);
    }
    weir__task_unref(s, t);
}
