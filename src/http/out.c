/* SPDX-License-Identifier: MIT */
/* out.c - what a connection has to send. Bytes are gathered in one block and leave in one send:
 * when the block is full, when an answer is whole and no request waits behind it, and at the latest
 * when all ready tasks have run (the flush). One task writes at a time. If the flush finds the
 * kernel's buffer full, it starts a task that writes the rest, because the connection's own may be
 * suspended for long. */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "http/http.h"

static const struct weir__what writes = {.text = "another task's write", .link = "to",
                                         .kind = WEIR__ON_STREAM};

/* ---- putting ---- */

/* A block that is too small is replaced by a larger one: an answer whose head has many lines. */
static bool grow(struct weir_http *h, size_t len) {
    struct http_out *old = h->out;
    size_t unsent = http_unsent(h);
    struct http_out *o = weir__http_out_take(h->config, unsent + len);
    if (o == NULL)
        return false;
    if (old != NULL) {
        memcpy(o->bytes, old->bytes + old->from, unsent);
        o->len = (uint32_t)unsent;
        weir__http_out_give(h->config, old);
    }
    h->out = o;
    return true;
}

uint8_t *weir__http_out_room(struct weir_http *h, size_t len) {
    struct http_out *o = h->out;
    if ((o == NULL || len > o->size - o->len) && !grow(h, len))
        return NULL;
    return h->out->bytes + h->out->len;
}

int weir__http_put(struct weir_http *h, const void *bytes, size_t len) {
    uint8_t *room = weir__http_out_room(h, len);
    if (room == NULL)
        return weir__fail(-ENOMEM, "http write", NULL);
    if (len > 0) /* bytes may be NULL */
        memcpy(room, bytes, len);
    h->out->len += (uint32_t)len;
    return 0;
}

/* ---- sending ---- */

static int broke(struct weir_http *h, int rc) {
    if (h->unsent == 0)
        h->unsent = WEIR_SMALL_CODE(rc);
    h->broken = h->stream->torn = true;
    return rc;
}

/* Wait at most send_ns. *ret_late: it is over. */
static int wait_room_once(struct weir_http *h, bool *ret_late) {
    struct weir_scope s;
    weir_scope_enter(&s, h->config->o.send_ns);
    int rc = weir_wait_writable(h->stream);
    bool is_late = weir_scope_fired(&s) == -ETIME;
    rc = weir_scope_leave(&s, rc);
    *ret_late = rc == -ETIME && is_late && weir_cancelled() == 0;
    return rc;
}

static int late(struct weir_http *h) {
    return weir__failf(-ETIMEDOUT, "http write", weir_stream_peer(h->stream),
                       "the client took nothing for %lld ms",
                       (long long)(h->config->o.send_ns / 1000000));
}

/* Is the stream's own write line (TLS) writing? Then its clock watches the client. */
static bool is_watched(struct weir_http *h) {
    return h->stream->kind->rests != NULL &&
           h->stream->kind->rests(h->stream, h->config->o.send_ns);
}

/* There is room only when much has left (over TLS all that was encrypted). A slow client may need
 * longer than send_ns for that: it is not cut off while it takes something. */
int weir__http_wait_room(struct weir_http *h) {
    int64_t before, left = weir__stream_unacked(h->stream);
    bool is_late;
    int rc;
    (void)is_watched(h);
    do {
        before = left;
        rc = wait_room_once(h, &is_late);
        left = is_late ? weir__stream_unacked(h->stream) : 0;
    } while (is_late && h->unsent == 0 && (is_watched(h) || (left >= 0 && left < before)));
    return is_late ? late(h) : rc;
}

/* For descriptors that take nothing without a wait. *ret_done as in send_bytes. */
static int write_waiting(struct weir_http *h, const uint8_t *bytes, size_t len, size_t *ret_done) {
    struct weir_scope s;
    weir_scope_enter(&s, h->config->o.send_ns);
    int rc = weir_write(h->stream, bytes, len);
    const struct weir_error *e = rc < 0 ? weir_error(rc) : NULL;
    *ret_done = rc == 0 ? len : e != NULL ? e->done : 0;
    return weir_scope_leave(&s, rc);
}

/* Send len bytes; *ret_done counts those that were taken, also on error. */
static int send_bytes(struct weir_http *h, const uint8_t *bytes, size_t len, size_t *ret_done) {
    size_t done = 0;
    int rc = 0;
    while (done < len && rc == 0) {
        if (h->unsent != 0) { /* another task has dropped the connection meanwhile */
            rc = h->unsent;
            break;
        }
        ssize_t n = weir_try_write(h->stream, bytes + done, len - done);
        if (n > 0) {
            done += (size_t)n;
            if (done < len && weir__breathe_bytes((size_t)n))
                rc = weir_cancelled();
        } else if (n == -EAGAIN) {
            rc = weir__http_wait_room(h);
        } else if (n == -EOPNOTSUPP) {
            size_t taken;
            rc = write_waiting(h, bytes + done, len - done, &taken);
            done += taken;
        } else {
            rc = n == WEIR_EKEEPALIVE ? late(h) : (int)n;
        }
    }
    *ret_done = done;
    return rc;
}

static void emptied(struct weir_http *h) {
    weir__http_out_give(h->config, h->out);
    h->out = NULL;
}

static struct http_out *take_first(struct weir_http *h) {
    struct http_out **place = h->first != NULL ? &h->first : &h->out, *o = *place;
    *place = NULL;
    return o;
}

/* Its sending was cancelled: what is left of it goes before what was put meanwhile. */
static int put_back(struct weir_http *h, struct http_out *o, int felt) {
    struct http_out *behind = h->out;
    int rc = 0;
    h->out = o;
    if (behind != NULL) {
        rc = weir__http_put(h, behind->bytes + behind->from, behind->len - behind->from);
        weir__http_out_give(h->config, behind);
    }
    return rc < 0 ? rc : felt;
}

/* A block has the answers to several requests, of which only one may be cancelled. */
static bool keeps_rest(const struct weir_http *h, int rc) {
    return rc < 0 && rc == weir_cancelled() && h->driver->keeps_rest;
}

/* The block is detached while it is sent: what is put meanwhile goes into the next one. */
static int send_out(struct weir_http *h) {
    struct http_out *o;
    int rc = 0;
    while (rc == 0 && (o = take_first(h)) != NULL) {
        size_t done;
        rc = send_bytes(h, o->bytes + o->from, o->len - o->from, &done);
        o->from += (uint32_t)done;
        if (keeps_rest(h, rc) && o->from < o->len)
            return put_back(h, o, rc);
        weir__http_out_give(h->config, o);
    }
    return rc;
}

/* is_lost: bytes that are in no block. */
static int cut_short(struct weir_http *h, int rc, bool is_lost) {
    if (!keeps_rest(h, rc))
        return broke(h, rc);
    h->broken |= is_lost;
    return rc;
}

/* Until no other task writes. Returns 0 or the felt code. */
static int await_writer(struct weir_http *h) {
    int rc = 0;
    while (h->writing && rc == 0)
        rc = (int)weir__waitq_wait(&h->writers, NULL, &writes, h->stream);
    return rc;
}

static void write_over(struct weir_http *h) {
    h->writing = false;
    if (!weir__waitq_empty(&h->writers))
        weir__waitq_wake_all(&h->writers, 0);
}

/* As much of data as the block has room for goes with the head before it. */
static size_t fill_up(struct weir_http *h, const void *data, size_t len) {
    size_t room = h->out != NULL ? h->out->size - h->out->len : 0;
    size_t n = len < room ? len : room;
    if (n > 0) {
        memcpy(h->out->bytes + h->out->len, data, n);
        h->out->len += (uint32_t)n;
    }
    return n;
}

int weir__http_send(struct weir_http *h, const void *data, size_t len) {
    int rc = await_writer(h);
    if (rc < 0 || h->unsent != 0)
        return rc < 0 ? cut_short(h, rc, len > 0) : weir__fail(h->unsent, "http write", NULL);
    size_t done = fill_up(h, data, len), rest = 0;
    if (h->out == NULL && done == len)
        return 0;
    h->writing = true;
    rc = send_out(h);
    if (rc == 0 && done < len)
        rc = send_bytes(h, (const uint8_t *)data + done, len - done, &rest);
    write_over(h);
    return rc < 0 ? cut_short(h, rc, done < len) : 0;
}

/* ---- a task that writes ---- */

/* Runs also when its connection was dropped meanwhile: then it is the last one inside. */
static int writer(void *args) {
    struct weir_http *h = *(struct weir_http **)args;
    h->writer = weir_task_current();
    int rc = h->unsent == 0 ? send_out(h) : 0;
    h->writer = NULL;
    if (rc < 0)
        broke(h, rc);
    write_over(h);
    h->driver->left(h);
    return 0; /* the next call that sends returns the error */
}

static void start_writer(struct weir_http *h) {
    static const struct weir_site site = {"http writer", __FILE__, "weir_http_write", __LINE__};
    h->writing = true;
    int rc = weir_spawn(h->driver->group(h), &site, writer, &h, sizeof h, NULL, NULL);
    if (rc < 0) {
        broke(h, rc);
        write_over(h);
    }
}

/* ---- with the other sends of the turn ---- */

static bool may_batch(const struct weir_http *h) {
    return h->driver->may_batch && weir__stream_batches(h->stream);
}

/* Go on after the send of a block. n: how many of its bytes were taken, or the error. */
static int taken_soon(struct weir_http *h, struct http_out *o, int64_t n) {
    if (n > 0)
        o->from += (uint32_t)n;
    if (o->from < o->len && (n >= 0 || n == -EAGAIN)) {
        h->first = o;
        start_writer(h);
        return 0;
    }
    weir__http_out_give(h->config, o);
    int rc = n < 0 ? broke(h, (int)n) : 0;
    write_over(h);
    if (h->out != NULL)
        weir__http_flush_later(h);
    return rc;
}

static void soon_ended(struct weir__op *op) {
    struct http_out *o = WEIR_CONTAINER(op, struct http_out, op);
    struct weir_stream *s = op->waiter;
    struct weir_http *h = o->http;
    int64_t n = op->result;
    s->loop->hidden--;
    weir__stream_put_end(s, n < 0 && n != -EAGAIN ? (int)n : 0);
    if (h == NULL) {
        struct http_config *c = o->config;
        weir__http_out_give(c, o);
        weir__http_config_unref(c);
        return;
    }
    h->first = NULL;
    h->leaving = false;
    (void)taken_soon(h, o, n);
}

/* Give h->out to the backend. Returns 0; an error, which breaks the connection. */
static int send_block_soon(struct weir_http *h) {
    struct http_out *o = h->out;
    struct weir_stream *s = h->stream;
    int rc = weir__stream_put_begin(s);
    if (rc < 0)
        return broke(h, rc);
    o->op = (struct weir__op){.wake = soon_ended, .waiter = s,
                              .u.bytes = {.base = o->bytes + o->from, .len = o->len - o->from}};
    h->out = NULL;
    h->writing = true;
    if (s->kind->send_soon(s, &o->op) == WEIR__DONE) {
        int64_t n = o->op.result;
        weir__stream_put_end(s, n < 0 && n != -EAGAIN ? (int)n : 0);
        return taken_soon(h, o, n);
    }
    s->loop->hidden++; /* the run waits for it */
    o->http = h;
    h->first = o;
    h->leaving = true;
    return 0;
}

void weir__http_out_leave(struct weir_http *h) {
    struct http_out *o = h->first;
    h->first = NULL;
    if (!h->leaving) {
        weir__http_out_give(h->config, o);
        return;
    }
    o->http = NULL;
    o->config = h->config;
    h->config->refs++;
}

int weir__http_send_soon(struct weir_http *h, const void *data, size_t len) {
    bool fits = h->out == NULL || len <= h->out->size - h->out->len;
    if (h->close || h->broken || h->unsent != 0 || !may_batch(h) || !fits ||
        (h->writing && !h->leaving))
        return weir__http_send(h, data, len);
    int rc = len > 0 ? weir__http_put(h, data, len) : 0;
    if (rc < 0 || h->out == NULL || h->writing) /* else soon_ended lets it follow */
        return rc;
    rc = send_block_soon(h);
    return rc < 0 ? weir__fail(rc, "http write", weir_stream_peer(h->stream)) : 0;
}

/* ---- the flush ---- */

static void flush(struct weir__flush *f) {
    struct weir_http *h = WEIR_CONTAINER(f, struct weir_http, flush);
    struct http_out *o = h->out;
    if (h->writing || o == NULL || h->unsent != 0)
        return; /* the task that writes takes this too */
    if (may_batch(h)) {
        (void)send_block_soon(h);
        return;
    }
    ssize_t n = weir_try_write(h->stream, o->bytes + o->from, o->len - o->from);
    if (n > 0)
        o->from += (uint32_t)n;
    if (o->from == o->len)
        emptied(h);
    else if (n > 0 || n == -EAGAIN || n == -EOPNOTSUPP)
        start_writer(h);
    else
        broke(h, (int)n);
}

void weir__http_out_init(struct weir_http *h) {
    h->flush.flush = flush;
}

void weir__http_flush_later(struct weir_http *h) {
    weir__loop_flush_later(h->config->loop, &h->flush);
}
