/* SPDX-License-Identifier: MIT */
/* pressure_test.c - the kernel backends with too few buffers, too many files, and cancels at every
 * moment. Limits are made small, so that each bound is reached. */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/random.h"
#include "sys/op_rig.h"

static struct rig_pair p;
static char big[1 << 20], more[1 << 20];
static struct weir__random chance = {.state = 7};

static uint32_t below(uint32_t n) {
    return (uint32_t)weir__random_below(&chance, n);
}

static void shrink(uint32_t ring_buffers, uint32_t bulk_count) {
    weir__sys_limits.ring_buffers = ring_buffers;
    weir__sys_limits.ring_buffer_size = 64;
    weir__sys_limits.bulk_count = bulk_count;
    weir__sys_limits.bulk_size = 96;
    weir__sys_limits.spill_size = 64;
    weir__sys_limits.turn_bytes = 100;
    weir__sys_limits.turn_accepts = 2;
    weir__sys_limits.turn_sent = 1 + below(20000);
    weir__sys_limits.sent_piece = 1 + below(5000);
    weir__sys_limits.small_send = 1 + below(2000);
    weir__sys_limits.ring_entries = 4;
    weir__sys_limits.ring_tries = below(3);
    weir__sys_limits.ring_slots = 16;
    weir__sys_limits.ring_slot_sends = 1 + below(3);
}

/* ---- few buffers ---------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_tiny_ring_carries_a_long_transfer) {
    KERNEL_ONLY();
    shrink(4, 1);
    rig_open();
    rig_pair_open(&p);
    rig_pattern(big, sizeof big);
    const size_t len = 100000;
    struct rig_op out = rig_bytes_op(WEIR__SEND, &p.here, big, len);
    rig_submit(&out);
    for (size_t got = 0; got < len;) {
        int64_t n = below(3) == 0 ? rig_recv_into(&p.there, more + got, 1 + below(200))
                                  : rig_recv(&p.there, more + got, sizeof more - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_int_equal(rig_wait(&out), len);
    assert_memory_equal(big, more, len);
    rig_pair_close(&p);
    rig_close();
}

/* Slow users pin more pieces than there are buffers: the others still get theirs. */
WEIR_TEST_BACKENDS(pinned_buffers_do_not_starve_the_others) {
    KERNEL_ONLY();
    enum { MANY = 24 };
    static struct rig_pair pairs[MANY];
    static struct rig_op held[MANY][2];
    shrink(4, 2);
    rig_open();
    for (int i = 0; i < MANY; i++) {
        rig_pair_open(&pairs[i]);
        for (int j = 0; j < 2; j++) {
            held[i][j] = rig_op(WEIR__RECV, &pairs[i].there);
            assert_int_equal(rig_send(&pairs[i].here, "pinned", 6), 6);
            assert_int_equal(rig_run(&held[i][j]), 6);
        }
    }
    for (int i = 0; i < MANY; i++) {
        char buf[200];
        assert_int_equal(rig_send(&pairs[i].here, "free", 4), 4);
        assert_int_equal(rig_recv(&pairs[i].there, buf, sizeof buf), 4);
        assert_memory_equal(held[i][0].op.u.lent.base, "pinned", 6);
    }
    for (int i = 0; i < MANY; i++) {
        weir__release(backend, &held[i][0].op.u.lent);
        weir__release(backend, &held[i][1].op.u.lent);
        rig_pair_close(&pairs[i]);
    }
    rig_close();
}

/* Nobody reads one file: what the backend keeps for it stays bounded, and another file lives. */
WEIR_TEST_BACKENDS(an_unread_file_stops_being_received) {
    KERNEL_ONLY();
    static struct rig_pair other;
    char buf[300];
    struct rig_op w, r = rig_op(WEIR__RECV, &p.there);
    shrink(8, 2);
    rig_open();
    rig_pair_open(&p);
    rig_pair_open(&other);
    rig_pattern(big, sizeof big);
    rig_submit(&r); /* arms it */
    rig_turn(0);
    assert_int_equal(rig_stop(&r), -ECANCELED);
    size_t live = weir__alloc_live();
    size_t sum = rig_fill(&p.here, &w, big, sizeof big) + sizeof big, got = 0;
    assert_true(weir__alloc_live() <= live + 8 + 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(rig_send(&other.here, "other", 5), 5);
        assert_int_equal(rig_recv(&other.there, buf, sizeof buf), 5);
    }
    while (got < sum) {
        int64_t n = rig_recv_into(&p.there, more, sizeof more);
        assert_true(n > 0);
        for (int64_t i = 0; i < n; i += 61)
            assert_int_equal(more[i], big[(got + (size_t)i) % sizeof big]);
        got += (size_t)n;
    }
    assert_int_equal(rig_wait(&w), sizeof big);
    rig_pair_close(&p);
    rig_pair_close(&other);
    rig_close();
}

WEIR_TEST_BACKENDS(closing_an_unread_file_gives_everything_back) {
    KERNEL_ONLY();
    struct rig_op w, r = rig_op(WEIR__RECV, &p.there);
    shrink(8, 2);
    rig_open();
    for (int i = 0; i < 20; i++) {
        rig_pair_open(&p);
        rig_submit(&r);
        rig_turn(0);
        if (rig_stop(&r) > 0)
            weir__release(backend, &r.op.u.lent);
        rig_fill(&p.here, &w, big, 5000);
        rig_close_file(&p.there);
        assert_true(rig_stop(&w) < 0);
        rig_pair_close(&p);
    }
    rig_close();
}

/* ---- many files ----------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(many_files_all_get_their_echo) {
    KERNEL_ONLY();
    enum { MANY = 300 };
    static struct weir__file here[MANY], there[MANY];
    static struct rig_op in[MANY], out[MANY], conn[MANY];
    rig_open();
    struct weir__addr a = rig_listen_any(&p.listener, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(rig_socket(&here[i], AF_INET), 0);
        conn[i] = rig_op(WEIR__CONNECT, &here[i]);
        conn[i].op.u.addr = &a;
        rig_submit(&conn[i]);
    }
    for (int i = 0; i < MANY; i++) {
        struct rig_op s = rig_op(WEIR__ACCEPT, &p.listener);
        assert_int_equal(rig_attach(&there[i], (int)rig_run(&s)), 0);
        in[i] = rig_op(WEIR__RECV, &there[i]);
        rig_submit(&in[i]);
    }
    for (int i = 0; i < MANY; i++)
        assert_int_equal(rig_wait(&conn[i]), 0);
    for (int i = 0; i < MANY; i++) {
        out[i] = rig_bytes_op(WEIR__SEND, &here[i], &here[i].fd, sizeof(int));
        rig_submit(&out[i]);
    }
    long sum = 0, expected = 0;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(rig_wait(&out[i]), sizeof(int));
        assert_int_equal(rig_wait(&in[i]), sizeof(int));
        int fd;
        memcpy(&fd, in[i].op.u.lent.base, sizeof fd);
        weir__release(backend, &in[i].op.u.lent);
        sum += fd, expected += here[i].fd;
    }
    assert_int_equal(sum, expected);
    for (int i = 0; i < MANY; i++) {
        rig_close_file(&here[i]);
        rig_close_file(&there[i]);
    }
    rig_close_file(&p.listener);
    rig_close();
}

/* All close ops at once, with everything pending. */
WEIR_TEST_BACKENDS(many_files_close_in_one_turn) {
    KERNEL_ONLY();
    enum { MANY = 40 };
    static struct rig_pair pairs[MANY];
    static struct rig_op r[MANY], w[MANY], c[3 * MANY];
    shrink(8, 2);
    rig_open();
    for (int i = 0; i < MANY; i++) {
        rig_pair_open(&pairs[i]);
        r[i] = rig_op(WEIR__RECV, &pairs[i].here);
        rig_submit(&r[i]);
        rig_fill(&pairs[i].here, &w[i], big, sizeof big);
    }
    for (int i = 0; i < 3 * MANY; i++) {
        struct rig_pair *at = &pairs[i / 3];
        struct weir__file *files[] = {&at->here, &at->there, &at->listener};
        c[i] = rig_op(WEIR__CLOSE, files[i % 3]);
        rig_submit(&c[i]);
    }
    for (int i = 0; i < 3 * MANY; i++)
        assert_int_equal(rig_wait(&c[i]), 0);
    for (int i = 0; i < MANY; i++)
        assert_true(r[i].done != 0 && w[i].done != 0);
    rig_close();
}

WEIR_TEST_BACKENDS(out_of_descriptors_is_an_error_that_passes) {
    KERNEL_ONLY();
    struct rlimit old, low;
    struct rig_op s = rig_op(WEIR__ACCEPT, &p.listener);
    rig_open();
    struct weir__addr a = rig_listen_any(&p.listener, 4);
    assert_int_equal(rig_socket(&p.here, AF_INET), 0);
    assert_int_equal(rig_addr_op(WEIR__CONNECT, &p.here, &a), 0);
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    low.rlim_cur = (rlim_t)p.here.fd + 1;
    setrlimit(RLIMIT_NOFILE, &low);
    assert_int_equal(rig_run(&s), -EMFILE);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(rig_attach(&p.there, (int)rig_run(&s)), 0);
    rig_pair_close(&p);
    rig_close();
}

/* ---- cancels at random ---------------------------------------------------------------------- */

enum { POISON = 0x5a };

static long cancels(void) {
    const char *n = getenv("WEIR_CANCELS");
    return n != NULL ? atol(n) : 5000;
}

/* Sends of random length from poisoned memory, cancelled at random moments. Once an op is ours
 * again its buffer is overwritten with another value: bytes on the wire that have it were read by
 * the kernel too late. */
WEIR_TEST_BACKENDS(a_cancelled_send_reads_nothing_late) {
    KERNEL_ONLY();
    static struct rig_op w;
    weir__sys_limits.ring_entries = 8;
    weir__sys_limits.ring_tries = 0; /* all through the ring */
    weir__sys_limits.ring_slot_sends = 1000;
    rig_open();
    rig_pair_open(&p);
    for (long i = 0, left = cancels(); i < left; i++) {
        size_t len = 1 + below(below(20) == 0 ? (uint32_t)sizeof big : 3000);
        memset(big, POISON, len);
        w = rig_bytes_op(WEIR__SEND, &p.here, big, len);
        rig_submit(&w);
        for (uint32_t j = below(3); j > 0; j--)
            rig_turn(0);
        int64_t n = rig_stop(&w);
        assert_true(n == (int64_t)len || n == -ECANCELED);
        memset(big, 0, w.op.u.bytes.done + 1);
        if (below(4) != 0)
            continue;
        struct rig_op r = rig_op(WEIR__RECV, &p.there);
        rig_submit(&r);
        rig_turn(0);
        if (rig_stop(&r) <= 0)
            continue;
        for (int64_t k = 0; k < r.op.result; k++)
            assert_int_equal(r.op.u.lent.base[k], POISON);
        weir__release(backend, &r.op.u.lent);
    }
    rig_pair_close(&p);
    rig_close();
}

/* One-shot reads into own memory, cancelled at random moments: what was not read stays untouched,
 * and every byte arrives once, in order. */
WEIR_TEST_BACKENDS(a_cancelled_read_writes_nothing_late) {
    KERNEL_ONLY();
    static struct rig_op r;
    static uint8_t out[4096], in[1 << 17];
    uint8_t next_out = 0, next_in = 0;
    rig_open();
    rig_pair_open(&p);
    memset(in, 0, sizeof in);
    for (long i = 0, left = cancels(); i < left; i++) {
        size_t len = below(3) == 0 ? sizeof in : 1 + below(5000), sent = below(sizeof out);
        r = rig_bytes_op(WEIR__RECV_INTO, &p.there, in, len);
        rig_submit(&r);
        for (size_t k = 0; k < sent; k++)
            out[k] = next_out++ | 0;
        if (sent > 0)
            assert_int_equal(rig_send(&p.here, out, sent), sent);
        for (uint32_t j = below(3); j > 0; j--)
            rig_turn(0);
        int64_t n = rig_stop(&r);
        assert_true(n > 0 || n == -ECANCELED);
        for (int64_t k = 0; k < n; k++)
            assert_int_equal(in[k], next_in++);
        memset(in, 0, n > 0 ? (size_t)n : 0);
        if (i % 64 == 0)
            for (size_t k = 0; k < sizeof in; k++)
                assert_int_equal(in[k], 0);
    }
    rig_pair_close(&p);
    rig_close();
}
