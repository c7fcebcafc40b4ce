/* SPDX-License-Identifier: MIT */
/* Peers of bare OpenSSL, whose settings two of ours never have: what both sides are told if no
 * version or no cipher is there that both take. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls/tls_rig.h"

static struct rig rig;

/* The peer: TLS 1.2 at most, with these ciphers. */
struct bare_args {
    struct weir_stream *stream;
    bool is_server;
    const char *ciphers; /* NULL: the usual */
    char *ret_text;      /* why it failed; 100 bytes */
};

static SSL *bare_new(const struct bare_args *a) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
    assert_int_equal(SSL_CTX_use_certificate(ctx, rig.server.cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, rig.server.key), 1);
    if (a->ciphers != NULL)
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, a->ciphers), 1);
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (a->is_server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

/* One step, and what it has to say. Returns 1: done, 0: more must come, or an error. */
static int bare_step(SSL *ssl, const struct bare_args *a) {
    char out[20000];
    int rc = SSL_do_handshake(ssl);
    if (rc != 1 && SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ)
        rc = 0;
    else if (rc != 1) {
        snprintf(a->ret_text, 100, "%s", ERR_reason_error_string(ERR_peek_error()));
        rc = -EPROTO;
    }
    ERR_clear_error(); /* it belongs to the thread, and so to the tasks that run meanwhile */
    int n = BIO_read(SSL_get_wbio(ssl), out, sizeof out);
    int wrote = n > 0 ? weir_write(a->stream, out, (size_t)n) : 0;
    return wrote < 0 ? wrote : rc;
}

static int bare(void *args) {
    struct bare_args *a = args;
    SSL *ssl = bare_new(a);
    char in[20000];
    int rc;
    while ((rc = bare_step(ssl, a)) == 0) {
        ssize_t n = weir_read(a->stream, in, sizeof in);
        if (n <= 0)
            break;
        assert_int_equal(BIO_write(SSL_get_rbio(ssl), in, (int)n), n);
    }
    SSL_free(ssl);
    weir_close(&a->stream);
    return 0;
}

struct story {
    bool is_server; /* are we? */
    enum weir_tls_minimum minimum;
    const char *ciphers;
    const char *ours, *theirs; /* what both are told; NULL: the handshake succeeds */
};

static void expect(const struct story *t, struct weir_tls *tls) {
    struct weir_stream *a, *b, *s = NULL;
    struct weir_group g;
    char text[100] = "";
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, bare, .stream = b, .is_server = !t->is_server,
                             .ciphers = t->ciphers, .ret_text = text), 0);
    int rc = t->is_server ? weir_tls_accept(&a, tls, &s)
                          : weir_tls_connect(&a, tls, "localhost", &s);
    assert_int_equal(rc, t->ours != NULL ? WEIR_ETLS : 0);
    if (t->ours != NULL)
        assert_non_null(strstr(weir_error_message(rc), t->ours));
    else
        assert_string_equal(weir_tls_version(s), "TLSv1.2");
    weir_close(&a);
    weir_close(&s);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_string_equal(text, t->theirs != NULL ? t->theirs : "");
}

static int run_story(void *arg) {
    const struct story *t = arg;
    struct weir_tls_options o = {.size = sizeof o, .minimum = t->minimum,
        .cert_pem = rig.server.cert_pem, .key_pem = rig.server.key_pem,
        .ca_pem = rig.root.cert_pem};
    struct weir_tls *tls = rig_tls(&o);
    expect(t, tls);
    weir_tls_unref(&tls);
    return 0;
}

static void tell(const struct story *t) {
    rig_open(&rig);
    assert_int_equal(weir_sim_run(run_story, (void *)t, NULL), 0);
    rig_close(&rig);
}

WEIR_TEST(a_peer_of_the_older_version_is_taken_by_default) {
    tell(&(struct story){.is_server = true});
    tell(&(struct story){.is_server = false});
}

WEIR_TEST(versions_that_do_not_meet_are_refused_on_both_sides) {
    tell(&(struct story){.is_server = true, .minimum = WEIR_TLS_1_3,
        .ours = "no version of TLS that both speak", .theirs = "tlsv1 alert protocol version"});
    tell(&(struct story){.is_server = false, .minimum = WEIR_TLS_1_3,
        .ours = "it does not speak our versions of TLS", .theirs = "unsupported protocol"});
}

WEIR_TEST(ciphers_that_do_not_meet_are_refused_on_both_sides) {
    tell(&(struct story){.is_server = true, .ciphers = "AES128-SHA",
        .ours = "no cipher that both take", .theirs = "sslv3 alert handshake failure"});
    tell(&(struct story){.is_server = false, .ciphers = "AES128-SHA",
        .ours = "no cipher or no certificate that both take", .theirs = "no shared cipher"});
}
