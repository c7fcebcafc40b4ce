/* SPDX-License-Identifier: MIT */
/* once.c - something to do once. The task that runs it holds it, as it would a mutex; a failure
 * hands it to the task that has waited longest. */
#include <string.h>

#include "sync/owner.h"

#undef weir_once_init

static_assert(sizeof(struct weir__owned) <= sizeof(struct weir_once), "public size is ABI");

enum { NOT_YET, DONE };                /* state */
enum { IS_DONE = 0, IT_IS_YOURS = 1 }; /* what a waiter is granted */

static const char kind[] = "once";
static const struct weir__what waits = WEIR__SYNC_WHAT("once", kind, weir__owner_of);

static struct weir__owned *owned(const struct weir_once *o, const char *call) {
    weir__not_null(o, call);
    return (struct weir__owned *)(void *)(uintptr_t)o;
}

void weir_once_init_at(const struct weir_site *site, struct weir_once *o) {
    weir__not_null(o, "weir_once_init");
    memset(o, 0, sizeof *o);
    weir__sync_init(&owned(o, "weir_once_init")->sync, kind, site);
}

void weir_once_init(struct weir_once *o) {
    weir_once_init_at(NULL, o);
}

void weir_once_fini(struct weir_once *o) {
    weir__owned_fini(owned(o, "weir_once_fini"), kind, "weir_once_fini");
    memset(o, 0, sizeof *o);
}

/* Returns IS_DONE, IT_IS_YOURS, or an error. */
static int get(struct weir__owned *o) {
    if (o->sync.state == DONE)
        return IS_DONE;
    if (o->held.task != NULL) {
        int rc = weir__deadlock_refuse(&waits, o);
        return rc < 0 ? rc : weir__sync_wait(&o->sync, NULL, &waits, NULL);
    }
    weir__owner_set(o, weir__task_here());
    return IT_IS_YOURS;
}

static void pass_on(struct weir__owned *o) {
    struct weir__waiter *w = weir__waitq_first(&o->sync.queue);
    if (w == NULL)
        return;
    weir__owner_set(o, w->wait->park.task);
    weir__sync_grant(&o->sync, w, IT_IS_YOURS);
}

int weir_once(struct weir_once *once, int (*fn)(void *arg), void *arg) {
    int rc = weir__suspend_enter("once");
    if (rc < 0)
        return rc;
    struct weir__owned *o = owned(once, "weir_once");
    if (fn == NULL)
        WEIR_BUG("weir_once: the function is NULL");
    rc = weir__sync_enter(&o->sync, kind, "weir_once", "once");
    if (rc < 0)
        return rc;
    rc = get(o);
    if (rc != IT_IS_YOURS)
        return rc;
    rc = fn(arg);
    weir__at_end_remove(&o->held);
    if (rc < 0) {
        pass_on(o);
        return rc;
    }
    o->sync.state = DONE;
    weir__sync_grant_all(&o->sync, IS_DONE);
    return 0;
}
