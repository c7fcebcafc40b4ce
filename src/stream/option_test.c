/* SPDX-License-Identifier: MIT */
/* option_test.c - each option by name: what was set is read, and what it promises happens. */
#include <weir/option.h>
#include <weir/testing.h>

#include "stream/stream_test_util.h"

static int get(struct weir_stream *s, enum weir_socket_option option) {
    int value = -1;
    assert_int_equal(weir_stream_option_get(s, option, &value), 0);
    return value;
}

static bool is_sim(void) {
    return strcmp(test_backend, "sim") == 0;
}

STREAM_STORY(KIND_TCP, an_option_is_read_as_it_was_set) {
    static const struct {
        enum weir_socket_option option;
        int value;
    } set[] = {
        {WEIR_STREAM_NODELAY, 0},
        {WEIR_STREAM_NODELAY, 1},
        {WEIR_STREAM_KEEPALIVE, 30},
        {WEIR_STREAM_KEEPALIVE, 0},
        {WEIR_STREAM_KEEPALIVE_INTERVAL, 7},
        {WEIR_STREAM_KEEPALIVE_COUNT, 3},
        {WEIR_STREAM_RESET, 1},
        {WEIR_STREAM_RESET, 0},
        {WEIR_STREAM_QUICKACK, 0},
        {WEIR_STREAM_PRIORITY, 5},
        {WEIR_STREAM_MARK, 0},
    };
    assert_int_equal(get(e->a, WEIR_STREAM_NODELAY), 1);
    assert_int_equal(get(e->a, WEIR_STREAM_KEEPALIVE), 0);
    assert_int_equal(get(e->a, WEIR_STREAM_KEEPALIVE_INTERVAL), 75);
    assert_int_equal(get(e->a, WEIR_STREAM_KEEPALIVE_COUNT), 9);
    for (size_t i = 0; i < sizeof set / sizeof set[0]; i++) {
        int rc = weir_stream_option(e->a, set[i].option, set[i].value);
        if (rc == -EPERM && set[i].option == WEIR_STREAM_MARK)
            continue; /* without CAP_NET_ADMIN */
        assert_int_equal(rc, 0);
        assert_int_equal(get(e->a, set[i].option), set[i].value);
    }
    return 0;
}

STREAM_STORY(KIND_TCP | KIND_UNIX, buffers_are_at_least_what_was_asked) {
    assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_SEND_BUFFER, 50000), 0);
    assert_true(get(e->a, WEIR_STREAM_SEND_BUFFER) >= 50000);
    assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_RECEIVE_BUFFER, 50000), 0);
    assert_true(get(e->a, WEIR_STREAM_RECEIVE_BUFFER) >= 50000);
    return 0;
}

STREAM_STORY(KIND_UNIX, a_unix_socket_ends_where_it_was_told_to_reset) {
    char byte;
    if (is_sim())
        runner_skip("its unix sockets are a small TCP");
    assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_RESET, 1), 0);
    weir_close(&e->a);
    assert_int_equal(weir_read(e->b, &byte, 1), 0);
    return 0;
}

STREAM_STORY(KIND_TCP, a_close_resets_if_it_was_told_to) {
    char byte;
    assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_RESET, 1), 0);
    weir_close(&e->a);
    assert_int_equal(weir_read(e->b, &byte, 1), -ECONNRESET);
    return 0;
}

STREAM_STORY(KIND_TCP, a_user_timeout_is_for_real_sockets) {
    int rc = weir_stream_option(e->a, WEIR_STREAM_USER_TIMEOUT, 5000);
    assert_int_equal(rc, is_sim() ? WEIR_ESIMREFUSED : 0);
    int value = -7;
    rc = weir_stream_option_get(e->a, WEIR_STREAM_USER_TIMEOUT, &value);
    assert_int_equal(rc, is_sim() ? WEIR_ESIMREFUSED : 0);
    assert_int_equal(value, is_sim() ? -7 : 5000);
    return 0;
}

STREAM_STORY(KINDS_ALL, what_an_option_cannot_be_is_refused) {
    int value = -7;
    bool none = e->kind == KIND_MEMORY;
    assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_NODELAY, 2), -EINVAL);
    assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_KEEPALIVE, -1), -EINVAL);
    assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_KEEPALIVE_COUNT, 128), -EINVAL);
    assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_KEEPALIVE_INTERVAL, 0),
                     e->kind == KIND_TCP ? -EINVAL : -EOPNOTSUPP);
    assert_int_equal(weir_stream_option(e->a, (enum weir_socket_option)99, 0), -EINVAL);
    assert_int_equal(weir_stream_option_get(e->a, (enum weir_socket_option)99, &value), -EINVAL);
    if (e->kind != KIND_TCP) {
        assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_NODELAY, 1), -EOPNOTSUPP);
        assert_int_equal(weir_stream_option_get(e->a, WEIR_STREAM_NODELAY, &value), -EOPNOTSUPP);
    }
    assert_int_equal(weir_stream_option(e->a, WEIR_STREAM_RESET, 0), none ? -EOPNOTSUPP : 0);
    assert_int_equal(value, -7);
    return 0;
}

/* ---- keepalive, to the second ---------------------------------------------------------------- */

static int meet_silence(void *arg) {
    struct weir_listener *l;
    struct weir_stream *s;
    char byte;
    assert_int_equal(weir_sim_host("far"), 0);
    assert_int_equal(weir_listen("tcp://far:70", NULL, &l), 0);
    assert_int_equal(weir_dial("tcp://far:70", NULL, &s), 0);
    assert_int_equal(weir_stream_option(s, WEIR_STREAM_KEEPALIVE, 10), 0);
    assert_int_equal(weir_stream_option(s, WEIR_STREAM_KEEPALIVE_INTERVAL, 3), 0);
    assert_int_equal(weir_stream_option(s, WEIR_STREAM_KEEPALIVE_COUNT, 4), 0);
    weir_ns before_ns = weir_now();
    assert_int_equal(weir_sim_cut("far"), 0);
    assert_int_equal(weir_read(s, &byte, 1), -ETIMEDOUT);
    weir_ns took_ns = weir_now() - before_ns;
    assert_true(took_ns >= WEIR_SECONDS(10 + 4 * 3) - WEIR_SECONDS(1));
    assert_true(took_ns < WEIR_SECONDS(10 + 4 * 3 + 1));
    weir_close(&s);
    weir_unlisten(&l);
    return 0;
}

WEIR_TEST(a_silent_peer_is_given_up_after_interval_times_count) {
    assert_int_equal(weir_sim_run(meet_silence, NULL, NULL), 0);
}
