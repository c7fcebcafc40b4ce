/* SPDX-License-Identifier: MIT */
/* context.c - makes, reloads, counts and frees struct weir_tls, and finds the seat of a loop. */
#include "tls/context.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "task/task.h"
#include "tls/chance.h"

/* ---- material ---- */

static void material_free(struct weir__tls_material *m) {
    if (m == NULL)
        return;
    weir__tls_identity_fini(&m->own);
    for (size_t i = 0; m->by_name != NULL && i < m->names; i++)
        weir__tls_identity_fini(&m->by_name[i]);
    weir__free(m->by_name);
    X509_STORE_free(m->trust);
    X509_STORE_free(m->client_trust);
    sk_X509_pop_free(m->client_roots, X509_free);
    weir__free(m);
}

static int load_names(const struct weir_tls_options *o, struct weir__tls_material *m) {
    int rc = 0;
    while (o->names != NULL && o->names[m->names].name != NULL)
        m->names++;
    if (m->names == 0)
        return 0;
    m->by_name = weir__alloc_zero(m->names * sizeof *m->by_name);
    if (m->by_name == NULL)
        return weir__fail(-ENOMEM, "tls", NULL);
    for (size_t i = 0; i < m->names && rc == 0; i++) {
        const struct weir_tls_name *n = &o->names[i];
        struct weir__tls_source cert = {n->cert_file, n->cert_pem, "cert_pem"};
        struct weir__tls_source key = {n->key_file, n->key_pem, "key_pem"};
        rc = weir__tls_is_given(&cert)
                 ? weir__tls_pem_identity(&cert, &key, &m->by_name[i])
                 : weir__failf(-EINVAL, "tls", n->name,
                               "the options of weir_tls_new: this name has no certificate");
    }
    return rc;
}

/* The roots of the system: read when the first client needs them, which may take 0.1 s where they
 * are one file (SSL_CERT_FILE), and kept until the process ends. */
static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static X509_STORE *system_roots;

static X509_STORE *system_store(void) {
    pthread_mutex_lock(&system_lock);
    if (system_roots == NULL && (system_roots = X509_STORE_new()) != NULL &&
        X509_STORE_set_default_paths(system_roots) != 1) {
        X509_STORE_free(system_roots);
        system_roots = NULL;
    }
    X509_STORE *store = system_roots;
    pthread_mutex_unlock(&system_lock);
    ERR_clear_error();
    return store;
}

X509_STORE *weir__tls_roots(struct weir_tls *tls) {
    pthread_mutex_lock(&tls->lock);
    X509_STORE *store = tls->material->trust;
    if (store != NULL)
        X509_STORE_up_ref(store);
    pthread_mutex_unlock(&tls->lock);
    if (store != NULL)
        return store;
    if (weir__tls_is_simulated()) /* a system without roots */
        return X509_STORE_new();
    if ((store = system_store()) != NULL)
        X509_STORE_up_ref(store);
    return store;
}

/* They may also be certificates below a root: they are trusted as they are. */
static X509_STORE *store_new(STACK_OF(X509) *roots) {
    X509_STORE *store = X509_STORE_new();
    bool good = store != NULL && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
    for (int i = 0; good && i < sk_X509_num(roots); i++)
        good = X509_STORE_add_cert(store, sk_X509_value(roots, i)) == 1;
    ERR_clear_error();
    if (good)
        return store;
    X509_STORE_free(store);
    return NULL;
}

static int load_trust(const struct weir_tls_options *o, struct weir__tls_material *m) {
    struct weir__tls_source ca = {o->ca_file, o->ca_pem, "ca_pem"};
    struct weir__tls_source client_ca = {o->client_ca_file, o->client_ca_pem, "client_ca_pem"};
    STACK_OF(X509) *roots = NULL;
    int rc = weir__tls_is_given(&ca) ? weir__tls_pem_certificates(&ca, &roots) : 0;
    if (rc == 0 && weir__tls_is_given(&client_ca))
        rc = weir__tls_pem_certificates(&client_ca, &m->client_roots);
    if (rc == 0 && m->client_roots != NULL)
        rc = (m->client_trust = store_new(m->client_roots)) != NULL
                 ? 0 : weir__fail(-ENOMEM, "tls", NULL);
    if (rc == 0 && roots != NULL && (m->trust = store_new(roots)) == NULL)
        rc = weir__fail(-ENOMEM, "tls", NULL);
    sk_X509_pop_free(roots, X509_free);
    return rc;
}

static int material_load(const struct weir_tls_options *o, struct weir__tls_material **ret) {
    struct weir__tls_source cert = {o->cert_file, o->cert_pem, "cert_pem"};
    struct weir__tls_source key = {o->key_file, o->key_pem, "key_pem"};
    struct weir__tls_material *m = weir__alloc_zero(sizeof *m);
    if (m == NULL)
        return weir__fail(-ENOMEM, "tls", NULL);
    int rc = weir__tls_is_given(&cert) ? weir__tls_pem_identity(&cert, &key, &m->own) : 0;
    if (rc == 0)
        rc = load_names(o, m);
    if (rc == 0)
        rc = load_trust(o, m);
    if (rc < 0)
        material_free(m);
    else
        *ret = m;
    return rc;
}

/* ---- life ---- */

static void tls_free(struct weir_tls *tls) {
    struct weir__tls_seat *seat;
    while ((seat = tls->seats) != NULL) {
        tls->seats = seat->next;
        weir__tls_seat_free(seat);
    }
    weir__tls_sessions_drop(&tls->sessions);
    weir__tls_tickets_forget(&tls->tickets);
    material_free(tls->material);
    pthread_mutex_destroy(&tls->lock);
    weir__tls_settings_free(&tls->strings);
    weir__free(tls);
}

int weir_tls_new(const struct weir_tls_options *options, struct weir_tls **ret_tls) {
    struct weir_tls *tls = weir__alloc_zero(sizeof *tls);
    if (tls == NULL)
        return weir__fail(-ENOMEM, "tls", NULL);
    pthread_mutex_init(&tls->lock, NULL);
    atomic_init(&tls->refs, 1);
    int rc = weir__tls_settings_copy(options, &tls->options, &tls->strings);
    if (rc == 0)
        rc = material_load(&tls->options, &tls->material);
    if (rc < 0) {
        tls_free(tls);
        return rc;
    }
    tls->material->generation = 1;
    if (tls->options.insecure)
        weir__log(WEIR_LOG_WARNING, "TLS: insecure is set: certificates of servers are not looked "
                                    "at, and anybody on the way can read and write");
    *ret_tls = tls;
    return 0;
}

int weir_tls_reload(struct weir_tls *tls) {
    struct weir__tls_material *m;
    weir__not_null(tls, "weir_tls_reload");
    int rc = material_load(&tls->options, &m);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&tls->lock);
    struct weir__tls_material *old = tls->material;
    m->generation = old->generation + 1;
    tls->material = m;
    weir__tls_sessions_drop(&tls->sessions); /* what the new roots may not trust any more */
    if (m->client_trust != NULL)
        weir__tls_tickets_forget(&tls->tickets);
    pthread_mutex_unlock(&tls->lock);
    material_free(old);
    return 0;
}

struct weir_tls *weir_tls_ref(struct weir_tls *tls) {
    weir__not_null(tls, "weir_tls_ref");
    atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
    return tls;
}

void weir_tls_unref(struct weir_tls **take_tls) {
    struct weir_tls *tls = take_tls != NULL ? *take_tls : NULL;
    if (tls == NULL)
        return;
    *take_tls = NULL;
    if (atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) == 1)
        tls_free(tls);
}

bool weir__tls_can_serve(const struct weir_tls *tls) {
    const struct weir_tls_options *o = &tls->options;
    return o->cert_file != NULL || o->cert_pem != NULL ||
           (o->names != NULL && o->names[0].name != NULL);
}

/* ---- seats ---- */

static struct weir__tls_seat *seat_find(struct weir_tls *tls, uint16_t number, bool simulated) {
    struct weir__tls_seat *seat = tls->seats;
    while (seat != NULL && (seat->number != number || seat->simulated != simulated))
        seat = seat->next;
    if (seat != NULL)
        return seat;
    seat = weir__alloc_zero(sizeof *seat);
    if (seat == NULL)
        return NULL;
    seat->tls = tls;
    seat->number = number;
    seat->simulated = simulated;
    seat->next = tls->seats;
    tls->seats = seat;
    return seat;
}

int weir__tls_seat_get(struct weir_tls *tls, struct weir__tls_seat **ret_seat) {
    struct weir__loop *l = weir__loop();
    pthread_mutex_lock(&tls->lock);
    struct weir__tls_seat *seat = seat_find(tls, l->number, l->backend->simulated);
    int rc = seat != NULL ? 0 : -ENOMEM;
    ERR_clear_error();
    if (rc == 0 && seat->generation != tls->material->generation)
        rc = weir__tls_seat_make(seat, tls->material);
    ERR_clear_error();
    pthread_mutex_unlock(&tls->lock);
    *ret_seat = seat;
    return rc < 0 ? weir__fail(rc, "tls", NULL) : 0;
}

struct weir__tls_piece *weir__tls_piece_get(struct weir__tls_seat *seat) {
    struct weir__tls_piece *piece = seat->spare;
    seat->spare = NULL;
    return piece != NULL ? piece : weir__alloc(sizeof *piece);
}

void weir__tls_piece_put(struct weir__tls_seat *seat, struct weir__tls_piece *piece) {
    if (seat->spare == NULL)
        seat->spare = piece;
    else
        weir__free(piece);
}
