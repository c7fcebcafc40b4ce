/* SPDX-License-Identifier: MIT */
/* tls_rig.h - a certificate authority for tests, made when a test asks for it: roots, authorities
 * between, and certificates of every kind that a handshake must refuse. And two ends of TLS over a
 * pair in memory. Tests only. */
#ifndef WEIR_TLS_TLS_RIG_H
#define WEIR_TLS_TLS_RIG_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/tls.h>

#include "test/runner.h"

struct rig_id { /* a certificate with its key, and both as PEM */
    X509 *cert;
    EVP_PKEY *key;
    char *cert_pem, *key_pem;
};

struct rig_wish { /* zero: usual */
    const char *name;    /* the CN of its subject */
    const char *names;   /* "DNS:a.example,IP:127.0.0.1" */
    const struct rig_id *by; /* NULL: signs itself */
    const char *from, *until; /* "20200101000000Z" */
    bool authority;
    bool rsa;
};

static inline char *rig_text(BIO *bio) {
    char *bytes, *text;
    long len = BIO_get_mem_data(bio, &bytes);
    text = malloc((size_t)len + 1);
    assert_non_null(text);
    memcpy(text, bytes, (size_t)len);
    text[len] = '\0';
    BIO_free(bio);
    return text;
}

static inline void rig_extend(X509 *cert, X509 *by, int kind, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, by, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, kind, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

static inline struct rig_id rig_make(const struct rig_wish *w) {
    static long serial = 1000;
    struct rig_id id = {.cert = X509_new()};
    id.key = w->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    const struct rig_id *by = w->by != NULL ? w->by : &id;
    assert_true(id.cert != NULL && id.key != NULL);
    X509_set_version(id.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), ++serial);
    ASN1_TIME_set_string(X509_getm_notBefore(id.cert), w->from ? w->from : "20200101000000Z");
    ASN1_TIME_set_string(X509_getm_notAfter(id.cert), w->until ? w->until : "21200101000000Z");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", MBSTRING_UTF8,
                               (const unsigned char *)w->name, -1, -1, 0);
    X509_set_issuer_name(id.cert, X509_get_subject_name(by->cert));
    X509_set_pubkey(id.cert, id.key);
    rig_extend(id.cert, by->cert, NID_basic_constraints, w->authority ? "critical,CA:TRUE"
                                                                      : "CA:FALSE");
    rig_extend(id.cert, by->cert, NID_subject_key_identifier, "hash");
    if (w->by != NULL)
        rig_extend(id.cert, by->cert, NID_authority_key_identifier, "keyid");
    if (w->names != NULL)
        rig_extend(id.cert, by->cert, NID_subject_alt_name, w->names);
    assert_true(X509_sign(id.cert, by->key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, id.cert);
    id.cert_pem = rig_text(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, id.key, NULL, NULL, 0, NULL, NULL);
    id.key_pem = rig_text(bio);
    return id;
}

static inline void rig_free(struct rig_id *id) {
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
    free(id->cert_pem);
    free(id->key_pem);
}

static inline char *rig_join(const char *a, const char *b) {
    char *text = malloc(strlen(a) + strlen(b) + 1);
    assert_non_null(text);
    strcpy(text, a);
    strcat(text, b);
    return text;
}

/* ---- the usual ---- */

struct rig {
    struct rig_id root, server, client;
};

static inline void rig_open(struct rig *r) {
    r->root = rig_make(&(struct rig_wish){.name = "Root", .authority = true});
    r->server = rig_make(&(struct rig_wish){.name = "server", .by = &r->root,
        .names = "DNS:localhost,DNS:server.example,IP:127.0.0.1,IP:::1"});
    r->client = rig_make(&(struct rig_wish){.name = "alice", .by = &r->root});
}

static inline void rig_close(struct rig *r) {
    rig_free(&r->root);
    rig_free(&r->server);
    rig_free(&r->client);
}

static inline struct weir_tls *rig_tls(const struct weir_tls_options *o) {
    struct weir_tls *tls = NULL;
    int rc = weir_tls_new(o, &tls);
    if (rc < 0)
        printf("# %s\n", weir_error_message(rc));
    assert_int_equal(rc, 0);
    return tls;
}

static inline struct weir_tls *rig_server(const struct rig *r) {
    return rig_tls(&(struct weir_tls_options){.size = sizeof (struct weir_tls_options),
        .cert_pem = r->server.cert_pem, .key_pem = r->server.key_pem});
}

static inline struct weir_tls *rig_client(const struct rig *r) {
    return rig_tls(&(struct weir_tls_options){.size = sizeof (struct weir_tls_options),
        .ca_pem = r->root.cert_pem});
}

/* ---- two ends ---- */

struct rig_ends { /* each becomes TLS, or stays as it was */
    struct weir_stream *client, *server;
    struct weir_tls *of_client, *of_server;
    const char *host;
    int client_rc, server_rc;
    char client_text[200], server_text[200]; /* of errors */
};

static inline int rig_accepts(void *args) {
    struct rig_ends *e = *(struct rig_ends **)args;
    struct weir_stream *s = NULL;
    e->server_rc = weir_tls_accept(&e->server, e->of_server, &s);
    if (e->server_rc < 0)
        snprintf(e->server_text, sizeof e->server_text, "%s", weir_error_message(e->server_rc));
    else
        e->server = s;
    if (e->server_rc < 0)
        weir_close(&e->server); /* the other side waits */
    return 0;
}

/* Shake hands over what client and server are. Returns 0, or the error of either. */
static inline int rig_shake(struct rig_ends *e) {
    struct weir_group g;
    struct weir_stream *s = NULL;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_spawn(&g, WEIR_SITE(rig_accepts), rig_accepts, &e, sizeof e, NULL, NULL);
    if (rc == 0) {
        e->client_rc = weir_tls_connect(&e->client, e->of_client, e->host ? e->host : "localhost",
                                        &s);
        if (e->client_rc < 0)
            snprintf(e->client_text, sizeof e->client_text, "%s",
                     weir_error_message(e->client_rc));
        else
            e->client = s;
        if (e->client_rc < 0)
            weir_close(&e->client);
    }
    rc = weir_group_close(&g, rc);
    return rc < 0 ? rc : e->client_rc < 0 ? e->client_rc : e->server_rc;
}

static inline int rig_pair(struct rig_ends *e) {
    int rc = weir_memory_pair(0, &e->client, &e->server);
    return rc == 0 ? rig_shake(e) : rc;
}

static inline void rig_part(struct rig_ends *e) {
    weir_close(&e->client);
    weir_close(&e->server);
}

/* The same, and the settings of both go too. */
static inline void rig_leave(struct rig_ends *e) {
    rig_part(e);
    weir_tls_unref(&e->of_client);
    weir_tls_unref(&e->of_server);
}

/* static int sentence_run(void *arg) follows in braces. It runs in a simulated world, with the
 * certificates of the file's `static struct rig rig`. */
#define TLS_STORY(sentence)                                                                        \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST(sentence) {                                                                          \
        rig_open(&rig);                                                                            \
        assert_int_equal(weir_sim_run(sentence##_run, NULL, NULL), 0);                             \
        rig_close(&rig);                                                                           \
    }                                                                                              \
    static int sentence##_run(void *arg)

#endif
