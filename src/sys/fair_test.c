/* SPDX-License-Identifier: MIT */
/* fair_test.c - however fast the peer is, a turn sends and accepts no more than its share. The
 * peers are threads that only read, so that a socket could take bytes for ever. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sys/op_rig.h"

/* ---- a peer that only reads ----------------------------------------------------------------- */

struct reader {
    pthread_t thread;
    int listener;
    _Atomic size_t got;
    struct weir__file file; /* our end */
};

static void *read_all(void *arg) {
    struct reader *r = arg;
    static _Thread_local char buf[1 << 20];
    int fd = accept(r->listener, NULL, NULL);
    ssize_t n;
    while ((n = recv(fd, buf, sizeof buf, 0)) > 0)
        atomic_fetch_add(&r->got, (size_t)n);
    close(fd);
    return NULL;
}

static void reader_open(struct reader *r) {
    struct weir__addr a = rig_addr("127.0.0.1", 0);
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(r->listener >= 0);
    assert_int_equal(bind(r->listener, &a.sa, a.len), 0);
    assert_int_equal(listen(r->listener, 1), 0);
    assert_int_equal(getsockname(r->listener, &a.sa, &a.len), 0);
    assert_int_equal(pthread_create(&r->thread, NULL, read_all, r), 0);
    assert_int_equal(rig_socket(&r->file, AF_INET), 0);
    assert_int_equal(rig_addr_op(WEIR__CONNECT, &r->file, &a), 0);
}

/* Returns how many bytes it got. */
static size_t reader_close(struct reader *r) {
    rig_close_file(&r->file);
    pthread_join(r->thread, NULL);
    close(r->listener);
    return r->got;
}

/* ---- sending -------------------------------------------------------------------------------- */

enum { MUCH = 32 << 20, FILES = 6, PARTS = 3000 };

static size_t done_of(const struct rig_op *s) {
    return s->op.kind == WEIR__SEND ? s->op.u.bytes.done : s->op.u.vector.done;
}

static size_t share(void) {
    return weir__sys_limits.turn_sent + weir__sys_limits.small_send;
}

/* Take turns until all of them are over; none may move more than a share. */
static void finish_in_shares(struct rig_op *steps, int count, size_t before) {
    int over = 0;
    weir_ns limit = rig_in_ms(15000);
    while (over < count) {
        size_t sum = 0;
        assert_true(rig_now() < limit);
        rig_turn(limit);
        over = 0;
        for (int i = 0; i < count; i++) {
            sum += done_of(&steps[i]);
            over += steps[i].done != 0;
        }
        assert_in_range(sum - before, 0, share());
        before = sum;
    }
}

WEIR_TEST_BACKENDS(a_turn_sends_no_more_than_its_share) {
    KERNEL_ONLY();
    static struct reader r;
    char *much = calloc(1, MUCH);
    rig_open();
    reader_open(&r);
    struct rig_op out = rig_bytes_op(WEIR__SEND, &r.file, much, MUCH);
    assert_int_equal(rig_submit(&out), WEIR__PENDING);
    assert_in_range(done_of(&out), 1, share());
    finish_in_shares(&out, 1, done_of(&out));
    assert_int_equal(out.op.result, MUCH);
    assert_int_equal(reader_close(&r), MUCH);
    rig_close();
    free(much);
}

WEIR_TEST_BACKENDS(a_vector_of_many_parts_is_sent_in_shares) {
    KERNEL_ONLY();
    static struct reader r;
    static struct iovec v[PARTS + 1];
    char *much = calloc(1, MUCH);
    rig_open();
    reader_open(&r);
    for (int i = 0; i < PARTS; i++)
        v[i] = (struct iovec){much + i, (size_t)(i % 3 == 0 ? 0 : i)};
    v[PARTS] = (struct iovec){much, MUCH};
    size_t len = MUCH;
    for (int i = 0; i < PARTS; i++)
        len += v[i].iov_len;
    struct rig_op out = rig_op(WEIR__SENDV, &r.file);
    out.op.u.vector.vec = v;
    out.op.u.vector.count = PARTS + 1;
    assert_int_equal(rig_submit(&out), WEIR__PENDING);
    assert_in_range(done_of(&out), 1, share());
    finish_in_shares(&out, 1, done_of(&out));
    assert_int_equal(out.op.result, len);
    assert_int_equal(reader_close(&r), len);
    rig_close();
    free(much);
}

WEIR_TEST_BACKENDS(many_writers_share_a_turn) {
    KERNEL_ONLY();
    static struct reader r[FILES];
    static struct rig_op out[FILES];
    char *much = calloc(1, MUCH);
    size_t sum = 0;
    rig_open();
    for (int i = 0; i < FILES; i++)
        reader_open(&r[i]);
    rig_turn(0);
    for (int i = 0; i < FILES; i++) {
        out[i] = rig_bytes_op(WEIR__SEND, &r[i].file, much, MUCH / FILES);
        rig_submit(&out[i]);
        sum += done_of(&out[i]);
    }
    assert_in_range(sum, 1, share());
    finish_in_shares(out, FILES, sum);
    for (int i = 0; i < FILES; i++)
        assert_int_equal(reader_close(&r[i]), MUCH / FILES);
    rig_close();
    free(much);
}

/* Its socket has room, only the turn has none: the kernel holds nothing of it. */
WEIR_TEST_BACKENDS(a_ready_writer_is_cancelled_at_once) {
    KERNEL_ONLY();
    static struct reader r;
    char *much = calloc(1, MUCH);
    rig_open();
    reader_open(&r);
    rig_turn(0);
    struct rig_op out = rig_bytes_op(WEIR__SEND, &r.file, much, MUCH);
    assert_int_equal(rig_submit(&out), WEIR__PENDING);
    assert_int_equal(weir__cancel(backend, &out.op), WEIR__DONE);
    assert_int_equal(out.op.result, -ECANCELED);
    assert_in_range(out.op.u.bytes.done, 1, share());
    struct rig_op next = rig_bytes_op(WEIR__SEND, &r.file, much, MUCH);
    rig_submit(&next);
    for (int i = 0; i < 10; i++)
        rig_turn(0);
    struct rig_op closing = rig_op(WEIR__CLOSE, &r.file);
    rig_submit(&closing); /* ends the writer, wherever it is */
    rig_wait(&closing);
    assert_true(next.done != 0);
    assert_int_equal(next.op.result, -ECANCELED);
    pthread_join(r.thread, NULL);
    close(r.listener);
    assert_int_equal(r.got, out.op.u.bytes.done + next.op.u.bytes.done);
    rig_close();
    free(much);
}

WEIR_TEST_BACKENDS(a_small_send_does_not_wait_behind_a_large_one) {
    KERNEL_ONLY();
    static struct reader large, small;
    char *much = calloc(1, MUCH);
    rig_open();
    reader_open(&large);
    reader_open(&small);
    struct rig_op out = rig_bytes_op(WEIR__SEND, &large.file, much, MUCH);
    rig_submit(&out);
    for (int i = 0; i < 20; i++) {
        struct rig_op echo = rig_bytes_op(WEIR__SEND, &small.file, much, 64);
        rig_submit(&echo);
        if (echo.done == 0)
            rig_turn(0);
        assert_true(echo.done != 0);
        assert_int_equal(echo.op.result, 64);
    }
    rig_wait(&out);
    assert_int_equal(reader_close(&large), MUCH);
    assert_int_equal(reader_close(&small), 20 * 64);
    rig_close();
    free(much);
}

/* A peer that sends no more, and reads nothing for now: a writer waits for room, and the loop
 * sleeps. */
static void sleep_beside_half_closed(size_t len) {
    static char much[200000];
    int pair[2], few = 4096;
    struct weir__file file = {.fd = -1};
    rig_open();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof few);
    shutdown(pair[1], SHUT_WR);
    assert_int_equal(rig_attach(&file, pair[0]), 0);
    struct rig_op out;
    do {
        out = rig_bytes_op(WEIR__SEND, &file, much, len);
        rig_submit(&out);
        rig_settle();
    } while (out.done != 0);
    int turns = 0;
    for (weir_ns end = rig_in_ms(30); rig_now() < end; turns++)
        rig_turn(end);
    assert_in_range(turns, 1, 100);
    while (out.done == 0 || recv(pair[1], much, sizeof much, MSG_DONTWAIT) > 0) {
        recv(pair[1], much, sizeof much, MSG_DONTWAIT);
        rig_turn(0);
    }
    assert_int_equal(out.op.result, len);
    rig_close_file(&file);
    close(pair[1]);
    rig_close();
}

WEIR_TEST_BACKENDS(a_writer_to_a_half_closed_peer_lets_the_loop_sleep) {
    KERNEL_ONLY();
    sleep_beside_half_closed(3000);
    sleep_beside_half_closed(200000);
}

/* ---- accepting ------------------------------------------------------------------------------ */

WEIR_TEST_BACKENDS(a_turn_accepts_no_more_than_its_share) {
    KERNEL_ONLY();
    enum { CROWD = 300 };
    static struct weir__file listener;
    static int clients[CROWD];
    rig_open();
    struct weir__addr a = rig_listen_any(&listener, CROWD);
    for (int i = 0; i < CROWD; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(clients[i] >= 0);
        assert_int_equal(connect(clients[i], &a.sa, a.len), 0);
    }
    struct rig_op take = rig_op(WEIR__ACCEPT, &listener);
    rig_submit(&take);
    for (int taken = 0, in_turn = 0; taken < CROWD; taken++, in_turn++) {
        if (take.done == 0) {
            in_turn = 0;
            rig_wait(&take);
        }
        assert_true(take.op.result >= 0);
        close((int)take.op.result);
        assert_in_range(in_turn, 0, weir__sys_limits.turn_accepts);
        rig_submit(&take);
    }
    rig_stop(&take);
    rig_close_file(&listener);
    for (int i = 0; i < CROWD; i++)
        close(clients[i]);
    rig_close();
}
