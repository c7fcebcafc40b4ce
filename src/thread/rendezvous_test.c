/* SPDX-License-Identifier: MIT */
/* A shared chan of capacity 0: an item passes from the sender that waits to the receiver, and an
 * offer may come in vain. */
#include "test/runner.h"

#include <errno.h>
#include <weir/drive.h>
#include <weir/shared.h>
#include <weir/task.h>

#include "task/task.h"

static struct weir_shared_chan *bare_chan(void) {
    struct weir_shared_chan *c = NULL;
    assert_int_equal(weir_shared_chan_new(int, 0, &c), 0);
    return c;
}

struct sends_one_args { struct weir_shared_chan *c; int item; };
static int sends_one(void *args) {
    struct sends_one_args *a = args;
    return weir_shared_chan_send(a->c, &a->item);
}

static int meets_without_a_ring(void *arg) {
    struct weir_group g;
    struct weir_shared_chan *c = bare_chan();
    struct weir_task *tired = NULL;
    struct sends_one_args a = {c, 1};
    struct weir_scope s;
    int got = 0, item = 9;
    (void)arg;
    assert_int_equal(weir_shared_chan_try_send(c, &item), -EAGAIN);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(tired), sends_one, &a, sizeof a, NULL, &tired), 0);
    weir_yield();
    weir_task_cancel(tired, "test");
    assert_int_equal(weir_await(&tired, NULL, 0), -ECANCELED);
    weir_scope_enter(&s, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_scope_leave(&s, weir_shared_chan_recv(c, &got)), -ETIME);
    assert_int_equal(weir_shared_chan_recv_for(c, &got, WEIR_MILLISECONDS(1)), -ETIME);
    assert_int_equal(weir_go(&g, sends_one, .c = c, .item = 2), 0);
    assert_int_equal(weir_go(&g, sends_one, .c = c, .item = 3), 0);
    assert_int_equal(weir_shared_chan_recv(c, &got), 1);
    assert_int_equal(got, 2);
    assert_int_equal(weir_shared_chan_recv(c, &got), 1);
    assert_int_equal(got, 3);
    assert_int_equal(weir_go(&g, sends_one, .c = c, .item = 4), 0);
    weir_yield();
    weir_shared_chan_close(c);
    assert_int_equal(weir_shared_chan_recv(c, &got), 0);
    int rc = weir_group_close(&g, 0);
    weir_shared_chan_unref(&c);
    return rc;
}

WEIR_TEST_BACKENDS(without_a_ring_each_send_waits_for_its_receiver) {
    runner_plain_order(); /* who comes first */
    assert_int_equal(weir_run(meets_without_a_ring, NULL, NULL), 0);
}

static int receives_one(void *args) {
    int got = -1, rc = weir_shared_chan_recv(*(struct weir_shared_chan **)args, &got);
    return rc == 1 ? got : rc;
}

WEIR_TEST_BACKENDS(an_offer_in_vain_leaves_the_receiver_waiting) {
    struct weir_shared_chan *c = bare_chan();
    struct weir_loop *l = NULL;
    struct weir_task *receiver = NULL, *tired = NULL;
    struct sends_one_args first = {c, 1}, second = {c, 2};
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(r), receives_one, &c, sizeof c, NULL, &receiver),
                     0);
    weir_loop_step(l, 0);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(s), sends_one, &first, sizeof first, NULL, &tired),
                     0);
    weir_loop_step(l, 0); /* the offer is posted, and comes with the next step */
    weir_task_cancel(tired, "test");
    weir_loop_step(l, 0);
    assert_int_equal(weir__task_result(tired), -ECANCELED);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(s), sends_one, &second, sizeof second, NULL, NULL),
                     0);
    while (weir_loop_step(l, WEIR_NEVER) > 0)
        continue;
    assert_int_equal(weir__task_result(receiver), 2);
    weir_task_release(&receiver);
    weir_task_release(&tired);
    weir_loop_close(&l);
    weir_shared_chan_unref(&c);
}

static struct weir_task *begun(int (*fn)(void *args), void *args, size_t size) {
    struct weir_task *t = NULL;
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(fn), fn, args, size, NULL, &t), 0);
    return t;
}

static struct weir_task *sender_of(struct weir_shared_chan *c, int item) {
    struct sends_one_args a = {c, item};
    return begun(sends_one, &a, sizeof a);
}

WEIR_TEST_BACKENDS(after_offers_in_vain_receivers_are_served_in_their_old_order) {
    struct weir_shared_chan *c = bare_chan();
    struct weir_loop *l = NULL;
    struct weir_task *receivers[2], *tired[2];
    runner_plain_order();
    assert_int_equal(weir_loop_open(NULL, &l), 0);
    for (int i = 0; i < 2; i++)
        receivers[i] = begun(receives_one, &c, sizeof c);
    weir_loop_step(l, 0);
    for (int i = 0; i < 2; i++)
        tired[i] = sender_of(c, i);
    weir_loop_step(l, 0); /* both receivers have an offer, which comes with the next step */
    for (int i = 0; i < 2; i++) {
        weir_task_cancel(tired[i], "test");
        weir_task_release(&tired[i]);
    }
    weir_loop_step(l, 0);
    for (int i = 0; i < 2; i++)
        tired[i] = sender_of(c, 10 + i);
    while (weir_loop_step(l, WEIR_NEVER) > 0)
        continue;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir__task_result(receivers[i]), 10 + i);
        weir_task_release(&receivers[i]);
        weir_task_release(&tired[i]);
    }
    weir_loop_close(&l);
    weir_shared_chan_unref(&c);
}

enum { FIRST, SECOND, SENDERS, LOOPS };

/* The receivers live on two loops, so their offers arrive one by one. `leaving` senders are
 * cancelled before that. */
static void serves_two_loops(int leaving, int first_item) {
    struct weir_shared_chan *c = bare_chan();
    struct weir_loop *loops[LOOPS];
    struct weir_task *receivers[2], *senders[4] = {NULL};
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(weir_loop_open(NULL, &loops[i]), 0);
        if (i != SENDERS)
            receivers[i] = begun(receives_one, &c, sizeof c);
        weir_loop_step(loops[i], 0);
    }
    for (int i = 0; i < 2; i++)
        senders[i] = sender_of(c, i);
    weir_loop_step(loops[SENDERS], 0);
    for (int i = 0; i < leaving; i++)
        weir_task_cancel(senders[i], "test");
    weir_loop_step(loops[SENDERS], 0);
    if (leaving == 2) {
        weir_loop_step(loops[FIRST], 0);
        senders[2] = sender_of(c, 2);
        weir_loop_step(loops[SENDERS], 0);
    }
    weir_loop_step(loops[SECOND], 0);
    senders[3] = sender_of(c, 3);
    for (int left = 1; left > 0;) {
        left = 0;
        for (int i = 0; i < LOOPS; i++)
            left += weir_loop_step(loops[i], 0);
    }
    for (int i = 0; i < 4; i++)
        weir_task_release(&senders[i]);
    for (int i = 0; i < 2; i++) {
        weir_loop_use(loops[i]);
        assert_int_equal(weir__task_result(receivers[i]), i == FIRST ? first_item : 3);
        weir_task_release(&receivers[i]);
    }
    for (int i = 0; i < LOOPS; i++)
        weir_loop_close(&loops[i]);
    weir_shared_chan_unref(&c);
}

/* That to the first has come in vain; then there is an item, which the second could take. */
WEIR_TEST_BACKENDS(an_offer_leaves_the_item_to_a_receiver_that_waits_longer) {
    serves_two_loops(2, 2);
}

/* Two offers are out, and one item is left. That of the second arrives before that of the first. */
WEIR_TEST_BACKENDS(an_offer_leaves_the_item_to_an_older_offer) {
    serves_two_loops(1, 1);
}
