/* SPDX-License-Identifier: MIT */
/* tls_ask.c - decrypting what comes, in a task or in the wake of an ask. What has come and is not
 * yet decrypted stays the window of the stream below: an idle stream has no buffer of its own. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "tls/tls_stream.h"

static struct weir__tls *tls_of(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct weir__tls, stream);
}

/* Call the engine with what has come below. Answers that the peer asks for (KeyUpdate) are counted
 * until the line is empty: of a peer that does not take them there is no end. */
static int64_t feed(struct weir__tls *t, struct weir__tls_piece *piece) {
    struct weir_stream *below = t->below;
    size_t given = below->left;
    uint32_t before = t->out.queued;
    if (__builtin_expect(t->engine.steps > 0, 0) && t->stepped_ns != t->stream.loop->turn_ns) {
        t->stepped_ns = t->stream.loop->turn_ns;
        t->engine.steps = 0;
    }
    t->engine.in = below->at;
    t->engine.in_len = given;
    int64_t n = weir__tls_engine_read(&t->engine, piece->bytes, sizeof piece->bytes);
    uint32_t more = t->out.queued - before;
    weir_consume(below, given - t->engine.in_len);
    t->engine.in = NULL;
    t->engine.in_len = 0;
    if (__builtin_expect(t->is_halted, 0))
        weir__tls_resume(t);
    if (__builtin_expect(more == 0, 1))
        return n;
    t->answers = (before > 0 ? t->answers : 0) + more;
    weir__tls_go(t);
    if (t->answers <= WEIR__OUT_CONTROL || t->out.queued == 0)
        return n;
    return weir__tls_engine_fail(&t->engine, WEIR_EPROTO,
                                 "the peer asks for more answers than it takes");
}

enum { LENT_PIECE = 1, LENT_COPY, COPIED_MAX = 4096 };

/* Lend the n bytes in piece to the reader. When many connections become readable in one turn, each
 * holds what it is lent until its task runs. A whole piece for each few bytes would make the heap
 * grow and shrink by 16 KiB times their number in every turn, so only the first one keeps it. */
static struct weir__lent lend(struct weir__tls_seat *seat, struct weir__tls_piece *piece,
                              uint32_t n) {
    uint8_t *copy = seat->lent > 0 && n <= COPIED_MAX ? weir__alloc(n) : NULL;
    if (copy == NULL) {
        seat->lent++;
        return (struct weir__lent){piece->bytes, n, LENT_PIECE};
    }
    memcpy(copy, piece->bytes, n);
    weir__tls_piece_put(seat, piece);
    return (struct weir__lent){copy, n, LENT_COPY};
}

/* Decrypt one record from the window of the stream below. Returns its length, with *ret_lent set; 0
 * after close_notify; -EAGAIN: more must come first; an error. */
static int64_t decrypt(struct weir__tls *t, struct weir__lent *ret_lent) {
    struct weir_stream *below = t->below;
    struct weir__tls_piece *piece = NULL;
    int64_t n = -EAGAIN;
    while (n == -EAGAIN && below->left > 0) {
        if (piece == NULL && (piece = weir__tls_piece_get(t->seat)) == NULL)
            return -ENOMEM;
        n = feed(t, piece);
    }
    if (n > 0)
        *ret_lent = lend(t->seat, piece, (uint32_t)n);
    else if (piece != NULL)
        weir__tls_piece_put(t->seat, piece);
    return n;
}

void weir__tls_release(struct weir_stream *s, struct weir__lent *lent) {
    struct weir__tls_seat *seat = tls_of(s)->seat;
    bool is_copy = lent->token == LENT_COPY;
    lent->token = 0;
    if (is_copy) {
        weir__free((void *)lent->base);
        return;
    }
    seat->lent--;
    weir__tls_piece_put(seat, (struct weir__tls_piece *)(void *)lent->base);
}

/* ---- asking ---- */

/* An ask of the stream below has completed: what it brought becomes the window there. Returns 1, or
 * what ends the reading. The end of the connection without close_notify is an error. */
static int64_t took(struct weir__tls *t) {
    struct weir_stream *below = t->below;
    int64_t n = t->op.result;
    if (n <= 0)
        return n < 0 ? n : WEIR_EEOF;
    WEIR_CHECK(below->left == 0);
    below->lent = t->op.u.lent;
    below->at = below->lent.base;
    below->left = below->lent.len;
    return 1;
}

static void came(struct weir__op *op);

/* Decrypt, and ask for more, until there is a result. Returns WEIR__DONE with *ret set, or
 * WEIR__PENDING. */
static int go_on(struct weir__tls *t, int64_t *ret, struct weir__lent *ret_lent) {
    struct weir_stream *below = t->below;
    for (;;) {
        *ret = decrypt(t, ret_lent);
        if (*ret != -EAGAIN)
            return WEIR__DONE;
        if (below->ended || (below->failed != 0 && !below->by_write)) { /* the handshake met it */
            *ret = below->failed != 0 ? below->failed : WEIR_EEOF;
            return WEIR__DONE;
        }
        t->op = (struct weir__op){.kind = WEIR__RECV, .wake = came};
        if (below->kind->ask(below, &t->op) == WEIR__PENDING)
            return WEIR__PENDING;
        if ((*ret = took(t)) <= 0)
            return WEIR__DONE;
    }
}

static void complete(struct weir__tls *t, int64_t result) {
    struct weir__op *ask = t->asked;
    t->asked = NULL;
    ask->result = result;
    ask->wake(ask);
}

static void came(struct weir__op *op) {
    struct weir__tls *t = WEIR_CONTAINER(op, struct weir__tls, op);
    int64_t result = -ECANCELED;
    if (t->stream.closed) {
        if (op->result > 0 && t->below != NULL)
            t->below->kind->release(t->below, &op->u.lent);
        complete(t, result);
        weir__tls_maybe_gone(t);
        return;
    }
    if (t->engine.code != 0 && op->result < 0)
        result = t->engine.code; /* weir__tls_ask_fail had to wait */
    else if ((result = took(t)) > 0 && go_on(t, &result, &t->asked->u.lent) == WEIR__PENDING)
        return;
    complete(t, result);
}

int weir__tls_ask(struct weir_stream *s, struct weir__op *ask) {
    struct weir__tls *t = tls_of(s);
    WEIR_CHECK(t->asked == NULL);
    ask->result = !t->engine.shaken ? -ENOTCONN : t->below->kind->ask == NULL ? -EOPNOTSUPP : 0;
    if (ask->result < 0 || go_on(t, &ask->result, &ask->u.lent) == WEIR__DONE)
        return WEIR__DONE;
    t->asked = ask;
    return WEIR__PENDING;
}

int weir__tls_unask(struct weir_stream *s, struct weir__op *ask) {
    struct weir__tls *t = tls_of(s);
    WEIR_CHECK(t->asked == ask);
    if (t->below == NULL || t->below->kind->unask(t->below, &t->op) == WEIR__PENDING)
        return WEIR__PENDING;
    t->asked = NULL;
    if (t->op.result > 0)
        took(t); /* it stays the window below */
    ask->result = -ECANCELED;
    return WEIR__DONE;
}

static void closed_soon(struct weir__soon *soon, bool dropped) {
    struct weir__tls *t = WEIR_CONTAINER(soon, struct weir__tls, soon);
    complete(t, -ECANCELED);
    weir__tls_maybe_gone(t);
}

void weir__tls_ask_close(struct weir__tls *t) {
    if (t->asked == NULL || t->below->kind->unask(t->below, &t->op) == WEIR__PENDING)
        return;
    if (t->op.result > 0)
        t->below->kind->release(t->below, &t->op.u.lent);
    weir__soon_prepare(&t->soon, closed_soon);
    weir__soon_add(&t->soon);
}

void weir__tls_ask_fail(struct weir__tls *t) {
    if (t->asked == NULL || t->below->kind->unask(t->below, &t->op) == WEIR__PENDING)
        return;
    if (t->op.result > 0)
        took(t);
    complete(t, t->engine.code);
}

/* ---- in a task ---- */

/* For streams below that cannot be asked. */
static int64_t receive(struct weir__tls *t, struct weir__lent *ret_lent) {
    for (;;) {
        struct weir_view v;
        ssize_t n = weir_peek(t->below, 1, &v);
        if (t->stream.closed)
            return -ECANCELED;
        if (n <= 0)
            return n < 0 ? n : WEIR_EEOF;
        int64_t rc = decrypt(t, ret_lent);
        if (rc != -EAGAIN)
            return rc;
    }
}

int64_t weir__tls_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct weir__tls *t = tls_of(s);
    int rc = __builtin_expect(!t->engine.shaken, 0) ? weir__tls_shake(t) : 0;
    if (rc < 0 || s->closed)
        return rc < 0 ? rc : -ECANCELED;
    return t->below->kind->ask != NULL ? weir__stream_recv(s, ret_lent) : receive(t, ret_lent);
}
