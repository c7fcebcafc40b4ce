/* SPDX-License-Identifier: MIT */
/* The stories of select: which case happens, that exactly one has an effect, and what happens when
 * selects meet each other, themselves, a close, a timer or a cancel. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/select.h>

#include "sync/sync_test_util.h"

static struct weir_chan a, b;
static struct weir_event event;

static void open_both(size_t capacity) {
    assert_int_equal(weir_chan_init(&a, int, capacity), 0);
    assert_int_equal(weir_chan_init(&b, int, capacity), 0);
}

static void close_both(void) {
    weir_chan_fini(&a);
    weir_chan_fini(&b);
    weir_event_fini(&event);
}

/* A task that selects over cases of the test's, and leaves the result here. */
struct selects_args { struct weir_case *cases; size_t n; int *ret_at; };
static int selects(void *args) {
    struct selects_args *s = args;
    *s->ret_at = weir_select(s->cases, s->n);
    return 0;
}

STORY(ready_cases_happen_in_the_order_of_the_array) {
    int x = 1, got = 0;
    open_both(2);
    struct weir_case cases[] = {WEIR_ON_RECV(&a, &got), WEIR_ON_EVENT(&event),
                                WEIR_ON_SEND(&b, &x), WEIR_ON_SLEEP(0)};
    assert_int_equal(weir_select(cases, 4), 2);
    assert_int_equal(cases[2].rc, 0);
    weir_event_set(&event);
    assert_int_equal(weir_try_select(cases, 4), 1);
    assert_int_equal(cases[1].rc, 0);
    assert_int_equal(weir_chan_len(&b), 1);
    x = 5;
    assert_int_equal(weir_chan_send(&a, &x), 0);
    assert_int_equal(weir_select(cases, 4), 0);
    assert_int_equal(cases[0].rc, 1);
    assert_int_equal(got, 5);
    assert_int_equal(weir_chan_len(&b), 1);
    struct weir_case last[] = {WEIR_ON_RECV(&a, &got), WEIR_ON_NEVER, WEIR_ON_TIME(weir_now())};
    assert_int_equal(weir_select(last, 3), 2);
    last[2] = WEIR_ON_NEVER;
    assert_int_equal(weir_try_select(last, 3), -EAGAIN);
    close_both();
    return 0;
}

STORY(exactly_one_case_has_an_effect) {
    struct weir_group g;
    int got_a = 0, got_b = 0, x = 9, at = -1;
    open_both(0);
    struct weir_case cases[] = {WEIR_ON_RECV(&a, &got_a), WEIR_ON_RECV(&b, &got_b),
                                WEIR_ON_SLEEP(WEIR_SECONDS(60))};
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, selects, .cases = cases, .n = 3, .ret_at = &at);
    yields(1);
    assert_int_equal(weir_chan_try_send(&b, &x), 0);
    assert_int_equal(weir_chan_try_send(&b, &x), -EAGAIN); /* it waits no more */
    assert_int_equal(weir_chan_try_send(&a, &x), -EAGAIN);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(at, 1);
    assert_int_equal(cases[1].rc, 1);
    assert_int_equal(got_b, 9);
    assert_int_equal(got_a, 0);
    close_both();
    return 0;
}

STORY(a_select_never_meets_itself) {
    struct weir_group g;
    int out = 3, in = 0, at = -1;
    open_both(0);
    struct weir_case cases[] = {WEIR_ON_SEND(&a, &out), WEIR_ON_RECV(&a, &in),
                                WEIR_ON_RECV(&a, &in)};
    assert_int_equal(weir_try_select(cases, 3), -EAGAIN);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, selects, .cases = cases, .n = 3, .ret_at = &at);
    yields(3);
    assert_int_equal(at, -1);
    out = 8;
    assert_int_equal(weir_chan_try_send(&a, &out), 0); /* to the first of the two receives */
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(at, 1);
    assert_int_equal(in, 8);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, selects, .cases = cases, .n = 3, .ret_at = &at);
    yields(1);
    assert_int_equal(weir_chan_try_recv(&a, &in), 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(at, 0);
    close_both();
    return 0;
}

STORY_IN_ORDER(two_selects_meet_on_exactly_one_chan) {
    struct weir_group g;
    int out1 = 1, out2 = 2, in1 = 0, in2 = 0, at1 = -1, at2 = -1;
    open_both(0);
    struct weir_case one[] = {WEIR_ON_SEND(&a, &out1), WEIR_ON_RECV(&b, &in1)};
    struct weir_case two[] = {WEIR_ON_SEND(&b, &out2), WEIR_ON_RECV(&a, &in2)};
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, selects, .cases = one, .n = 2, .ret_at = &at1);
    weir_go(&g, selects, .cases = two, .n = 2, .ret_at = &at2);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(at1, 1); /* the second select's first case met the first's second */
    assert_int_equal(at2, 0);
    assert_int_equal(in1, 2);
    assert_int_equal(in2, 0);
    close_both();
    return 0;
}

/* Both ways on both chans: each select could meet the other on four roads. */
STORY_IN_ORDER(two_selects_on_the_same_chans_both_ways_meet_once) {
    struct weir_group g;
    int out1 = 1, out2 = 2, in1 = 0, in2 = 0, at1 = -1, at2 = -1;
    open_both(0);
    struct weir_case one[] = {WEIR_ON_SEND(&a, &out1), WEIR_ON_RECV(&a, &in1),
                              WEIR_ON_SEND(&b, &out1), WEIR_ON_RECV(&b, &in1)};
    struct weir_case two[] = {WEIR_ON_SEND(&a, &out2), WEIR_ON_RECV(&a, &in2),
                              WEIR_ON_SEND(&b, &out2), WEIR_ON_RECV(&b, &in2)};
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, selects, .cases = one, .n = 4, .ret_at = &at1);
    weir_go(&g, selects, .cases = two, .n = 4, .ret_at = &at2);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(at1, 1);
    assert_int_equal(at2, 0);
    assert_int_equal(in1 + in2, 2);
    assert_int_equal(weir_chan_try_recv(&a, &in1), -EAGAIN);
    assert_int_equal(weir_chan_try_recv(&b, &in1), -EAGAIN);
    close_both();
    return 0;
}

STORY(close_is_a_case_that_happens) {
    struct weir_group g;
    int x = 1, at1 = -1, at2 = -1;
    open_both(0);
    struct weir_case receiver[] = {WEIR_ON_RECV(&b, &x), WEIR_ON_RECV(&a, &x)};
    struct weir_case sender[] = {WEIR_ON_RECV(&a, &x), WEIR_ON_SEND(&b, &x)};
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, selects, .cases = receiver, .n = 2, .ret_at = &at1);
    yields(1);
    weir_chan_close(&a);
    yields(1);
    assert_int_equal(at1, 1);
    assert_int_equal(receiver[1].rc, 0);
    struct weir_case *later = &sender[1];
    weir_go(&g, selects, .cases = later, .n = 1, .ret_at = &at2);
    yields(1);
    weir_chan_refuse(&b);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(at2, 0);
    assert_int_equal(sender[1].rc, WEIR_ECLOSED);
    close_both();
    return 0;
}

STORY(the_earliest_time_happens_and_of_equals_the_first) {
    weir_ns begin = weir_now();
    weir_ns when = begin + WEIR_MILLISECONDS(5); /* deadline: a test's small numbers */
    struct weir_case cases[] = {WEIR_ON_SLEEP(WEIR_SECONDS(9)), WEIR_ON_TIME(when),
                                WEIR_ON_TIME(when), WEIR_ON_NEVER};
    assert_int_equal(weir_select(cases, 4), 1);
    assert_true(weir_now() >= when);
    assert_int_equal(weir_select(cases, 4), 1); /* it is past now */
    struct weir_case sleep = WEIR_ON_SLEEP(WEIR_MILLISECONDS(1));
    for (int i = 0; i < 3; i++) /* counts from each select */
        assert_int_equal(weir_select(&sleep, 1), 0);
    assert_true(weir_now() - when >= WEIR_MILLISECONDS(3));
    return 0;
}

/* The grant comes first, then the timer and a cancel, all before the task runs again. */
STORY(a_case_that_was_granted_is_returned_although_a_scope_fired) {
    struct weir_group g;
    struct weir_task *t = NULL;
    int x = 6, got = 0, at = -1;
    open_both(0);
    struct weir_case cases[] = {WEIR_ON_RECV(&a, &got), WEIR_ON_SLEEP(1)};
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_go_task(&g, selects, &t, .cases = cases, .n = 2, .ret_at = &at);
    cases[1] = WEIR_ON_SLEEP(WEIR_SECONDS(9));
    yields(1);
    assert_int_equal(weir_chan_try_send(&a, &x), 0);
    weir_task_cancel(t, "late");
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(at, 0);
    assert_int_equal(got, 6);
    weir_go_task(&g, selects, &t, .cases = cases, .n = 2, .ret_at = &at);
    yields(1);
    weir_task_cancel(t, "early");
    assert_int_equal(weir_chan_try_send(&a, &x), -EAGAIN);
    assert_int_equal(weir_await(&t, NULL, 0), 0);
    assert_int_equal(at, -ECANCELED);
    assert_int_equal(weir_group_close(&g, 0), 0);
    close_both();
    return 0;
}

STORY(a_select_of_nothing_waits_for_its_scope) {
    struct weir_scope s;
    struct weir_case never[] = {WEIR_ON_NEVER, WEIR_ON_NEVER};
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_select(never, 2), -ETIME);
    assert_string_equal(weir_error(-ETIME)->what, "select");
    weir_scope_leave(&s, 0);
    return 0;
}

/* Enough selects that need no wait, and the next one lets others run before it looks. */
struct selects_late_args { int n, *ret_at; };
static int selects_late(void *args) {
    struct selects_late_args *r = args;
    int x;
    struct weir_case ready = WEIR_ON_SLEEP(0);
    struct weir_case waits[] = {WEIR_ON_RECV(&a, &x), WEIR_ON_SLEEP(WEIR_SECONDS(1))};
    struct weir_case never = WEIR_ON_NEVER;
    for (int i = 0; i < r->n; i++)
        assert_int_equal(weir_select(&ready, 1), 0);
    *r->ret_at = r->n % 2 ? weir_select(waits, 2) : weir_select(&never, 1);
    return 0;
}

STORY(a_cancel_while_the_select_lets_others_run_is_felt) {
    open_both(0);
    for (int n = 0; n < 140; n++) {
        struct weir_group g;
        struct weir_task *t = NULL;
        int at = -1;
        weir_group_open(&g, WEIR_INDEPENDENT);
        weir_go_task(&g, selects_late, &t, .n = n, .ret_at = &at);
        yields(1 + n / 64);
        weir_task_cancel(t, "now");
        assert_int_equal(weir_await(&t, NULL, 0), 0);
        assert_int_equal(at, -ECANCELED);
        assert_int_equal(weir_group_close(&g, 0), 0);
    }
    close_both();
    return 0;
}

STORY(an_event_wakes_every_select_that_waits_for_it) {
    struct weir_group g;
    int at[3] = {-1, -1, -1};
    struct weir_case cases[3][2];
    open_both(0);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3; i++) {
        cases[i][0] = WEIR_ON_EVENT(&event);
        cases[i][1] = WEIR_ON_RECV(&a, &at[i]);
        weir_go(&g, selects, .cases = cases[i], .n = 2, .ret_at = &at[i]);
    }
    yields(1);
    weir_event_set(&event);
    weir_event_clear(&event);
    assert_int_equal(weir_group_close(&g, 0), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(at[i], 0);
    close_both();
    return 0;
}

/* ---- tasks ---- */

static int ends_after_a_recv(void *args) {
    int item;
    (void)args;
    int rc = weir_chan_recv(&b, &item);
    return rc == 1 ? item : rc;
}

static struct weir_task *spawn_it(void) {
    struct weir_task *t = NULL;
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(ends_after_a_recv), ends_after_a_recv, NULL, 0,
                                NULL, &t), 0);
    return t;
}

STORY(the_end_of_a_task_is_a_case_and_await_takes_its_result) {
    struct weir_group g;
    int x = 42, at[2] = {-1, -1};
    open_both(1);
    struct weir_task *t = spawn_it();
    struct weir_case cases[2][2] = {{WEIR_ON_RECV(&a, &x), WEIR_ON_TASK(t)},
                                    {WEIR_ON_TASK(t), WEIR_ON_NEVER}};
    assert_int_equal(weir_try_select(cases[0], 2), -EAGAIN);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 2; i++)
        weir_go(&g, selects, .cases = cases[i], .n = 2, .ret_at = &at[i]);
    yields(2);
    assert_int_equal(weir_chan_send(&b, &x), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(at[0], 1);
    assert_int_equal(at[1], 0);
    assert_int_equal(cases[0][1].rc, 0);
    assert_int_equal(weir_try_select(cases[1], 1), 0); /* and it stays so */
    assert_int_equal(weir_await(&t, NULL, 0), 42);
    close_both();
    return 0;
}

/* The task ends after the select was granted or cancelled, and before the select's task runs. */
STORY(the_end_of_a_task_comes_too_late_for_a_select_that_is_over) {
    struct weir_group g;
    struct weir_task *waits = NULL;
    int x = 1, got = 0, at = -1;
    open_both(0);
    for (int cancel = 0; cancel < 2; cancel++) {
        struct weir_task *t = spawn_it();
        struct weir_case cases[] = {WEIR_ON_TASK(t), WEIR_ON_RECV(&a, &got)};
        weir_group_open(&g, WEIR_INDEPENDENT);
        yields(1);
        weir_go_task(&g, selects, &waits, .cases = cases, .n = 2, .ret_at = &at);
        yields(1);
        assert_int_equal(weir_chan_try_send(&b, &x), 0); /* t is ready, and runs first */
        if (cancel)
            weir_task_cancel(waits, "late");
        else
            assert_int_equal(weir_chan_try_send(&a, &x), 0);
        assert_int_equal(weir_await(&waits, NULL, 0), 0);
        assert_int_equal(at, cancel ? -ECANCELED : 1);
        assert_int_equal(weir_await(&t, NULL, 0), 1);
        assert_int_equal(weir_group_close(&g, 0), 0);
    }
    assert_int_equal(got, 1);
    close_both();
    return 0;
}

STORY(a_select_for_the_running_task_is_refused) {
    struct weir_case c = WEIR_ON_TASK(weir_task_current());
    assert_int_equal(weir_select(&c, 1), 0);
    assert_int_equal(c.rc, -EDEADLK);
    return 0;
}

/* ---- misuse ---- */

static int selects_none(void *arg) {
    struct weir_case none = WEIR_ON_NEVER;
    return weir_select(&none, 0);
}

WEIR_TEST_ABORTS(a_select_of_no_cases_aborts, "weir_select: 0 cases") {
    weir_run(selects_none, NULL, NULL);
}

static int selects_unmade(void *arg) {
    struct weir_case unmade;
    memset(&unmade, 0, sizeof unmade);
    return weir_select(&unmade, 1);
}

WEIR_TEST_ABORTS(a_case_of_no_macro_aborts, "a case was not made by one of the macros") {
    weir_run(selects_unmade, NULL, NULL);
}

static int selects_wrong_size(void *arg) {
    short item;
    struct weir_case c = WEIR_ON_RECV(&a, &item);
    open_both(1);
    return weir_select(&c, 1);
}

WEIR_TEST_ABORTS(a_case_with_an_item_of_another_size_aborts, "the item has 2 bytes") {
    weir_run(selects_wrong_size, NULL, NULL);
}

static int selects_wrong_size_behind(void *arg) {
    short item;
    int x = 1;
    open_both(1);
    weir_chan_send(&a, &x);
    struct weir_case cases[] = {WEIR_ON_RECV(&a, &x), WEIR_ON_RECV(&b, &item)};
    return weir_select(cases, 2);
}

WEIR_TEST_ABORTS(a_wrong_case_behind_one_that_is_ready_aborts, "the item has 2 bytes") {
    weir_run(selects_wrong_size_behind, NULL, NULL);
}

static int selects_twice(void *arg) {
    int x, at;
    open_both(0);
    struct weir_case c = WEIR_ON_RECV(&a, &x);
    weir_go(NULL, selects, .cases = &c, .n = 1, .ret_at = &at);
    yields(1);
    return weir_select(&c, 1);
}

WEIR_TEST_ABORTS(two_tasks_in_one_case_abort, "another task waits in a select of the same case") {
    weir_run(selects_twice, NULL, NULL);
}

/* ---- after fork ------------------------------------------------------------------------------ */

STORY(in_a_fork_child_select_and_all_that_is_opened_say_so) {
    struct weir_case never = WEIR_ON_NEVER;
    struct weir_watch watch;
    struct weir_signals signals;
    struct weir_inbox inbox;
    int status;
    (void)arg;
    pid_t child = fork();
    if (child == 0) {
        bool refused = weir_select(&never, 1) == WEIR_EFORKED
                       && weir_try_select(&never, 1) == WEIR_EFORKED
                       && weir_watch_open(&watch, 0, POLLIN) == WEIR_EFORKED
                       && weir_signals_open(&signals, SIGUSR1) == WEIR_EFORKED
                       && weir_inbox_init(&inbox, int, 1) == WEIR_EFORKED;
        _exit(refused ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return 0;
}
