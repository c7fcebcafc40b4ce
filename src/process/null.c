/* SPDX-License-Identifier: MIT */
/* null.c - a stream that is at end of stream and takes every write. A program that is played in a
 * simulation has it in place of /dev/null, and of the descriptors that it inherits. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "process/process.h"
#include "stream/stream.h"

static int64_t null_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    return 0;
}

static int null_ask(struct weir_stream *s, struct weir__op *ask) {
    ask->result = 0;
    return WEIR__DONE;
}

static void null_release(struct weir_stream *s, struct weir__lent *lent) {
    lent->token = 0;
}

static int null_send(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done) {
    *ret_done = len;
    return weir__breathe_bytes(len) ? weir_cancelled() : 0;
}

static int64_t null_try_send(struct weir_stream *s, const void *buf, size_t len) {
    return (int64_t)len;
}

static int null_done(struct weir_stream *s) {
    return 0;
}

static void null_close(struct weir_stream *s) {
    weir__stream_drop(s);
    weir__stream_gone(s);
}

static void null_address(struct weir_stream *s, bool peer, char *ret_text) {
    memcpy(ret_text, "null", sizeof "null");
}

static const struct weir__stream_kind null_kind = {
    .name = "null",
    .recv = null_recv,
    .release = null_release,
    .ask = null_ask, /* never pending: so there is no unask */
    .send = null_send,
    .try_send = null_try_send,
    .wait_room = null_done,
    .shutdown = null_done,
    .close = null_close,
    .address = null_address,
};

int weir__subprocess_null(struct weir__loop *l, struct weir_stream **ret_stream) {
    struct weir_stream *s = weir__alloc_zero(sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    weir__stream_init(s, &null_kind, l);
    weir__stream_give(s, ret_stream);
    return 0;
}
