/* SPDX-License-Identifier: MIT */
/* Dialling: a refused address, a name with several addresses, deadlines; the attempts that lose are
 * closed. The order of attempts is tested in a simulation (dial_sim_test.c). */
#include "stream/stream_test_util.h"

#include <netinet/tcp.h>

#include "stream/resolve.h"
#include "stream/socket.h"
#include "sys/addr.h"

/* A port that was free just now. */
static int free_port(void) {
    struct weir_listener *l = NULL;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    int port = weir_listener_port(l);
    weir_unlisten(&l);
    return port;
}

LOOP_STORY(nobody_listens_nobody_answers) {
    struct weir_stream *s = NULL;
    char url[64];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", free_port());
    settle();
    assert_int_equal(weir_dial(url, NULL, &s), -ECONNREFUSED);
    assert_null(s);
    const struct weir_error *e = weir_error(-ECONNREFUSED);
    assert_non_null(e);
    assert_string_equal(e->what, "connect");
    assert_string_equal(e->on, url + 6);
    return 0;
}

LOOP_STORY(an_unknown_name_is_reported) {
    struct weir_stream *s = NULL;
    assert_int_equal(weir_dial("tcp://no-such-host.invalid:80", NULL, &s), WEIR_ENONAME);
    assert_string_equal(weir_error(WEIR_ENONAME)->on, "no-such-host.invalid");
    return 0;
}

LOOP_STORY(a_name_is_dialled) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL, *peer = NULL;
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "tcp://localhost:%d", weir_listener_port(l));
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    assert_int_equal(weir_accept(l, &peer), 0);
    send_text(s, "by name");
    expect_bytes(peer, "by name");
    weir_close(&s);
    weir_close(&peer);
    weir_unlisten(&l);
    return 0;
}

static int option_of(struct weir_stream *s, int level, int name) {
    int value = -1;
    socklen_t len = sizeof value;
    int fd = ((struct weir__socket *)(void *)s)->file.fd;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void expect_options(bool delay, int keepalive_s) {
    struct weir_listen_options lo = {.size = sizeof lo, .delay = delay, .keepalive_s = keepalive_s};
    struct weir_dial_options o = {.size = sizeof o, .delay = delay, .keepalive_s = keepalive_s};
    struct weir_listener *l = NULL;
    struct weir_stream *s[2] = {NULL};
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", &lo, &l), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    assert_int_equal(weir_dial(url, &o, &s[0]), 0);
    assert_int_equal(weir_accept(l, &s[1]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(option_of(s[i], IPPROTO_TCP, TCP_NODELAY), !delay);
        assert_int_equal(option_of(s[i], SOL_SOCKET, SO_KEEPALIVE), keepalive_s > 0);
        if (keepalive_s > 0)
            assert_int_equal(option_of(s[i], IPPROTO_TCP, TCP_KEEPIDLE), keepalive_s);
        weir_close(&s[i]);
    }
    weir_unlisten(&l);
}

LOOP_STORY(options_reach_both_ends) {
    if (strcmp(test_backend, "sim") == 0)
        return 0;
    expect_options(false, 0);
    expect_options(true, 7);
    return 0;
}

/* ---- happy eyeballs, with a resolver that says what the story needs ---- */

static struct weir__addr answers[4];
static int answer_count;

static int answer(const char *host, uint16_t port, struct weir__addr *ret_addrs) {
    memcpy(ret_addrs, answers, sizeof answers);
    return answer_count;
}

static const struct weir__resolver told = {"told", answer};

static void answers_are(int count, const char *const hosts[], int port) {
    answer_count = count;
    weir__resolver = &told;
    for (int i = 0; i < count; i++)
        assert_int_equal(weir__addr_parse_numeric(hosts[i], (uint16_t)port, &answers[i]), 0);
}

LOOP_STORY(a_refused_address_hands_over_to_the_next_at_once) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    struct weir_dial_options o = {.size = sizeof o, .attempt_ns = WEIR_SECONDS(86400)};
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    answers_are(4, (const char *[]){"::1", "::1", "127.0.0.1", "127.0.0.1"},
                weir_listener_port(l));
    assert_int_equal(weir_dial("tcp://server:1", &o, &s), 0);
    assert_memory_equal(weir_stream_peer(s), "127.0.0.1:", 10);
    weir_close(&s);
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(if_all_addresses_refuse_the_last_error_is_returned) {
    struct weir_stream *s = NULL;
    answers_are(3, (const char *[]){"127.0.0.1", "127.0.0.2", "127.0.0.3"}, free_port());
    settle();
    int rc = weir_dial("tcp://server:1", NULL, &s);
    assert_true(rc == -ECONNREFUSED || rc == -ENETUNREACH || rc == -EHOSTUNREACH);
    assert_memory_equal(weir_error(rc)->on, "127.0.0.3:", 10);
    assert_null(s);
    return 0;
}

/* 192.0.2.0/24 is nowhere (RFC 5737); where the system refuses it at once, nothing hangs. */
LOOP_STORY(a_silent_address_is_overtaken) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    struct weir_dial_options o = {.size = sizeof o, .attempt_ns = WEIR_MILLISECONDS(30)};
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    answers_are(2, (const char *[]){"192.0.2.1", "127.0.0.1"}, weir_listener_port(l));
    assert_int_equal(weir_dial("tcp://server:1", &o, &s), 0);
    assert_memory_equal(weir_stream_peer(s), "127.0.0.1:", 10);
    weir_close(&s);
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(any_time_will_do_between_two_attempts) {
    static const weir_ns gaps[] = {WEIR_NEVER, WEIR_NEVER - 1, WEIR_NEVER / 2, 1,
                                   0,          -1,             INT64_MIN + 1,  INT64_MIN};
    struct weir_listener *l = NULL;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    answers_are(2, (const char *[]){"::1", "127.0.0.1"}, weir_listener_port(l));
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
        struct weir_dial_options o = {.size = sizeof o, .attempt_ns = gaps[i]};
        struct weir_stream *s = NULL;
        assert_int_equal(weir_dial("tcp://server:1", &o, &s), 0);
        weir_close(&s);
    }
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(a_deadline_ends_all_attempts) {
    struct weir_stream *s = NULL;
    struct weir_scope scope;
    struct weir_dial_options o = {.size = sizeof o, .attempt_ns = WEIR_MILLISECONDS(5)};
    answers_are(3, (const char *[]){"192.0.2.1", "192.0.2.2", "192.0.2.3"}, 9);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(30));
    int rc = weir_scope_leave(&scope, weir_dial("tcp://server:1", &o, &s));
    assert_true(rc == -ETIME || rc == -ENETUNREACH || rc == -EHOSTUNREACH);
    assert_null(s);
    return 0;
}

LOOP_STORY(a_cancelled_dial_leaves_nothing_open) {
    struct weir_scope scope;
    struct weir_stream *s = NULL;
    answers_are(1, (const char *[]){"192.0.2.1"}, 9);
    weir_scope_enter(&scope, WEIR_NEVER);
    weir_scope_cancel(&scope, NULL);
    int rc = weir_dial("tcp://server:1", NULL, &s);
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(weir_scope_leave(&scope, rc), WEIR_ESTOPPED);
    return 0;
}
