/* SPDX-License-Identifier: MIT */
/* latest.c - the newest value. Each set counts up; a view knows the count that it has seen. A task
 * that waits has seen the present one, so a set hands its value to all that wait. */
#include <weir/broadcast.h>
#include <weir/select.h>

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "sync/item.h"
#include "sync/sync.h"

#undef weir_latest_set
#undef weir_latest_get
#undef weir_latest_wait
#undef weir_latest_try_wait

struct latest {
    struct weir__sync sync;
    void *value;
    size_t size;
    uint64_t sets; /* 0: there is no value yet */
};
static_assert(sizeof(struct latest) <= sizeof(struct weir_latest), "public size is ABI");

static const char kind[] = "latest";
static const struct weir__what waits = WEIR__SYNC_WHAT("latest wait", kind, NULL);

static struct latest *latest_of(const struct weir_latest *latest, const char *call) {
    weir__not_null(latest, call);
    struct latest *l = (struct latest *)(void *)(uintptr_t)latest;
    if (l->size == 0)
        weir__item_refuse(call, kind, NULL, 0, 0);
    return l;
}

static struct latest *latest_for(const struct weir_latest *latest, const void *value, size_t size,
                                 const char *call) {
    struct latest *l = latest_of(latest, call);
    if (l->size != size)
        weir__item_refuse(call, kind, l->sync.site, size, l->size);
    weir__argument_not_null(value, call, "value");
    return l;
}

int weir_latest_init_at(const struct weir_site *site, struct weir_latest *latest,
                        const void *first, size_t size) {
    struct latest *l = (struct latest *)(void *)latest;
    weir__not_null(latest, "weir_latest_init");
    if (size == 0)
        WEIR_BUG("weir_latest_init: a value of 0 bytes");
    memset(l, 0, sizeof *l);
    if ((l->value = weir__alloc(size)) == NULL)
        return weir__fail(-ENOMEM, "latest init", NULL);
    weir__sync_init(&l->sync, kind, site);
    l->size = size;
    l->sets = first != NULL;
    if (first != NULL)
        memcpy(l->value, first, size);
    return 0;
}

#undef weir_latest_init
int weir_latest_init(struct weir_latest *l, const void *first, size_t size) {
    return weir_latest_init_at(NULL, l, first, size);
}

void weir_latest_fini(struct weir_latest *latest) {
    struct latest *l = (struct latest *)(void *)latest;
    weir__not_null(latest, "weir_latest_fini");
    weir__sync_fini(&l->sync, kind, "weir_latest_fini");
    weir__free(l->value);
    memset(l, 0, sizeof *l);
}

int weir_latest_set(struct weir_latest *latest, const void *value, size_t size) {
    struct latest *l = latest_for(latest, value, size, "weir_latest_set");
    struct weir__waiter *w;
    weir__sync_touch(&l->sync, kind, "weir_latest_set");
    if (l->sync.closed)
        return WEIR_ECLOSED;
    memcpy(l->value, value, size);
    l->sets++;
    while ((w = weir__waitq_first(&l->sync.queue)) != NULL) {
        memcpy(w->slot, value, size);
        weir__sync_grant(&l->sync, w, 1);
    }
    return 0;
}

int weir_latest_get(const struct weir_latest *latest, void *ret_value, size_t size) {
    const struct latest *l = latest_for(latest, ret_value, size, "weir_latest_get");
    weir__sync_look(&l->sync, "weir_latest_get");
    if (l->sets == 0)
        return 0;
    memcpy(ret_value, l->value, size);
    return 1;
}

static int take(struct latest *l, struct weir_latest_view *view, void *ret_value) {
    if (view->seen_ == l->sets)
        return l->sync.closed ? 0 : -EAGAIN;
    memcpy(ret_value, l->value, l->size);
    view->seen_ = l->sets;
    return 1;
}

/* The task that waited may run later than one that took a newer value through the same view. */
static void saw(struct weir_latest_view *view, uint64_t number) {
    if (view->seen_ < number)
        view->seen_ = number;
}

int weir_latest_wait(struct weir_latest *latest, struct weir_latest_view *view, void *ret_value,
                     size_t size) {
    int rc = weir__suspend_enter("latest wait");
    if (rc < 0)
        return rc;
    struct latest *l = latest_for(latest, ret_value, size, "weir_latest_wait");
    weir__not_null(view, "weir_latest_wait");
    rc = weir__sync_enter(&l->sync, kind, "weir_latest_wait", "latest wait");
    if (rc < 0)
        return rc;
    rc = take(l, view, ret_value);
    if (rc != -EAGAIN)
        return rc;
    uint64_t next = l->sets + 1; /* the value that the next set hands over */
    rc = weir__sync_wait(&l->sync, ret_value, &waits, NULL);
    if (rc == 1)
        saw(view, next);
    return rc;
}

int weir_latest_try_wait(struct weir_latest *latest, struct weir_latest_view *view,
                         void *ret_value, size_t size) {
    struct latest *l = latest_for(latest, ret_value, size, "weir_latest_try_wait");
    weir__not_null(view, "weir_latest_try_wait");
    weir__sync_touch(&l->sync, kind, "weir_latest_try_wait");
    return take(l, view, ret_value);
}

void weir_latest_close(struct weir_latest *latest) {
    struct latest *l = latest_of(latest, "weir_latest_close");
    weir__sync_touch(&l->sync, kind, "weir_latest_close");
    l->sync.closed = true;
    weir__sync_grant_all(&l->sync, 0);
}

/* ---- as a case of weir_select ---------------------------------------------------------------- */

static struct latest *seen_by(void *object) {
    return (struct latest *)(void *)((struct weir_latest_view *)object)->latest_;
}

static void check(void *object, size_t item_size) {
    weir__not_null(object, "weir_select");
    struct latest *l = latest_for((struct weir_latest *)(void *)seen_by(object), object, item_size,
                                  "weir_select");
    weir__sync_touch(&l->sync, kind, "weir_select");
}

static int attempt(void *object, void *item) {
    return take(seen_by(object), object, item);
}

static void enlist(void *object, void *item, struct weir__wait *wait, struct weir__waiter *w) {
    struct latest *l = seen_by(object);
    WEIR_CONTAINER(w, struct weir__case_place, waiter)->number = l->sets + 1;
    l->sync.waits++;
    weir__wait_add(wait, w, &l->sync.queue, item);
}

static int won(void *object, void *item, struct weir__waiter *w, int64_t result) {
    (void)item;
    if (result == 1)
        saw(object, WEIR_CONTAINER(w, struct weir__case_place, waiter)->number);
    return (int)result;
}

const struct weir__select_ops weir__case_latest = {
    .text = "latest", .check = check, .attempt = attempt, .enlist = enlist, .won = won};
