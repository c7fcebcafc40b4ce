/* SPDX-License-Identifier: MIT */
/* seat.c - makes the SSL_CTX of a loop: all settings of OpenSSL stand here. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "tls/chance.h"
#include "tls/context.h"
#include "tls/reason.h"

/* Forward secrecy and authenticated encryption only. Those of TLS 1.3 are all such. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* ---- callbacks: each stands on OpenSSL's stack, and none suspends ---- */

/* OpenSSL would take a CN for a name if no names of hosts stand beside it in subjectAltName. */
static void heed_alternatives(X509_STORE_CTX *store) {
    X509 *cert = X509_STORE_CTX_get0_cert(store);
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(store);
    if (cert != NULL && X509_get_ext_by_NID(cert, NID_subject_alt_name, -1) >= 0)
        X509_VERIFY_PARAM_set_hostflags(p, X509_VERIFY_PARAM_get_hostflags(p) |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
}

static int verify(X509_STORE_CTX *store, void *arg) {
    heed_alternatives(store);
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    int rc = X509_verify_cert(store);
    if (rc <= 0 && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) /* OpenSSL asks all the same */
        weir__tls_reason_chain(weir__tls_engine_of(ssl), store);
    return rc;
}

/* The name in the body of a server_name extension (RFC 6066): the length of the list, the kind of
 * its only entry, the length of the name. NULL: none, or one that OpenSSL will refuse. */
static const char *name_in(const unsigned char *body, size_t len, size_t *ret_len) {
    if (len < 5 || body[2] != TLSEXT_NAMETYPE_host_name)
        return NULL;
    *ret_len = (size_t)body[3] << 8 | body[4];
    bool is_good = *ret_len == len - 5 && memchr(body + 5, '\0', len - 5) == NULL;
    return is_good ? (const char *)body + 5 : NULL;
}

/* A client's first message, before a ticket in it is opened: keep the name that it asks for. */
static int hear_name(SSL *ssl, int *alert, void *arg) {
    struct weir__tls_engine *e = weir__tls_engine_of(ssl);
    const unsigned char *body;
    size_t len;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &body, &len) != 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    const char *name = name_in(body, len, &len);
    weir__free(e->host); /* of the message before, after which we have asked for another group */
    e->host = name != NULL ? weir__alloc(len + 1) : NULL;
    if (e->host != NULL) {
        memcpy(e->host, name, len);
        e->host[len] = '\0';
    }
    if (name == NULL || e->host != NULL)
        return SSL_CLIENT_HELLO_SUCCESS;
    weir__tls_engine_fail(e, -ENOMEM, "%s", weir_error_text(-ENOMEM));
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

/* Does the name that a client asks for fit this pattern? */
static bool fits(const char *pattern, const char *name) {
    if (pattern[0] != '*')
        return strcasecmp(pattern, name) == 0;
    const char *dot = strchr(name, '.');
    return dot != NULL && dot != name && strcasecmp(pattern + 1, dot) == 0;
}

static SSL_CTX *context_for(const struct weir__tls_seat *seat, const char *name) {
    const struct weir_tls_name *names = seat->tls->options.names;
    SSL_CTX *wild = NULL;
    for (size_t i = 0; i < seat->names; i++) {
        if (!fits(names[i].name, name))
            continue;
        if (names[i].name[0] != '*')
            return seat->by_name[i];
        wild = wild != NULL ? wild : seat->by_name[i];
    }
    return wild;
}

static int choose_name(SSL *ssl, int *alert, void *arg) {
    const struct weir__tls_seat *seat = arg;
    if (!weir__tls_engine_of(ssl)->server) /* OpenSSL asks clients too */
        return SSL_TLSEXT_ERR_OK;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *ctx = name != NULL ? context_for(seat, name) : NULL;
    if (ctx != NULL && SSL_set_SSL_CTX(ssl, ctx) != NULL)
        return SSL_TLSEXT_ERR_OK;
    if (SSL_CTX_get0_certificate(seat->ctx) != NULL)
        return SSL_TLSEXT_ERR_OK; /* so that the session, and its ticket, have the name */
    weir__tls_engine_fail(weir__tls_engine_of(ssl), WEIR_ETLS,
                          name != NULL ? "no certificate for the name that the client asks for: %s"
                                       : "the client asks for no name, and there is no cert_file%s",
                          name != NULL ? name : "");
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg) {
    const struct weir_tls_options *o = &((struct weir_tls *)arg)->options;
    for (size_t i = 0; o->alpn[i] != NULL; i++) {
        size_t len = strlen(o->alpn[i]);
        for (unsigned at = 0; at < in_len; at += 1u + in[at]) {
            if (in[at] != len || at + 1 + len > in_len || memcmp(in + at + 1, o->alpn[i], len) != 0)
                continue;
            *out = in + at + 1;
            *out_len = (unsigned char)len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    weir__tls_engine_fail(weir__tls_engine_of(ssl), WEIR_ETLS,
                          "no protocol (ALPN) that both speak: the best of the client is %.*s",
                          in_len > 0 ? (int)in[0] : 0, (const char *)in + 1);
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- one SSL_CTX ---- */

static int set_identity(SSL_CTX *ctx, OSSL_LIB_CTX *lib, const struct weir__tls_identity *i) {
    const unsigned char *der = i->key;
    if (i->chain == NULL)
        return 0;
    EVP_PKEY *key = d2i_AutoPrivateKey_ex(NULL, &der, (long)i->key_len, lib, NULL);
    bool good = key != NULL && SSL_CTX_use_certificate(ctx, sk_X509_value(i->chain, 0)) == 1 &&
                SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    for (int n = 1; good && n < sk_X509_num(i->chain); n++)
        good = SSL_CTX_add1_chain_cert(ctx, sk_X509_value(i->chain, n)) == 1;
    return good ? 0 : -1;
}

/* The names of the roots go to the client, which chooses its certificate by them. */
static int set_client_names(SSL_CTX *ctx, STACK_OF(X509) *roots) {
    for (int i = 0; i < sk_X509_num(roots); i++)
        if (SSL_CTX_add_client_CA(ctx, sk_X509_value(roots, i)) != 1)
            return -1;
    return 0;
}

static void set_modes(SSL_CTX *ctx, const struct weir_tls_options *o) {
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
    SSL_CTX_set_info_callback(ctx, weir__tls_engine_note_step);
    if (!o->no_tickets) {
        weir__tls_sessions_keep(ctx);
        return;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 0);
}

static int set_versions(SSL_CTX *ctx, const struct weir_tls_options *o) {
    static const unsigned char context[] = "weir"; /* needed where certificates are asked for */
    int minimum = o->minimum == WEIR_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    return SSL_CTX_set_min_proto_version(ctx, minimum) == 1 &&
                   SSL_CTX_set_cipher_list(ctx, ciphers) == 1 &&
                   SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1) == 1
               ? 0
               : -1;
}

static int set_alpn(SSL_CTX *ctx, struct weir_tls *tls) {
    unsigned char wire[WEIR__TLS_ALPN];
    size_t len = weir__tls_settings_alpn(&tls->options, wire);
    if (len == 0)
        return 0;
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, tls);
    return SSL_CTX_set_alpn_protos(ctx, wire, (unsigned)len) == 0 ? 0 : -1;
}

static SSL_CTX *context_new(struct weir__tls_seat *seat, const struct weir__tls_material *m,
                            const struct weir__tls_identity *identity) {
    bool failed;
    OSSL_LIB_CTX *lib = weir__tls_library_get(&failed);
    const struct weir_tls_options *o = &seat->tls->options;
    SSL_CTX *ctx = failed ? NULL : SSL_CTX_new_ex(lib, NULL, TLS_method());
    if (ctx == NULL)
        return NULL;
    set_modes(ctx, o);
    int rc = set_versions(ctx, o);
    if (rc == 0)
        rc = set_identity(ctx, lib, identity);
    if (rc == 0)
        rc = set_client_names(ctx, m->client_roots);
    if (rc == 0 && m->client_trust != NULL && identity != &m->own)
        rc = SSL_CTX_set1_verify_cert_store(ctx, m->client_trust) == 1 ? 0 : -1;
    if (rc == 0)
        rc = set_alpn(ctx, seat->tls);
    if (rc == 0 && !o->no_tickets)
        rc = weir__tls_tickets_use(ctx, o->ticket_ns);
    if (rc < 0) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_client_hello_cb(ctx, hear_name, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, choose_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, seat);
    return ctx;
}

/* ---- a seat ---- */

int weir__tls_seat_verify(const struct weir__tls_seat *seat, struct weir__tls_engine *e) {
    const struct weir_tls_options *o = &seat->tls->options;
    int mode = SSL_VERIFY_PEER;
    if (e->server && seat->client_trust == NULL)
        mode = SSL_VERIFY_NONE;
    else if (e->server && !o->client_optional)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    else if (!e->server && o->insecure)
        mode = SSL_VERIFY_NONE;
    SSL_set_verify(e->ssl, mode, NULL);
    if (e->server && seat->client_trust != NULL)
        return SSL_set1_verify_cert_store(e->ssl, seat->client_trust) == 1 ? 0 : -ENOMEM;
    if (mode == SSL_VERIFY_NONE)
        return 0;
    X509_STORE *roots = weir__tls_roots(seat->tls);
    return roots != NULL && SSL_set0_verify_cert_store(e->ssl, roots) == 1 ? 0 : -ENOMEM;
}

static void contexts_free(SSL_CTX *ctx, SSL_CTX **by_name, size_t names) {
    SSL_CTX_free(ctx);
    for (size_t i = 0; by_name != NULL && i < names; i++)
        SSL_CTX_free(by_name[i]);
    weir__free(by_name);
}

int weir__tls_seat_make(struct weir__tls_seat *seat, const struct weir__tls_material *m) {
    SSL_CTX *ctx = context_new(seat, m, &m->own), **by_name = NULL;
    bool good = ctx != NULL;
    if (good && m->names > 0) {
        by_name = weir__alloc_zero(m->names * sizeof *by_name);
        good = by_name != NULL;
    }
    for (size_t i = 0; good && i < m->names; i++)
        good = (by_name[i] = context_new(seat, m, &m->by_name[i])) != NULL;
    if (!good) {
        contexts_free(ctx, by_name, m->names);
        return -ENOMEM;
    }
    contexts_free(seat->ctx, seat->by_name, seat->names);
    X509_STORE_free(seat->client_trust);
    if (m->client_trust != NULL)
        X509_STORE_up_ref(m->client_trust);
    seat->client_trust = m->client_trust;
    seat->ctx = ctx;
    seat->by_name = by_name;
    seat->names = m->names;
    seat->generation = m->generation;
    return 0;
}

void weir__tls_seat_free(struct weir__tls_seat *seat) {
    contexts_free(seat->ctx, seat->by_name, seat->names);
    X509_STORE_free(seat->client_trust);
    weir__free(seat->spare);
    weir__free(seat);
}
