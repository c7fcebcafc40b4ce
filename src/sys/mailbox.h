/* SPDX-License-Identifier: MIT */
/* mailbox.h - how other threads hand work to a loop: a stack of posts and a latch, in an object
 * that is counted, so that it outlives the loop. A post is a node in its owner's memory: a push
 * allocates nothing, and only a closed mailbox refuses it. The owner of a mailbox is the thread
 * that takes from it. Everything else here may be called by any thread.
 *
 * Example: a helper thread that brings a finished job home.
 *   struct job { struct weir__post post; struct weir__mailbox *home; ... };
 *   j->home = weir__mailbox_ref(&l->mail);               loop thread: before the job begins
 *   struct weir__mailbox *home = j->home;                helper thread: the job has finished
 *   if (weir__mailbox_push(home, &j->post) < 0)
 *       job_free(j);                                     the loop has closed: nobody waits
 *   weir__mailbox_unref(home);                           (a weir_loop: weir__loop_unref)
 * and the loop calls j->post.fn(&j->post, false). The reference is the pushing thread's: fn may run
 * before weir__mailbox_push returns, so fn does not give it back. */
#ifndef WEIR_SYS_MAILBOX_H
#define WEIR_SYS_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <weir/base.h>

struct weir__latch;

struct weir__post {
    struct weir__post *next; /* the mailbox's from the push until fn is called */
    /* Called once for each push that returned 0, on the owner's thread. The node belongs to its
     * owner again, and may be pushed again or freed. dropped: the mailbox closes and the post was
     * not delivered; fn gives back what belongs to p, and does nothing else. */
    void (*fn)(struct weir__post *p, bool dropped);
};

struct weir__mailbox {
    _Atomic unsigned refs;
    _Atomic(struct weir__post *) posts; /* newest first, or a mark: see mailbox.c */
    struct weir__latch *latch;          /* counted too */
};

/* Make m, whose memory the caller has, with one reference. It takes a reference to latch. */
void weir__mailbox_init(struct weir__mailbox *m, struct weir__latch *latch);

struct weir__mailbox *weir__mailbox_ref(struct weir__mailbox *m);
/* Returns true for the last reference: the caller then frees the memory of m, which is closed (or
 * was never used). */
bool weir__mailbox_unref(struct weir__mailbox *m);

/* Push p. Posts of one thread keep their order. Rings the latch only if the owner waits.
 * Returns 0; WEIR_ECLOSED; WEIR_EFORKED (this process is a fork child, and m is its parent's). On
 * error fn will not be called. The caller holds a reference until the call returns. */
int weir__mailbox_push(struct weir__mailbox *m, struct weir__post *p);

/* The owner. Take all posts, oldest first, linked by next. */
struct weir__post *weir__mailbox_take(struct weir__mailbox *m);

/* The owner, who is about to wait: the next push rings the latch. It stays so until the next take.
 * Returns false, and changes nothing, if there are posts to take. */
bool weir__mailbox_wait(struct weir__mailbox *m);

/* The owner. Refuse all later pushes. Returns the posts that were not taken, oldest first: the
 * caller calls fn(p, true) for each. */
struct weir__post *weir__mailbox_close(struct weir__mailbox *m);

/* In a fork child: m is the parent's. Later pushes are refused; what was pushed before is lost. */
void weir__mailbox_forked(struct weir__mailbox *m);

bool weir__mailbox_closed(const struct weir__mailbox *m); /* or forked */
bool weir__mailbox_is_parents(const struct weir__mailbox *m);

/* Is there nothing to take? Without order: a push at the same time may or may not be seen. */
extern struct weir__post weir__mailbox_waits; /* the mark of an owner that waits: see mailbox.c */
static inline bool weir__mailbox_empty(const struct weir__mailbox *m) {
    const struct weir__post *head = atomic_load_explicit(&m->posts, memory_order_relaxed);
    return head == NULL || head == &weir__mailbox_waits;
}

#endif
