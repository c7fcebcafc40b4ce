/* SPDX-License-Identifier: MIT */
/* op.c - the cancel point at the head of a call, and how a task waits for one op. */
#include <errno.h>

#include "base/check.h"
#include "base/log.h"
#include "loop/debug.h"
#include "task/internal.h"
#include "task/marks.h"

enum { IN_ROW_WARN = 1000, PREFETCH_LINES = 13, BYTES_PER_CALL = 1024 };

static __thread bool forked_child;

/* Called in a fork child (drive.c registers it): the loop of this thread belongs to the parent. */
void weir__op_after_fork(void) {
    forked_child = weir__sched != NULL;
    weir__sched = NULL;
}

bool weir__is_fork_child(void) {
    return forked_child && weir__sched == NULL;
}

int weir__no_loop(const char *what) {
    if (forked_child)
        return weir__fail(WEIR_EFORKED, what, NULL);
    if (weir__sched != NULL)
        return weir__failf(WEIR_ENOLOOP, what, NULL,
                           "not inside a task: posted functions and callbacks must not suspend");
    return weir__failf(WEIR_ENOLOOP, what, NULL,
                       "no loop runs on this thread: call it from the function given to weir_run");
}

/* A program may loop over calls that all return at once. So each such return lets the other tasks
 * run once. */
static __attribute__((cold)) int fired(struct sched *s, const char *what) {
    struct weir_task *t = s->current;
    s->fired_in_row = s->fired_task == t ? s->fired_in_row + 1 : 1;
    s->fired_task = t;
    if (s->fired_in_row == IN_ROW_WARN)
        weir__log(WEIR_LOG_WARNING,
                  "task '%s' (%s:%d) called '%s' %d times after its scope fired: does it look at "
                  "the result?",
                  t->name, t->site->file, t->site->line, what, IN_ROW_WARN);
    weir__yield_now(s);
    return weir__fail(t->felt, what, NULL);
}

void weir__mark(void) {
    marks_point();
    if (__builtin_expect(++weir__marks == weir__cancel_at_mark, 0) && weir_task_current() != NULL)
        weir_task_cancel(weir_task_current(), "cancel-at-N");
}

static inline int enter(struct sched *s, const char *what, const void *frame) {
    scope_alive(s->current, frame);
    if (__builtin_expect(s->current->felt != 0, 0))
        return fired(s, what);
    s->fired_task = NULL;
    return 0;
}

/* A test cancels the task at this very call. */
static __attribute__((cold, noinline)) int enter_cancelled(const char *what, const void *frame) {
    weir_task_cancel(weir_task_current(), "cancel-at-N");
    return enter(weir__sched, what, frame);
}

/* What is rare is left by a tail call: so the way through keeps nothing on the stack. */
int weir__suspend_enter_from(const char *what, const void *frame) {
    struct sched *s = weir__sched;
    marks_point();
    if (__builtin_expect(s == NULL || s->current == NULL, 0))
        return weir__no_loop(what);
    if (__builtin_expect(++weir__marks == weir__cancel_at_mark, 0))
        return enter_cancelled(what, frame);
    return enter(s, what, frame);
}

/* On another loop, or outside of a task. l is NULL if the caller's object is. */
static __attribute__((cold, noinline)) int enter_elsewhere(struct weir__loop *l, const char *what,
                                                           const void *frame) {
    int rc = weir__suspend_enter_from(what, frame);
    if (rc == 0 && l != NULL)
        weir__loop_assert(l, NULL, what);
    return rc;
}

int weir__suspend_enter_on_from(struct weir__loop *l, const char *what, const void *frame) {
    struct sched *s = weir__sched;
    if (__builtin_expect(l == NULL || s != (struct sched *)(void *)l || s->current == NULL, 0))
        return enter_elsewhere(l, what, frame);
    marks_point();
    if (__builtin_expect(++weir__marks == weir__cancel_at_mark, 0))
        return enter_cancelled(what, frame);
    return enter(s, what, frame);
}

bool weir__breathe(void) {
    struct sched *s = weir__sched;
    if (__builtin_expect(--s->loop.slice > 0, 1))
        return false;
    weir__slice_over(s);
    return true;
}

bool weir__breathe_bytes(size_t len) {
    struct sched *s = weir__sched;
    size_t calls = len / BYTES_PER_CALL;
    if (__builtin_expect(calls < s->loop.slice, 1)) {
        s->loop.slice -= (unsigned)calls;
        return false;
    }
    weir__slice_over(s);
    return true;
}

struct op_wait {
    struct weir__park park;
    struct weir__op *op;
};

static int op_abort(struct weir__park *p) {
    struct op_wait *w = WEIR_CONTAINER(p, struct op_wait, park);
    return weir__cancel(weir__sched->loop.backend, w->op);
}

/* A turn wakes many tasks before the first of them runs. Meanwhile the lines of each one's stack
 * can be fetched, from the stack's head down, which its calls will return through: with 5,000 tasks
 * no cache holds them. The wake itself must touch none of these lines, so an op points to its task
 * and not to the park, which lies on the stack. */
static void stack_prefetch(const struct weir_task *t) {
    const char *top = (const char *)t->stack;
    for (int i = 0; i < PREFETCH_LINES; i++)
        __builtin_prefetch(top - (ptrdiff_t)64 * i);
}

static void op_wake(struct weir__op *op) {
    struct weir_task *t = op->waiter;
    stack_prefetch(t);
    weir__unpark_task(t);
}

/* Also when the backend answers a cancel by WEIR__DONE, op->result may be that of the finished
 * op. */
int64_t weir__op_await(struct weir__op *op, const struct weir__what *what, const void *on) {
    struct sched *s = weir__sched;
    op->wake = op_wake;
    if (weir__submit(s->loop.backend, op) == WEIR__DONE)
        return op->result;
    struct op_wait w = {.park = {.abort = op_abort, .what = what, .on = on}, .op = op};
    op->waiter = s->current;
    weir__park(&w.park);
    return op->result == -ECANCELED && s->current->felt != 0 ? s->current->felt : op->result;
}

int64_t weir__op_now(struct weir__loop *l, struct weir__op *op) {
    int state = weir__submit(l->backend, op);
    WEIR_CHECK(state == WEIR__DONE);
    return op->result;
}

struct weir__loop *weir__loop(void) {
    return weir__sched ? &weir__sched->loop : NULL;
}

void weir__is_null(const char *call) {
    WEIR_BUG("%s: the object is NULL (never made? closed already?)", call);
}

void weir__argument_is_null(const char *call, const char *what) {
    WEIR_BUG("%s: the %s is NULL", call, what);
}

int weir__loop_enter(struct weir__loop *l, const void *object, const char *call) {
    if (__builtin_expect(weir__loop() == l, 1))
        return 0;
    if (weir__loop_is_parents(l))
        return weir__fail(WEIR_EFORKED, call, NULL);
    weir__loop_assert(l, object, call);
    return 0;
}

/* Apart, so that a good call makes no room for the text. */
static __attribute__((cold, noinline)) void loop_is_other(struct weir__loop *l, const void *object,
                                                          const char *call) {
    struct weir__loop *here = weir__loop();
    const char *before = here ? "loop '" : "no loop", *name = here ? here->handle->name : "",
               *behind = here ? "'" : "";
    char theirs[WEIR__LOOP_TEXT];
    weir__loop_text(l, theirs);
    if (*theirs == 'l')
        WEIR_BUG("%s: the object belongs to %s, but this thread runs %s%s%s", call, theirs, before,
                 name, behind);
    weir__debug_not_closed(here, object, call, NULL);
    WEIR_BUG("%s: the object was closed already, or belongs to %s (this thread runs %s%s%s)%s",
             call, theirs, before, name, behind,
             here != NULL && here->debug == NULL ? ": WEIR_DEBUG=1 may say where" : "");
}

void weir__loop_assert(struct weir__loop *l, const void *object, const char *call) {
    if (__builtin_expect(weir__loop() != l, 0))
        loop_is_other(l, object, call);
}
