/* SPDX-License-Identifier: MIT */
/* large_test.c - reads, writes and arguments of 4 GiB and more, on every kind of stream: no length,
 * count or result is cut to 32 bits. The memory is mapped but hardly touched; the peers
 * close early. */
#include <errno.h>
#include <sys/mman.h>

#include "stream/stream.h"
#include "stream/stream_test_util.h"

static const size_t gib = (size_t)1 << 30;
enum { ENOUGH = 300000 }; /* what the peer takes or gives before it leaves */

static char *map(size_t len, int prot) {
    void *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

/* ---- writes --------------------------------------------------------------------------------- */

static int takes_some(void *args) {
    struct doing *d = ((struct doing_args *)args)->d;
    static char buf[ENOUGH];
    assert_int_equal(weir_read_exactly(d->s, buf, sizeof buf), 0);
    weir_close(&d->s);
    return 0;
}

static void expect_gone(int rc) {
    const struct weir_error *e = weir_error(rc);
    assert_true(rc == -EPIPE || rc == -ECONNRESET);
    assert_true(e->done >= ENOUGH);
}

STREAM_STORY(KINDS_ALL, a_write_of_any_size_goes_on_until_its_peer_leaves) {
    const size_t sizes[] = {2 * gib, 4 * gib, 4 * gib + 1};
    char *memory = map(4 * gib + 1, PROT_READ);
    struct weir_group g;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct doing d = {.s = e->b};
        e->b = NULL;
        weir_group_open(&g, WEIR_TOGETHER);
        start(&g, takes_some, &d);
        expect_gone(weir_write(e->a, memory, sizes[i]));
        assert_int_equal(weir_group_close(&g, 0), 0);
        weir_close(&e->a);
        ends_open(e);
    }
    munmap(memory, 4 * gib + 1);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_vector_of_any_size_goes_on_until_its_peer_leaves) {
    char *memory = map(4 * gib, PROT_READ);
    struct iovec vectors[][3] = {
        {{memory, 10}, {memory, 4 * gib}, {memory, 10}},
        {{memory, 3 * gib}, {memory, 3 * gib}, {memory, 2 * gib}},
    };
    struct weir_group g;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct doing d = {.s = e->b};
        e->b = NULL;
        weir_group_open(&g, WEIR_TOGETHER);
        start(&g, takes_some, &d);
        expect_gone(weir__stream_writev(e->a, vectors[i], 3));
        assert_int_equal(weir_group_close(&g, 0), 0);
        weir_close(&e->a);
        ends_open(e);
    }
    munmap(memory, 4 * gib);
    return 0;
}

/* ---- reads ---------------------------------------------------------------------------------- */

static int gives_some(void *args) {
    struct doing *d = ((struct doing_args *)args)->d;
    static char buf[ENOUGH];
    assert_int_equal(weir_write(d->s, buf, sizeof buf), 0);
    weir_close(&d->s);
    return 0;
}

STREAM_STORY(KINDS_ALL, read_exactly_of_4_gib_counts_what_came) {
    char *memory = map(4 * gib, PROT_READ | PROT_WRITE);
    struct doing d = {.s = e->b};
    struct weir_group g;
    e->b = NULL;
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, gives_some, &d);
    int rc = weir_read_exactly(e->a, memory, 4 * gib);
    assert_int_equal(rc, WEIR_EEOF);
    assert_int_equal(weir_error(rc)->done, ENOUGH);
    assert_int_equal(weir_group_close(&g, 0), 0);
    munmap(memory, 4 * gib);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_read_may_ask_for_any_size) {
    const size_t sizes[] = {2 * gib, 4 * gib, 4 * gib + 2};
    char *memory = map(4 * gib + 2, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        send_text(e->b, "hello");
        assert_int_equal(weir_read(e->a, memory, sizes[i]), 5);
        assert_memory_equal(memory, "hello", 5);
        send_text(e->b, "a line\nmore");
        assert_int_equal(weir_read_until(e->a, '\n', memory, sizes[i]), 7);
        assert_string_equal(memory, "a line\n");
        expect_bytes(e->a, "more");
    }
    munmap(memory, 4 * gib + 2);
    return 0;
}

STREAM_STORY(KINDS_ALL, a_peek_of_4_gib_is_too_much) {
    struct weir_view v;
    send_text(e->b, "hello");
    assert_int_equal(weir_peek(e->a, 4 * gib, &v), WEIR_ETOOBIG);
    assert_int_equal(weir_peek(e->a, 4 * gib + 1, &v), WEIR_ETOOBIG);
    expect_bytes(e->a, "hello");
    return 0;
}

/* ---- memory, arguments ---------------------------------------------------------------------- */

static int never(void *args) {
    fail_msg("ran with %p", args);
    return 0;
}

struct add_args {
    int a, b, sum;
};
static int add(void *args) {
    struct add_args *a = args;
    a->sum = a->a + a->b;
    return 0;
}

static int asks(void *arg) {
    const size_t sizes[] = {4 * gib, 4 * gib + 8, SIZE_MAX / 2, SIZE_MAX - 64, SIZE_MAX};
    static const struct weir_site site = {"never", __FILE__, "asks", __LINE__};
    struct weir_stream *a, *b;
    struct add_args *ret = (void *)map(4 * gib + 8, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct weir_spawn_options o = {.size = sizeof o, .stack_size = sizes[i]};
        assert_int_equal(weir_memory_pair(sizes[i], &a, &b), -ENOMEM);
        assert_int_equal(weir_spawn(NULL, &site, never, ret, sizes[i], NULL, NULL), -ENOMEM);
        assert_true(weir_spawn(NULL, &site, never, NULL, 0, &o, NULL) < 0);
        if (sizes[i] > 8 * gib)
            assert_int_equal(weir_offload_detached(never, ret, sizes[i]), -ENOMEM);
    }
    struct weir_task *t;
    assert_int_equal(weir_go_task(NULL, add, &t, .a = 2, .b = 3), 0);
    assert_int_equal(weir_await(&t, ret, 4 * gib + 8), 0);
    assert_int_equal(ret->sum, 5);
    munmap(ret, 4 * gib + 8);
    return arg != NULL;
}

WEIR_TEST_BACKENDS(arguments_of_4_gib_are_refused) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(asks, NULL, &o), 0);
}
