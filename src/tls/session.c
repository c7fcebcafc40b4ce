/* SPDX-License-Identifier: MIT */
/* session.c - the sessions of a client. */
#include "tls/session.h"

#include <string.h>
#include <strings.h>
#include <time.h>
#include <weir/wall.h>

#include "base/alloc.h"
#include "tls/chance.h"
#include "tls/context.h"

void weir__tls_session_age(SSL_SESSION *session) {
    SSL_SESSION_set_time(session, (long)time(NULL));
}

bool weir__tls_session_is_valid(const SSL_SESSION *session) {
    X509 *cert = SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)session);
    time_t now = (time_t)(weir_wall_now() / WEIR_SECONDS(1));
    return cert == NULL || X509_cmp_time(X509_get0_notAfter(cert), &now) > 0;
}

static void empty(struct weir__tls_kept *k) {
    SSL_SESSION_free(k->session);
    weir__free(k->host);
    *k = (struct weir__tls_kept){NULL, NULL, 0, false};
}

void weir__tls_sessions_drop(struct weir__tls_sessions *s) {
    for (size_t i = 0; s->places != NULL && i < WEIR__TLS_SESSIONS; i++)
        empty(&s->places[i]);
    weir__free(s->places);
    s->places = NULL;
}

/* The place for a new session: a free one, or the oldest. */
static struct weir__tls_kept *place_for(struct weir__tls_sessions *s) {
    struct weir__tls_kept *best = &s->places[0];
    for (size_t i = 1; i < WEIR__TLS_SESSIONS && best->session != NULL; i++) {
        struct weir__tls_kept *k = &s->places[i];
        if (k->session == NULL || k->since < best->since)
            best = k;
    }
    return best;
}

static bool keep(struct weir__tls_sessions *s, SSL_SESSION *session, const char *host) {
    char *copy = weir__strdup(host);
    if (s->places == NULL)
        s->places = weir__alloc_zero(WEIR__TLS_SESSIONS * sizeof *s->places);
    if (s->places == NULL || copy == NULL) {
        weir__free(copy);
        return false;
    }
    struct weir__tls_kept *k = place_for(s);
    empty(k);
    *k = (struct weir__tls_kept){session, copy, ++s->count, weir__tls_is_simulated()};
    return true;
}

/* A server has given us a session. Returning 1 takes over its reference. Without memory it is
 * simply not kept; nor after a reload, since other roots have looked at that server. */
static int given(SSL *ssl, SSL_SESSION *session) {
    struct weir__tls_engine *e = weir__tls_engine_of(ssl);
    if (e->server || e->host == NULL || !SSL_SESSION_is_resumable(session))
        return 0;
    pthread_mutex_lock(&e->owner->lock);
    bool kept = e->generation == e->owner->material->generation &&
                keep(&e->owner->sessions, session, e->host);
    pthread_mutex_unlock(&e->owner->lock);
    return kept;
}

void weir__tls_sessions_keep(SSL_CTX *ctx) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, given);
}

/* The newest session for host; the caller holds the lock and gets a reference. */
static SSL_SESSION *take(struct weir__tls_sessions *s, const char *host) {
    struct weir__tls_kept *best = NULL;
    bool simulated = weir__tls_is_simulated();
    for (size_t i = 0; s->places != NULL && i < WEIR__TLS_SESSIONS; i++) {
        struct weir__tls_kept *k = &s->places[i];
        if (k->session != NULL && k->simulated == simulated && strcasecmp(k->host, host) == 0 &&
            (best == NULL || k->since > best->since))
            best = k;
    }
    if (best == NULL)
        return NULL;
    SSL_SESSION *session = best->session;
    SSL_SESSION_up_ref(session);
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
        empty(best);
    return session;
}

void weir__tls_session_use(struct weir__tls_engine *e) {
    pthread_mutex_lock(&e->owner->lock);
    SSL_SESSION *session = take(&e->owner->sessions, e->host);
    pthread_mutex_unlock(&e->owner->lock);
    if (session == NULL)
        return;
    if (weir__tls_is_simulated())
        weir__tls_session_age(session);
    if (weir__tls_session_is_valid(session))
        SSL_set_session(e->ssl, session);
    SSL_SESSION_free(session);
}
