/* SPDX-License-Identifier: MIT */
/* backend_bytes_test.c - every backend gives the same results for bytes and for closing: sends,
 * receives, shutdowns, resets, cancels, lent pieces. */
#include <stdlib.h>

#include "sim/world_rig.h"

/* ---- bytes ----------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_pending_recv_gets_what_comes) {
    runner_plain_order(); /* a seed may cut the bytes into parts */
    struct rig_pair p;
    struct rig_op o;
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.there);
    assert_int_equal(o.done, 0);
    assert_int_equal(rig_send(&p.here, "hello", 5), 5);
    assert_int_equal(rig_wait(&o), 5);
    assert_memory_equal(o.op.u.lent.base, "hello", 5);
    o.op.u.lent.base[0] = 'j'; /* may be written */
    weir__release(backend, &o.op.u.lent);
    assert_int_equal(o.op.u.lent.token, 0);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_small_buffer_reads_a_part_and_the_rest_stays) {
    struct rig_pair p;
    char text[16];
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "0123456789", 10), 10);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_recv_into(&p.there, text, 4), 4);
    assert_memory_equal(text, "0123", 4);
    assert_int_equal(rig_recv_into(&p.there, text, 16), 6);
    assert_memory_equal(text, "456789", 6);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_large_send_is_done_when_all_bytes_are_taken) {
    enum { LEN = 4 << 20 };
    struct rig_pair p;
    struct rig_op o;
    uint8_t *source = malloc(LEN), *target = calloc(1, LEN);
    rig_pattern(source, LEN);
    world_open(NULL);
    rig_pair_open(&p);
    /* By itself a kernel may take all of it: its receive buffers grow to 32 MiB (Linux 6.18). */
    rig_option(&p.here, WEIR__SNDBUF, 256 << 10);
    rig_option(&p.there, WEIR__RCVBUF, 256 << 10);
    rig_send_begin(&o, &p.here, source, LEN);
    rig_turn(0);
    assert_int_equal(o.done, 0);
    assert_int_equal(rig_recv_all(&p.there, target, LEN), LEN);
    assert_int_equal(rig_wait(&o), LEN);
    assert_int_equal(o.op.u.bytes.done, LEN);
    assert_memory_equal(source, target, LEN);
    free(source);
    free(target);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(sendv_sends_all_pieces_in_order) {
    enum { LEN = 3 << 20 };
    struct rig_pair p;
    struct rig_op o;
    uint8_t *source = malloc(LEN), *target = calloc(1, LEN);
    struct iovec v[4] = {{source, 1}, {source + 1, 2 << 20}, {NULL, 0},
                         {source + 1 + (2 << 20), LEN - 1 - (2 << 20)}};
    rig_pattern(source, LEN);
    world_open(NULL);
    rig_pair_open(&p);
    o = rig_op(WEIR__SENDV, &p.here);
    o.op.u.vector.vec = v;
    o.op.u.vector.count = 4;
    rig_submit(&o);
    assert_int_equal(rig_recv_all(&p.there, target, LEN), LEN);
    assert_int_equal(rig_wait(&o), LEN);
    assert_int_equal(o.op.u.vector.done, LEN);
    assert_memory_equal(source, target, LEN);
    free(source);
    free(target);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(bytes_go_both_ways_at_once) {
    enum { LEN = 1 << 20 };
    struct rig_pair p;
    struct rig_op a, b;
    uint8_t *source = malloc(LEN), *target = calloc(1, LEN);
    rig_pattern(source, LEN);
    world_open(NULL);
    rig_pair_open(&p);
    rig_send_begin(&a, &p.here, source, LEN);
    rig_send_begin(&b, &p.there, source, LEN);
    assert_int_equal(rig_recv_all(&p.there, target, LEN), LEN);
    assert_memory_equal(source, target, LEN);
    memset(target, 0, LEN);
    assert_int_equal(rig_recv_all(&p.here, target, LEN), LEN);
    assert_memory_equal(source, target, LEN);
    assert_int_equal(rig_wait(&a), LEN);
    assert_int_equal(rig_wait(&b), LEN);
    free(source);
    free(target);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(read_fd_and_write_fd_try_once) {
    struct rig_pair p;
    struct rig_op o;
    char text[4];
    world_open(NULL);
    rig_pair_open(&p);
    for (int round = 0; round < 2; round++) {
        o = rig_op(WEIR__READ_FD, &p.there);
        o.op.u.bytes.base = text;
        o.op.u.bytes.len = sizeof text;
        assert_int_equal(rig_run(&o), round == 0 ? -EAGAIN : 2);
        o = rig_op(WEIR__WRITE_FD, &p.here);
        o.op.u.bytes.base = (char[]){'o', 'k'};
        o.op.u.bytes.len = 2;
        assert_int_equal(rig_run(&o), 2);
        rig_pass(RIG_SETTLED);
    }
    assert_memory_equal(text, "ok", 2);
    assert_int_equal(rig_recv(&p.there, text, 4), 2);
    rig_pair_close(&p);
    world_close();
}

/* ---- ends ------------------------------------------------------------------------------------ */

WEIR_TEST_BACKENDS(half_closes_leave_the_other_direction_open) {
    struct rig_pair p;
    char text[8];
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "last", 4), 4);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.here, SHUT_WR), 0);
    assert_int_equal(rig_send(&p.here, "x", 1), -EPIPE);
    assert_int_equal(rig_recv_all(&p.there, text, 4), 4);
    assert_int_equal(rig_recv(&p.there, text, 8), 0);
    assert_int_equal(rig_recv(&p.there, text, 8), 0);
    assert_int_equal(rig_send(&p.there, "answer", 6), 6);
    assert_int_equal(rig_recv_all(&p.here, text, 6), 6);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.there, SHUT_WR), 0);
    assert_int_equal(rig_recv(&p.here, text, 8), 0);
    assert_int_equal(rig_send(&p.there, "x", 1), -EPIPE);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(both_halves_may_be_shut_at_once_and_again) {
    struct rig_pair p;
    char byte;
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.here, SHUT_RDWR), 0);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.here, SHUT_WR), 0);
    assert_int_equal(rig_recv(&p.here, &byte, 1), 0);
    assert_int_equal(rig_send(&p.here, "x", 1), -EPIPE);
    assert_int_equal(rig_recv(&p.there, &byte, 1), 0);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(nothing_can_be_sent_and_read) {
    struct rig_pair p;
    char byte = 'a';
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "", 0), 0);
    assert_int_equal(rig_send(&p.here, "x", 1), 1);
    assert_int_equal(rig_recv(&p.there, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(shut_rd_ends_a_pending_recv) {
    struct rig_pair p;
    struct rig_op o;
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.there);
    rig_turn(0);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.there, SHUT_RD), 0);
    assert_int_equal(rig_wait(&o), 0);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(close_with_unread_data_resets_the_peer) {
    struct rig_pair p;
    char byte;
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "unread", 6), 6);
    rig_pass(RIG_SETTLED);
    rig_close_file(&p.there);
    assert_int_equal(rig_recv(&p.here, &byte, 1), -ECONNRESET);
    assert_true(rig_recv(&p.here, &byte, 1) <= 0); /* epoll says it once; streams keep it */
    assert_int_equal(rig_send(&p.here, "x", 1), -EPIPE);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(the_first_send_after_a_reset_gets_it_too) {
    struct rig_pair p;
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_option(&p.there, WEIR__LINGER0, 1), 0);
    rig_close_file(&p.there);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_send(&p.here, "x", 1), -ECONNRESET);
    assert_int_equal(rig_send(&p.here, "x", 1), -EPIPE);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(linger0_resets_a_pending_recv) {
    struct rig_pair p;
    struct rig_op o;
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.here);
    assert_int_equal(rig_option(&p.there, WEIR__LINGER0, 1), 0);
    rig_close_file(&p.there);
    assert_int_equal(rig_wait(&o), -ECONNRESET);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_send_to_a_closed_peer_gets_epipe_and_recv_the_end) {
    struct rig_pair p;
    char byte;
    world_open(NULL);
    rig_pair_open(&p);
    rig_close_file(&p.there);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_send(&p.here, "x", 1), 1);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_recv(&p.here, &byte, 1), 0);
    assert_int_equal(rig_send(&p.here, "x", 1), -EPIPE);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(what_came_before_a_reset_can_still_be_read) {
    struct rig_pair p;
    char text[8];
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.there, "abc", 3), 3);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_option(&p.there, WEIR__LINGER0, 1), 0);
    rig_close_file(&p.there);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_recv(&p.here, text, 8), 3);
    assert_int_equal(rig_recv(&p.here, text, 8), -ECONNRESET);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_reset_ends_a_blocked_send) {
    enum { LEN = 16 << 20 };
    struct rig_pair p;
    struct rig_op o;
    uint8_t *source = calloc(1, LEN);
    world_open(NULL);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.here, source, LEN);
    assert_int_equal(rig_wait_until(&o, RIG_SETTLED), -EINPROGRESS);
    rig_close_file(&p.there);
    assert_int_equal(rig_wait(&o), -ECONNRESET);
    assert_true(o.op.u.bytes.done > 0 && o.op.u.bytes.done < LEN);
    assert_int_equal(rig_send(&p.here, "x", 1), -EPIPE);
    free(source);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(what_was_sent_before_close_arrives) {
    enum { LEN = 100000 };
    struct rig_pair p;
    struct rig_op o;
    uint8_t *source = malloc(LEN), *target = calloc(1, LEN);
    char byte;
    rig_pattern(source, LEN);
    world_open(NULL);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.here, source, LEN);
    assert_int_equal(rig_wait(&o), LEN);
    rig_close_file(&p.here);
    assert_int_equal(rig_recv_all(&p.there, target, LEN), LEN);
    assert_memory_equal(source, target, LEN);
    assert_int_equal(rig_recv(&p.there, &byte, 1), 0);
    free(source);
    free(target);
    rig_pair_close(&p);
    world_close();
}

/* ---- cancel, close, lending ------------------------------------------------------------------ */

WEIR_TEST_BACKENDS(a_cancelled_recv_loses_nothing) {
    runner_plain_order(); /* a seed may cut the bytes into parts */
    struct rig_pair p;
    struct rig_op o;
    char text[8];
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.there);
    rig_turn(0);
    rig_cancel(&o);
    assert_int_equal(rig_wait(&o), -ECANCELED);
    assert_int_equal(rig_send(&p.here, "kept", 4), 4);
    assert_int_equal(rig_recv(&p.there, text, 8), 4);
    assert_memory_equal(text, "kept", 4);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_cancelled_accept_loses_nothing) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file l, c, s;
    struct rig_op o;
    world_open(NULL);
    rig_listen(&l, &addr, 4);
    rig_accept_begin(&o, &l);
    rig_turn(0);
    rig_cancel(&o);
    assert_int_equal(rig_wait(&o), -ECANCELED);
    assert_int_equal(rig_connect(&c, &addr), 0);
    assert_int_equal(rig_accept(&l, &s), 0);
    rig_close_file(&c);
    rig_close_file(&s);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST_BACKENDS(a_cancelled_send_counts_what_was_taken) {
    enum { LEN = 16 << 20 };
    struct rig_pair p;
    struct rig_op o;
    uint8_t *source = malloc(LEN), *target = calloc(1, LEN);
    char byte;
    rig_pattern(source, LEN);
    world_open(NULL);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.here, source, LEN);
    assert_int_equal(rig_wait_until(&o, RIG_SETTLED), -EINPROGRESS);
    rig_cancel(&o);
    assert_int_equal(rig_wait(&o), -ECANCELED);
    size_t done = o.op.u.bytes.done;
    assert_true(done > 0 && done < LEN);
    rig_close_file(&p.here);
    assert_int_equal(rig_recv_all(&p.there, target, done), done);
    assert_memory_equal(source, target, done);
    assert_int_equal(rig_recv(&p.there, &byte, 1), 0);
    free(source);
    free(target);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_cancelled_connect_leaves_a_file_to_close) {
    struct weir__addr addr;
    struct weir__file l, c[3];
    struct rig_op o;
    world_open(NULL);
    rig_full_backlog(&l, &addr, c, &o);
    rig_turn(0);
    rig_cancel(&o);
    assert_int_equal(rig_wait(&o), -ECANCELED);
    for (int i = 0; i < 3; i++)
        rig_close_file(&c[i]);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST_BACKENDS(cancelling_twice_is_harmless) {
    struct rig_pair p;
    struct rig_op o;
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.there);
    rig_turn(0);
    rig_cancel(&o);
    if (o.done == 0)
        rig_cancel(&o);
    assert_int_equal(rig_wait(&o), -ECANCELED);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(close_ends_what_is_pending_first) {
    enum { LEN = 16 << 20 };
    struct rig_pair p;
    struct rig_op reader, writer, close;
    uint8_t *source = calloc(1, LEN);
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&reader, &p.here);
    rig_send_begin(&writer, &p.here, source, LEN);
    rig_turn(0);
    close = rig_op(WEIR__CLOSE, &p.here);
    rig_submit(&close);
    assert_int_equal(rig_wait(&close), 0);
    assert_int_equal(reader.op.result, -ECANCELED);
    assert_int_equal(writer.op.result, -ECANCELED);
    assert_true(reader.done != 0 && writer.done != 0);
    assert_true(close.done > reader.done && close.done > writer.done);
    p.here.fd = -1;
    free(source);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_lent_piece_outlives_its_file) {
    runner_plain_order(); /* a seed may cut the bytes into parts */
    struct rig_pair p;
    struct rig_op o;
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "stays", 5), 5);
    rig_recv_begin(&o, &p.there);
    assert_int_equal(rig_wait(&o), 5);
    rig_pair_close(&p);
    assert_memory_equal(o.op.u.lent.base, "stays", 5);
    weir__release(backend, &o.op.u.lent);
    world_close();
}

WEIR_TEST_BACKENDS(more_readers_than_pieces_all_get_their_bytes) {
    runner_plain_order();
    enum { COUNT = 300 };
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    static struct weir__file l, c[COUNT], s[COUNT];
    static struct rig_op o[COUNT];
    world_open(NULL);
    rig_listen(&l, &addr, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(rig_connect(&c[i], &addr), 0);
        assert_int_equal(rig_accept(&l, &s[i]), 0);
        rig_recv_begin(&o[i], &s[i]);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(rig_send(&c[i], &i, sizeof i), sizeof i);
    rig_pass(RIG_SETTLED);
    for (int left = COUNT; left > 0;) {
        int got = 0;
        for (int i = 0; i < COUNT; i++) {
            if (o[i].done == 0 || o[i].op.u.lent.token == 0)
                continue;
            assert_int_equal(o[i].op.result, sizeof i);
            assert_memory_equal(o[i].op.u.lent.base, &i, sizeof i);
            weir__release(backend, &o[i].op.u.lent);
            got++;
        }
        left -= got;
        assert_true(got > 0);
        rig_pass(WEIR_MILLISECONDS(1));
    }
    for (int i = 0; i < COUNT; i++) {
        rig_close_file(&c[i]);
        rig_close_file(&s[i]);
    }
    rig_close_file(&l);
    world_close();
}

/* A test each: three in a row are 5 s of a processor, and a busy machine gives a fraction. */
WEIR_TEST(the_bytes_hold_in_a_deferred_world) {
    world_again("deferred");
}

WEIR_TEST(the_bytes_hold_in_a_tiny_world) {
    world_again("tiny");
}

WEIR_TEST(the_bytes_hold_in_a_deferred_and_tiny_world) {
    world_again("deferred,tiny");
}
