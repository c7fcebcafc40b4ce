/* SPDX-License-Identifier: MIT */
/* local_test.c - dials from an address, and from a port, of this machine. */
#include <errno.h>

#include "stream/stream_test_util.h"

static int dial_from(const char *local, const char *url, struct weir_stream **s) {
    const struct weir_dial_options o = {.size = sizeof o, .local = local};
    return weir_dial(url, &o, s);
}

static void listen_on(const char *host, struct weir_listener **l, char url[64]) {
    snprintf(url, 64, "tcp://%s:0", host);
    assert_int_equal(weir_listen(url, NULL, l), 0);
    snprintf(url, 64, "tcp://%s:%d", host, weir_listener_port(*l));
}

/* A port that was free a moment ago. */
static int free_port(void) {
    struct weir_listener *l;
    char url[64];
    listen_on("127.0.0.1", &l, url);
    int port = weir_listener_port(l);
    weir_unlisten(&l);
    weir_sleep(WEIR_MILLISECONDS(5)); /* io_uring gives it up with the next turn */
    return port;
}

LOOP_STORY(a_dial_comes_from_the_address_that_was_asked_for) {
    struct weir_listener *l;
    struct weir_stream *a, *b;
    char url[64], name[64];
    listen_on("127.0.0.1", &l, url);
    assert_int_equal(dial_from("127.0.0.2", url, &a), 0);
    assert_int_equal(weir_accept(l, &b), 0);
    assert_memory_equal(weir_stream_peer(b), "127.0.0.2:", 10);
    assert_string_equal(weir_stream_peer(b), weir_stream_local(a));
    weir_close(&a);
    weir_close(&b);
    for (int round = 0; round < 2; round++) { /* again, though the first is in TIME_WAIT */
        snprintf(name, sizeof name, "127.0.0.1:%d", free_port());
        assert_int_equal(dial_from(name, url, &a), 0);
        assert_int_equal(weir_accept(l, &b), 0);
        assert_string_equal(weir_stream_peer(b), name);
        weir_close(&a);
        weir_close(&b);
    }
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(only_addresses_of_its_family_are_tried) {
    struct weir_listener *l;
    struct weir_stream *a = NULL, *b;
    char url[64];
    listen_on("127.0.0.1", &l, url);
    expect_refusal(dial_from("::1", url, &a), -EADDRNOTAVAIL, "another family");
    assert_null(a);
    snprintf(url, sizeof url, "tcp://localhost:%d", weir_listener_port(l));
    assert_int_equal(dial_from("127.0.0.1", url, &a), 0);
    assert_int_equal(weir_accept(l, &b), 0);
    weir_close(&a);
    weir_close(&b);
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(an_address_that_is_another_machines_or_in_use_is_refused) {
    struct weir_listener *l;
    struct weir_stream *a = NULL;
    char url[64], name[64];
    listen_on("127.0.0.1", &l, url);
    assert_int_equal(dial_from("192.0.2.1", url, &a), -EADDRNOTAVAIL);
    snprintf(name, sizeof name, "127.0.0.1:%d", weir_listener_port(l));
    assert_int_equal(dial_from(name, url, &a), -EADDRINUSE);
    assert_null(a);
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(what_is_no_address_is_refused) {
    static const char *const wrong[] = {
        "", "localhost", "127.0.0", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "127.0.0.1:123456", "[::1", "[::1]x", "[127.0.0.1:80", "::1]", "*", ":80"};
    struct weir_stream *s = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_refusal(dial_from(wrong[i], "tcp://127.0.0.1:1", &s), -EINVAL, "no address");
    expect_refusal(dial_from("127.0.0.1", "unix:/nowhere", &s), -EINVAL, "no address");
    const char *const right[] = {"::1", "[::1]", "[::1]:0", "[::1]:65535"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        assert_int_equal(dial_from(right[i], "tcp://127.0.0.1:1", &s), -EADDRNOTAVAIL);
    assert_null(s);
    return 0;
}
