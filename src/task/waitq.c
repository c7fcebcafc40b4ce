/* SPDX-License-Identifier: MIT */
/* waitq.c - the parts of the wait queue that are not inlined: parking, cancelling, several queues,
 * waking all. */
#include "task/waitq.h"

#include "task/internal.h"

void weir__wait_end(struct weir__wait *wait) {
    for (struct weir__waiter *w = wait->all; w != NULL; w = w->sibling)
        weir__waiter_remove(w);
}

void weir__wait_leave_others(struct weir__wait *wait) {
    weir__wait_end(wait);
}

int weir__wait_abort(struct weir__park *p) {
    weir__wait_end(WEIR_CONTAINER(p, struct weir__wait, park));
    return WEIR__DONE;
}

int64_t weir__wait_park(struct weir__wait *wait) {
    struct weir_task *t = weir__sched->current;
    WEIR_CHECK(wait->all != NULL);
    if (__builtin_expect(wait->won != NULL, 0))
        return wait->park.result;
    if (__builtin_expect(t->felt != 0 && wait->park.abort != NULL, 0)) {
        wait->park.abort(&wait->park);
        return t->felt;
    }
    return weir__park(&wait->park);
}

/* A function granted may do anything to the queue, and free it. So what is left moves to a queue of
 * our own first, in which waiters can be cancelled and removed as before. */
static size_t wake_apart(struct weir__waitq *q, int64_t result) {
    struct weir__waitq ours = {q->tail};
    size_t n = 0;
    q->tail = NULL;
    for (struct weir__waiter *w = weir__waitq_first(&ours); w->in == q; w = w->next)
        w->in = &ours;
    for (struct weir__waiter *w; (w = weir__waitq_first(&ours)) != NULL; n++)
        weir__waiter_grant(w, result);
    return n;
}

size_t weir__waitq_wake_all(struct weir__waitq *q, int64_t result) {
    size_t n = 0;
    struct weir__waiter *w;
    for (; (w = weir__waitq_first(q)) != NULL && w->wait != NULL; n++)
        weir__waiter_grant(w, result);
    return w != NULL ? n + wake_apart(q, result) : n;
}
