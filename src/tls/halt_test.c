/* SPDX-License-Identifier: MIT */
/* A message of the peer's to OpenSSL itself, such as a ticket, that comes in part: nothing can be
 * encrypted before the rest of it was read. */
#include <errno.h>

#include "tls/raw_rig.h"
#include "tls/tls_stream.h"

static struct rig rig;

#define TLS_STORY(sentence)                                                                        \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST(sentence) {                                                                          \
        rig_open(&rig);                                                                            \
        assert_int_equal(weir_sim_run(sentence##_run, NULL, NULL), 0);                             \
        rig_close(&rig);                                                                           \
    }                                                                                              \
    static int sentence##_run(void *arg)

static void part(struct rig_ends *e) {
    rig_part(e);
    weir_tls_unref(&e->of_client);
    weir_tls_unref(&e->of_server);
}

static SSL_CTX *raw_server(void) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(ctx, rig.server.cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, rig.server.key), 1);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), rig.root.cert);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL); /* so a ticket has the client's certificate */
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"a", 1);
    SSL_CTX_set_max_send_fragment(ctx, 512);
    return ctx;
}

static int connects(void *args) {
    struct rig_ends *e = *(struct rig_ends **)args;
    struct weir_stream *s = NULL;
    int rc = weir_tls_connect(&e->client, e->of_client, "localhost", &s);
    e->client = rc == 0 ? s : e->client;
    return rc;
}

/* Shake hands, and keep the tickets back. */
static void raw_serve(struct raw *r, SSL_CTX *ctx, struct weir_stream *s) {
    *r = (struct raw){SSL_new(ctx), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()), s};
    BIO_set_mem_eof_return(r->in, -1);
    SSL_set_bio(r->ssl, r->in, r->out);
    SSL_set_accept_state(r->ssl);
    for (raw_get(r); SSL_do_handshake(r->ssl) != 1; raw_get(r))
        assert_int_equal(raw_send(r), 0);
}

struct reads_byte_args {
    struct weir_stream *s;
};

static int reads_byte(void *args) {
    struct reads_byte_args *a = args;
    char byte;
    return (int)weir_read(a->s, &byte, 1);
}

static int writes_word(void *args) {
    struct reads_byte_args *a = args;
    return weir_write(a->s, "word", 4);
}

enum how { BY_TASK, BY_LINE, BY_SHUTDOWN };

static struct weir__out line;
static struct weir__out_owner by;

static void write_somehow(struct weir_stream *s, struct weir_group *g, enum how how) {
    if (how == BY_TASK)
        assert_int_equal(weir_spawn(g, WEIR_SITE(writes_word), writes_word, &s, sizeof s, NULL,
                                    NULL), 0);
    if (how == BY_SHUTDOWN)
        assert_int_equal(weir_shutdown(s), 0);
    if (how != BY_LINE)
        return;
    weir__out_init(&line);
    weir__out_owner_init(&by, s->loop, "test", WEIR_NEVER, NULL);
    assert_int_equal(weir__out_append(&line, "word", 4), 0);
    weir__out_go(&line, s, &by);
    assert_true(weir__out_writes(&line));
}

static void word_comes(struct raw *r, enum how how) {
    char word[5];
    int n;
    while ((n = SSL_read(r->ssl, word, sizeof word)) < 0)
        raw_get(r);
    assert_int_equal(n, how == BY_SHUTDOWN ? 0 : 4);
    if (how == BY_SHUTDOWN)
        assert_int_equal(SSL_get_error(r->ssl, n), SSL_ERROR_ZERO_RETURN);
    else
        assert_memory_equal(word, "word", 4);
    if (how != BY_LINE)
        return;
    assert_int_equal(line.queued, 0);
    assert_false(weir__out_writes(&line));
    weir__out_fini(&line);
    weir__out_owner_fini(&by);
}

/* The first record of a ticket has come, and the rest has not. */
static void halted(struct rig_ends *e, struct raw *r, struct weir_group *g, enum how how) {
    char begin[600];
    assert_int_equal(BIO_read(r->out, begin, sizeof begin), sizeof begin);
    assert_int_equal(weir_write(r->s, begin, sizeof begin), 0);
    assert_int_equal(weir_go(g, reads_byte, .s = e->client), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_try_write(e->client, "x", 1), -EAGAIN);
    write_somehow(e->client, g, how);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    SSL_write(r->ssl, "y", 1); /* behind the tickets */
    assert_int_equal(raw_send(r), 0);
    word_comes(r, how);
}

static int ticket_in_two_records(enum how how) {
    struct weir_tls_options co = {.size = sizeof co, .ca_pem = rig.root.cert_pem,
                                  .cert_pem = rig.client.cert_pem,
                                  .key_pem = rig.client.key_pem};
    struct rig_ends e = {.of_client = rig_tls(&co)}, *at = &e;
    SSL_CTX *ctx = raw_server();
    struct weir_group g;
    struct raw r;
    assert_int_equal(weir_memory_pair(0, &e.client, &e.server), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(connects), connects, &at, sizeof at, NULL, NULL), 0);
    raw_serve(&r, ctx, e.server);
    while (weir_tls_version(e.client) == NULL)
        weir_yield();
    halted(&e, &r, &g, how);
    assert_int_equal(weir_group_close(&g, 0), 0);
    part(&e);
    SSL_free(r.ssl);
    SSL_CTX_free(ctx);
    return 0;
}

TLS_STORY(a_ticket_in_two_records_halts_a_task_that_writes_until_it_is_whole) {
    return ticket_in_two_records(BY_TASK);
}

TLS_STORY(a_ticket_in_two_records_halts_a_line_until_it_is_whole) {
    return ticket_in_two_records(BY_LINE);
}

TLS_STORY(a_ticket_in_two_records_delays_a_shutdown_until_it_is_whole) {
    return ticket_in_two_records(BY_SHUTDOWN);
}
