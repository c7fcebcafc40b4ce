/* SPDX-License-Identifier: MIT */
/* stream.c - a file as a stream: reads and writes at the file's position, in pieces. */
#include "stream/stream.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "file/file.h"
#include "loop/debug.h"
#include "task/soon.h"

enum { PIECE = 64 << 10 };

struct file_stream {
    struct weir_stream stream;
    struct weir_file *file; /* NULL: closed */
    int fd;
    /* An ask waits for the position of the file, then for its call. */
    struct weir__op *pending; /* the caller's; NULL: none */
    struct weir__waiter waiter;
    struct weir__soon soon;
    bool calls;
    struct weir__op op;
    struct weir__call call;
    struct weir_file *in_use; /* the ask's, also after a close */
    uint8_t *piece;
};

static struct file_stream *self(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct file_stream, stream);
}

static int64_t move(struct weir_stream *s, enum weir__verb verb, void *buf, size_t len) {
    struct weir_file *f = self(s)->file;
    if (f == NULL)
        return WEIR_ECLOSED;
    f->users++;
    int64_t n = weir__file_move(f, verb, buf, len, WEIR__AT_POSITION);
    weir__file_leave(f, 0, NULL, 0);
    return n;
}

static int64_t file_recv_into(struct weir_stream *s, void *buf, size_t len) {
    return move(s, WEIR__READ_AT, buf, len);
}

static int64_t file_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    uint8_t *piece = weir__alloc(PIECE);
    int64_t n = piece == NULL ? -ENOMEM : move(s, WEIR__READ_AT, piece, PIECE);
    if (n > 0)
        *ret_lent = (struct weir__lent){piece, (uint32_t)n, 1};
    else
        weir__free(piece);
    return n;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* The ask, which has the position, ends with n. Bytes that were read are not dropped while the
 * stream is open: the position has moved. */
static void ask_ends(struct file_stream *s, struct weir__op *ask, int64_t n) {
    ask->result = s->stream.closed ? -ECANCELED : n;
    if (ask->result > 0)
        ask->u.lent = (struct weir__lent){s->piece, (uint32_t)n, 1};
    else
        weir__free(s->piece);
    s->pending = NULL;
    weir__file_position_give(s->in_use);
    (void)weir__file_leave(s->in_use, 0, NULL, 0);
}

static void ask_called(struct weir__op *op) {
    struct file_stream *s = WEIR_CONTAINER(op, struct file_stream, op);
    struct weir__op *ask = s->pending;
    bool closed = s->stream.closed;
    ask_ends(s, ask, op->result);
    ask->wake(ask);
    if (closed)
        weir__stream_gone(&s->stream);
}

static int ask_call(struct file_stream *s) {
    s->op = (struct weir__op){.kind = WEIR__FILE_OP, .wake = ask_called, .u.call = &s->call};
    s->calls = true;
    return weir__submit(s->stream.loop->backend, &s->op);
}

static void ask_begins(struct weir__soon *soon, bool dropped) {
    struct file_stream *s = WEIR_CONTAINER(soon, struct file_stream, soon);
    s->op.result = -ECANCELED;
    if (dropped || s->stream.closed || ask_call(s) == WEIR__DONE)
        ask_called(&s->op);
}

/* A task has given the position up, on its own stack. */
static void ask_has_position(struct weir__waiter *w) {
    weir__soon_add(&WEIR_CONTAINER(w, struct file_stream, waiter)->soon);
}

static int file_ask(struct weir_stream *stream, struct weir__op *ask) {
    struct file_stream *s = self(stream);
    ask->result = -ENOMEM;
    s->piece = weir__alloc(PIECE);
    if (s->piece == NULL)
        return WEIR__DONE;
    s->pending = ask;
    s->calls = false;
    s->in_use = s->file;
    s->in_use->users++;
    s->call = weir__file_piece(s->in_use, WEIR__READ_AT, s->piece, PIECE, WEIR__AT_POSITION);
    s->waiter = (struct weir__waiter){.granted = ask_has_position};
    weir__soon_prepare(&s->soon, ask_begins);
    if (!weir__file_position_try(s->in_use, &s->waiter) || ask_call(s) == WEIR__PENDING)
        return WEIR__PENDING;
    ask_ends(s, ask, s->op.result);
    return WEIR__DONE;
}

static int file_unask(struct weir_stream *stream, struct weir__op *ask) {
    struct file_stream *s = self(stream);
    int64_t n = -ECANCELED;
    if (s->calls) {
        if (weir__cancel(stream->loop->backend, &s->op) == WEIR__PENDING)
            return WEIR__PENDING;
        n = s->op.result;
    } else if (s->waiter.in != NULL) { /* it has no position to give */
        weir__waiter_remove(&s->waiter);
        weir__free(s->piece);
        ask->result = n;
        s->pending = NULL;
        (void)weir__file_leave(s->in_use, 0, NULL, 0);
        return WEIR__DONE;
    }
    weir__soon_remove(&s->soon);
    ask_ends(s, ask, n);
    return WEIR__DONE;
}

static void file_release(struct weir_stream *s, struct weir__lent *lent) {
    (void)s;
    weir__free(lent->base);
    lent->token = 0;
}

static int file_send(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done) {
    *ret_done = 0;
    while (*ret_done < len) {
        int rc = *ret_done > 0 ? weir_cancelled() : 0;
        if (rc < 0)
            return rc;
        int64_t n = move(s, WEIR__WRITE_AT, (uint8_t *)(uintptr_t)buf + *ret_done, len - *ret_done);
        if (n < 0)
            return (int)n;
        *ret_done += (size_t)n;
    }
    return 0;
}

/* A disk says only afterwards whether it took long. */
static int64_t file_try_send(struct weir_stream *s, const void *buf, size_t len) {
    (void)s, (void)buf, (void)len;
    return -EOPNOTSUPP;
}

static int file_wait_room(struct weir_stream *s) {
    (void)s;
    return 0;
}

static int file_shutdown(struct weir_stream *s) {
    (void)s;
    return -EOPNOTSUPP;
}

static int file_fd(const struct weir_stream *s) {
    return ((const struct file_stream *)(const void *)s)->fd;
}

static void file_close(struct weir_stream *s) {
    weir__stream_drop(s);
    weir__file_drop(&self(s)->file);
    if (self(s)->pending == NULL) /* else when that ends */
        weir__stream_gone(s);
}

static void file_leave(struct weir_stream *s) {
    weir_file_close(&self(s)->file); /* in a fork child: the copy of the descriptor */
}

static void file_address(struct weir_stream *s, bool peer, char *ret_text) {
    (void)peer;
    const struct weir_file *f = self(s)->file;
    snprintf(ret_text, WEIR__NAME_TEXT, "%s", f != NULL ? f->path : "?");
}

static const struct weir__stream_kind file_kind = {
    .place = {.fd_at = offsetof(struct file_stream, fd)},
    .name = "file",
    .recv = file_recv,
    .release = file_release,
    .ask = file_ask,
    .unask = file_unask,
    .recv_into = file_recv_into,
    .send = file_send,
    .try_send = file_try_send,
    .wait_room = file_wait_room,
    .shutdown = file_shutdown,
    .fd = file_fd,
    .close = file_close,
    .leave = file_leave,
    .address = file_address,
};

int weir_file_stream(struct weir_file **take_file, struct weir_stream **ret_stream) {
    weir__argument_not_null(take_file, "weir_file_stream", "file");
    struct weir_file *f = *take_file;
    weir__not_null(f, "weir_file_stream");
    weir__loop_assert(f->loop, f, "weir_file_stream");
    WEIR_CHECK(!f->closed);
    if (f->stream != NULL && f->users > 0)
        return weir__failf(-EBUSY, "stream of a file", f->path, "a task is in a call on it");
    if (f->stream != NULL) {
        *ret_stream = f->stream;
        *take_file = NULL;
        weir__debug_closed(f->loop, f, __builtin_return_address(0));
        weir__free(f);
        return 0;
    }
    struct file_stream *s = weir__alloc_zero(sizeof *s);
    if (s == NULL)
        return weir__fail(-ENOMEM, "stream of a file", f->path);
    weir__stream_init(&s->stream, &file_kind, f->loop);
    s->file = f;
    s->fd = f->fd;
    f->loop->unclosed--;
    weir__debug_closed(f->loop, f, __builtin_return_address(0));
    *take_file = NULL;
    weir__stream_give(&s->stream, ret_stream);
    weir__stream_remember(&s->stream, __builtin_return_address(0));
    return 0;
}
