/* SPDX-License-Identifier: MIT */
/* ticket.c - the callbacks by which OpenSSL asks for the keys of tickets. */
#include "tls/ticket.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <strings.h>
#include <weir/loop.h>
#include <weir/wall.h>

#include "base/time.h"
#include "tls/chance.h"
#include "tls/context.h"

static weir_ns lifetime_of(const struct weir_tls *tls) {
    return tls->options.ticket_ns;
}

static bool is_over(const struct weir__tls_ticket_key *k, weir_ns now, weir_ns lifetime) {
    return k->made_ns == 0 || now >= weir__deadline(k->made_ns, lifetime);
}

static int key_make(struct weir__tls_ticket_key *k, OSSL_LIB_CTX *lib, weir_ns now) {
    if (RAND_bytes_ex(lib, k->name, sizeof k->name, 0) != 1 ||
        RAND_priv_bytes_ex(lib, k->aes, sizeof k->aes, 0) != 1 ||
        RAND_priv_bytes_ex(lib, k->mac, sizeof k->mac, 0) != 1)
        return -1;
    k->made_ns = now != 0 ? now : 1;
    return 0;
}

/* Was the client's certificate looked at with roots that a reload has replaced meanwhile? */
static bool is_behind(const struct weir__tls_engine *e) {
    const struct weir__tls_material *m = e->owner->material;
    return m->client_trust != NULL && e->generation != m->generation;
}

/* Keys that open nothing any more. Each use of the keys begins with this: there is no timer. */
static void erase_old(struct weir__tls_ticket_key *keys, weir_ns now, weir_ns lifetime) {
    for (int i = 0; i < 2; i++)
        if (is_over(&keys[i], now, weir__deadline(lifetime, lifetime)))
            OPENSSL_cleanse(&keys[i], sizeof keys[i]);
}

/* A new key in front; the one before it still opens tickets, if it was not erased. */
static int key_change(struct weir__tls_ticket_key *keys, OSSL_LIB_CTX *lib, weir_ns now) {
    struct weir__tls_ticket_key fresh;
    int rc = key_make(&fresh, lib, now);
    if (rc == 0) {
        keys[1] = keys[0];
        keys[0] = fresh;
    }
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return rc;
}

/* The key that makes tickets now; the caller holds the lock. A handshake that a reload has
 * overtaken gets a key that nobody keeps, so that its ticket opens nothing. */
static int key_current(const struct weir__tls_engine *e, OSSL_LIB_CTX *lib,
                       struct weir__tls_ticket_key *ret) {
    struct weir__tls_ticket_key *keys = e->owner->tickets.keys;
    weir_ns now = weir_now(), lifetime = lifetime_of(e->owner);
    erase_old(keys, now, lifetime);
    if (is_behind(e))
        return key_make(ret, lib, now);
    if (is_over(&keys[0], now, lifetime) && key_change(keys, lib, now) < 0)
        return -1;
    *ret = keys[0];
    return 0;
}

/* The key of that name, if it still opens tickets. Returns 1, 2 (open, and give a new ticket) or 0;
 * the caller holds the lock. */
static int key_named(struct weir_tls *tls, const unsigned char *name,
                     struct weir__tls_ticket_key *ret) {
    weir_ns now = weir_now(), lifetime = lifetime_of(tls);
    erase_old(tls->tickets.keys, now, lifetime);
    for (int i = 0; i < 2; i++) {
        const struct weir__tls_ticket_key *k = &tls->tickets.keys[i];
        if (k->made_ns == 0 || memcmp(k->name, name, sizeof k->name) != 0)
            continue;
        *ret = *k;
        return i == 0 && !is_over(k, now, lifetime) ? 1 : 2;
    }
    return 0;
}

static int set_mac(EVP_MAC_CTX *mac, const struct weir__tls_ticket_key *k) {
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)k->mac, sizeof k->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, params);
}

/* Returns 0, or -1: OpenSSL has failed. */
static int use_key(const struct weir__tls_ticket_key *k, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, bool making) {
    bool good = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv, making) == 1 &&
                set_mac(mac, k) == 1;
    return good ? 0 : -1;
}

static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int making) {
    const struct weir__tls_engine *e = weir__tls_engine_of(ssl);
    struct weir_tls *tls = e->owner;
    bool failed; /* not in a handshake: the seat has asked before */
    OSSL_LIB_CTX *lib = weir__tls_library_get(&failed);
    struct weir__tls_ticket_key k;
    pthread_mutex_lock(&tls->lock);
    int rc = making ? key_current(e, lib, &k) : key_named(tls, name, &k);
    pthread_mutex_unlock(&tls->lock);
    if (making && rc == 0) {
        rc = RAND_bytes_ex(lib, iv, EVP_MAX_IV_LENGTH, 0) == 1 ? 1 : -1;
        memcpy(name, k.name, sizeof k.name);
    }
    if (rc > 0 && use_key(&k, iv, cipher, mac, making) < 0)
        rc = -1;
    OPENSSL_cleanse(&k, sizeof k);
    return rc;
}

/* OpenSSL stamps sessions by the machine's clock. In a simulation that would be another text in
 * each run, so they get the time of the world. */
static int stamp(SSL *ssl, void *arg) {
    SSL_SESSION *session = SSL_get_session(ssl);
    if (session != NULL && weir__tls_is_simulated())
        SSL_SESSION_set_time(session, (long)(weir_wall_now() / WEIR_SECONDS(1)));
    return 1;
}

/* In TLS 1.2 a session belongs to the name that its client asked for. For another, or none, it must
 * not be resumed (RFC 6066): the client would be served under the old one. */
static bool is_for_name(SSL *ssl, const SSL_SESSION *session) {
    const char *old = SSL_SESSION_get0_hostname(session);
    const char *name = weir__tls_engine_of(ssl)->host;
    if (SSL_version(ssl) >= TLS1_3_VERSION || old == NULL || name == NULL)
        return SSL_version(ssl) >= TLS1_3_VERSION || old == name;
    return strcasecmp(old, name) == 0;
}

static SSL_TICKET_RETURN opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                size_t len, SSL_TICKET_STATUS status, void *arg) {
    if (session != NULL && weir__tls_is_simulated()) /* its age was checked by its key */
        weir__tls_session_age(session);
    if (session != NULL && !weir__tls_session_is_valid(session))
        return SSL_TICKET_RETURN_IGNORE_RENEW; /* the client must show another certificate */
    if (session != NULL && !is_for_name(ssl, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    switch (status) {
    case SSL_TICKET_SUCCESS: /* in TLS 1.3 a client uses a ticket once, and needs the next */
        return SSL_version(ssl) >= TLS1_3_VERSION ? SSL_TICKET_RETURN_USE_RENEW
                                                  : SSL_TICKET_RETURN_USE;
    case SSL_TICKET_SUCCESS_RENEW:
        return SSL_TICKET_RETURN_USE_RENEW;
    case SSL_TICKET_EMPTY:
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    case SSL_TICKET_NO_DECRYPT:
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    default:
        return SSL_TICKET_RETURN_IGNORE;
    }
}

int weir__tls_tickets_use(SSL_CTX *ctx, weir_ns lifetime) {
    SSL_CTX_set_timeout(ctx, (long)(lifetime / WEIR_SECONDS(1)));
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) == 1 &&
                   SSL_CTX_set_session_ticket_cb(ctx, stamp, opened, NULL) == 1
               ? 0
               : -1;
}

void weir__tls_tickets_forget(struct weir__tls_tickets *t) {
    OPENSSL_cleanse(t, sizeof *t);
}
