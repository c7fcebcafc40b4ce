/* SPDX-License-Identifier: MIT */
/* Workers in a simulated world: one program, a client, and a buzzer whose behaviour the test
 * sets. */
#include <weir/stream.h>

#include "worker/embed.h"
#include "worker/worker_test_util.h"

/* ---- a worker with every answer ---- */

static int moody_setup(void *state, const struct weir_params *p) {
    return 0;
}

static bool said(const struct weir_message *m, const char *text) {
    return m->data.len == strlen(text) && memcmp(m->data.base, text, m->data.len) == 0;
}

static int moody_loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    if (said(m, "nack"))
        return weir_nack("no ink");
    if (said(m, "nack nothing"))
        return weir_nack(NULL);
    if (said(m, "bare nack"))
        return WEIR_ENACK;
    if (said(m, "text nack"))
        return weir_ack_text(ack, "nack: by hand");
    if (said(m, "why")) {
        weir__fail(-ENOSPC, "print", "paper");
        return weir_nack(weir_error(-ENOSPC)->text);
    }
    if (said(m, "number"))
        return weir_ack_text(ack, "%d", 42);
    if (said(m, "bytes"))
        return weir_ack_bytes(ack, "\xff", 1);
    if (said(m, "fail"))
        return weir__failf(-EIO, "work", NULL, "%s%s%s", "0123456789012345678901234567890123456789",
                           "0123456789012345678901234567890123456789012345678901234567890123456789",
                           "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
    if (said(m, "sleep"))
        return weir_sleep(WEIR_SECONDS(3600));
    if (said(m, "no memory")) {
        static const char large[100 << 10];
        int rc = weir_ack_bytes(ack, large, sizeof large);
        weir_fault_allocation(1); /* the queue's */
        return rc;
    }
    return 0;
}

static const struct weir_worker moody = {
    .size = sizeof moody, .name = "Moody", .setup = moody_setup, .loop = moody_loop};

static int every_answer(void) {
    struct weir_ws_message m;
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765/a?b=1");
    if (rc < 0)
        return rc;
    expect_ack("anything", "n/a");
    expect_ack("nack", "nack: no ink");
    expect_ack("nack nothing", "nack: no reason given");
    expect_ack("text nack", "nack: by hand");
    expect_ack("why", "nack: print paper: no space left on device (ENOSPC)");
    expect_ack("number", "42");
    assert_int_equal(weir_ws_send(ws, WEIR_WS_TEXT, "bytes", 5), 0);
    assert_int_equal(weir_ws_receive(ws, &m), 0);
    assert_int_equal(m.type, WEIR_WS_BINARY);
    rc = weir_ws_close(ws, 1000, "thanks");
    weir_ws_drop(&ws);
    return rc == 0 ? stop(SIGINT) : rc;
}

/* Two messages that come together: one task handles both. */
static int nacks_in_a_row(void) {
    static const char *const sent[] = {"nack", "bare nack"};
    struct weir_ws_message m;
    char first[80], second[80];
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765/");
    for (size_t i = 0; rc == 0 && i < 2; i++)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, sent[i], strlen(sent[i]));
    if (rc < 0)
        return rc;
    assert_int_equal(weir_ws_receive(ws, &m), 0);
    snprintf(first, sizeof first, "%.*s", (int)m.data.len, (const char *)m.data.base);
    assert_int_equal(weir_ws_receive(ws, &m), 0);
    snprintf(second, sizeof second, "%.*s", (int)m.data.len, (const char *)m.data.base);
    assert_string_equal(first, "nack: no ink");
    snprintf(first, sizeof first, "nack: %s", weir_error_text(WEIR_ENACK));
    assert_string_equal(second, first);
    rc = hang_up();
    return rc == 0 ? stop(SIGINT) : rc;
}

WEIR_TEST(a_bare_nack_gets_no_reason_of_another_message) {
    run_world((struct world){.worker = &moody, .story = nacks_in_a_row});
}

WEIR_TEST(a_message_gets_exactly_one_answer) {
    run_world((struct world){.worker = &moody, .story = every_answer});
    expect_lines(MESH "[ Moody ] serving on localhost:8765\n"
                      "[ Moody ] ** new client connected, path=/a?b=1\n"
                      "[ Moody ] done processing messages: 1000 (OK) thanks\n"
                      "[ Moody ] Keyboard interruption, aborting.\n");
}

/* Send text, at which the worker closes with 1011; 0: with any reason. */
static int is_closed_at(const char *text, size_t reason_len) {
    struct weir_ws_message m;
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765");
    if (rc < 0)
        return rc;
    assert_int_equal(weir_ws_send(ws, WEIR_WS_TEXT, text, strlen(text)), 0);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close_code(ws), 1011);
    if (reason_len > 0)
        assert_int_equal(strlen(weir_ws_close_reason(ws)), reason_len);
    weir_ws_drop(&ws);
    rc = await_line("done processing");
    return rc == 0 ? stop(SIGTERM) : rc;
}

static int failing(void) {
    /* 6 of "work: ", 110 digits, two whole characters: the third would be cut */
    return is_closed_at("fail", 122);
}

WEIR_TEST(a_failing_loop_closes_with_its_text_cut) {
    run_world((struct world){.worker = &moody, .story = failing});
    assert_non_null(strstr(lines, "[ Moody ] ** new client connected, path=/\n"
                                  "[ Moody ] done processing messages: 1011 (internal error) "
                                  "work: 01234"));
    assert_null(strstr(lines, "Keyboard"));
}

static int lost_for_memory(void) {
    return is_closed_at("no memory", 0);
}

WEIR_TEST(an_ack_that_memory_lacks_for_closes_the_connection) {
    run_world((struct world){.worker = &moody, .story = lost_for_memory});
}

static int mid_message(void) {
    struct weir_ws_message m;
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765/");
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "sleep", 5);
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(1));
    assert_int_equal(stop(SIGINT), 0);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close_code(ws), 1001);
    weir_ws_drop(&ws);
    return rc;
}

WEIR_TEST(a_signal_mid_message_closes_with_1001) {
    run_world((struct world){.worker = &moody, .story = mid_message});
    expect_lines(MESH "[ Moody ] serving on localhost:8765\n"
                      "[ Moody ] ** new client connected, path=/\n"
                      "[ Moody ] done processing messages: 1001 (going away)\n"
                      "[ Moody ] Keyboard interruption, aborting.\n");
}

/* ---- starting ---- */

static int slow_setup(void *state, const struct weir_params *p) {
    weir_out("setting up");
    return weir_sleep(WEIR_SECONDS(3600));
}

static const struct weir_worker slow = {
    .size = sizeof slow, .name = "Slow", .setup = slow_setup, .loop = moody_loop};

static int stop_in_setup(void) {
    int rc = await_line("setting up");
    return rc == 0 ? stop(SIGINT) : rc;
}

WEIR_TEST(a_signal_ends_a_slow_setup) {
    run_world((struct world){.worker = &slow, .story = stop_in_setup});
    expect_lines(MESH "[ Slow ] setting up\n[ Slow ] Keyboard interruption, aborting.\n");
}

static struct weir_listener *other;

static int port_in_use_body(void *arg) {
    assert_int_equal(weir_listen("tcp://127.0.0.1:8765", NULL, &other), 0);
    int rc = play(arg);
    weir_unlisten(&other);
    return rc;
}

WEIR_TEST(a_port_in_use_is_reported_and_ends_the_program) {
    struct world w = {.worker = &moody, .expected = 1};
    weir_out_to(see, NULL);
    assert_int_equal(weir_sim_run(port_in_use_body, &w, NULL), 0);
    expect_lines(MESH "[ Moody ] Cannot bind to this port! Is the server already running? "
                      "(Address already in use)\n");
}

WEIR_TEST(a_worker_needs_both_halves) {
    struct weir__program *p = weir__program_new("test");
    struct weir__worker worker;
    static const struct {
        struct weir_worker fn;
        const char *missing;
    } rows[] = {
        {{sizeof rows[0].fn, "A", 0, NULL, moody_loop}, "it has no setup"},
        {{sizeof rows[0].fn, "A", 0, moody_setup, NULL}, "it has no loop"},
        {{sizeof rows[0].fn, NULL, 0, moody_setup, moody_loop}, "it has no name"},
        {{0, "A", 0, moody_setup, moody_loop}, "it has no size"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int rc = weir__worker_init(&worker, p, &rows[i].fn);
        assert_int_equal(rc, WEIR_EWORKER);
        assert_non_null(strstr(weir_error(rc)->text, rows[i].missing));
        weir__worker_fini(&worker);
    }
    weir__program_free(p);
}

/* ---- the pin, with a buzzer that is told how to behave ---- */

static struct weir_listener *buzzer_listener;
static struct weir_group buzzer_clients;
static const char *buzzer_ack;
static char buzzed[64];

static int buzzer_message(struct weir_ws *w, void *state, const struct weir_ws_message *m) {
    strncat(buzzed, m->data.base, m->data.len);
    return weir_ws_send(w, WEIR_WS_TEXT, buzzer_ack, strlen(buzzer_ack));
}

static int buzzer_main(void *args) {
    static const struct weir_ws_reactive fn = {.size = sizeof fn, .message = buzzer_message};
    return weir_ws_react(buzzer_listener, &buzzer_clients, &fn, NULL);
}

static int with_buzzer(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_group_open(&buzzer_clients, WEIR_INDEPENDENT);
    int rc = weir_listen("tcp://localhost:8766", NULL, &buzzer_listener);
    if (rc == 0)
        rc = weir_go0(&g, buzzer_main);
    if (rc == 0)
        rc = play(arg);
    weir_group_cancel(&buzzer_clients, "over");
    (void)weir_group_close(&buzzer_clients, 0);
    weir_unlisten(&buzzer_listener);
    weir_group_cancel(&g, "over");
    (void)weir_group_close(&g, 0);
    return rc;
}

static int two_ticks(void) {
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765/datafeed");
    if (rc < 0)
        return rc;
    expect_ack("0", "acknowledged");
    expect_ack("1", "acknowledged");
    rc = hang_up();
    if (rc == 0)
        rc = await_line("done");
    return rc == 0 ? stop(SIGINT) : rc;
}

WEIR_TEST(the_pin_streams_its_states) {
    struct world w = {.worker = embedded_iopin, .story = two_ticks, .params = {"seed=1"}};
    weir_out_to(see, NULL);
    buzzer_ack = "ok";
    assert_int_equal(weir_sim_run(with_buzzer, &w, NULL), 0);
    char expected[2048];
    const char *b = buzzed;
    assert_int_equal(strlen(buzzed), 6);
    size_t used = (size_t)snprintf(expected, sizeof expected,
                                   MESH "[ IOPin ] serving on localhost:8765\n"
                                        "[ IOPin ] ** new client connected, path=/datafeed\n");
    for (int tick = 0; tick < 2; tick++, b += 3)
        used += (size_t)snprintf(expected + used, sizeof expected - used,
                                 "[ IOPin ] new tick triggered on /datafeed: %d\n"
                                 "[ IOPin ] toggling pin state: [%c, %c, %c]\n"
                                 "[ IOPin ] starting to stream message to buzzer\n"
                                 "[ IOPin ] > sending payload: %c\n[ IOPin ] < ok\n"
                                 "[ IOPin ] > sending payload: %c\n[ IOPin ] < ok\n"
                                 "[ IOPin ] > sending payload: %c\n[ IOPin ] < ok\n",
                                 tick, b[0], b[1], b[2], b[0], b[1], b[2]);
    snprintf(expected + used, sizeof expected - used,
             "[ IOPin ] done processing messages: 1000 (OK)\n"
             "[ IOPin ] Keyboard interruption, aborting.\n");
    expect_lines(expected);
}

static int refused_tick(void) {
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765/datafeed");
    if (rc < 0)
        return rc;
    expect_ack("0", "nack: stream buzzer: no ears");
    rc = hang_up();
    return rc == 0 ? stop(SIGTERM) : rc;
}

WEIR_TEST(a_nacked_state_nacks_the_tick) {
    struct world w = {.worker = embedded_iopin, .story = refused_tick};
    weir_out_to(see, NULL);
    buzzer_ack = "nack: no ears";
    assert_int_equal(weir_sim_run(with_buzzer, &w, NULL), 0);
    assert_int_equal(strlen(buzzed), 1);
    assert_non_null(strstr(lines, "[ IOPin ] < nack: no ears\n"));
}

static int unreached_tick(void) {
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765/datafeed");
    if (rc < 0)
        return rc;
    weir_ns begun = weir_now();
    expect_ack("0", "nack: reach buzzer at ws://localhost:8766/: connect 127.0.0.1:8766: "
                    "connection refused (ECONNREFUSED), tried for 5 s");
    assert_true(weir_now() - begun < WEIR_MILLISECONDS(5010));
    rc = hang_up();
    return rc == 0 ? stop(SIGTERM) : rc;
}

WEIR_TEST(without_a_buzzer_the_tick_is_nacked_in_time) {
    run_world((struct world){.worker = embedded_iopin, .story = unreached_tick});
}

static int stop_while_streaming(void) {
    struct weir_ws_message m;
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765/datafeed");
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "0", 1);
    if (rc == 0)
        rc = await_line("> sending payload");
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(2));
    weir_ns begun = weir_now();
    assert_int_equal(stop(SIGINT), 0);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_true(weir_now() - begun < WEIR_MILLISECONDS(1));
    weir_ws_drop(&ws);
    return rc;
}

WEIR_TEST(a_signal_ends_a_stream_to_a_node_that_is_down) {
    run_world((struct world){.worker = embedded_iopin, .story = stop_while_streaming});
    assert_non_null(strstr(lines, "1001 (going away)\n[ IOPin ] Keyboard interruption"));
}

WEIR_TEST(a_bad_parameter_ends_the_start) {
    static const char *const bad[] = {"chance=2", "sequence=1001", "seed=x", "chnace=0.5"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        run_world((struct world){.worker = embedded_iopin, .params = {bad[i]}, .expected = 1});
        expect_lines(MESH);
    }
}

WEIR_TEST(a_buzzer_needs_its_sound) {
    run_world((struct world){.worker = embedded_buzzer, .expected = 1});
    expect_lines(MESH);
}

static int signals_heard(void) {
    int rc = await_line("serving on");
    if (rc == 0)
        rc = dial("ws://localhost:8765/");
    if (rc < 0)
        return rc;
    expect_ack("1", "moo");
    expect_ack("0", "...");
    expect_ack("11", "...");
    expect_ack("", "...");
    rc = hang_up();
    return rc == 0 ? stop(SIGTERM) : rc;
}

WEIR_TEST(the_buzzer_buzzes_on_one) {
    run_world((struct world){
        .worker = embedded_buzzer, .story = signals_heard, .params = {"sound=moo"}});
    assert_non_null(strstr(lines, "[ Buzzer ] signal 1 received -> moo\n"
                                  "[ Buzzer ] signal 0 received -> ...\n"
                                  "[ Buzzer ] signal 11 received -> ...\n"
                                  "[ Buzzer ] signal  received -> ...\n"));
}

/* ---- streaming ---- */

WEIR_TEST(streaming_outside_a_worker_is_refused) {
    assert_int_equal(weir_node_send(NULL, "buzzer", "", "1"), WEIR_ENOLOOP);
}

static size_t acks_seen;

static int acked(void *arg, size_t index, const struct weir_node_ack *ack) {
    assert_int_equal(index, acks_seen++);
    return acks_seen == 2 ? -EDOM : 0;
}

static int streaming_body(struct weir__program *p) {
    static const struct weir_item items[] = {
        {.data = "a", .len = 1}, {.data = "b", .len = 1, .binary = true}, {.data = "c", .len = 1}};
    static const struct weir_node_stream_options o = {.size = sizeof o, .acked = acked};
    int rc = weir_node_stream(NULL, "buzzer", NULL, items, 3, &o);
    assert_int_equal(rc, -EDOM);
    assert_int_equal(weir_node_stream(NULL, "buzzer", "", items, 3, NULL), 0);
    assert_int_equal(weir_node_send(NULL, "clock", "", "x"), WEIR_ENOLISTEN);
    assert_int_equal(weir_node_send(NULL, "buzer", "", "x"), WEIR_ENONODE);
    buzzer_ack = "nack: enough";
    rc = weir_node_stream(NULL, "buzzer", "", items, 3, NULL);
    assert_int_equal(rc, WEIR_ENACK);
    assert_string_equal(weir_error(rc)->text, "stream buzzer: enough");
    return 0;
}

WEIR_TEST(a_worker_may_stop_its_streaming) {
    struct world w = {.body = streaming_body};
    weir_out_to(see, NULL);
    buzzer_ack = "ok";
    assert_int_equal(weir_sim_run(with_buzzer, &w, NULL), 0);
    assert_string_equal(buzzed, "ababca");
    assert_null(strstr(lines, "[ clock ]")); /* the calls print nothing */
}

/* ---- explored ---- */

static int explored_story(void) {
    struct weir_ws_message m;
    struct weir_scope patience;
    weir_scope_enter(&patience, WEIR_SECONDS(60));
    int rc = 0;
    for (int i = 0; strstr(lines, "serving on") == NULL && rc == 0 && i < 1000; i++)
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    if (rc == 0)
        rc = dial("ws://localhost:8765/datafeed");
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "0", 1);
    if (rc == 0)
        rc = weir_ws_receive(ws, &m);
    rc = weir_scope_leave(&patience, rc);
    weir_ws_drop(&ws);
    return rc;
}

/* As play, but everything may fail. */
static int explored_play(void *arg) {
    struct weir__worker worker;
    struct weir_group g;
    int result = -1;
    struct weir__program *p = weir__program_new("test");
    if (p == NULL)
        return -ENOMEM;
    p->port = 8765;
    p->host = "localhost";
    int rc = weir__grid_init(&p->grid);
    int made = rc == 0 ? rc = weir__worker_init(&worker, p, embedded_iopin) : -1;
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go(&g, program_main, .program = p, .ret = &result);
    if (rc == 0)
        rc = explored_story();
    weir_group_cancel(&g, "over");
    (void)weir_group_close(&g, 0);
    if (made == 0)
        weir__worker_fini(&worker);
    weir__program_free(p);
    return rc;
}

static int explored_world(void *arg) {
    lines[0] = buzzed[0] = '\0';
    buzzer_ack = "ok";
    weir_log_level_set(WEIR_LOG_ERROR);
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_group_open(&buzzer_clients, WEIR_INDEPENDENT);
    int rc = weir_listen("tcp://localhost:8766", NULL, &buzzer_listener);
    if (rc == 0)
        rc = weir_go0(&g, buzzer_main);
    if (rc == 0)
        rc = explored_play(NULL);
    weir_group_cancel(&buzzer_clients, "over");
    (void)weir_group_close(&buzzer_clients, 0);
    weir_unlisten(&buzzer_listener);
    weir_group_cancel(&g, "over");
    (void)weir_group_close(&g, 0);
    return rc;
}

static void explore_quietly(struct weir_story *s) {
    weir_out_to(see, NULL);
    *s = (struct weir_story){.size = sizeof *s, .name = "a tick", .fn = explored_world};
}

WEIR_TEST(every_cancel_of_a_tick_leaves_nothing_behind) {
    struct weir_story s;
    struct weir_explored e;
    explore_quietly(&s);
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 30);
}

WEIR_TEST(every_fault_of_a_tick_leaves_nothing_behind) {
    struct weir_fault fault = {.size = sizeof fault};
    struct weir_story s;
    struct weir_explored e;
    explore_quietly(&s);
    assert_int_equal(weir_explore_faults(&s, &fault, &e), 0);
    assert_true(e.points > 20);
}

WEIR_TEST(every_lack_of_memory_in_a_tick_leaves_nothing_behind) {
    struct weir_story s;
    struct weir_explored e;
    explore_quietly(&s);
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    assert_true(e.points > 30);
}
