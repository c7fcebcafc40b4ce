/* SPDX-License-Identifier: MIT */
/* detach_loops_test.c - streams that go from one loop to another: of one thread, on every backend,
 * and of other threads, while a peer writes all the time. */
#include <errno.h>
#include <pthread.h>
#include <weir/detach.h>
#include <weir/drive.h>

#include "stream/stream_test_util.h"

/* ---- another loop ---------------------------------------------------------------------------- */

static struct weir_detached *passed;

static int read_passed(void *arg) {
    struct weir_stream *s;
    assert_int_equal(weir_attach(&passed, &s), 0);
    expect_bytes(s, "before");
    send_text(s, "answer");
    expect_bytes(s, "after");
    weir_close(&s);
    return 0;
}

static int pass_one(void *arg) {
    struct ends e = {.kind = KIND_TCP};
    struct weir_view v;
    ends_open(&e);
    send_text(e.a, "before");
    assert_int_equal(weir_peek(e.b, 1, &v), 6);
    assert_int_equal(weir_detach(&e.b, &passed), 0);
    expect_bytes(e.a, "answer");
    send_text(e.a, "after");
    char byte;
    assert_int_equal(weir_read(e.a, &byte, 1), 0);
    weir_close(&e.a);
    return 0;
}

/* Two loops of one thread, on every backend: in the simulation they share its world. */
WEIR_TEST_BACKENDS(a_stream_moves_from_one_loop_to_another) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    struct weir_loop *first, *second;
    assert_int_equal(weir_loop_open(&o, &first), 0);
    assert_int_equal(weir_loop_open(&o, &second), 0);
    weir_loop_use(first);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(pass_one), pass_one, NULL, 0, NULL, NULL), 0);
    while (passed == NULL)
        weir_loop_step(first, WEIR_MILLISECONDS(1));
    weir_loop_use(second);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(read_passed), read_passed, NULL, 0, NULL, NULL),
                     0);
    int live = 2;
    while (live > 0)
        live = weir_loop_step(first, WEIR_MILLISECONDS(1))
               + weir_loop_step(second, WEIR_MILLISECONDS(1));
    weir_loop_close(&second);
    weir_loop_close(&first);
}

/* ---- another thread -------------------------------------------------------------------------- */

enum { CROSSINGS = 40, CROSSED = 200 << 10 };

static int reader_of(void *arg) { /* a loop of a thread of its own: reads a part, passes it on */
    struct weir_detached **d = arg;
    static __thread uint8_t buf[CROSSED];
    struct weir_stream *s;
    assert_int_equal(weir_attach(d, &s), 0);
    ssize_t n = weir_read(s, buf, 1 + (size_t)(weir_random() % 9000));
    if (n > 0 && weir_write(s, buf, (size_t)n) < 0)
        n = -1;
    if (n > 0)
        assert_int_equal(weir_detach(&s, d), 0);
    weir_close(&s);
    return n < 0 ? -EIO : 0;
}

static void *run_reader(void *arg) {
    struct weir_run_options o = {.size = sizeof o, .backend = getenv("WEIR_BACKEND")};
    assert_int_equal(weir_run(reader_of, arg, &o), 0);
    return NULL;
}

/* A peer with a plain socket: writes all the time, and reads what is sent back. */
static void *write_much(void *arg) {
    static uint8_t out[CROSSED];
    pattern_fill(out, 0, CROSSED);
    for (size_t at = 0; at < CROSSED;) {
        ssize_t n = send(*(int *)arg, out + at, CROSSED - at < 5000 ? CROSSED - at : 5000, 0);
        assert_true(n > 0);
        at += (size_t)n;
    }
    shutdown(*(int *)arg, SHUT_WR);
    return NULL;
}

static void *read_much(void *arg) {
    static uint8_t in[CROSSED + 1];
    size_t len = 0;
    ssize_t n;
    while ((n = recv(*(int *)arg, in + len, sizeof in - len, 0)) > 0)
        len += (size_t)n;
    assert_int_equal(len, CROSSED);
    pattern_check(in, 0, CROSSED);
    return NULL;
}

static int take_and_leave(void *arg) {
    struct weir_stream *s;
    assert_int_equal(weir_stream_from_socket(*(int *)arg, &s), 0);
    assert_int_equal(weir_detach(&s, &passed), 0);
    return 0;
}

/* The echo of the whole is made by one loop after the other, each on its own thread. */
WEIR_TEST_BACKENDS(a_stream_crosses_threads_while_its_peer_writes) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    pthread_t writer, reader, loop;
    int pair[2], crossed = 0;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has one thread");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(weir_run(take_and_leave, &pair[0], &o), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_much, &pair[1]), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_much, &pair[1]), 0);
    for (; passed != NULL; crossed++) {
        assert_int_equal(pthread_create(&loop, NULL, run_reader, &passed), 0);
        pthread_join(loop, NULL);
    }
    pthread_join(writer, NULL);
    pthread_join(reader, NULL);
    assert_true(crossed > CROSSED / 9001);
    close(pair[1]);
}
