/* SPDX-License-Identifier: MIT */
/* await.c - waiting for another task's end, and giving its handle back. */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "task/internal.h"

struct await { /* in the frame of the waiter */
    struct weir__park park;
    struct await *next;
    struct weir_task *task;
};

static int await_abort(struct weir__park *p) {
    struct await *a = WEIR_CONTAINER(p, struct await, park);
    struct await **at = &a->task->awaiters;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    return WEIR__DONE;
}

void weir__awaiters_wake(struct weir_task *t) {
    for (struct await *a = t->awaiters, *next; a != NULL; a = next) {
        next = a->next;
        weir__unpark(&a->park, 0);
    }
    t->awaiters = NULL;
}

static void awaiters_join(struct weir_task *t, struct await *a) {
    struct await **at = &t->awaiters;
    while (*at != NULL) /* first come, first woken */
        at = &(*at)->next;
    *at = a;
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
    struct weir_task *t = *take_task;
    if (t == s->current)
        return weir__failf(-EDEADLK, "await", t->name, "a task cannot await itself");
    if (t->state != TASK_ENDED) {
        struct await a = {.park = {.abort = await_abort, .what = "await", .on = t}, .task = t};
        awaiters_join(t, &a);
        rc = (int)weir__park(&a.park);
        if (t->state != TASK_ENDED)
            return weir__fail(rc, "await", t->name);
    }
    rc = take_result(t, ret_args, size);
    *take_task = NULL;
    weir__task_unref(s, t);
    return rc;
}

void weir_task_release(struct weir_task **take_task) {
    if (take_task == NULL || *take_task == NULL)
        return;
    struct sched *s = weir__sched;
    if (s == NULL)
        WEIR_BUG("weir_task_release: called from a thread without a loop");
    struct weir_task *t = *take_task;
    *take_task = NULL;
    if (t->unread && t->refs == 1) {
        t->unread = false;
        weir__group_child_failed(t->group, t, t->result, t->error);
    }
    weir__task_unref(s, t);
}
