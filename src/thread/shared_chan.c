/* SPDX-License-Identifier: MIT */
/* shared_chan.c - a chan between threads and tasks: a ring, with the codes of a chan. */
#include <errno.h>
#include <weir/shared.h>

#include "base/check.h"
#include "thread/ring.h"

#undef weir_shared_chan_new
#undef weir_shared_chan_send
#undef weir_shared_chan_send_for
#undef weir_shared_chan_try_send
#undef weir_shared_chan_recv
#undef weir_shared_chan_recv_for
#undef weir_shared_chan_try_recv

struct weir_shared_chan {
    struct weir__ring ring; /* nothing else: weir__ring_new allocates it */
};

#define ON_CHAN .kind = WEIR__ON_SYNC, .object = "shared chan",                                    \
                 .site_at = offsetof(struct weir__shared, site)
static const struct weir__what send_waits = {.text = "shared chan send", ON_CHAN};
static const struct weir__what recv_waits = {.text = "shared chan recv", ON_CHAN};

int weir_shared_chan_new_at(const struct weir_site *site, size_t item_size, size_t capacity,
                            struct weir_shared_chan **ret_chan) {
    return weir__ring_new(site, item_size, capacity, "shared chan", (struct weir__ring **)ret_chan);
}

int weir_shared_chan_new(size_t item_size, size_t capacity, struct weir_shared_chan **ret_chan) {
    return weir_shared_chan_new_at(NULL, item_size, capacity, ret_chan);
}

struct weir_shared_chan *weir_shared_chan_ref(struct weir_shared_chan *c) {
    weir__shared_ref(&c->ring.shared, "weir_shared_chan_ref");
    return c;
}

void weir_shared_chan_unref(struct weir_shared_chan **take_chan) {
    struct weir_shared_chan *c = take_chan != NULL ? *take_chan : NULL;
    if (c == NULL)
        return;
    *take_chan = NULL;
    weir__ring_unref(&c->ring, "weir_shared_chan_unref");
}

void weir_shared_chan_on_drop(struct weir_shared_chan *c, void (*fn)(void *item, void *arg),
                              void *arg) {
    weir__ring_on_drop(&c->ring, fn, arg, "weir_shared_chan_on_drop");
}

int weir_shared_chan_send_for(struct weir_shared_chan *c, const void *item, size_t item_size,
                              weir_ns timeout_ns) {
    return weir__ring_put(&c->ring, item, item_size, timeout_ns, &send_waits,
                          __builtin_frame_address(0));
}

int weir_shared_chan_send(struct weir_shared_chan *c, const void *item, size_t item_size) {
    return weir__ring_put(&c->ring, item, item_size, WEIR_NEVER, &send_waits,
                          __builtin_frame_address(0));
}

int weir_shared_chan_try_send(struct weir_shared_chan *c, const void *item, size_t item_size) {
    return weir__ring_try_put(&c->ring, item, item_size, "weir_shared_chan_try_send");
}

int weir_shared_chan_recv_for(struct weir_shared_chan *c, void *ret_item, size_t item_size,
                              weir_ns timeout_ns) {
    return weir__ring_get(&c->ring, ret_item, item_size, timeout_ns, &recv_waits,
                          __builtin_frame_address(0));
}

int weir_shared_chan_recv(struct weir_shared_chan *c, void *ret_item, size_t item_size) {
    return weir__ring_get(&c->ring, ret_item, item_size, WEIR_NEVER, &recv_waits,
                          __builtin_frame_address(0));
}

int weir_shared_chan_try_recv(struct weir_shared_chan *c, void *ret_item, size_t item_size) {
    return weir__ring_try_get(&c->ring, ret_item, item_size, "weir_shared_chan_try_recv");
}

void weir_shared_chan_close(struct weir_shared_chan *c) {
    weir__ring_close(&c->ring, "weir_shared_chan_close");
}

size_t weir_shared_chan_refuse(struct weir_shared_chan *c) {
    return weir__ring_drop(&c->ring, "weir_shared_chan_refuse");
}

size_t weir_shared_chan_len(struct weir_shared_chan *c) {
    return weir__ring_len(&c->ring, "weir_shared_chan_len");
}
