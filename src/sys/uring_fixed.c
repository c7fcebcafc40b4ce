/* SPDX-License-Identifier: MIT */
/* uring_fixed.c - files that send often are registered with the ring: a send then takes no
 * reference of the descriptor (57 ns of 4 us). The table is made for the first such file. Before
 * Linux 6.13 a slot that was emptied keeps its file for up to a second, so the peer would see the
 * end of the stream too late. This is tested, and if it is so the table is not used. */
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys/limits.h"
#include "sys/fds.h"
#include "sys/uring.h"

static const int none = -1;

static bool set(struct uring_backend *b, uint32_t slot, const int *fd) {
    return io_uring_register_files_update(&b->ring, slot, (int *)(uintptr_t)fd, 1) == 1;
}

static bool make_table(struct uring_backend *b) {
    struct rlimit open_max;
    uint32_t size = weir__sys_limits.ring_slots;
    if (getrlimit(RLIMIT_NOFILE, &open_max) != 0)
        return false;
    if (open_max.rlim_cur < size)
        size = (uint32_t)open_max.rlim_cur;
    if (size == 0 || io_uring_register_files_sparse(&b->ring, size) != 0)
        return false;
    b->slots_max = size;
    return true;
}

/* Test: a socket that was in a slot is taken out and closed. Does its peer see the end of the
 * stream at once? */
static bool lets_go(struct uring_backend *b) {
    int pair[2];
    char byte;
    const int type = SOCK_STREAM | SOCK_CLOEXEC;
    if (weir__fd_lift_pair(socketpair(AF_UNIX, type, 0, pair), pair) != 0)
        return false;
    bool right = set(b, 0, &pair[0]) && set(b, 0, &none);
    close(pair[0]);
    right = right && recv(pair[1], &byte, 1, MSG_DONTWAIT) == 0;
    close(pair[1]);
    return right;
}

void weir__uring_fix(struct uring_backend *b, struct weir__file *file) {
    uint64_t handle;
    if (b->slots_tried && b->slots_max == 0)
        return;
    if (!b->slots_tried) {
        b->slots_tried = true;
        if (!make_table(b) || !lets_go(b)) {
            b->slots_max = 0;
            return;
        }
    }
    if (weir__slots_add(&b->slots, file, &handle) != 0)
        return;
    uint32_t slot = (uint32_t)handle;
    if (slot < b->slots_max && set(b, slot, &file->fd))
        weir__uring_file(file)->slot = slot + 1;
    else
        weir__slots_remove(&b->slots, slot, file);
}

void weir__uring_unfix(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if (f->slot == 0)
        return;
    bool right = set(b, f->slot - 1, &none);
    WEIR_CHECK(right);
    weir__slots_remove(&b->slots, f->slot - 1, file);
    f->slot = 0;
}
