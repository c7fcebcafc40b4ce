/* SPDX-License-Identifier: MIT */
/* A message of the peer's to OpenSSL itself, such as a ticket, that comes in part: nothing can be
 * encrypted before the rest of it was read. */
#include <dlfcn.h>
#include <errno.h>

#include "tls/raw_rig.h"
#include "tls/tls_stream.h"

static struct rig rig;

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

/* Who reads while the rest of a ticket is missing? */
enum reader { STAYS, LEFT_BEFORE, LEAVES_THEN };

static void first_record_comes(struct rig_ends *e, struct raw *r) {
    char begin[600];
    assert_int_equal(BIO_read(r->out, begin, sizeof begin), sizeof begin);
    assert_int_equal(weir_write(r->s, begin, sizeof begin), 0);
}

struct gives_up_args {
    struct weir_stream *s;
    weir_ns patience;
};

static int gives_up(void *args) {
    struct gives_up_args *a = args;
    struct weir_scope scope;
    char byte;
    weir_scope_enter(&scope, a->patience);
    int rc = (int)weir_read(a->s, &byte, 1);
    assert_int_equal(weir_scope_leave(&scope, rc), -ETIME);
    return 0;
}

static void halt_begins(struct rig_ends *e, struct raw *r, struct weir_group *g,
                        enum reader reader) {
    weir_ns patience = WEIR_MILLISECONDS(reader == LEFT_BEFORE ? 1 : 3);
    first_record_comes(e, r);
    if (reader == STAYS)
        assert_int_equal(weir_go(g, reads_byte, .s = e->client), 0);
    else
        assert_int_equal(weir_go(g, gives_up, .s = e->client, .patience = patience), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(2)), 0);
    assert_int_equal(weir_try_write(e->client, "x", 1), -EAGAIN);
}

static void halted(struct rig_ends *e, struct raw *r, struct weir_group *g, enum how how,
                   enum reader reader) {
    char byte = 0;
    halt_begins(e, r, g, reader);
    write_somehow(e->client, g, how);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(5)), 0);
    SSL_write(r->ssl, "y", 1); /* behind the tickets */
    assert_int_equal(raw_send(r), 0);
    word_comes(r, how);
    if (reader == STAYS)
        return;
    assert_int_equal(weir_read(e->client, &byte, 1), 1); /* the writer has left it there */
    assert_int_equal(byte, 'y');
}

/* A client that has a certificate, and a server that keeps its tickets back. */
struct scene {
    struct rig_ends e;
    SSL_CTX *ctx;
    struct weir_group g;
    struct raw r;
};

static void scene_open(struct scene *c) {
    struct weir_tls_options co = {.size = sizeof co, .ca_pem = rig.root.cert_pem,
                                  .cert_pem = rig.client.cert_pem,
                                  .key_pem = rig.client.key_pem};
    struct rig_ends *at = &c->e;
    c->e = (struct rig_ends){.of_client = rig_tls(&co)};
    c->ctx = raw_server();
    assert_int_equal(weir_memory_pair(0, &c->e.client, &c->e.server), 0);
    weir_group_open(&c->g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&c->g, WEIR_SITE(connects), connects, &at, sizeof at, NULL, NULL),
                     0);
    raw_serve(&c->r, c->ctx, c->e.server);
    while (weir_tls_version(c->e.client) == NULL)
        weir_yield();
}

static void scene_close(struct scene *c) {
    assert_int_equal(weir_group_close(&c->g, 0), 0);
    rig_leave(&c->e);
    SSL_free(c->r.ssl);
    SSL_CTX_free(c->ctx);
}

static int ticket_in_two_records(enum how how, enum reader reader) {
    struct scene c;
    scene_open(&c);
    halted(&c.e, &c.r, &c.g, how, reader);
    scene_close(&c);
    return 0;
}

TLS_STORY(a_ticket_in_two_records_halts_a_task_that_writes_until_it_is_whole) {
    return ticket_in_two_records(BY_TASK, STAYS);
}

TLS_STORY(a_ticket_in_two_records_halts_a_line_until_it_is_whole) {
    return ticket_in_two_records(BY_LINE, STAYS);
}

TLS_STORY(a_ticket_in_two_records_delays_a_shutdown_until_it_is_whole) {
    return ticket_in_two_records(BY_SHUTDOWN, STAYS);
}

TLS_STORY(without_a_reader_the_writer_takes_the_rest_of_a_ticket_itself) {
    ticket_in_two_records(BY_TASK, LEFT_BEFORE);
    ticket_in_two_records(BY_LINE, LEFT_BEFORE);
    return ticket_in_two_records(BY_SHUTDOWN, LEFT_BEFORE);
}

TLS_STORY(a_reader_that_leaves_hands_the_rest_of_a_ticket_to_the_writer) {
    ticket_in_two_records(BY_TASK, LEAVES_THEN);
    ticket_in_two_records(BY_LINE, LEAVES_THEN);
    return ticket_in_two_records(BY_SHUTDOWN, LEAVES_THEN);
}

/* ---- the rest never comes ---- */

struct meets_end_args {
    struct weir_stream *s;
    int *ret;
};

static int meets_end(void *args) {
    struct meets_end_args *a = args;
    *a->ret = weir_write(a->s, "word", 4);
    assert_non_null(strstr(weir_error_message(*a->ret), "in the middle of a message"));
    return 0;
}

struct reads_end_args {
    struct weir_stream *s;
    int *ret;
};

static int reads_end(void *args) {
    struct reads_end_args *a = args;
    char byte;
    *a->ret = (int)weir_read(a->s, &byte, 1);
    return 0;
}

static int rest_never_comes(bool reads) {
    struct scene c;
    int wrote = 1, got = 1;
    scene_open(&c);
    first_record_comes(&c.e, &c.r);
    assert_int_equal(weir_go(&c.g, gives_up, .s = c.e.client, .patience = WEIR_MILLISECONDS(1)),
                     0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(2)), 0);
    assert_int_equal(weir_go(&c.g, meets_end, .s = c.e.client, .ret = &wrote), 0);
    if (reads)
        assert_int_equal(weir_go(&c.g, reads_end, .s = c.e.client, .ret = &got), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_close(&c.e.server);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(wrote, WEIR_EEOF);
    if (reads)
        assert_int_equal(got, WEIR_EEOF);
    scene_close(&c);
    return 0;
}

TLS_STORY(a_halted_writer_does_not_outwait_the_connection) {
    rest_never_comes(false);
    return rest_never_comes(true);
}

/* A close, and a cancel of the writer, while it asks for the rest itself. */
TLS_STORY(a_halted_writer_is_ended_by_a_cancel_and_by_a_close) {
    struct scene c;
    struct weir_scope scope;
    int got = 1;
    scene_open(&c);
    halt_begins(&c.e, &c.r, &c.g, LEFT_BEFORE);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(1));
    int rc = weir_write(c.e.client, "word", 4);
    assert_int_equal(weir_scope_leave(&scope, rc), -ETIME);
    assert_int_equal(weir_go(&c.g, reads_end, .s = c.e.client, .ret = &got), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_close(&c.e.client);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(got, WEIR_ECLOSED);
    scene_close(&c);
    scene_open(&c);
    halt_begins(&c.e, &c.r, &c.g, LEFT_BEFORE); /* and with nobody inside */
    write_somehow(c.e.client, &c.g, BY_SHUTDOWN);
    weir_close(&c.e.client);
    scene_close(&c);
    return 0;
}

/* ---- OpenSSL's buffers ---- */

static size_t freed, freed_in_use;

/* In place of OpenSSL's: before 3.0.14 it freed a buffer that holds the begin of a record. */
int SSL_free_buffers(SSL *ssl) {
    int (*real)(SSL *ssl);
    *(void **)&real = dlsym(RTLD_NEXT, "SSL_free_buffers");
    freed++;
    freed_in_use += strcmp(SSL_rstate_string(ssl), "RB") == 0 || SSL_has_pending(ssl);
    return real(ssl);
}

/* A whole ticket, of which the next record has come but for its last bytes. */
TLS_STORY(buffers_are_not_freed_while_they_hold_a_part_of_a_record) {
    struct scene c;
    char tickets[8192];
    scene_open(&c);
    int n = BIO_read(c.r.out, tickets, sizeof tickets);
    assert_in_range(n, 100, sizeof tickets - 1);
    freed = freed_in_use = 0;
    assert_int_equal(weir_write(c.r.s, tickets, (size_t)n - 3), 0);
    assert_int_equal(weir_go(&c.g, reads_byte, .s = c.e.client), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(freed, 0);
    assert_int_equal(weir_write(c.r.s, tickets + n - 3, 3), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(freed, 1);
    SSL_write(c.r.ssl, "y", 1);
    assert_int_equal(raw_send(&c.r), 0);
    assert_int_equal(weir_write(c.e.client, "word", 4), 0);
    word_comes(&c.r, BY_TASK);
    assert_int_equal(freed_in_use, 0);
    scene_close(&c);
    return 0;
}
