/* SPDX-License-Identifier: MIT */
/* latch.h - how another thread, or a signal handler, ends a loop's wait. An eventfd that is only
 * written while the loop sleeps: waking a busy loop costs one atomic exchange. It is never read:
 * it is watched edge-triggered, and every write is an edge. */
#ifndef WEIR_SYS_LATCH_H
#define WEIR_SYS_LATCH_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct weir__latch {
    int fd;
    _Atomic bool rung;     /* somebody wants the loop's attention */
    _Atomic bool sleeping; /* the loop is, or is about to be, in the kernel */
};

static inline int weir__latch_init(struct weir__latch *l) {
    atomic_init(&l->rung, false);
    atomic_init(&l->sleeping, false);
    l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return l->fd < 0 ? -errno : 0;
}

static inline void weir__latch_fini(struct weir__latch *l) {
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

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

/* Before the wait. Returns false if it must not block: rung already. Both sides store, then load
 * the other's word (sequentially consistent), so one of them sees the other. */
static inline bool weir__latch_sleep(struct weir__latch *l) {
    atomic_store(&l->sleeping, true);
    return !atomic_load(&l->rung);
}

/* After the wait, and before looking at what the ringer left. */
static inline void weir__latch_awake(struct weir__latch *l) {
    atomic_store_explicit(&l->sleeping, false, memory_order_relaxed);
}

static inline void weir__latch_clear(struct weir__latch *l) {
    if (atomic_load_explicit(&l->rung, memory_order_relaxed))
        atomic_exchange(&l->rung, false);
}

#endif
