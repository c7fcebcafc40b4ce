/* SPDX-License-Identifier: MIT */
/* parking.c - the queue alone, for primitives of the user's own. */
#include <string.h>

#include "sync/sync.h"

#undef weir_parking_init

static const char kind[] = "parking";
static const struct weir__what waits = WEIR__SYNC_WHAT("parking wait", kind, NULL);

static struct weir__sync *head(const struct weir_parking *p, const char *call) {
    weir__not_null(p, call);
    return (struct weir__sync *)(void *)(uintptr_t)p;
}

void weir_parking_init_at(const struct weir_site *site, struct weir_parking *p) {
    weir__sync_init(head(p, "weir_parking_init"), kind, site);
}

void weir_parking_init(struct weir_parking *p) {
    weir_parking_init_at(NULL, p);
}

void weir_parking_fini(struct weir_parking *p) {
    weir__sync_fini(head(p, "weir_parking_fini"), kind, "weir_parking_fini");
    memset(p, 0, sizeof *p);
}

/* The result of a waker is the user's, who writes its own record. A slice may not end here: the
 * user has looked at its state already. */
int weir_parking_wait(struct weir_parking *p, void *slot) {
    int rc = weir__suspend_enter("parking wait");
    if (rc < 0)
        return rc;
    struct weir__sync *s = head(p, "weir_parking_wait");
    struct weir__sync_wait sw;
    weir__sync_touch(s, kind, "weir_parking_wait");
    weir__sync_wait_begin(s, &sw, slot, &waits, NULL);
    rc = (int)weir__park(&sw.wait.park);
    return sw.wait.won == NULL ? weir__fail(rc, "parking wait", NULL) : rc;
}

void *weir_parking_first(const struct weir_parking *p) {
    struct weir__sync *s = head(p, "weir_parking_first");
    weir__sync_look(s, "weir_parking_first");
    struct weir__waiter *w = weir__waitq_first(&s->queue);
    return w != NULL ? w->slot : NULL;
}

size_t weir_parking_wake(struct weir_parking *p, size_t n, int result) {
    struct weir__sync *s = head(p, "weir_parking_wake");
    struct weir__waiter *w;
    size_t done = 0;
    weir__sync_touch(s, kind, "weir_parking_wake");
    for (; done < n && (w = weir__waitq_first(&s->queue)) != NULL; done++)
        weir__sync_grant(s, w, result);
    return done;
}

size_t weir_parking_move(struct weir_parking *source, struct weir_parking *target, size_t n) {
    struct weir__sync *from = head(source, "weir_parking_move");
    struct weir__sync *to = head(target, "weir_parking_move");
    struct weir__waiter *w;
    size_t done = 0;
    weir__sync_touch(from, kind, "weir_parking_move");
    weir__sync_touch(to, kind, "weir_parking_move");
    if (n > from->waiting) /* they may be the same */
        n = from->waiting;
    for (; done < n && (w = weir__waitq_first(&from->queue)) != NULL; done++) {
        struct weir__sync_wait *sw = WEIR_CONTAINER(w, struct weir__sync_wait, waiter);
        weir__waiter_remove(w);
        weir__waitq_add(&to->queue, w);
        sw->sync = to;
        sw->wait.park.on = to;
        from->waiting--;
        if (++to->waiting > to->peak)
            to->peak = to->waiting;
    }
    return done;
}
