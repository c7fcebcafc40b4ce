/* SPDX-License-Identifier: MIT */
/* The stories of an inbox: the owner learns that the last sender has left, senders that the owner
 * has ended. */
#include <pthread.h>
#include <weir/select.h>

#include "sync/sync_test_util.h"

static struct weir_inbox inbox;
static int codes[4];

struct sends_args { int at, count; };
static int sends(void *args) {
    struct sends_args *a = args;
    int rc = 0;
    for (int i = 0; i < a->count && rc == 0; i++)
        rc = weir_inbox_send(&inbox, &i);
    codes[a->at] = rc;
    weir_inbox_leave(&inbox);
    return 0;
}

STORY(the_owner_gets_all_and_then_learns_that_the_last_sender_has_left) {
    struct weir_group g;
    int sum = 0, n = 0, item, rc;
    assert_int_equal(weir_inbox_init(&inbox, int, 2), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_inbox_join(&inbox), 0);
        weir_go(&g, sends, .at = i, .count = 10);
    }
    assert_int_equal(weir_inbox_senders(&inbox), 3);
    assert_int_equal(weir_inbox_try_recv(&inbox, &item), -EAGAIN);
    while ((rc = weir_inbox_recv(&inbox, &item)) == 1) {
        sum += item;
        n++;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(n, 30);
    assert_int_equal(sum, 3 * 45);
    assert_int_equal(weir_inbox_join(&inbox), WEIR_ECLOSED);
    assert_int_equal(weir_inbox_try_send(&inbox, &item), WEIR_ECLOSED);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_inbox_fini(&inbox);
    weir_inbox_fini(&inbox);
    return 0;
}

static void dropped(void *item, void *arg) {
    ++*(int *)arg;
}

static int drops;

static int owns_for_a_while(void *args) {
    int item;
    (void)args;
    assert_int_equal(weir_inbox_init(&inbox, int, 3), 0);
    weir_inbox_on_drop(&inbox, dropped, &drops);
    assert_int_equal(weir_inbox_recv(&inbox, &item), 1);
    return 0;
}

STORY(senders_learn_that_the_owner_has_ended) {
    struct weir_group g;
    struct weir_task *owner = NULL;
    int item = 0;
    drops = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(owner), owns_for_a_while, NULL, 0, NULL, &owner);
    yields(1);
    assert_int_equal(weir_inbox_join(&inbox), 0);
    weir_go(&g, sends, .at = 0, .count = 30);
    assert_int_equal(weir_await(&owner, NULL, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(codes[0], WEIR_ECLOSED);
    assert_int_equal(drops, 3);
    assert_int_equal(weir_inbox_send(&inbox, &item), WEIR_ECLOSED);
    assert_int_equal(weir_inbox_len(&inbox), 0);
    weir_inbox_fini(&inbox);
    return 0;
}

STORY(an_inbox_is_a_case_of_select_on_both_ends) {
    int item = 4, got = 0;
    assert_int_equal(weir_inbox_init(&inbox, int, 1), 0);
    assert_int_equal(weir_inbox_join(&inbox), 0);
    struct weir_case cases[] = {WEIR_ON_INBOX(&inbox, &got), WEIR_ON_INBOX_SEND(&inbox, &item)};
    assert_int_equal(weir_select(cases, 2), 1);
    assert_int_equal(weir_select(cases, 2), 0);
    assert_int_equal(got, 4);
    assert_int_equal(weir_inbox_close(&inbox), 0);
    assert_int_equal(weir_select(&cases[1], 1), 0);
    assert_int_equal(cases[1].rc, WEIR_ECLOSED);
    weir_inbox_leave(&inbox);
    weir_inbox_fini(&inbox);
    return 0;
}

static int steals(void *args) {
    int item;
    (void)args;
    return weir_inbox_recv(&inbox, &item);
}

static int other_receiver(void *arg) {
    assert_int_equal(weir_inbox_init(&inbox, int, 1), 0);
    weir_go0(NULL, steals);
    yields(1);
    return 0;
}

WEIR_TEST_ABORTS(a_task_that_does_not_own_the_inbox_aborts, "belongs to task 'main'") {
    weir_run(other_receiver, NULL, NULL);
}

static int leaves_twice(void *arg) {
    assert_int_equal(weir_inbox_init(&inbox, int, 1), 0);
    weir_inbox_leave(&inbox);
    return 0;
}

WEIR_TEST_ABORTS(a_sender_that_never_joined_cannot_leave, "weir_inbox_leave: the inbox") {
    weir_run(leaves_twice, NULL, NULL);
}

static int no_item(void *arg) {
    assert_int_equal(weir_inbox_init(&inbox, int, 1), 0);
    return weir_inbox_send(&inbox, (int *)NULL);
}

WEIR_TEST_ABORTS(an_item_that_is_null_aborts, "weir_inbox_send: the item is NULL") {
    weir_run(no_item, NULL, NULL);
}

static void *gives_it_back(void *arg) {
    (void)arg;
    weir_inbox_fini(&inbox);
    return NULL;
}

/* No call but init has touched it: its owner has a hook on it nevertheless. */
ABORTS(an_inbox_belongs_to_its_loop_from_init_on,
       "weir_inbox_fini: the inbox initialised at ") {
    pthread_t thread;
    (void)arg;
    weir_inbox_init(&inbox, int, 1);
    pthread_create(&thread, NULL, gives_it_back, NULL);
    pthread_join(thread, NULL);
    return 0;
}
