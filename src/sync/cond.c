/* SPDX-License-Identifier: MIT */
/* cond.c - a condition. A task that is notified moves from the condition's queue to the mutex's
 * without running in between, and so does one that is cancelled: it runs when it holds the mutex,
 * once. */
#include <string.h>

#include "sync/mutex.h"

#undef weir_cond_init

static const char kind[] = "condition";
static const struct weir__what waits = WEIR__SYNC_WHAT("cond wait", kind, NULL);

struct cond_wait { /* in the frame of weir_cond_wait */
    struct weir__sync_wait sw;
    struct weir__owned *mutex;
    bool cancelled;
};

static struct weir__sync *head(const struct weir_cond *c, const char *call) {
    weir__not_null(c, call);
    return (struct weir__sync *)(void *)(uintptr_t)c;
}

void weir_cond_init_at(const struct weir_site *site, struct weir_cond *c) {
    weir__sync_init(head(c, "weir_cond_init"), kind, site);
}

void weir_cond_init(struct weir_cond *c) {
    weir_cond_init_at(NULL, c);
}

void weir_cond_fini(struct weir_cond *c) {
    weir__sync_fini(head(c, "weir_cond_fini"), kind, "weir_cond_fini");
    memset(c, 0, sizeof *c);
}

/* A cancel ends the wait for the condition, but not the one for the mutex. */
static int cond_abort(struct weir__park *p) {
    struct cond_wait *cw = WEIR_CONTAINER(p, struct cond_wait, sw.wait.park);
    cw->cancelled = true;
    cw->sw.sync->waiting--;
    weir__wait_abort(p);
    return weir__mutex_queue(cw->mutex, &cw->sw.waiter, true) ? WEIR__DONE : WEIR__PENDING;
}

/* A slice may not end here: the caller has looked at what it waits for already. */
int weir_cond_wait(struct weir_cond *c, struct weir_mutex *m) {
    int rc = weir__suspend_enter("cond wait");
    if (rc < 0)
        return rc;
    struct weir__sync *s = head(c, "weir_cond_wait");
    weir__sync_touch(s, kind, "weir_cond_wait");
    struct cond_wait cw = {.mutex = weir__mutex_held(m, "weir_cond_wait")};
    weir__sync_wait_begin(s, &cw.sw, NULL, &waits, NULL);
    cw.sw.wait.park.abort = cond_abort;
    weir__mutex_pass_on(cw.mutex);
    weir__park(&cw.sw.wait.park);
    if (!cw.cancelled)
        return 0;
    rc = weir_cancelled();
    return weir__fail(rc < 0 ? rc : -ECANCELED, "cond wait", NULL);
}

size_t weir_cond_notify(struct weir_cond *c, size_t n) {
    struct weir__sync *s = head(c, "weir_cond_notify");
    struct weir__waiter *w;
    size_t done = 0;
    weir__sync_touch(s, kind, "weir_cond_notify");
    for (; done < n && (w = weir__waitq_first(&s->queue)) != NULL; done++) {
        struct weir__sync_wait *sw = WEIR_CONTAINER(w, struct weir__sync_wait, waiter);
        struct weir__owned *mutex = WEIR_CONTAINER(sw, struct cond_wait, sw)->mutex;
        s->waiting--;
        weir__waiter_remove(w);
        if (weir__mutex_queue(mutex, w, false))
            weir__unpark(&w->wait->park, 0);
    }
    return done;
}

size_t weir_cond_notify_all(struct weir_cond *c) {
    return weir_cond_notify(c, SIZE_MAX);
}
