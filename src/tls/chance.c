/* SPDX-License-Identifier: MIT */
/* chance.c - a provider with one algorithm, the random numbers of the simulated world. It has no
 * state: each request asks the loop of the thread that makes it. */
#include "tls/chance.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>
#include <weir/loop.h>

#include "task/task.h"

bool weir__tls_is_simulated(void) {
    struct weir__loop *l = weir__loop();
    return l != NULL && l->backend->simulated;
}

/* ---- the algorithm ---- */

static int the_only_one; /* an algorithm without state needs an address that is not NULL */

static void *chance_new(void *provider, void *parent, const OSSL_DISPATCH *calls) {
    return &the_only_one;
}

static void chance_free(void *chance) {
}

static int chance_begin(void *chance, unsigned strength, int resistance,
                        const unsigned char *text, size_t len, const OSSL_PARAM *params) {
    return 1;
}

static int chance_end(void *chance) {
    return 1;
}

static int chance_draw(void *chance, unsigned char *out, size_t len, unsigned strength,
                       int resistance, const unsigned char *more, size_t more_len) {
    while (len > 0) {
        uint64_t word = weir_random();
        size_t n = len < sizeof word ? len : sizeof word;
        memcpy(out, &word, n);
        out += n;
        len -= n;
    }
    return 1;
}

static int chance_lock(void *chance) {
    return 1;
}

static void chance_unlock(void *chance) {
}

static int chance_get(void *chance, OSSL_PARAM *params) {
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
    if (p != NULL && !OSSL_PARAM_set_int(p, EVP_RAND_STATE_READY))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
    if (p != NULL && !OSSL_PARAM_set_uint(p, 256))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
    return p == NULL || OSSL_PARAM_set_size_t(p, 1 << 16);
}

static const OSSL_PARAM *chance_gettable(void *chance, void *provider) {
    static const OSSL_PARAM known[] = {OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
                                       OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
                                       OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
                                       OSSL_PARAM_END};
    return known;
}

#define ENTRY(id, fn) {id, (void (*)(void))fn}
static const OSSL_DISPATCH chance[] = {
    ENTRY(OSSL_FUNC_RAND_NEWCTX, chance_new),
    ENTRY(OSSL_FUNC_RAND_FREECTX, chance_free),
    ENTRY(OSSL_FUNC_RAND_INSTANTIATE, chance_begin),
    ENTRY(OSSL_FUNC_RAND_UNINSTANTIATE, chance_end),
    ENTRY(OSSL_FUNC_RAND_GENERATE, chance_draw),
    ENTRY(OSSL_FUNC_RAND_ENABLE_LOCKING, chance_lock),
    ENTRY(OSSL_FUNC_RAND_LOCK, chance_lock),
    ENTRY(OSSL_FUNC_RAND_UNLOCK, chance_unlock),
    ENTRY(OSSL_FUNC_RAND_GET_CTX_PARAMS, chance_get),
    ENTRY(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, chance_gettable),
    {0, NULL}};

static const OSSL_ALGORITHM algorithms[] = {
    {"WEIR-WORLD", "provider=weir", chance, NULL}, {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *ret_no_cache) {
    *ret_no_cache = 0;
    return operation == OSSL_OP_RAND ? algorithms : NULL;
}

static const OSSL_DISPATCH provider[] = {ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
                                         {0, NULL}};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **ret_out, void **ret_context) {
    *ret_out = provider;
    *ret_context = (void *)handle;
    return 1;
}

/* ---- the context ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static OSSL_LIB_CTX *world; /* for all simulations of the process, and until it ends */

static OSSL_LIB_CTX *world_make(void) {
    OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();
    if (lib == NULL)
        return NULL;
    if (OSSL_PROVIDER_add_builtin(lib, "weir", provider_init) != 1 ||
        OSSL_PROVIDER_load(lib, "default") == NULL || OSSL_PROVIDER_load(lib, "weir") == NULL ||
        RAND_set_DRBG_type(lib, "WEIR-WORLD", "provider=weir", NULL, NULL) != 1) {
        OSSL_LIB_CTX_free(lib);
        return NULL;
    }
    return lib;
}

OSSL_LIB_CTX *weir__tls_library_get(bool *ret_failed) {
    *ret_failed = false;
    if (!weir__tls_is_simulated())
        return NULL;
    pthread_mutex_lock(&lock);
    if (world == NULL)
        world = world_make();
    OSSL_LIB_CTX *lib = world;
    pthread_mutex_unlock(&lock);
    *ret_failed = lib == NULL;
    return lib;
}
