/* SPDX-License-Identifier: MIT */
/* uring_close.c - the op CLOSE: it cancels all requests on a file. When the last of them has
 * completed, the file is closed (weir__uring_settled). */
#include <errno.h>

#include "sys/plain.h"
#include "sys/uring.h"

int weir__uring_close_file(struct uring_backend *b, struct weir__op *op) {
    struct weir__file *file = op->file;
    struct uring_file *f = weir__uring_file(file);
    if (file->state == WEIR__FILE_NONE)
        return weir__op_now_done(op, weir__plain_close_unkept(file));
    WEIR_CHECK((f->live & URING_CLOSING) == 0);
    f->live |= URING_CLOSING;
    if (file->reader != NULL)
        weir__op_complete(&b->done, file->reader, -ECANCELED);
    file->reader = NULL;
    weir__uring_recv_drop(b, file);
    f->closer = op;
    struct weir__op *writer = file->writer;
    if (writer != NULL && weir__uring_write_cancel(b, writer) == WEIR__DONE) {
        weir__op_hold(writer);
        weir__op_complete(&b->done, writer, -ECANCELED);
    }
    if (f->live & URING_HAS_POLLS)
        weir__uring_polls_end(b, file);
    if (f->inflight > 0 || !weir__fifo_empty(&b->done)) { /* it completes after the others */
        weir__op_hold(op);
        weir__uring_settled(b, file);
        return WEIR__PENDING;
    }
    weir__uring_close_now(b, file);
    return weir__op_now_done(op, 0);
}
