/* SPDX-License-Identifier: MIT */
/* broadcast.c - every item to every subscriber. Items are numbered. The ring keeps those from
 * `oldest` to before `next`; each subscriber knows the number that it receives next. A subscriber
 * that has received all waits in a queue of its own, so a send hands the item to each that waits.
 *
 * With WEIR_WAIT_FOR_ALL `holders` counts the subscribers that stand at the oldest item. When the
 * last of them goes on, the oldest item is gone: the slowest is looked for anew, which costs as
 * much as there are subscribers, once for an item. */
#include <weir/broadcast.h>
#include <weir/select.h>

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "sync/item.h"
#include "sync/sync.h"

#undef weir_broadcast_send
#undef weir_broadcast_try_send
#undef weir_broadcast_recv
#undef weir_broadcast_try_recv

struct broadcast { /* senders wait in sync.queue; sync.state: an enum weir_slow */
    struct weir__sync sync;
    struct weir__list subscribers;
    uint8_t *ring;
    size_t slots, size, holders;
    uint64_t oldest, next;
};
static_assert(sizeof(struct broadcast) <= sizeof(struct weir_broadcast), "public size is ABI");

struct subscriber {
    struct weir__list link;
    struct broadcast *of; /* NULL: it is not subscribed */
    struct weir__waitq queue;
    uint64_t next, missed;
};
static_assert(sizeof(struct subscriber) <= sizeof(struct weir_subscriber), "public size is ABI");

static const char kind[] = "broadcast";
static const struct weir__what sends = WEIR__SYNC_WHAT("broadcast send", kind, NULL);
static const struct weir__what receives = WEIR__SYNC_WHAT("broadcast recv", kind, NULL);

static inline struct subscriber *subscriber_at(struct weir__list *at) {
    return WEIR_CONTAINER(at, struct subscriber, link);
}

static inline void *slot_of(const struct broadcast *b, uint64_t number) {
    return b->ring + number % b->slots * b->size;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Find the slowest subscriber, and drop what all have received. */
static void find_oldest(struct broadcast *b) {
    b->oldest = b->next;
    b->holders = 0;
    for (struct weir__list *at = b->subscribers.next; at != &b->subscribers; at = at->next) {
        uint64_t next = subscriber_at(at)->next;
        b->holders = next < b->oldest ? 1 : b->holders + (next == b->oldest);
        b->oldest = next < b->oldest ? next : b->oldest;
    }
}

static bool is_full(const struct broadcast *b) {
    return b->sync.state == WEIR_WAIT_FOR_ALL && b->next - b->oldest == b->slots;
}

/* Keep the item, and hand it to all that wait. In a broadcast that waits for all, there is room. */
static void put(struct broadcast *b, const void *item) {
    uint64_t number = b->next++;
    memcpy(slot_of(b, number), item, b->size);
    for (struct weir__list *at = b->subscribers.next; at != &b->subscribers; at = at->next) {
        struct subscriber *s = subscriber_at(at);
        struct weir__waiter *w = weir__waitq_first(&s->queue);
        if (w == NULL)
            continue;
        s->next++;
        memcpy(w->slot, item, b->size);
        weir__waiter_grant(w, 1);
    }
    if (b->sync.state == WEIR_WAIT_FOR_ALL && (number == b->oldest || b->holders == 0))
        find_oldest(b); /* those who waited have it already */
    if (b->sync.state == WEIR_OVERTAKE && b->next - b->oldest > b->slots)
        b->oldest = b->next - b->slots;
}

/* Subscribers have gone on or left: senders that wait may go on too. */
static void let_senders_in(struct broadcast *b) {
    struct weir__waiter *w;
    while (!is_full(b) && (w = weir__waitq_first(&b->sync.queue)) != NULL) {
        put(b, w->slot);
        weir__sync_grant(&b->sync, w, 0);
    }
}

static int give(struct broadcast *b, const void *item) {
    if (b->sync.closed)
        return WEIR_ECLOSED;
    if (is_full(b))
        return -EAGAIN;
    put(b, item);
    return 0;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* s has received the item `was`, or given it up. */
static void gone_on(struct broadcast *b, uint64_t was) {
    if (b->sync.state != WEIR_WAIT_FOR_ALL || was != b->oldest)
        return;
    if (b->holders-- > 1)
        return;
    find_oldest(b);
    let_senders_in(b);
}

static int take(struct subscriber *s, void *ret_item, uint64_t *ret_missed) {
    struct broadcast *b = s->of;
    if (s->next == b->next)
        return b->sync.closed ? 0 : -EAGAIN;
    if (s->next < b->oldest) {
        *ret_missed = b->oldest - s->next;
        s->missed += *ret_missed;
        s->next = b->oldest;
        return -EOVERFLOW;
    }
    memcpy(ret_item, slot_of(b, s->next), b->size);
    gone_on(b, s->next++);
    return 1;
}

/* ---- the public calls ------------------------------------------------------------------------ */

static struct broadcast *broadcast_of(struct weir_broadcast *broadcast, const char *call) {
    weir__not_null(broadcast, call);
    struct broadcast *b = (struct broadcast *)(void *)broadcast;
    if (b->size == 0)
        weir__item_refuse(call, kind, NULL, 0, 0);
    return b;
}

static struct broadcast *broadcast_for(struct weir_broadcast *broadcast, const void *item,
                                       size_t size, const char *call) {
    struct broadcast *b = broadcast_of(broadcast, call);
    if (b->size != size)
        weir__item_refuse(call, kind, b->sync.site, size, b->size);
    weir__argument_not_null(item, call, "item");
    return b;
}

static struct subscriber *subscriber_for(struct weir_subscriber *subscriber, const void *ret_item,
                                         size_t size, const char *call) {
    weir__not_null(subscriber, call);
    struct subscriber *s = (struct subscriber *)(void *)subscriber;
    if (s->of == NULL)
        WEIR_BUG("%s: not subscribed", call);
    (void)broadcast_for((struct weir_broadcast *)(void *)s->of, ret_item, size, call);
    return s;
}

int weir_broadcast_init_at(const struct weir_site *site, struct weir_broadcast *broadcast,
                           size_t item_size, size_t ring, enum weir_slow slow) {
    struct broadcast *b = (struct broadcast *)(void *)broadcast;
    size_t bytes;
    weir__not_null(broadcast, "weir_broadcast_init");
    if (item_size == 0 || ring == 0)
        WEIR_BUG("weir_broadcast_init: %s", ring == 0 ? "a ring of 0 items" : "items of 0 bytes");
    if ((unsigned)slow > WEIR_WAIT_FOR_ALL)
        WEIR_BUG("weir_broadcast_init: %d is not of enum weir_slow", (int)slow);
    memset(b, 0, sizeof *b);
    if (!__builtin_mul_overflow(ring, item_size, &bytes))
        b->ring = weir__alloc(bytes);
    if (b->ring == NULL)
        return weir__fail(-ENOMEM, "broadcast init", NULL);
    weir__sync_init(&b->sync, kind, site);
    weir__list_init(&b->subscribers);
    b->sync.state = (uint8_t)slow;
    b->size = item_size;
    b->slots = ring;
    return 0;
}

#undef weir_broadcast_init
int weir_broadcast_init(struct weir_broadcast *b, size_t item_size, size_t ring,
                        enum weir_slow slow) {
    return weir_broadcast_init_at(NULL, b, item_size, ring, slow);
}

void weir_broadcast_fini(struct weir_broadcast *broadcast) {
    struct broadcast *b = (struct broadcast *)(void *)broadcast;
    char text[WEIR__SYNC_TEXT];
    weir__not_null(broadcast, "weir_broadcast_fini");
    weir__sync_fini(&b->sync, kind, "weir_broadcast_fini");
    if (b->size != 0 && !weir__list_empty(&b->subscribers))
        WEIR_BUG("weir_broadcast_fini: %s has a subscriber", weir__sync_text(&b->sync, text));
    weir__free(b->ring);
    memset(b, 0, sizeof *b);
}

void weir_subscribe(struct weir_broadcast *broadcast, struct weir_subscriber *subscriber) {
    struct broadcast *b = broadcast_of(broadcast, "weir_subscribe");
    struct subscriber *s = (struct subscriber *)(void *)subscriber;
    weir__not_null(s, "weir_subscribe");
    weir__sync_touch(&b->sync, kind, "weir_subscribe");
    if (s->of != NULL)
        WEIR_BUG("weir_subscribe: subscribed already, or not zeroed");
    *s = (struct subscriber){.of = b, .next = b->next};
    weir__list_add_tail(&b->subscribers, &s->link);
    if (b->sync.state == WEIR_WAIT_FOR_ALL)
        find_oldest(b);
}

void weir_unsubscribe(struct weir_subscriber *subscriber) {
    struct subscriber *s = (struct subscriber *)(void *)subscriber;
    weir__not_null(s, "weir_unsubscribe");
    struct broadcast *b = s->of;
    if (b == NULL)
        return;
    weir__sync_touch(&b->sync, kind, "weir_unsubscribe");
    struct weir__sync waits = {.queue = s->queue, .site = b->sync.site};
    weir__sync_fini(&waits, kind, "weir_unsubscribe");
    weir__list_remove(&s->link);
    memset(s, 0, sizeof *s);
    if (b->sync.state != WEIR_WAIT_FOR_ALL)
        return;
    find_oldest(b);
    let_senders_in(b);
}

int weir_broadcast_send(struct weir_broadcast *broadcast, const void *item, size_t item_size) {
    int rc = weir__suspend_enter("broadcast send");
    if (rc < 0)
        return rc;
    struct broadcast *b = broadcast_for(broadcast, item, item_size, "weir_broadcast_send");
    rc = weir__sync_enter(&b->sync, kind, "weir_broadcast_send", "broadcast send");
    if (rc < 0)
        return rc;
    rc = give(b, item);
    if (rc == -EAGAIN)
        return weir__sync_wait(&b->sync, (void *)(uintptr_t)item, &sends, NULL);
    return rc < 0 ? weir__fail(rc, "broadcast send", NULL) : rc;
}

int weir_broadcast_try_send(struct weir_broadcast *broadcast, const void *item,
                            size_t item_size) {
    struct broadcast *b = broadcast_for(broadcast, item, item_size, "weir_broadcast_try_send");
    weir__sync_touch(&b->sync, kind, "weir_broadcast_try_send");
    return give(b, item);
}

static __attribute__((cold)) int overtaken(uint64_t missed) {
    weir__failf(-EOVERFLOW, "broadcast recv", NULL, "overtaken: %llu item%s missed",
                (unsigned long long)missed, missed == 1 ? " was" : "s were");
    weir__fail_done(-EOVERFLOW, (size_t)missed);
    return -EOVERFLOW;
}

int weir_broadcast_recv(struct weir_subscriber *subscriber, void *ret_item, size_t item_size) {
    uint64_t missed = 0;
    int rc = weir__suspend_enter("broadcast recv");
    if (rc < 0)
        return rc;
    struct subscriber *s = subscriber_for(subscriber, ret_item, item_size, "weir_broadcast_recv");
    const struct broadcast *b = s->of;
    rc = weir__sync_enter(&s->of->sync, kind, "weir_broadcast_recv", "broadcast recv");
    if (rc < 0)
        return rc;
    if (__builtin_expect(s->of != b, 0)) /* others ran, and one has unsubscribed it */
        (void)subscriber_for(subscriber, ret_item, item_size, "weir_broadcast_recv");
    rc = take(s, ret_item, &missed);
    if (rc == -EOVERFLOW)
        return overtaken(missed);
    if (rc != -EAGAIN)
        return rc;
    s->of->sync.waits++;
    rc = (int)weir__waitq_wait(&s->queue, ret_item, &receives, s->of);
    return rc < 0 ? weir__fail(rc, "broadcast recv", NULL) : rc;
}

int weir_broadcast_try_recv(struct weir_subscriber *subscriber, void *ret_item,
                            size_t item_size) {
    uint64_t missed = 0;
    struct subscriber *s =
        subscriber_for(subscriber, ret_item, item_size, "weir_broadcast_try_recv");
    weir__sync_touch(&s->of->sync, kind, "weir_broadcast_try_recv");
    int rc = take(s, ret_item, &missed);
    return rc == -EOVERFLOW ? overtaken(missed) : rc;
}

uint64_t weir_subscriber_missed(const struct weir_subscriber *subscriber) {
    const struct subscriber *s = (const struct subscriber *)(const void *)subscriber;
    weir__not_null(subscriber, "weir_subscriber_missed");
    if (s->of != NULL)
        weir__sync_look(&s->of->sync, "weir_subscriber_missed");
    return s->missed;
}

void weir_broadcast_close(struct weir_broadcast *broadcast) {
    struct broadcast *b = broadcast_of(broadcast, "weir_broadcast_close");
    weir__sync_touch(&b->sync, kind, "weir_broadcast_close");
    if (b->sync.closed)
        return;
    b->sync.closed = true;
    weir__sync_grant_all(&b->sync, WEIR_ECLOSED);
    for (struct weir__list *at = b->subscribers.next; at != &b->subscribers; at = at->next)
        weir__waitq_wake_all(&subscriber_at(at)->queue, 0);
}

/* ---- as a case of weir_select ---------------------------------------------------------------- */

static void check(void *object, size_t item_size) {
    struct subscriber *s = subscriber_for(object, object, item_size, "weir_select");
    weir__sync_touch(&s->of->sync, kind, "weir_select");
}

static int attempt(void *object, void *item) {
    uint64_t missed;
    return take(object, item, &missed);
}

static void enlist(void *object, void *item, struct weir__wait *wait, struct weir__waiter *w) {
    struct subscriber *s = object;
    s->of->sync.waits++;
    weir__wait_add(wait, w, &s->queue, item);
}

const struct weir__select_ops weir__case_subscriber = {
    .text = "subscriber", .check = check, .attempt = attempt, .enlist = enlist};
