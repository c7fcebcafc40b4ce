/* SPDX-License-Identifier: MIT */
/* What both sides agree on: protocols, names, certificates of clients, versions, sessions. */
#include <errno.h>

#include "tls/tls_rig.h"

static struct rig rig;

static struct weir_tls_options server_options(void) {
    return (struct weir_tls_options){.size = sizeof (struct weir_tls_options),
        .cert_pem = rig.server.cert_pem, .key_pem = rig.server.key_pem};
}

static struct weir_tls_options client_options(void) {
    return (struct weir_tls_options){.size = sizeof (struct weir_tls_options),
        .ca_pem = rig.root.cert_pem};
}

/* Both are given up. */
static int meet(struct rig_ends *e, struct weir_tls *client, struct weir_tls *server) {
    e->of_client = client;
    e->of_server = server;
    int rc = rig_pair(e);
    weir_tls_unref(&client);
    weir_tls_unref(&server);
    return rc;
}

TLS_STORY(the_server_chooses_its_best_protocol_of_the_clients) {
    static const char *const ours[] = {"h2", "http/1.1", NULL};
    static const char *const theirs[] = {"spdy", "http/1.1", "h2", NULL};
    static const char *const none[] = {"gopher", NULL};
    struct weir_tls_options so = server_options(), co = client_options();
    struct rig_ends e = {0};
    so.alpn = ours;
    co.alpn = theirs;
    assert_int_equal(meet(&e, rig_tls(&co), rig_tls(&so)), 0);
    assert_string_equal(weir_tls_alpn(e.client), "h2");
    assert_string_equal(weir_tls_alpn(e.server), "h2");
    rig_part(&e);
    co.alpn = none;
    meet(&e, rig_tls(&co), rig_tls(&so));
    assert_int_equal(e.client_rc, WEIR_ETLS);
    assert_non_null(strstr(e.client_text, "ALPN"));
    assert_int_equal(e.server_rc, WEIR_ETLS);
    assert_non_null(strstr(e.server_text, "the best of the client is gopher"));
    rig_part(&e);
    co.alpn = NULL;
    assert_int_equal(meet(&e, rig_tls(&co), rig_tls(&so)), 0);
    assert_null(weir_tls_alpn(e.server));
    rig_part(&e);
    return 0;
}

/* ---- names ---- */

static void expect_subject(const struct weir_tls_options *so, const char *host,
                           const char *subject) {
    struct weir_tls_options co = client_options();
    struct rig_ends e = {.host = host};
    char text[64];
    assert_int_equal(meet(&e, rig_tls(&co), rig_tls(so)), 0);
    assert_true(weir_tls_peer(e.client, WEIR_TLS_SUBJECT, text, sizeof text) > 0);
    assert_string_equal(text, subject);
    assert_string_equal(weir_tls_host(e.server), host);
    rig_part(&e);
}

TLS_STORY(a_server_shows_the_certificate_of_the_name_that_is_asked_for) {
    struct rig_id one = rig_make(&(struct rig_wish){.name = "one", .by = &rig.root,
                                                    .names = "DNS:one.example"});
    struct rig_id wild = rig_make(&(struct rig_wish){.name = "wild", .by = &rig.root,
                                                     .names = "DNS:*.wild.example"});
    struct weir_tls_name names[] = {
        {.name = "*.wild.example", .cert_pem = wild.cert_pem, .key_pem = wild.key_pem},
        {.name = "one.example", .cert_pem = one.cert_pem, .key_pem = one.key_pem}, {0}};
    struct weir_tls_options so = server_options(), co = client_options();
    so.names = names;
    expect_subject(&so, "one.example", "CN=one");
    expect_subject(&so, "two.WILD.example", "CN=wild");
    expect_subject(&so, "localhost", "CN=server");
    so.cert_pem = so.key_pem = NULL;
    struct rig_ends e = {.host = "localhost"};
    meet(&e, rig_tls(&co), rig_tls(&so));
    assert_int_equal(e.client_rc, WEIR_ETLS);
    assert_non_null(strstr(e.client_text, "the server has no certificate for this name"));
    assert_non_null(strstr(e.server_text, "asks for: localhost"));
    rig_part(&e);
    rig_free(&one);
    rig_free(&wild);
    return 0;
}

/* ---- certificates of clients ---- */

TLS_STORY(a_server_knows_a_client_by_its_certificate) {
    struct weir_tls_options so = server_options(), co = client_options();
    struct rig_ends e = {0};
    char text[2000];
    so.client_ca_pem = rig.root.cert_pem;
    co.cert_pem = rig.client.cert_pem;
    co.key_pem = rig.client.key_pem;
    assert_int_equal(meet(&e, rig_tls(&co), rig_tls(&so)), 0);
    assert_int_equal(weir_tls_peer(e.server, WEIR_TLS_SUBJECT, text, sizeof text), 8);
    assert_string_equal(text, "CN=alice");
    assert_int_equal(weir_tls_peer(e.server, WEIR_TLS_SUBJECT, text, 4), 8);
    assert_string_equal(text, "CN=");
    assert_true(weir_tls_peer(e.server, WEIR_TLS_ISSUER, text, sizeof text) > 0);
    assert_string_equal(text, "CN=Root");
    assert_true(weir_tls_peer(e.server, WEIR_TLS_PEM, text, sizeof text) > 0);
    assert_string_equal(text, rig.client.cert_pem);
    assert_true(weir_tls_peer(e.client, WEIR_TLS_NAMES, text, sizeof text) > 0);
    assert_string_equal(text, "localhost server.example 127.0.0.1 ::1");
    assert_non_null(weir_tls_cipher(e.client));
    rig_part(&e);
    return 0;
}

TLS_STORY(a_client_without_a_certificate_is_refused_unless_that_is_optional) {
    struct weir_tls_options so = server_options(), co = client_options();
    struct rig_ends e = {0};
    char text[10];
    so.client_ca_pem = rig.root.cert_pem;
    meet(&e, rig_tls(&co), rig_tls(&so));
    assert_int_equal(e.server_rc, WEIR_ECERT);
    assert_non_null(strstr(e.server_text, "the client has shown no certificate"));
    rig_part(&e);
    so.client_optional = true;
    assert_int_equal(meet(&e, rig_tls(&co), rig_tls(&so)), 0);
    assert_int_equal(weir_tls_peer(e.server, WEIR_TLS_SUBJECT, text, sizeof text), 0);
    rig_part(&e);
    struct rig_id stranger = rig_make(&(struct rig_wish){.name = "mallory"});
    co.cert_pem = stranger.cert_pem;
    co.key_pem = stranger.key_pem;
    meet(&e, rig_tls(&co), rig_tls(&so));
    assert_int_equal(e.server_rc, WEIR_ECERT);
    assert_non_null(strstr(e.server_text, "CN=mallory is self-signed"));
    assert_non_null(strstr(e.server_text, "client_ca_file"));
    rig_part(&e);
    rig_free(&stranger);
    return 0;
}

TLS_STORY(a_refused_client_learns_it_with_its_first_read) {
    struct weir_tls_options so = server_options(), co = client_options();
    struct rig_ends e = {0};
    char byte;
    so.client_ca_pem = rig.root.cert_pem;
    meet(&e, rig_tls(&co), rig_tls(&so));
    assert_int_equal(e.client_rc, 0); /* in TLS 1.3 the client is done first */
    assert_int_equal(weir_read(e.client, &byte, 1), WEIR_ECERT);
    assert_non_null(strstr(weir_error_message(WEIR_ECERT), "wants a certificate of ours"));
    rig_part(&e);
    return 0;
}

/* ---- versions ---- */

TLS_STORY(two_of_ours_speak_the_newest_version) {
    struct weir_tls_options so = server_options(), co = client_options();
    struct rig_ends e = {0};
    so.minimum = WEIR_TLS_1_3;
    assert_int_equal(meet(&e, rig_tls(&co), rig_tls(&so)), 0);
    assert_string_equal(weir_tls_version(e.server), "TLSv1.3");
    assert_string_equal(weir_tls_version(e.client), "TLSv1.3");
    rig_part(&e);
    return 0;
}

TLS_STORY(an_insecure_client_takes_any_certificate) {
    struct weir_tls_options so = server_options(), co = {.size = sizeof co, .insecure = true};
    struct rig_ends e = {.host = "elsewhere.example"};
    assert_int_equal(meet(&e, rig_tls(&co), rig_tls(&so)), 0);
    rig_part(&e);
    return 0;
}

TLS_STORY(a_host_must_be_named) {
    struct weir_tls_options co = client_options();
    struct weir_tls *tls = rig_tls(&co);
    struct weir_stream *a, *b, *s = NULL;
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_tls_connect(&a, tls, NULL, &s), -EINVAL);
    assert_int_equal(weir_tls_connect(&a, tls, "", &s), -EINVAL);
    assert_int_equal(weir_tls_accept(&a, tls, &s), -EINVAL);
    assert_non_null(a);
    weir_close(&a);
    weir_close(&b);
    weir_tls_unref(&tls);
    return 0;
}

/* ---- sessions ---- */

/* The client reads, so that it gets the tickets. */
static void let_tickets_come(struct rig_ends *e) {
    char byte;
    assert_int_equal(weir_write(e->server, "x", 1), 0);
    assert_int_equal(weir_read(e->client, &byte, 1), 1);
}

TLS_STORY(a_client_resumes_its_session) {
    struct weir_tls_options so = server_options(), co = client_options();
    struct weir_tls *client = rig_tls(&co), *server = rig_tls(&so);
    struct rig_ends e = {0};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(meet(&e, weir_tls_ref(client), weir_tls_ref(server)), 0);
        assert_int_equal(weir_tls_resumed(e.client), i > 0);
        assert_int_equal(weir_tls_resumed(e.server), i > 0);
        let_tickets_come(&e);
        rig_part(&e);
    }
    e.host = "server.example"; /* another name: another session */
    assert_int_equal(meet(&e, weir_tls_ref(client), weir_tls_ref(server)), 0);
    assert_false(weir_tls_resumed(e.client));
    rig_part(&e);
    assert_int_equal(weir_tls_reload(client), 0); /* its roots may be others now */
    e.host = NULL;
    assert_int_equal(meet(&e, weir_tls_ref(client), weir_tls_ref(server)), 0);
    assert_false(weir_tls_resumed(e.client));
    rig_part(&e);
    weir_tls_unref(&client);
    weir_tls_unref(&server);
    return 0;
}

TLS_STORY(a_ticket_is_refused_when_its_key_is_old) {
    struct weir_tls_options so = server_options(), co = client_options();
    struct rig_ends e = {0};
    so.ticket_ns = WEIR_SECONDS(100);
    struct weir_tls *client = rig_tls(&co), *server = rig_tls(&so);
    assert_int_equal(meet(&e, weir_tls_ref(client), weir_tls_ref(server)), 0);
    let_tickets_come(&e);
    rig_part(&e);
    assert_int_equal(weir_sleep(WEIR_SECONDS(150)), 0); /* the key makes no more, and opens still */
    assert_int_equal(meet(&e, weir_tls_ref(client), weir_tls_ref(server)), 0);
    assert_true(weir_tls_resumed(e.server));
    rig_part(&e);
    assert_int_equal(weir_sleep(WEIR_SECONDS(60)), 0);
    assert_int_equal(meet(&e, weir_tls_ref(client), weir_tls_ref(server)), 0);
    assert_false(weir_tls_resumed(e.server));
    rig_part(&e);
    weir_tls_unref(&client);
    weir_tls_unref(&server);
    return 0;
}

TLS_STORY(without_tickets_nothing_is_resumed) {
    struct weir_tls_options so = server_options(), co = client_options();
    so.no_tickets = true;
    struct weir_tls *client = rig_tls(&co), *server = rig_tls(&so);
    struct rig_ends e = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(meet(&e, weir_tls_ref(client), weir_tls_ref(server)), 0);
        assert_false(weir_tls_resumed(e.client));
        let_tickets_come(&e);
        rig_part(&e);
    }
    weir_tls_unref(&client);
    weir_tls_unref(&server);
    return 0;
}

/* ---- reload: files of the system, so on the kernel ---- */

static void put_file(const char *path, const char *a, const char *b) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s%s", a, b);
    fclose(f);
}

static void expect_name(struct weir_tls *server, const char *subject) {
    struct weir_tls_options co = client_options();
    struct rig_ends e = {0};
    char text[64];
    assert_int_equal(meet(&e, rig_tls(&co), weir_tls_ref(server)), 0);
    assert_true(weir_tls_peer(e.client, WEIR_TLS_SUBJECT, text, sizeof text) > 0);
    assert_string_equal(text, subject);
    rig_part(&e);
}

static int reloads(void *arg) {
    char path[] = "/tmp/weir-tls-XXXXXX";
    struct rig_id fresh = rig_make(&(struct rig_wish){.name = "fresh", .by = &rig.root,
                                                      .names = "DNS:localhost"});
    close(mkstemp(path));
    put_file(path, rig.server.cert_pem, rig.server.key_pem);
    struct weir_tls *server = rig_tls(&(struct weir_tls_options){
        .size = sizeof (struct weir_tls_options), .cert_file = path});
    expect_name(server, "CN=server");
    put_file(path, "nothing", "");
    assert_int_equal(weir_tls_reload(server), WEIR_ECERT);
    expect_name(server, "CN=server");
    put_file(path, fresh.cert_pem, fresh.key_pem);
    expect_name(server, "CN=server");
    assert_int_equal(weir_tls_reload(server), 0);
    expect_name(server, "CN=fresh");
    unlink(path);
    rig_free(&fresh);
    weir_tls_unref(&server);
    return 0;
}

WEIR_TEST(a_reload_changes_the_certificate_and_a_bad_file_changes_nothing) {
    rig_open(&rig);
    assert_int_equal(weir_run(reloads, NULL, NULL), 0);
    rig_close(&rig);
}
