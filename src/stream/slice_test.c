/* SPDX-License-Identifier: MIT */
/* A task whose calls never have to wait: other tasks, timers and the network still get their
 * turn. */
#include <stdio.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "test/runner.h"

enum { ROUNDS_MAX = 8000000 };

static int flag;

static int sets_the_flag(void *args) {
    (void)args;
    flag = 1;
    return 0;
}

/* Write a byte, read it back: two calls for which all is at hand. Rounds until ended says so. */
static int spin(int (*ended)(void), int *ret_rounds) {
    struct weir_stream *a, *b;
    char byte = 'x';
    int rc = weir_memory_pair(64, &a, &b);
    *ret_rounds = 0;
    while (rc == 0 && !ended() && ++*ret_rounds < ROUNDS_MAX) {
        rc = weir_write(a, &byte, 1);
        if (rc == 0 && (rc = (int)weir_read(b, &byte, 1)) > 0)
            rc = 0;
    }
    weir_close(&a);
    weir_close(&b);
    return rc;
}

static int flag_is_set(void) {
    return flag;
}

static int never(void) {
    return 0;
}

static int beside_another_task(void *arg) {
    struct weir_group g;
    int rounds = 0;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, sets_the_flag);
    if (rc == 0)
        rc = spin(flag_is_set, &rounds);
    assert_in_range(rounds, 1, 32); /* 64 calls */
    return weir_group_close(&g, rc);
}

WEIR_TEST_BACKENDS(a_task_that_never_waits_lets_the_others_run) {
    assert_int_equal(weir_run(beside_another_task, NULL, NULL), 0);
}

static int under_a_deadline(void *arg) {
    struct weir_scope s;
    int rounds;
    (void)arg;
    weir_scope_enter(&s, WEIR_MILLISECONDS(1) / 2);
    int rc = weir_scope_leave(&s, spin(never, &rounds));
    assert_int_equal(rc, -ETIME);
    assert_in_range(rounds, 1, ROUNDS_MAX - 1);
    return 0;
}

WEIR_TEST_BACKENDS(a_task_that_never_waits_feels_its_deadline) {
    assert_int_equal(weir_run(under_a_deadline, NULL, NULL), 0);
}

static struct weir_stream *probed, *probing;
static int spins, seen;

static int spins_for_ever(void *args) {
    int rounds;
    (void)args;
    spins++;
    return spin(never, &rounds);
}

static int echoes(void *args) {
    char byte;
    (void)args;
    while (weir_read(probed, &byte, 1) > 0)
        if (weir_write(probed, &byte, 1) < 0)
            break;
    return 0;
}

static int accepts(void *args) {
    struct weir_listener *l = *(struct weir_listener **)args;
    return weir_accept(l, &probed);
}

/* Through the kernel, or the simulated network: so the driver has to look at the world. */
static int beside_a_peer(void *arg) {
    struct weir_group g;
    struct weir_listener *l;
    char url[64], byte = 'x';
    (void)arg;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    assert_int_equal(rc, 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(accepts), accepts, &l, sizeof l, NULL, NULL), 0);
    assert_int_equal(weir_dial(url, NULL, &probing), 0);
    while (probed == NULL)
        assert_int_equal(weir_yield(), 0);
    assert_int_equal(weir_go0(&g, echoes), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_go0(&g, spins_for_ever), 0);
    for (; seen < 20; seen++) {
        assert_int_equal(weir_write(probing, &byte, 1), 0);
        assert_int_equal(weir_read(probing, &byte, 1), 1);
    }
    assert_int_equal(spins, 3);
    weir_group_cancel(&g, "enough");
    rc = weir_group_close(&g, 0);
    weir_close(&probing);
    weir_close(&probed);
    weir_unlisten(&l);
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

WEIR_TEST_BACKENDS(peers_are_answered_beside_tasks_that_never_wait) {
    assert_int_equal(weir_run(beside_a_peer, NULL, NULL), 0);
}

/* ---- the object of the call is pinned while the others run ---- */

static struct weir_stream *shared, *other_end;
static struct weir_listener *shared_listener;

static int cheap_calls(int count) {
    struct weir_stream *a, *b;
    char byte = 'x';
    int rc = weir_memory_pair(8, &a, &b);
    for (int i = 0; i < count && rc == 0; i++)
        rc = i % 2 == 0 ? weir_write(a, &byte, 1) : weir_read(b, &byte, 1) == 1 ? 0 : -EIO;
    weir_close(&a);
    weir_close(&b);
    return rc;
}

static int closes(void *args) {
    (void)args;
    weir_close(&shared);
    weir_unlisten(&shared_listener);
    return 0;
}

enum call { CALL_WRITE, CALL_READ, CALL_PEEK, CALL_SHUTDOWN, CALL_ACCEPT, CALLS };

static int call_it(enum call call, struct weir_stream *s, struct weir_listener *l) {
    struct weir_stream *peer;
    struct weir_view v;
    char byte = 'x';
    switch (call) {
    case CALL_WRITE:
        return weir_write(s, &byte, 1);
    case CALL_READ:
        return (int)weir_read(s, &byte, 1);
    case CALL_PEEK:
        return (int)weir_peek(s, 1, &v);
    case CALL_SHUTDOWN:
        return weir_shutdown(s);
    default:
        return weir_accept(l, &peer);
    }
}

static int once(enum call call, int before) {
    struct weir_group g;
    int rc = weir_memory_pair(8, &shared, &other_end);
    if (rc == 0)
        rc = weir_listen("tcp://127.0.0.1:0", NULL, &shared_listener);
    if (rc == 0)
        rc = weir_write(other_end, "y", 1);
    assert_int_equal(rc, 0);
    assert_int_equal(weir_yield(), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go0(&g, closes);
    if (rc == 0)
        rc = cheap_calls(before);
    assert_int_equal(rc, 0);
    if (shared != NULL) { /* else a cheap call was the one that let it run */
        rc = call_it(call, shared, shared_listener);
        assert_true(rc == WEIR_ECLOSED || rc == 0 || rc == 1);
    }
    rc = weir_group_close(&g, 0);
    weir_close(&other_end);
    return rc;
}

static int sweep(void *arg) {
    (void)arg;
    for (int call = 0; call < CALLS; call++)
        for (int before = 50; before < 70; before++)
            assert_int_equal(once((enum call)call, before), 0);
    return 0;
}

WEIR_TEST_BACKENDS(a_call_that_lets_others_run_finds_its_object_closed_and_not_gone) {
    assert_int_equal(weir_run(sweep, NULL, NULL), 0);
}
