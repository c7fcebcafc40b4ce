/* SPDX-License-Identifier: MIT */
/* fault_test.c - fault.c around every backend: an op that it strikes fails, comes short, late or
 * never; all other ops are not changed. */
#include "sim/world_rig.h"

#define OP(kind) ((uint64_t)1 << WEIR__##kind)

static void arm(uint64_t kinds, enum fault_effect effect, uint64_t nth) {
    struct fault_plan plan = {.kinds = kinds,
                              .effect = effect,
                              .error = -ENETDOWN,
                              .late_ns = WEIR_MILLISECONDS(20),
                              .nth = nth};
    weir__fault_arm(&plan);
}

WEIR_TEST_BACKENDS(the_nth_op_of_a_kind_fails_and_no_other) {
    struct rig_pair p;
    struct weir__file f;
    arm(OP(CONNECT), FAULT_ERROR, 2);
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_connect(&f, &p.addr), -ENETDOWN);
    rig_close_file(&f);
    assert_int_equal(rig_connect(&f, &p.addr), 0);
    assert_int_equal(weir__fault_seen(), 3);
    assert_int_equal(weir__fault_struck(), 1);
    rig_close_file(&f);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(without_an_nth_ops_are_only_counted) {
    struct rig_pair p;
    arm(~(uint64_t)0, FAULT_ERROR, 0);
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "x", 1), 1);
    rig_pair_close(&p);
    assert_true(weir__fault_seen() >= 8);
    assert_int_equal(weir__fault_struck(), 0);
    world_close();
}

WEIR_TEST_BACKENDS(a_short_receive_brings_one_byte_and_the_rest_follows) {
    struct rig_pair p;
    struct rig_op o;
    char text[8];
    arm(OP(RECV), FAULT_SHORT, 1);
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.there);
    assert_int_equal(rig_send(&p.here, "abc", 3), 3);
    assert_int_equal(rig_wait(&o), 1);
    assert_int_equal(o.op.kind, WEIR__RECV);
    assert_int_equal(o.op.u.lent.base[0], 'a');
    assert_int_equal(rig_recv(&p.there, text, 8), 2);
    assert_memory_equal(text, "bc", 2);
    weir__release(backend, &o.op.u.lent);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_short_receive_may_be_cancelled_or_meet_the_end) {
    struct rig_pair p;
    struct rig_op o;
    char text[8];
    struct fault_plan plan = {.kinds = OP(RECV), .effect = FAULT_SHORT, .nth = 1, .every = true};
    weir__fault_arm(&plan);
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.there);
    rig_turn(0);
    rig_cancel(&o);
    assert_int_equal(rig_wait(&o), -ECANCELED);
    assert_int_equal(o.op.u.lent.token, 0);
    assert_int_equal(rig_send(&p.here, "ab", 2), 2);
    assert_int_equal(rig_recv(&p.there, text, 8), 1);
    assert_int_equal(rig_recv(&p.there, text, 8), 1);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.here, SHUT_WR), 0);
    assert_int_equal(rig_recv(&p.there, text, 8), 0);
    rig_pair_close(&p);
    world_close();
}

/* A proof under UBSan alone: to look for a free piece where there is none is undefined, and in a
 * plain build the number that comes of it may do no harm. */
WEIR_TEST_BACKENDS(a_receive_is_whole_when_all_pieces_of_short_ones_are_lent) {
    enum { PIECES = 64 };
    runner_plain_order(); /* a seed may cut the bytes into parts */
    struct rig_pair p;
    struct rig_op o[PIECES];
    char text[80] = {0};
    struct fault_plan plan = {.kinds = OP(RECV), .effect = FAULT_SHORT, .nth = 1, .every = true};
    weir__fault_arm(&plan);
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, text, PIECES + 2), PIECES + 2);
    rig_pass(RIG_SETTLED);
    for (int i = 0; i < PIECES; i++) {
        rig_recv_begin(&o[i], &p.there);
        assert_int_equal(rig_wait(&o[i]), 1);
    }
    assert_int_equal(rig_recv(&p.there, text, sizeof text), 2);
    for (int i = 0; i < PIECES; i++)
        weir__release(backend, &o[i].op.u.lent);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_short_send_sends_half_and_fails) {
    runner_plain_order(); /* a seed may cut the bytes into parts */
    struct rig_pair p;
    struct rig_op o;
    char text[8];
    arm(OP(SEND), FAULT_SHORT, 1);
    world_open(NULL);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.here, "abcdef", 6);
    assert_int_equal(rig_wait(&o), -ENETDOWN);
    assert_int_equal(o.op.u.bytes.done, 3);
    assert_int_equal(o.op.u.bytes.len, 6);
    assert_int_equal(rig_recv(&p.there, text, 8), 3);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_late_result_comes_later) {
    runner_plain_order(); /* a seed may cut the bytes into parts */
    struct rig_pair p;
    struct rig_op o;
    arm(OP(RECV), FAULT_LATE, 1);
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "abc", 3), 3);
    weir_ns start_ns = rig_now();
    rig_recv_begin(&o, &p.there);
    assert_int_equal(o.done, 0);
    assert_int_equal(rig_wait(&o), 3);
    assert_true(rig_now() - start_ns >= WEIR_MILLISECONDS(20));
    assert_memory_equal(o.op.u.lent.base, "abc", 3);
    weir__release(backend, &o.op.u.lent);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_result_that_is_late_wins_over_a_cancel) {
    struct rig_pair p;
    struct rig_op o;
    arm(OP(SEND), FAULT_LATE, 1);
    world_open(NULL);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.here, "abc", 3);
    rig_turn(0);
    rig_cancel(&o);
    assert_int_equal(o.done, 0);
    assert_int_equal(rig_wait(&o), 3);
    rig_pair_close(&p);
    world_close();
}

/* A turn has returned it, and its wake is not called yet. */
WEIR_TEST_BACKENDS(a_late_result_that_was_returned_is_not_taken_back) {
    struct rig_pair p;
    struct rig_op o;
    struct weir__op *back = NULL;
    arm(OP(SEND), FAULT_LATE, 1);
    world_open(NULL);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.here, "abc", 3);
    assert_int_equal(o.done, 0);
    while (back == NULL)
        back = backend->ops->turn(backend, rig_now() + RIG_LIMIT);
    assert_true(back == &o.op && back->next == NULL);
    assert_int_equal(weir__cancel(backend, &o.op), WEIR__PENDING);
    assert_int_equal(o.op.result, 3);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(what_never_comes_ends_by_cancel) {
    struct rig_pair p;
    struct rig_op o;
    char text[8];
    arm(OP(RECV), FAULT_NEVER, 1);
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "abc", 3), 3);
    rig_recv_begin(&o, &p.there);
    assert_int_equal(rig_wait_until(&o, WEIR_MILLISECONDS(20)), -EINPROGRESS);
    rig_cancel(&o);
    assert_int_equal(o.done ? o.op.result : 0, -ECANCELED);
    assert_int_equal(rig_recv(&p.there, text, 8), 3);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(what_never_comes_ends_before_its_file) {
    struct rig_pair p;
    struct rig_op o, close;
    arm(OP(RECV), FAULT_NEVER, 1);
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.there);
    close = rig_op(WEIR__CLOSE, &p.there);
    assert_int_equal(rig_run(&close), 0);
    assert_int_equal(o.op.result, -ECANCELED);
    assert_true(o.done != 0 && o.done < close.done);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_late_close_comes_after_what_was_pending) {
    struct rig_pair p;
    struct rig_op o, close;
    arm(OP(CLOSE), FAULT_LATE, 1);
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.there);
    close = rig_op(WEIR__CLOSE, &p.there);
    weir_ns start_ns = rig_now();
    assert_int_equal(rig_run(&close), 0);
    assert_true(o.done != 0 && o.done < close.done);
    assert_true(rig_now() - start_ns >= WEIR_MILLISECONDS(20));
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(late_ops_of_a_closed_file_come_before_its_close) {
    struct rig_pair p;
    struct rig_op o, close;
    arm(OP(SEND), FAULT_LATE, 1);
    world_open(NULL);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.there, "x", 1);
    close = rig_op(WEIR__CLOSE, &p.there);
    assert_int_equal(rig_run(&close), 0);
    assert_true(o.done != 0 && o.done < close.done);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_close_is_never_refused) {
    struct rig_pair p;
    struct fault_plan plan = {
        .kinds = OP(CLOSE), .effect = FAULT_ERROR, .error = -EIO, .nth = 1, .every = true};
    weir__fault_arm(&plan);
    world_open(NULL);
    rig_pair_open(&p);
    rig_pair_close(&p);
    assert_int_equal(weir__fault_struck(), 0);
    world_close();
}

/* ---- a descriptor that cannot be attached ---------------------------------------------------- */

static void expect_echo(struct rig_pair *p) {
    char text[8];
    assert_int_equal(rig_send(&p->here, "ping", 4), 4);
    assert_int_equal(rig_recv_all(&p->there, text, 4), 4);
    assert_memory_equal(text, "ping", 4);
    assert_int_equal(rig_send(&p->there, "pong", 4), 4);
    assert_int_equal(rig_recv_all(&p->here, text, 4), 4);
    assert_memory_equal(text, "pong", 4);
}

/* Accepted, struck at ATTACH, closed: its peer is reset. */
static void lose_one(struct rig_pair *p) {
    struct weir__file client, lost = {.fd = -1};
    struct rig_op o;
    char byte;
    assert_int_equal(rig_connect(&client, &p->addr), 0);
    rig_accept_begin(&o, &p->listener);
    int64_t fd = rig_wait(&o);
    assert_true(fd >= 0);
    assert_int_equal(rig_attach(&lost, (int)fd), -ENETDOWN);
    rig_close_file(&lost);
    assert_int_equal(lost.fd, -1);
    assert_int_equal(rig_recv(&client, &byte, 1), -ECONNRESET);
    rig_close_file(&client);
}

WEIR_TEST_BACKENDS(closing_what_could_not_be_attached_leaves_the_others_alone) {
    enum { OTHERS = 4 };
    static struct rig_pair others[OTHERS];
    arm(OP(ATTACH), FAULT_ERROR, OTHERS + 1);
    world_open(NULL);
    for (int i = 0; i < OTHERS; i++)
        rig_pair_open(&others[i]);
    lose_one(&others[0]);
    assert_int_equal(weir__fault_struck(), 1);
    for (int i = 0; i < OTHERS; i++)
        expect_echo(&others[i]);
    for (int i = 0; i < OTHERS; i++)
        rig_pair_close(&others[i]);
    world_close();
}

WEIR_TEST_BACKENDS(a_file_may_be_attached_after_it_was_struck) {
    struct rig_pair p;
    struct rig_op o;
    arm(OP(ATTACH), FAULT_NEVER, 1); /* what never waits fails instead */
    world_open(NULL);
    p.addr = rig_addr("127.0.0.1", 0);
    rig_listen(&p.listener, &p.addr, 4);
    assert_int_equal(rig_connect(&p.here, &p.addr), 0);
    rig_accept_begin(&o, &p.listener);
    int fd = (int)rig_wait(&o);
    assert_int_equal(rig_attach(&p.there, fd), -ENETDOWN);
    assert_int_equal(rig_attach(&p.there, fd), 0);
    expect_echo(&p);
    rig_pair_close(&p);
    world_close();
}

/* Connections that nobody attached: closing the file alone gives all back. */
WEIR_TEST_BACKENDS(a_connection_is_turned_away_without_an_attach) {
    struct rig_pair p;
    struct weir__file client, stray = {.fd = -1};
    struct rig_op o;
    char byte;
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_connect(&client, &p.addr), 0);
    rig_accept_begin(&o, &p.listener);
    stray.fd = (int)rig_wait(&o);
    rig_close_file(&stray);
    assert_int_equal(rig_recv(&client, &byte, 1), -ECONNRESET);
    rig_close_file(&stray); /* nothing is left of it */
    rig_close_file(&client);
    expect_echo(&p);
    rig_pair_close(&p);
    world_close();
}
