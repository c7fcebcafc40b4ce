/* SPDX-License-Identifier: MIT */
/* Calls that do not fit the kind of a WebSocket, and a WebSocket that is never dropped: they abort
 * with a message that says what to do. */
#include "proto/ws_test_util.h"

/* What is asked of a WebSocket that was dialled. */
static int with_dialled(void (*ask)(struct weir_ws *)) {
    struct world w = {.rc = 1};
    world_open(&w);
    struct weir_ws *ws = ws_open(&w);
    ask(ws);
    world_close(&w);
    return 0;
}

static void ask_arg(struct weir_ws *ws) {
    weir_ws_arg(ws);
}

static void ask_group(struct weir_ws *ws) {
    weir_ws_group(ws);
}

static void forget(struct weir_ws *ws) {
    (void)ws;
}

static int asks_arg(void *arg) {
    return with_dialled(ask_arg);
}

static int asks_group(void *arg) {
    return with_dialled(ask_group);
}

static int forgets(void *arg) {
    return with_dialled(forget);
}

static void send_a_pong(struct weir_ws *ws) {
    (void)weir_ws_send(ws, (enum weir_ws_type)10, "x", 1);
}

static void send_a_part_of_no_type(struct weir_ws *ws) {
    (void)weir_ws_send_part(ws, (enum weir_ws_type)0, "x", 1, false);
}

static int sends_a_pong(void *arg) {
    return with_dialled(send_a_pong);
}

static int sends_a_part_of_no_type(void *arg) {
    return with_dialled(send_a_part_of_no_type);
}

WEIR_TEST_ABORTS(a_message_is_text_or_binary, "weir_ws_send: 10 is no type of a message") {
    weir_run(sends_a_pong, NULL, NULL);
}

WEIR_TEST_ABORTS(a_part_is_of_text_or_binary, "weir_ws_send_part: 0 is no type of a message") {
    weir_run(sends_a_part_of_no_type, NULL, NULL);
}

WEIR_TEST_ABORTS(a_dialled_websocket_has_no_servers_arg, "weir_ws_arg: this connection has no") {
    weir_run(asks_arg, NULL, NULL);
}

WEIR_TEST_ABORTS(a_dialled_websocket_has_no_group, "weir_ws_group: this connection has no server") {
    weir_run(asks_group, NULL, NULL);
}

WEIR_TEST_ABORTS(a_websocket_that_was_never_dropped_names_the_call_that_is_missing,
                 "weir_ws_drop was not called for a WebSocket (never closed: 1 ") {
    weir_run(forgets, NULL, NULL);
}

/* Its write may rest for ever, and its peer takes nothing. */
static int forgets_a_write(void *arg) {
    struct weir_ws_options o = {
        .size = sizeof o, .ping_ns = WEIR_NEVER, .pong_ns = WEIR_NEVER};
    static const uint8_t bytes[1000];
    struct weir_stream *peer = NULL, *s = NULL;
    struct weir_ws *ws = NULL;
    assert_int_equal(weir_memory_pair(0, &peer, &s), 0);
    assert_int_equal(weir_write(peer, plain_request, strlen(plain_request)), 0);
    assert_int_equal(weir_ws_accept(&s, &o, &ws), 0);
    int rc = 0;
    while (rc == 0)
        rc = weir_ws_try_send(ws, WEIR_WS_BINARY, bytes, sizeof bytes);
    assert_int_equal(rc, -EAGAIN);
    return 0;
}

static void run_forgetful(void *arg) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    assert_int_equal(weir_run(forgets_a_write, NULL, &o), 0);
}

/* In a child process, because it leaves memory behind. */
WEIR_TEST(a_write_that_may_rest_for_ever_does_not_keep_the_run) {
    char said[1024];
    assert_int_equal(runner_child(run_forgetful, NULL, said, sizeof said), 0);
    assert_non_null(strstr(said, "ended: 2 objects (streams, files or the like) were never "
                                 "closed"));
}
