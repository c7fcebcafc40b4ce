/* SPDX-License-Identifier: MIT */
/* pair_test_util.h - two connected streams, for tests of what stands on them. Tests only. */
#ifndef WEIR_STREAM_PAIR_TEST_UTIL_H
#define WEIR_STREAM_PAIR_TEST_UTIL_H

#include <stdbool.h>
#include <stdio.h>
#include <weir/stream.h>

#include "test/runner.h"

/* In memory, or over TCP, where far has dialled near. */
static inline void pair_of(bool in_memory, struct weir_stream **ret_near,
                           struct weir_stream **ret_far) {
    struct weir_listener *l = NULL;
    char url[64];
    if (in_memory) {
        assert_int_equal(weir_memory_pair(4096, ret_near, ret_far), 0);
        return;
    }
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    assert_int_equal(weir_dial(url, NULL, ret_far), 0);
    assert_int_equal(weir_accept(l, ret_near), 0);
    weir_unlisten(&l);
}

#endif
