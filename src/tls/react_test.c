/* SPDX-License-Identifier: MIT */
/* Servers without a task for each connection, over TLS. */
#include <errno.h>

#include "tls/tls_rig.h"

static struct rig rig;

struct serves_args {
    struct weir_listener *l;
    struct weir_group *g;
    const struct weir_reactive *r;
};

static int serves(void *args) {
    struct serves_args *a = args;
    return weir_react(a->l, a->g, a->r);
}

static int echo(struct weir_conn *c, void *state, struct weir_view v) {
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static int knows(struct weir_conn *c, void *state) {
    assert_string_equal(weir_tls_version(weir_conn_stream(c)), "TLSv1.3");
    return 0;
}

static int listens(struct weir_listener **ret, char *url, size_t size) {
    struct weir_tls *server = rig_server(&rig);
    struct weir_listen_options o = {.size = sizeof o, .tls = server};
    int rc = weir_listen("tls://localhost:0", &o, ret);
    weir_tls_unref(&server);
    if (rc == 0)
        snprintf(url, size, "tls://localhost:%d", weir_listener_port(*ret));
    return rc;
}

static int asks(const char *url, struct weir_tls *tls) {
    struct weir_dial_options o = {.size = sizeof o, .tls = tls};
    struct weir_stream *s;
    char buf[64];
    int rc = weir_dial(url, &o, &s);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 20 && rc == 0; i++) {
        rc = weir_write(s, "hello", 5);
        if (rc == 0)
            rc = weir_read_exactly(s, buf, 5);
    }
    if (rc == 0)
        rc = weir_shutdown(s);
    if (rc == 0)
        rc = (int)weir_read(s, buf, 1);
    weir_close(&s);
    return rc;
}

static int conversation(const struct weir_reactive *r) {
    struct weir_tls *client = rig_client(&rig);
    struct weir_listener *l = NULL;
    struct weir_group g;
    char url[64];
    int rc = listens(&l, url, sizeof url);
    if (rc == 0) {
        weir_group_open(&g, WEIR_INDEPENDENT);
        rc = weir_go(&g, serves, .l = l, .g = &g, .r = r);
        if (rc == 0)
            rc = asks(url, client);
        weir_unlisten(&l);
        rc = weir_group_close(&g, rc);
    }
    weir_unlisten(&l);
    weir_tls_unref(&client);
    return rc;
}

static int reacts(void *arg) {
    return conversation(&(struct weir_reactive){.size = sizeof (struct weir_reactive),
                                                .opened = knows, .message = echo});
}

/* ---- truncation ---- */

static void hears(struct weir_conn *c, void *state, int rc) {
    int *seen = weir_conn_arg(c);
    *seen = rc;
    assert_non_null(strstr(weir_error_message(rc), "without close_notify"));
}

static int truncates(void *arg) {
    int seen = 0;
    struct weir_reactive r = {.size = sizeof r, .message = echo, .closed = hears, .arg = &seen};
    struct rig_ends e = {.of_client = rig_client(&rig), .of_server = rig_server(&rig)};
    struct weir_stream *bare;
    struct weir_group g;
    char buf[4];
    assert_int_equal(weir_memory_pair(0, &bare, &e.server), 0);
    e.client = bare;
    assert_int_equal(rig_shake(&e), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&e.server, &g, &r), 0);
    assert_int_equal(weir_write(e.client, "abcd", 4), 0);
    assert_int_equal(weir_read_exactly(e.client, buf, 4), 0);
    assert_int_equal(weir_shutdown(bare), 0); /* below TLS */
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(seen, WEIR_EEOF);
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    return 0;
}

WEIR_TEST_BACKENDS(a_truncated_reactive_connection_ends_with_an_error) {
    rig_open(&rig);
    assert_int_equal(weir_run(truncates, NULL, NULL), 0);
    rig_close(&rig);
}

WEIR_TEST_BACKENDS(a_reactive_server_speaks_tls) {
    rig_open(&rig);
    assert_int_equal(weir_run(reacts, NULL, NULL), 0);
    rig_close(&rig);
}
