/* SPDX-License-Identifier: MIT */
/* writer.c - gathers small writes, and hands them to the stream when the loop's ready tasks have
 * run. What the stream does not take then is written by a task of the writer's own, the pourer,
 * which lives only as long as something is left.
 *
 *   gathered: bytes[at .. at + len); offered: all bytes ever gathered; taken: by the stream
 *
 * A task that finds no room stands in the queue `room` with its bytes: whoever makes room copies
 * them, and grants the task when all are copied. So nobody overtakes it, and a task that is
 * cancelled after the grant has written. A task that flushes stands in the queue `drained` with the
 * count of bytes that it waits for.
 *
 * A stop of the run cancels the pourer too. That is no error of the stream: the bytes stay
 * gathered. While a task waits for the writer, in a shield of its own, the pourer goes on in a
 * shield; the last to leave the queues cuts the wait of the pourer, which then ends. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/time.h"
#include "frame/text.h"
#include "loop/loop.h"
#include "stream/stream.h"
#include "task/waitq.h"

enum {
    SIZE_DEFAULT = 16 << 10,
    SIZE_MAX_ = 1 << 30,
    POUR_MAX = 256 << 10, /* bytes handed to the stream before other tasks get their turn */
    PAUSES = 10 /* of 1, 2, 4 .. 512 ms, while another write holds the stream */
};

static const weir_ns again_ns = WEIR_MILLISECONDS(10); /* where something is lacking */

struct weir_writer {
    struct weir_stream *s;
    struct weir__loop *loop;
    struct weir__flush flush;
    struct weir__timer again; /* what is gathered needs a pourer, and none could be had */
    struct weir__waitq room, drained;
    struct weir_task *pourer; /* NULL: none */
    uint64_t offered, taken;
    size_t size, at, len;
    unsigned refs; /* the user, the pourer */
    unsigned pauses; /* since the stream took bytes */
    int failed;    /* the error with which the stream refused bytes */
    bool closed;
    bool shielded; /* the pourer is in pour_on_shielded */
    bool cut;      /* and its wait there was cut short */
    uint8_t bytes[];
};

struct wish { /* of a task in `room` or `drained` */
    struct weir__wait wait;
    struct weir__waiter waiter;
    struct weir_writer *w;
    const uint8_t *bytes; /* in `room`: what it writes */
    size_t len, done;
    uint64_t target;      /* in `drained`: the count of bytes for which it waits */
};

static const struct weir__what gathers = {.text = "write", .link = "to", .kind = WEIR__ON_STREAM};
static const struct weir__what drains = {.text = "flush", .link = "to", .kind = WEIR__ON_STREAM};

static void unref(struct weir_writer *w) {
    if (--w->refs == 0)
        weir__free(w);
}

/* ---- gathering ---- */

static size_t room_of(const struct weir_writer *w) {
    return w->size - w->len;
}

static void gather(struct weir_writer *w, const void *bytes, size_t len) {
    if (w->at + w->len + len > w->size) {
        memmove(w->bytes, w->bytes + w->at, w->len);
        w->at = 0;
    }
    memcpy(w->bytes + w->at + w->len, bytes, len);
    w->len += len;
    w->offered += len;
}

/* A wish that fits into the writer at all is taken whole or not yet. One that was taken in part
 * stays the first in its queue. */
static bool gather_wish(struct weir_writer *w, struct wish *wish) {
    size_t left = wish->len - wish->done, n = left < room_of(w) ? left : room_of(w);
    if (n < left && wish->len <= w->size)
        return false;
    gather(w, wish->bytes + wish->done, n);
    wish->done += n;
    return wish->done == wish->len;
}

/* Some bytes were taken, or the writer has failed: grant those who waited for that. */
static void grant(struct weir_writer *w) {
    struct weir__waiter *first;
    if (w->failed != 0) {
        weir__waitq_wake_all(&w->room, w->failed);
        weir__waitq_wake_all(&w->drained, w->failed);
        return;
    }
    while ((first = weir__waitq_first(&w->drained)) != NULL &&
           ((struct wish *)first->slot)->target <= w->taken)
        weir__waiter_grant(first, 0);
    while ((first = weir__waitq_first(&w->room)) != NULL && gather_wish(w, first->slot))
        weir__waiter_grant(first, 0);
}

/* ---- pouring ---- */

static void took(struct weir_writer *w, size_t n) {
    w->at += n;
    w->len -= n;
    w->taken += n;
    w->pauses = 0;
    if (w->len == 0)
        w->at = 0;
    grant(w);
}

static int fails(struct weir_writer *w, int rc) {
    w->failed = rc;
    grant(w);
    return rc;
}

/* Leaves the error record as it was: a caller may be writing the text of that very record, and a
 * full stream is no error of its. Who returns an error writes its own record. */
static ssize_t try_write(struct weir_writer *w) {
    struct weir_error kept;
    weir__error_keep(&kept);
    ssize_t n = weir_try_write(w->s, w->bytes + w->at, w->len);
    if (n < 0)
        weir__error_restore(&kept);
    return n;
}

/* Hand the stream what it takes without a wait. Returns 1 if something is left, 0, or an error. */
static int pour(struct weir_writer *w) {
    size_t poured = 0;
    while (w->len > 0 && w->failed == 0 && poured < POUR_MAX) {
        ssize_t n = try_write(w);
        if (n == -EAGAIN || n == -EOPNOTSUPP || n == -EBUSY)
            return 1;
        if (n < 0)
            return fails(w, (int)n);
        poured += (size_t)n;
        took(w, (size_t)n);
    }
    return w->failed != 0 ? w->failed : w->len > 0;
}

/* A stream that can only be written by a call that waits. The bytes are copied out, since others
 * gather meanwhile. */
static int pour_waiting(struct weir_writer *w) {
    uint8_t piece[1024];
    size_t n = w->len < sizeof piece ? w->len : sizeof piece;
    memcpy(piece, w->bytes + w->at, n);
    int rc = weir_write(w->s, piece, n);
    if (rc == 0 && !w->closed)
        took(w, n);
    return rc;
}

/* -EBUSY: the write of a writer before, which was closed, has not left the stream yet. Or another
 * task writes to it, which is a mistake: then the pauses come to an end. */
static int pause_if_busy(struct weir_writer *w, int rc) {
    if (rc != -EBUSY || w->pauses == PAUSES)
        return rc;
    return weir_sleep(WEIR_MILLISECONDS(1) << w->pauses++);
}

/* Where there is no descriptor or memory to wait for room, look again by the clock. Not by a write
 * that waits: a cancel could cut it in two. */
static int pour_on(struct weir_writer *w) {
    int rc = weir_wait_writable(w->s);
    if (weir__stream_lacks(rc))
        rc = weir_sleep(again_ns);
    if (w->closed || w->len == 0)
        return rc;
    if (rc < 0)
        return pause_if_busy(w, rc);
    ssize_t n = try_write(w);
    if (n == -EOPNOTSUPP)
        return pour_waiting(w);
    if (n > 0)
        took(w, (size_t)n);
    return n == -EAGAIN || n > 0 ? 0 : pause_if_busy(w, (int)n);
}

static bool is_awaited(const struct weir_writer *w) {
    return !weir__waitq_empty(&w->room) || !weir__waitq_empty(&w->drained);
}

/* The pourer is cancelled. The bound is 68 years: what ends the wait is a cut, by give_up or the
 * close. */
static WEIR_NOINLINE int pour_on_shielded(struct weir_writer *w) {
    struct weir_scope shield;
    weir_shield_enter(&shield, WEIR_SECONDS(INT32_MAX));
    w->shielded = true;
    w->cut = false;
    int rc = pour_on(w);
    w->shielded = false;
    rc = weir_scope_leave(&shield, rc);
    return rc == -ECANCELED && w->cut ? 0 : rc;
}

static int pour_on_anyway(struct weir_writer *w) {
    if (weir_cancelled() < 0)
        return pour_on_shielded(w);
    int rc = pour_on(w);
    return rc < 0 && rc == weir_cancelled() ? 0 : rc;
}

static int pourer(void *args) {
    struct weir_writer *w = *(struct weir_writer **)args;
    int rc = 0;
    while (rc == 0 && !w->closed && w->failed == 0 && w->len > 0 &&
           (weir_cancelled() == 0 || is_awaited(w)))
        rc = pour_on_anyway(w);
    if (!w->closed) {
        weir_task_release(&w->pourer);
        if (rc < 0 && w->failed == 0)
            fails(w, rc);
    }
    unref(w);
    return 0;
}

/* Without memory for the task the bytes stay gathered: the next call or flush tries again. */
static int pourer_start(struct weir_writer *w) {
    static const struct weir_site site = {"writer", __FILE__, "weir_writer_write", __LINE__};
    struct weir_spawn_options o = {.size = sizeof o, .daemon = true};
    if (w->pourer != NULL)
        return 0;
    w->refs++;
    int rc = weir_spawn(NULL, &site, pourer, &w, sizeof w, &o, &w->pourer);
    if (rc < 0)
        w->refs--;
    return rc;
}

static int pour_or_start(struct weir_writer *w) {
    if (w->pourer != NULL)
        return 0;
    int rc = pour(w);
    return rc == 1 ? pourer_start(w) : rc;
}

/* An error of the stream is in w->failed, for the next call. */
static void flush(struct weir__flush *f) {
    struct weir_writer *w = WEIR_CONTAINER(f, struct weir_writer, flush);
    if (pour_or_start(w) < 0 && w->failed == 0)
        weir__timer_arm(w->loop->timers, &w->again,
                        weir__deadline(weir__loop_now(w->loop), again_ns));
}

static void flush_again(struct weir__timer *again) {
    flush(&WEIR_CONTAINER(again, struct weir_writer, again)->flush);
}

/* ---- the calls ---- */

int weir_writer_open(struct weir_stream *s, size_t size, struct weir_writer **ret_writer) {
    weir__not_null(s, "weir_writer_open");
    int rc = weir__loop_enter(s->loop, s, "weir_writer_open");
    if (rc < 0)
        return rc;
    if (size > SIZE_MAX_)
        return weir__failf(-EINVAL, "weir_writer_open", NULL, "the size is more than 1 GiB");
    size = size > 0 ? size : SIZE_DEFAULT;
    struct weir_writer *w = weir__alloc(sizeof *w + size);
    if (w == NULL)
        return weir__fail(-ENOMEM, "weir_writer_open", weir_stream_peer(s));
    *w = (struct weir_writer){.s = s, .loop = s->loop, .size = size, .refs = 1,
                              .flush.flush = flush};
    weir__list_init(&w->flush.link);
    weir__timer_init(&w->again, flush_again);
    *ret_writer = w;
    return 0;
}

static int may_write(struct weir_writer *w, const char *call) {
    weir__not_null(w, call);
    int rc = weir__loop_enter(w->loop, w, call);
    if (rc == 0 && w->failed != 0)
        rc = weir__fail(w->failed, "write", weir_stream_peer(w->s));
    return rc;
}

/* Called after the wait of a task: w may be gone if it was closed. */
static int waited(int64_t rc, const char *what) {
    return rc < 0 ? weir__fail((int)rc, what, "writer") : 0;
}

/* The wish has left its queue. If it was taken in part, what follows would be read as its rest; if
 * not, those behind it may fit. */
static void give_up(struct wish *wish) {
    struct weir_writer *w = wish->w;
    if (wish->done > 0 && w->failed == 0)
        w->failed = WEIR_ETORN;
    grant(w);
    if (w->shielded && !is_awaited(w)) {
        w->cut = true;
        weir__wait_cut(w->pourer);
    }
}

/* Not left to the task: before it runs, w may be closed and freed. */
static int wish_abort(struct weir__park *p) {
    weir__wait_abort(p);
    give_up(WEIR_CONTAINER(p, struct wish, wait.park));
    return WEIR__DONE;
}

static int64_t wait_in(struct weir__waitq *q, struct wish *wish, const struct weir__what *what) {
    weir__wait_begin(&wish->wait, what, wish->w->s);
    wish->wait.park.abort = wish_abort;
    weir__wait_add(&wish->wait, &wish->waiter, q, wish);
    return weir__wait_park(&wish->wait);
}

/* It must not touch w: see waited. */
static int cut_short(int64_t rc, const struct wish *wish) {
    int code = waited(rc, "write");
    if (code < 0)
        weir__fail_done(code, wish->done);
    return code;
}

/* A call that had no need to wait is over: each 64th lets the others run. They may close w. */
static int at_once(struct weir_writer *w) {
    w->refs++;
    weir__breathe();
    unref(w);
    return 0;
}

static int wait_for_room(struct weir_writer *w, const void *buf, size_t len) {
    struct wish wish = {.w = w, .bytes = buf, .len = len};
    int rc = pour_or_start(w);
    if (rc < 0)
        return waited(rc, "write");
    if (weir__waitq_empty(&w->room) && gather_wish(w, &wish)) {
        weir__loop_flush_later(w->loop, &w->flush);
        return at_once(w);
    }
    if ((rc = pourer_start(w)) < 0) {
        give_up(&wish);
        return cut_short(rc, &wish);
    }
    return cut_short(wait_in(&w->room, &wish, &gathers), &wish);
}

int weir_writer_write(struct weir_writer *w, const void *buf, size_t len) {
    int rc = weir__suspend_enter("write");
    if (rc < 0 || (rc = may_write(w, "weir_writer_write")) < 0)
        return rc;
    if (len == 0)
        return at_once(w);
    if (len > room_of(w) || !weir__waitq_empty(&w->room))
        return wait_for_room(w, buf, len);
    gather(w, buf, len);
    weir__loop_flush_later(w->loop, &w->flush);
    return at_once(w);
}

int weir_writer_vprintf(struct weir_writer *w, const char *format, va_list args) {
    struct weir__text t;
    int rc = weir__suspend_enter("printf");
    if (rc < 0 || (rc = weir__text_format(&t, format, args)) < 0)
        return rc;
    rc = weir_writer_write(w, t.bytes, t.len);
    weir__text_free(&t);
    return rc;
}

int weir_writer_printf(struct weir_writer *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int rc = weir_writer_vprintf(w, format, args);
    va_end(args);
    return rc;
}

int weir_writer_flush(struct weir_writer *w) {
    int rc = weir__suspend_enter("flush");
    if (rc < 0 || (rc = may_write(w, "weir_writer_flush")) < 0)
        return rc;
    struct wish wish = {.w = w, .target = w->offered};
    if ((rc = pour_or_start(w)) < 0)
        return waited(rc, "flush");
    if (w->taken >= wish.target)
        return at_once(w);
    if ((rc = pourer_start(w)) < 0)
        return waited(rc, "flush");
    return waited(wait_in(&w->drained, &wish, &drains), "flush");
}

void weir_writer_close(struct weir_writer **take_writer) {
    struct weir_writer *w = take_writer != NULL ? *take_writer : NULL;
    if (w == NULL)
        return;
    *take_writer = NULL;
    if (weir__loop_is_parents(w->loop)) {
        weir__free(w);
        return;
    }
    weir__loop_assert(w->loop, w, "weir_writer_close");
    weir__list_remove(&w->flush.link);
    weir__timer_disarm(w->loop->timers, &w->again);
    if (w->pourer == NULL && w->failed == 0)
        (void)pour(w);
    if (w->len > 0)
        weir__log(WEIR_LOG_WARNING, "weir_writer_close: %zu bytes to %s are dropped: call"
                  " weir_writer_flush first", w->len, weir_stream_peer(w->s));
    w->closed = true;
    weir__waitq_wake_all(&w->room, WEIR_ECLOSED);
    weir__waitq_wake_all(&w->drained, WEIR_ECLOSED);
    if (w->pourer != NULL) {
        weir_task_cancel(w->pourer, "the writer was closed");
        weir__wait_cut(w->pourer); /* it may be in its shield */
        weir_task_release(&w->pourer);
    }
    unref(w);
}
