/* SPDX-License-Identifier: MIT */
/* shared_event.c - an event between threads and tasks: a flag, and those who wait for it. */
#include <errno.h>
#include <weir/shared.h>

#include "base/alloc.h"
#include "base/check.h"
#include "thread/shared.h"

#undef weir_shared_event_new

struct weir_shared_event {
    struct weir__shared shared;
    struct weir__list waiters;
    bool set;
};

static const struct weir__what waits = {.text = "shared event wait",
                                        .kind = WEIR__ON_SYNC,
                                        .site_at = offsetof(struct weir__shared, site),
                                        .object = "shared event"};
static const struct weir__sharer_ops waiter_ops = {NULL, NULL};

int weir_shared_event_new_at(const struct weir_site *site, struct weir_shared_event **ret_event) {
    weir__not_null(ret_event, "weir_shared_event_new");
    struct weir_shared_event *e = weir__alloc_zero(sizeof *e);
    if (e == NULL)
        return weir__fail(-ENOMEM, "shared event", NULL);
    weir__shared_init(&e->shared, site);
    weir__list_init(&e->waiters);
    *ret_event = e;
    return 0;
}

int weir_shared_event_new(struct weir_shared_event **ret_event) {
    return weir_shared_event_new_at(NULL, ret_event);
}

struct weir_shared_event *weir_shared_event_ref(struct weir_shared_event *e) {
    weir__shared_ref(&e->shared, "weir_shared_event_ref");
    return e;
}

void weir_shared_event_unref(struct weir_shared_event **take_event) {
    struct weir_shared_event *e = take_event != NULL ? *take_event : NULL;
    if (e == NULL)
        return;
    *take_event = NULL;
    if (!weir__shared_unref(&e->shared, "weir_shared_event_unref"))
        return;
    weir__shared_fini(&e->shared);
    weir__free(e);
}

static bool lock(struct weir_shared_event *e, const char *call) {
    weir__not_null(e, call);
    return !weir__shared_is_parents(&e->shared) && pthread_mutex_lock(&e->shared.lock) == 0;
}

void weir_shared_event_set(struct weir_shared_event *e) {
    if (!lock(e, "weir_shared_event_set"))
        return;
    e->set = true;
    for (struct weir__sharer *w; (w = weir__shared_first(&e->waiters)) != NULL;)
        weir__shared_tell(w, 0);
    pthread_mutex_unlock(&e->shared.lock);
}

void weir_shared_event_clear(struct weir_shared_event *e) {
    if (!lock(e, "weir_shared_event_clear"))
        return;
    e->set = false;
    pthread_mutex_unlock(&e->shared.lock);
}

bool weir_shared_event_is_set(struct weir_shared_event *e) {
    if (!lock(e, "weir_shared_event_is_set"))
        return false;
    bool set = e->set;
    pthread_mutex_unlock(&e->shared.lock);
    return set;
}

static int wait_for(struct weir_shared_event *e, weir_ns timeout_ns, const void *frame) {
    struct weir__sharer w = {.ops = &waiter_ops};
    int rc = weir__shared_enter(&e->shared, &waits, frame);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&e->shared.lock);
    if (!e->set && timeout_ns > 0)
        return weir__shared_wait(&e->shared, &w, &e->waiters, timeout_ns, &waits);
    bool set = e->set;
    pthread_mutex_unlock(&e->shared.lock);
    return set ? 0 : weir__fail(-ETIME, waits.text, NULL);
}

int weir_shared_event_wait(struct weir_shared_event *e) {
    return wait_for(e, WEIR_NEVER, __builtin_frame_address(0));
}

int weir_shared_event_wait_for(struct weir_shared_event *e, weir_ns timeout_ns) {
    return wait_for(e, timeout_ns, __builtin_frame_address(0));
}
