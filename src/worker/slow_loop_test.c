/* SPDX-License-Identifier: MIT */
/* A worker's loop that takes a minute, and clients that close earlier. */
#include "worker/worker_test_util.h"

static int setup(void *state, const struct weir_params *p) {
    return 0;
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    weir_out("began %.*s", (int)m->data.len, (const char *)m->data.base);
    int rc = weir_sleep(WEIR_SECONDS(60));
    weir_out("%s %.*s", rc == 0 ? "finished" : "cut short", (int)m->data.len,
             (const char *)m->data.base);
    return rc == 0 ? weir_ack_text(ack, "done") : rc;
}

static const struct weir_worker slow = {
    .size = sizeof slow, .name = "Slow", .setup = setup, .loop = loop};

/* It pings after 5 s of silence, and gives the worker up after 5 s more. */
static int dial_impatient(void) {
    static const struct weir_ws_options o = {
        .size = sizeof o, .ping_ns = WEIR_SECONDS(5), .pong_ns = WEIR_SECONDS(5)};
    int rc = await_line("serving on");
    return rc == 0 ? weir_ws_dial("ws://localhost:8765/", &o, &ws) : rc;
}

static int minute(void) {
    int rc = dial_impatient();
    if (rc < 0)
        return rc;
    weir_ns begun = weir_now();
    expect_ack("one", "done");
    expect_ack("two", "done");
    assert_true(weir_now() - begun >= WEIR_SECONDS(120));
    rc = hang_up();
    if (rc == 0)
        rc = await_line("done processing");
    return rc == 0 ? stop(SIGINT) : rc;
}

static void expect_both_worked_off(void) {
    expect_lines(MESH "[ Slow ] serving on localhost:8765\n"
                      "[ Slow ] ** new client connected, path=/\n"
                      "[ Slow ] began one\n[ Slow ] finished one\n"
                      "[ Slow ] began two\n[ Slow ] finished two\n"
                      "[ Slow ] done processing messages: 1000 (OK)\n"
                      "[ Slow ] Keyboard interruption, aborting.\n");
}

WEIR_TEST(a_loop_of_a_minute_keeps_its_client) {
    run_world((struct world){.worker = &slow, .story = minute});
    expect_both_worked_off();
}

/* The close is answered at once, not after a minute; what was sent before it is worked off. */
static int close_meanwhile(void) {
    int rc = dial_impatient();
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "one", 3);
    if (rc == 0)
        rc = await_line("began one");
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "two", 3);
    weir_ns begun = weir_now();
    if (rc == 0)
        rc = hang_up();
    assert_true(weir_now() - begun < WEIR_SECONDS(1));
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(60));
    if (rc == 0)
        rc = await_line("done processing");
    return rc == 0 ? stop(SIGINT) : rc;
}

WEIR_TEST(the_messages_of_a_client_that_hangs_up_are_handled) {
    run_world((struct world){.worker = &slow, .story = close_meanwhile});
    expect_both_worked_off();
}

/* Nobody receives on it, so the worker's pings stay unanswered. */
static int vanish(void) {
    int rc = dial_impatient();
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "one", 3);
    if (rc == 0)
        rc = await_line("done processing");
    weir_ws_drop(&ws);
    return rc == 0 ? stop(SIGINT) : rc;
}

WEIR_TEST(a_loop_is_not_cut_short_by_a_client_that_vanished) {
    run_world((struct world){.worker = &slow, .story = vanish});
    expect_lines(MESH "[ Slow ] serving on localhost:8765\n"
                      "[ Slow ] ** new client connected, path=/\n"
                      "[ Slow ] began one\n[ Slow ] finished one\n"
                      "[ Slow ] done processing messages: 1006 (abnormal closure)\n"
                      "[ Slow ] Keyboard interruption, aborting.\n");
}
