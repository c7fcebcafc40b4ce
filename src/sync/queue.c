/* SPDX-License-Identifier: MIT */
/* queue.c - a queue of work. What is held lies in slots; `order` is an array of nodes, of which the
 * first len say which slots are full, and in what order: a ring (first in first out), a pile (last
 * in first out) or a heap (by priority). The nodes behind them name the free slots, so a put takes
 * the next node's slot, and a get moves its node to the end. Items themselves never move. */
#include <weir/queue.h>
#include <weir/select.h>

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "sync/item.h"
#include "sync/sync.h"

#undef weir_queue_put
#undef weir_queue_get
#undef weir_queue_try_put
#undef weir_queue_try_get

enum { SLOTS_FIRST = 8 }; /* of a queue without limit, when it first grows */

struct node {
    uint64_t number; /* of the put: the smaller goes first among equals */
    size_t slot;
};

/* Tasks that get wait in sync.queue. They wait only while nothing is held, and tasks that put only
 * while the queue is full; see chan.h for the one exception. */
struct queue {
    struct weir__sync sync; /* state: an enum weir_order; closed: shut down */
    struct weir__waitq putters, joiners;
    struct node *order;
    uint8_t *items;
    size_t slots, max;
    size_t first, len; /* first: where the ring begins; else 0 */
    size_t size;
    size_t unfinished;
    uint64_t puts;
    int (*compare)(const void *a, const void *b);
    void (*drop)(void *item, void *arg);
    void *drop_arg;
};
static_assert(sizeof(struct queue) <= sizeof(struct weir_queue), "public size is ABI");

static const char kind[] = "queue";
static const struct weir__what puts_what = WEIR__SYNC_WHAT("queue put", kind, NULL);
static const struct weir__what gets_what = WEIR__SYNC_WHAT("queue get", kind, NULL);
static const struct weir__what joins_what = WEIR__SYNC_WHAT("queue join", kind, NULL);

/* ---- what is held ---------------------------------------------------------------------------- */

static inline struct node *node_at(const struct queue *q, size_t i) {
    size_t at = q->first + i;
    return &q->order[at < q->slots ? at : at - q->slots];
}

static inline uint8_t *item_of(const struct queue *q, const struct node *n) {
    return q->items + n->slot * q->size;
}

static inline void swap(struct node *a, struct node *b) {
    struct node was = *a;
    *a = *b;
    *b = was;
}

static bool goes_before(const struct queue *q, const struct node *a, const struct node *b) {
    int order = q->compare(item_of(q, a), item_of(q, b));
    return order != 0 ? order < 0 : a->number < b->number;
}

static void sift_up(struct queue *q) {
    for (size_t i = q->len - 1; i > 0 && goes_before(q, &q->order[i], &q->order[(i - 1) / 2]);
         i = (i - 1) / 2)
        swap(&q->order[i], &q->order[(i - 1) / 2]);
}

static void sift_down(struct queue *q) {
    for (size_t i = 0, child; (child = 2 * i + 1) < q->len; i = child) {
        if (child + 1 < q->len && goes_before(q, &q->order[child + 1], &q->order[child]))
            child++;
        if (!goes_before(q, &q->order[child], &q->order[i]))
            return;
        swap(&q->order[child], &q->order[i]);
    }
}

/* There is a free slot. */
static void push(struct queue *q, const void *item) {
    struct node *n = node_at(q, q->len);
    n->number = q->puts++;
    weir__item_copy(item_of(q, n), item, q->size);
    q->len++;
    if (q->sync.state == WEIR_PRIORITY)
        sift_up(q);
}

/* Take the next item's node out. The item stays readable until the next push. */
static const struct node *pop(struct queue *q) {
    q->len--;
    if (q->sync.state == WEIR_LIFO)
        return node_at(q, q->len);
    if (q->sync.state == WEIR_FIFO) {
        const struct node *n = node_at(q, 0);
        q->first = q->first + 1 < q->slots ? q->first + 1 : 0;
        return n;
    }
    swap(&q->order[0], &q->order[q->len]);
    sift_down(q);
    return &q->order[q->len];
}

/* Give the queue room for more items; it is full, or has no memory yet. */
static __attribute__((noinline)) int resize(struct queue *q, size_t slots) {
    size_t order_bytes, bytes;
    if (__builtin_mul_overflow(slots, sizeof(struct node), &order_bytes) ||
        __builtin_mul_overflow(slots, q->size, &bytes))
        return -ENOMEM;
    struct node *order = weir__alloc(order_bytes);
    uint8_t *items = weir__alloc(bytes);
    if (order == NULL || items == NULL) {
        weir__free(order);
        weir__free(items);
        return -ENOMEM;
    }
    for (size_t i = 0; i < slots; i++)
        order[i] = i < q->slots ? *node_at(q, i) : (struct node){0, i};
    if (q->slots > 0)
        memcpy(items, q->items, q->slots * q->size);
    weir__free(q->order);
    weir__free(q->items);
    q->order = order;
    q->items = items;
    q->slots = slots;
    q->first = 0;
    return 0;
}

static size_t drop_all(struct queue *q) {
    size_t n = 0;
    for (; q->len > 0; n++) {
        const struct node *next = pop(q);
        if (q->drop != NULL)
            q->drop(item_of(q, next), q->drop_arg);
    }
    return n;
}

/* ---- put, get, done -------------------------------------------------------------------------- */

enum { AT_END = 0, AN_ITEM = 1 }; /* what a get returns */

static int give(struct queue *q, const void *item) {
    struct weir__waiter *getter = weir__waitq_first(&q->sync.queue);
    if (__builtin_expect(q->sync.closed, 0))
        return WEIR_ECLOSED;
    if (getter != NULL) {
        q->unfinished++;
        weir__item_copy(getter->slot, item, q->size);
        weir__sync_grant(&q->sync, getter, AN_ITEM);
        return 0;
    }
    if (q->len == q->max)
        return -EAGAIN;
    if (__builtin_expect(q->len == q->slots, 0) &&
        resize(q, q->slots ? 2 * q->slots : SLOTS_FIRST) < 0)
        return -ENOMEM;
    q->unfinished++;
    push(q, item);
    return 0;
}

static int take(struct queue *q, void *ret_item) {
    struct weir__waiter *putter = weir__waitq_first(&q->putters);
    if (q->len == 0)
        return q->sync.closed ? AT_END : -EAGAIN;
    weir__item_copy(ret_item, item_of(q, pop(q)), q->size);
    if (putter != NULL) {
        q->unfinished++;
        push(q, putter->slot);
        weir__waiter_grant(putter, 0);
    }
    return AN_ITEM;
}

static void done(struct queue *q, size_t n) {
    q->unfinished -= n;
    if (q->unfinished == 0)
        weir__waitq_wake_all(&q->joiners, 0);
}

static void shut(struct queue *q) {
    if (q->sync.closed)
        return;
    q->sync.closed = true;
    weir__waitq_wake_all(&q->putters, WEIR_ECLOSED);
    weir__sync_grant_all(&q->sync, AT_END);
}

/* ---- the public calls ------------------------------------------------------------------------ */

static inline struct queue *queue_of(const struct weir_queue *queue, const char *call) {
    weir__not_null(queue, call);
    struct queue *q = (struct queue *)(void *)(uintptr_t)queue;
    if (__builtin_expect(q->size == 0, 0))
        weir__item_refuse(call, kind, NULL, 0, 0);
    return q;
}

static inline struct queue *queue_for(const struct weir_queue *queue, const void *item,
                                      size_t size, const char *call) {
    struct queue *q = queue_of(queue, call);
    if (__builtin_expect(q->size != size, 0))
        weir__item_refuse(call, kind, q->sync.site, size, q->size);
    weir__argument_not_null(item, call, "item");
    return q;
}

int weir_queue_init_at(const struct weir_site *site, struct weir_queue *queue, size_t item_size,
                       size_t max, enum weir_order order,
                       int (*compare)(const void *a, const void *b)) {
    struct queue *q = (struct queue *)(void *)queue;
    weir__not_null(queue, "weir_queue_init");
    if (item_size == 0 || max == 0)
        WEIR_BUG("weir_queue_init: %s", max == 0 ? "a queue of 0 items" : "items of 0 bytes");
    if ((unsigned)order > WEIR_PRIORITY || (order == WEIR_PRIORITY && compare == NULL))
        WEIR_BUG("weir_queue_init: %s", compare ? "no such order" : "no function to compare with");
    memset(q, 0, sizeof *q);
    weir__sync_init(&q->sync, kind, site);
    q->sync.state = (uint8_t)order;
    q->size = item_size;
    q->max = max;
    q->compare = compare;
    if (max == SIZE_MAX || resize(q, max) == 0)
        return 0;
    memset(q, 0, sizeof *q);
    return weir__fail(-ENOMEM, "queue init", NULL);
}

#undef weir_queue_init
int weir_queue_init(struct weir_queue *q, size_t item_size, size_t max, enum weir_order order,
                    int (*compare)(const void *a, const void *b)) {
    return weir_queue_init_at(NULL, q, item_size, max, order, compare);
}

void weir_queue_fini(struct weir_queue *queue) {
    weir__not_null(queue, "weir_queue_fini");
    struct queue *q = (struct queue *)(void *)queue;
    if (weir__waitq_empty(&q->sync.queue)) /* whoever waits is named */
        q->sync.queue = weir__waitq_empty(&q->putters) ? q->joiners : q->putters;
    weir__sync_fini(&q->sync, kind, "weir_queue_fini");
    struct queue last = *q;
    memset(q, 0, sizeof *q);
    drop_all(&last);
    weir__free(last.order);
    weir__free(last.items);
}

void weir_queue_on_drop(struct weir_queue *queue, void (*fn)(void *item, void *arg), void *arg) {
    struct queue *q = queue_of(queue, "weir_queue_on_drop");
    weir__sync_look(&q->sync, "weir_queue_on_drop");
    q->drop = fn;
    q->drop_arg = arg;
}

int weir_queue_put(struct weir_queue *queue, const void *item, size_t item_size) {
    int rc = weir__suspend_enter("queue put");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    struct queue *q = queue_for(queue, item, item_size, "weir_queue_put");
    rc = weir__sync_enter(&q->sync, kind, "weir_queue_put", "queue put");
    if (rc < 0)
        return rc;
    rc = give(q, item);
    if (rc == -EAGAIN) {
        q->sync.waits++;
        rc = (int)weir__waitq_wait(&q->putters, (void *)(uintptr_t)item, &puts_what, q);
    }
    return rc < 0 ? weir__fail(rc, "queue put", NULL) : rc;
}

int weir_queue_get(struct weir_queue *queue, void *ret_item, size_t item_size) {
    int rc = weir__suspend_enter("queue get");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    struct queue *q = queue_for(queue, ret_item, item_size, "weir_queue_get");
    rc = weir__sync_enter(&q->sync, kind, "weir_queue_get", "queue get");
    if (rc < 0)
        return rc;
    rc = take(q, ret_item);
    return rc == -EAGAIN ? weir__sync_wait(&q->sync, ret_item, &gets_what, NULL) : rc;
}

int weir_queue_try_put(struct weir_queue *queue, const void *item, size_t item_size) {
    struct queue *q = queue_for(queue, item, item_size, "weir_queue_try_put");
    weir__sync_touch(&q->sync, kind, "weir_queue_try_put");
    return give(q, item);
}

int weir_queue_try_get(struct weir_queue *queue, void *ret_item, size_t item_size) {
    struct queue *q = queue_for(queue, ret_item, item_size, "weir_queue_try_get");
    weir__sync_touch(&q->sync, kind, "weir_queue_try_get");
    return take(q, ret_item);
}

void weir_queue_task_done(struct weir_queue *queue) {
    struct queue *q = queue_of(queue, "weir_queue_task_done");
    char text[WEIR__SYNC_TEXT];
    weir__sync_touch(&q->sync, kind, "weir_queue_task_done");
    if (q->unfinished <= q->len)
        WEIR_BUG("weir_queue_task_done: called more often than items were got from %s",
                 weir__sync_text(&q->sync, text));
    done(q, 1);
}

int weir_queue_join(struct weir_queue *queue) {
    int rc = weir__suspend_enter("queue join");
    if (rc < 0)
        return rc;
    struct queue *q = queue_of(queue, "weir_queue_join");
    rc = weir__sync_enter(&q->sync, kind, "weir_queue_join", "queue join");
    if (rc < 0)
        return rc;
    if (q->unfinished == 0)
        return 0;
    q->sync.waits++;
    rc = (int)weir__waitq_wait(&q->joiners, NULL, &joins_what, q);
    return rc < 0 ? weir__fail(rc, "queue join", NULL) : rc;
}

void weir_queue_shutdown(struct weir_queue *queue) {
    struct queue *q = queue_of(queue, "weir_queue_shutdown");
    weir__sync_touch(&q->sync, kind, "weir_queue_shutdown");
    shut(q);
}

size_t weir_queue_shutdown_now(struct weir_queue *queue) {
    struct queue *q = queue_of(queue, "weir_queue_shutdown_now");
    weir__sync_touch(&q->sync, kind, "weir_queue_shutdown_now");
    shut(q);
    size_t n = drop_all(q);
    done(q, n);
    return n;
}

size_t weir_queue_len(const struct weir_queue *queue) {
    struct queue *q = queue_of(queue, "weir_queue_len");
    weir__sync_look(&q->sync, "weir_queue_len");
    return q->len;
}

size_t weir_queue_unfinished(const struct weir_queue *queue) {
    struct queue *q = queue_of(queue, "weir_queue_unfinished");
    weir__sync_look(&q->sync, "weir_queue_unfinished");
    return q->unfinished;
}

/* ---- as cases of weir_select ----------------------------------------------------------------- */

static void check(void *object, size_t item_size) {
    struct queue *q = queue_of(object, "weir_select");
    if (q->size != item_size)
        weir__item_refuse("weir_select", kind, q->sync.site, item_size, q->size);
    weir__sync_touch(&q->sync, kind, "weir_select");
}

static int attempt_get(void *object, void *item) {
    return take(object, item);
}

static int attempt_put(void *object, void *item) {
    return give(object, item);
}

static void enlist_get(void *object, void *item, struct weir__wait *wait,
                       struct weir__waiter *w) {
    struct queue *q = object;
    q->sync.waits++;
    weir__wait_add(wait, w, &q->sync.queue, item);
}

static void enlist_put(void *object, void *item, struct weir__wait *wait,
                       struct weir__waiter *w) {
    struct queue *q = object;
    q->sync.waits++;
    weir__wait_add(wait, w, &q->putters, item);
}

const struct weir__select_ops weir__case_get = {
    .text = "get", .check = check, .attempt = attempt_get, .enlist = enlist_get};
const struct weir__select_ops weir__case_put = {
    .text = "put", .check = check, .attempt = attempt_put, .enlist = enlist_put};
