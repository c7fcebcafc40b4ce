/* SPDX-License-Identifier: MIT */
/* latch.h - how another thread, or a signal handler, ends a loop's wait: an eventfd that is written
 * only while the loop sleeps. To wake a busy loop costs one atomic exchange. The eventfd is never
 * read: it is watched edge-triggered, and every write is an edge.
 *
 * A latch is reference-counted. A thread that may ring it after the backend has closed holds a
 * reference. The descriptor is closed, and its number can be used again, only after the last
 * unref. */
#ifndef WEIR_SYS_LATCH_H
#define WEIR_SYS_LATCH_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <weir/base.h>

struct weir__latch {
    _Atomic unsigned refs;
    int fd; /* -1: no wait in the kernel is ended by it (a simulation) */
    _Atomic bool rung;     /* a thread or signal handler has rung since the last clear */
    _Atomic bool sleeping; /* the loop is, or is about to be, in the kernel */
};

/* Make one, with one reference. has_fd: it can end a wait in the kernel. Returns 0, -ENOMEM,
 * -EMFILE. */
WEIR_API int weir__latch_new(bool has_fd, struct weir__latch **ret_latch);

static inline struct weir__latch *weir__latch_ref(struct weir__latch *l) {
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

/* Any thread. NULL is fine. */
WEIR_API void weir__latch_unref(struct weir__latch *l);

/* Any thread, any signal handler: errno is kept. */
static inline void weir__latch_ring(struct weir__latch *l) {
    if (atomic_exchange(&l->rung, true))
        return;
    if (!atomic_load(&l->sleeping))
        return;
    int saved = errno;
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(l->fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    errno = saved;
}

/* Call before the wait. Returns false if the wait must not block, because it was rung already. Both
 * sides write their own word and then load the other's, sequentially consistent, so one sees the
 * other. An exchange and not a store: it costs the same on x86, and qemu-aarch64 (7.2) lets a load
 * overtake a store that C orders before it. */
static inline bool weir__latch_sleep(struct weir__latch *l) {
    (void)atomic_exchange(&l->sleeping, true);
    return !atomic_load(&l->rung);
}

/* Call after the wait, before reading what the ringing thread has left. */
static inline void weir__latch_awake(struct weir__latch *l) {
    atomic_store_explicit(&l->sleeping, false, memory_order_relaxed);
}

/* Was it rung? Clears that. */
static inline bool weir__latch_take(struct weir__latch *l) {
    return atomic_exchange(&l->rung, false);
}

static inline void weir__latch_clear(struct weir__latch *l) {
    if (atomic_load_explicit(&l->rung, memory_order_relaxed))
        atomic_exchange(&l->rung, false);
}

#endif
