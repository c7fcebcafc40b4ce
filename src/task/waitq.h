/* SPDX-License-Identifier: MIT */
/* waitq.h - the one queue in which tasks wait: for a lock, an item, a task's end. A wake is a
 * grant: it takes one waiter out of the queue, and that waiter has what it waited for. A task may
 * wait in several queues at once and is granted by one of them. Nothing is allocated: everything
 * lies in the frame of the task that waits. doc/design/wait.md draws it, and has the table of what
 * happens when a cancel and a grant meet. */
#ifndef WEIR_TASK_WAITQ_H
#define WEIR_TASK_WAITQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "task/task.h"

/* A ring of waiters, of which the queue knows the last. All zero: an empty queue. The queue keeps
 * no count. Its memory must stay while it has waiters. */
struct weir__waitq {
    struct weir__waiter *tail;
};

/* One place in one queue. All zero: it stands in no queue. */
struct weir__waiter {
    struct weir__waiter *next, *prev;
    struct weir__waitq *in; /* NULL: it stands in no queue */
    void *slot;             /* where the granter puts what it gives, or finds what is wanted */
    struct weir__wait *wait; /* of the task that waits; NULL: no task does, granted is called */
    union {
        struct weir__waiter *sibling; /* the next waiter of the same wait */
        /* The waiter was granted and stands in no queue any more. Runs inside the grant, on any
         * stack of the loop's thread; must not suspend. It may free the waiter, and use any queue,
         * this one too. */
        void (*granted)(struct weir__waiter *w);
    };
};

/* The wait of one task, in one queue or several. */
struct weir__wait {
    struct weir__park park;
    struct weir__waiter *won; /* the waiter that was granted; NULL: none yet */
    struct weir__waiter *all; /* its waiters, through sibling */
};

/* ---- a queue --------------------------------------------------------------------------------- */

static inline bool weir__waitq_empty(const struct weir__waitq *q) {
    return q->tail == NULL;
}

/* The waiter that is granted next; NULL: the queue is empty. */
static inline struct weir__waiter *weir__waitq_first(const struct weir__waitq *q) {
    return q->tail != NULL ? q->tail->next : NULL;
}

/* The waiter behind w in its queue; NULL: w is the last. */
static inline struct weir__waiter *weir__waitq_next(const struct weir__waiter *w) {
    return w->in->tail != w ? w->next : NULL;
}

/* Put w, which stands in no queue, behind all others. */
static inline void weir__waitq_add(struct weir__waitq *q, struct weir__waiter *w) {
    struct weir__waiter *tail = q->tail;
    w->in = q;
    w->next = tail ? tail->next : w;
    w->prev = tail ? tail : w;
    w->next->prev = w->prev->next = w;
    q->tail = w;
}

/* Put it before all others: for a task whose turn has come already. */
static inline void weir__waitq_add_first(struct weir__waitq *q, struct weir__waiter *w) {
    struct weir__waiter *tail = q->tail;
    weir__waitq_add(q, w);
    if (tail != NULL)
        q->tail = tail; /* a ring: behind the last is before the first */
}

/* Take w out of its queue. Harmless if it stands in none. */
static inline void weir__waiter_remove(struct weir__waiter *w) {
    struct weir__waitq *q = w->in;
    if (q == NULL)
        return;
    if (q->tail == w)
        q->tail = w->prev != w ? w->prev : NULL;
    w->prev->next = w->next;
    w->next->prev = w->prev;
    w->in = NULL;
}

/* ---- grants ---------------------------------------------------------------------------------- */

/* The rest of a grant, where the wait has several waiters. */
WEIR_API void weir__wait_leave_others(struct weir__wait *wait);

/* Grant w, wherever it stands in its queue. The granter has put the value or the permit through
 * w->slot, or does so before it lets another task run (for a waiter without a task: before). w and
 * its siblings leave their queues, so a task that is ready stands in no queue, and no second
 * granter finds it. Its weir__wait_park returns result: 0, or an error that ends the wait. */
static inline void weir__waiter_grant(struct weir__waiter *w, int64_t result) {
    struct weir__wait *wait = w->wait;
    WEIR_CHECK(w->in != NULL);
    weir__waiter_remove(w);
    if (wait == NULL) {
        w->granted(w);
        return;
    }
    wait->won = w;
    if (wait->all->sibling != NULL)
        weir__wait_leave_others(wait);
    if (wait->park.task != NULL)
        weir__unpark(&wait->park, result);
    else
        wait->park.result = result; /* it has not parked yet, and will not */
}

/* Grant the first waiter. Returns it, or NULL if the queue is empty. The waiter is valid until
 * another task runs; if it has no task, until its function granted has been called. */
static inline struct weir__waiter *weir__waitq_grant(struct weir__waitq *q) {
    struct weir__waiter *w = weir__waitq_first(q);
    if (w != NULL)
        weir__waiter_grant(w, 0);
    return w;
}

/* Grant all that wait now, in order, with result. A waiter that is added meanwhile (by a function
 * granted) is not. Returns how many. */
WEIR_API size_t weir__waitq_wake_all(struct weir__waitq *q, int64_t result);

/* ---- waiting --------------------------------------------------------------------------------- */

/* Begin a wait in no queue yet. Then add one waiter or more, and park. Between begin and park no
 * other task runs, so a caller may first look whether it has to wait at all; but then it must call
 * weir__wait_end, or park. To make a wait that a cancel does not cut short, set park.abort to NULL.
 * For more to do on a cancel than to leave the queues, set park.abort to a function that calls
 * weir__wait_abort first. */
static inline void weir__wait_begin(struct weir__wait *wait, const struct weir__what *what,
                                    const void *on);

/* Take a place at the end of q. */
static inline void weir__wait_add(struct weir__wait *wait, struct weir__waiter *w,
                                  struct weir__waitq *q, void *slot) {
    *w = (struct weir__waiter){.slot = slot, .wait = wait, .sibling = wait->all};
    wait->all = w;
    weir__waitq_add(q, w);
}

/* Suspend until one of the waiters is granted or the task is cancelled. wait->won is the waiter
 * that was granted, and the granter's result is returned; or won is NULL, and -ECANCELED or -ETIME
 * is returned: whatever this task feels, nobody has given it anything. A grant that came first wins
 * over a cancel, also if the task has not run yet; the next call that suspends feels the cancel.
 * Afterwards no waiter stands in a queue. Returns at once if one was granted already, or if the
 * task feels a code and the wait may be cut short. */
WEIR_API int64_t weir__wait_park(struct weir__wait *wait);

/* Leave all queues. Needed after a begin and an add without a park. */
void weir__wait_end(struct weir__wait *wait);

/* The abort hook of a wait: leave all queues. Returns WEIR__DONE. */
WEIR_API int weir__wait_abort(struct weir__park *p);

static inline void weir__wait_begin(struct weir__wait *wait, const struct weir__what *what,
                                    const void *on) {
    *wait = (struct weir__wait){.park = {.abort = weir__wait_abort, .what = what, .on = on}};
}

/* All of it for one queue. Returns as weir__wait_park. Inline, since a frame between the caller's
 * and the switch costs a return that the processor may predict wrong. */
static inline __attribute__((always_inline)) int64_t
weir__waitq_wait(struct weir__waitq *q, void *slot, const struct weir__what *what,
                 const void *on) {
    struct weir__wait wait;
    struct weir__waiter w;
    weir__wait_begin(&wait, what, on);
    weir__wait_add(&wait, &w, q, slot);
    return weir__wait_park(&wait);
}

#endif
