/* SPDX-License-Identifier: MIT */
/* shared_queue.c - a queue between threads and tasks: a ring, with the codes of a queue. */
#include <errno.h>
#include <weir/shared.h>

#include "base/check.h"
#include "thread/ring.h"

#undef weir_shared_queue_new
#undef weir_shared_queue_put
#undef weir_shared_queue_put_for
#undef weir_shared_queue_try_put
#undef weir_shared_queue_get
#undef weir_shared_queue_get_for
#undef weir_shared_queue_try_get

struct weir_shared_queue {
    struct weir__ring ring; /* nothing else: weir__ring_new allocates it */
};

#define ON_QUEUE .kind = WEIR__ON_SYNC, .object = "shared queue",                                  \
                 .site_at = offsetof(struct weir__shared, site)
static const struct weir__what put_waits = {.text = "shared queue put", ON_QUEUE};
static const struct weir__what get_waits = {.text = "shared queue get", ON_QUEUE};

int weir_shared_queue_new_at(const struct weir_site *site, size_t item_size, size_t max,
                            struct weir_shared_queue **ret_queue) {
    if (max == 0)
        WEIR_BUG("weir_shared_queue_new: at most 0 items");
    return weir__ring_new(site, item_size, max, "shared queue", (struct weir__ring **)ret_queue);
}

int weir_shared_queue_new(size_t item_size, size_t max, struct weir_shared_queue **ret_queue) {
    return weir_shared_queue_new_at(NULL, item_size, max, ret_queue);
}

struct weir_shared_queue *weir_shared_queue_ref(struct weir_shared_queue *q) {
    weir__shared_ref(&q->ring.shared, "weir_shared_queue_ref");
    return q;
}

void weir_shared_queue_unref(struct weir_shared_queue **take_queue) {
    struct weir_shared_queue *q = take_queue != NULL ? *take_queue : NULL;
    if (q == NULL)
        return;
    *take_queue = NULL;
    weir__ring_unref(&q->ring, "weir_shared_queue_unref");
}

void weir_shared_queue_on_drop(struct weir_shared_queue *q, void (*fn)(void *item, void *arg),
                              void *arg) {
    weir__ring_on_drop(&q->ring, fn, arg, "weir_shared_queue_on_drop");
}

int weir_shared_queue_put_for(struct weir_shared_queue *q, const void *item, size_t item_size,
                              weir_ns timeout_ns) {
    return weir__ring_put(&q->ring, item, item_size, timeout_ns, &put_waits,
                          __builtin_frame_address(0));
}

int weir_shared_queue_put(struct weir_shared_queue *q, const void *item, size_t item_size) {
    return weir__ring_put(&q->ring, item, item_size, WEIR_NEVER, &put_waits,
                          __builtin_frame_address(0));
}

int weir_shared_queue_try_put(struct weir_shared_queue *q, const void *item, size_t item_size) {
    return weir__ring_try_put(&q->ring, item, item_size, "weir_shared_queue_try_put");
}

int weir_shared_queue_get_for(struct weir_shared_queue *q, void *ret_item, size_t item_size,
                              weir_ns timeout_ns) {
    return weir__ring_get(&q->ring, ret_item, item_size, timeout_ns, &get_waits,
                          __builtin_frame_address(0));
}

int weir_shared_queue_get(struct weir_shared_queue *q, void *ret_item, size_t item_size) {
    return weir__ring_get(&q->ring, ret_item, item_size, WEIR_NEVER, &get_waits,
                          __builtin_frame_address(0));
}

int weir_shared_queue_try_get(struct weir_shared_queue *q, void *ret_item, size_t item_size) {
    return weir__ring_try_get(&q->ring, ret_item, item_size, "weir_shared_queue_try_get");
}

void weir_shared_queue_shutdown(struct weir_shared_queue *q) {
    weir__ring_close(&q->ring, "weir_shared_queue_shutdown");
}

size_t weir_shared_queue_shutdown_now(struct weir_shared_queue *q) {
    return weir__ring_drop(&q->ring, "weir_shared_queue_shutdown_now");
}

size_t weir_shared_queue_len(struct weir_shared_queue *q) {
    return weir__ring_len(&q->ring, "weir_shared_queue_len");
}
