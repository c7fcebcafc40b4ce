/* SPDX-License-Identifier: MIT */
/* mutex.c - one holder; unlock hands over to the task that has waited longest, so a mutex that is
 * not held has no waiters. */
#include "sync/mutex.h"

#include <errno.h>
#include <string.h>

#undef weir_mutex_init

static_assert(sizeof(struct weir__owned) <= sizeof(struct weir_mutex), "public size is ABI");

static const char kind[] = "mutex";
static const struct weir__what locks = WEIR__SYNC_WHAT("mutex lock", kind, weir__owner_of);

static struct weir__owned *owned(const struct weir_mutex *m, const char *call) {
    weir__not_null(m, call);
    return (struct weir__owned *)(void *)(uintptr_t)m;
}

void weir_mutex_init_at(const struct weir_site *site, struct weir_mutex *m) {
    weir__not_null(m, "weir_mutex_init");
    memset(m, 0, sizeof *m);
    weir__sync_init(&owned(m, "weir_mutex_init")->sync, kind, site);
}

void weir_mutex_init(struct weir_mutex *m) {
    weir_mutex_init_at(NULL, m);
}

void weir_mutex_fini(struct weir_mutex *m) {
    weir__owned_fini(owned(m, "weir_mutex_fini"), kind, "weir_mutex_fini");
    memset(m, 0, sizeof *m);
}

/* Apart from the quick path, which then needs no frame for the wait. */
static __attribute__((noinline)) int lock_held(struct weir__owned *o) {
    int rc = weir__deadlock_refuse(&locks, o);
    return rc < 0 ? rc : weir__sync_wait(&o->sync, NULL, &locks, NULL);
}

int weir_mutex_lock(struct weir_mutex *m) {
    int rc = weir__suspend_enter("mutex lock");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    struct weir__owned *o = owned(m, "weir_mutex_lock");
    rc = weir__sync_enter(&o->sync, kind, "weir_mutex_lock", "mutex lock");
    if (rc < 0)
        return rc;
    if (o->held.task != NULL)
        return lock_held(o);
    weir__owner_set(o, weir__task_here());
    return 0;
}

int weir_mutex_try_lock(struct weir_mutex *m) {
    struct weir__owned *o = owned(m, "weir_mutex_try_lock");
    weir__sync_touch(&o->sync, kind, "weir_mutex_try_lock");
    struct weir_task *t = weir__owner_here("weir_mutex_try_lock");
    if (o->held.task == t)
        return weir__deadlock_refuse(&locks, o);
    if (o->held.task != NULL)
        return -EAGAIN;
    weir__owner_set(o, t);
    return 0;
}

void weir__mutex_pass_on(struct weir__owned *o) {
    struct weir__waiter *w = weir__waitq_first(&o->sync.queue);
    weir__at_end_remove(&o->held);
    if (w == NULL)
        return;
    weir__owner_set(o, w->wait->park.task);
    weir__sync_grant(&o->sync, w, 0);
}

struct weir__owned *weir__mutex_held(struct weir_mutex *m, const char *call) {
    struct weir__owned *o = owned(m, call);
    weir__sync_touch(&o->sync, kind, call);
    weir__owner_check(o, kind, call);
    return o;
}

void weir_mutex_unlock(struct weir_mutex *m) {
    weir__mutex_pass_on(weir__mutex_held(m, "weir_mutex_unlock"));
}

struct weir_task *weir_mutex_holder(const struct weir_mutex *m) {
    struct weir__owned *o = owned(m, "weir_mutex_holder");
    weir__sync_look(&o->sync, "weir_mutex_holder");
    return o->held.task;
}

/* A task that waits here after a condition: owned by nobody's call of lock. */
bool weir__mutex_queue(struct weir__owned *o, struct weir__waiter *w, bool by_cancel) {
    struct weir__park *p = &w->wait->park;
    if (o->held.task == NULL) {
        weir__owner_set(o, p->task);
        return true;
    }
    p->abort = NULL;
    p->what = &locks;
    p->on = o;
    weir__waitq_add(&o->sync.queue, w);
    o->sync.waits++;
    if (++o->sync.waiting > o->sync.peak)
        o->sync.peak = o->sync.waiting;
    weir__deadlock_moved(p->task, by_cancel); /* the holder may wait for this task already */
    return false;
}
