/* SPDX-License-Identifier: MIT */
/* barrier.c - n tasks wait for each other. The tasks in the queue are those that have come; a
 * cancelled one is not there any more. */
#include <string.h>

#include "sync/sync.h"

#undef weir_barrier_init

static const char kind[] = "barrier";
static const struct weir__what waits = WEIR__SYNC_WHAT("barrier wait", kind, NULL);

/* room is n: 0, it was never initialised. */
static struct weir__sync *head(const struct weir_barrier *b, const char *call) {
    struct weir__sync *s = (struct weir__sync *)(void *)(uintptr_t)b;
    weir__not_null(b, call);
    if (__builtin_expect(s->room == 0, 0))
        WEIR_BUG("%s: the barrier was not initialised", call);
    return s;
}

void weir_barrier_init_at(const struct weir_site *site, struct weir_barrier *b, unsigned n) {
    weir__not_null(b, "weir_barrier_init");
    struct weir__sync *s = (struct weir__sync *)(void *)b;
    if (n == 0)
        WEIR_BUG("weir_barrier_init: a barrier of 0 tasks");
    weir__sync_init(s, kind, site);
    s->room = n;
}

void weir_barrier_init(struct weir_barrier *b, unsigned n) {
    weir_barrier_init_at(NULL, b, n);
}

void weir_barrier_fini(struct weir_barrier *b) {
    weir__not_null(b, "weir_barrier_fini");
    weir__sync_fini((struct weir__sync *)(void *)b, kind, "weir_barrier_fini");
    memset(b, 0, sizeof *b);
}

int weir_barrier_wait(struct weir_barrier *b) {
    int rc = weir__suspend_enter("barrier wait");
    if (rc < 0)
        return rc;
    struct weir__sync *s = head(b, "weir_barrier_wait");
    rc = weir__sync_enter(s, kind, "weir_barrier_wait", "barrier wait");
    if (rc < 0)
        return rc;
    if (s->closed)
        return weir__fail(WEIR_ECLOSED, "barrier wait", NULL);
    if (s->waiting < s->room - 1)
        return weir__sync_wait(s, NULL, &waits, NULL);
    for (; s->waiting > 0; rc++)
        weir__sync_grant(s, weir__waitq_first(&s->queue), rc);
    return rc;
}

void weir_barrier_close(struct weir_barrier *b) {
    struct weir__sync *s = head(b, "weir_barrier_close");
    weir__sync_touch(s, kind, "weir_barrier_close");
    s->closed = true;
    weir__sync_grant_all(s, WEIR_ECLOSED);
}
