/* SPDX-License-Identifier: MIT */
/* Scopes and groups that the wrong task leaves, or that nobody leaves: the message names the place
 * where they were opened, also when the frame of that function is gone. And scopes that are left
 * automatically where their block ends. */
#include "test/runner.h"

#include <errno.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

static struct weir_scope *scope;
static struct weir_group *group;

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_SECONDS(3600));
}

static int nothing(void *args) {
    (void)args;
    return 0;
}

/* ---- who may leave and close ---------------------------------------------------------------- */

#define ABORTS_IN_RUN(sentence, words, fn)                                                         \
    WEIR_TEST_ABORTS(sentence, words) {                                                            \
        weir_run(fn, NULL, NULL);                                                                  \
    }

static int closes_own_group(void *args) {
    (void)args;
    return weir_group_close(group, 0);
}

static int opens_for(int (*child)(void *)) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    group = &g;
    return weir_group_close(&g, weir_spawn(&g, WEIR_SITE(child), child, NULL, 0, NULL, NULL));
}

static int child_closes(void *arg) {
    (void)arg;
    return opens_for(closes_own_group);
}

ABORTS_IN_RUN(a_child_that_closes_its_own_group_aborts, "belongs to the task 'main'", child_closes)

static int drains_own_group(void *args) {
    (void)args;
    return weir_group_drain(group, 1);
}

static int child_drains(void *arg) {
    (void)arg;
    return opens_for(drains_own_group);
}

ABORTS_IN_RUN(a_child_that_drains_its_own_group_aborts, "belongs to the task 'main'",
              child_drains)

static void close_posted(void *arg) {
    (void)arg;
    weir_group_close(group, 0);
}

static int post_closes(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    group = &g;
    weir_post(weir_loop_current(), close_posted, NULL);
    weir_sleep(WEIR_SECONDS(1));
    return weir_group_close(&g, 0);
}

ABORTS_IN_RUN(a_posted_function_that_closes_a_group_aborts, "weir_group_close: not inside a task",
              post_closes)

static void leave_posted(void *arg) {
    (void)arg;
    weir_scope_leave(scope, 0);
}

static int post_leaves(void *arg) {
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_NEVER);
    scope = &s;
    weir_post(weir_loop_current(), leave_posted, NULL);
    weir_sleep(WEIR_SECONDS(1));
    return weir_scope_leave(&s, 0);
}

ABORTS_IN_RUN(a_posted_function_that_leaves_a_scope_aborts, "weir_scope_leave: not inside a task",
              post_leaves)

static int outer_first(void *arg) {
    struct weir_group g;
    struct weir_scope s;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&s, WEIR_NEVER);
    weir_go0(&g, sleeps);
    return weir_group_close(&g, 0); /* before it waits for the child */
}

ABORTS_IN_RUN(closing_a_group_around_an_open_scope_aborts_at_once,
              "is not the innermost: that is the scope entered at", outer_first)

/* ---- forgotten by a function that returned -------------------------------------------------- */

static __attribute__((noinline)) int opens_and_returns(void) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    return weir_go0(&g, sleeps);
}

static __attribute__((noinline)) int enters_and_returns(void) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(1));
    return weir_sleep(1);
}

static __attribute__((noinline)) void write_over(void) {
    char b[4096];
    memset(b, 'z', sizeof b);
    __asm__ volatile("" ::"r"(b) : "memory");
}

static int forgets_group(void *arg) {
    (void)arg;
    opens_and_returns();
    return weir_sleep(WEIR_MILLISECONDS(1));
}

ABORTS_IN_RUN(a_group_forgotten_by_a_helper_is_named_when_its_opener_waits,
              "was not closed before the function", forgets_group)

static int forgets_group_and_writes(void *arg) {
    (void)arg;
    opens_and_returns();
    write_over();
    return weir_sleep(WEIR_MILLISECONDS(1));
}

ABORTS_IN_RUN(a_group_whose_frame_was_written_over_is_named,
              "the group opened at " __FILE__, forgets_group_and_writes)

static int forgets_scope_and_writes(void *arg) {
    (void)arg;
    enters_and_returns();
    write_over();
    return weir_sleep(WEIR_MILLISECONDS(1));
}

ABORTS_IN_RUN(a_scope_whose_frame_was_written_over_is_named,
              "the scope entered at " __FILE__, forgets_scope_and_writes)

static int forgets_twice(void *arg) {
    (void)arg;
    for (int i = 0; i < 2; i++)
        enters_and_returns();
    return 0;
}

ABORTS_IN_RUN(a_scope_entered_again_where_one_was_forgotten_is_named, "is open already",
              forgets_twice)

static int forgets_and_ends(void *arg) {
    (void)arg;
    enters_and_returns();
    write_over();
    return 0;
}

ABORTS_IN_RUN(a_task_that_ends_inside_a_forgotten_scope_names_it,
              "ended inside the scope entered at " __FILE__, forgets_and_ends)

static int forgets_inside(void *arg) {
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_NEVER);
    enters_and_returns();
    return weir_scope_leave(&s, 0);
}

ABORTS_IN_RUN(leaving_the_scope_around_a_forgotten_one_names_both, "is not the innermost: that is",
              forgets_inside)

static struct weir_group elsewhere;

static int writes_over_group(void *args) {
    (void)args;
    memset(&elsewhere, 'z', sizeof elsewhere);
    return 0;
}

/* The opener's frame is alive and waits, the group lies elsewhere: only the child can tell. */
static int gives_group_up(void *arg) {
    (void)arg;
    weir_group_open(&elsewhere, WEIR_TOGETHER);
    weir_go0(NULL, writes_over_group);
    weir_go0(&elsewhere, nothing);
    return weir_sleep(WEIR_SECONDS(1));
}

ABORTS_IN_RUN(a_child_names_where_its_overwritten_group_was_opened,
              "is gone, but its task 'nothing' is not", gives_group_up)

static int gives_outer_up(void *arg) {
    static struct weir_scope outer;
    struct weir_scope inner;
    (void)arg;
    weir_scope_enter(&outer, WEIR_NEVER);
    weir_scope_enter(&inner, WEIR_NEVER);
    memset(&outer, 'z', sizeof outer);
    return weir_scope_leave(&inner, 0);
}

ABORTS_IN_RUN(leaving_a_scope_whose_outer_one_was_overwritten_names_that,
              "the scope entered at " __FILE__, gives_outer_up)

/* Its timer lies in it too: left alone it would fire from what is there by then. */
static int gives_innermost_up(void *arg) {
    static struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    memset(&s, 'z', sizeof s);
    return weir_sleep(WEIR_MILLISECONDS(20));
}

ABORTS_IN_RUN(a_wait_names_the_scope_that_was_overwritten, "the scope entered at " __FILE__,
              gives_innermost_up)

static struct weir_scope given_up;
static struct weir_task *inside_it;

static int writes_over_and_cancels(void *args) {
    (void)args;
    memset(&given_up, 'z', sizeof given_up);
    weir_task_cancel(inside_it, "looks at all that its task is inside of");
    return 0;
}

static int is_cancelled_inside(void *arg) {
    (void)arg;
    inside_it = weir_task_current();
    weir_scope_enter(&given_up, WEIR_NEVER);
    weir_go0(NULL, writes_over_and_cancels);
    return weir_sleep(WEIR_SECONDS(1));
}

ABORTS_IN_RUN(a_cancel_names_the_scope_that_was_overwritten, "the scope entered at " __FILE__,
              is_cancelled_inside)

static int opens_group_again(void *arg) {
    struct weir_group g;
    struct weir_scope s;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, sleeps);
    weir_scope_enter(&s, WEIR_NEVER);
    weir_group_open(&g, WEIR_TOGETHER);
    return weir_sleep(1);
}

ABORTS_IN_RUN(a_group_opened_again_inside_a_scope_of_its_own_is_named, "is open already",
              opens_group_again)

static int enters_outer_again(void *arg) {
    struct weir_scope outer, inner;
    (void)arg;
    weir_scope_enter(&outer, WEIR_NEVER);
    weir_scope_enter(&inner, WEIR_NEVER);
    weir_scope_enter(&outer, WEIR_NEVER);
    weir_task_cancel(weir_task_current(), "walks the ring that these make");
    return 0;
}

ABORTS_IN_RUN(an_outer_scope_entered_again_is_named, "the scope entered at " __FILE__,
              enters_outer_again)

static int plain_call(void *arg) {
    struct weir_scope s;
    (void)arg;
    (weir_scope_enter)(&s, WEIR_NEVER);
    return 0;
}

ABORTS_IN_RUN(a_plain_call_opens_at_a_place_unknown, "the scope entered at a place unknown",
              plain_call)

static int first_task(void *arg) {
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_NEVER);
    return 0;
}

ABORTS_IN_RUN(the_first_task_is_named_by_the_place_of_weir_run,
              "the task spawned at " __FILE__, first_task)

/* ---- a scope that leaves by itself ---------------------------------------------------------- */

static int returns_early(int how) {
    WEIR_AUTO(weir_scope_auto_leave) struct weir_scope s = {0};
    if (how == 0)
        return 0; /* not entered */
    weir_scope_enter(&s, 0);
    int rc = weir_yield();
    if (how == 1)
        return rc;
    return weir_scope_leave(&s, rc); /* by hand: the cleanup passes over it */
}

static int early(void *arg) {
    (void)arg;
    for (int how = 0; how < 3; how++) {
        assert_int_equal(returns_early(how), how == 0 ? 0 : -ETIME);
        assert_int_equal(weir_cancelled(), 0);
        assert_int_equal(weir_yield(), 0);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_scope_leaves_by_itself_however_its_block_ends) {
    assert_int_equal(weir_run(early, NULL, NULL), 0);
}
