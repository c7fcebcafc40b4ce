/* SPDX-License-Identifier: MIT */
/* await.c - what happens when a task ends: hooks that run then, tasks that wait for it, and handles
 * that are given back. */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "task/deadlock.h"
#include "task/internal.h"

/* ---- hooks that run when a task ends: a ring, so that adding one costs the same with many ---- */

static void hang(struct weir_task *t, struct weir__at_end *e) {
    struct weir__at_end *last = t->at_end;
    e->task = t;
    e->next = last ? last->next : e;
    e->prev = last ? last : e;
    e->next->prev = e->prev->next = e;
    t->at_end = e;
}

void weir__at_end_add(struct weir__at_end *e, void (*ended)(struct weir__at_end *e)) {
    WEIR_CHECK(e->task == NULL && weir__sched->current != NULL);
    e->ended = ended;
    hang(weir__sched->current, e);
}

void weir__at_end_add_to(struct weir_task *t, struct weir__at_end *e,
                         void (*ended)(struct weir__at_end *e)) {
    WEIR_CHECK(e->task == NULL && t->state != TASK_ENDED);
    e->ended = ended;
    hang(t, e);
}

struct weir__at_end *weir__at_end_find(void (*ended)(struct weir__at_end *e)) {
    struct weir__at_end *last = weir__sched->current->at_end, *e = last;
    while (e != NULL && (e = e->next)->ended != ended)
        if (e == last)
            return NULL;
    return e;
}

void weir__at_end_remove(struct weir__at_end *e) {
    struct weir_task *t = e->task;
    if (t == NULL)
        return;
    if (t->at_end == e)
        t->at_end = e->prev != e ? e->prev : NULL;
    e->prev->next = e->next;
    e->next->prev = e->prev;
    e->task = NULL;
}

/* An error inside a hook is not the task's error: the record is put back. */
static void run_one(struct weir_task *t, struct weir__at_end *e) {
    weir__at_end_remove(e);
    struct weir_error kept = t->stack->error;
    e->ended(e);
    t->stack->error = kept;
}

/* A lock or the like that lies in a frame of the function that has returned cannot be looked at any
 * more: calls made since have written over it. */
static void check_alive(const struct weir_task *t, const struct weir__at_end *e,
                        const void *frame) {
    if ((const void *)e < frame && (const uint8_t *)e >= t->stack->low)
        WEIR_BUG("task '%s' (spawned at %s:%d) ended while it held a lock, a borrowed unit or the "
                 "like that lay in its function's frame: give it back before the function returns",
                 t->name, t->site->file, t->site->line);
}

void weir__at_end_run(struct weir_task *t, const void *frame) {
    while (t->at_end != NULL) {
        check_alive(t, t->at_end, frame);
        check_alive(t, t->at_end->next, frame);
        check_alive(t, t->at_end->next->next, frame); /* run_one takes the next out of the ring */
        run_one(t, t->at_end->next);
    }
}

/* ---- waiting for a task ---- */

bool weir__task_has_ended(const struct weir_task *t, const char *call) {
    task_assert(t, call);
    return t->state == TASK_ENDED;
}

int weir__task_result(const struct weir_task *t) {
    return t->result;
}

int weir__task_look(const struct weir_task *t) {
    if (t->result < 0 && t->error != NULL)
        *weir__error_here() = *t->error;
    else if (t->result < 0) /* it kept none, or memory was short */
        weir__error_forget(t->result);
    return t->result;
}

struct weir__waitq *weir__task_awaiters(struct weir_task *t) {
    return &t->awaiters;
}

static int take_result(struct weir_task *t, void *ret_args, size_t size) {
    int rc = weir__task_look(t);
    if (ret_args != NULL)
        memcpy(ret_args, weir__task_args(t), size < t->args_size ? size : t->args_size);
    if (t->unread)
        weir__error_settled(t->error_number); /* once, even if several handles read the error */
    t->unread = false;
    return rc;
}

/* A waiter holds the task besides its handle. It calls this if, when it wakes, it was the last to
 * hold the task. */
static _Noreturn __attribute__((cold)) void handle_was_given_back(const struct weir_task *t) {
    WEIR_BUG("weir_await: the handle of task '%s' was given back, by another await or a release, "
             "while it was awaited: each waiter needs its own (weir_task_ref)", t->name);
}

struct weir_task *weir__what_awaited(const void *on) {
    return (struct weir_task *)(uintptr_t)on;
}

static const struct weir__what awaits = {
    .text = "await", .kind = WEIR__ON_TASK, .owner = weir__what_awaited};

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
        if ((rc = weir__deadlock_refuse(&awaits, t)) < 0)
            return rc;
        t->refs++;
        rc = (int)weir__waitq_wait(&t->awaiters, NULL, &awaits, t);
        if (--t->refs == 0)
            handle_was_given_back(t);
        if (t->state != TASK_ENDED)
            return weir__fail_wait(rc, "await", t->name);
    }
    return weir__task_take(take_task, ret_args, size);
}

int weir__task_take(struct weir_task **take_task, void *ret_args, size_t size) {
    struct weir_task *t = *take_task;
    WEIR_CHECK(t->state == TASK_ENDED);
    (void)group_of_task(t);
    int rc = take_result(t, ret_args, size);
    *take_task = NULL;
    weir__task_unref(weir__sched, t);
    return rc;
}

void weir__task_join(struct weir_task *t, const struct weir__what *what) {
    struct weir__wait wait;
    struct weir__waiter w;
    if (t->state == TASK_ENDED)
        return;
    weir__deadlock_break(what, t);
    weir__wait_begin(&wait, what, t);
    wait.park.abort = NULL;
    weir__wait_add(&wait, &w, &t->awaiters, NULL);
    weir__wait_park(&wait);
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
