/* SPDX-License-Identifier: MIT */
/* tls_shake.c - the handshake of a stream, in a task: at once, or in its first read or write. */
#include <errno.h>

#include "base/check.h"
#include "base/time.h"
#include "tls/tls_stream.h"

enum {
    ALERT_MS = 1000,    /* for the alert of a handshake that has failed */
    PLAIN_MAX = 1 << 20 /* bytes of a client's plain HTTP that are thrown away */
};

/* The client's first bytes have come: its handshake is made with what a reload has read last. */
static int serve(struct weir__tls *t) {
    struct weir__tls_seat *seat;
    int rc = weir__tls_seat_get(t->engine.owner, &seat);
    return rc == 0 ? weir__tls_engine_serve(&t->engine, seat) : rc;
}

/* One step with what has come below, and waiting for it if nothing has. */
static int shake_on(struct weir__tls *t) {
    struct weir_view v;
    ssize_t n = weir__stream_peek(t->below, 1, "tls handshake", &v);
    if (t->stream.closed)
        return -ECANCELED;
    if (n == WEIR_ECLOSED)
        t->below = NULL;
    if (n <= 0)
        return n < 0 ? (int)n : WEIR_EEOF;
    int rc = t->engine.ssl == NULL ? serve(t) : 0;
    if (rc < 0)
        return rc;
    t->engine.in = v.base;
    t->engine.in_len = v.len;
    rc = weir__tls_engine_shake(&t->engine);
    weir_consume(t->below, v.len - t->engine.in_len);
    t->engine.in = NULL;
    t->engine.in_len = 0;
    return rc;
}

static int shake(struct weir__tls *t) {
    int rc = t->engine.server ? -EAGAIN : weir__tls_engine_shake(&t->engine);
    for (;;) {
        weir__tls_go(t);
        if (rc != -EAGAIN)
            return rc;
        if ((rc = weir__tls_wait_line(t, 0)) < 0)
            return rc;
        rc = shake_on(t);
    }
}

/* A close with bytes unread is a reset, and might overtake the answer. */
static int discard_plain(struct weir__tls *t) {
    struct weir_view v;
    ssize_t n = weir_shutdown(t->below);
    for (size_t sum = 0; n >= 0 && sum < PLAIN_MAX; sum += v.len) {
        n = weir__stream_peek(t->below, 1, "tls handshake", &v);
        if (n == WEIR_ECLOSED)
            t->below = NULL;
        if (n <= 0 || t->stream.closed)
            break;
        weir_consume(t->below, v.len);
    }
    return n < 0 ? (int)n : 0;
}

/* Let the peer have the alert that says why, or the answer in plain text. */
static void send_alert(struct weir__tls *t) {
    struct weir_scope shield, bound;
    if (weir__tls_is_written(t) && !t->engine.is_plain)
        return;
    weir_shield_enter(&shield, WEIR_MILLISECONDS(ALERT_MS));
    weir_scope_enter(&bound, WEIR_MILLISECONDS(ALERT_MS));
    int rc = weir__tls_wait_line(t, 0);
    if (rc == 0 && t->engine.is_plain)
        rc = discard_plain(t);
    weir_scope_leave(&bound, rc);
    weir_scope_leave(&shield, 0);
}

static int took_too_long(struct weir__tls *t) {
    return weir__tls_engine_fail(&t->engine, -ETIME, "the TLS handshake took longer than %lld ms",
                                 (long long)(t->engine.owner->options.handshake_ns / 1000000));
}

/* Within handshake_ns from the first call on: one that was cancelled has used some of it. Who
 * fired: that bound, or a scope of the caller's? */
static int shake_in_time(struct weir__tls *t) {
    weir_ns now = weir__loop_now(t->stream.loop);
    struct weir_scope scope;
    if (t->until_ns == 0)
        t->until_ns = weir__deadline(now, t->engine.owner->options.handshake_ns);
    if (t->until_ns <= now)
        return took_too_long(t);
    weir_scope_enter(&scope, t->until_ns == WEIR_NEVER ? WEIR_NEVER : t->until_ns - now);
    int rc = shake(t);
    bool has_fired = weir_cancelled() != 0;
    rc = weir_scope_leave(&scope, rc);
    return rc == -ETIME && has_fired && weir_cancelled() == 0 && !t->stream.closed
               ? took_too_long(t) : rc;
}

int weir__tls_shake(struct weir__tls *t) {
    int rc = 0;
    while (t->is_shaking && rc == 0 && !t->stream.closed)
        rc = (int)weir__waitq_wait(&t->line, NULL, &weir__tls_waits, &t->stream);
    if (rc < 0 || t->stream.closed || t->engine.shaken)
        return rc < 0 ? rc : t->stream.closed ? -ECANCELED : 0;
    if (t->engine.code != 0)
        return t->engine.code;
    t->is_shaking = true;
    t->seat->handshakes += t->engine.server;
    rc = t->engine.server ? shake_in_time(t) : shake(t);
    if (rc < 0 && rc != -ETIME && rc == t->engine.code && !t->stream.closed)
        send_alert(t);
    t->is_shaking = false;
    t->seat->handshakes -= t->engine.server;
    weir__waitq_wake_all(&t->seat->room, 0);
    weir__waitq_wake_all(&t->line, 0);
    return t->stream.closed ? -ECANCELED : rc;
}
