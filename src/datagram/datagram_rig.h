/* SPDX-License-Identifier: MIT */
/* datagram_rig.h - for tests of datagrams: sockets on the loopback of every backend. */
#ifndef WEIR_DATAGRAM_DATAGRAM_RIG_H
#define WEIR_DATAGRAM_DATAGRAM_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/datagram.h>
#include <weir/error.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

/* static int sentence_run(void) follows in braces, inside weir_run; it returns 0. */
#define DATAGRAM_STORY(sentence)                                                                   \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

/* The same with real sockets, which a simulation does not have. */
#define KERNEL_STORY(sentence)                                                                     \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("a story of the kernel backends");                                         \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

static inline struct weir_dgram *bound(const char *url) {
    struct weir_dgram *d = NULL;
    assert_int_equal(weir_dgram_open(url, NULL, &d), 0);
    return d;
}

/* A socket on 127.0.0.1, and its address. */
static inline struct weir_dgram *opened(struct weir_addr *ret_addr) {
    struct weir_dgram *d = bound("udp://127.0.0.1:0");
    weir_dgram_local(d, ret_addr);
    return d;
}

static inline struct weir_dgram *dialled(const struct weir_addr *to) {
    struct weir_dgram *d = NULL;
    char url[WEIR_ADDR_TEXT + 8] = "udp://";
    weir_addr_text(to, url + 6, sizeof url - 6);
    assert_int_equal(weir_dgram_dial(url, NULL, &d), 0);
    return d;
}

static inline void send_text(struct weir_dgram *d, const char *text, const struct weir_addr *to) {
    assert_int_equal(weir_dgram_send(d, text, strlen(text), to), 0);
}

/* The next datagram is text. */
static inline void expect_text(struct weir_dgram *d, const char *text,
                               struct weir_addr *ret_from) {
    char buf[256] = {0};
    assert_int_equal(weir_dgram_recv(d, buf, sizeof buf - 1, ret_from), strlen(text));
    assert_string_equal(buf, text);
}

#endif
