/* SPDX-License-Identifier: MIT */
/* A reset that a write meets first. The kernel reports it once, and the next read would see an end
 * of stream: a program that writes and then reads the answer to its end would take a part of it for
 * the whole. */
#include "stream/stream_test_util.h"

#include <errno.h>
#include <netinet/in.h>

#include "stream/stream.h"

static ssize_t write_one(struct weir_stream *s, bool tries) {
    return tries ? weir_try_write(s, "x", 1) : weir_write(s, "x", 1);
}

/* x->b has sent "part" and resets; a write of x->a meets it. */
static void open_broken(struct ends *x, int kind, bool tries) {
    *x = (struct ends){.kind = kind};
    ends_open(x);
    send_text(x->a, "never read");
    send_text(x->b, "part");
    settle();
    weir_close(&x->b);
    settle();
    assert_int_equal(write_one(x->a, tries), kind == KIND_TCP ? -ECONNRESET : -EPIPE);
    assert_int_equal(write_one(x->a, tries), -EPIPE);
}

static void is_reset_for_good(struct weir_stream *s) {
    struct weir_view v;
    char byte;
    assert_int_equal(weir_read(s, &byte, 1), -ECONNRESET);
    assert_string_equal(weir_error(-ECONNRESET)->what, "read");
    assert_int_equal(weir_peek(s, 1, &v), -ECONNRESET);
    assert_int_equal(weir_read_exactly(s, &byte, 1), -ECONNRESET);
    assert_int_equal(weir_read_until(s, '\n', &byte, 1), WEIR_ETOOBIG);
    assert_int_equal(weir_read(s, &byte, 1), -ECONNRESET);
}

static void by_read(struct weir_stream *s) {
    char buf[8];
    assert_int_equal(weir_read(s, buf, sizeof buf), 4);
    assert_memory_equal(buf, "part", 4);
}

static void by_large_read(struct weir_stream *s) {
    static char buf[1 << 20];
    assert_int_equal(weir_read(s, buf, sizeof buf), 4);
    assert_int_equal(weir_read(s, buf, sizeof buf), -ECONNRESET);
}

static void by_peek(struct weir_stream *s) {
    struct weir_view v;
    assert_int_equal(weir_peek(s, 1, &v), 4);
    assert_int_equal(weir_peek(s, 5, &v), -ECONNRESET);
    expect_bytes(s, "part");
}

static void by_read_exactly(struct weir_stream *s) {
    char buf[8];
    assert_int_equal(weir_read_exactly(s, buf, sizeof buf), -ECONNRESET);
    assert_int_equal(weir_error(-ECONNRESET)->done, 4);
}

static void by_read_until(struct weir_stream *s) {
    char buf[8];
    assert_int_equal(weir_read_until(s, '\n', buf, sizeof buf), -ECONNRESET);
    expect_bytes(s, "part");
}

STREAM_STORY(KINDS_ALL, a_reset_that_a_write_meets_is_no_end_for_who_reads) {
    static void (*const ways[])(struct weir_stream *) = {
        by_read, by_large_read, by_peek, by_read_exactly, by_read_until};
    for (size_t i = 0; i < 2 * sizeof ways / sizeof ways[0]; i++) {
        struct ends x;
        open_broken(&x, e->kind, i % 2 == 0);
        ways[i / 2](x.a);
        is_reset_for_good(x.a);
        weir_close(&x.a);
    }
    return 0;
}

/* What the peer has sent is whole, though it takes no more: the end that it sent is an end. */
STREAM_STORY(KINDS_ALL, an_end_before_a_broken_pipe_is_an_end) {
    char buf[8];
    send_text(e->b, "whole");
    weir_close(&e->b);
    settle();
    ssize_t n;
    while ((n = write_one(e->a, true)) > 0)
        settle();
    assert_int_equal(n, -EPIPE);
    assert_int_equal(weir_read(e->a, buf, sizeof buf), 5);
    assert_int_equal(weir_read(e->a, buf, sizeof buf), 0);
    assert_int_equal(weir_read(e->a, buf, sizeof buf), 0);
    return 0;
}

/* ---- a reactive connection, whose function writes ---- */

static struct {
    struct weir_listener *l;
    struct weir_group clients;
    size_t bytes;
    int written, rc, closed;
    bool goes_on;
} seen;

static int writes_late(struct weir_conn *c, void *state, struct weir_view v) {
    bool is_first = seen.bytes == 0;
    seen.bytes += v.len;
    if (!is_first)
        return 0;
    int rc = weir_write(weir_conn_stream(c), "never read", 10);
    while (!seen.goes_on && rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    seen.written = rc < 0 ? rc : (int)write_one(weir_conn_stream(c), true);
    return 0; /* what came before is still delivered */
}

static void is_closed(struct weir_conn *c, void *state, int rc) {
    assert_true(rc == 0 || weir_error(rc) != NULL);
    seen.rc = rc;
    seen.closed++;
}

static int reacts(void *args) {
    static const struct weir_reactive r = {
        .size = sizeof r, .message = writes_late, .closed = is_closed};
    return weir_react(seen.l, &seen.clients, &r);
}

LOOP_STORY(closed_has_a_reset_that_a_write_met) {
    struct weir_group g;
    struct weir_stream *s = NULL;
    char url[64];
    memset(&seen, 0, sizeof seen);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &seen.l), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(seen.l));
    weir_group_open(&g, WEIR_TOGETHER);
    weir_group_open(&seen.clients, WEIR_INDEPENDENT);
    assert_int_equal(weir_go0(&g, reacts), 0);
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    send_text(s, "begin");
    settle();
    send_text(s, "part");
    settle();
    weir_close(&s);
    settle();
    seen.goes_on = true;
    for (int i = 0; seen.closed == 0 && i < 2000; i++)
        weir_sleep(WEIR_MILLISECONDS(1));
    weir_unlisten(&seen.l);
    assert_int_equal(weir_group_close(&seen.clients, 0), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    /* io_uring may have met it for the reader, whose RECV stays armed */
    assert_true(seen.written == -ECONNRESET || seen.written == -EPIPE);
    assert_int_equal(seen.bytes, 9);
    assert_int_equal(seen.rc, -ECONNRESET);
    return 0;
}

/* ---- a reset that meets a write of which a part was taken ---- */

struct writes_much_args {
    struct weir_stream *s;
    int *ret_rc;
};
static int writes_much(void *args) {
    static const char bytes[15000];
    struct writes_much_args *a = args;
    int rc = 0;
    while (rc == 0)
        rc = weir_write(a->s, bytes, sizeof bytes);
    *a->ret_rc = rc;
    return 0;
}

static int listen_small(uint16_t *ret_port) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    int small = 4096, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(bind(l, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(l, 1), 0);
    assert_int_equal(getsockname(l, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return l;
}

/* The peer takes `takes` bytes, and resets a little later. */
static void reset_after(int l, const char *url, size_t takes) {
    static char taken[100000];
    struct weir_stream *s = NULL;
    struct weir_group g;
    int rc = 0, small = 8192;
    char byte;
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    assert_int_equal(setsockopt(s->kind->fd(s), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    int peer = accept(l, NULL, NULL);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, writes_much, .s = s, .ret_rc = &rc), 0);
    settle();
    for (size_t at = 0; at < takes; at += 1000) {
        assert_true(recv(peer, taken, 1000, 0) > 0);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    }
    assert_int_equal(rc, 0);
    close(peer); /* with bytes unread */
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(rc == -ECONNRESET || rc == -EPIPE);
    assert_int_equal(weir_read(s, &byte, 1), -ECONNRESET);
    weir_close(&s);
}

LOOP_STORY(a_reset_within_a_write_is_no_end_for_who_reads) {
    uint16_t port;
    char url[64];
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has its own sockets");
    int l = listen_small(&port);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    for (size_t takes = 0; takes <= 30000; takes += 1000)
        reset_after(l, url, takes);
    close(l);
    return 0;
}
