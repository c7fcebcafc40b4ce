/* SPDX-License-Identifier: MIT */
/* tls_stream.c - moves bytes between a stream below and an engine, one record at a time.
 *
 * Ciphertext cannot be taken back: its numbers are used up. So a record is encrypted only when
 * nothing else waits to be sent, and then counts as taken. A reader that has to answer the peer
 * (KeyUpdate) and a writer use the same line: whoever finds it free sends all that is there. */
#include "tls/tls_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

enum { AT_ONCE = 4 * WEIR__TLS_RECORD }; /* plaintext that is encrypted before it is sent */

static struct weir__tls *tls_of(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct weir__tls, stream);
}

static const struct weir__what waits_line = {.text = "tls: waits until others have sent",
                                             .kind = WEIR__ON_STREAM};

/* The stream below was closed because this one was: this one's call says so itself. */
static int64_t seen(struct weir__tls *t, int64_t rc) {
    return t->stream.closed ? -ECANCELED : rc;
}

/* ---- sending ---- */

static int wait_line(struct weir__tls *t) {
    return (int)weir__waitq_wait(&t->line, NULL, &waits_line, &t->stream);
}

/* Write what is in `sending`. What a cancel has left behind stays there; a part that was taken has
 * torn the stream below. */
static int send_some(struct weir__tls *t) {
    struct weir__tls_bytes *b = &t->sending;
    t->is_sending = true;
    int rc = weir_write(t->below, b->bytes + b->head, b->len);
    t->is_sending = false;
    weir__waitq_wake_all(&t->line, 0);
    if (t->stream.closed)
        return -ECANCELED;
    if (rc == 0) {
        weir__tls_bytes_drop(b);
        return 0;
    }
    const struct weir_error *e = weir_error(rc);
    bool is_whole = e == NULL || e->done == 0;
    if (!is_whole || (rc != -ECANCELED && rc != -ETIME))
        t->broken = is_whole ? WEIR_SMALL_CODE(rc) : WEIR_ETORN;
    return rc;
}

int weir__tls_send(struct weir__tls *t) {
    int rc = 0;
    while (rc == 0 && !t->stream.closed && (t->sending.len > 0 || t->engine.out.len > 0)) {
        if (t->broken != 0)
            return t->broken;
        if (t->is_sending) {
            rc = wait_line(t);
            continue;
        }
        if (t->sending.len == 0) {
            t->sending = t->engine.out;
            t->engine.out = (struct weir__tls_bytes){NULL, 0, 0, 0};
        }
        rc = send_some(t);
    }
    return (int)seen(t, rc);
}

/* ---- receiving ---- */

/* Lend the engine what has come below, and wait for it if nothing has. Returns the count, 0 at the
 * end, or an error. */
static ssize_t feed(struct weir__tls *t) {
    struct weir_view v;
    ssize_t n = weir_peek(t->below, 1, &v);
    if (t->stream.closed)
        return -ECANCELED;
    t->engine.in = n > 0 ? v.base : NULL;
    t->engine.in_len = n > 0 ? (size_t)n : 0;
    return n;
}

static void fed(struct weir__tls *t, ssize_t given) {
    size_t used = (size_t)given - t->engine.in_len;
    t->engine.in = NULL;
    t->engine.in_len = 0;
    weir_consume(t->below, used);
}

/* ---- the handshake ---- */

static int shake(struct weir__tls *t) {
    for (;;) {
        int rc = weir__tls_engine_shake(&t->engine);
        if (rc == 0 || rc == -EAGAIN) {
            int sent = weir__tls_send(t);
            if (sent < 0)
                return sent;
        }
        if (rc != -EAGAIN)
            return rc;
        ssize_t n = feed(t);
        if (n <= 0)
            return n < 0 ? (int)n : WEIR_EEOF;
        rc = weir__tls_engine_shake(&t->engine);
        fed(t, n);
        if (rc == 0)
            return weir__tls_send(t);
        if (rc != -EAGAIN)
            return rc;
    }
}

/* Tell the peer why, if that is possible without a wait. */
static void send_alert(struct weir__tls *t) {
    struct weir__tls_bytes *b = &t->engine.out;
    if (b->len > 0 && t->sending.len == 0 && t->broken == 0 && t->below != NULL)
        weir_try_write(t->below, b->bytes + b->head, b->len);
    weir__tls_bytes_drop(b);
}

int weir__tls_shake(struct weir__tls *t) {
    int rc = 0;
    while (t->is_shaking && rc == 0 && !t->stream.closed)
        rc = wait_line(t);
    if (rc < 0 || t->stream.closed || t->engine.shaken)
        return (int)seen(t, rc);
    t->is_shaking = true;
    rc = shake(t);
    t->is_shaking = false;
    weir__waitq_wake_all(&t->line, 0);
    if (rc < 0 && !t->stream.closed)
        send_alert(t);
    return (int)seen(t, rc);
}

static inline int must_shake(struct weir__tls *t) {
    return __builtin_expect(!t->engine.shaken, 0) ? weir__tls_shake(t) : 0;
}

/* ---- the kind ---- */

static int64_t receive(struct weir__tls *t) {
    for (;;) {
        ssize_t given = feed(t);
        if (given <= 0)
            return given < 0 ? given : WEIR_EEOF; /* without close_notify: bytes may be missing */
        if (t->piece == NULL && (t->piece = weir__tls_piece_get(t->seat)) == NULL)
            return -ENOMEM;
        int64_t n = weir__tls_engine_read(&t->engine, t->piece->bytes, sizeof t->piece->bytes);
        fed(t, given);
        if (n < 0 && n != -EAGAIN) {
            send_alert(t);
            return n;
        }
        if (t->engine.out.len > 0) { /* the answer to a KeyUpdate */
            int rc = n > 0 ? 0 : weir__tls_send(t);
            if (rc < 0)
                return rc;
        }
        if (n >= 0)
            return n;
    }
}

static void give_piece(struct weir__tls *t) {
    if (t->piece != NULL)
        weir__tls_piece_put(t->seat, t->piece);
    t->piece = NULL;
}

static int64_t tls_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct weir__tls *t = tls_of(s);
    int64_t n = must_shake(t);
    if (n == 0)
        n = receive(t);
    if (n <= 0 || s->closed) {
        give_piece(t);
        return seen(t, n);
    }
    *ret_lent = (struct weir__lent){t->piece->bytes, (uint32_t)n, 1};
    return n;
}

static void tls_release(struct weir_stream *s, struct weir__lent *lent) {
    lent->token = 0;
    give_piece(tls_of(s));
}

/* Encrypt at most AT_ONCE bytes. Returns how many, or an error if none were. */
static int64_t encrypt(struct weir__tls *t, const uint8_t *buf, size_t len) {
    size_t done = 0;
    int rc = 0;
    len = len < AT_ONCE ? len : AT_ONCE;
    if (len > WEIR__TLS_RECORD) /* room for all at once */
        rc = weir__tls_bytes_reserve(&t->engine.out, len + 4 * WEIR__TLS_OVERHEAD);
    while (done < len && rc == 0) {
        size_t n = len - done < WEIR__TLS_RECORD ? len - done : WEIR__TLS_RECORD;
        rc = weir__tls_engine_write(&t->engine, buf + done, n);
        done += rc == 0 ? n : 0;
    }
    return done > 0 ? (int64_t)done : rc;
}

static int tls_send(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done) {
    struct weir__tls *t = tls_of(s);
    *ret_done = 0;
    int rc = must_shake(t);
    while (rc == 0 && *ret_done < len) {
        rc = weir__tls_send(t); /* what a cancelled write or an answer has left */
        if (rc < 0)
            break;
        int64_t n = encrypt(t, (const uint8_t *)buf + *ret_done, len - *ret_done);
        if (n < 0)
            return (int)n;
        *ret_done += (size_t)n;
        rc = weir__tls_send(t);
    }
    return rc;
}

/* Small pieces go into one record. */
static int tls_sendv(struct weir_stream *s, struct iovec *vec, size_t count, size_t *ret_done) {
    struct weir__tls *t = tls_of(s);
    size_t all = 0, used = 0;
    *ret_done = 0;
    for (size_t i = 0; i < count; i++)
        all += vec[i].iov_len;
    if (all == 0)
        return 0;
    int rc = must_shake(t);
    if (rc < 0)
        return rc;
    if (all > WEIR__TLS_RECORD) {
        for (size_t i = 0; i < count && rc == 0; i++) {
            size_t done = 0;
            if (vec[i].iov_len > 0)
                rc = tls_send(s, vec[i].iov_base, vec[i].iov_len, &done);
            *ret_done += done;
        }
        return rc;
    }
    struct weir__tls_piece *piece = weir__tls_piece_get(t->seat);
    if (piece == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        memcpy(piece->bytes + used, vec[i].iov_base, vec[i].iov_len);
        used += vec[i].iov_len;
    }
    rc = tls_send(s, piece->bytes, all, ret_done);
    weir__tls_piece_put(t->seat, piece);
    return rc;
}

/* Hand ciphertext to the stream below as long as it takes some. Returns 0 if nothing is left,
 * -EAGAIN, or an error. */
static int try_flush(struct weir__tls *t) {
    while (t->sending.len > 0 || t->engine.out.len > 0) {
        if (t->broken != 0)
            return t->broken;
        if (t->sending.len == 0) {
            t->sending = t->engine.out;
            t->engine.out = (struct weir__tls_bytes){NULL, 0, 0, 0};
        }
        struct weir__tls_bytes *b = &t->sending;
        ssize_t n = weir_try_write(t->below, b->bytes + b->head, b->len);
        if (n < 0) {
            t->broken = n != -EAGAIN && n != -EBUSY ? WEIR_SMALL_CODE(n) : 0;
            return n == -EBUSY ? -EAGAIN : (int)n;
        }
        b->head += (uint32_t)n;
        b->len -= (uint32_t)n;
        if (b->len == 0)
            weir__tls_bytes_drop(b);
    }
    return 0;
}

static int64_t tls_try_send(struct weir_stream *s, const void *buf, size_t len) {
    struct weir__tls *t = tls_of(s);
    if (!t->engine.shaken || t->is_sending)
        return t->engine.code != 0 ? t->engine.code : -EAGAIN;
    int rc = try_flush(t);
    if (rc < 0)
        return rc;
    int64_t n = encrypt(t, buf, len);
    if (n > 0)
        try_flush(t); /* an error shows in the next call */
    return n;
}

static int tls_wait_room(struct weir_stream *s) {
    struct weir__tls *t = tls_of(s);
    int rc = must_shake(t);
    if (rc == 0)
        rc = weir__tls_send(t);
    if (rc == 0 && !s->closed)
        rc = (int)seen(t, weir_wait_writable(t->below));
    return rc == WEIR_ETORN || rc == -EPIPE || rc == -ECONNRESET ? 0 : rc;
}

static int tls_shutdown(struct weir_stream *s) {
    struct weir__tls *t = tls_of(s);
    int rc = must_shake(t);
    if (rc == 0)
        rc = weir__tls_send(t);
    if (rc == 0)
        rc = weir__tls_engine_end(&t->engine);
    if (rc == 0)
        rc = weir__tls_send(t);
    if (rc == 0 && !s->closed)
        rc = (int)seen(t, weir_shutdown(t->below));
    return rc;
}

/* The peer shall know that nothing is missing: close_notify, if it can go without a wait. Not
 * behind a write that was cut short, where something is missing. */
static void say_end(struct weir__tls *t) {
    struct weir_stream *s = &t->stream;
    if (!t->engine.shaken || t->engine.code != 0 || s->torn || s->shut || s->writing ||
        t->broken != 0 || t->is_sending || t->sending.len > 0)
        return;
    if (weir__tls_engine_end(&t->engine) == 0)
        try_flush(t);
}

static void tls_close(struct weir_stream *s) {
    struct weir__tls *t = tls_of(s);
    weir__stream_drop(s);
    say_end(t);
    weir_close(&t->below);
    weir__waitq_wake_all(&t->line, 0);
    weir__stream_gone(s);
}

static void tls_leave(struct weir_stream *s) {
    weir_close(&tls_of(s)->below);
}

static void tls_fini(struct weir_stream *s) {
    struct weir__tls *t = tls_of(s);
    struct weir_tls *tls = t->engine.owner;
    give_piece(t);
    weir__tls_bytes_drop(&t->sending);
    weir__tls_engine_fini(&t->engine);
    weir_tls_unref(&tls);
}

static void tls_address(struct weir_stream *s, bool peer, char *ret_text) {
    struct weir_stream *below = tls_of(s)->below;
    if (below == NULL)
        snprintf(ret_text, WEIR__NAME_TEXT, "?");
    else
        below->kind->address(below, peer, ret_text);
}

static const char *tls_why(struct weir_stream *s, int rc) {
    struct weir__tls *t = tls_of(s);
    if (rc == t->engine.code && t->engine.why != NULL)
        return t->engine.why;
    if (rc != WEIR_EEOF)
        return NULL;
    return t->engine.shaken ? "the connection ended without close_notify: bytes may be missing"
                            : "the peer ended the connection during the TLS handshake";
}

static const struct weir__stream_kind tls_kind = {
    .name = "TLS stream",
    .recv = tls_recv,
    .release = tls_release,
    .send = tls_send,
    .sendv = tls_sendv,
    .try_send = tls_try_send,
    .wait_room = tls_wait_room,
    .shutdown = tls_shutdown,
    .close = tls_close,
    .leave = tls_leave,
    .fini = tls_fini,
    .address = tls_address,
    .why = tls_why,
};

/* ---- life ---- */

int weir__tls_new(struct weir_stream **take_stream, struct weir_tls *tls, const char *host,
                  struct weir__tls **ret_tls) {
    struct weir__tls_seat *seat;
    int rc = weir__tls_seat_get(tls, &seat);
    struct weir__tls *t = rc == 0 ? weir__alloc_zero(sizeof *t) : NULL;
    if (t == NULL)
        return rc < 0 ? rc : weir__fail(-ENOMEM, "tls", NULL);
    rc = weir__tls_engine_init(&t->engine, tls, seat, host);
    if (rc < 0) {
        weir__free(t);
        return weir__fail(rc, "tls", host);
    }
    weir__stream_init(&t->stream, &tls_kind, (*take_stream)->loop);
    weir_tls_ref(tls);
    t->seat = seat;
    t->below = *take_stream;
    *take_stream = NULL;
    *ret_tls = t;
    return 0;
}

void weir__tls_undo(struct weir__tls *t, struct weir_stream **ret_below) {
    *ret_below = t->below;
    tls_fini(&t->stream);
    weir__free(t);
}

struct weir__tls *weir__tls_of(struct weir_stream *s, const char *call) {
    weir__not_null(s, call);
    weir__loop_assert(s->loop, call);
    return s->kind == &tls_kind ? tls_of(s) : NULL;
}

SSL *weir__tls_ssl(struct weir_stream *s, const char *call) {
    struct weir__tls *t = weir__tls_of(s, call);
    return t != NULL && t->engine.shaken ? t->engine.ssl : NULL;
}

int weir__tls_failed(struct weir__tls *t, int rc, const char *what) {
    char text[WEIR__NAME_TEXT];
    const char *why = tls_why(&t->stream, rc);
    const struct weir_error *e = weir_error(rc);
    if (why == NULL && e != NULL)
        return rc; /* the record of the call on the stream below */
    tls_address(&t->stream, true, text);
    return why != NULL ? weir__failf(rc, what, text, "%s", why) : weir__fail(rc, what, text);
}
