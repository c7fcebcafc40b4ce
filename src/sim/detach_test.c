/* SPDX-License-Identifier: MIT */
/* detach_test.c - the op DETACH on every backend: a file leaves with the bytes that had come and
 * with what follows them, and another file, perhaps of another loop, goes on. In whatever order
 * bytes, the end, a reset, a cancel, a close and a fault fall: no byte is lost, none is doubled. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/random.h"
#include "sim/world_rig.h"

/* ---- one detach ------------------------------------------------------------------------------ */

enum { ROOM = 5 };

static struct rig_op detach_op(struct weir__file *f) {
    struct rig_op o = rig_op(WEIR__DETACH, f);
    o.op.u.detach.room = ROOM;
    o.op.u.detach.max = UINT32_MAX;
    return o;
}

/* Copy what came with a file that has left. Returns how many bytes. */
static size_t unpack(struct rig_op *o, uint8_t *to) {
    size_t len = o->op.u.detach.len;
    assert_true(o->op.result > 2);
    assert_int_equal(o->op.file->state, WEIR__FILE_NONE);
    assert_int_equal(o->op.file->fd, -1);
    assert_int_equal(len > 0, o->op.u.detach.block != NULL);
    if (len > 0)
        memcpy(to, o->op.u.detach.block + ROOM, len);
    weir__free(o->op.u.detach.block);
    return len;
}

/* Let io_uring receive what comes next to the file, although nobody asks for it. */
static void be_pushed(struct weir__file *f) {
    struct rig_op o;
    rig_recv_begin(&o, f);
    rig_turn(0);
    assert_int_equal(rig_stop(&o), -ECANCELED);
}

/* Detach f, take the descriptor into care again, and read until len bytes have come. */
static void expect_bytes_across(struct weir__file *f, const void *bytes, size_t len) {
    static uint8_t got[256];
    struct rig_op o = detach_op(f);
    assert_true(rig_run(&o) > 2);
    size_t n = unpack(&o, got);
    assert_int_equal(rig_attach(f, (int)o.op.result), 0);
    assert_int_equal(rig_recv_all(f, got + n, len - n), len - n);
    assert_memory_equal(got, bytes, len);
}

WEIR_TEST_BACKENDS(a_file_leaves_with_what_had_come) {
    struct rig_pair p;
    world_open(NULL);
    rig_pair_open(&p);
    for (int round = 0; round < 3; round++) {
        be_pushed(&p.there);
        assert_int_equal(rig_send(&p.here, "one", 3), 3);
        rig_pass(RIG_SETTLED);
        assert_int_equal(rig_send(&p.here, "two", 3), 3);
        expect_bytes_across(&p.there, "onetwo", 6);
        assert_int_equal(rig_send(&p.there, "back", 4), 4);
        expect_bytes_across(&p.here, "back", 4);
    }
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_file_that_nobody_has_read_leaves) {
    struct rig_pair p;
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_send(&p.here, "early", 5), 5);
    expect_bytes_across(&p.there, "early", 5);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_file_does_not_leave_while_another_op_is_pending) {
    struct rig_pair p;
    struct rig_op o, d;
    char byte;
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.there);
    d = detach_op(&p.there);
    assert_int_equal(rig_run(&d), -EBUSY);
    assert_int_equal(rig_stop(&o), -ECANCELED);
    o = rig_op(WEIR__POLL, &p.there);
    o.op.u.poll.fd = p.there.fd;
    o.op.u.poll.events = POLLIN;
    rig_submit(&o);
    d = detach_op(&p.there);
    assert_int_equal(rig_run(&d), -EBUSY);
    assert_int_equal(rig_stop(&o), -ECANCELED);
    assert_int_equal(rig_send(&p.here, "x", 1), 1);
    assert_int_equal(rig_recv(&p.there, &byte, 1), 1);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_file_does_not_leave_under_a_send) {
    enum { LEN = 1 << 20 };
    static char much[LEN], got[LEN];
    struct rig_pair p;
    struct rig_op stuck, d;
    world_open(NULL);
    rig_pair_open(&p);
    rig_option(&p.here, WEIR__SNDBUF, 64 << 10);
    rig_option(&p.there, WEIR__RCVBUF, 64 << 10);
    size_t sent = rig_fill(&p.here, &stuck, much, LEN);
    d = detach_op(&p.here);
    assert_int_equal(rig_run(&d), -EBUSY);
    while (sent > 0)
        sent -= rig_recv_all(&p.there, got, sent < LEN ? sent : LEN);
    assert_int_equal(rig_recv_all(&p.there, got, LEN), LEN);
    assert_int_equal(rig_wait(&stuck), LEN);
    expect_bytes_across(&p.here, "", 0);
    rig_pair_close(&p);
    world_close();
}

/* ---- what is behind the bytes ---------------------------------------------------------------- */

/* Receive what is left of f, and what ends it: 0 or an error. */
static int64_t drain(struct weir__file *f, uint8_t *to, size_t *len, size_t size) {
    int64_t n;
    while ((n = rig_recv(f, to + *len, size - *len)) > 0)
        *len += (size_t)n;
    return n;
}

/* The peer's bytes, then its end or its reset: both come in their place. */
static void leave_at_the_end(bool resets) {
    struct rig_pair p;
    uint8_t got[16];
    world_open(NULL);
    rig_pair_open(&p);
    be_pushed(&p.there);
    assert_int_equal(rig_send(&p.here, "last", 4), 4);
    rig_pass(RIG_SETTLED);
    if (resets)
        assert_int_equal(rig_option(&p.here, WEIR__LINGER0, 1), 0);
    rig_close_file(&p.here);
    rig_pass(RIG_SETTLED);
    struct rig_op o = detach_op(&p.there);
    assert_true(rig_run(&o) > 2);
    size_t len = unpack(&o, got);
    int end = o.op.u.detach.end;
    assert_int_equal(rig_attach(&p.there, (int)o.op.result), 0);
    int64_t rc = end == 1 ? drain(&p.there, got, &len, sizeof got) : end;
    assert_int_equal(rc, resets ? -ECONNRESET : 0);
    assert_int_equal(len, 4);
    assert_memory_equal(got, "last", 4);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(an_end_of_the_stream_comes_behind_the_bytes) {
    leave_at_the_end(false);
}

WEIR_TEST_BACKENDS(a_reset_comes_behind_the_bytes) {
    leave_at_the_end(true);
}

WEIR_TEST_BACKENDS(a_file_whose_error_would_be_lost_stays_if_asked_to) {
    struct rig_pair p;
    uint8_t got[16];
    size_t len = 0;
    world_open(NULL);
    rig_pair_open(&p);
    be_pushed(&p.there);
    assert_int_equal(rig_send(&p.here, "last", 4), 4);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_option(&p.here, WEIR__LINGER0, 1), 0);
    rig_close_file(&p.here);
    rig_pass(RIG_SETTLED);
    struct rig_op o = detach_op(&p.there);
    o.op.u.detach.whole = true;
    if (rig_run(&o) > 2) { /* the kernel still has all of it */
        assert_int_equal(o.op.u.detach.end, 1);
        len = unpack(&o, got);
        assert_int_equal(rig_attach(&p.there, (int)o.op.result), 0);
    } else {
        assert_int_equal(o.op.result, -ECONNRESET);
    }
    assert_int_equal(drain(&p.there, got, &len, sizeof got), -ECONNRESET);
    assert_int_equal(len, 4);
    rig_pair_close(&p);
    world_close();
}

/* ---- refused, cancelled, closed, struck ------------------------------------------------------ */

WEIR_TEST_BACKENDS(a_file_with_too_many_bytes_stays_as_it_was) {
    struct rig_pair p;
    uint8_t got[16];
    world_open(NULL);
    rig_pair_open(&p);
    be_pushed(&p.there);
    assert_int_equal(rig_send(&p.here, "12345", 5), 5);
    rig_pass(RIG_SETTLED);
    struct rig_op o = detach_op(&p.there);
    o.op.u.detach.max = 4;
    if (rig_run(&o) > 2) { /* the kernel has them */
        assert_int_equal(unpack(&o, got), 0);
        assert_int_equal(rig_attach(&p.there, (int)o.op.result), 0);
    } else {
        assert_int_equal(o.op.result, WEIR_ETOOBIG);
    }
    expect_bytes_across(&p.there, "12345", 5);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(without_memory_a_file_stays_as_it_was) {
    struct rig_pair p;
    uint8_t got[16];
    world_open(NULL);
    rig_pair_open(&p);
    be_pushed(&p.there);
    assert_int_equal(rig_send(&p.here, "12345", 5), 5);
    rig_pass(RIG_SETTLED);
    struct rig_op o = detach_op(&p.there);
    weir__alloc_fail_at(1);
    int64_t rc = rig_run(&o);
    weir__alloc_fail_at(0);
    if (rc > 2) { /* nothing was to be allocated: the kernel has the bytes */
        assert_int_equal(unpack(&o, got), 0);
        assert_int_equal(rig_attach(&p.there, (int)rc), 0);
    } else {
        assert_int_equal(rc, -ENOMEM);
    }
    expect_bytes_across(&p.there, "12345", 5);
    rig_pair_close(&p);
    world_close();
}

/* After `turns` turns the detach is cancelled, while bytes are on the way. */
WEIR_TEST_BACKENDS(a_cancelled_detach_loses_nothing) {
    struct rig_pair p;
    uint8_t got[16];
    char text[4];
    world_open(NULL);
    rig_pair_open(&p);
    for (int turns = 0; turns < 4; turns++) {
        be_pushed(&p.there);
        assert_int_equal(rig_send(&p.here, "abc", 3), 3);
        struct rig_op o = detach_op(&p.there);
        rig_submit(&o);
        for (int i = 0; i < turns && o.done == 0; i++)
            rig_turn(rig_now() + 10000);
        size_t len = 0;
        if (rig_stop(&o) > 2) {
            len = unpack(&o, got);
            assert_int_equal(rig_attach(&p.there, (int)o.op.result), 0);
        } else {
            assert_int_equal(o.op.result, -ECANCELED);
            assert_int_equal(p.there.state, WEIR__FILE_KEPT);
        }
        assert_int_equal(rig_recv_all(&p.there, got + len, 3 - len), 3 - len);
        assert_memory_equal(got, "abc", 3);
        assert_int_equal(rig_send(&p.there, "ok", 2), 2);
        assert_int_equal(rig_recv_all(&p.here, text, 2), 2);
    }
    rig_pair_close(&p);
    world_close();
}

static void close_behind_detach(const struct sim_config *config) {
    struct rig_pair p;
    uint8_t got[16];
    char byte;
    world_open(config);
    rig_pair_open(&p);
    be_pushed(&p.there);
    struct rig_op o = detach_op(&p.there), c = rig_op(WEIR__CLOSE, &p.there);
    rig_submit(&o);
    rig_submit(&c);
    assert_int_equal(rig_wait(&c), 0);
    assert_true(o.done != 0 && o.done < c.done);
    if (o.op.result > 2) { /* it had left already: nobody has closed it */
        unpack(&o, got);
        assert_int_equal(rig_attach(&p.there, (int)o.op.result), 0);
        rig_close_file(&p.there);
    }
    assert_int_equal(rig_recv(&p.here, &byte, 1), 0);
    p.there.fd = -1;
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_close_ends_a_detach_first) {
    close_behind_detach(NULL);
}

WEIR_TEST(a_close_ends_a_detach_first_however_that_leaves) {
    struct sim_config c;
    weir__sim_config_defaults(&c);
    c.deferred = c.permutes = true;
    for (c.seed = 1; c.seed <= 20; c.seed++)
        close_behind_detach(&c);
}

WEIR_TEST_BACKENDS(a_detach_that_is_struck_loses_nothing) {
    const enum fault_effect effects[] = {FAULT_ERROR, FAULT_LATE, FAULT_NEVER};
    for (int i = 0; i < 3; i++) {
        struct fault_plan plan = {.kinds = (uint64_t)1 << WEIR__DETACH, .effect = effects[i],
                                  .error = -EIO, .late_ns = WEIR_MILLISECONDS(3), .nth = 1};
        struct rig_pair p;
        uint8_t got[16];
        size_t len = 0;
        weir__fault_arm(&plan);
        world_open(NULL);
        rig_pair_open(&p);
        be_pushed(&p.there);
        assert_int_equal(rig_send(&p.here, "abc", 3), 3);
        struct rig_op o = detach_op(&p.there);
        rig_submit(&o);
        rig_pass(WEIR_MILLISECONDS(5));
        if (rig_stop(&o) > 2) {
            len = unpack(&o, got);
            assert_int_equal(rig_attach(&p.there, (int)o.op.result), 0);
        }
        assert_int_equal(weir__fault_struck(), 1);
        assert_int_equal(effects[i] == FAULT_LATE, o.op.result > 2);
        assert_int_equal(rig_recv_all(&p.there, got + len, 3 - len), 3 - len);
        assert_memory_equal(got, "abc", 3);
        rig_pair_close(&p);
        world_close();
        weir__fault_arm(NULL);
    }
}

/* ---- a peer that keeps writing --------------------------------------------------------------- */

enum { STORM = 300 << 10, ROUNDS = 12 };

static uint8_t storm_sent[STORM], storm_got[STORM + 1];

/* The stream's reader, which moves between two loops. */
struct mover {
    struct weir__file file;
    struct weir__backend *loops[2];
    struct weir__random random;
    struct rig_op op;
    uint8_t *into; /* of a RECV_INTO */
    size_t len;
    unsigned moved, stayed;
    int64_t end; /* 1: none yet */
};

static uint64_t some(struct mover *m, uint64_t below) {
    return weir__random_below(&m->random, below);
}

static void begin(struct mover *m) {
    size_t left = sizeof storm_got - m->len;
    uint64_t what = some(m, 5);
    if (what < 2) {
        m->op = detach_op(&m->file);
    } else if (what == 2) {
        m->op = rig_bytes_op(WEIR__RECV_INTO, &m->file, storm_got + m->len, 1 + some(m, left));
    } else {
        m->op = rig_op(WEIR__RECV, &m->file);
    }
    rig_submit(&m->op);
}

/* The file has left: the same loop, or the other one, takes the descriptor. */
static void move_on(struct mover *m) {
    m->len += unpack(&m->op, storm_got + m->len);
    m->end = m->op.op.u.detach.end;
    backend = m->loops[some(m, 2)];
    assert_int_equal(rig_attach(&m->file, (int)m->op.op.result), 0);
    m->moved++;
}

static void finish(struct mover *m) {
    struct weir__op *op = &m->op.op;
    int64_t n = op->result;
    if (op->kind == WEIR__DETACH && n > 2) {
        move_on(m);
    } else if (n == -ECANCELED) {
        m->stayed++;
    } else if (n <= 0) {
        m->end = n;
    } else if (op->kind == WEIR__RECV) {
        assert_true(m->len + (size_t)n <= sizeof storm_got);
        memcpy(storm_got + m->len, op->u.lent.base, (size_t)n);
        weir__release(backend, &op->u.lent);
        m->len += (size_t)n;
    } else {
        m->len += (size_t)n;
    }
}

static void move_until_the_end(struct mover *m) {
    m->end = 1;
    while (m->end == 1) {
        begin(m);
        for (uint64_t turns = some(m, 3); turns > 0 && m->op.done == 0; turns--)
            rig_turn(rig_now() + (weir_ns)some(m, 200000));
        if (m->op.done == 0 && some(m, 2) == 0)
            rig_cancel(&m->op);
        rig_wait(&m->op);
        finish(m);
    }
}

/* ---- with a real peer, on another thread ---- */

struct writer {
    int fd;
    uint64_t seed;
    bool resets;
};

/* Sizes from one byte to more than a buffer of the ring; then the end, or a reset. */
static void *write_all(void *arg) {
    struct writer *w = arg;
    struct weir__random random = {w->seed};
    struct linger now = {.l_onoff = 1};
    for (size_t at = 0; at < STORM;) {
        size_t most = weir__random_below(&random, 4) == 0 ? 40 << 10 : 700;
        size_t len = 1 + (size_t)weir__random_below(&random, most);
        if (len > STORM - at)
            len = STORM - at;
        ssize_t n = send(w->fd, storm_sent + at, len, MSG_NOSIGNAL);
        if (n < 0)
            break;
        at += (size_t)n;
    }
    if (w->resets)
        setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(w->fd);
    return NULL;
}

static void connect_writer(struct mover *m, struct writer *w) {
    struct weir__file listener;
    struct weir__addr a = rig_listen_any(&listener, 1);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(w->fd, &a.sa, a.len), 0);
    assert_int_equal(rig_accept(&listener, &m->file), 0);
    rig_close_file(&listener);
}

static void open_loops(struct mover *m) {
    for (int i = 1; i >= 0; i--) {
        rig_open();
        m->loops[i] = backend;
    }
}

static void close_loops(struct mover *m) {
    rig_close_file(&m->file);
    for (int i = 0; i < 2; i++) {
        backend = m->loops[i];
        rig_close();
    }
}

static void move_under_a_thread(bool resets) {
    unsigned moved = 0;
    rig_pattern(storm_sent, STORM);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        struct mover m = {.random = {round}};
        struct writer w = {.seed = round, .resets = resets};
        pthread_t thread;
        open_loops(&m);
        connect_writer(&m, &w);
        assert_int_equal(pthread_create(&thread, NULL, write_all, &w), 0);
        move_until_the_end(&m);
        pthread_join(thread, NULL);
        assert_int_equal(m.end, resets ? -ECONNRESET : 0);
        assert_true(resets ? m.len <= STORM : m.len == STORM);
        assert_memory_equal(storm_got, storm_sent, m.len);
        moved += m.moved;
        close_loops(&m);
    }
    assert_true(moved > ROUNDS);
}

WEIR_TEST_BACKENDS(a_stream_moves_between_loops_while_its_peer_writes) {
    KERNEL_ONLY();
    move_under_a_thread(false);
}

WEIR_TEST_BACKENDS(a_stream_moves_between_loops_until_its_peer_resets_it) {
    KERNEL_ONLY();
    move_under_a_thread(true);
}

/* ---- with a simulated peer ---- */

static void move_in_a_world(uint64_t seed, bool resets) {
    struct sim_config c;
    struct mover m = {.random = {seed}};
    struct weir__file listener, peer;
    struct rig_op s;
    const char *why;
    weir__sim_config_defaults(&c);
    world_vary(&c);
    c.seed = seed;
    c.permutes = true;
    world_open(&c);
    m.loops[0] = backend;
    assert_int_equal(weir__backend_open("sim", &m.loops[1], &why), 0);
    struct weir__addr a = rig_listen_any(&listener, 1);
    assert_int_equal(rig_connect(&peer, &a), 0);
    assert_int_equal(rig_accept(&listener, &m.file), 0);
    rig_close_file(&listener);
    size_t len = 1 + (size_t)some(&m, 8 << 10);
    rig_send_begin(&s, &peer, storm_sent, len);
    rig_settle();
    assert_int_equal(s.done != 0 ? s.op.result : (int64_t)len, len);
    if (s.done != 0 && resets)
        rig_option(&peer, WEIR__LINGER0, 1);
    if (s.done != 0)
        rig_close_file(&peer);
    else
        assert_int_equal(rig_wait(&s), len);
    move_until_the_end(&m);
    assert_memory_equal(storm_got, storm_sent, m.len);
    assert_true(resets || m.len == len);
    rig_close_file(&m.file);
    backend = m.loops[1];
    rig_close();
    backend = m.loops[0];
    world_close();
}

WEIR_TEST(in_a_simulation_a_stream_moves_under_every_seed) {
    runner_plain_order();
    test_backend = "sim";
    rig_pattern(storm_sent, STORM);
    for (uint64_t seed = 1; seed <= 200; seed++)
        move_in_a_world(seed, seed % 3 == 0);
}

WEIR_TEST(the_simulations_detach_keeps_its_word_in_strange_worlds_too) {
    if (getenv("WEIR_TEST_SIM") != NULL)
        return;
    world_again("deferred");
    world_again("tiny");
}
