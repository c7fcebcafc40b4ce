/* SPDX-License-Identifier: MIT */
/* OpenSSL's own allocations fail, one after the other: each failure is an error that is returned,
 * and nothing is left behind. And an idle connection has none of its buffers. In a program of its
 * own, since OpenSSL takes its functions of memory once, before anything else. */
#include <errno.h>
#include <stddef.h>

#include "tls/tls_rig.h"
#include "tls/tls_stream.h"

/* How many more allocations succeed; < 0: all do. Of one thread. */
static long left = -1;
static size_t live, tried;
static size_t buffers; /* blocks of 16 KiB and more that are alive */

/* The size of a block stands before it. */
union head {
    size_t size;
    max_align_t align;
};

static size_t is_buffer(void *p) {
    return p != NULL && ((union head *)p - 1)->size >= WEIR__TLS_RECORD;
}

static void *resize(void *old, size_t size) {
    union head *h = realloc(old != NULL ? (union head *)old - 1 : NULL, sizeof *h + size);
    if (h == NULL)
        return NULL;
    h->size = size;
    return h + 1;
}

static bool fails(void) {
    tried++;
    return left >= 0 && left-- == 0;
}

static void *get(size_t size, const char *file, int line) {
    void *p = fails() ? NULL : resize(NULL, size);
    live += p != NULL;
    buffers += is_buffer(p);
    return p;
}

static void *get_more(void *old, size_t size, const char *file, int line) {
    bool failed = fails();
    size_t before = is_buffer(old);
    void *p = failed ? NULL : resize(old, size);
    live += p != NULL && old == NULL;
    if (p != NULL)
        buffers += is_buffer(p) - before;
    return p;
}

static void give(void *p, const char *file, int line) {
    live -= p != NULL;
    buffers -= is_buffer(p);
    if (p != NULL)
        free((union head *)p - 1);
}

__attribute__((constructor)) static void take_over(void) {
    CRYPTO_set_mem_functions(get, get_more, give);
}

static struct rig rig;

/* 0, or the first error: of settings, the handshake, or what follows. */
static int conversation(void *arg) {
    struct weir_tls_options so = {.size = sizeof so, .cert_pem = rig.server.cert_pem,
        .key_pem = rig.server.key_pem, .client_ca_pem = rig.root.cert_pem,
        .client_optional = true},
                            co = {.size = sizeof co, .ca_pem = rig.root.cert_pem};
    struct rig_ends e = {0};
    char byte;
    int rc = weir_tls_new(&so, &e.of_server);
    if (rc == 0)
        rc = weir_tls_new(&co, &e.of_client);
    if (rc == 0)
        rc = rig_pair(&e);
    if (rc == 0)
        rc = weir_write(e.server, "x", 1);
    if (rc == 0)
        rc = weir_read_exactly(e.client, &byte, 1);
    if (rc == 0)
        rc = weir_tls_reload(e.of_server);
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return rc;
}

/* n: the allocation that fails. Returns false if there are fewer. */
static bool fails_at(long n, size_t *failed) {
    size_t before = live;
    left = n;
    int rc = weir_run(conversation, NULL, NULL);
    bool was_reached = left < 0;
    left = -1;
    *failed += rc < 0;
    if (live > before + 64) /* what OpenSSL keeps for the thread comes and goes */
        printf("# allocation %ld: %zu blocks are left\n", n, live - before);
    assert_true(live <= before + 64);
    assert_true(rc == 0 || rc == -ENOMEM || rc == WEIR_ECERT || rc == WEIR_ETLS ||
                rc == WEIR_EPROTO || rc == WEIR_EEOF || rc == -EPIPE || rc == -ECONNRESET);
    return was_reached;
}

WEIR_TEST(each_allocation_of_openssl_that_fails_is_an_error) {
    size_t failed = 0;
    setenv("WEIR_BACKEND", "epoll", 1);
    rig_open(&rig);
    assert_int_equal(weir_run(conversation, NULL, NULL), 0); /* what it keeps is made now */
    tried = 0;
    assert_int_equal(weir_run(conversation, NULL, NULL), 0);
    const char *points = getenv("WEIR_TLS_POINTS"); /* as many as there are: all */
    long all = (long)tried, count = points != NULL ? atol(points) : 400;
    long step = all > count ? all / count : 1;
    for (long n = 0; n < all; n += step)
        fails_at(n, &failed);
    assert_true(failed > 20);
    assert_int_equal(weir_run(conversation, NULL, NULL), 0);
    rig_close(&rig);
}

/* ---- idle connections ---- */

static void says(struct weir_stream *from, struct weir_stream *to) {
    char byte;
    assert_int_equal(weir_write(from, "x", 1), 0);
    assert_int_equal(weir_read(to, &byte, 1), 1);
}

static int is_idle(void *arg) {
    size_t before = buffers;
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    assert_int_equal(rig_pair(&e), 0);
    says(e.client, e.server);
    says(e.server, e.client); /* behind two tickets */
    assert_int_equal(buffers, before);
    SSL *ssl = weir__tls_ssl(e.server, "test");
    assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(ssl), 1);
    says(e.server, e.client); /* which answers by a KeyUpdate of its own */
    says(e.client, e.server);
    assert_int_equal(buffers, before);
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST(an_idle_connection_has_no_buffer_of_openssl) {
    setenv("WEIR_BACKEND", "epoll", 1);
    rig_open(&rig);
    assert_int_equal(weir_run(is_idle, NULL, NULL), 0);
    rig_close(&rig);
}
