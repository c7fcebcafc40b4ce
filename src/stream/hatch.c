/* SPDX-License-Identifier: MIT */
/* hatch.c - connections in memory by name: a dial makes a pair of streams and puts one of them
 * here, where the listener takes it. Both belong to one loop. */
#include "stream/hatch.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "stream/open.h"
#include "task/task.h"

enum { WAIT_DEFAULT = 128, WAIT_MAX = 4096 };

struct weir__hatch {
    struct weir__list link; /* in loop->hatches */
    char name[WEIR__HATCH_NAME];
    struct weir__waitq *waiting;
    unsigned first, count, max;
    struct weir_stream *streams[]; /* a ring */
};

static struct weir__hatch *find(const char *name) {
    struct weir__list *all = &weir__loop()->hatches;
    for (struct weir__list *at = all->next; at != all; at = at->next) {
        struct weir__hatch *h = WEIR_CONTAINER(at, struct weir__hatch, link);
        if (strcmp(h->name, name) == 0)
            return h;
    }
    return NULL;
}

int weir__hatch_open(const char *name, int backlog, struct weir__waitq *waiting,
                     struct weir__hatch **ret_hatch) {
    unsigned max = backlog <= 0 ? WAIT_DEFAULT : backlog < WAIT_MAX ? (unsigned)backlog : WAIT_MAX;
    if (find(name) != NULL)
        return -EADDRINUSE;
    struct weir__hatch *h = weir__alloc_zero(sizeof *h + max * sizeof h->streams[0]);
    if (h == NULL)
        return -ENOMEM;
    memcpy(h->name, name, strlen(name) + 1);
    h->waiting = waiting;
    h->max = max;
    weir__list_add_tail(&weir__loop()->hatches, &h->link);
    *ret_hatch = h;
    return 0;
}

int weir__hatch_take(struct weir__hatch *h, struct weir_stream **ret_stream) {
    if (h->count == 0)
        return 0;
    *ret_stream = h->streams[h->first];
    h->first = (h->first + 1) % h->max;
    h->count--;
    return 1;
}

void weir__hatch_close(struct weir__hatch **take_hatch) {
    struct weir__hatch *h = *take_hatch;
    struct weir_stream *s;
    if (h == NULL)
        return;
    *take_hatch = NULL;
    weir__list_remove(&h->link);
    while (weir__hatch_take(h, &s) == 1)
        weir_close(&s);
    weir__free(h);
}

int weir__hatch_dial(const char *name, struct weir_stream **ret_stream) {
    struct weir__hatch *h = find(name);
    struct weir_stream *mine, *theirs;
    if (h == NULL || h->count == h->max)
        return weir__failf(-ECONNREFUSED, "connect", name, "%s (ECONNREFUSED)",
                           h == NULL ? "nobody listens by this name on this loop"
                                     : "its listener has as many connections waiting as it takes");
    int rc = weir_memory_pair(0, &mine, &theirs);
    if (rc < 0)
        return rc;
    h->streams[(h->first + h->count++) % h->max] = theirs;
    weir__waitq_grant(h->waiting);
    *ret_stream = mine;
    return 0;
}
