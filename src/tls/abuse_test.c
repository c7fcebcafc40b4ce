/* SPDX-License-Identifier: MIT */
/* Peers that want more than they should get: time, memory, and names that are not theirs. */
#include <errno.h>

#include "tls/raw_rig.h"
#include "tls/tls_stream.h"

static struct rig rig;

/* ---- time ---- */

/* Each call is given up after patience. */
static int calls(bool writes, weir_ns patience) {
    struct weir_tls_options to = {.size = sizeof to, .cert_pem = rig.server.cert_pem,
                                  .key_pem = rig.server.key_pem,
                                  .handshake_ns = WEIR_SECONDS(2)};
    struct weir_tls *server = rig_tls(&to);
    struct weir_listen_options o = {.size = sizeof o, .tls = server};
    struct weir_listener *l;
    struct weir_stream *c, *s;
    struct weir_scope scope;
    char url[64], byte = 'x';
    int rc, late = 0;
    assert_int_equal(weir_listen("tls://localhost:0", &o, &l), 0);
    snprintf(url, sizeof url, "tcp://localhost:%d", weir_listener_port(l));
    assert_int_equal(weir_dial(url, NULL, &c), 0); /* it says nothing */
    assert_int_equal(weir_accept(l, &s), 0);
    weir_ns before = weir_now();
    for (int i = 0; late < 2 && i < 20; i++) {
        weir_scope_enter(&scope, patience);
        rc = writes ? weir_write(s, &byte, 1) : (int)weir_read(s, &byte, 1);
        assert_int_equal(weir_scope_leave(&scope, rc), -ETIME);
        late += strstr(weir_error_message(-ETIME), "longer than 2000 ms") != NULL;
    }
    assert_int_equal(late, 2);
    assert_int_equal(weir_now() - before, WEIR_SECONDS(2));
    weir_close(&c);
    weir_close(&s);
    weir_unlisten(&l);
    weir_tls_unref(&server);
    return 0;
}

static int first_call(bool writes) {
    return calls(writes, WEIR_NEVER);
}

TLS_STORY(a_silent_client_is_refused_in_time_by_the_first_read) {
    return first_call(false);
}

TLS_STORY(a_silent_client_is_refused_in_time_by_the_first_write) {
    return first_call(true);
}

TLS_STORY(calls_that_are_given_up_do_not_stretch_the_time_of_a_handshake) {
    calls(false, WEIR_MILLISECONDS(300));
    return calls(true, WEIR_MILLISECONDS(300));
}

/* ---- memory ---- */

struct reads_all_args {
    struct weir_stream *s;
    int *ret;
};

static int reads_all(void *args) {
    struct reads_all_args *a = args;
    char buf[100];
    ssize_t n;
    while ((n = weir_read(a->s, buf, sizeof buf)) > 0)
        ;
    *a->ret = (int)n;
    return 0;
}

/* Ask for answers, and read none. */
static void ask_for_answers(struct raw *r, struct weir_stream *s, const int *read_rc) {
    struct weir__out *out = &WEIR_CONTAINER(s, struct weir__tls, stream)->out;
    for (int i = 0; i < 6000 && *read_rc > 0; i++) {
        SSL_key_update(r->ssl, SSL_KEY_UPDATE_REQUESTED);
        SSL_write(r->ssl, "x", 1);
        if (raw_send(r) < 0)
            break;
        weir_yield();
        assert_true(out->queued < 2 * WEIR__OUT_CONTROL);
    }
}

TLS_STORY(a_peer_that_asks_for_answers_between_its_data_is_cut_off) {
    struct rig_ends e = {.of_server = rig_server(&rig)}, *at = &e;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct weir_group g;
    struct raw r;
    int rc = 1;
    assert_int_equal(weir_memory_pair(4096, &e.client, &e.server), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(rig_accepts), rig_accepts, &at, sizeof at, NULL,
                                NULL), 0);
    raw_open(&r, ctx, e.client);
    while (weir_tls_version(e.server) == NULL)
        weir_yield();
    assert_int_equal(weir_go(&g, reads_all, .s = e.server, .ret = &rc), 0);
    ask_for_answers(&r, e.server, &rc);
    assert_int_equal(rc, WEIR_EPROTO);
    weir_close(&e.client);
    weir_group_close(&g, 0);
    rig_leave(&e);
    SSL_free(r.ssl);
    SSL_CTX_free(ctx);
    return 0;
}

/* Messages that bring no data, so many in one turn of the loop that they would hold it. */
TLS_STORY(a_peer_that_only_changes_its_keys_is_cut_off) {
    struct rig_ends e = {.of_server = rig_server(&rig)}, *at = &e;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct weir_group g;
    struct raw r;
    int rc = 1;
    assert_int_equal(weir_memory_pair(0, &e.client, &e.server), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(rig_accepts), rig_accepts, &at, sizeof at, NULL,
                                NULL), 0);
    raw_open(&r, ctx, e.client);
    while (weir_tls_version(e.server) == NULL)
        weir_yield();
    assert_int_equal(weir_go(&g, reads_all, .s = e.server, .ret = &rc), 0);
    for (int turn = 0; turn < 20; turn++) { /* a few are fine, however often */
        for (int i = 0; i < 20; i++) {
            SSL_key_update(r.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
            SSL_do_handshake(r.ssl);
        }
        assert_int_equal(raw_send(&r), 0);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    }
    assert_int_equal(rc, 1);
    for (int i = 0; i < 500; i++) {
        SSL_key_update(r.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        SSL_do_handshake(r.ssl);
    }
    (void)raw_send(&r);
    weir_group_close(&g, 0);
    assert_int_equal(rc, WEIR_EPROTO);
    weir_close(&e.client);
    rig_leave(&e);
    SSL_free(r.ssl);
    SSL_CTX_free(ctx);
    return 0;
}

static char big[300000], back[300000];

struct writes_args {
    struct weir_stream *s;
    size_t len;
};

static int writes(void *args) {
    struct writes_args *a = args;
    return weir_write(a->s, big, a->len);
}

TLS_STORY(both_sides_may_write_much_before_they_read) {
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    struct weir_group g;
    assert_int_equal(weir_memory_pair(4096, &e.client, &e.server), 0);
    assert_int_equal(rig_shake(&e), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, writes, .s = e.client, .len = sizeof big), 0);
    assert_int_equal(weir_go(&g, writes, .s = e.server, .len = 20000), 0);
    weir_yield(); /* the client's line is full now, and it gets records in pieces */
    assert_int_equal(weir_read_exactly(e.client, back, 20000), 0);
    assert_int_equal(weir_read_exactly(e.server, back, sizeof back), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    rig_leave(&e);
    return 0;
}

/* ---- the stream below ---- */

struct closes_args {
    struct weir_stream **s;
};

static int closes(void *args) {
    struct closes_args *a = args;
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    weir_close(a->s);
    return rc;
}

static void closed_below(size_t room) {
    struct weir_stream *a, *b, *s = NULL;
    struct weir_tls *client = rig_client(&rig);
    struct weir_group g;
    assert_int_equal(weir_memory_pair(room, &a, &b), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, closes, .s = &a), 0);
    assert_int_equal(weir_tls_connect(&a, client, "localhost", &s), WEIR_ECLOSED);
    weir_group_close(&g, 0);
    assert_null(a);
    weir_close(&b);
    weir_tls_unref(&client);
}

TLS_STORY(another_task_may_close_the_stream_during_its_handshake) {
    closed_below(0);  /* while the handshake waits for the server */
    closed_below(16); /* while it writes */
    return 0;
}

/* ---- names ---- */

TLS_STORY(a_host_that_begins_with_a_dot_is_no_host) {
    struct weir_stream *a, *b, *s = NULL;
    struct weir_tls *client = rig_client(&rig);
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_tls_connect(&a, client, ".example", &s), -EINVAL);
    weir_close(&a);
    weir_close(&b);
    weir_tls_unref(&client);
    return 0;
}

static void add_dns(GENERAL_NAMES *names, const char *bytes, int len) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, bytes, len);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, name);
}

TLS_STORY(a_name_with_a_nul_or_a_space_is_not_told_for_another) {
    struct rig_id id = rig_make(&(struct rig_wish){.name = "x", .by = &rig.root});
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char text[200];
    add_dns(names, "server.example\0.evil.example", 28);
    add_dns(names, "evil.example admin.example", 26);
    add_dns(names, "good.example", 12);
    assert_int_equal(X509_add1_ext_i2d(id.cert, NID_subject_alt_name, names, 0, 0), 1);
    assert_true(X509_sign(id.cert, rig.root.key, EVP_sha256()) > 0);
    PEM_write_bio_X509(bio, id.cert);
    char *pem = rig_text(bio);
    struct weir_tls_options so = {.size = sizeof so, .cert_pem = pem, .key_pem = id.key_pem};
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_tls(&so)};
    e.host = "server.example";
    (void)rig_pair(&e);
    assert_int_equal(e.client_rc, WEIR_ECERT);
    e.host = "good.example";
    assert_int_equal(rig_pair(&e), 0);
    assert_int_equal(weir_tls_peer(e.client, WEIR_TLS_NAMES, text, sizeof text), 12);
    assert_string_equal(text, "good.example");
    rig_leave(&e);
    GENERAL_NAMES_free(names);
    free(pem);
    rig_free(&id);
    return 0;
}
