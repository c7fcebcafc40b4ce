/* SPDX-License-Identifier: MIT */
/* tls:// by URL: dial and listen, names, what is refused, and how many handshakes go on at once. */
#include <errno.h>

#include "tls/context.h"
#include "tls/tls_rig.h"

static struct rig rig;

struct serves_args {
    struct weir_listener *l;
};

static int serves(void *args) {
    struct serves_args *a = args;
    struct weir_stream *s = NULL;
    char buf[16];
    int rc = weir_accept(a->l, &s);
    if (rc < 0)
        return rc;
    ssize_t n = weir_read(s, buf, sizeof buf);
    rc = n > 0 ? weir_write(s, buf, (size_t)n) : (int)n;
    weir_close(&s);
    return rc;
}

static int asks(const char *url, struct weir_tls *tls, const char *name) {
    struct weir_dial_options o = {.size = sizeof o, .tls = tls, .tls_name = name};
    struct weir_stream *s = NULL;
    char buf[5];
    int rc = weir_dial(url, &o, &s);
    if (rc < 0)
        return rc;
    rc = weir_write(s, "hello", 5);
    if (rc == 0)
        rc = weir_read_exactly(s, buf, 5);
    if (rc == 0)
        assert_memory_equal(buf, "hello", 5);
    weir_close(&s);
    return rc;
}

static int meet(const char *listen_url, const char *dial_url, const char *name) {
    struct weir_tls *client = rig_client(&rig), *server = rig_server(&rig);
    struct weir_listen_options o = {.size = sizeof o, .tls = server};
    struct weir_listener *l = NULL;
    struct weir_group g;
    char url[64];
    int rc = weir_listen(listen_url, &o, &l);
    weir_tls_unref(&server);
    if (rc == 0) {
        snprintf(url, sizeof url, dial_url, weir_listener_port(l));
        weir_group_open(&g, WEIR_TOGETHER);
        rc = weir_go(&g, serves, .l = l);
        if (rc == 0)
            rc = asks(url, client, name);
        if (rc < 0)
            weir_unlisten(&l);
        rc = weir_group_close(&g, rc);
    }
    weir_unlisten(&l);
    weir_tls_unref(&client);
    return rc;
}

static int by_urls(void *arg) {
    assert_int_equal(meet("tls://localhost:0", "tls://localhost:%d", NULL), 0);
    assert_int_equal(meet("tls://127.0.0.1:0", "tls://127.0.0.1:%d", NULL), 0);
    assert_int_equal(meet("tls://*:0", "tls://127.0.0.1:%d", "server.example"), 0);
    assert_int_equal(meet("tcp://127.0.0.1:0", "tcp://127.0.0.1:%d", NULL), 0);
    assert_int_equal(meet("mem:secret", "mem:secret", "localhost"), -EOPNOTSUPP);
    return 0;
}

WEIR_TEST_BACKENDS(a_url_of_tls_is_dialled_and_listened_on) {
    rig_open(&rig);
    assert_int_equal(weir_run(by_urls, NULL, NULL), 0);
    rig_close(&rig);
}

static int refusals(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    struct weir_tls *client = rig_client(&rig);
    struct weir_listen_options o = {.size = sizeof o, .tls = client};
    struct weir_dial_options d = {.size = sizeof d, .tls = client};
    assert_int_equal(weir_listen("tls://localhost:0", NULL, &l), -EINVAL);
    assert_non_null(strstr(weir_error_message(-EINVAL), "set tls of weir_listen_options"));
    assert_int_equal(weir_listen("tls://localhost:0", &o, &l), -EINVAL);
    assert_non_null(strstr(weir_error_message(-EINVAL), "set cert_file"));
    assert_int_equal(weir_listen("tls://*", &o, &l), WEIR_EURL);
    assert_int_equal(weir_listen("tls://*x:1", &o, &l), WEIR_EURL);
    assert_int_equal(weir_dial("tls://*:1", &d, &s), WEIR_EURL);
    assert_int_equal(weir_dial("tls://127.0.0.1:1", &d, &s), -ECONNREFUSED);
    weir_tls_unref(&client);
    return 0;
}

WEIR_TEST_BACKENDS(a_server_without_a_certificate_is_refused_when_it_listens) {
    rig_open(&rig);
    assert_int_equal(weir_run(refusals, NULL, NULL), 0);
    rig_close(&rig);
}

/* ---- many handshakes ---- */

static struct crowd {
    bool reacts;
    struct weir_listener *l;
    struct weir_group servers, connections;
    struct weir__tls_seat *seat;
    struct weir_tls *of_client, *of_server;
    char tcp[64], tls[64];
    int asked, rc; /* of the client that speaks TLS */
} crowd;

struct echoes_args {
    struct weir_stream *s;
};
static int echoes(void *args) {
    struct weir_stream *s = ((struct echoes_args *)args)->s;
    char buf[16];
    ssize_t n = weir_read(s, buf, sizeof buf);
    if (n > 0)
        (void)weir_write(s, buf, (size_t)n);
    weir_close(&s);
    return 0;
}

static int echo_message(struct weir_conn *c, void *state, struct weir_view v) {
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static int takes(void *args) {
    static const struct weir_reactive r = {.size = sizeof r, .message = echo_message};
    struct weir_stream *s;
    int rc;
    if (crowd.reacts)
        return weir_react(crowd.l, &crowd.connections, &r);
    while ((rc = weir_accept(crowd.l, &s)) == 0)
        assert_int_equal(weir_go(&crowd.connections, echoes, .s = s), 0);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static int asks_task(void *args) {
    crowd.rc = asks(crowd.tls, crowd.of_client, NULL);
    crowd.asked++;
    return 0;
}

#define WAIT_UNTIL(is)                                                                             \
    do {                                                                                           \
        for (int i_ = 0; !(is) && i_ < 5000; i_++)                                                 \
            assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);                                 \
        assert_true(is);                                                                           \
    } while (0)

/* One silent client has the only handshake that is allowed. */
static struct weir_stream *crowd_open(bool reacts, weir_ns handshake_ns) {
    struct weir_tls_options to = {.size = sizeof to, .cert_pem = rig.server.cert_pem,
                                  .key_pem = rig.server.key_pem, .handshakes_max = 1,
                                  .handshake_ns = handshake_ns};
    struct weir_listen_options o = {.size = sizeof o};
    struct weir_stream *silent = NULL;
    crowd = (struct crowd){.reacts = reacts};
    crowd.of_client = rig_client(&rig);
    o.tls = crowd.of_server = rig_tls(&to);
    assert_int_equal(weir_listen("tls://localhost:0", &o, &crowd.l), 0);
    snprintf(crowd.tcp, sizeof crowd.tcp, "tcp://localhost:%d", weir_listener_port(crowd.l));
    snprintf(crowd.tls, sizeof crowd.tls, "tls://localhost:%d", weir_listener_port(crowd.l));
    assert_int_equal(weir__tls_seat_get(crowd.of_server, &crowd.seat), 0);
    weir_group_open(&crowd.connections, WEIR_INDEPENDENT);
    weir_group_open(&crowd.servers, WEIR_INDEPENDENT);
    assert_int_equal(weir_go0(&crowd.servers, takes), 0);
    assert_int_equal(weir_dial(crowd.tcp, NULL, &silent), 0);
    WAIT_UNTIL(crowd.seat->handshakes == 1);
    return silent;
}

static int crowd_close(struct weir_stream *silent) {
    weir_unlisten(&crowd.l);
    int rc = weir_group_close(&crowd.servers, 0); /* also while nobody has room */
    weir_close(&silent);
    (void)weir_group_close(&crowd.connections, 0);
    assert_int_equal(crowd.seat->handshakes, 0);
    assert_true(weir__waitq_empty(&crowd.seat->room));
    weir_tls_unref(&crowd.of_client);
    weir_tls_unref(&crowd.of_server);
    return rc;
}

static int waits_for_room(void *arg) {
    struct weir_stream *silent = crowd_open(*(bool *)arg, WEIR_SECONDS(60));
    assert_int_equal(weir_go0(&crowd.servers, asks_task), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(crowd.seat->handshakes, 1);
    assert_int_equal(crowd.asked, 0);
    weir_close(&silent);
    WAIT_UNTIL(crowd.asked == 1);
    assert_int_equal(crowd.rc, 0);
    return crowd_close(NULL);
}

static int gets_room_in_time(void *arg) {
    struct weir_stream *silent = crowd_open(*(bool *)arg, WEIR_MILLISECONDS(200));
    assert_int_equal(weir_go0(&crowd.servers, asks_task), 0);
    WAIT_UNTIL(crowd.asked == 1);
    assert_int_equal(crowd.rc, 0);
    return crowd_close(silent);
}

static int closes_while_full(void *arg) {
    return crowd_close(crowd_open(*(bool *)arg, WEIR_SECONDS(60)));
}

static void in_both_shapes(int (*story)(void *arg)) {
    rig_open(&rig);
    for (int i = 0; i < 2; i++) {
        bool reacts = i == 1;
        assert_int_equal(weir_run(story, &reacts, NULL), 0);
    }
    rig_close(&rig);
}

WEIR_TEST_BACKENDS(beyond_the_bound_of_handshakes_a_listener_waits) {
    in_both_shapes(waits_for_room);
}

WEIR_TEST_BACKENDS(a_silent_client_holds_its_handshake_no_longer_than_handshake_ns) {
    in_both_shapes(gets_room_in_time);
}

WEIR_TEST_BACKENDS(a_listener_without_room_for_a_handshake_is_closed_at_once) {
    in_both_shapes(closes_while_full);
}

static int is_cancelled_while_full(void *arg) {
    struct weir_tls_options to = {.size = sizeof to, .cert_pem = rig.server.cert_pem,
                                  .key_pem = rig.server.key_pem, .handshakes_max = 1};
    struct weir_listen_options o = {.size = sizeof o};
    struct weir_stream *silent = NULL, *first = NULL, *second = NULL;
    struct weir_scope scope;
    crowd = (struct crowd){.of_client = rig_client(&rig), .of_server = rig_tls(&to)};
    o.tls = crowd.of_server;
    assert_int_equal(weir_listen("tls://localhost:0", &o, &crowd.l), 0);
    snprintf(crowd.tcp, sizeof crowd.tcp, "tcp://localhost:%d", weir_listener_port(crowd.l));
    snprintf(crowd.tls, sizeof crowd.tls, "tls://localhost:%d", weir_listener_port(crowd.l));
    assert_int_equal(weir__tls_seat_get(crowd.of_server, &crowd.seat), 0);
    weir_group_open(&crowd.connections, WEIR_INDEPENDENT);
    assert_int_equal(weir_dial(crowd.tcp, NULL, &silent), 0);
    assert_int_equal(weir_accept(crowd.l, &first), 0);
    assert_int_equal(weir_go(&crowd.connections, echoes, .s = first), 0);
    WAIT_UNTIL(crowd.seat->handshakes == 1);
    assert_int_equal(weir_go0(&crowd.connections, asks_task), 0);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(20));
    int rc = weir_accept(crowd.l, &second);
    assert_int_equal(weir_scope_leave(&scope, rc), -ETIME);
    weir_close(&silent);
    assert_int_equal(weir_accept(crowd.l, &second), 0); /* nobody was lost */
    assert_int_equal(weir_go(&crowd.connections, echoes, .s = second), 0);
    WAIT_UNTIL(crowd.asked == 1);
    weir_unlisten(&crowd.l);
    (void)weir_group_close(&crowd.connections, 0);
    weir_tls_unref(&crowd.of_client);
    weir_tls_unref(&crowd.of_server);
    return crowd.rc;
}

WEIR_TEST_BACKENDS(a_cancel_while_handshakes_are_too_many_loses_no_client) {
    rig_open(&rig);
    assert_int_equal(weir_run(is_cancelled_while_full, NULL, NULL), 0);
    rig_close(&rig);
}
