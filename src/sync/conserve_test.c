/* SPDX-License-Identifier: MIT */
/* No item is lost and none is doubled. Tasks send, receive and select at random, over chans of
 * several capacities and a queue; others cancel them at random places, and in the end somebody
 * closes or refuses. A model counts: what a call says it sent must be received exactly once, or be
 * given up and counted; what it says it did not send must turn up nowhere. */
#include <weir/select.h>
#include <weir/testing.h>

#include "sync/sync_test_util.h"

enum { TASKS = 7, OPS = 60, CHANS = 4, ITEMS = TASKS * OPS * 2 };

enum fate { UNUSED, OFFERED, SENT, NOT_SENT };

static struct weir_chan chans[CHANS];
static struct weir_queue queue;
static struct weir_group all;
static struct weir_scope *scopes[TASKS]; /* of the operation that a task is in */
static uint8_t fates[ITEMS];
static uint8_t received[ITEMS];
static int last_item, dropped_count;
static uint64_t state;
static unsigned long happened[3]; /* sent, received, cancelled: a test that does nothing is none */

static unsigned draw(unsigned n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

static int offer(void) {
    int item = last_item++;
    assert_true(item < ITEMS);
    fates[item] = OFFERED;
    return item;
}

static void offered(int item, int rc) {
    if (item < 0)
        return;
    assert_int_equal(fates[item], OFFERED);
    assert_true(rc == 0 || rc == WEIR_ECLOSED || rc == -ECANCELED || rc == -ETIME ||
                rc == -EAGAIN || rc == -ENOMEM);
    fates[item] = rc == 0 ? SENT : NOT_SENT;
    happened[0] += rc == 0;
}

static void came(int item) {
    assert_true(item >= 0 && item < last_item);
    assert_int_equal(received[item]++, 0);
    assert_int_not_equal(fates[item], NOT_SENT);
    happened[1]++;
}

static void dropped(void *item, void *arg) {
    came(*(int *)item);
    dropped_count++;
}

/* ---- what a task does ---- */

static void one_send(void) {
    int item = offer();
    unsigned at = draw(CHANS + 1);
    bool try = draw(4) == 0;
    int rc;
    if (at == CHANS)
        rc = try ? weir_queue_try_put(&queue, &item) : weir_queue_put(&queue, &item);
    else
        rc = try ? weir_chan_try_send(&chans[at], &item) : weir_chan_send(&chans[at], &item);
    offered(item, rc);
}

static void one_recv(void) {
    int item = -1;
    unsigned at = draw(CHANS + 1);
    bool try = draw(4) == 0, got;
    if (at == CHANS)
        got = (try ? weir_queue_try_get(&queue, &item) : weir_queue_get(&queue, &item)) == 1;
    else
        got = (try ? weir_chan_try_recv(&chans[at], &item)
                   : weir_chan_recv(&chans[at], &item)) == 1;
    assert_int_equal(got, item != -1); /* untouched unless it was received */
    if (got)
        came(item);
    if (got && at == CHANS)
        weir_queue_task_done(&queue);
}

enum { CASES_MAX = 6 };

/* One case at random. item[i] is what it offers, or where it receives (-1). */
static struct weir_case draw_case(int *item) {
    struct weir_chan *c = &chans[draw(CHANS)];
    *item = -1;
    switch (draw(8)) {
    case 0:
    case 1:
        *item = offer();
        return WEIR_ON_SEND(c, item);
    case 2:
        *item = offer();
        return WEIR_ON_PUT(&queue, item);
    case 3:
        return WEIR_ON_GET(&queue, item);
    case 4:
        return draw(4) == 0 ? WEIR_ON_SLEEP(draw(20000)) : WEIR_ON_NEVER;
    default:
        return WEIR_ON_RECV(c, item);
    }
}

static void one_select(void) {
    struct weir_case cases[CASES_MAX];
    int items[CASES_MAX], before[CASES_MAX];
    unsigned n = 1 + draw(CASES_MAX);
    for (unsigned i = 0; i < n; i++) {
        cases[i] = draw_case(&items[i]);
        cases[i].rc = -77;
        before[i] = items[i];
    }
    int at = draw(4) == 0 ? weir_try_select(cases, n) : weir_select(cases, n);
    for (int i = 0; i < (int)n; i++) {
        if (before[i] >= 0)
            offered(before[i], i == at ? cases[i].rc : -EAGAIN);
        if (i != at) {
            assert_int_equal(items[i], before[i]); /* no effect */
            assert_int_equal(cases[i].rc, -77);
        } else if (before[i] < 0 && items[i] >= 0) {
            came(items[i]);
            if (cases[i].object_ == &queue)
                weir_queue_task_done(&queue);
        }
    }
}

struct mixes_args { int self; };
static int mixes(void *args) {
    int self = ((struct mixes_args *)args)->self;
    for (int i = 0; i < OPS; i++) {
        struct weir_scope s;
        weir_scope_enter(&s, draw(3) == 0 ? draw(30000) : WEIR_MILLISECONDS(3));
        scopes[self] = &s;
        unsigned what = draw(10);
        if (what < 3)
            one_send();
        else if (what < 6)
            one_recv();
        else if (what < 9)
            one_select();
        else
            weir_yield();
        scopes[self] = NULL;
        happened[2] += weir_scope_fired(&s) == WEIR_ESTOPPED;
        weir_scope_leave(&s, 0);
    }
    return 0;
}

/* Cancels what others are in, and between them acts itself: so a hand-over and a cancel meet in
 * either order before the task that waits has run. */
static int disturbs(void *args) {
    (void)args;
    for (int i = 0; i < OPS; i++) {
        for (unsigned n = draw(4); n > 0; n--) {
            unsigned t = draw(TASKS), c = draw(CHANS);
            int item = -1;
            if (draw(2) == 0 && scopes[t] != NULL)
                weir_scope_cancel(scopes[t], "disturbed");
            if (draw(2) == 0 && weir_chan_try_recv(&chans[c], &item) == 1)
                came(item);
            if (draw(2) == 0) {
                item = offer();
                offered(item, weir_chan_try_send(&chans[draw(CHANS)], &item));
            }
        }
        int rc = draw(2) == 0 ? weir_yield() : weir_sleep(draw(5000));
        if (rc < 0)
            return 0;
    }
    for (int c = 0; c < CHANS; c++) {
        if (draw(2) == 0)
            weir_chan_close(&chans[c]);
        else
            weir_chan_refuse(&chans[c]);
        weir_yield();
    }
    if (draw(2) == 0)
        weir_queue_shutdown_now(&queue);
    weir_queue_shutdown(&queue);
    return 0;
}

/* ---- the model ---- */

static void look(void) {
    for (int i = 0; i < CHANS; i++) {
        int item;
        weir_chan_close(&chans[i]);
        while (weir_chan_try_recv(&chans[i], &item) == 1)
            came(item);
        weir_chan_fini(&chans[i]);
    }
    for (int item; weir_queue_try_get(&queue, &item) == 1; weir_queue_task_done(&queue))
        came(item);
    assert_int_equal(weir_queue_unfinished(&queue), 0);
    weir_queue_fini(&queue);
    for (int i = 0; i < last_item; i++) {
        assert_int_not_equal(fates[i], OFFERED);
        assert_int_equal(received[i], fates[i] == SENT);
    }
}

static int world(void *arg) {
    static const size_t capacities[CHANS] = {0, 0, 1, 3};
    state = *(uint64_t *)arg;
    last_item = dropped_count = 0;
    memset(fates, UNUSED, sizeof fates);
    memset(received, 0, sizeof received);
    memset(scopes, 0, sizeof scopes);
    int rc = 0;
    memset(&queue, 0, sizeof queue);
    memset(chans, 0, sizeof chans);
    for (int i = 0; i < CHANS && rc == 0; i++)
        rc = weir_chan_init(&chans[i], int, capacities[i]);
    if (rc == 0)
        rc = weir_queue_init_lifo(&queue, int, 2);
    for (int i = 0; i < CHANS && rc == 0; i++)
        weir_chan_on_drop(&chans[i], dropped, NULL);
    if (rc < 0) {
        for (int i = 0; i < CHANS; i++)
            weir_chan_fini(&chans[i]);
        weir_queue_fini(&queue);
        return rc;
    }
    weir_queue_on_drop(&queue, dropped, NULL);
    weir_group_open(&all, WEIR_INDEPENDENT);
    for (int i = 0; i < TASKS && rc == 0; i++)
        rc = weir_go(&all, mixes, .self = i);
    if (rc == 0)
        rc = weir_go0(&all, disturbs);
    rc = weir_group_close(&all, rc);
    look();
    return rc;
}

WEIR_TEST_BACKENDS(no_item_is_lost_or_doubled_in_any_order) {
    uint64_t seeds = strcmp(test_backend, "sim") == 0 ? 400 : 15;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        assert_int_equal(weir_run(world, &seed, NULL), 0);
    assert_true(happened[0] > seeds * 10);
    assert_true(happened[1] == happened[0]);
    assert_true(happened[2] > seeds / 2);
}

static uint64_t explored_seed = 3;
static const struct weir_story story = {
    .size = sizeof story, .name = "conserve", .fn = world, .arg = &explored_seed};

WEIR_TEST(no_item_is_lost_in_any_order_of_the_ready_tasks) {
    struct weir_explored e;
    assert_int_equal(weir_explore_seeds(&story, &e), 0);
    assert_true(e.runs >= 2); /* WEIR_SEED may ask for one seed only */
}

WEIR_TEST(no_item_is_lost_when_any_call_is_cancelled) {
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&story, &e), 0);
    assert_true(e.points > 200);
}

WEIR_TEST(no_item_is_lost_when_any_allocation_fails) {
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&story, &e), 0);
    assert_true(e.points > 5);
}
