/* SPDX-License-Identifier: MIT */
/* handle.h - struct weir_loop, as users and other threads know a loop: a counted object that
 * outlives the loop. It holds what any thread may touch: where to post, the number, the name. What
 * only the loop's own thread may touch is struct weir__loop (loop.h), in the memory of the
 * scheduler, which goes when the loop closes. */
#ifndef WEIR_LOOP_HANDLE_H
#define WEIR_LOOP_HANDLE_H

#include <stdint.h>
#include <weir/base.h>

#include "base/list.h"
#include "sys/mailbox.h"

enum { WEIR__LOOP_NAME = 48, WEIR__LOOP_WHY = 192 }; /* bytes of the texts, with NUL */

struct weir__loop;

/* The way of weir__loop_post's nodes back to those who post, linked by post.next. A list goes from
 * `run` to `returned` to `kept` as a whole, so nobody ever takes one node from a list that others
 * see. The last unref frees what is there. */
struct weir__spares {
    struct weir__post *run; /* loop thread: have run */
    unsigned run_count;
    _Atomic(struct weir__post *) returned; /* NULL: taken. Then the loop thread alone sets it */
    _Atomic bool taking;                   /* a thread that posts has `kept` to itself */
    struct weir__post *kept;
};

struct weir_loop {
    struct weir__mailbox mail;        /* the reference count, the posts, the latch */
    struct weir__loop *own;           /* the owner's part; NULL once it has closed */
    struct weir__list living;         /* registry.c: this and the next three */
    uint16_t number;                  /* no other living loop has it; never 0 */
    unsigned name_base, name_count;   /* "main-2": 4, 2 */
    char name[WEIR__LOOP_NAME];       /* no other living loop has it */
    char why[WEIR__LOOP_WHY];         /* why this backend was chosen */
    struct weir__spares spares;       /* far from mail in memory: threads that post write to both */
};

/* Any thread. The last unref frees l, which has closed. */
struct weir_loop *weir__loop_ref(struct weir_loop *l);
void weir__loop_unref(struct weir_loop *l); /* NULL is fine */

/* Have the loop call p->fn in a later turn: weir__mailbox_push. Any thread that holds a reference.
 * It allocates nothing, and is refused only by a loop that has closed or is a fork parent's. */
static inline int weir__loop_push(struct weir_loop *l, struct weir__post *p) {
    return weir__mailbox_push(&l->mail, p);
}

/* Have a later turn call fn(arg): a push of a node that is allocated here, or has come back from an
 * earlier post. Returns 0, -ENOMEM,
 * WEIR_ECLOSED or WEIR_EFORKED; on error fn will not be called. If the loop closes first, fn is not
 * called, and the post is counted in a line of the log. */
int weir__loop_post(struct weir_loop *l, void (*fn)(void *arg), void *arg);

/* The loop thread, when it has run posts: give their nodes back to those who post. */
void weir__loop_return_spares(struct weir_loop *l);

/* The loop closes: refuse later posts, and give back those that were not delivered. Returns how
 * many of them were weir__loop_post's. */
size_t weir__loop_drop_posts(struct weir_loop *l);

/* registry.c: give l a number and a name that no living loop has. Returns 0 or -EAGAIN. */
int weir__loop_enlist(struct weir_loop *l, const char *name);
void weir__loop_delist(struct weir_loop *l);

bool weir__loop_lives(unsigned number);

/* Write "loop 'main'", or "a loop that has ended", into buf and return buf. The first takes a
 * loop's number, the second a pointer that may dangle. */
enum { WEIR__LOOP_TEXT = WEIR__LOOP_NAME + 32 };
const char *weir__loop_text_of(unsigned number, char buf[static WEIR__LOOP_TEXT]);
const char *weir__loop_text(const struct weir__loop *own, char buf[static WEIR__LOOP_TEXT]);

/* Is this process a fork child, and own (which may dangle) a loop of its parent? Then nothing of it
 * may be used. */
bool weir__loop_is_parents(const struct weir__loop *own);

#endif
