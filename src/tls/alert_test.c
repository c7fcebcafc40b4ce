/* SPDX-License-Identifier: MIT */
/* A peer that refuses us after our handshake is over, as a server of TLS 1.3 refuses a client's
 * certificate. A client that only writes learns the reason too. */
#include <errno.h>

#include "tls/tls_rig.h"
#include "tls/tls_stream.h"

static struct rig rig;

static struct weir_tls *strict_server(void) {
    return rig_tls(&(struct weir_tls_options){.size = sizeof (struct weir_tls_options),
        .cert_pem = rig.server.cert_pem, .key_pem = rig.server.key_pem,
        .client_ca_pem = rig.root.cert_pem});
}

/* id: what the client shows; NULL: nothing. */
static struct weir_tls *client_with(const struct rig_id *id) {
    return rig_tls(&(struct weir_tls_options){.size = sizeof (struct weir_tls_options),
        .ca_pem = rig.root.cert_pem, .cert_pem = id != NULL ? id->cert_pem : NULL,
        .key_pem = id != NULL ? id->key_pem : NULL});
}

struct refuses_args {
    struct weir_listener *l;
};

static int refuses(void *args) {
    struct weir_stream *s = NULL;
    char byte;
    int rc = weir_accept(((struct refuses_args *)args)->l, &s);
    assert_int_equal(rc, 0);
    assert_int_equal(weir_read(s, &byte, 1), WEIR_ECERT);
    weir_close(&s);
    return 0;
}

/* Write until that fails. */
static int writes_only(struct weir_stream *s) {
    int rc = 0;
    for (int i = 0; i < 1000 && rc == 0; i++) {
        rc = weir_write(s, "word", 4);
        if (rc == 0)
            assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    }
    return rc;
}

/* The same by a write line: HTTP and WebSocket write so. */
static int line_writes_only(struct weir_stream *s) {
    struct weir__out line;
    struct weir__out_owner by;
    weir__out_init(&line);
    weir__out_owner_init(&by, s->loop, "test", WEIR_SECONDS(5), NULL);
    for (int i = 0; i < 1000 && line.failed == 0; i++) {
        assert_int_equal(weir__out_append(&line, "word", 4), 0);
        weir__out_go(&line, s, &by);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    }
    int rc = line.failed;
    weir__out_fini(&line);
    weir__out_owner_fini(&by);
    return rc;
}

static int try_writes_only(struct weir_stream *s) {
    int rc = 0;
    for (int i = 0; i < 1000 && (rc >= 0 || rc == -EAGAIN); i++) {
        rc = (int)weir_try_write(s, "word", 4);
        if (rc == -EAGAIN)
            assert_int_equal(weir_wait_writable(s), 0);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    }
    return rc;
}

static void is_refused(const struct rig_id *id, const char *text,
                       int (*write)(struct weir_stream *s)) {
    struct weir_tls *client = client_with(id), *server = strict_server();
    struct weir_listen_options o = {.size = sizeof o, .tls = server};
    struct weir_dial_options d = {.size = sizeof d, .tls = client};
    struct weir_listener *l;
    struct weir_stream *s;
    struct weir_group g;
    char url[64], byte;
    assert_int_equal(weir_listen("tls://localhost:0", &o, &l), 0);
    snprintf(url, sizeof url, "tls://localhost:%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, refuses, .l = l), 0);
    assert_int_equal(weir_dial(url, &d, &s), 0);
    int rc = write(s);
    if (rc != WEIR_ECERT)
        fail_msg("%s: %s", weir_error_name(rc), weir_error_message(rc));
    if (write != line_writes_only)
        assert_non_null(strstr(weir_error_message(rc), text));
    assert_int_equal(weir_read(s, &byte, 1), WEIR_ECERT); /* it is still said */
    assert_non_null(strstr(weir_error_message(WEIR_ECERT), text));
    weir_close(&s);
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_tls_unref(&client);
    weir_tls_unref(&server);
}

static int shows_none(void *arg) {
    is_refused(NULL, "the server wants a certificate of ours: set cert_file", writes_only);
    is_refused(NULL, "the server wants a certificate of ours: set cert_file", try_writes_only);
    return 0;
}

WEIR_TEST_BACKENDS(a_write_says_that_the_server_wants_a_certificate) {
    rig_open(&rig);
    assert_int_equal(weir_run(shows_none, NULL, NULL), 0);
    rig_close(&rig);
}

static int shows_another(void *arg) {
    struct rig_id other = rig_make(&(struct rig_wish){.name = "mallory"});
    is_refused(&other, "the peer refused our certificate: it does not trust the root",
               writes_only);
    rig_free(&other);
    return 0;
}

WEIR_TEST_BACKENDS(a_write_says_that_the_server_refuses_the_certificate) {
    rig_open(&rig);
    assert_int_equal(weir_run(shows_another, NULL, NULL), 0);
    rig_close(&rig);
}

/* On io_uring the alert comes in the next turn, and only a task can wait for that. */
static int by_line(void *arg) {
    is_refused(NULL, "the server wants a certificate of ours", line_writes_only);
    return 0;
}

WEIR_TEST(a_write_line_says_that_the_server_wants_a_certificate) {
    rig_open(&rig);
    assert_int_equal(weir_sim_run(by_line, NULL, NULL), 0);
    rig_close(&rig);
}

/* ---- what is no alert stays for the reader ---- */

static int data_before_the_end(void *arg) {
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    char text[8];
    assert_int_equal(rig_pair(&e), 0);
    assert_int_equal(weir_write(e.server, "first", 5), 0);
    assert_int_equal(weir_write(e.server, "second", 6), 0);
    weir_close(&e.server);
    assert_int_equal(weir_write(e.client, "x", 1), -EPIPE);
    assert_int_equal(weir_read(e.client, text, sizeof text), 5);
    assert_memory_equal(text, "first", 5);
    assert_int_equal(weir_read(e.client, text, sizeof text), 6);
    assert_memory_equal(text, "second", 6);
    assert_int_equal(weir_read(e.client, text, sizeof text), 0); /* close_notify */
    rig_part(&e);
    assert_int_equal(rig_pair(&e), 0); /* and without data */
    weir_close(&e.server);
    assert_int_equal(weir_write(e.client, "x", 1), -EPIPE);
    assert_int_equal(weir_read(e.client, text, sizeof text), 0);
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST(a_write_that_looks_for_an_alert_takes_no_data) {
    rig_open(&rig);
    assert_int_equal(weir_sim_run(data_before_the_end, NULL, NULL), 0);
    rig_close(&rig);
}
