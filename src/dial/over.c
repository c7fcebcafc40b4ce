/* SPDX-License-Identifier: MIT */
/* over.c - a stream over two others. What it lends is what the stream below lends. */
#include "dial/over.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "stream/stream.h"

struct over {
    struct weir_stream stream;
    struct weir__over_parts parts;
};

static struct weir__over_parts *parts_of(struct weir_stream *s) {
    return &WEIR_CONTAINER(s, struct over, stream)->parts;
}

/* The stream below was closed because this one was: this one's call says so itself. */
static int64_t seen(struct weir_stream *s, int64_t rc) {
    return s->closed ? -ECANCELED : rc;
}

/* Nobody else reads the stream below, so its window stays empty. */
static int over_ask(struct weir_stream *s, struct weir__op *ask) {
    struct weir_stream *in = parts_of(s)->in;
    return in->kind->ask(in, ask);
}

static int over_unask(struct weir_stream *s, struct weir__op *ask) {
    struct weir_stream *in = parts_of(s)->in;
    return in->kind->unask(in, ask);
}

static void over_release(struct weir_stream *s, struct weir__lent *lent) {
    struct weir_stream *in = parts_of(s)->in;
    in->kind->release(in, lent);
}

/* When the reader runs, this stream may have been closed behind the piece that has come for it. The
 * one below stays until that is given back. */
static int64_t over_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct weir_stream *in = parts_of(s)->in;
    in->reading = true;
    int64_t n = weir__stream_recv(s, ret_lent);
    in->reading = false;
    if (!s->closed)
        return n;
    if (n > 0)
        in->kind->release(in, ret_lent);
    weir__stream_left(in);
    return -ECANCELED;
}

static int over_send(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done) {
    int rc = weir_write(parts_of(s)->out, buf, len);
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    *ret_done = rc == 0 ? len : e != NULL ? e->done : 0;
    return (int)seen(s, rc);
}

/* p->op is the stream's below, and so is p->wake: whoever holds this stream ends both. */
static int over_put(struct weir_stream *s, struct weir__put *p) {
    struct weir_stream *out = parts_of(s)->out;
    p->done = 0;
    int rc = weir__stream_put_begin(out);
    if (rc < 0) {
        p->result = rc;
        return WEIR__DONE;
    }
    int state = weir__stream_put(out, p);
    if (state == WEIR__DONE)
        p->result = weir__stream_put_end(out, (int)p->result);
    else
        p->below = out;
    return state;
}

static int over_unput(struct weir_stream *s, struct weir__put *p) {
    return weir__stream_unput(p->below, p);
}

static int64_t over_try_send(struct weir_stream *s, const void *buf, size_t len) {
    return weir_try_write(parts_of(s)->out, buf, len);
}

static int over_wait_room(struct weir_stream *s) {
    return (int)seen(s, weir_wait_writable(parts_of(s)->out));
}

static int over_shutdown(struct weir_stream *s) {
    return parts_of(s)->end(parts_of(s)->owner);
}

static void over_close(struct weir_stream *s) {
    weir__stream_drop(s);
    parts_of(s)->close(parts_of(s)->owner);
    weir__stream_gone(s);
}

static void over_leave(struct weir_stream *s) {
    parts_of(s)->close(parts_of(s)->owner);
}

static void over_address(struct weir_stream *s, bool peer, char *ret_text) {
    snprintf(ret_text, WEIR__NAME_TEXT, "%s", peer ? parts_of(s)->name : "?");
}

static const struct weir__stream_kind over_kind = {
    .name = "stream over others",
    .recv = over_recv,
    .release = over_release,
    .ask = over_ask,
    .unask = over_unask,
    .send = over_send,
    .put = over_put,
    .unput = over_unput,
    .try_send = over_try_send,
    .wait_room = over_wait_room,
    .shutdown = over_shutdown,
    .close = over_close,
    .leave = over_leave,
    .address = over_address,
};

int weir__over_new(const struct weir__over_parts *parts, struct weir_stream **ret_stream) {
    struct over *o = weir__alloc(sizeof *o);
    if (o == NULL)
        return weir__fail(-ENOMEM, "dial", parts->name);
    weir__stream_init(&o->stream, &over_kind, weir__loop());
    o->parts = *parts;
    weir__stream_give(&o->stream, ret_stream);
    return 0;
}
