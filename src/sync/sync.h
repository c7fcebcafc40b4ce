/* SPDX-License-Identifier: MIT */
/* sync.h - what every primitive of this room begins with: the queue of tasks that wait, the loop
 * that it belongs to, the place where it was initialised, statistics. And how a primitive joins
 * weir_select. Only files of this room and its tests include it. */
#ifndef WEIR_SYNC_SYNC_H
#define WEIR_SYNC_SYNC_H

#include <assert.h>
#include <stddef.h>
#include <weir/sync.h>

#include "base/check.h"
#include "base/options.h"
#include "task/deadlock.h"
#include "task/task.h"
#include "task/waitq.h"

struct weir__sync { /* behind struct weir_sync */
    struct weir__waitq queue;
    const struct weir_site *site; /* where it was initialised; NULL: an all-zero one */
    const char *kind;             /* "mutex"; NULL until the first call if it was all zero */
    uint16_t loop;                /* number of the loop that it belongs to; 0: none yet */
    uint8_t state;                /* the primitive's own use */
    bool closed;                  /* the primitive's own use */
    uint32_t waiting;             /* tasks in the queue, without those of weir_select */
    uint32_t peak, room;          /* of waiting; room: the primitive's own use */
    uint64_t waits, calls;
};
static_assert(sizeof(struct weir__sync) <= sizeof(struct weir_sync), "public size is ABI");

static inline struct weir__sync *weir__sync_of(struct weir_sync *s) {
    return (struct weir__sync *)(void *)s;
}

/* The static struct weir__what of a call: its name, the kind of its primitive, and who owns that
 * (NULL: such a primitive has no owner). */
#define WEIR__SYNC_WHAT(call, kind_, owner_)                                                       \
    {.text = (call), .kind = WEIR__ON_SYNC, .object = (kind_), .owner = (owner_),                  \
     .site_at = offsetof(struct weir__sync, site)}

/* Make it an empty one. */
void weir__sync_init(struct weir__sync *s, const char *kind, const struct weir_site *site);

/* Abort if it belongs to another loop that runs, or if a task waits: name the primitive, its place,
 * the first waiter. */
void weir__sync_fini(struct weir__sync *s, const char *kind, const char *call);

/* The rare half of the two below: the first call, or a call from another loop or thread, which
 * aborts. */
void weir__sync_adopt(struct weir__sync *s, const char *kind, const char *call)
    __attribute__((cold));

/* For calls that never wait. Any place of the loop's thread; a primitive that has no loop yet may
 * be touched from a thread that has none. */
static inline void weir__sync_touch(struct weir__sync *s, const char *kind, const char *call) {
    struct weir__loop *l = weir__loop_here();
    if (__builtin_expect(l == NULL || s->loop != l->number, 0))
        weir__sync_adopt(s, kind, call);
    s->calls++;
}

/* The rare half of the next: abort if the primitive belongs to another loop that runs. */
void weir__sync_look_elsewhere(const struct weir__sync *s, const char *call)
    __attribute__((cold));

/* For calls that only look: they are not counted, and give the primitive to no loop. */
static inline void weir__sync_look(const struct weir__sync *s, const char *call) {
    struct weir__loop *l = weir__loop_here();
    if (__builtin_expect(l == NULL || s->loop != l->number, 0))
        weir__sync_look_elsewhere(s, call);
}

/* Let the others run. Returns what the task feels then, with a record of the call what; or 0. */
int weir__sync_breathe(const char *what) __attribute__((cold));

/* A call that need not wait counts as a slice of this task's turn: now and then it lets the others
 * run, before it looks at anything. Returns as weir__sync_breathe. */
static inline int weir__sync_slice(struct weir__loop *l, const char *what) {
    if (__builtin_expect(weir__must_breathe(l), 0))
        return weir__sync_breathe(what);
    weir__breathe_in(l);
    return 0;
}

/* For calls that may wait, behind weir__suspend_enter, with the same what. Returns as
 * weir__sync_breathe: below 0, the call must fail with that and has touched nothing. */
static inline int weir__sync_enter(struct weir__sync *s, const char *kind, const char *call,
                                   const char *what) {
    struct weir__loop *l = weir__loop_here();
    if (__builtin_expect(s->loop != l->number, 0))
        weir__sync_adopt(s, kind, call);
    s->calls++;
    return weir__sync_slice(l, what);
}

/* "the mutex initialised at FILE:LINE" */
enum { WEIR__SYNC_TEXT = 160 };
const char *weir__sync_text(const struct weir__sync *s, char buf[static WEIR__SYNC_TEXT]);

/* ---- waiting --------------------------------------------------------------------------------- */

/* The wait of one task in one primitive, in the frame of the call. */
struct weir__sync_wait {
    struct weir__wait wait;
    struct weir__waiter waiter;
    struct weir__sync *sync;
    /* If not NULL: called when a cancel has taken the waiter out of the queue, so that those behind
     * it may go on. Must not suspend. */
    void (*left)(struct weir__sync *s);
};

/* Wait at the end of s's queue. Returns the granter's result, or -ECANCELED or -ETIME; below 0 with
 * a record of the error. what->text is the call. */
int weir__sync_wait(struct weir__sync *s, void *slot, const struct weir__what *what,
                    void (*left)(struct weir__sync *s));

/* The same, in a frame of the caller's, for one that changes the wait before it parks. */
void weir__sync_wait_begin(struct weir__sync *s, struct weir__sync_wait *sw, void *slot,
                           const struct weir__what *what, void (*left)(struct weir__sync *s));
int weir__sync_wait_park(struct weir__sync_wait *sw, const struct weir__what *what);

/* Does w count in s->waiting? A waiter of weir_select does not: it leaves its other queues without
 * touching what they belong to, which may be gone. It is known by its hook, which no other waiter
 * of this room has. */
static inline bool weir__sync_counts(const struct weir__waiter *w) {
    return w->wait != NULL && w->wait->park.abort != weir__wait_abort;
}

/* Grant w, which waits in s. Every grant of this room is made here, so that s->waiting is right.
 * The granted task does not touch s any more: s may be gone when it runs. */
static inline void weir__sync_grant(struct weir__sync *s, struct weir__waiter *w, int64_t result) {
    s->waiting -= weir__sync_counts(w);
    weir__waiter_grant(w, result);
}

/* Grant all that wait, in order. Returns how many. */
size_t weir__sync_grant_all(struct weir__sync *s, int64_t result);

/* ---- select ---------------------------------------------------------------------------------- */

/* How a primitive is a case of weir_select. item is the case's: where to put, or what to give. */
struct weir__select_ops {
    const char *text; /* of the case in messages: "event", "recv" */
    /* Loop check, as weir__sync_touch; and item_size, which is 0 where the case has no item. NULL:
     * nothing to check. */
    void (*check)(void *object, size_t item_size);
    /* If the case can happen now without overtaking a waiter, let it happen and return its rc. Else
     * -EAGAIN, and nothing has changed. */
    int (*attempt)(void *object, void *item);
    /* Both in one, where it is worth it; or NULL. */
    int (*check_attempt)(void *object, size_t item_size, void *item);
    /* Put w at the end of the right queue (weir__wait_add), with the slot that the granter
     * expects. */
    void (*enlist)(void *object, void *item, struct weir__wait *wait, struct weir__waiter *w);
    /* w was granted with result: the case's rc. It must not touch the object, which may be gone,
     * unless its contract says that it lives. NULL: the result is the rc. */
    int (*won)(void *object, void *item, struct weir__waiter *w, int64_t result);
};

/* What a case has room for. */
struct weir__case_place {
    struct weir__waiter waiter;
    uint64_t number; /* the primitive's own use, from enlist to won */
};

#endif
