/* SPDX-License-Identifier: MIT */
/* mailbox.c - the stack of posts. The head of the stack also says whether the owner waits, so that
 * one word decides who must wake it:
 *   NULL     the owner is busy and will look at the stack: push, do not ring
 *   waiting  the owner waits, or is about to: the push replaces this mark, and that thread rings
 *   a post   another thread has pushed since the owner last looked: push, do not ring
 *   closed   the owner has closed the mailbox and will not look again: the post is refused
 *   forked   this process is a fork child and the owner is its parent's: the post is refused */
#include "sys/mailbox.h"

#include "base/check.h"
#include "sys/latch.h"

struct weir__post weir__mailbox_waits; /* marks, never called */
static struct weir__post closed, forked;

void weir__mailbox_init(struct weir__mailbox *m, struct weir__latch *latch) {
    atomic_init(&m->refs, 1);
    atomic_init(&m->posts, NULL);
    m->latch = weir__latch_ref(latch);
}

struct weir__mailbox *weir__mailbox_ref(struct weir__mailbox *m) {
    unsigned before = atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    WEIR_CHECK(before > 0);
    return m;
}

bool weir__mailbox_unref(struct weir__mailbox *m) {
    unsigned before = atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel);
    WEIR_CHECK(before > 0);
    if (before > 1)
        return false;
    weir__latch_unref(m->latch);
    return true;
}

static bool refuses(const struct weir__post *head) {
    return head == &closed || head == &forked;
}

bool weir__mailbox_closed(const struct weir__mailbox *m) {
    return refuses(atomic_load_explicit(&m->posts, memory_order_relaxed));
}

bool weir__mailbox_is_parents(const struct weir__mailbox *m) {
    return atomic_load_explicit(&m->posts, memory_order_relaxed) == &forked;
}

/* When this thread rings the latch, the owner may already have called p's function and closed: so
 * the mailbox holds a reference to the latch, and the caller one to the mailbox. */
int weir__mailbox_push(struct weir__mailbox *m, struct weir__post *p) {
    struct weir__post *head = atomic_load_explicit(&m->posts, memory_order_relaxed);
    do {
        if (refuses(head))
            return head == &closed ? WEIR_ECLOSED : WEIR_EFORKED;
        p->next = head == &weir__mailbox_waits ? NULL : head;
    } while (!atomic_compare_exchange_weak_explicit(&m->posts, &head, p, memory_order_release,
                                                    memory_order_relaxed));
    if (head == &weir__mailbox_waits)
        weir__latch_ring(m->latch);
    return 0;
}

/* Take all posts, oldest first, and leave mark in their place. */
static struct weir__post *take(struct weir__mailbox *m, struct weir__post *mark) {
    struct weir__post *newest = atomic_exchange_explicit(&m->posts, mark, memory_order_acquire);
    struct weir__post *oldest = NULL;
    if (newest == &weir__mailbox_waits)
        return NULL;
    WEIR_CHECK(!refuses(newest));
    while (newest != NULL) {
        struct weir__post *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

struct weir__post *weir__mailbox_take(struct weir__mailbox *m) {
    bool is_bare = atomic_load_explicit(&m->posts, memory_order_relaxed) == NULL;
    return is_bare ? NULL : take(m, NULL);
}

bool weir__mailbox_wait(struct weir__mailbox *m) {
    struct weir__post *none = NULL;
    return atomic_compare_exchange_strong_explicit(&m->posts, &none, &weir__mailbox_waits,
                                                   memory_order_relaxed, memory_order_relaxed)
           || none == &weir__mailbox_waits;
}

/* One exchange takes the last posts and sets the mark. So a post is either returned here, or it
 * comes later and is refused. */
struct weir__post *weir__mailbox_close(struct weir__mailbox *m) {
    return take(m, &closed);
}

void weir__mailbox_forked(struct weir__mailbox *m) {
    atomic_store_explicit(&m->posts, &forked, memory_order_relaxed);
}
