/* SPDX-License-Identifier: MIT */
/* tls_stream.c - the kind of stream: encrypting, shutdown, close. tls_shake.c makes the handshake,
 * tls_ask.c receives.
 *
 * Ciphertext cannot be taken back: its record number is used up. So the line writes what was
 * encrypted, even if the task is cancelled meanwhile, and it counts as taken. A reader that must
 * answer the peer (KeyUpdate) appends to the same line. A writer encrypts only while the line has
 * room. */
#include "tls/tls_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/time.h"

enum {
    AT_ONCE = 4 * WEIR__TLS_RECORD, /* plaintext that is encrypted before it is written */
    LINGER_MS = 10000, /* after a close, for what is still to be written */
    LOOK_MS = 10 /* after a break, for what has come: io_uring brings it in the next turn */
};

static struct weir__tls *tls_of(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct weir__tls, stream);
}

const struct weir__what weir__tls_waits = {.text = "write", .link = "to",
                                            .kind = WEIR__ON_STREAM};

/* ---- the line ---- */

void weir__tls_go(struct weir__tls *t) {
    if (t->below != NULL)
        weir__out_go(&t->out, t->below, &t->by);
}

/* What the line has failed with; why the peer has broken the connection, if it has said that. */
static int line_failed(const struct weir__tls *t) {
    return t->out.failed != 0 && t->engine.code != 0 ? t->engine.code : t->out.failed;
}

int weir__tls_wait_line(struct weir__tls *t, uint32_t max) {
    int rc = 0;
    while (rc == 0 && t->out.queued > max && t->out.failed == 0 && !t->stream.closed)
        rc = (int)weir__waitq_wait(&t->line, NULL, &weir__tls_waits, &t->stream);
    if (t->stream.closed)
        return -ECANCELED;
    return rc < 0 ? rc : line_failed(t);
}

static void put_goes_on(struct weir__tls *t, struct weir__put *p);
static void close_now(struct weir__tls *t);
static void resume_soon(struct weir__tls *t);

static bool is_break(int rc) {
    return rc == -EPIPE || rc == -ECONNRESET;
}

/* A write of the line has ended. */
static void line_moved(struct weir__out *o, int rc) {
    struct weir__tls *t = WEIR_CONTAINER(o, struct weir__tls, out);
    struct weir__put *p = t->put;
    if (rc == WEIR_EKEEPALIVE) /* for the line above, where all may count as written */
        weir__tls_engine_fail(&t->engine, rc, "the peer has taken nothing for %lld ms",
                              (long long)(t->by.rest_ns / 1000000));
    if (rc == WEIR_ECLOSED) /* in a handshake: another task has closed it, and it is gone */
        t->below = NULL;
    if (is_break(rc) && t->engine.shaken)
        weir__tls_look(t);
    weir__waitq_wake_all(&t->line, 0);
    if (o->flight != NULL)
        return;
    if (t->ends_below && o->failed == 0) {
        t->ends_below = false;
        weir__stream_shut(t->below);
    }
    if (p != NULL && weir__tls_is_written(t) && t->is_halted)
        resume_soon(t); /* perhaps the engine is at work */
    else if (p != NULL && weir__tls_is_written(t))
        put_goes_on(t, p); /* last: it may close t */
    else if (t->lingers)
        close_now(t);
    else if (rc == WEIR_EKEEPALIVE)
        weir__tls_ask_fail(t);
}

/* ---- the handshake ---- */

static inline int must_shake(struct weir__tls *t) {
    return __builtin_expect(!t->engine.shaken, 0) ? weir__tls_shake(t) : 0;
}

static int tls_begin(struct weir_stream *s) {
    int rc = must_shake(tls_of(s));
    return rc < 0 && !s->closed ? weir__tls_failed(tls_of(s), rc, "tls handshake") : rc;
}

/* ---- writing ---- */

/* Encrypt len bytes into the line. Returns how many, or an error if none were; -EAGAIN: halted. */
static int64_t encrypt(struct weir__tls *t, const uint8_t *buf, size_t len) {
    size_t done = 0;
    int rc = 0;
    while (done < len && rc == 0) {
        size_t n = len - done < WEIR__TLS_RECORD ? len - done : WEIR__TLS_RECORD;
        rc = weir__tls_engine_write(&t->engine, buf + done, n);
        done += rc == 0 ? n : 0;
    }
    t->is_halted |= rc == -EAGAIN;
    return done > 0 ? (int64_t)done : rc;
}

static bool is_felt(int rc) {
    return rc == -ECANCELED || rc == -ETIME;
}

/* All is encrypted: wait until it is taken below. A cancel that comes now is too late: the line
 * writes it all, and the next call feels the cancel. */
static int sent(struct weir__tls *t) {
    int rc = weir__tls_wait_line(t, 0);
    return is_felt(rc) && !t->stream.closed ? 0 : rc;
}

/* Wait for the rest of what the peer tells OpenSSL. If nobody reads, it is read here; but a stream
 * that cannot be asked has one reader only. */
static int halt(struct weir__tls *t) {
    int rc = 0;
    if (t->below->kind->ask == NULL && !t->stream.reading)
        return weir__tls_engine_fail(&t->engine, WEIR_ETLS, "a message of the peer's handshake has "
                                     "come in part, and nobody reads the rest");
    weir__tls_read_rest(t);
    while (rc == 0 && t->is_halted && t->out.failed == 0 && !t->stream.closed)
        rc = (int)weir__waitq_wait(&t->line, NULL, &weir__tls_waits, &t->stream);
    return rc;
}

static int send_more(struct weir__tls *t, const uint8_t *buf, size_t len, size_t *done) {
    int rc = 0;
    while (*done < len) {
        size_t left = len - *done;
        if ((rc = weir__tls_wait_line(t, AT_ONCE)) < 0)
            return rc;
        int64_t n = encrypt(t, buf + *done, left < AT_ONCE ? left : AT_ONCE);
        if (n == -EAGAIN && (rc = halt(t)) == 0)
            continue;
        if (n < 0)
            return rc < 0 ? rc : (int)n;
        *done += (size_t)n;
        weir__tls_go(t);
    }
    return 0;
}

/* A write meets that the connection is broken. Perhaps the peer has said why. A cancel does not end
 * this: it is no wait for the peer. */
static __attribute__((cold, noinline)) int broken(struct weir__tls *t) {
    struct weir_scope shield, bound;
    int rc = 0;
    weir_shield_enter(&shield, WEIR_MILLISECONDS(LOOK_MS));
    weir_scope_enter(&bound, WEIR_MILLISECONDS(LOOK_MS));
    t->looks = true;
    for (;;) {
        weir__tls_look(t);
        if (!t->is_asking || t->engine.code != 0 || t->engine.peeked || rc < 0)
            break;
        rc = (int)weir__waitq_wait(&t->line, NULL, &weir__tls_waits, &t->stream);
        if (t->stream.closed)
            break;
    }
    t->looks = false;
    t->has_looked = true;
    weir_scope_leave(&bound, rc);
    weir_scope_leave(&shield, 0);
    return t->stream.closed ? -ECANCELED : line_failed(t);
}

static inline int write_ended(struct weir__tls *t, int rc) {
    bool looks = __builtin_expect(is_break(rc), 0) && t->engine.shaken && !t->has_looked &&
                 t->out.failed != 0; /* else this side was shut down */
    return looks && !t->stream.closed ? broken(t) : rc;
}

static int tls_send(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done) {
    struct weir__tls *t = tls_of(s);
    *ret_done = 0;
    int rc = must_shake(t);
    if (rc == 0)
        rc = send_more(t, buf, len, ret_done);
    return write_ended(t, rc == 0 ? sent(t) : rc);
}

/* Copy small pieces together, so that they are one record. Returns how many bytes. */
static size_t join(const struct iovec *vec, size_t count, uint8_t *bytes) {
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (vec[i].iov_len > 0)
            memcpy(bytes + used, vec[i].iov_base, vec[i].iov_len);
        used += vec[i].iov_len;
    }
    return used;
}

static size_t length_of(const struct iovec *vec, size_t count) {
    size_t all = 0;
    for (size_t i = 0; i < count; i++)
        all += vec[i].iov_len;
    return all;
}

static int tls_sendv(struct weir_stream *s, struct iovec *vec, size_t count, size_t *ret_done) {
    struct weir__tls *t = tls_of(s);
    *ret_done = 0;
    int rc = must_shake(t);
    if (rc < 0)
        return rc;
    if (length_of(vec, count) <= WEIR__TLS_RECORD) {
        struct weir__tls_piece *piece = weir__tls_piece_get(t->seat);
        if (piece == NULL)
            return -ENOMEM;
        rc = send_more(t, piece->bytes, join(vec, count, piece->bytes), ret_done);
        weir__tls_piece_put(t->seat, piece);
        return write_ended(t, rc == 0 ? sent(t) : rc);
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        size_t done = 0;
        rc = send_more(t, vec[i].iov_base, vec[i].iov_len, &done);
        *ret_done += done;
    }
    return write_ended(t, rc == 0 ? sent(t) : rc);
}

/* Encrypt all of p into the line, which is empty, and start it. Returns true if it has ended.
 * put_wait: 0, nothing is encrypted yet, perhaps since writing is halted; 1, all is. */
static bool put_begin(struct weir__tls *t, struct weir__put *p) {
    int64_t n = line_failed(t);
    for (size_t i = 0; i < p->count && n >= 0; i++) {
        n = encrypt(t, p->vec[i].iov_base, p->vec[i].iov_len);
        p->done += n > 0 ? (size_t)n : 0;
    }
    if (n == -EAGAIN)
        return false;
    p->put_wait = 1;
    weir__tls_go(t);
    p->result = n < 0 ? n : line_failed(t);
    return n < 0 || weir__tls_is_written(t);
}

/* The line is written. put_begin writes, and so may come here again: without t->put. */
static void put_goes_on(struct weir__tls *t, struct weir__put *p) {
    bool was_encrypted = p->put_wait == 1;
    t->put = NULL;
    if (was_encrypted)
        p->result = line_failed(t);
    if (was_encrypted || put_begin(t, p))
        p->wake(p);
    else {
        t->put = p;
        weir__tls_read_rest(t);
    }
}

static int tls_put(struct weir_stream *s, struct weir__put *p) {
    struct weir__tls *t = tls_of(s);
    WEIR_CHECK(t->put == NULL);
    p->stream = s;
    p->done = 0;
    p->put_wait = 0;
    p->result = -ENOTCONN;
    if (!t->engine.shaken || (weir__tls_is_written(t) && put_begin(t, p)))
        return WEIR__DONE;
    t->put = p;
    if (t->is_halted)
        weir__tls_read_rest(t);
    return WEIR__PENDING;
}

/* What is encrypted will be written: it counts as taken. */
static int tls_unput(struct weir_stream *s, struct weir__put *p) {
    struct weir__tls *t = tls_of(s);
    WEIR_CHECK(t->put == p);
    t->put = NULL;
    p->result = p->put_wait == 1 ? 0 : -ECANCELED;
    return WEIR__DONE;
}

static bool tls_rests(struct weir_stream *s, weir_ns rest_ns) {
    weir__out_owner_rest(&tls_of(s)->by, rest_ns);
    return !weir__tls_is_written(tls_of(s));
}

/* After a break the first call has the caller wait for room, and so for the last words. */
static __attribute__((cold)) int try_failed(struct weir__tls *t) {
    int rc = t->engine.code != 0 ? t->engine.code : t->out.failed;
    if (!is_break(rc) || !t->is_asking || t->has_looked)
        return rc;
    t->has_looked = true;
    return -EAGAIN;
}

static int64_t tls_try_send(struct weir_stream *s, const void *buf, size_t len) {
    struct weir__tls *t = tls_of(s);
    if (t->out.failed != 0 || t->engine.code != 0)
        return try_failed(t);
    if (!t->engine.shaken || !weir__tls_is_written(t))
        return -EAGAIN;
    int64_t n = encrypt(t, buf, len);
    weir__tls_go(t);
    return n;
}

static int tls_wait_room(struct weir_stream *s) {
    struct weir__tls *t = tls_of(s);
    int rc = must_shake(t);
    if (rc == 0)
        rc = write_ended(t, weir__tls_wait_line(t, 0));
    if (rc == 0 && t->is_halted)
        rc = halt(t);
    return is_felt(rc) || rc == 0 ? rc : 0; /* the next write returns the error */
}

static int64_t tls_unacked(struct weir_stream *s) {
    struct weir__tls *t = tls_of(s);
    int64_t below = t->below != NULL ? weir__stream_unacked(t->below) : -1;
    return below >= 0 ? below + t->out.queued : -1;
}

static bool tls_is_quiet(struct weir_stream *s) {
    struct weir_stream *below = tls_of(s)->below;
    return below != NULL && weir__stream_is_quiet(below);
}

/* ---- ends ---- */

static int tls_shutdown(struct weir_stream *s) {
    struct weir__tls *t = tls_of(s);
    if (t->out.failed != 0)
        return line_failed(t);
    int rc = s->torn ? 0 : weir__tls_engine_end(&t->engine);
    t->ends_late = rc == -EAGAIN;
    t->is_halted |= t->ends_late;
    if (t->ends_late)
        weir__tls_read_rest(t);
    if (rc < 0)
        return t->ends_late ? 0 : rc;
    weir__tls_go(t);
    t->ends_below = !weir__tls_is_written(t);
    rc = t->ends_below ? 0 : weir__stream_shut(t->below);
    return rc == -EOPNOTSUPP && !s->torn ? 0 : rc; /* close_notify is the end then */
}

static void resumed(struct weir__soon *soon, bool dropped) {
    struct weir__tls *t = WEIR_CONTAINER(soon, struct weir__tls, resume);
    if (t->ends_late)
        (void)tls_shutdown(&t->stream);
    if (t->put != NULL && weir__tls_is_written(t))
        put_goes_on(t, t->put); /* last: it may close t */
}

static void resume_soon(struct weir__tls *t) {
    weir__soon_remove(&t->resume);
    weir__soon_add(&t->resume);
}

void weir__tls_resume(struct weir__tls *t) {
    if (SSL_in_init(t->engine.ssl) && t->engine.code == 0)
        return;
    t->is_halted = false;
    weir__waitq_wake_all(&t->line, 0);
    resume_soon(t);
}

void weir__tls_maybe_gone(struct weir__tls *t) {
    if (t->below == NULL && t->asked == NULL && !t->is_asking)
        weir__stream_gone(&t->stream);
}

static void close_now(struct weir__tls *t) {
    t->lingers = false;
    weir__timer_disarm(t->stream.loop->timers, &t->linger);
    weir_close(&t->below);
    weir__tls_maybe_gone(t);
}

static void lingered(struct weir__timer *timer) {
    weir__out_stop(&WEIR_CONTAINER(timer, struct weir__tls, linger)->out, -ETIME);
}

/* The peer shall know that nothing is missing: close_notify. Not where something is. */
static void say_end(struct weir__tls *t) {
    struct weir_stream *s = &t->stream;
    if (!s->torn && !s->shut && !s->writing && t->out.failed == 0 &&
        weir__tls_engine_end(&t->engine) == 0)
        weir__tls_go(t);
}

static void tls_close(struct weir_stream *s) {
    struct weir__tls *t = tls_of(s);
    struct weir__put *p = t->put;
    weir__stream_drop(s);
    weir__soon_remove(&t->resume);
    t->put = NULL;
    if (p != NULL) {
        p->result = -ECANCELED;
        p->wake(p);
    }
    say_end(t);
    weir__tls_ask_close(t);
    weir__waitq_wake_all(&t->line, 0);
    if (t->out.flight == NULL) {
        close_now(t);
        return;
    }
    t->lingers = true;
    weir__timer_init(&t->linger, lingered);
    weir__timer_arm(s->loop->timers, &t->linger,
                    weir__deadline(weir__loop_now(s->loop), WEIR_MILLISECONDS(LINGER_MS)));
}

static void tls_leave(struct weir_stream *s) {
    weir_close(&tls_of(s)->below);
}

static void tls_fini(struct weir_stream *s) {
    struct weir__tls *t = tls_of(s);
    struct weir_tls *tls = t->engine.owner;
    weir__tls_engine_fini(&t->engine);
    weir__out_fini(&t->out);
    weir__out_owner_fini(&t->by);
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
    .is_secret = true,
    .recv = weir__tls_recv,
    .release = weir__tls_release,
    .ask = weir__tls_ask,
    .unask = weir__tls_unask,
    .begin = tls_begin,
    .send = tls_send,
    .sendv = tls_sendv,
    .put = tls_put,
    .unput = tls_unput,
    .rests = tls_rests,
    .try_send = tls_try_send,
    .wait_room = tls_wait_room,
    .unacked = tls_unacked,
    .is_quiet = tls_is_quiet,
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
    rc = weir__tls_engine_init(&t->engine, tls, seat, &t->out, host);
    if (rc < 0) {
        weir__free(t);
        return weir__fail(rc, "tls", host);
    }
    struct weir__loop *l = (*take_stream)->loop;
    weir__stream_init(&t->stream, &tls_kind, l);
    weir__out_init(&t->out);
    weir__soon_prepare(&t->resume, resumed);
    weir__out_owner_init(&t->by, l, "write", WEIR_NEVER, line_moved);
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
    weir__loop_assert(s->loop, s, call);
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
