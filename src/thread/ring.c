/* SPDX-License-Identifier: MIT */
/* ring.c - items between threads and tasks, for the shared queue and the shared chan. Each change
 * under the lock ends with settle, which makes the offers that have become possible. So outside the
 * lock: a getter waits only if each item is offered to another; a putter only if there is no
 * room. An offer whose item has gone is counted until its getter claims: so a getter may have
 * an offer while there is an item only for older ones, and then getter_claims leaves it to them. */
#include "thread/ring.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

enum { ROOM_MIN = 16 }; /* the first size of a ring without a limit, in items */

static struct weir__ring *ring_of(const struct weir__sharer *w) {
    return WEIR_CONTAINER(w->on, struct weir__ring, shared);
}

/* How many items a getter could claim. */
static size_t available(const struct weir__ring *r) {
    return r->max > 0 ? r->count : r->putting;
}

static bool is_older(const struct weir__list *link, const struct weir__sharer *than) {
    return WEIR_CONTAINER(link, struct weir__sharer, link)->ticket < than->ticket;
}

static void offer(struct weir__ring *r, struct weir__sharer *w) {
    struct weir__list *next = &r->offers;
    weir__shared_offer(w);
    while (next->prev != &r->offers && !is_older(next->prev, w))
        next = next->prev;
    weir__list_add_tail(next, &w->link); /* before next */
}

/* How many getters that are older than w have an offer; those beyond max are not counted. */
static size_t older_offers(const struct weir__ring *r, const struct weir__sharer *w, size_t max) {
    size_t n = 0;
    const struct weir__list *i = r->offers.next;
    for (; i != &r->offers && n < max && is_older(i, w); i = i->next)
        n++;
    return n;
}

static void settle(struct weir__ring *r) {
    struct weir__sharer *w;
    while (r->offered < available(r) && (w = weir__shared_first(&r->getters)) != NULL) {
        r->offered++;
        offer(r, w);
    }
    while (r->closed && available(r) == 0 && (w = weir__shared_first(&r->getters)) != NULL)
        weir__shared_tell(w, 0);
}

/* ---- items ----------------------------------------------------------------------------------- */

static unsigned char *place(const struct weir__ring *r, size_t i) {
    size_t at = r->first + i;
    return r->items + (at < r->room ? at : at - r->room) * r->item_size;
}

static bool grow(struct weir__ring *r, size_t room) {
    if (room > SIZE_MAX / r->item_size)
        return false;
    unsigned char *items = weir__alloc(room * r->item_size);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < r->count; i++)
        memcpy(items + i * r->item_size, place(r, i), r->item_size);
    weir__free(r->items);
    r->items = items;
    r->room = room;
    r->first = 0;
    return true;
}

/* Returns 0, WEIR_ECLOSED, -ENOMEM, or -EAGAIN: the putter has to wait. */
static int push(struct weir__ring *r, const void *item) {
    if (r->closed)
        return WEIR_ECLOSED;
    if (r->count == r->max)
        return -EAGAIN;
    if (r->count == r->room && !grow(r, r->room > 0 ? 2 * r->room : ROOM_MIN))
        return -ENOMEM;
    memcpy(place(r, r->count++), item, r->item_size);
    settle(r);
    return 0;
}

static void take_from_putter(struct weir__ring *r, void *to) {
    struct weir__sharer *w = weir__shared_first(&r->putters);
    memcpy(to, w->item, r->item_size);
    r->putting--;
    weir__shared_tell(w, 0);
}

/* One is available. */
static void pop(struct weir__ring *r, void *item) {
    if (r->max == 0) {
        take_from_putter(r, item);
        return;
    }
    memcpy(item, place(r, 0), r->item_size);
    r->first = r->first + 1 < r->room ? r->first + 1 : 0;
    r->count--;
    if (r->putting > 0) /* there are putters that wait only if the ring was full */
        take_from_putter(r, place(r, r->count++));
    settle(r);
}

/* Returns 1, 0, or -EAGAIN: the getter has to wait. */
static int take(struct weir__ring *r, void *item) {
    if (available(r) == 0 && r->closed)
        return 0;
    if (available(r) <= r->offered)
        return -EAGAIN;
    pop(r, item);
    return 1;
}

/* ---- waiters --------------------------------------------------------------------------------- */

static bool getter_claims(struct weir__sharer *w) {
    struct weir__ring *r = ring_of(w);
    struct weir__sharer *first = weir__shared_first(&r->getters);
    weir__list_remove(&w->link);
    w->rc = r->offered <= available(r) || available(r) > older_offers(r, w, available(r));
    if (w->rc == 1 && first != NULL && is_older(&first->link, w)) {
        offer(r, first); /* that to the first was in vain, and w's is not */
        return false;
    }
    r->offered--;
    if (w->rc == 1)
        pop(r, w->item);
    return w->rc == 1 || r->closed;
}

static void getter_left(struct weir__sharer *w, bool had_offer) {
    struct weir__ring *r = ring_of(w);
    r->offered -= had_offer;
    settle(r);
}

static void putter_left(struct weir__sharer *w, bool had_offer) {
    (void)had_offer;
    ring_of(w)->putting--;
}

static const struct weir__sharer_ops getter_ops = {getter_claims, getter_left};
static const struct weir__sharer_ops putter_ops = {NULL, putter_left};

/* ---- life ------------------------------------------------------------------------------------ */

int weir__ring_new(const struct weir_site *site, size_t item_size, size_t max, const char *what,
                   struct weir__ring **ret_ring) {
    if (item_size == 0 || ret_ring == NULL)
        WEIR_BUG("%s: the %s", what, item_size == 0 ? "size of an item is 0" : "result is NULL");
    struct weir__ring *r = weir__alloc_zero(sizeof *r);
    if (r == NULL)
        return weir__fail(-ENOMEM, what, NULL);
    r->item_size = item_size;
    r->max = max;
    if (max > 0 && max < SIZE_MAX && !grow(r, max)) {
        weir__free(r);
        return weir__fail(-ENOMEM, what, NULL);
    }
    weir__shared_init(&r->shared, site);
    weir__list_init(&r->getters);
    weir__list_init(&r->putters);
    weir__list_init(&r->offers);
    *ret_ring = r;
    return 0;
}

static void drop_all(const struct weir__ring *r) {
    for (size_t i = 0; i < r->count && r->drop != NULL; i++)
        r->drop(place(r, i), r->drop_arg);
    weir__free(r->items);
}

void weir__ring_unref(struct weir__ring *r, const char *call) {
    if (r == NULL || !weir__shared_unref(&r->shared, call))
        return;
    drop_all(r);
    weir__shared_fini(&r->shared);
    weir__free(r);
}

static _Noreturn __attribute__((cold)) void refuse_size(const struct weir__ring *r, size_t size,
                                                        const char *call) {
    const struct weir_site *site = r->shared.site;
    if (site != NULL)
        WEIR_BUG("%s: an item of %zu bytes, and the items here have %zu (made at %s:%d)", call,
                 size, r->item_size, site->file, site->line);
    WEIR_BUG("%s: an item of %zu bytes, and the items here have %zu", call, size, r->item_size);
}

static void fits(const struct weir__ring *r, const void *item, size_t size, const char *call) {
    weir__not_null(r, call);
    weir__argument_not_null(item, call, "item");
    if (__builtin_expect(size != r->item_size, 0))
        refuse_size(r, size, call);
}

/* ---- calls ----------------------------------------------------------------------------------- */

int weir__ring_put(struct weir__ring *r, const void *item, size_t size, weir_ns timeout_ns,
                   const struct weir__what *what, const void *frame) {
    struct weir__sharer w = {.ops = &putter_ops, .item = (void *)(uintptr_t)item};
    fits(r, item, size, what->text);
    int rc = weir__shared_enter(&r->shared, what, frame);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&r->shared.lock);
    rc = push(r, item);
    if (rc == -EAGAIN && timeout_ns > 0) {
        r->putting++; /* it stands in the list before the lock is free */
        settle(r);
        return weir__shared_wait(&r->shared, &w, &r->putters, timeout_ns, what);
    }
    pthread_mutex_unlock(&r->shared.lock);
    return rc == 0 ? 0 : weir__fail(rc == -EAGAIN ? -ETIME : rc, what->text, NULL);
}

int weir__ring_get(struct weir__ring *r, void *item, size_t size, weir_ns timeout_ns,
                   const struct weir__what *what, const void *frame) {
    struct weir__sharer w = {.ops = &getter_ops, .item = item};
    fits(r, item, size, what->text);
    int rc = weir__shared_enter(&r->shared, what, frame);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&r->shared.lock);
    rc = take(r, item);
    if (rc == -EAGAIN && timeout_ns > 0)
        return weir__shared_wait(&r->shared, &w, &r->getters, timeout_ns, what);
    pthread_mutex_unlock(&r->shared.lock);
    return rc >= 0 ? rc : weir__fail(-ETIME, what->text, NULL);
}

static int tried(int rc, const char *call) {
    return rc < 0 && rc != -EAGAIN ? weir__fail(rc, call, NULL) : rc;
}

/* For the calls that never wait. Returns false in a fork child. */
static bool lock(struct weir__ring *r, const char *call) {
    weir__not_null(r, call);
    return !weir__shared_is_parents(&r->shared) && pthread_mutex_lock(&r->shared.lock) == 0;
}

int weir__ring_try_put(struct weir__ring *r, const void *item, size_t size, const char *call) {
    fits(r, item, size, call);
    if (!lock(r, call))
        return tried(WEIR_EFORKED, call);
    int rc = push(r, item);
    pthread_mutex_unlock(&r->shared.lock);
    return tried(rc, call);
}

int weir__ring_try_get(struct weir__ring *r, void *item, size_t size, const char *call) {
    fits(r, item, size, call);
    if (!lock(r, call))
        return tried(WEIR_EFORKED, call);
    int rc = take(r, item);
    pthread_mutex_unlock(&r->shared.lock);
    return rc;
}

void weir__ring_on_drop(struct weir__ring *r, void (*fn)(void *item, void *arg), void *arg,
                        const char *call) {
    if (!lock(r, call))
        return;
    r->drop = fn;
    r->drop_arg = arg;
    pthread_mutex_unlock(&r->shared.lock);
}

static void close_locked(struct weir__ring *r) {
    r->closed = true;
    r->putting = 0;
    for (struct weir__sharer *w; (w = weir__shared_first(&r->putters)) != NULL;)
        weir__shared_tell(w, WEIR_ECLOSED);
}

void weir__ring_close(struct weir__ring *r, const char *call) {
    if (!lock(r, call))
        return;
    close_locked(r);
    settle(r);
    pthread_mutex_unlock(&r->shared.lock);
}

size_t weir__ring_drop(struct weir__ring *r, const char *call) {
    if (!lock(r, call))
        return 0;
    close_locked(r);
    struct weir__ring given_up = {.items = r->items,
                                  .item_size = r->item_size,
                                  .count = r->count,
                                  .room = r->room,
                                  .first = r->first,
                                  .drop = r->drop,
                                  .drop_arg = r->drop_arg};
    r->count = r->room = 0;
    r->items = NULL;
    settle(r);
    pthread_mutex_unlock(&r->shared.lock);
    drop_all(&given_up);
    return given_up.count;
}

size_t weir__ring_len(struct weir__ring *r, const char *call) {
    if (!lock(r, call))
        return 0;
    size_t len = r->count;
    pthread_mutex_unlock(&r->shared.lock);
    return len;
}
