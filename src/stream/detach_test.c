/* SPDX-License-Identifier: MIT */
/* detach_test.c - streams that leave their loop and enter one again: nothing is lost, nothing comes
 * twice, and a call that fails leaves the stream as it was. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "stream/detached.h"
#include "stream/stream_test_util.h"

static void expect_view(struct weir_view v, const char *text) {
    assert_int_equal(v.len, strlen(text));
    assert_memory_equal(v.base, text, v.len);
}

/* Out of its loop, and in again. */
static void leave_and_return(struct weir_stream **s) {
    struct weir_detached *d = NULL;
    assert_int_equal(weir_detach(s, &d), 0);
    assert_null(*s);
    assert_int_equal(weir_attach(&d, s), 0);
    assert_null(d);
    assert_non_null(*s);
}

enum { KINDS_FILE = KIND_TCP | KIND_UNIX | KIND_FD };

STREAM_STORY(KINDS_FILE, a_detached_stream_goes_on_where_it_was) {
    struct weir_view v;
    struct weir_detached *d;
    char byte;
    send_text(e->a, "one");
    assert_int_equal(weir_peek(e->b, 3, &v), 3);
    send_text(e->a, "two");
    settle();
    assert_int_equal(weir_detach(&e->b, &d), 0);
    struct weir_view unread = weir_detached_unread(d);
    assert_true(unread.len == 3 || unread.len == 6); /* the rest is in the kernel */
    assert_memory_equal(unread.base, "onetwo", unread.len);
    assert_int_equal(weir_detached_end(d), 1);
    send_text(e->a, "three");
    assert_int_equal(weir_attach(&d, &e->b), 0);
    expect_bytes(e->b, "onetwothree");
    send_text(e->b, "back");
    leave_and_return(&e->a);
    expect_bytes(e->a, "back");
    weir_close(&e->a);
    assert_int_equal(weir_read(e->b, &byte, 1), 0);
    return 0;
}

/* The window lies in a hold, and a piece is lent behind it. */
STREAM_STORY(KINDS_FILE, all_that_a_peek_has_joined_comes_along) {
    struct weir_view v;
    send_text(e->a, "abc");
    assert_int_equal(weir_peek(e->b, 3, &v), 3);
    send_text(e->a, "def");
    assert_int_equal(weir_peek(e->b, 6, &v), 6);
    weir_consume(e->b, 2);
    weir__alloc_fail_at(2); /* the second step of the next join: its piece stays behind the hold */
    send_text(e->a, "0123456789012345678901234567890123456789");
    ssize_t n = weir_peek(e->b, 44, &v);
    weir__alloc_fail_at(0);
    assert_true(n == 44 || n == -ENOMEM);
    leave_and_return(&e->b);
    expect_bytes(e->b, "cdef0123456789012345678901234567890123456789");
    return 0;
}

STREAM_STORY(KINDS_FILE, the_end_that_was_read_stays_the_end) {
    struct weir_detached *d;
    struct weir_view v;
    char byte;
    send_text(e->a, "last");
    weir_close(&e->a);
    assert_int_equal(weir_peek(e->b, 5, &v), WEIR_EEOF);
    assert_int_equal(weir_detach(&e->b, &d), 0);
    expect_view(weir_detached_unread(d), "last");
    assert_int_equal(weir_detached_end(d), 0);
    assert_int_equal(weir_attach(&d, &e->b), 0);
    expect_bytes(e->b, "last");
    assert_int_equal(weir_read(e->b, &byte, 1), 0);
    return 0;
}

static void reset(struct weir_stream **take_stream) {
    struct weir__socket *k = WEIR_CONTAINER(*take_stream, struct weir__socket, stream);
    assert_int_equal(weir__socket_option((*take_stream)->loop, &k->file, WEIR__LINGER0, 1), 0);
    weir_close(take_stream);
}

STREAM_STORY(KIND_TCP, an_error_is_returned_behind_the_bytes_however_often_it_moves) {
    struct weir_detached *d;
    struct weir_view v;
    char byte;
    send_text(e->a, "last");
    assert_int_equal(weir_peek(e->b, 4, &v), 4);
    settle();
    reset(&e->a);
    settle();
    for (int i = 0; i < 2; i++)
        leave_and_return(&e->b);
    expect_bytes(e->b, "last");
    assert_int_equal(weir_read(e->b, &byte, 1), -ECONNRESET);
    assert_int_equal(weir_detach(&e->b, &d), 0);
    assert_int_equal(weir_detached_end(d), -ECONNRESET);
    assert_int_equal(weir_attach(&d, &e->b), 0);
    assert_int_equal(weir_read(e->b, &byte, 1), -ECONNRESET);
    return 0;
}

STREAM_STORY(KIND_TCP, an_error_that_a_write_met_is_kept_for_the_reads) {
    struct weir_detached *d;
    char byte;
    send_text(e->a, "last");
    settle();
    reset(&e->a);
    settle();
    int rc = 0;
    while (rc == 0)
        rc = weir_write(e->b, "x", 1);
    assert_int_equal(weir_detach(&e->b, &d), 0);
    assert_int_equal(weir_attach(&d, &e->b), 0);
    ssize_t n;
    while ((n = weir_read(e->b, &byte, 1)) > 0)
        ;
    assert_int_equal(n, -ECONNRESET);
    return 0;
}

STREAM_STORY(KIND_TCP | KIND_UNIX, a_side_that_was_shut_stays_shut) {
    struct weir_detached *d;
    char byte;
    assert_int_equal(weir_shutdown(e->b), 0);
    assert_int_equal(weir_detach(&e->b, &d), 0);
    assert_int_equal(weir_attach(&d, &e->b), 0);
    assert_int_equal(weir_write(e->b, "x", 1), -EPIPE);
    assert_int_equal(weir_shutdown(e->b), 0);
    assert_int_equal(weir_read(e->a, &byte, 1), 0);
    send_text(e->a, "on");
    expect_bytes(e->b, "on");
    return 0;
}

STREAM_STORY(KIND_TCP, the_peers_address_comes_along) {
    struct weir_detached *d;
    char peer[64];
    snprintf(peer, sizeof peer, "%s", weir_stream_peer(e->b));
    assert_int_equal(weir_detach(&e->b, &d), 0);
    assert_string_equal(weir_detached_peer(d), peer);
    assert_int_equal(weir_attach(&d, &e->b), 0);
    assert_string_equal(weir_stream_peer(e->b), peer);
    return 0;
}

/* ---- refused --------------------------------------------------------------------------------- */

STREAM_STORY(KINDS_FILE, a_stream_does_not_leave_while_a_task_is_inside) {
    struct weir_group g;
    struct weir_detached *d = NULL;
    char text[4];
    struct doing in = {.s = e->b, .buf = text, .len = 2};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading, &in);
    settle();
    expect_refusal(weir_detach(&e->b, &d), -EBUSY, "another task is reading it");
    int fd;
    assert_int_equal(weir_stream_take_fd(&e->b, text, 4, &fd), -EBUSY);
    assert_null(d);
    send_text(e->a, "ok");
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(in.rc, 2);
    leave_and_return(&e->b);
    return 0;
}

STREAM_STORY(KIND_TCP | KIND_UNIX, a_torn_stream_does_not_leave) {
    static uint8_t much[8 << 20];
    struct weir_detached *d = NULL;
    struct weir_scope sc;
    weir_scope_enter(&sc, WEIR_MILLISECONDS(20));
    assert_int_equal(weir_scope_leave(&sc, weir_write(e->b, much, sizeof much)), -ETIME);
    assert_int_equal(weir_detach(&e->b, &d), WEIR_ETORN);
    assert_null(d);
    return 0;
}

STREAM_STORY(KIND_MEMORY, memory_does_not_leave) {
    struct weir_detached *d = NULL;
    char text[4];
    int fd;
    assert_int_equal(weir_detach(&e->a, &d), -EOPNOTSUPP);
    assert_int_equal(weir_stream_take_fd(&e->a, text, 4, &fd), -EOPNOTSUPP);
    send_text(e->a, "stays");
    expect_bytes(e->b, "stays");
    return 0;
}

static int hold_on(struct weir_conn *c, void *state, struct weir_view v) {
    struct weir_detached *d = NULL;
    struct weir_stream *s = weir_conn_stream(c);
    expect_refusal(weir_detach(&s, &d), -EBUSY, "reactive");
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

struct react_args {
    struct weir_listener *l;
    struct weir_group *conns;
};

static int react(void *args) {
    static const struct weir_reactive r = {.size = sizeof r, .message = hold_on};
    struct react_args *a = args;
    return weir_react(a->l, a->conns, &r);
}

LOOP_STORY(a_reactive_connection_does_not_leave) {
    struct weir_listener *l;
    struct weir_stream *s;
    struct weir_group g, conns;
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&conns, WEIR_INDEPENDENT);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, react, .l = l, .conns = &conns), 0);
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    send_text(s, "hello");
    expect_bytes(s, "hello");
    weir_close(&s);
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&g, 0), 0);
    return weir_group_close(&conns, 0);
}

struct detaching_args {
    struct weir_stream **s;
    int *rc;
};

static int detaching(void *args) {
    struct detaching_args *a = args;
    struct weir_stream *s = *a->s; /* the closer has the pointer, too */
    struct weir_detached *d = NULL;
    *a->rc = weir_detach(&s, &d);
    weir_detached_close(&d);
    return 0;
}

/* In the simulation, and on io_uring if a receive is under way, the detach is pending then. */
STREAM_STORY(KINDS_FILE, a_close_wins_over_a_detach_that_waits) {
    struct weir_group g;
    struct weir_scope sc;
    int rc = 1;
    char byte;
    weir_scope_enter(&sc, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_scope_leave(&sc, (int)weir_read(e->b, &byte, 1)), -ETIME);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, detaching, .s = &e->b, .rc = &rc), 0);
    weir_yield();
    if (rc == 1)
        weir_close(&e->b);
    else
        e->b = NULL;
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_true(rc == 0 || rc == WEIR_ECLOSED);
    ssize_t n = weir_read(e->a, &byte, 1);
    assert_true(n == 0 || n == -ECONNRESET);
    return 0;
}

static int consuming(void *args) {
    struct weir_stream *s = *(struct weir_stream **)args;
    weir_consume(s, 6);
    return 0;
}

/* Another task consumes what was peeked, while the detach waits. */
static int consume_meanwhile(struct ends *e) {
    struct weir_group g;
    struct weir_detached *d;
    struct weir_view v;
    static const struct weir_site site = {"consuming", __FILE__, "test", __LINE__};
    send_text(e->a, "unread");
    assert_int_equal(weir_peek(e->b, 6, &v), 6);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, &site, consuming, &e->b, sizeof e->b, NULL, NULL), 0);
    assert_int_equal(weir_detach(&e->b, &d), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(weir_detached_unread(d).len, 0);
    assert_int_equal(weir_attach(&d, &e->b), 0);
    send_text(e->a, "more");
    send_text(e->a, "and more");
    expect_bytes(e->b, "moreand more");
    return 0;
}

WEIR_TEST(bytes_that_are_consumed_meanwhile_do_not_come_along) {
    runner_plain_order(); /* there every detach waits */
    test_backend = "sim";
    tell_on(KIND_TCP, consume_meanwhile);
}

/* ---- closed between -------------------------------------------------------------------------- */

STREAM_STORY(KINDS_FILE, a_detached_stream_may_be_closed) {
    struct weir_detached *d;
    char byte;
    assert_int_equal(weir_detach(&e->b, &d), 0);
    weir_detached_close(&d);
    assert_null(d);
    weir_detached_close(&d);
    weir_detached_close(NULL);
    assert_int_equal(weir_read(e->a, &byte, 1), 0);
    return 0;
}

STREAM_STORY(KIND_TCP, closing_a_detached_stream_with_unread_bytes_resets_it) {
    struct weir_detached *d;
    struct weir_view v;
    char byte;
    send_text(e->a, "unread");
    assert_int_equal(weir_peek(e->b, 6, &v), 6);
    assert_int_equal(weir_detach(&e->b, &d), 0);
    weir_detached_close(&d);
    assert_int_equal(weir_read(e->a, &byte, 1), -ECONNRESET);
    return 0;
}

/* ---- a bare descriptor ----------------------------------------------------------------------- */

STREAM_STORY(KIND_TCP | KIND_UNIX, a_stream_is_given_up_for_its_descriptor) {
    struct weir_view v;
    char text[16];
    int fd = -1;
    send_text(e->a, "unread");
    assert_int_equal(weir_peek(e->b, 6, &v), 6);
    weir_consume(e->b, 2);
    assert_int_equal(weir_stream_take_fd(&e->b, text, 3, &fd), WEIR_ETOOBIG);
    assert_int_equal(fd, -1);
    assert_int_equal(weir_stream_take_fd(&e->b, text, 4, &fd), 4);
    assert_memory_equal(text, "read", 4);
    assert_null(e->b);
    assert_true(fd > 2);
    send_text(e->a, "more");
    assert_int_equal(weir_stream_from_socket(fd, &e->b), 0);
    expect_bytes(e->b, "more");
    assert_int_equal(weir_stream_take_fd(&e->b, NULL, 0, &fd), 0);
    assert_int_equal(weir_stream_from_socket(fd, &e->b), 0);
    return 0;
}

FD_STORY(a_pipe_is_given_back_as_it_was) {
    struct weir_stream *s;
    struct weir_view v;
    char text[8];
    int ends[2], fd = -1;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "abcdef", 6), 6);
    assert_int_equal(weir_stream_from_fd(ends[0], &s), 0);
    assert_int_equal(weir_peek(s, 3, &v), 6);
    assert_int_equal(weir_stream_take_fd(&s, text, sizeof text, &fd), 6);
    assert_memory_equal(text, "abcdef", 6);
    assert_int_equal(fd, ends[0]);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    close(ends[1]);
    return 0;
}

STREAM_STORY(KIND_TCP, a_descriptor_is_not_given_for_a_stream_that_has_failed) {
    struct weir_view v;
    char text[8];
    int fd = -1;
    send_text(e->a, "last");
    settle();
    assert_int_equal(weir_peek(e->b, 4, &v), 4);
    reset(&e->a);
    settle();
    assert_int_equal(weir_peek(e->b, 5, &v), -ECONNRESET);
    assert_int_equal(weir_stream_take_fd(&e->b, text, sizeof text, &fd), -ECONNRESET);
    assert_int_equal(fd, -1);
    expect_bytes(e->b, "last");
    return 0;
}

/* ---- disturbed ------------------------------------------------------------------------------- */

struct move_and_read_args {
    struct weir_stream **take_stream;
    size_t len;
};

/* Read a pattern, and leave the loop again and again. After a refusal the stream is as before. */
static int move_and_read(void *args) {
    struct move_and_read_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = *a->take_stream;
    WEIR_AUTO(weir_detached_close) struct weir_detached *d = NULL;
    uint8_t buf[700];
    struct weir_view v;
    size_t len = 0;
    ssize_t n = 1;
    int rc = 0;
    *a->take_stream = NULL;
    for (size_t i = 0; n > 0; i++) {
        if (i % 3 != 0 && (n = weir_peek(s, 1 + i % 7 * 30, &v)) == WEIR_EEOF)
            n = 1;
        if (n < 0)
            return (int)n;
        if ((rc = weir_detach(&s, &d)) < 0)
            return rc == -ENOMEM ? (int)weir_read(s, buf, 1) : rc;
        while ((rc = weir_attach(&d, &s)) == -ENOMEM)
            ;
        if (rc < 0)
            return rc;
        if ((n = weir_read(s, buf, sizeof buf)) > 0)
            pattern_check(buf, len, (size_t)n);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n == 0)
        assert_int_equal(len, a->len);
    return (int)n;
}

static int write_pattern(struct weir_stream *s, size_t len) {
    uint8_t piece[300];
    for (size_t at = 0; at < len;) {
        size_t n = at % 5 == 0 ? sizeof piece : 37;
        n = n < len - at ? n : len - at;
        pattern_fill(piece, at, n);
        int rc = weir_write(s, piece, n);
        if (rc == 0 && at % 3 == 0)
            rc = weir_sleep(WEIR_MILLISECONDS(1));
        if (rc < 0)
            return rc;
        at += n;
    }
    return weir_shutdown(s);
}

static int moving_story(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *b = NULL;
    struct weir_group g;
    char url[64], byte;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    if ((rc = weir_dial(url, NULL, &a)) < 0 || (rc = weir_accept(l, &b)) < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, move_and_read, .take_stream = &b, .len = 6000);
    if (rc == 0)
        rc = write_pattern(a, 6000);
    if (rc == 0)
        rc = (int)weir_read(a, &byte, 1);
    return weir_group_close(&g, rc);
}

static const struct weir_story moving = {.size = sizeof moving, .name = "moving",
                                         .fn = moving_story};

static void explored(int rc, const struct weir_explored *e) {
    assert_int_equal(rc, 0);
    assert_true(e->points > 5);
}

WEIR_TEST(a_moving_stream_may_be_cancelled_at_every_call) {
    struct weir_explored e;
    explored(weir_explore_cancels(&moving, &e), &e);
}

WEIR_TEST(a_moving_stream_may_meet_a_fault_at_every_op) {
    const struct weir_fault faults[] = {
        {.size = sizeof faults[0], .effect = WEIR_FAULT_ERROR},
        {.size = sizeof faults[0], .effect = WEIR_FAULT_ERROR, .error = -ENOMEM},
        {.size = sizeof faults[0], .effect = WEIR_FAULT_LATE},
        {.size = sizeof faults[0], .effect = WEIR_FAULT_SHORT},
    };
    struct weir_explored e;
    for (int i = 0; i < 4; i++)
        explored(weir_explore_faults(&moving, &faults[i], &e), &e);
}

WEIR_TEST(a_moving_stream_may_lack_memory_at_every_allocation) {
    struct weir_explored e;
    explored(weir_explore_allocations(&moving, &e), &e);
}

WEIR_TEST(a_moving_stream_reads_the_same_under_every_seed) {
    struct weir_explored e;
    assert_int_equal(weir_explore_seeds(&moving, &e), 0);
}

WEIR_TEST_BACKENDS(a_stream_moves_on_every_backend) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(moving_story, NULL, &o), 0);
}
