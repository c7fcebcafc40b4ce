/* SPDX-License-Identifier: MIT */
/* latch.c - make, ref and unref a latch; the frequent calls are in the header. */
#include "sys/latch.h"

#include "base/alloc.h"
#include "sys/fds.h"

int weir__latch_new(bool has_fd, struct weir__latch **ret_latch) {
    struct weir__latch *l = weir__alloc(sizeof *l);
    if (l == NULL)
        return -ENOMEM;
    atomic_init(&l->refs, 1);
    atomic_init(&l->rung, false);
    atomic_init(&l->sleeping, false);
    l->fd = has_fd ? weir__fd_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) : -1;
    if (has_fd && l->fd < 0) {
        int rc = l->fd;
        weir__free(l);
        return rc;
    }
    *ret_latch = l;
    return 0;
}

void weir__latch_unref(struct weir__latch *l) {
    if (l == NULL || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (l->fd >= 0)
        close(l->fd);
    weir__free(l);
}
