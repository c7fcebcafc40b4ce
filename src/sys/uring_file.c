/* SPDX-License-Identifier: MIT */
/* uring_file.c - a file of the ring: how it begins, and how it is closed when the kernel has
 * completed every request that names it. uring_close.c cancels those requests. */
#include <string.h>
#include <unistd.h>

#include "sys/plain.h"
#include "sys/uring.h"

static void adopt(struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    memset(file->priv, 0, sizeof file->priv);
    file->reader = file->writer = NULL;
    file->state = WEIR__FILE_KEPT;
    f->mode = URING_STREAM;
    weir__direct_attach(&f->direct, file, false); /* steady is set when BULK begins */
}

/* Non-blocking: direct calls need it, and io_uring waits on such a socket as on any other. */
int64_t weir__uring_socket(struct weir__op *op) {
    int64_t fd = weir__plain_socket(op->u.socket.family, op->u.socket.type, SOCK_NONBLOCK);
    if (fd < 0)
        return fd;
    adopt(op->file);
    op->file->fd = (int)fd;
    op->file->foreign = false;
    return 0;
}

int64_t weir__uring_attach(struct weir__op *op) {
    adopt(op->file);
    return 0;
}

void weir__uring_close_now(struct uring_backend *b, struct weir__file *file) {
    weir__uring_unfix(b, file);
    if (!file->foreign)
        close(file->fd);
    file->fd = -1;
    file->state = WEIR__FILE_NONE;
}

void weir__uring_settled(struct uring_backend *b, struct weir__file *file) {
    struct uring_file *f = weir__uring_file(file);
    if ((f->live & URING_CLOSING) == 0 || f->inflight > 0)
        return;
    weir__uring_close_now(b, file);
    weir__op_complete(&b->done, f->closer, 0);
}
