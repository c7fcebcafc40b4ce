/* SPDX-License-Identifier: MIT */
/* Sources in a simulated world: what run returns, where they send, what is counted, how they are
 * stopped. */
#include <weir/mesh.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "worker/worker_test_util.h"

static int setup(void *state, const struct weir_params *p) {
    return weir_param_int(p, "result", 0, state);
}

/* ---- what run returns ---- */

static int run_result(void *state) {
    weir_out("running");
    return (int)*(const int64_t *)state;
}

static const struct weir_source results = {
    .size = sizeof results, .name = "Results", .state_size = 8, .setup = setup, .run = run_result};

WEIR_TEST(the_result_of_run_is_the_exit_status) {
    run_world((struct world){.source = &results, .port = -1});
    expect_lines("[ Results ] running\n"); /* no line of the mesh, none of a server */
    run_world((struct world){.source = &results, .params = {"result=1"}, .expected = 1});
    run_world((struct world){.source = &results, .params = {"result=-5"}, .expected = 1});
}

WEIR_TEST_ABORTS(a_result_above_one_aborts, "source 'Results': run returned 2") {
    run_world((struct world){.source = &results, .params = {"result=2"}});
}

WEIR_TEST(a_source_refuses_what_setup_did_not_ask_for) {
    run_world((struct world){.source = &results, .params = {"resul=0"}, .expected = 1});
    expect_lines("");
}

WEIR_TEST(a_source_needs_both_halves) {
    struct weir__program *p = weir__program_new("test");
    struct weir__source source;
    static const struct {
        struct weir_source fn;
        const char *missing;
    } rows[] = {
        {{sizeof rows[0].fn, "A", 0, NULL, run_result}, "it has no setup"},
        {{sizeof rows[0].fn, "A", 0, setup, NULL}, "it has no run"},
        {{sizeof rows[0].fn, "", 0, setup, run_result}, "it has no name"},
        {{0, "A", 0, setup, run_result}, "it has no size"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int rc = weir__source_init(&source, p, &rows[i].fn);
        assert_int_equal(rc, WEIR_EWORKER);
        assert_non_null(strstr(weir_error_message(rc), rows[i].missing));
        weir__source_fini(&source);
    }
    weir__program_free(p);
}

/* ---- stopping ---- */

static int run_for_ever(void *state) {
    weir_out("running");
    return weir_sleep(WEIR_NEVER);
}

static const struct weir_source endless = {
    .size = sizeof endless, .name = "Endless", .state_size = 8, .setup = setup,
    .run = run_for_ever};

static int interrupt(void) {
    int rc = await_line("running");
    return rc == 0 ? stop(SIGINT) : rc;
}

WEIR_TEST(a_signal_ends_run_with_status_0) {
    run_world((struct world){.source = &endless, .story = interrupt});
    expect_lines("[ Endless ] running\n[ Endless ] Keyboard interruption, aborting.\n");
}

static int run_and_stop(void *state) {
    weir_stop("enough");
    return weir_sleep(1);
}

static const struct weir_source stopping = {
    .size = sizeof stopping, .name = "Stopping", .state_size = 8, .setup = setup,
    .run = run_and_stop};

WEIR_TEST(weir_stop_ends_run_with_status_0) {
    struct world w = {.source = &stopping};
    weir_out_to(see, NULL);
    assert_int_equal(weir_sim_run(play, &w, NULL), -ECANCELED); /* the whole run was stopped */
    expect_lines("");
}

static int run_stops_and_fails(void *state) {
    int rc = (int)*(const int64_t *)state;
    weir_stop("enough");
    return rc < 0 ? weir_fail(rc, "after the stop") : rc;
}

static const struct weir_source failing_stopped = {
    .size = sizeof failing_stopped, .name = "Stopped", .state_size = 8, .setup = setup,
    .run = run_stops_and_fails};

WEIR_TEST(after_weir_stop_any_error_is_status_0_and_a_result_of_1_stays_1) {
    struct world failed = {.source = &failing_stopped, .params = {"result=-5"}};
    struct world one = {.source = &failing_stopped, .params = {"result=1"}, .expected = 1};
    weir_out_to(see, NULL);
    assert_int_equal(weir_sim_run(play, &failed, NULL), -ECANCELED);
    assert_int_equal(weir_sim_run(play, &one, NULL), -ECANCELED);
}

static int run_until_stopped(void *state) {
    weir_out("running");
    (void)weir_sleep(WEIR_NEVER);
    return run_stops_and_fails(state);
}

static const struct weir_source interrupted = {
    .size = sizeof interrupted, .name = "Endless", .state_size = 8, .setup = setup,
    .run = run_until_stopped};

WEIR_TEST(after_a_signal_any_error_is_status_0_and_a_result_of_1_stays_1) {
    struct world failed = {
        .source = &interrupted, .params = {"result=-5"}, .story = interrupt};
    struct world one = {
        .source = &interrupted, .params = {"result=1"}, .story = interrupt, .expected = 1};
    weir_out_to(see, NULL);
    lines[0] = '\0';
    (void)weir_sim_run(play, &failed, NULL);
    lines[0] = '\0';
    (void)weir_sim_run(play, &one, NULL);
}

/* ---- tasks of the run's own group ---- */

static int beats_ended;

static int beat(void *args) {
    (void)args;
    int rc = 0;
    while (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(1));
    beats_ended += rc == -ECANCELED;
    return rc;
}

static int setup_with_beat(void *state, const struct weir_params *p) {
    int rc = setup(state, p);
    return rc == 0 ? weir_go0(NULL, beat) : rc;
}

static const struct weir_source beating = {
    .size = sizeof beating, .name = "Beating", .state_size = 8, .setup = setup_with_beat,
    .run = run_result};
static const struct weir_source beating_on = {
    .size = sizeof beating_on, .name = "Endless", .state_size = 8, .setup = setup_with_beat,
    .run = run_for_ever};

WEIR_TEST(a_source_whose_run_has_returned_cancels_the_tasks_of_the_runs_own_group) {
    beats_ended = 0;
    run_world((struct world){.source = &beating, .params = {"result=1"}, .expected = 1});
    assert_int_equal(beats_ended, 1);
    assert_false(weir_sim_counts()->overran);
}

WEIR_TEST(a_signal_cancels_the_tasks_of_the_runs_own_group) {
    beats_ended = 0;
    run_world((struct world){.source = &beating_on, .story = interrupt});
    expect_lines("[ Endless ] running\n[ Endless ] Keyboard interruption, aborting.\n");
    assert_int_equal(beats_ended, 1);
    assert_false(weir_sim_counts()->overran);
}

/* ---- sending ---- */

static struct weir_listener *listener;
static struct weir_group clients;

static int pin_message(struct weir_ws *w, void *state, const struct weir_ws_message *m) {
    bool is_bad = m->data.len == 1 && memcmp(m->data.base, "1", 1) == 0;
    return weir_ws_send(w, WEIR_WS_TEXT, is_bad ? "nack: no" : "yes", is_bad ? 8 : 3);
}

static int pin_main(void *args) {
    static const struct weir_ws_reactive fn = {.size = sizeof fn, .message = pin_message};
    return weir_ws_react(listener, &clients, &fn, NULL);
}

static int with_pin(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    int rc = weir_listen("tcp://localhost:9000", NULL, &listener);
    if (rc == 0)
        rc = weir_go0(&g, pin_main);
    if (rc == 0)
        rc = play(arg);
    weir_group_drain(&clients, WEIR_SECONDS(1));
    weir_unlisten(&listener);
    weir_group_cancel(&g, "over");
    (void)weir_group_close(&g, 0);
    return rc;
}

static int run_ticks(void *state) {
    int refused = 0;
    for (int i = 0; i < 3; i++) {
        const char digits[] = {(char)('0' + i), '\0'};
        int rc = weir_node_send(NULL, "iopin", "/datafeed", digits);
        refused += rc == WEIR_ENACK;
        if (rc < 0 && rc != WEIR_ENACK)
            return rc;
    }
    return refused == 1 ? 0 : -EPROTO;
}

static const struct weir_source ticks = {
    .size = sizeof ticks, .name = "Ticks", .state_size = 8, .setup = setup, .run = run_ticks,
    .node = "blink"};

WEIR_TEST(flags_move_the_node_of_a_source_and_what_it_sends_is_counted) {
    struct world w = {.source = &ticks, .port = 9000};
    weir_out_to(see, NULL);
    assert_int_equal(weir_sim_run(with_pin, &w, NULL), 0);
    assert_true(counted.messages == 3 && counted.acks == 2 && counted.errors == 1);
    assert_int_equal(counted.latency.count, 3);
}

WEIR_TEST(a_source_without_its_node_fails_in_time) {
    run_world((struct world){.source = &ticks, .port = 9000, .expected = 1});
    assert_true(counted.messages == 1 && counted.errors == 1);
}

static int setup_asks_where(void *state, const struct weir_params *p) {
    struct weir_node n = {0};
    int rc = setup(state, p);
    if (rc == 0)
        rc = weir_node_find(NULL, "blink", &n);
    if (rc == 0)
        weir_out("in setup: %s:%d", n.host, n.port);
    return rc;
}

static const struct weir_source asking = {
    .size = sizeof asking, .name = "Asking", .state_size = 8, .setup = setup_asks_where,
    .run = run_result, .node = "blink"};

WEIR_TEST(flags_move_the_node_of_a_source_before_its_setup) {
    run_world((struct world){.source = &asking, .port = 9000});
    expect_lines("[ Asking ] in setup: localhost:9000\n[ Asking ] running\n");
}
