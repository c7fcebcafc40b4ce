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

/* The engine has answers for the peer (KeyUpdate). They are counted until the line is empty: of a
 * peer that does not take them there is no end. */
static __attribute__((noinline)) int64_t answered(struct weir__tls *t, uint32_t before,
                                                  int64_t n) {
    uint32_t more = t->out.queued - before;
    t->answers = (before > 0 ? t->answers : 0) + more;
    t->is_feeding = true;
    weir__tls_go(t);
    t->is_feeding = false;
    if (t->answers <= WEIR__OUT_CONTROL || t->out.queued == 0)
        return n;
    return weir__tls_engine_fail(&t->engine, WEIR_EPROTO,
                                 "the peer asks for more answers than it takes");
}

enum wanted { DATA, REST, LOOK };

/* Call the engine with what has come below. */
static inline int64_t feed(struct weir__tls *t, enum wanted wanted, struct weir__tls_piece *piece) {
    struct weir_stream *below = t->below;
    struct weir__tls_engine *e = &t->engine;
    size_t given = below->left;
    uint32_t before = t->out.queued;
    if (__builtin_expect(e->steps > 0, 0) && t->stepped_ns != t->stream.loop->turn_ns) {
        t->stepped_ns = t->stream.loop->turn_ns;
        e->steps = 0;
    }
    e->in = below->at;
    e->in_len = given;
    int64_t n = wanted == DATA   ? weir__tls_engine_read(e, piece->bytes, sizeof piece->bytes)
                : wanted == REST ? weir__tls_engine_read_rest(e)
                                 : weir__tls_engine_peek(e, piece->bytes, sizeof piece->bytes);
    weir_consume(below, given - e->in_len);
    e->in = NULL;
    e->in_len = 0;
    if (__builtin_expect(t->out.queued != before, 0))
        n = answered(t, before, n);
    if (__builtin_expect(t->is_halted, 0))
        weir__tls_resume(t);
    return n;
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
    while (n == -EAGAIN && (below->left > 0 || t->engine.peeked)) {
        if (piece == NULL && (piece = weir__tls_piece_get(t->seat)) == NULL)
            return -ENOMEM;
        n = feed(t, DATA, piece);
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
 * what ends the reading. The end of the connection without close_notify is an error. Either is
 * noted in the stream below, since perhaps no read waits now. */
static int64_t took(struct weir__tls *t) {
    struct weir_stream *below = t->below;
    int64_t n = t->op.result;
    if (n == 0)
        below->ended = true;
    if (n < 0 && n != -ECANCELED && n != -ENOMEM) {
        below->failed = WEIR_SMALL_CODE(n);
        below->by_write = false;
    }
    if (n <= 0)
        return n < 0 ? n : WEIR_EEOF;
    WEIR_CHECK(below->left == 0);
    below->lent = t->op.u.lent;
    below->at = below->lent.base;
    below->left = below->lent.len;
    return 1;
}

static void came(struct weir__op *op);

/* The window below is empty: ask for more. Returns 1 if it has come, 0 if it will, or what ends the
 * reading. */
static int64_t ask_below(struct weir__tls *t) {
    struct weir_stream *below = t->below;
    if (t->engine.code != 0)
        return t->engine.code;
    if (below->ended || (below->failed != 0 && !below->by_write)) /* it was met before */
        return below->failed != 0 ? below->failed : WEIR_EEOF;
    t->op = (struct weir__op){.kind = WEIR__RECV, .wake = came};
    t->is_asking = below->kind->ask(below, &t->op) == WEIR__PENDING;
    return t->is_asking ? 0 : took(t);
}

/* Decrypt, and ask for more, until there is a result. Returns WEIR__DONE with *ret set, or
 * WEIR__PENDING. */
static int go_on(struct weir__tls *t, int64_t *ret, struct weir__lent *ret_lent) {
    for (;;) {
        *ret = decrypt(t, ret_lent);
        if (*ret != -EAGAIN)
            return WEIR__DONE;
        *ret = ask_below(t);
        if (*ret <= 0)
            return *ret == 0 ? WEIR__PENDING : WEIR__DONE;
    }
}

static void complete(struct weir__tls *t, int64_t result) {
    struct weir__op *ask = t->asked;
    t->asked = NULL;
    ask->result = result;
    if (__builtin_expect(t->is_halted, 0))
        weir__tls_read_rest(t);
    ask->wake(ask);
}

/* The bytes have come, and no read waits for them. */
static void came_for_none(struct weir__tls *t) {
    (void)took(t);
    weir__tls_read_rest(t);
    if (t->out.failed != 0)
        weir__tls_look(t);
}

static void came(struct weir__op *op) {
    struct weir__tls *t = WEIR_CONTAINER(op, struct weir__tls, op);
    int64_t result = -ECANCELED;
    t->is_asking = false;
    if (t->stream.closed) {
        if (op->result > 0 && t->below != NULL)
            t->below->kind->release(t->below, &op->u.lent);
        if (t->asked != NULL)
            complete(t, result);
        weir__tls_maybe_gone(t);
        return;
    }
    if (__builtin_expect(t->looks, 0))
        weir__waitq_wake_all(&t->line, 0);
    if (__builtin_expect(t->asked == NULL, 0)) {
        came_for_none(t);
        return;
    }
    if (__builtin_expect(t->taken_back, 0))
        (void)took(t); /* it stays the window below: to ask once more would lose the cancel */
    else if (t->engine.code != 0 && op->result < 0)
        result = t->engine.code; /* weir__tls_ask_fail had to wait */
    else if ((result = took(t)) > 0 && go_on(t, &result, &t->asked->u.lent) == WEIR__PENDING)
        return;
    complete(t, result);
}

int weir__tls_ask(struct weir_stream *s, struct weir__op *ask) {
    struct weir__tls *t = tls_of(s);
    WEIR_CHECK(t->asked == NULL);
    t->taken_back = false;
    ask->result = !t->engine.shaken ? -ENOTCONN : t->below->kind->ask == NULL ? -EOPNOTSUPP : 0;
    if (__builtin_expect(t->is_asking, 0))
        ask->result = t->engine.code; /* what was asked for before is this ask's */
    else if (ask->result == 0 && go_on(t, &ask->result, &ask->u.lent) == WEIR__PENDING)
        ask->result = 0;
    if (t->is_asking && ask->result == 0) {
        t->asked = ask;
        return WEIR__PENDING;
    }
    if (__builtin_expect(t->is_halted, 0))
        weir__tls_read_rest(t);
    return WEIR__DONE;
}

int weir__tls_unask(struct weir_stream *s, struct weir__op *ask) {
    struct weir__tls *t = tls_of(s);
    WEIR_CHECK(t->asked == ask);
    if (t->below == NULL || !t->is_asking) /* closed: it is about to complete */
        return WEIR__PENDING;
    bool is_for_writer = t->is_halted;
    t->taken_back = !is_for_writer && t->below->kind->unask(t->below, &t->op) == WEIR__PENDING;
    if (t->taken_back)
        return WEIR__PENDING;
    t->asked = NULL;
    t->is_asking = is_for_writer;
    if (!is_for_writer && t->op.result > 0)
        took(t); /* it stays the window below */
    ask->result = -ECANCELED;
    return WEIR__DONE;
}

static void closed_soon(struct weir__soon *soon, bool dropped) {
    struct weir__tls *t = WEIR_CONTAINER(soon, struct weir__tls, soon);
    complete(t, -ECANCELED);
    weir__tls_maybe_gone(t);
}

/* Take the ask below back. Returns true if that is done. */
static bool unask_below(struct weir__tls *t) {
    if (!t->is_asking || t->below->kind->unask(t->below, &t->op) == WEIR__PENDING)
        return false;
    t->is_asking = false;
    return true;
}

void weir__tls_ask_close(struct weir__tls *t) {
    if (!unask_below(t))
        return;
    if (t->op.result > 0)
        t->below->kind->release(t->below, &t->op.u.lent);
    if (t->asked == NULL)
        return;
    weir__soon_prepare(&t->soon, closed_soon);
    weir__soon_add(&t->soon);
}

void weir__tls_ask_fail(struct weir__tls *t) {
    if (t->asked == NULL || !unask_below(t))
        return;
    if (t->op.result > 0)
        took(t);
    complete(t, t->engine.code);
}

/* ---- for a writer ---- */

/* The rest of the message does not come. */
static void fail_rest(struct weir__tls *t, int rc) {
    weir__tls_engine_fail(&t->engine, rc, "%s in the middle of a message of the handshake",
                          rc == WEIR_EEOF ? "the connection ended" : weir_error_text(rc));
    weir__tls_resume(t);
}

static bool is_free(const struct weir__tls *t) {
    return !t->is_asking && !t->is_feeding && !t->stream.closed && t->below != NULL &&
           t->below->kind->ask != NULL && t->engine.code == 0;
}

void weir__tls_read_rest(struct weir__tls *t) {
    int64_t rc = 1;
    while (t->is_halted && rc > 0 && is_free(t)) {
        if (t->below->left > 0)
            (void)feed(t, REST, NULL);
        else
            rc = ask_below(t);
    }
    if (rc < 0)
        fail_rest(t, (int)rc);
}

void weir__tls_look(struct weir__tls *t) {
    struct weir__tls_piece *piece = weir__tls_piece_get(t->seat);
    int64_t rc = 1;
    while (piece != NULL && rc > 0 && !t->engine.peeked && is_free(t)) {
        if (t->below->left > 0)
            (void)feed(t, LOOK, piece);
        else
            rc = ask_below(t);
    }
    if (piece != NULL)
        weir__tls_piece_put(t->seat, piece);
}

/* ---- in a task ---- */

/* For streams below that cannot be asked. */
static int64_t receive(struct weir__tls *t, struct weir__lent *ret_lent) {
    for (;;) {
        struct weir_view v;
        ssize_t n = weir__stream_peek(t->below, 1, "read", &v);
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
