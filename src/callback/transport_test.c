/* SPDX-License-Identifier: MIT */
/* Transports of streams: what they call, in which order, and how they end. That the order is
 * asyncio's is the business of test/transcript. */
#include "callback/transport_rig.h"

static const struct plan plain = {.name = ""};

static void run(int (*fn)(void *arg)) {
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
}

static int echo_over_tcp(void *arg) {
    static const struct plan server_plan = {.name = "s:", .echo = true};
    static const struct plan client_plan = {.name = "c:", .close_on_data = true};
    struct noted s = {.plan = &server_plan}, c = {.plan = &client_plan};
    struct weir_server *server;
    struct weir_transport *t;
    struct weir_group g;
    char url[64];
    int rc = weir_create_server("tcp://127.0.0.1:0", NULL, noted_factory, &s, NULL, &server);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_server_port(server));
    rc = weir_create_connection(url, NULL, noted_factory, &c, &g, &t);
    if (rc == 0)
        rc = weir_transport_write(t, "ping", 4);
    rc = weir_group_close(&g, rc);
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(1)); /* the server's transport is a daemon */
    weir_server_close(&server);
    return rc;
}

/* The story has these words in this order, whatever stands between them. */
static void expect_in_order(const char *const *words) {
    const char *at = story;
    for (; *words != NULL; words++) {
        at = strstr(at, *words);
        if (at == NULL)
            fail_msg("no '%s' in its place: %s", *words, story);
    }
}

WEIR_TEST_BACKENDS(a_server_and_a_connection_call_their_protocols) {
    runner_plain_order(); /* a seed cuts the bytes otherwise */
    run(echo_over_tcp);
    expect_in_order((const char *const[]){"c:made", "c:data(ping)", "c:lost()", NULL});
    expect_in_order((const char *const[]){"s:made", "s:data(ping)", "s:eof", "s:lost()", NULL});
}

static int marks(void *arg) {
    static char much[400];
    struct bench b;
    char got[400];
    assert_int_equal(bench_open(&b, &plain, 100), 0);
    assert_int_equal(weir_transport_set_limits(b.t, 10, 11), -EINVAL);
    assert_int_equal(weir_transport_set_limits(b.t, 200, 150), 0);
    assert_int_equal(weir_transport_write(b.t, much, 300), 0);
    assert_int_equal(weir_transport_unsent(b.t), 200);
    says("full");
    assert_int_equal(weir_transport_write(b.t, much, 1), 0); /* pause: inside the write */
    says("more");
    assert_int_equal(weir_transport_write(b.t, much, 99), 0);
    assert_int_equal(weir_read_exactly(b.far, got, 100), 0); /* what the pair holds */
    weir_sleep(WEIR_MILLISECONDS(1));
    assert_int_equal(weir_transport_unsent(b.t), 200);
    says("not yet");
    assert_int_equal(weir_read_exactly(b.far, got, 100), 0);
    weir_sleep(WEIR_MILLISECONDS(1));
    assert_int_equal(weir_transport_unsent(b.t), 100);
    says("some wait");
    assert_int_equal(weir_read_exactly(b.far, got, 200), 0);
    weir_transport_close(b.t);
    return bench_close(&b, 0);
}

WEIR_TEST_BACKENDS(the_protocol_is_paused_above_the_high_mark_and_resumed_at_the_low_one) {
    run(marks);
    assert_string_equal(story, "full pause more made not yet resume some wait lost()");
}

static int closes_with_unsent(void *arg) {
    struct bench b;
    char got[10];
    assert_int_equal(bench_open(&b, &plain, 4), 0);
    assert_int_equal(weir_transport_write(b.t, "0123456789", 10), 0);
    weir_transport_close(b.t);
    assert_true(weir_transport_is_closing(b.t));
    assert_int_equal(weir_transport_write(b.t, "x", 1), WEIR_ECLOSED);
    says("closed");
    assert_int_equal(weir_read_exactly(b.far, got, 10), 0);
    assert_memory_equal(got, "0123456789", 10);
    assert_int_equal(weir_read(b.far, got, 1), 0);
    return bench_close(&b, 0);
}

WEIR_TEST_BACKENDS(a_close_sends_what_was_written) {
    run(closes_with_unsent);
    assert_string_equal(story, "closed made lost()");
}

static int aborts_with_unsent(void *arg) {
    struct bench b;
    char got[10];
    assert_int_equal(bench_open(&b, &plain, 4), 0);
    assert_int_equal(weir_transport_write(b.t, "0123456789", 10), 0);
    weir_transport_close(b.t);
    weir_transport_abort(b.t);
    assert_int_equal(weir_transport_unsent(b.t), 0);
    weir_transport_abort(b.t);
    says("aborted");
    int rc = weir_read_exactly(b.far, got, 5);
    assert_int_equal(rc, WEIR_EEOF);
    assert_int_equal(weir_error(rc)->done, 4);
    return bench_close(&b, 0);
}

WEIR_TEST_BACKENDS(an_abort_drops_what_was_not_sent) {
    run(aborts_with_unsent);
    assert_string_equal(story, "aborted made lost()");
}

static int fails_in_data(void *arg) {
    static const struct plan plan = {.name = "", .data_rc = -EBADMSG};
    struct bench b;
    assert_int_equal(bench_open(&b, &plan, 0), 0);
    assert_int_equal(weir_write(b.far, "a", 1), 0);
    return bench_close(&b, 0);
}

WEIR_TEST_BACKENDS(an_error_of_data_received_is_given_to_connection_lost) {
    run(fails_in_data);
    assert_string_equal(story, "made data(a) lost(EBADMSG)");
}

static int half_closed(void *arg) {
    static const struct plan plan = {.name = "", .keep_open = true};
    struct bench b;
    char got[4];
    assert_int_equal(bench_open(&b, &plan, 4), 0);
    assert_int_equal(weir_shutdown(b.far), 0);
    weir_sleep(WEIR_MILLISECONDS(1));
    says("open");
    assert_int_equal(weir_transport_write(b.t, "abcd", 4), 0);
    assert_int_equal(weir_transport_write(b.t, "ef", 2), 0);
    weir_transport_eof(b.t);
    weir_transport_eof(b.t);
    assert_int_equal(weir_transport_write(b.t, "x", 1), -EPIPE);
    assert_int_equal(weir_read_exactly(b.far, got, 4), 0);
    assert_int_equal(weir_read_exactly(b.far, got, 2), 0);
    assert_int_equal(weir_read(b.far, got, 1), 0);
    assert_false(weir_transport_is_closing(b.t));
    weir_transport_close(b.t);
    return bench_close(&b, 0);
}

WEIR_TEST_BACKENDS(a_transport_that_is_kept_open_writes_on_after_the_peers_end) {
    run(half_closed);
    assert_string_equal(story, "made eof open lost()");
}

static void lost_with_record(struct weir_protocol *p, int rc) {
    assert_non_null(weir_error(rc));
    assert_string_equal(weir_error(rc)->scope, "test");
    noted_lost(p, rc);
}

static void cancels_group(void (*before)(struct weir_transport *t)) {
    struct weir_protocol_calls calls = noted_calls;
    struct bench b;
    calls.connection_lost = lost_with_record;
    assert_int_equal(bench_open(&b, &plain, 4), 0);
    b.n.protocol.calls = &calls;
    weir_transport_set_protocol(b.t, &b.n.protocol);
    assert_int_equal(weir_transport_write(b.t, "0123456789", 10), 0);
    if (before != NULL)
        before(b.t);
    weir_sleep(WEIR_MILLISECONDS(1));
    weir_group_cancel(&b.g, "test");
    assert_int_equal(bench_close(&b, 0), 0);
}

static int cancels_idle_closing_and_paused(void *arg) {
    (void)arg;
    cancels_group(NULL);
    cancels_group(weir_transport_close);
    cancels_group(weir_transport_pause_reading);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancel_of_the_group_aborts_the_transport) {
    run(cancels_idle_closing_and_paused);
    assert_string_equal(
        story, "made lost(ECANCELED) made lost(ECANCELED) made lost(ECANCELED)");
}

static int left_behind(void *arg) {
    struct weir_stream *near;
    static struct weir_stream *far;
    static struct noted n = {.plan = &plain};
    struct weir_transport *t;
    assert_int_equal(weir_memory_pair(0, &near, &far), 0);
    assert_int_equal(weir_transport_open(&near, noted_factory, &n, NULL, &t), 0);
    assert_null(near);
    weir_sleep(1);
    weir_close(&far);
    assert_int_equal(weir_memory_pair(0, &near, &far), 0);
    assert_int_equal(weir_transport_open(&near, noted_factory, &n, NULL, &t), 0);
    weir_transport_pause_reading(t);
    weir_sleep(1);
    weir_close(&far);
    return 0;
}

WEIR_TEST_BACKENDS(without_a_group_it_does_not_hold_the_run_open_and_is_lost_at_its_end) {
    run(left_behind);
    assert_string_equal(story, "made eof made lost() lost(ECANCELED)");
}

static struct weir_stream *late_far;
static char logged[512];

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    size_t len = strlen(logged);
    (void)level, (void)arg;
    snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

static void late_lost(struct weir_protocol *p, int rc) {
    noted_lost(p, rc);
    weir_close(&late_far);
}

static void opens_late(void *arg) {
    static struct weir_protocol_calls calls;
    static struct noted n = {.plan = &plain};
    struct weir_stream *near;
    struct weir_transport *t;
    (void)arg;
    calls = noted_calls;
    calls.connection_lost = late_lost;
    assert_int_equal(weir_memory_pair(0, &near, &late_far), 0);
    assert_int_equal(weir_transport_open(&near, noted_factory, &n, NULL, &t), 0);
    n.protocol.calls = &calls;
    weir_transport_set_protocol(t, &n.protocol);
}

static int asks_for_a_late_one(void *arg) {
    (void)arg;
    return weir_call_soon(opens_late, NULL, NULL);
}

WEIR_TEST(one_that_is_opened_when_no_task_is_left_does_not_hold_the_run_open_either) {
    weir_log_to(keep_line, NULL);
    assert_int_equal(weir_sim_run(asks_for_a_late_one, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
    assert_string_equal(story, "made lost(ECANCELED)");
    assert_string_equal(logged, "");
}

static int pauses(void *arg) {
    struct bench b;
    assert_int_equal(bench_open(&b, &plain, 0), 0);
    weir_transport_pause_reading(b.t);
    weir_transport_pause_reading(b.t);
    assert_int_equal(weir_write(b.far, "one", 3), 0);
    weir_sleep(WEIR_MILLISECONDS(1));
    says("quiet");
    weir_transport_resume_reading(b.t);
    weir_transport_resume_reading(b.t);
    weir_sleep(WEIR_MILLISECONDS(1));
    weir_transport_pause_reading(b.t); /* while it waits in a read */
    assert_int_equal(weir_write(b.far, "two", 3), 0);
    weir_close(&b.far);
    weir_sleep(WEIR_MILLISECONDS(1));
    says("quiet");
    weir_transport_resume_reading(b.t);
    return bench_close(&b, 0);
}

WEIR_TEST_BACKENDS(nothing_is_delivered_while_reading_is_paused) {
    run(pauses);
    assert_string_equal(story, "made quiet data(one) quiet data(two) eof lost()");
}

static void asked(void *arg) {
    (void)arg;
    says("soon");
}

/* Reads half a message, asks for a callback, and puts the pump to it again. */
static int asks_for_soon(struct weir_protocol *p, struct weir_view v) {
    assert_int_equal(weir_sleep(1), WEIR_ENOLOOP);
    assert_int_equal(weir_call_soon(asked, NULL, NULL), 0);
    return noted_data(p, v);
}

static int mixes_with_calls(void *arg) {
    static struct weir_protocol_calls calls;
    struct bench b;
    assert_int_equal(bench_open(&b, &plain, 0), 0);
    calls = noted_calls;
    calls.data_received = asks_for_soon;
    assert_ptr_equal(weir_transport_protocol(b.t), &b.n.protocol);
    assert_string_equal(weir_stream_peer(weir_transport_stream(b.t)), "memory");
    b.n.protocol.calls = &calls;
    weir_transport_set_protocol(b.t, &b.n.protocol);
    assert_int_equal(weir_write(b.far, "a", 1), 0);
    weir_close(&b.far); /* its end is there as soon as the data */
    return bench_close(&b, 0);
}

WEIR_TEST_BACKENDS(what_a_protocol_asks_for_runs_before_its_next_call) {
    run(mixes_with_calls);
    assert_string_equal(story, "made data(a) soon eof lost()");
}

static void closes(struct weir_transport *t) {
    assert_int_equal(weir_call_soon(asked, NULL, NULL), 0);
    weir_transport_close(t);
    weir_transport_close(t);
    says("closed");
}

static int closes_at_once(void *arg) {
    static const struct plan plan = {.name = "", .at_made = closes};
    struct bench b;
    assert_int_equal(bench_open(&b, &plan, 0), 0);
    return bench_close(&b, 0);
}

WEIR_TEST_BACKENDS(connection_lost_comes_behind_what_was_asked_before_the_close) {
    run(closes_at_once);
    assert_string_equal(story, "made closed soon lost()");
}

static int refuses(void *arg, struct weir_protocol **ret_protocol) {
    (void)arg, (void)ret_protocol;
    return weir_fail(WEIR_EUSER, "not today");
}

static int is_refused(void *arg) {
    struct weir_stream *a, *b;
    struct weir_transport *t = (struct weir_transport *)&a;
    struct weir_server *server;
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    int rc = weir_transport_open(&a, refuses, NULL, NULL, &t);
    assert_int_equal(rc, WEIR_EUSER);
    assert_string_equal(weir_error_message(rc), "not today");
    assert_ptr_equal(t, &a);
    assert_int_equal(weir_write(a, "x", 1), 0); /* the stream is still ours */
    weir_close(&a);
    weir_close(&b);
    assert_int_equal(weir_create_server("mem:refused", NULL, refuses, NULL, NULL, &server), 0);
    assert_int_equal(weir_dial("mem:refused", NULL, &a), 0);
    char got[1];
    assert_int_equal(weir_read(a, got, 1), 0);
    weir_close(&a);
    assert_int_equal(weir_create_connection("mem:refused", NULL, refuses, NULL, NULL, &t), rc);
    weir_server_close(&server);
    weir_server_close(&server);
    return 0;
}

WEIR_TEST_BACKENDS(a_factory_refuses_a_connection) {
    run(is_refused);
}

static char much[9000];

static int lines(void *arg) {
    static const struct weir_view pieces[] = {{"one ", 4}, {"", 0}, {"two ", 4}, {"three", 5}};
    struct bench b;
    char got[26];
    assert_int_equal(bench_open(&b, &plain, 8), 0);
    assert_int_equal(weir_transport_writelines(b.t, pieces, 4), 0);
    assert_int_equal(weir_transport_unsent(b.t), 5);
    assert_int_equal(weir_transport_writelines(b.t, pieces, 4), 0);
    assert_int_equal(weir_transport_writelines(b.t, pieces, 0), 0);
    assert_int_equal(weir_read_exactly(b.far, got, 26), 0);
    assert_memory_equal(got, "one two threeone two three", 26);
    weir_transport_close(b.t);
    return bench_close(&b, 0);
}

WEIR_TEST_BACKENDS(pieces_are_one_write) {
    run(lines);
}

static int lines_or_loss(void *arg) {
    static const struct weir_view pieces[] = {{"one ", 4}, {much, sizeof much}};
    struct bench b;
    story[0] = '\0';
    int rc = bench_open(&b, &plain, 0);
    if (rc < 0) /* is the pair there? then the group is too */
        return b.far != NULL ? bench_close(&b, rc) : rc;
    rc = weir_transport_writelines(b.t, pieces, 2);
    if (rc < 0) /* asserted: of a disturbed run any error will do */
        assert_int_equal(weir_transport_write(b.t, "x", 1), WEIR_ECLOSED);
    weir_transport_close(b.t);
    int closed = bench_close(&b, 0);
    assert_int_equal(b.n.rc, rc);
    return rc < 0 ? rc : closed;
}

WEIR_TEST(pieces_for_which_there_is_no_memory_leave_no_hole) {
    struct weir_story tale = {.size = sizeof tale, .name = "pieces", .fn = lines_or_loss};
    struct weir_explored found;
    assert_int_equal(weir_explore_allocations(&tale, &found), 0);
    assert_true(found.points > 2);
}

static int writes_into_a_break(void *arg) {
    struct bench b;
    assert_int_equal(bench_open(&b, &plain, 4), 0);
    weir_transport_pause_reading(b.t);
    weir_sleep(1);
    assert_int_equal(weir_transport_write(b.t, "12345", 5), 0);
    weir_close(&b.far); /* the sender meets it */
    bench_close(&b, 0);
    assert_int_equal(bench_open(&b, &plain, 4), 0);
    weir_transport_pause_reading(b.t);
    weir_sleep(1);
    weir_close(&b.far);
    int rc = weir_transport_write(b.t, "12345", 5); /* the write itself meets it */
    assert_true(rc == -EPIPE || rc == -ECONNRESET);
    bench_close(&b, 0);
    return 0;
}

WEIR_TEST_BACKENDS(an_error_of_a_write_is_given_to_connection_lost) {
    run(writes_into_a_break);
    assert_string_equal(story, "made lost(EPIPE) made lost(EPIPE)");
}

/* ---- explored -------------------------------------------------------------------------------- */

/* A server whose connections echo, and a client that writes more than is taken at once. However it
 * is disturbed, each connection that was made is lost. */
static int server_factory(void *arg, struct weir_protocol **ret_protocol) {
    struct noted *n = arg; /* one connection in each run */
    return n->protocol.calls != NULL ? -EBUSY : noted_factory(arg, ret_protocol);
}

static int dialogue(void *arg) {
    static const struct plan server_plan = {.name = "s:", .echo = true};
    static const struct plan client_plan = {.name = "c:"};
    struct noted s = {.plan = &server_plan}, c = {.plan = &client_plan};
    struct weir_server *server = NULL;
    struct weir_transport *t;
    struct weir_group g;
    struct weir_scope limit;
    story[0] = '\0';
    weir_scope_enter(&limit, WEIR_SECONDS(5));
    weir_group_open(&g, WEIR_TOGETHER);
    char url[64];
    int rc = weir_create_server("tcp://127.0.0.1:0", NULL, server_factory, &s, &g, &server);
    if (rc == 0) {
        snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_server_port(server));
        rc = weir_create_connection(url, NULL, noted_factory, &c, &g, &t);
    }
    if (rc == 0) {
        weir_transport_set_limits(t, 100, 10);
        (void)weir_transport_write(t, much, sizeof much);
        weir_transport_eof(t);
    }
    while (rc == 0 && c.lost == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    weir_server_close(&server);
    rc = weir_group_close(&g, rc);
    rc = weir_scope_leave(&limit, rc);
    if (s.t != NULL || c.t != NULL || s.lost > 1 || c.lost > 1)
        return -EPROTO;
    return rc == 0 && c.rc == 0 && c.received != sizeof much ? -EPROTO : rc;
}

WEIR_TEST(a_dialogue_of_transports_leaves_nothing_behind_wherever_it_is_disturbed) {
    struct weir_story explored = {.size = sizeof explored, .name = "transports", .fn = dialogue};
    struct weir_explored found;
    assert_int_equal(weir_explore_cancels(&explored, &found), 0);
    assert_true(found.points > 10);
    assert_int_equal(weir_explore_allocations(&explored, &found), 0);
    assert_true(found.points > 10);
    for (int i = 0; i < 3; i++) {
        static const enum weir_fault_effect effects[] = {WEIR_FAULT_ERROR, WEIR_FAULT_SHORT,
                                                         WEIR_FAULT_LATE};
        struct weir_fault fault = {.size = sizeof fault, .effect = effects[i]};
        assert_int_equal(weir_explore_faults(&explored, &fault, &found), 0);
        assert_true(found.points > 5);
    }
    explored.last = 40;
    assert_int_equal(weir_explore_seeds(&explored, NULL), 0);
}
