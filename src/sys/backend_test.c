/* SPDX-License-Identifier: MIT */
/* backend_test.c - each kind of op, and the special cases of TCP, on every backend. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/list.h"
#include "sys/op_rig.h"

static struct rig_pair p;
static char big[1 << 20], more[1 << 20];

/* ---- opening, names, options ---------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_pair_exchanges_bytes_both_ways) {
    char buf[1 << 17];
    rig_open();
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "hello", 5), 5);
    assert_int_equal(rig_recv(&p.there, buf, sizeof buf), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(rig_send(&p.there, "world!", 6), 6);
    assert_int_equal(rig_recv_into(&p.here, buf, 4), 4);
    assert_int_equal(rig_recv_into(&p.here, buf + 4, 100), 2);
    assert_memory_equal(buf, "world!", 6);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(names_and_the_accepted_peer_agree) {
    struct weir__addr own, seen;
    rig_open();
    struct weir__addr a = rig_listen_any(&p.listener, 4);
    assert_int_equal(rig_socket(&p.here, AF_INET), 0);
    assert_int_equal(rig_addr_op(WEIR__CONNECT, &p.here, &a), 0);
    struct rig_op s = rig_op(WEIR__ACCEPT, &p.listener);
    s.op.u.accept.ret_peer = &seen;
    assert_int_equal(rig_attach(&p.there, (int)rig_run(&s)), 0);
    assert_int_equal(rig_name(&p.here, false, &own), 0);
    assert_true(weir__addr_equal(&own, &seen));
    assert_int_equal(rig_name(&p.here, true, &own), 0);
    assert_true(weir__addr_equal(&own, &a));
    assert_int_equal(rig_option(&p.here, WEIR__NODELAY, 1), 0);
    assert_int_equal(rig_option(&p.here, WEIR__KEEPALIVE, 30), 0);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(a_port_without_a_listener_gives_econnrefused) {
    rig_open();
    struct weir__addr a = rig_listen_any(&p.listener, 4);
    rig_close_file(&p.listener);
    assert_int_equal(rig_socket(&p.here, AF_INET), 0);
    assert_int_equal(rig_addr_op(WEIR__CONNECT, &p.here, &a), -ECONNREFUSED);
    rig_close_file(&p.here);
    rig_close();
}

WEIR_TEST_BACKENDS(a_taken_port_is_eaddrinuse) {
    rig_open();
    struct weir__addr a = rig_listen_any(&p.listener, 4);
    assert_int_equal(rig_socket(&p.here, AF_INET), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &p.here, &a), -EADDRINUSE);
    rig_close_file(&p.here);
    rig_close_file(&p.listener);
    rig_close();
}

/* Linux keeps backlog + 1 connections; further ones wait unanswered until there is room. */
WEIR_TEST_BACKENDS(a_full_backlog_keeps_the_next_waiting) {
    enum { BACKLOG = 2, MANY = BACKLOG + 3 };
    struct weir__file files[MANY];
    struct rig_op steps[MANY];
    int connected = 0;
    rig_open();
    struct weir__addr a = rig_listen_any(&p.listener, BACKLOG);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(rig_socket(&files[i], AF_INET), 0);
        steps[i] = rig_op(WEIR__CONNECT, &files[i]);
        steps[i].op.u.addr = &a;
        rig_submit(&steps[i]);
        for (int j = 0; j < 3 && steps[i].done == 0; j++)
            rig_turn(rig_in_ms(10));
        connected += steps[i].done != 0;
    }
    assert_int_equal(connected, BACKLOG + 1);
    for (int i = 0; i < MANY; i++) {
        int64_t rc = rig_stop(&steps[i]);
        assert_true(rc == 0 || rc == -ECANCELED);
        rig_close_file(&files[i]);
    }
    rig_close_file(&p.listener);
    rig_close();
}

/* ---- ends ----------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_half_close_leaves_the_other_way_open) {
    char buf[1 << 17];
    rig_open();
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "last", 4), 4);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.here, SHUT_WR), 0);
    assert_int_equal(rig_recv(&p.there, buf, sizeof buf), 4);
    assert_int_equal(rig_recv(&p.there, buf, sizeof buf), 0);
    assert_int_equal(rig_recv(&p.there, buf, sizeof buf), 0);
    assert_int_equal(rig_recv_into(&p.there, buf, 10), 0);
    assert_int_equal(rig_send(&p.there, "still", 5), 5);
    assert_int_equal(rig_recv(&p.here, buf, sizeof buf), 5);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.there, SHUT_WR), 0);
    assert_int_equal(rig_recv_into(&p.here, buf, sizeof buf), 0);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(sending_after_shutdown_is_epipe) {
    rig_open();
    rig_pair_open(&p);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.here, SHUT_WR), 0);
    assert_int_equal(rig_send(&p.here, "x", 1), -EPIPE);
    memset(big, 1, sizeof big);
    assert_int_equal(rig_send(&p.here, big, sizeof big), -EPIPE);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(closing_with_unread_bytes_resets_the_peer) {
    char buf[1 << 17];
    rig_open();
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "unread", 6), 6);
    struct rig_op s = rig_op(WEIR__RECV, &p.there); /* it has arrived */
    assert_int_equal(rig_run(&s), 6);
    weir__release(backend, &s.op.u.lent);
    assert_int_equal(rig_send(&p.here, "unread", 6), 6);
    assert_int_equal(rig_option(&p.there, WEIR__LINGER0, 1), 0);
    rig_close_file(&p.there);
    assert_int_equal(rig_recv(&p.here, buf, sizeof buf), -ECONNRESET);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(sending_to_a_closed_peer_ends_in_epipe_or_reset) {
    rig_open();
    rig_pair_open(&p);
    rig_close_file(&p.there);
    int64_t n = 1;
    for (int i = 0; i < 100 && n > 0; i++) {
        n = rig_send(&p.here, "x", 1);
        rig_turn(rig_in_ms(1));
    }
    assert_true(n == -EPIPE || n == -ECONNRESET);
    rig_pair_close(&p);
    rig_close();
}

/* ---- long transfers ------------------------------------------------------------------------- */

/* Send all of big from here; receive it with reads of the kinds given. */
static void transfer(bool into, size_t piece) {
    memset(more, 0, sizeof more);
    struct rig_op out = rig_bytes_op(WEIR__SEND, &p.here, big, sizeof big);
    rig_submit(&out);
    for (size_t got = 0; got < sizeof big;) {
        size_t left = sizeof big - got, len = piece < left ? piece : left;
        int64_t n = into ? rig_recv_into(&p.there, more + got, len)
                         : rig_recv(&p.there, more + got, left);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_int_equal(rig_wait(&out), sizeof big);
    assert_int_equal(out.op.u.bytes.done, sizeof big);
    assert_memory_equal(big, more, sizeof big);
}

WEIR_TEST_BACKENDS(a_megabyte_arrives_whole_in_lent_pieces) {
    rig_open();
    rig_pair_open(&p);
    rig_pattern(big, sizeof big);
    for (int i = 0; i < 4; i++)
        transfer(false, 0);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(a_megabyte_arrives_whole_in_the_callers_memory) {
    rig_open();
    rig_pair_open(&p);
    rig_pattern(big, sizeof big);
    transfer(true, 1 << 20);
    transfer(true, 777);
    transfer(true, 100000);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(lent_pieces_and_own_memory_take_turns) {
    rig_open();
    rig_pair_open(&p);
    rig_pattern(big, sizeof big);
    for (int i = 0; i < 6; i++)
        transfer(i % 2 == 0, i < 3 ? 50 : 1 << 20);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(a_vector_is_sent_whole_and_used_up) {
    struct iovec vec[40];
    rig_open();
    rig_pair_open(&p);
    rig_pattern(big, sizeof big);
    for (int round = 0; round < 2; round++) {
        size_t each = round == 0 ? 100 : sizeof big / 40, got = 0;
        for (int i = 0; i < 40; i++)
            vec[i] = (struct iovec){big + (size_t)i * each, i == 7 ? 0 : each};
        struct rig_op s = rig_op(WEIR__SENDV, &p.here);
        s.op.u.vector.vec = vec;
        s.op.u.vector.count = 40;
        rig_submit(&s);
        while (got < 39 * each) {
            int64_t n = rig_recv(&p.there, more + got, sizeof more - got);
            assert_true(n > 0);
            got += (size_t)n;
        }
        assert_int_equal(rig_wait(&s), 39 * each);
        assert_int_equal(s.op.u.vector.count, 0);
        assert_memory_equal(more, big, 7 * each);
        assert_memory_equal(more + 7 * each, big + 8 * each, 32 * each);
    }
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(bytes_that_came_before_the_read_are_not_lost) {
    char buf[1 << 17];
    rig_open();
    rig_pair_open(&p);
    struct rig_op s = rig_op(WEIR__RECV, &p.there);
    assert_int_equal(rig_submit(&s), WEIR__PENDING);
    assert_int_equal(rig_stop(&s), -ECANCELED);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(rig_send(&p.here, "0123456789", 10), 10);
        rig_turn(rig_in_ms(2));
    }
    memset(buf, 0, sizeof buf);
    for (size_t got = 0; got < 100;) {
        int64_t n = rig_recv(&p.there, buf + got, sizeof buf - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(buf[i], '0' + i % 10);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(two_lent_pieces_keep_their_bytes) {
    rig_open();
    rig_pair_open(&p);
    struct rig_op one = rig_op(WEIR__RECV, &p.there), two = rig_op(WEIR__RECV, &p.there);
    rig_send(&p.here, "one", 3);
    assert_int_equal(rig_run(&one), 3);
    rig_send(&p.here, "three", 5);
    assert_int_equal(rig_run(&two), 5);
    one.op.u.lent.base[0] = 'O';
    assert_memory_equal(one.op.u.lent.base, "One", 3);
    assert_memory_equal(two.op.u.lent.base, "three", 5);
    rig_close_file(&p.there); /* what was lent stays */
    assert_memory_equal(two.op.u.lent.base, "three", 5);
    weir__release(backend, &two.op.u.lent);
    weir__release(backend, &one.op.u.lent);
    rig_pair_close(&p);
    rig_close();
}

/* ---- one reader, one writer; cancels -------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_second_reader_or_writer_is_ebusy) {
    rig_open();
    rig_pair_open(&p);
    struct rig_op r = rig_op(WEIR__RECV, &p.there), w, again;
    char byte;
    assert_int_equal(rig_submit(&r), WEIR__PENDING);
    assert_int_equal(rig_recv_into(&p.there, &byte, 1), -EBUSY);
    rig_fill(&p.here, &w, big, sizeof big);
    again = rig_bytes_op(WEIR__SEND, &p.here, big, 1);
    assert_int_equal(rig_submit(&again), WEIR__DONE);
    assert_int_equal(again.op.result, -EBUSY);
    if (rig_wait(&r) > 0)
        weir__release(backend, &r.op.u.lent);
    assert_int_equal(rig_stop(&w), -ECANCELED);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(a_stuck_send_is_cancelled_and_counts_its_bytes) {
    struct rig_op w;
    rig_open();
    rig_pair_open(&p);
    rig_pattern(big, sizeof big);
    size_t whole = rig_fill(&p.here, &w, big, sizeof big), got = 0;
    assert_int_equal(rig_stop(&w), -ECANCELED);
    assert_true(w.op.u.bytes.done < sizeof big);
    size_t sent = whole + w.op.u.bytes.done;
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &p.here, SHUT_WR), 0);
    for (int64_t n = 1; n > 0; got += (size_t)n) {
        n = rig_recv(&p.there, more, sizeof more);
        assert_true(n >= 0);
        if (n > 0)
            assert_int_equal(more[0], big[got % sizeof big]);
    }
    assert_int_equal(got, sent);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(a_stuck_send_goes_on_when_the_peer_reads) {
    struct rig_op w;
    rig_open();
    rig_pair_open(&p);
    rig_pattern(big, sizeof big);
    size_t sum = rig_fill(&p.here, &w, big, sizeof big) + sizeof big, got = 0;
    while (got < sum) {
        int64_t n = rig_recv(&p.there, more, sizeof more);
        assert_true(n > 0);
        for (int64_t i = 0; i < n; i += 997)
            assert_int_equal(more[i], big[(got + (size_t)i) % sizeof big]);
        got += (size_t)n;
    }
    assert_int_equal(rig_wait(&w), sizeof big);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(an_accept_is_cancelled_and_the_next_gets_the_connection) {
    rig_open();
    struct weir__addr a = rig_listen_any(&p.listener, 4);
    struct rig_op s = rig_op(WEIR__ACCEPT, &p.listener), c = rig_op(WEIR__CONNECT, &p.here);
    assert_int_equal(rig_submit(&s), WEIR__PENDING);
    rig_turn(0);
    assert_int_equal(rig_stop(&s), -ECANCELED);
    assert_int_equal(rig_socket(&p.here, AF_INET), 0);
    c.op.u.addr = &a;
    assert_int_equal(rig_run(&c), 0);
    rig_settle();
    assert_int_equal(rig_attach(&p.there, (int)rig_run(&s)), 0);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(close_ends_all_that_is_pending_first) {
    struct rig_op w, r = rig_op(WEIR__RECV, &p.here), c = rig_op(WEIR__CLOSE, &p.here);
    rig_open();
    rig_pair_open(&p);
    assert_int_equal(rig_submit(&r), WEIR__PENDING);
    rig_fill(&p.here, &w, big, sizeof big);
    struct rig_op a = rig_op(WEIR__ACCEPT, &p.listener), lc = rig_op(WEIR__CLOSE, &p.listener);
    assert_int_equal(rig_submit(&a), WEIR__PENDING);
    rig_turn(0);
    assert_int_equal(rig_submit(&c), WEIR__PENDING);
    rig_submit(&lc);
    assert_int_equal(rig_wait(&c), 0);
    assert_true(r.done != 0 && w.done != 0);
    assert_int_equal(r.op.result, -ECANCELED);
    assert_int_equal(w.op.result, -ECANCELED);
    assert_int_equal(rig_wait(&lc), 0);
    assert_int_equal(a.op.result, -ECANCELED);
    rig_close_file(&p.there);
    rig_close();
}

WEIR_TEST_BACKENDS(connections_not_accepted_are_closed_with_the_listener) {
    char buf[1 << 17];
    rig_open();
    struct weir__addr a = rig_listen_any(&p.listener, 8);
    struct rig_op s = rig_op(WEIR__ACCEPT, &p.listener);
    struct weir__file files[4];
    rig_submit(&s);
    rig_turn(0);
    assert_int_equal(rig_stop(&s), -ECANCELED);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rig_socket(&files[i], AF_INET), 0);
        assert_int_equal(rig_addr_op(WEIR__CONNECT, &files[i], &a), 0);
    }
    rig_settle();
    rig_close_file(&p.listener);
    for (int i = 0; i < 4; i++) {
        int64_t n = rig_recv(&files[i], buf, sizeof buf);
        assert_true(n == 0 || n == -ECONNRESET);
        rig_close_file(&files[i]);
    }
    rig_close();
}

/* ---- other descriptors ---------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(poll_returns_when_a_pipe_can_be_read) {
    KERNEL_ONLY();
    int fds[2];
    struct rig_op s = rig_op(WEIR__POLL, NULL), two;
    rig_open();
    assert_int_equal(pipe(fds), 0);
    s.op.u.poll.fd = fds[0];
    s.op.u.poll.events = POLLIN;
    two = s;
    rig_submit(&s);
    rig_submit(&two); /* the same descriptor, watched twice */
    rig_settle();
    assert_true(s.done == 0 && two.done == 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(rig_wait(&s), POLLIN);
    assert_int_equal(rig_wait(&two), POLLIN);
    s.op.u.poll.fd = fds[1];
    s.op.u.poll.events = POLLOUT;
    assert_int_equal(rig_run(&s), POLLOUT);
    close(fds[1]);
    assert_int_equal(rig_run(&two), POLLIN | POLLHUP);
    close(fds[0]);
    rig_close();
}

WEIR_TEST_BACKENDS(poll_is_cancelled_and_regular_files_are_ready) {
    KERNEL_ONLY();
    int fds[2];
    struct rig_op s = rig_op(WEIR__POLL, NULL);
    rig_open();
    assert_int_equal(pipe(fds), 0);
    s.op.u.poll.fd = fds[0];
    s.op.u.poll.events = POLLIN;
    rig_submit(&s);
    rig_turn(0);
    assert_int_equal(rig_stop(&s), -ECANCELED);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    s.op.u.poll.fd = fd;
    assert_int_equal(rig_run(&s), POLLIN);
    s.op.u.poll.fd = 9999;
    assert_int_equal(rig_run(&s), -EBADF);
    close(fd), close(fds[0]), close(fds[1]);
    rig_close();
}

/* ---- sends with the others of a turn --------------------------------------------------------- */

static void batching_pair_open(void) {
    rig_open();
    if (!backend->batches) {
        rig_close();
        runner_skip("this backend makes each send by itself");
    }
    rig_pair_open(&p);
}

WEIR_TEST_BACKENDS(a_send_soon_takes_what_there_is_room_for_and_never_waits) {
    size_t sum = 0, got = 0;
    int64_t n;
    batching_pair_open();
    weir__sys_limits.ring_tries = 0; /* through the ring */
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 + (i >> 11));
    for (;;) {
        size_t len = sizeof big - sum < 10000 ? sizeof big - sum : 10000;
        struct rig_op o = rig_bytes_op(WEIR__SEND_SOON, &p.here, big + sum, len);
        if (len == 0 || (n = rig_run(&o)) < 0)
            break;
        assert_in_range((size_t)n, 1, len);
        sum += (size_t)n;
    }
    if (sum < sizeof big)
        assert_int_equal(n, -EAGAIN);
    for (; got < sum; got += (size_t)n) {
        n = rig_recv_into(&p.there, more + got, sizeof more - got);
        assert_true(n > 0);
    }
    assert_int_equal(got, sum);
    assert_memory_equal(big, more, sum);
    rig_pair_close(&p);
    rig_close();
}

WEIR_TEST_BACKENDS(a_send_soon_is_the_files_one_writer_and_leaves_before_a_close) {
    struct rig_op first, second;
    char buf[16];
    batching_pair_open();
    weir__sys_limits.ring_tries = 0;
    first = rig_bytes_op(WEIR__SEND_SOON, &p.here, "first", 5);
    rig_submit(&first);
    if (!first.done) {
        second = rig_bytes_op(WEIR__SEND, &p.here, "second", 6);
        assert_int_equal(rig_run(&second), -EBUSY);
    }
    rig_close_file(&p.here);
    rig_wait(&first);
    assert_int_equal(rig_recv(&p.there, buf, sizeof buf), 5);
    assert_memory_equal(buf, "first", 5);
    assert_int_equal(rig_recv(&p.there, buf, sizeof buf), 0);
    rig_close_file(&p.there);
    rig_close_file(&p.listener);
    rig_close();
}

WEIR_TEST_BACKENDS(a_send_soon_to_a_peer_that_has_gone_fails) {
    int64_t n = 0;
    batching_pair_open();
    weir__sys_limits.ring_tries = 0;
    assert_int_equal(rig_option(&p.there, WEIR__LINGER0, 1), 0);
    rig_close_file(&p.there);
    while (n >= 0) {
        struct rig_op o = rig_bytes_op(WEIR__SEND_SOON, &p.here, "hello", 5);
        rig_pass(RIG_SETTLED);
        n = rig_run(&o);
    }
    assert_true(n == -ECONNRESET || n == -EPIPE);
    rig_close_file(&p.here);
    rig_close_file(&p.listener);
    rig_close();
}

WEIR_TEST_BACKENDS(single_tries_on_a_blocking_pipe_never_block) {
    KERNEL_ONLY();
    int fds[2];
    char buf[16];
    rig_open();
    assert_int_equal(pipe(fds), 0);
    struct weir__file r = {.fd = fds[0], .foreign = true}, w = {.fd = fds[1], .foreign = true};
    struct rig_op a = rig_op(WEIR__ATTACH, &r), b = rig_op(WEIR__ATTACH, &w);
    assert_int_equal(rig_run(&a), 0);
    assert_int_equal(rig_run(&b), 0);
    a = rig_bytes_op(WEIR__READ_FD, &r, buf, sizeof buf);
    assert_int_equal(rig_run(&a), -EAGAIN);
    b = rig_bytes_op(WEIR__WRITE_FD, &w, big, sizeof big);
    int64_t n, sum = 0;
    while ((n = rig_run(&b)) > 0)
        sum += n;
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(sum, 65536);
    assert_int_equal(rig_run(&a), sizeof buf);
    rig_close_file(&r);
    close(fds[0]); /* foreign: still ours to close */
    assert_int_equal(rig_run(&b), -EPIPE);
    rig_close_file(&w);
    close(fds[1]);
    rig_close();
}

WEIR_TEST_BACKENDS(closing_a_foreign_file_ends_its_polls) {
    KERNEL_ONLY();
    int fds[2];
    rig_open();
    assert_int_equal(pipe(fds), 0);
    struct weir__file r = {.fd = fds[0], .foreign = true};
    struct rig_op a = rig_op(WEIR__ATTACH, &r), s = rig_op(WEIR__POLL, &r), other;
    assert_int_equal(rig_run(&a), 0);
    s.op.u.poll.fd = fds[0];
    s.op.u.poll.events = POLLIN;
    other = s;
    other.op.file = NULL;
    rig_submit(&s);
    rig_submit(&other);
    rig_turn(0);
    rig_close_file(&r);
    assert_true(s.done != 0);
    assert_int_equal(s.op.result, -ECANCELED);
    assert_int_equal(rig_stop(&other), -ECANCELED);
    close(fds[0]), close(fds[1]);
    rig_close();
}

WEIR_TEST_BACKENDS(unix_sockets_with_boundaries_lose_no_edge) {
    KERNEL_ONLY();
    int fds[2];
    struct weir__file here = {0}, there = {0};
    rig_open();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(rig_attach(&here, fds[0]), 0);
    assert_int_equal(rig_attach(&there, fds[1]), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rig_send(&here, "packet", 6), 6);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rig_recv(&there, more, sizeof more), 6);
    rig_close_file(&here);
    assert_int_equal(rig_recv(&there, more, sizeof more), 0);
    rig_close_file(&there);
    rig_close();
}
