/* SPDX-License-Identifier: MIT */
/* Peers that do not speak TLS, or stop in the middle; and the bound of a handshake. */
#include <errno.h>
#include <openssl/err.h>

#include "tls/reason.h"
#include "tls/tls_rig.h"

static struct rig rig;

/* A peer that says text and ends or stays, while one side shakes hands. */
static int against(const char *text, size_t len, bool ends, bool server, char *ret_text) {
    struct weir_stream *a, *b, *s;
    struct weir_tls *tls = server ? rig_server(&rig) : rig_client(&rig);
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_write(b, text, len), 0);
    if (ends)
        assert_int_equal(weir_shutdown(b), 0);
    int rc = server ? weir_tls_accept(&a, tls, &s) : weir_tls_connect(&a, tls, "localhost", &s);
    snprintf(ret_text, 200, "%s", rc < 0 ? weir_error_message(rc) : "");
    weir_close(&a);
    weir_close(&b);
    weir_tls_unref(&tls);
    return rc;
}

TLS_STORY(a_client_that_speaks_http_to_a_tls_port_is_told_apart) {
    static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char text[200];
    assert_int_equal(against(get, sizeof get - 1, false, true, text), WEIR_EPROTO);
    assert_non_null(strstr(text, "does not speak TLS: it began with \"GET / HTTP/1.1"));
    return 0;
}

TLS_STORY(a_plain_server_is_told_apart_by_a_client_of_tls) {
    static const char bad[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    char text[200];
    assert_int_equal(against(bad, sizeof bad - 1, true, false, text), WEIR_EPROTO);
    assert_non_null(strstr(text, "this port is a plain one"));
    assert_int_equal(against("\x01\x02", 2, true, false, text), WEIR_EPROTO);
    assert_non_null(strstr(text, "the byte 0x01"));
    return 0;
}

TLS_STORY(a_peer_that_ends_in_the_handshake_is_an_error) {
    char text[200];
    assert_int_equal(against("\x16\x03\x01", 3, true, true, text), WEIR_EEOF);
    assert_non_null(strstr(text, "during the TLS handshake"));
    assert_int_equal(against("", 0, true, false, text), WEIR_EEOF);
    return 0;
}

/* The first message of a client. Returns its length. */
static size_t hello(char *buf, size_t size) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    int n = BIO_read(SSL_get_wbio(ssl), buf, (int)size);
    assert_true(n > 0);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return (size_t)n;
}

TLS_STORY(a_peer_that_takes_leave_in_the_handshake_has_ended_it) {
    static const char leave[] = {0x15, 0x03, 0x03, 0, 2, 1, 0}; /* close_notify */
    char text[200], both[2048];
    size_t len = hello(both, sizeof both - sizeof leave);
    memcpy(both + len, leave, sizeof leave);
    assert_int_equal(against(leave, sizeof leave, false, false, text), WEIR_EEOF);
    assert_non_null(strstr(text, "the peer ended the connection during the TLS handshake"));
    assert_int_equal(against(both, len + sizeof leave, false, true, text), WEIR_EEOF);
    assert_non_null(strstr(text, "the peer ended the connection during the TLS handshake"));
    return 0;
}

/* What OpenSSL finds here is not what the peer says. */
static int reason_of(int reason, char *ret_text) {
    struct weir__tls_engine e = {0};
    ERR_raise(ERR_LIB_SSL, reason);
    int code = weir__tls_reason(&e);
    ERR_clear_error();
    snprintf(ret_text, 200, "%s", e.why);
    weir__tls_engine_fini(&e);
    return code;
}

WEIR_TEST(an_error_on_this_side_is_not_said_to_be_the_peers) {
    char text[200];
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
    assert_int_equal(reason_of(ERR_R_INTERNAL_ERROR, text), WEIR_EPROTO);
    assert_string_equal(text, "TLS: internal error");
    assert_int_equal(reason_of(ERR_R_PASSED_INVALID_ARGUMENT, text), WEIR_EPROTO);
    assert_string_equal(text, "TLS: passed invalid argument");
    assert_int_equal(reason_of(SSL_AD_REASON_OFFSET + SSL_AD_INTERNAL_ERROR, text), WEIR_ETLS);
    assert_string_equal(text, "the peer refused: tlsv1 alert internal error");
}

TLS_STORY(a_client_that_says_nothing_is_refused_in_time) {
    char text[200];
    weir_ns before = weir_now();
    assert_int_equal(against("", 0, false, true, text), -ETIME);
    assert_non_null(strstr(text, "longer than 10000 ms"));
    assert_true(weir_now() - before >= WEIR_SECONDS(10));
    return 0;
}

TLS_STORY(a_scope_ends_a_handshake_sooner) {
    struct weir_scope scope;
    char text[200];
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    assert_int_equal(weir_scope_leave(&scope, against("", 0, false, true, text)), -ETIME);
    assert_null(strstr(text, "10000"));
    return 0;
}

TLS_STORY(a_record_that_was_changed_on_the_way_breaks_the_connection) {
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    struct weir_stream *a, *b;
    char buf[8];
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    e.client = a;
    e.server = b;
    assert_int_equal(rig_shake(&e), 0);
    /* below TLS: a record of the right form whose bytes are no ciphertext */
    assert_int_equal(weir_write(a, "\x17\x03\x03\x00\x20"
                                   "0123456789abcdef0123456789abcdef", 37), 0);
    assert_int_equal(weir_read(e.server, buf, sizeof buf), WEIR_EPROTO);
    assert_non_null(strstr(weir_error_message(WEIR_EPROTO), "damaged on the way, or forged"));
    assert_int_equal(weir_read(e.server, buf, sizeof buf), WEIR_EPROTO);
    assert_int_equal(weir_read(e.client, buf, sizeof buf), WEIR_ETLS); /* the alert */
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

TLS_STORY(the_handshake_of_an_accepted_stream_can_be_awaited) {
    struct weir_tls *client = rig_client(&rig), *server = rig_server(&rig);
    struct weir_listen_options o = {.size = sizeof o, .tls = server};
    struct weir_listener *l;
    struct weir_stream *c, *s;
    char url[64];
    assert_int_equal(weir_listen("tls://localhost:0", &o, &l), 0);
    snprintf(url, sizeof url, "tcp://localhost:%d", weir_listener_port(l));
    assert_int_equal(weir_dial(url, NULL, &c), 0); /* it never shakes hands */
    assert_int_equal(weir_accept(l, &s), 0);
    assert_null(weir_tls_version(s));
    assert_int_equal(weir_tls_handshake(s), -ETIME);
    assert_int_equal(weir_tls_handshake(c), -EOPNOTSUPP);
    weir_close(&c);
    weir_close(&s);
    weir_unlisten(&l);
    weir_tls_unref(&client);
    weir_tls_unref(&server);
    return 0;
}
