/* SPDX-License-Identifier: MIT */
/* shared.h - what the shared kinds have in common: a reference count, a lock, and waiters, each of
 * them a task of any loop or a plain thread. Only files of this room include it.
 *
 * A waiter lies in the frame of its call and stands in a list of its object. To end its wait,
 * another thread takes it out of the list and either tells it a result, or offers it something that
 * it then claims on its own thread:
 *
 *                 tell                            -> TOLD (w->rc)
 *   WAITS --------offer--> OFFERED --claim--------> TOLD
 *     |  ^                   |  |
 *     |  '----in vain--------'  |
 *     '---cancel, time over-----'-----------------> LEFT: the object passes the offer on
 *
 * A change to OFFERED or TOLD wakes: a thread by its condition, a task by the node in the frame,
 * posted to its loop. A task whose node is posted stays parked until the node has arrived, also if
 * it is cancelled meanwhile. Each state changes under the object's lock only. */
#ifndef WEIR_THREAD_SHARED_H
#define WEIR_THREAD_SHARED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "task/task.h"

struct weir__shared { /* every shared object begins with it */
    _Atomic unsigned refs;
    unsigned forks; /* how many forks this process was away from the first one when it was made */
    const struct weir_site *site;
    pthread_mutex_t lock;
    size_t waiting;   /* waits that have begun and not ended; also those that are in no list */
    uint64_t tickets; /* waits that have begun */
};

enum weir__sharer_state { WEIR__WAITS, WEIR__OFFERED, WEIR__TOLD, WEIR__LEFT };

struct weir__sharer {
    struct weir__park park;
    struct weir__list link; /* in `in` while the state is WEIR__WAITS. While it is WEIR__OFFERED
                             * the object may have it in a list of its own */
    struct weir__post woken;
    struct weir_loop *loop; /* a reference while it WAITS; NULL: a plain thread waits */
    pthread_cond_t told;    /* of a plain thread */
    struct weir__shared *on;
    struct weir__list *in; /* the list in which it waits, by ticket */
    uint64_t ticket;
    const struct weir__sharer_ops *ops;
    void *item; /* the object's own use */
    int rc;
    enum weir__sharer_state state;
};

struct weir__sharer_ops { /* the lock is held */
    /* w was offered something. Take it, set w->rc and return true; or return false: there is
     * nothing left for it, or it is for an older one, and w waits again in its old place. NULL:
     * nothing is ever offered. */
    bool (*claim)(struct weir__sharer *w);
    /* w has left; it had an offer, which now is the next one's. NULL: nothing to do. */
    void (*left)(struct weir__sharer *w, bool had_offer);
};

/* Make s, with one reference. */
void weir__shared_init(struct weir__shared *s, const struct weir_site *site);
void weir__shared_ref(struct weir__shared *s, const char *call);
/* Returns true for the last reference: the caller frees what s holds, calls weir__shared_fini, and
 * frees s. Aborts if it is the last and something waits. */
bool weir__shared_unref(struct weir__shared *s, const char *call);
void weir__shared_fini(struct weir__shared *s);

/* Is this process a fork child, and s its parent's? Then the lock may be held by a thread that is
 * not here. */
bool weir__shared_is_parents(const struct weir__shared *s);

/* Before a call that may wait: the cancel point of a task. what->text is the call. Returns 0;
 * -ECANCELED, -ETIME, WEIR_EFORKED; -EBUSY in a posted function or a callback. */
int weir__shared_enter(struct weir__shared *s, const struct weir__what *what, const void *frame);

/* The lock is held. Wait at the end of list, for at most timeout_ns. Unlocks. Returns w->rc, or
 * -ECANCELED or -ETIME: then it was told and has claimed nothing. w->ops and w->item are set. */
int weir__shared_wait(struct weir__shared *s, struct weir__sharer *w, struct weir__list *list,
                      weir_ns timeout_ns, const struct weir__what *what);

/* The lock is held, and w is in a list. */
void weir__shared_offer(struct weir__sharer *w);
void weir__shared_tell(struct weir__sharer *w, int rc);

/* The waiter that is served next; NULL: the list is empty. */
static inline struct weir__sharer *weir__shared_first(const struct weir__list *list) {
    return weir__list_empty(list) ? NULL : WEIR_CONTAINER(list->next, struct weir__sharer, link);
}

#endif
