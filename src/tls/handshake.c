/* SPDX-License-Identifier: MIT */
/* handshake.c - the calls that make TLS streams, the facts of one, and the table of libweir. */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "stream/tls_table.h"
#include "tls/tls_stream.h"

/* ---- connect ---- */

/* The settings of clients that name none. Not kept: nobody could give them back. */
static int default_settings(struct weir_tls **ret_tls) {
    return weir_tls_new(NULL, ret_tls);
}

/* The handshake of a stream that nobody has yet. */
static int open_by(struct weir_stream **take_stream, struct weir_tls *tls, const char *host,
                   struct weir__tls **ret_tls) {
    struct weir__tls *t;
    struct weir_stream *below = *take_stream;
    int rc = weir__tls_new(&below, tls, host, &t);
    if (rc < 0)
        return rc;
    rc = weir__tls_shake(t);
    if (rc < 0) {
        weir__tls_failed(t, rc, "tls handshake");
        weir__tls_undo(t, &below);
        return rc;
    }
    *take_stream = NULL;
    *ret_tls = t;
    return 0;
}

static int enter(struct weir_stream **take_stream, const char *call) {
    struct weir_stream *s = take_stream != NULL ? *take_stream : NULL;
    weir__not_null(s, call);
    int rc = weir__loop_enter(s->loop, s, call);
    if (rc == 0 && (s->reading || s->writing || s->owned || s->lent_out))
        return weir__fail(-EBUSY, "tls handshake", s->kind->name);
    if (rc == 0 && s->torn)
        return weir__fail(WEIR_ETORN, "tls handshake", s->kind->name);
    if (rc == 0 && s->shut)
        return weir__failf(-EPIPE, "tls handshake", s->kind->name,
                           "this side was shut down before (EPIPE)");
    return rc;
}

int weir_tls_connect(struct weir_stream **take_stream, struct weir_tls *tls, const char *host,
                     struct weir_stream **ret_stream) {
    int rc = weir__suspend_enter("tls handshake");
    if (rc < 0 || (rc = enter(take_stream, "weir_tls_connect")) < 0)
        return rc;
    if (host == NULL || *host == '\0')
        return weir__failf(-EINVAL, "tls handshake", NULL, "weir_tls_connect: no host, for which "
                           "the certificate must be (EINVAL)");
    struct weir_tls *own = NULL;
    struct weir__tls *t;
    if (tls == NULL && (rc = default_settings(&own)) < 0)
        return rc;
    rc = open_by(take_stream, tls != NULL ? tls : own, host, &t);
    weir_tls_unref(&own);
    if (rc < 0)
        return rc;
    weir__stream_give(&t->stream, ret_stream);
    weir__stream_remember(&t->stream, __builtin_return_address(0));
    return 0;
}

/* ---- accept ---- */

static int no_certificate(const char *what, const char *on) {
    return weir__failf(-EINVAL, what, on, "a TLS server needs a certificate: set cert_file and "
                       "key_file of weir_tls_options (EINVAL)");
}

int weir_tls_accept(struct weir_stream **take_stream, struct weir_tls *tls,
                    struct weir_stream **ret_stream) {
    int rc = weir__suspend_enter("tls handshake");
    if (rc < 0 || (rc = enter(take_stream, "weir_tls_accept")) < 0)
        return rc;
    weir__argument_not_null(tls, "weir_tls_accept", "tls");
    if (!weir__tls_can_serve(tls))
        return no_certificate("tls handshake", NULL);
    struct weir__tls *t;
    struct weir_stream *below = *take_stream;
    rc = weir__tls_new(&below, tls, NULL, &t);
    if (rc < 0)
        return rc;
    rc = weir__tls_shake(t);
    if (rc < 0) {
        weir__tls_failed(t, rc, "tls handshake");
        weir__tls_undo(t, &below);
        return rc;
    }
    *take_stream = NULL;
    weir__stream_give(&t->stream, ret_stream);
    weir__stream_remember(&t->stream, __builtin_return_address(0));
    return 0;
}

int weir_tls_handshake(struct weir_stream *s) {
    int rc = weir__suspend_enter("tls handshake");
    if (rc < 0)
        return rc;
    struct weir__tls *t = weir__tls_of(s, "weir_tls_handshake");
    if (t == NULL)
        return weir__fail(-EOPNOTSUPP, "tls handshake", s->kind->name);
    if (t->engine.shaken)
        return 0;
    if (s->reading)
        return weir__fail(-EBUSY, "tls handshake", NULL);
    s->reading = true; /* so that a close leaves the object to us */
    rc = weir__tls_shake(t);
    s->reading = false;
    if (!s->closed)
        return rc < 0 ? weir__tls_failed(t, rc, "tls handshake") : 0;
    weir__fail(WEIR_ECLOSED, "tls handshake", NULL);
    weir__stream_left(s);
    return WEIR_ECLOSED;
}

/* ---- facts ---- */

const char *weir_tls_version(struct weir_stream *s) {
    SSL *ssl = weir__tls_ssl(s, "weir_tls_version");
    return ssl != NULL ? SSL_get_version(ssl) : NULL;
}

const char *weir_tls_cipher(struct weir_stream *s) {
    SSL *ssl = weir__tls_ssl(s, "weir_tls_cipher");
    return ssl != NULL ? SSL_get_cipher_name(ssl) : NULL;
}

/* OpenSSL's has no NUL behind it; ours, which it is a copy of, has. */
static const char *alpn_of(const struct weir__tls *t) {
    const struct weir_tls_options *o = &t->engine.owner->options;
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(t->engine.ssl, &name, &len);
    for (size_t i = 0; len > 0 && o->alpn != NULL && o->alpn[i] != NULL; i++)
        if (strlen(o->alpn[i]) == len && memcmp(o->alpn[i], name, len) == 0)
            return o->alpn[i];
    return NULL;
}

const char *weir_tls_alpn(struct weir_stream *s) {
    struct weir__tls *t = weir__tls_of(s, "weir_tls_alpn");
    return t != NULL && t->engine.shaken ? alpn_of(t) : NULL;
}

const char *weir_tls_host(struct weir_stream *s) {
    SSL *ssl = weir__tls_ssl(s, "weir_tls_host");
    return ssl != NULL ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}

bool weir_tls_resumed(struct weir_stream *s) {
    SSL *ssl = weir__tls_ssl(s, "weir_tls_resumed");
    return ssl != NULL && SSL_session_reused(ssl) == 1;
}

/* ---- the table ---- */

static int table_serve(struct weir_stream **take_stream, struct weir_tls *tls,
                       struct weir_stream **ret_stream) {
    struct weir__tls *t;
    int rc = weir__tls_new(take_stream, tls, NULL, &t);
    if (rc < 0)
        return rc;
    weir__stream_give(&t->stream, ret_stream);
    return 0;
}

/* Without a seat the next stream says why. */
static struct weir__waitq *table_full(struct weir_tls *tls) {
    struct weir__tls_seat *seat;
    bool is_full = weir__tls_seat_get(tls, &seat) == 0 &&
                   seat->handshakes >= tls->options.handshakes_max;
    return is_full ? &seat->room : NULL;
}

static int table_can_serve(struct weir_tls *tls, const char *what, const char *url) {
    if (tls == NULL)
        return weir__failf(-EINVAL, what, url, "a TLS server needs a certificate: set tls of "
                           "weir_listen_options, made with cert_file and key_file (EINVAL)");
    return weir__tls_can_serve(tls) ? 0 : no_certificate(what, url);
}

static const struct weir__tls_table table = {
    .make = weir_tls_new,
    .connect = weir_tls_connect,
    .serve = table_serve,
    .full = table_full,
    .can_serve = table_can_serve,
    .ref = weir_tls_ref,
    .unref = weir_tls_unref,
    .alpn = weir_tls_alpn,
};

/* A linker that is told -u of this takes the file, and so the constructor, from the archive. */
extern const char weir__tls_anchor[];
const char weir__tls_anchor[] = "weir-tls";

__attribute__((constructor)) static void fill(void) {
    weir__tls_table = &table;
}

void weir_tls_use(void) {
    weir__tls_table = &table;
}
