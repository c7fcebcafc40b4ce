/* SPDX-License-Identifier: MIT */
/* TLS over streams that one would hardly choose: pipes, a pair in memory of a few bytes, another
 * TLS stream, and streams that have ended or were shut down before. */
#include <errno.h>

#include "tls/tls_rig.h"

static struct rig rig;

static struct rig_ends ends(void) {
    return (struct rig_ends){.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
}

static int talks(struct rig_ends *e) {
    char buf[8];
    assert_int_equal(weir_write(e->client, "hello", 5), 0);
    assert_int_equal(weir_read_exactly(e->server, buf, 5), 0);
    assert_int_equal(weir_write(e->server, "world", 5), 0);
    assert_int_equal(weir_read_exactly(e->client, buf, 5), 0);
    return 0;
}

static int tiny(void *arg) {
    for (size_t room = 1; room < 8; room += 3) { /* bytes */
        struct rig_ends e = ends();
        assert_int_equal(weir_memory_pair(room, &e.client, &e.server), 0);
        assert_int_equal(rig_shake(&e), 0);
        rig_leave(&e);
    }
    return 0;
}

WEIR_TEST(a_pair_of_a_byte_is_enough_for_a_handshake) { /* where the close need not be waited for */
    rig_open(&rig);
    assert_int_equal(weir_sim_run(tiny, NULL, NULL), 0);
    rig_close(&rig);
}

static int twice(void *arg) {
    struct rig_ends e = ends();
    assert_int_equal(rig_pair(&e), 0);
    assert_int_equal(rig_shake(&e), 0); /* TLS in TLS */
    talks(&e);
    assert_int_equal(weir_shutdown(e.client), 0);
    char byte;
    assert_int_equal(weir_read(e.server, &byte, 1), 0);
    rig_leave(&e);
    return 0;
}

WEIR_TEST_BACKENDS(tls_runs_over_tls) {
    rig_open(&rig);
    assert_int_equal(weir_run(twice, NULL, NULL), 0);
    rig_close(&rig);
}

static int ended(void *arg) {
    struct rig_ends e = ends();
    struct weir_stream *s = NULL;
    char byte;
    assert_int_equal(weir_memory_pair(0, &e.client, &e.server), 0);
    assert_int_equal(weir_shutdown(e.server), 0);
    assert_int_equal(weir_read(e.client, &byte, 1), 0);
    int rc = weir_tls_connect(&e.client, e.of_client, "localhost", &s);
    assert_int_equal(rc, WEIR_EEOF);
    rc = weir_tls_accept(&e.server, e.of_server, &s);
    assert_int_equal(rc, -EPIPE);
    assert_non_null(strstr(weir_error_message(rc), "this side was shut down before"));
    rig_leave(&e);
    e = ends();
    assert_int_equal(weir_memory_pair(0, &e.client, &e.server), 0);
    weir_close(&e.server);
    rc = weir_tls_connect(&e.client, e.of_client, "localhost", &s);
    assert_int_equal(rc, -EPIPE);
    rig_leave(&e);
    return 0;
}

WEIR_TEST_BACKENDS(a_stream_at_its_end_is_refused) {
    rig_open(&rig);
    assert_int_equal(weir_run(ended, NULL, NULL), 0);
    rig_close(&rig);
}

static int half(void *arg) { /* an end that only reads, and one that only writes */
    struct rig_ends e = ends();
    struct weir_stream *r, *w, *s = NULL;
    struct weir_scope scope;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(weir_stream_from_fd(fds[0], &r), 0);
    assert_int_equal(weir_stream_from_fd(fds[1], &w), 0);
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    int rc = weir_tls_connect(&r, e.of_client, "localhost", &s);
    assert_int_equal(rc, -EBADF);
    rc = weir_tls_connect(&w, e.of_client, "localhost", &s);
    assert_int_equal(rc, -EBADF);
    rc = weir_tls_accept(&w, e.of_server, &s);
    assert_int_equal(rc, -EBADF);
    weir_scope_leave(&scope, 0);
    weir_close(&r);
    weir_close(&w);
    rig_leave(&e);
    return 0;
}

WEIR_TEST_BACKENDS(an_end_of_a_pipe_is_refused) {
    if (strcmp(test_backend, "sim") == 0)
        return; /* it has no pipes of the system */
    rig_open(&rig);
    assert_int_equal(weir_run(half, NULL, NULL), 0);
    rig_close(&rig);
}

/* ---- a scope ---- */

static int patience(void *arg) {
    struct rig_ends e = ends();
    struct weir_stream *s = NULL;
    struct weir_scope outer, inner;
    assert_int_equal(weir_memory_pair(0, &e.client, &e.server), 0);
    weir_scope_enter(&outer, WEIR_SECONDS(2));
    weir_scope_enter(&inner, WEIR_SECONDS(30));
    int rc = weir_tls_accept(&e.server, e.of_server, &s);
    assert_non_null(strstr(weir_error_message(rc), "tls handshake memory: the deadline"));
    rc = weir_scope_leave(&inner, rc);
    assert_int_equal(weir_scope_leave(&outer, rc), -ETIME);
    /* equal to handshake_ns */
    weir_scope_enter(&outer, WEIR_SECONDS(10));
    rc = weir_tls_accept(&e.server, e.of_server, &s);
    assert_int_equal(weir_scope_leave(&outer, rc), -ETIME);
    /* an expired scope */
    weir_scope_enter(&outer, 0);
    rc = weir_tls_accept(&e.server, e.of_server, &s);
    assert_int_equal(weir_scope_leave(&outer, rc), -ETIME);
    weir_scope_enter(&outer, 0);
    rc = weir_tls_connect(&e.client, e.of_client, "localhost", &s);
    assert_int_equal(weir_scope_leave(&outer, rc), -ETIME);
    assert_int_equal(rig_shake(&e), 0); /* nothing has begun but on the server's side */
    rig_leave(&e);
    return 0;
}

WEIR_TEST(a_scope_bounds_an_accept) {
    rig_open(&rig);
    assert_int_equal(weir_sim_run(patience, NULL, NULL), 0);
    rig_close(&rig);
}

/* ---- reload in the middle ---- */

struct reloads_args {
    struct rig_ends *e;
};

static int reloads(void *args) {
    struct reloads_args *a = args;
    for (int i = 0; i < 30; i++) {
        assert_int_equal(weir_tls_reload(a->e->of_server), 0);
        assert_int_equal(weir_tls_reload(a->e->of_client), 0);
        struct rig_ends other = {.of_client = a->e->of_client, .of_server = a->e->of_server};
        other.host = "b.example";
        assert_int_equal(rig_pair(&other), 0); /* so that the seat is made anew */
        rig_part(&other);
        weir_yield();
    }
    return 0;
}

static int reload_in_the_middle(void *arg) {
    struct rig_id named = rig_make(&(struct rig_wish){.name = "b", .by = &rig.root,
                                                      .names = "DNS:b.example"});
    struct weir_tls_name names[] = {{.name = "b.example", .cert_pem = named.cert_pem,
                                     .key_pem = named.key_pem}, {.name = NULL}};
    struct weir_tls_options so = {.size = sizeof so, .names = names, .client_optional = true,
                                  .client_ca_pem = rig.root.cert_pem};
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_tls(&so),
                         .host = "b.example"};
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, reloads, .e = &e), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(weir_memory_pair(40, &e.client, &e.server), 0);
        assert_int_equal(rig_shake(&e), 0);
        assert_string_equal(weir_tls_host(e.server), "b.example");
        rig_part(&e);
    }
    assert_int_equal(weir_group_close(&g, 0), 0);
    rig_leave(&e);
    rig_free(&named);
    return 0;
}

WEIR_TEST_BACKENDS(a_reload_in_the_middle_of_handshakes_breaks_none) {
    rig_open(&rig);
    assert_int_equal(weir_run(reload_in_the_middle, NULL, NULL), 0);
    rig_close(&rig);
}
