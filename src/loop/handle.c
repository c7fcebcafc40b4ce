/* SPDX-License-Identifier: MIT */
/* handle.c - references to a loop, and posts of functions, which allocate a node each. */
#include "loop/handle.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"

struct call { /* a node of weir__loop_post */
    struct weir__post post;
    void (*fn)(void *arg);
    void *arg;
};

struct weir_loop *weir__loop_ref(struct weir_loop *l) {
    weir__mailbox_ref(&l->mail);
    return l;
}

void weir__loop_unref(struct weir_loop *l) {
    if (l == NULL || !weir__mailbox_unref(&l->mail))
        return;
    if (l->own != NULL)
        WEIR_BUG("weir_loop_unref: loop '%s' runs: given back more often than taken", l->name);
    weir__free(l);
}

static void call_made(struct weir__post *p, bool dropped) {
    struct call c = *WEIR_CONTAINER(p, struct call, post);
    weir__free(WEIR_CONTAINER(p, struct call, post));
    if (!dropped)
        c.fn(c.arg);
}

int weir__loop_post(struct weir_loop *l, void (*fn)(void *arg), void *arg) {
    struct call *c = weir__alloc(sizeof *c);
    if (c == NULL)
        return -ENOMEM;
    *c = (struct call){{NULL, call_made}, fn, arg};
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
    return calls;
}
