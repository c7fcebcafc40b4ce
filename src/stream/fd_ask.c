/* SPDX-License-Identifier: MIT */
/* fd_ask.c - reads of a descriptor outside a task. Each try takes what is there. If nothing is, one
 * of these ends the wait, and the next try follows:
 *   ASK_POLLS    the op POLL               the descriptor is ready
 *   ASK_CALLS    the op FILE_OP            a call on a file has ended, with bytes of its own
 *   ASK_SLEEPS   the timer, then the POLL  poll was wrong (see try_later of fd.c)
 *   ASK_JOBS     the waiter, in slots[0]   a job on a helper thread has ended
 * While it calls, sleeps or waits for a job, it counts in d->calls, so that d stays. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/time.h"
#include "stream/fd_inside.h"

enum { IN_VAIN_MS = 5, TRIES_AT_ONCE = 2 };

enum ask_wait { ASK_POLLS, ASK_CALLS, ASK_SLEEPS, ASK_JOBS };

static int goes_on(struct descriptor *d);

static int ends(struct descriptor *d, int64_t rc) {
    d->asked.pending->result = rc;
    return WEIR__DONE;
}

static void next(struct descriptor *d, int state) {
    if (state == WEIR__PENDING)
        return;
    struct weir__op *ask = d->asked.pending;
    d->asked.pending = NULL;
    ask->wake(ask);
}

static int lends(struct descriptor *d, uint8_t *piece, int64_t n) {
    d->asked.pending->u.lent = (struct weir__lent){piece, (uint32_t)n, 1};
    return ends(d, n);
}

/* One of the waits that count is over. Returns whether d is still open; else it may be gone when
 * the ask has completed. */
static bool counted(struct descriptor *d) {
    bool closed = d->stream.closed;
    if (--d->calls == 0 && closed)
        weir__descriptor_close_file(d);
    return !closed;
}

/* ---- the waits ---- */

/* A call on a file has returned n. Its bytes are not dropped while the stream is open: the file's
 * position has moved. */
static int called(struct descriptor *d, int64_t n) {
    uint8_t *piece = d->asked.piece;
    n = d->stream.closed ? -ECANCELED : weir__descriptor_meant(d, false, n);
    if (n > 0)
        return lends(d, piece, n);
    weir__free(piece);
    return ends(d, n);
}

static void op_ended(struct weir__op *op) {
    struct descriptor *d = WEIR_CONTAINER(op, struct descriptor, asked.op);
    struct fd_ask *a = &d->asked;
    int state;
    if (a->wait == ASK_CALLS) {
        state = called(d, op->result);
        struct weir__op *ask = a->pending;
        a->pending = NULL;
        counted(d); /* d may be gone */
        ask->wake(ask);
        return;
    }
    if (a->taken_back || op->result < 0)
        state = ends(d, a->taken_back ? -ECANCELED : op->result);
    else
        state = goes_on(d);
    next(d, state);
}

/* Returns WEIR__DONE if it has ended at once: a->op.result. */
static int polls(struct descriptor *d) {
    struct fd_ask *a = &d->asked;
    a->wait = ASK_POLLS;
    a->op = (struct weir__op){.kind = WEIR__POLL,
                              .file = &d->file,
                              .wake = op_ended,
                              .u.poll = {d->file.fd, POLLIN}};
    return weir__submit(d->stream.loop->backend, &a->op);
}

static void slept(struct weir__timer *t) {
    struct descriptor *d = WEIR_CONTAINER(t, struct descriptor, asked.timer);
    struct weir__op *ask = d->asked.pending;
    if (!counted(d)) {
        ask->result = -ECANCELED;
        ask->wake(ask);
    } else if (polls(d) == WEIR__DONE) {
        op_ended(&d->asked.op);
    }
}

static void sleeps(struct descriptor *d, weir_ns after) {
    struct weir__loop *l = d->stream.loop;
    d->asked.wait = ASK_SLEEPS;
    d->calls++;
    weir__timer_init(&d->asked.timer, slept);
    weir__timer_arm(l->timers, &d->asked.timer, weir__deadline(weir__loop_now(l), after));
}

static void job_ended(struct weir__waiter *w) {
    struct descriptor *d = WEIR_CONTAINER(w, struct descriptor, asked.waiter);
    if (d->stream.closed) { /* in its close, on the stack of a task: complete later */
        sleeps(d, 0);
        d->calls--;
        return;
    }
    d->calls--;
    next(d, goes_on(d));
}

static int jobs(struct descriptor *d) {
    struct weir__fd_slot *slot = &d->slots[0];
    int rc = slot->job == NULL ? weir__fd_job_begin(slot, d->file.fd, NULL, DESCRIPTOR_PIECE) : 0;
    if (rc < 0)
        return ends(d, rc);
    d->asked.wait = ASK_JOBS;
    d->asked.waiter = (struct weir__waiter){.granted = job_ended};
    d->calls++;
    weir__waitq_add(&slot->waiting, &d->asked.waiter);
    return WEIR__PENDING;
}

static int calls(struct descriptor *d, uint8_t *piece) {
    struct fd_ask *a = &d->asked;
    a->wait = ASK_CALLS;
    a->piece = piece;
    a->call = weir__descriptor_call(d, false, piece, DESCRIPTOR_PIECE);
    a->op = (struct weir__op){.kind = WEIR__FILE_OP, .wake = op_ended, .u.call = &a->call};
    d->calls++;
    if (weir__submit(d->stream.loop->backend, &a->op) == WEIR__PENDING)
        return WEIR__PENDING;
    d->calls--;
    return called(d, a->op.result);
}

/* ---- tries ---- */

/* Returns a count, with the bytes in piece; 0 at end of stream; -EAGAIN, -EOPNOTSUPP: there is no
 * such try; an error. */
static int64_t try_read(struct descriptor *d, uint8_t *piece) {
    struct weir__fd_slot *slot = &d->slots[0];
    struct weir__op op = {.kind = WEIR__READ_FD,
                          .file = &d->file,
                          .u.bytes = {.base = piece, .len = DESCRIPTOR_PIECE}};
    if (slot->job != NULL)
        return weir__fd_job_taken(slot, piece, DESCRIPTOR_PIECE);
    return weir__descriptor_meant(d, false, weir__op_now(d->stream.loop, &op));
}

/* Until something is there, one of the waits must end. */
static int goes_on(struct descriptor *d) {
    struct fd_ask *a = &d->asked;
    for (;;) {
        if (d->stream.closed)
            return ends(d, -ECANCELED);
        uint8_t *piece = weir__alloc(DESCRIPTOR_PIECE);
        if (piece == NULL)
            return ends(d, -ENOMEM);
        if (d->is_file)
            return calls(d, piece);
        int64_t n = try_read(d, piece);
        if (n > 0)
            return lends(d, piece, n);
        weir__free(piece);
        if (n == -EOPNOTSUPP)
            return jobs(d);
        if (n != -EAGAIN)
            return ends(d, n);
        if (++a->tries > TRIES_AT_ONCE) {
            sleeps(d, WEIR_MILLISECONDS(IN_VAIN_MS));
            return WEIR__PENDING;
        }
        if (polls(d) == WEIR__PENDING)
            return WEIR__PENDING;
        if (a->op.result < 0)
            return ends(d, a->op.result);
    }
}

int weir__descriptor_ask(struct weir_stream *s, struct weir__op *ask) {
    struct descriptor *d = descriptor_of(s);
    struct fd_ask *a = &d->asked;
    WEIR_CHECK(a->pending == NULL);
    a->pending = ask;
    a->tries = 0;
    a->taken_back = false;
    int state = d->access == O_WRONLY ? ends(d, -EBADF) : goes_on(d);
    if (state == WEIR__DONE)
        a->pending = NULL;
    return state;
}

int weir__descriptor_unask(struct weir_stream *s, struct weir__op *ask) {
    struct descriptor *d = descriptor_of(s);
    struct fd_ask *a = &d->asked;
    WEIR_CHECK(a->pending == ask);
    ends(d, -ECANCELED);
    if (a->wait == ASK_SLEEPS) {
        weir__timer_disarm(s->loop->timers, &a->timer);
        d->calls--;
    } else if (a->wait == ASK_JOBS) { /* the job goes on: the next read gets what it has read */
        weir__waiter_remove(&a->waiter);
        d->calls--;
    } else if (weir__cancel(s->loop->backend, &a->op) == WEIR__PENDING) {
        a->taken_back = true;
        return WEIR__PENDING;
    } else if (a->wait == ASK_CALLS) {
        d->calls--;
        (void)called(d, a->op.result);
    }
    a->pending = NULL;
    return WEIR__DONE;
}

/* A POLL completes with the CLOSE, and a call by itself; a job was given up just before. */
void weir__descriptor_ask_closed(struct descriptor *d) {
    struct fd_ask *a = &d->asked;
    if (a->pending == NULL || a->wait != ASK_SLEEPS)
        return;
    weir__timer_disarm(d->stream.loop->timers, &a->timer);
    d->calls--;
    sleeps(d, 0);
}
