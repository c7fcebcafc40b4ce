/* SPDX-License-Identifier: MIT */
/* attach_test.c - the op ATTACH fails, in each call that uses it: accept, the reactive server, a
 * listener that closes, a stream of a user's descriptor. No other descriptor may be touched, no
 * connection may be lost that a later call could return, and none may be left open. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "stream/stream.h"
#include "stream/stream_test_util.h"

/* The nth ATTACH of this thread's loops from now on fails. */
static void strike(uint64_t nth, int error) {
    struct weir_fault f = {
        .size = sizeof f, .kinds = WEIR_FAULT_ATTACH, .error = error, .nth = nth};
    weir_fault_arm(&f);
}

static void url_of(struct weir_listener *l, char url[64]) {
    snprintf(url, 64, "tcp://127.0.0.1:%d", weir_listener_port(l));
}

static void expect_echo(struct weir_stream *a, struct weir_stream *b) {
    send_text(a, "ping");
    expect_bytes(b, "ping");
    send_text(b, "pong");
    expect_bytes(a, "pong");
}

#define STRUCK_STORY(sentence)                                                                     \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        strike(0, 0); /* the loop obeys later ones */                                              \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

static void quiet(enum weir_log_level level, const char *line, void *arg) {}

/* ---- accept ---------------------------------------------------------------------------------- */

STRUCK_STORY(a_connection_that_could_not_be_attached_is_the_next_accepts) {
    struct weir_listener *l;
    struct weir_stream *a, *b;
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    url_of(l, url);
    assert_int_equal(weir_dial(url, NULL, &a), 0);
    send_text(a, "early");
    strike(1, -EPERM);
    assert_int_equal(weir_accept(l, &b), -EPERM);
    assert_int_equal(weir_accept(l, &b), 0);
    expect_bytes(b, "early");
    expect_echo(a, b);
    weir_close(&a);
    weir_close(&b);
    weir_unlisten(&l);
    return 0;
}

STRUCK_STORY(accept_waits_while_there_is_no_room_to_attach) {
    const int errors[] = {-ENOMEM, -ENOSPC}; /* ENOSPC: epoll's max_user_watches */
    struct weir_listener *l;
    struct weir_stream *a, *b;
    char url[64];
    weir_log_to(quiet, NULL);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    url_of(l, url);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_dial(url, NULL, &a), 0);
        strike(1, errors[i]);
        assert_int_equal(weir_accept(l, &b), 0);
        assert_int_equal(weir_fault_struck(), 1);
        expect_echo(a, b);
        weir_close(&a);
        weir_close(&b);
    }
    weir_unlisten(&l);
    return 0;
}

/* ---- a listener that closes ------------------------------------------------------------------ */

/* l closes with a connection in its slot; the listener, the connections and the client beside it
 * live on. */
static void close_beside_others(size_t allocation) {
    enum { OTHERS = 7 };
    struct weir_stream *c[OTHERS], *s[OTHERS], *stray, *nobody;
    struct weir_listener *innocent, *l;
    struct weir_scope sc;
    char url[64], byte;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &innocent), 0);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    url_of(innocent, url);
    for (int i = 0; i < OTHERS; i++) {
        assert_int_equal(weir_dial(url, NULL, &c[i]), 0);
        assert_int_equal(weir_accept(innocent, &s[i]), 0);
    }
    weir_scope_enter(&sc, WEIR_MILLISECONDS(5));
    assert_int_equal(weir_scope_leave(&sc, weir_accept(l, &nobody)), -ETIME); /* stays armed */
    url_of(l, url);
    assert_int_equal(weir_dial(url, NULL, &stray), 0);
    weir_sleep(WEIR_MILLISECONDS(20)); /* it is in l's slot */
    strike(1, -ENOMEM);
    weir_fault_allocation(allocation);
    weir_unlisten(&l);
    weir_fault_allocation(0);
    assert_int_equal(weir_read(stray, &byte, 1), -ECONNRESET);
    weir_close(&stray);
    for (int i = 0; i < OTHERS; i++)
        expect_echo(c[i], s[i]);
    strike(0, 0);
    url_of(innocent, url);
    assert_int_equal(weir_dial(url, NULL, &stray), 0);
    assert_int_equal(weir_accept(innocent, &nobody), 0);
    expect_echo(stray, nobody);
    weir_close(&stray);
    weir_close(&nobody);
    for (int i = 0; i < OTHERS; i++) {
        weir_close(&c[i]);
        weir_close(&s[i]);
    }
    weir_unlisten(&innocent);
}

STRUCK_STORY(a_listener_that_closes_on_a_connection_touches_no_other) {
    for (size_t allocation = 0; allocation < 4; allocation++)
        close_beside_others(allocation);
    return 0;
}

/* ---- a user's descriptor --------------------------------------------------------------------- */

STRUCK_STORY(a_descriptor_that_could_not_be_attached_stays_the_users) {
    struct weir_stream *s = NULL;
    int ends[2];
    char text[8];
    if (strcmp(test_backend, "sim") == 0)
        return 0; /* it has no real descriptors */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    strike(1, -ENOSPC);
    assert_int_equal(weir_stream_from_fd(ends[0], &s), -ENOSPC);
    assert_null(s);
    assert_int_equal(write(ends[0], "mine", 4), 4);
    assert_int_equal(read(ends[1], text, sizeof text), 4);
    assert_int_equal(weir_wait_fd(ends[0], POLLOUT), POLLOUT);
    assert_int_equal(weir_stream_from_fd(ends[0], &s), 0);
    send_text(s, "ours");
    assert_int_equal(read(ends[1], text, sizeof text), 4);
    weir_close(&s);
    assert_int_equal(read(ends[1], text, sizeof text), 0);
    close(ends[1]);
    return 0;
}

/* ---- the N-th, of all ------------------------------------------------------------------------ */

static int echo(struct weir_conn *c, void *state, struct weir_view v) {
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static const struct weir_reactive echoes = {.size = sizeof echoes, .message = echo};

struct serve_args {
    struct weir_listener **l;
    struct weir_group *clients;
    bool reacts;
};

static int serve_each(struct weir_listener *l) {
    struct weir_stream *s;
    struct weir_view v;
    int rc;
    while ((rc = weir_accept(l, &s)) == 0) {
        if (weir_peek(s, 1, &v) > 0 && (rc = weir_write(s, v.base, v.len)) == 0)
            weir_consume(s, v.len);
        weir_close(&s);
    }
    return rc;
}

/* A server that ends closes its listener: who waits there is turned away. */
static int serve(void *args) {
    struct serve_args *a = args;
    int rc = a->reacts ? weir_react(*a->l, a->clients, &echoes) : serve_each(*a->l);
    weir_unlisten(a->l);
    return rc;
}

static int ask(const char *url) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    struct weir_scope patience;
    char text[5];
    weir_scope_enter(&patience, WEIR_SECONDS(5));
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, "hello", 5);
    if (rc == 0)
        rc = weir_read_exactly(s, text, 5);
    return weir_scope_leave(&patience, rc);
}

static int conversation(void *reacts) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group clients, hosts;
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    url_of(l, url);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    weir_group_open(&hosts, WEIR_INDEPENDENT);
    assert_int_equal(
        weir_go(&hosts, serve, .l = &l, .clients = &clients, .reacts = reacts != NULL), 0);
    int failed = 0, last = 0;
    for (int i = 0; i < 4; i++) {
        last = weir_group_live(&hosts) > 0 ? ask(url) : -ECONNREFUSED;
        failed += last < 0;
    }
    weir_unlisten(&l);
    weir_group_close(&hosts, 0);
    weir_group_cancel(&clients, "the story ends");
    weir_group_close(&clients, 0);
    return failed;
}

/* error is one that passes: every client gets its answer. Another ends the server: the clients
 * are turned away, and nothing is left behind. */
static void conversations(int error) {
    size_t live = weir__alloc_live();
    weir_log_to(quiet, NULL);
    for (int reacts = 0; reacts < 2; reacts++) {
        uint64_t n = 0;
        do {
            struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
            strike(++n, error);
            int failed = weir_run(conversation, reacts ? &o : NULL, &o);
            if (error == -ENOMEM || weir_fault_struck() == 0)
                assert_int_equal(failed, 0);
            assert_int_equal(weir__alloc_live(), live);
        } while (weir_fault_struck() > 0);
        assert_int_equal(n, 5);
    }
}

WEIR_TEST_BACKENDS(without_memory_for_the_nth_attach_nobody_is_lost) {
    conversations(-ENOMEM);
}

WEIR_TEST_BACKENDS(a_server_that_ends_at_the_nth_attach_leaves_nothing_behind) {
    conversations(-EIO);
}
