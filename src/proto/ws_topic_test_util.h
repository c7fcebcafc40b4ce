/* SPDX-License-Identifier: MIT */
/* ws_topic_test_util.h - a topic of small queues, and clients that have subscribed. Tests only. */
#ifndef WEIR_PROTO_WS_TOPIC_TEST_UTIL_H
#define WEIR_PROTO_WS_TOPIC_TEST_UTIL_H

#include <weir/ws_topic.h>

#include "proto/ws_test_util.h"

enum { BULK = 60000, QUEUE = 200000 }; /* bytes of a message, of a queue */

static inline struct weir_ws_topic *topic_new(enum weir_ws_slow slow, weir_ns wait_ns) {
    struct weir_ws_topic_options o = {
        .size = sizeof o, .slow = slow, .queue_max = QUEUE, .wait_ns = wait_ns};
    struct weir_ws_topic *t = NULL;
    assert_int_equal(weir_ws_topic_new(&o, &t), 0);
    return t;
}

/* A client of bytes, whose connection has subscribed. */
static inline struct weir_stream *join(struct world *w, struct weir_ws_topic *t) {
    struct weir_stream *s = raw_open(w);
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    assert_int_equal(weir_ws_topic_subscribe(t, w->lent), 0);
    return s;
}

#endif
