/* SPDX-License-Identifier: MIT */
/* A worker tried in a simulated world: what it answers, how it fails, what it leaves behind. The
 * runner checks after each story that no allocation is left. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/mesh.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/worker.h>

#include "test/runner.h"
#include "worker/embed.h"

static char printed[4096];

static void see(const char *line, void *arg) {
    strcat(strcat(printed, line), "\n");
}

static struct weir_item item(const char *text) {
    return (struct weir_item){.data = text, .len = strlen(text)};
}

static void free_acks(struct weir_node_ack *acks, size_t count) {
    for (size_t i = 0; i < count; i++)
        weir_node_ack_free(&acks[i]);
}

/* ---- the circuit in one test ---- */

WEIR_TEST(a_pin_is_tried_beside_its_buzzer) {
    static const char *const sound[] = {"sound=moo", NULL}, *const pin[] = {"seed=42", NULL};
    const struct weir_trial_node buzzer = {sizeof buzzer, embedded_buzzer, sound};
    const struct weir_item ticks[] = {item("0"), item("1")};
    const struct weir_worker_trial trial = {.size = sizeof trial,
                                            .with = pin,
                                            .channel = "/datafeed",
                                            .messages = ticks,
                                            .count = 2,
                                            .others = &buzzer,
                                            .others_count = 1};
    struct weir_node_ack acks[2];
    printed[0] = '\0';
    weir_out_to(see, NULL);
    assert_int_equal(weir_worker_try(embedded_iopin, &trial, acks), 0);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(acks[i].data, "acknowledged");
        assert_false(acks[i].nack);
    }
    free_acks(acks, 2);
    assert_non_null(strstr(printed, "[ IOPin ] ** new client connected, path=/datafeed\n"
                                    "[ IOPin ] new tick triggered on /datafeed: 0\n"
                                    "[ IOPin ] toggling pin state: [1, 0, 0]\n"));
    assert_non_null(strstr(printed, "[ Buzzer ] signal 1 received -> moo\n"));
    assert_non_null(strstr(printed, "[ IOPin ] < moo\n"));
    assert_non_null(strstr(printed, "[ IOPin ] done processing messages: 1000 (OK)\n"));
}

WEIR_TEST(a_worker_that_streams_to_a_node_that_is_down_refuses_in_time) {
    const struct weir_item tick = item("0");
    const struct weir_worker_trial trial = {.size = sizeof trial, .messages = &tick, .count = 1};
    struct weir_node_ack ack;
    weir_out_to(see, NULL);
    printed[0] = '\0';
    weir_log_level_set(WEIR_LOG_ERROR);
    assert_int_equal(weir_worker_try(embedded_iopin, &trial, &ack), 0);
    assert_true(ack.nack);
    assert_non_null(strstr(ack.data, "nack: reach buzzer at ws://localhost:8766/: "));
    weir_node_ack_free(&ack);
}

/* ---- a worker with every mood ---- */

static int own_code;

static int beat(void *args) {
    (void)args;
    int rc = 0;
    while (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(1));
    return rc;
}

static int setup(void *state, const struct weir_params *p) {
    const char *how = "";
    int rc = weir_param_text(p, "setup", "", &how);
    if (rc == 0 && strcmp(how, "slow") == 0)
        rc = weir_sleep(WEIR_SECONDS(3600));
    if (rc == 0 && strcmp(how, "beat") == 0)
        return weir_go0(NULL, beat);
    if (rc == 0 && strcmp(how, "own") == 0)
        return weir_fail(own_code, "out of tune");
    return rc == 0 && strcmp(how, "fail") == 0 ? weir_fail(-ENODEV, "no printer") : rc;
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    if (m->data.len == 2)
        return weir_nack("no ink");
    if (m->data.len == 3)
        return weir_fail(-EIO, "paper jam");
    if (m->data.len == 5)
        return weir_fail(own_code, "out of tune");
    if (m->data.len == 4)
        return weir_sleep(WEIR_NEVER);
    if (m->data.len == 6)
        return weir_node_send(NULL, "Moody", "/self", "a");
    return m->binary ? weir_ack_bytes(ack, "\0\1", 2) : 0;
}

static const struct weir_worker moody = {
    .size = sizeof moody, .name = "Moody", .setup = setup, .loop = loop};

static int try_moody(const char *with, const struct weir_item *messages, size_t count,
                     struct weir_node_ack *acks) {
    const char *const given[] = {with, NULL};
    const struct weir_worker_trial trial = {
        .size = sizeof trial, .with = given, .messages = messages, .count = count};
    weir_log_level_set(WEIR_LOG_ERROR);
    weir_out_to(see, NULL);
    printed[0] = '\0';
    return weir_worker_try(&moody, &trial, acks);
}

static void ignore(enum weir_log_level level, const char *line, void *arg) {
}

WEIR_TEST(answers_come_in_order_with_nacks_among_them) {
    const struct weir_item bytes = {.data = "x", .len = 1, .binary = true};
    const struct weir_item items[] = {item("a"), item("no"), bytes};
    struct weir_node_ack acks[3];
    assert_int_equal(try_moody(NULL, items, 3, acks), 0);
    assert_string_equal(acks[0].data, "n/a");
    assert_string_equal(acks[1].data, "nack: no ink");
    assert_true(!acks[0].nack && acks[1].nack && !acks[2].nack);
    assert_true(acks[2].binary && acks[2].len == 2);
    free_acks(acks, 3);
    assert_int_equal(try_moody(NULL, items, 3, NULL), 0);
    assert_int_equal(weir_worker_try(&moody, NULL, NULL), 0);
}

WEIR_TEST(a_loop_that_fails_is_reported_with_its_message_and_cause) {
    const struct weir_item items[] = {item("a"), item("jam"), item("b")};
    struct weir_node_ack acks[3];
    weir_log_to(ignore, NULL);
    assert_int_equal(try_moody(NULL, items, 3, acks), WEIR_EWSCLOSED);
    weir_log_to(NULL, NULL);
    assert_string_equal(weir_error_message(WEIR_EWSCLOSED), "message 1: paper jam (1011)");
    assert_string_equal(acks[0].data, "n/a");
    assert_true(acks[1].data == NULL && acks[2].data == NULL && acks[2].len == 0);
    free_acks(acks, 3);
}

WEIR_TEST(a_setup_that_refuses_ends_the_trial_with_its_error) {
    const struct weir_item one = item("a");
    struct weir_node_ack ack;
    assert_int_equal(try_moody("setup=fail", &one, 1, &ack), -ENODEV);
    assert_string_equal(weir_error_message(-ENODEV), "no printer");
    assert_null(ack.data);
    assert_int_equal(try_moody("stup=x", &one, 1, &ack), WEIR_EPARAM);
    assert_non_null(strstr(weir_error_message(WEIR_EPARAM), "did you mean 'setup'?"));
    assert_int_equal(try_moody("setup", &one, 1, &ack), WEIR_EPARAM);
    assert_int_equal(try_moody("setup=slow", &one, 1, &ack), 0);
    weir_node_ack_free(&ack);
}

WEIR_TEST(setup_and_loop_may_fail_with_any_code_of_the_programs_own) {
    static const int own[] = {WEIR_EUSER, -40000, -65536, -131072, INT_MIN};
    const struct weir_item items[] = {item("a"), item("crash")};
    weir_log_to(ignore, NULL);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        struct weir_node_ack acks[2];
        own_code = own[i];
        assert_int_equal(try_moody("setup=own", items, 1, acks), own_code);
        assert_int_equal(try_moody(NULL, items, 2, acks), WEIR_EWSCLOSED);
        assert_string_equal(weir_error_message(WEIR_EWSCLOSED), "message 1: out of tune (1011)");
        free_acks(acks, 2);
    }
    weir_log_to(NULL, NULL);
}

WEIR_TEST(a_worker_without_a_half_or_with_anothers_node_is_not_tried) {
    static const struct weir_worker half = {.size = sizeof half, .name = "Half", .setup = setup};
    static const struct weir_trial_node same = {sizeof same, &moody, NULL};
    const struct weir_worker_trial trial = {
        .size = sizeof trial, .others = &same, .others_count = 1};
    assert_int_equal(weir_worker_try(&half, NULL, NULL), WEIR_EWORKER);
    weir_out_to(see, NULL);
    printed[0] = '\0';
    assert_int_equal(weir_worker_try(&moody, &trial, NULL), -EADDRINUSE); /* ports differ */
    assert_string_equal(weir_error_message(-EADDRINUSE),
                        "workers 0 and 1 of the trial have one node");
    const struct weir_trial_node pin = {sizeof pin, embedded_iopin, NULL};
    const struct weir_worker_trial twice = {
        .size = sizeof twice, .others = &pin, .others_count = 1};
    printed[0] = '\0';
    assert_int_equal(weir_worker_try(embedded_iopin, &twice, NULL), -EADDRINUSE);
}

static int inside(void *arg) {
    return weir_worker_try(&moody, NULL, NULL);
}

WEIR_TEST(a_trial_inside_a_loop_is_refused) {
    assert_int_equal(weir_sim_run(inside, NULL, NULL), -EBUSY);
}

static weir_ns lasted_ns(void) {
    return weir_sim_counts()->now_ns - WEIR_SECONDS(3600); /* where the world's clock begins */
}

WEIR_TEST(a_worker_that_keeps_a_connection_to_itself_is_tried_in_time) {
    const struct weir_item items[] = {item("myself"), item("a")};
    struct weir_node_ack acks[2];
    assert_int_equal(try_moody(NULL, items, 2, acks), 0);
    for (int i = 0; i < 2; i++)
        assert_string_equal(acks[i].data, "n/a");
    assert_true(lasted_ns() < WEIR_SECONDS(10));
    assert_non_null(strstr(printed, "[ Moody ] done processing messages: 1000 (OK)\n"));
    free_acks(acks, 2);
}

WEIR_TEST(a_task_of_the_runs_own_group_ends_with_the_trial) {
    const struct weir_item items[] = {item("a"), item("no")};
    struct weir_node_ack acks[2];
    assert_int_equal(try_moody("setup=beat", items, 2, acks), 0);
    assert_true(acks[1].nack && lasted_ns() < WEIR_SECONDS(10));
    free_acks(acks, 2);
}

WEIR_TEST(a_loop_that_never_answers_meets_the_limit_of_the_world) {
    const struct weir_item never = item("ever");
    const struct weir_sim_options o = {.size = sizeof o, .limit_ns = WEIR_SECONDS(60)};
    const struct weir_worker_trial trial = {
        .size = sizeof trial, .messages = &never, .count = 1, .options = &o};
    weir_out_to(see, NULL);
    printed[0] = '\0';
    weir_log_to(ignore, NULL);
    assert_int_equal(weir_worker_try(&moody, &trial, NULL), -ECANCELED);
    assert_non_null(strstr(weir_error_message(-ECANCELED), "message 0: no answer: "));
    weir_log_to(NULL, NULL);
}

WEIR_TEST_ABORTS(messages_that_are_null_abort, "messages is NULL, and count is 1") {
    (void)weir_worker_try(&moody, &(struct weir_worker_trial){.count = 1}, NULL);
}

WEIR_TEST_ABORTS(others_that_are_null_abort, "others is NULL, and others_count is 1") {
    (void)weir_worker_try(&moody, &(struct weir_worker_trial){.others_count = 1}, NULL);
}

WEIR_TEST_ABORTS(another_worker_that_is_null_aborts, "the worker of others[0] is NULL") {
    const struct weir_trial_node none = {.size = sizeof none};
    (void)weir_worker_try(&moody, &(struct weir_worker_trial){.others = &none, .others_count = 1},
                          NULL);
}

/* Each trial with its N-th allocation failing leaves nothing behind: the runner looks. */
WEIR_TEST(every_lack_of_memory_in_a_trial_leaves_nothing_behind) {
    const struct weir_item items[] = {item("a"), item("no")};
    size_t failed = 0, n = 0, asked;
    weir_log_to(ignore, NULL);
    do { /* until the N-th is not reached */
        struct weir_node_ack acks[2];
        weir_fault_allocation(++n);
        failed += try_moody(NULL, items, 2, acks) < 0;
        asked = weir_fault_allocation(0);
        free_acks(acks, 2);
    } while (asked >= n);
    weir_log_to(NULL, NULL);
    assert_true(n > 30 && failed > 20);
}
