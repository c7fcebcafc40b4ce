/* SPDX-License-Identifier: MIT */
/* handle.c - references to a loop, and posts of functions. A post needs a node, which one thread
 * makes and another has used up: malloc is slow at that. So nodes go back, a bounded number of
 * them, and no thread ever waits for another on the way: whoever finds `taking` set allocates. */
#include "loop/handle.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"

/* SPARES_MAX: of each of the three lists, 36 KiB in all. RETURN_AT: also within a turn, so that a
 * thread that posts need not wait for the end of a long one. */
enum { SPARES_MAX = 256, RETURN_AT = 32 };

struct call { /* a node of weir__loop_post */
    struct weir__post post;
    void (*fn)(void *arg);
    void *arg;
    struct weir_loop *to; /* lives while the node is on its way */
};

static struct call *call_of(struct weir__post *p) {
    return WEIR_CONTAINER(p, struct call, post);
}

static void free_all(struct weir__post *p) {
    for (struct weir__post *next; p != NULL; p = next) {
        next = p->next;
        weir__free(call_of(p));
    }
}

/* ---- references ------------------------------------------------------------------------------ */

struct weir_loop *weir__loop_ref(struct weir_loop *l) {
    weir__mailbox_ref(&l->mail);
    return l;
}

void weir__loop_unref(struct weir_loop *l) {
    if (l == NULL || !weir__mailbox_unref(&l->mail))
        return;
    if (l->own != NULL)
        WEIR_BUG("weir_loop_unref: loop '%s' runs: given back more often than taken", l->name);
    free_all(l->spares.kept);
    free_all(atomic_load_explicit(&l->spares.returned, memory_order_relaxed));
    weir__free(l);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static bool is_taken(const struct weir__spares *s) {
    return atomic_load_explicit(&s->returned, memory_order_relaxed) == NULL;
}

void weir__loop_return_spares(struct weir_loop *l) {
    struct weir__spares *s = &l->spares;
    if (s->run == NULL || !is_taken(s))
        return;
    atomic_store_explicit(&s->returned, s->run, memory_order_release);
    s->run = NULL;
    s->run_count = 0;
}

static void has_run(struct weir__spares *s, struct call *c) {
    if (s->run_count == SPARES_MAX) {
        weir__free(c);
        return;
    }
    c->post.next = s->run;
    s->run = &c->post;
    if (++s->run_count % RETURN_AT == 0)
        weir__loop_return_spares(c->to);
}

static struct weir__post *take_spare(struct weir__spares *s) {
    if (atomic_load_explicit(&s->taking, memory_order_relaxed)
        || atomic_exchange_explicit(&s->taking, true, memory_order_acquire))
        return NULL;
    struct weir__post *p = s->kept;
    if (p == NULL && !is_taken(s))
        p = atomic_exchange_explicit(&s->returned, NULL, memory_order_acquire);
    s->kept = p != NULL ? p->next : NULL;
    atomic_store_explicit(&s->taking, false, memory_order_release);
    return p;
}

/* The loop closes. If a thread is just posting, what is kept stays until the last unref. */
static void free_spares(struct weir__spares *s) {
    free_all(s->run);
    s->run = NULL;
    free_all(atomic_exchange_explicit(&s->returned, NULL, memory_order_acquire));
    if (atomic_exchange_explicit(&s->taking, true, memory_order_acquire))
        return;
    free_all(s->kept);
    s->kept = NULL;
    atomic_store_explicit(&s->taking, false, memory_order_release);
}

/* ---- posts ----------------------------------------------------------------------------------- */

static void call_made(struct weir__post *p, bool dropped) {
    struct call c = *call_of(p);
    if (dropped) {
        weir__free(call_of(p));
        return;
    }
    has_run(&c.to->spares, call_of(p));
    c.fn(c.arg);
}

int weir__loop_post(struct weir_loop *l, void (*fn)(void *arg), void *arg) {
    struct weir__post *spare = take_spare(&l->spares);
    struct call *c = spare != NULL ? call_of(spare) : weir__alloc(sizeof *c);
    if (c == NULL)
        return -ENOMEM;
    *c = (struct call){{NULL, call_made}, fn, arg, l};
    int rc = weir__loop_push(l, &c->post);
    if (rc < 0)
        weir__free(c);
    return rc;
}

size_t weir__loop_drop_posts(struct weir_loop *l) {
    size_t calls = 0;
    for (struct weir__post *p = weir__mailbox_close(&l->mail), *next; p != NULL; p = next) {
        next = p->next;
        calls += p->fn == call_made;
        p->fn(p, true);
    }
    free_spares(&l->spares);
    return calls;
}
