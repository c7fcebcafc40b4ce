/* SPDX-License-Identifier: MIT */
/* stream_test_util.h - runs one test with two connected streams on every kind of stream that the
 * backend of the test has. Tests only. */
#ifndef WEIR_STREAM_TEST_UTIL_H
#define WEIR_STREAM_TEST_UTIL_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "test/runner.h"

enum { KIND_MEMORY = 1, KIND_TCP = 2, KIND_UNIX = 4, KIND_FD = 8 };
enum { KINDS_ALL = 15, KINDS_SOCKET = KIND_TCP | KIND_UNIX };

struct ends {
    struct weir_stream *a, *b; /* closed after the story if it has not done so */
    int kind;
};

struct ends_dial_args {
    char *url;
    struct weir_stream **ret;
};

static inline int ends_dial(void *args) {
    struct ends_dial_args *a = args;
    return weir_dial(a->url, NULL, a->ret);
}

static inline void ends_by_listener(struct ends *e, const char *listen_url) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    char url[128];
    assert_int_equal(weir_listen(listen_url, NULL, &l), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    if (e->kind == KIND_UNIX)
        snprintf(url, sizeof url, "%s", listen_url);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, ends_dial, .url = url, .ret = &e->a), 0);
    assert_int_equal(weir_accept(l, &e->b), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_unlisten(&l);
}

static inline void ends_open(struct ends *e) {
    char path[64];
    int fds[2];
    switch (e->kind) {
    case KIND_MEMORY:
        assert_int_equal(weir_memory_pair(4096, &e->a, &e->b), 0);
        break;
    case KIND_TCP:
        ends_by_listener(e, "tcp://127.0.0.1:0");
        break;
    case KIND_UNIX:
        snprintf(path, sizeof path, "unix:/tmp/weir-stream-test-%d", (int)getpid());
        ends_by_listener(e, path);
        unlink(path + 5);
        break;
    default: /* blocking on purpose */
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(weir_stream_from_fd(fds[0], &e->a), 0);
        assert_int_equal(weir_stream_from_fd(fds[1], &e->b), 0);
    }
}

struct telling {
    int (*story)(struct ends *e);
    int kind;
};

static inline int tell(void *arg) {
    struct telling *t = arg;
    struct ends e = {.kind = t->kind};
    ends_open(&e);
    int rc = t->story(&e);
    weir_close(&e.a);
    weir_close(&e.b);
    return rc;
}

/* A simulation has no real descriptors, and no files for unix sockets to lie in. */
static inline void tell_on(int kinds, int (*story)(struct ends *e)) {
    static const char *const names[] = {[1] = "memory", [2] = "tcp", [4] = "unix", [8] = "fd"};
    if (strcmp(test_backend, "sim") == 0)
        kinds &= KIND_MEMORY | KIND_TCP;
    for (int kind = 1; kind <= KIND_FD; kind *= 2) {
        struct telling t = {story, kind};
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        if ((kinds & kind) == 0)
            continue;
        fprintf(stderr, "# on %s, %s\n", test_backend, names[kind]);
        assert_int_equal(weir_run(tell, &t, &o), 0);
    }
}

/* static int sentence_told(struct ends *e) follows in braces; it returns 0. */
#define STREAM_STORY(kinds, sentence)                                                              \
    static int sentence##_told(struct ends *e);                                                    \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        tell_on(kinds, sentence##_told);                                                           \
    }                                                                                              \
    static int sentence##_told(struct ends *e)

/* static int sentence_run(void) follows: inside weir_run, no streams made. */
#define LOOP_STORY(sentence)                                                                       \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

/* The same for one that asserts an order of tasks or pieces, which WEIR_SEED may change. */
#define LOOP_STORY_IN_ORDER(sentence)                                                              \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        runner_plain_order();                                                                      \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

/* ---- tasks that make one call and keep its result ---- */

struct doing {
    struct weir_stream *s;
    void *buf;
    size_t len;
    ssize_t rc;
    size_t done; /* of the error record */
    bool over;
};

struct doing_args {
    struct doing *d;
};

static inline int doing_end(struct doing *d, ssize_t rc) {
    const struct weir_error *e = weir_error((int)rc);
    d->rc = rc;
    d->done = e != NULL ? e->done : 0;
    d->over = true;
    return 0;
}

static inline int reading(void *args) {
    struct doing *d = ((struct doing_args *)args)->d;
    return doing_end(d, weir_read(d->s, d->buf, d->len));
}

static inline int reading_exactly(void *args) {
    struct doing *d = ((struct doing_args *)args)->d;
    return doing_end(d, weir_read_exactly(d->s, d->buf, d->len));
}

static inline int peeking(void *args) {
    struct doing *d = ((struct doing_args *)args)->d;
    struct weir_view v;
    return doing_end(d, weir_peek(d->s, d->len, &v));
}

static inline int writing(void *args) {
    struct doing *d = ((struct doing_args *)args)->d;
    return doing_end(d, weir_write(d->s, d->buf, d->len));
}

static inline void start(struct weir_group *g, int (*fn)(void *), struct doing *d) {
    struct doing_args a = {d};
    static const struct weir_site site = {"doing", __FILE__, "start", __LINE__};
    assert_int_equal(weir_spawn(g, &site, fn, &a, sizeof a, NULL, NULL), 0);
}

/* Let everything that can happen by itself happen: the others park, the kernel delivers. */
static inline void settle(void) {
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(5)), 0);
}

/* The call was refused with code, and the error's text contains these words. */
static inline void expect_refusal(int64_t rc, int code, const char *words) {
    assert_int_equal(rc, code);
    const struct weir_error *e = weir_error(code);
    assert_non_null(e);
    if (strstr(e->text, words) == NULL || strstr(e->text, weir_error_name(code)) == NULL)
        fail_msg("'%s' does not say '%s' and its code", e->text, words);
}

static inline void expect_bytes(struct weir_stream *s, const char *text) {
    char buf[256];
    size_t len = strlen(text);
    assert_true(len < sizeof buf);
    assert_int_equal(weir_read_exactly(s, buf, len), 0);
    assert_memory_equal(buf, text, len);
}

static inline void send_text(struct weir_stream *s, const char *text) {
    assert_int_equal(weir_write(s, text, strlen(text)), 0);
}

/* A byte of a long pattern that no shift repeats soon. */
static inline uint8_t pattern(size_t i) {
    return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static inline void pattern_fill(uint8_t *buf, size_t from, size_t len) {
    for (size_t i = 0; i < len; i++)
        buf[i] = pattern(from + i);
}

static inline void pattern_check(const uint8_t *buf, size_t from, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (buf[i] != pattern(from + i))
            fail_msg("byte %zu is wrong", from + i);
}

/* A story with descriptors of the user, on [epoll] and [uring]. The body follows. */
#define FD_STORY(sentence)                                                                         \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("a simulation has no real descriptors");                                   \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

#endif
