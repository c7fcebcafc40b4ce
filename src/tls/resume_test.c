/* SPDX-License-Identifier: MIT */
/* TLS 1.2: a session belongs to the name that its client asked for (RFC 6066, section 3). */
#include "tls/raw_rig.h"

static struct rig rig;

/* A client of bare OpenSSL, which keeps its session from one connection to the next. */
struct client {
    SSL_CTX *ctx;
    SSL_SESSION *session;
};

static void client_shakes(const struct client *c, struct raw *r, const char *name) {
    *r = (struct raw){SSL_new(c->ctx), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()), r->s};
    BIO_set_mem_eof_return(r->in, -1);
    SSL_set_bio(r->ssl, r->in, r->out);
    SSL_set_connect_state(r->ssl);
    if (name != NULL)
        assert_int_equal(SSL_set_tlsext_host_name(r->ssl, name), 1);
    if (c->session != NULL)
        assert_int_equal(SSL_set_session(r->ssl, c->session), 1);
    while (SSL_do_handshake(r->ssl) != 1) {
        assert_int_equal(raw_send(r), 0);
        raw_get(r);
    }
    assert_int_equal(raw_send(r), 0);
}

/* Connect, asking for name. The server must know it, and resume or not. */
static void meets(struct client *c, struct weir_tls *server, const char *name, bool resumes) {
    struct rig_ends e = {.of_server = server}, *at = &e;
    struct weir_group g;
    struct raw r;
    assert_int_equal(weir_memory_pair(0, &e.client, &e.server), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(rig_accepts), rig_accepts, &at, sizeof at, NULL,
                                NULL), 0);
    r.s = e.client;
    client_shakes(c, &r, name);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(e.server_rc, 0);
    assert_string_equal(weir_tls_version(e.server), "TLSv1.2");
    assert_int_equal(weir_tls_resumed(e.server), resumes);
    const char *host = weir_tls_host(e.server);
    assert_string_equal(host != NULL ? host : "none", name != NULL ? name : "none");
    SSL_SESSION_free(c->session);
    c->session = SSL_get1_session(r.ssl);
    SSL_set_shutdown(r.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* it stays resumable */
    SSL_free(r.ssl);
    rig_part(&e);
}

static void client_open(struct client *c) {
    *c = (struct client){.ctx = SSL_CTX_new(TLS_client_method())};
    assert_int_equal(SSL_CTX_set_max_proto_version(c->ctx, TLS1_2_VERSION), 1);
}

static void client_close(struct client *c) {
    SSL_SESSION_free(c->session);
    SSL_CTX_free(c->ctx);
}

TLS_STORY(a_resumed_session_has_the_name_that_its_client_asks_for) {
    struct weir_tls *server = rig_server(&rig);
    struct client c;
    client_open(&c);
    meets(&c, server, "localhost", false);
    meets(&c, server, "localhost", true);
    meets(&c, server, "localhost", true);
    client_close(&c);
    client_open(&c);
    meets(&c, server, NULL, false);
    meets(&c, server, NULL, true);
    client_close(&c);
    weir_tls_unref(&server);
    return 0;
}

TLS_STORY(a_session_is_not_resumed_under_another_name) {
    struct rig_id one = rig_make(&(struct rig_wish){.name = "one", .by = &rig.root,
                                                    .names = "DNS:one.example"});
    struct weir_tls_name names[] = {
        {.name = "one.example", .cert_pem = one.cert_pem, .key_pem = one.key_pem}, {0}};
    struct weir_tls *server = rig_tls(&(struct weir_tls_options){
        .size = sizeof (struct weir_tls_options), .cert_pem = rig.server.cert_pem,
        .key_pem = rig.server.key_pem, .names = names});
    struct client c;
    client_open(&c);
    meets(&c, server, "one.example", false);
    meets(&c, server, "localhost", false);
    meets(&c, server, "server.example", false); /* though it has the same certificate */
    meets(&c, server, "server.example", true);
    meets(&c, server, NULL, false);
    meets(&c, server, "one.example", false);
    meets(&c, server, "one.example", true);
    client_close(&c);
    weir_tls_unref(&server);
    rig_free(&one);
    return 0;
}
