/* SPDX-License-Identifier: MIT */
/* Datagrams on every backend: bound and connected, one and many, ends, errors, cancels. */
#include "datagram/datagram_rig.h"

RUNNER_PLAIN_ORDER /* datagrams may overtake each other */

DATAGRAM_STORY(a_datagram_arrives_whole_with_its_sender) {
    struct weir_addr to, here, from;
    struct weir_dgram *a = opened(&here), *b = opened(&to);
    send_text(a, "hello", &to);
    expect_text(b, "hello", &from);
    assert_true(weir_addr_equal(&from, &here));
    send_text(b, "answer", &from);
    expect_text(a, "answer", NULL);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    assert_null(a);
    return 0;
}

DATAGRAM_STORY(an_empty_datagram_arrives) {
    struct weir_addr to;
    struct weir_dgram *b = opened(&to), *a = dialled(&to);
    char buf[4] = "abc";
    assert_int_equal(weir_dgram_send(a, NULL, 0, NULL), 0);
    send_text(a, "x", NULL);
    assert_int_equal(weir_dgram_recv(b, buf, 4, NULL), 0);
    assert_int_equal(weir_dgram_recv(b, buf, 4, NULL), 1);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

DATAGRAM_STORY(what_is_longer_than_the_buffer_is_reported) {
    struct weir_addr to, here, from;
    struct weir_dgram *a = opened(&here), *b = opened(&to);
    char buf[4] = {0};
    send_text(a, "abcdef", &to);
    send_text(a, "xy", &to);
    assert_int_equal(weir_dgram_recv(b, buf, 3, &from), -EMSGSIZE);
    assert_string_equal(buf, "abc");
    assert_true(weir_addr_equal(&from, &here));
    assert_int_equal(weir_dgram_recv(b, buf, 3, NULL), 2); /* the rest is gone */
    send_text(a, "abcdef", &to);
    struct weir_datagram one = {.data = buf, .size = 3};
    assert_int_equal(weir_dgram_recv_many(b, &one, 1), 1);
    assert_int_equal(one.len, 3);
    assert_int_equal(one.flags, WEIR_DGRAM_TRUNCATED);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

DATAGRAM_STORY(a_datagram_that_is_too_large_is_refused) {
    static char large[70000];
    struct weir_addr to;
    struct weir_dgram *b = opened(&to), *a = dialled(&to);
    assert_int_equal(weir_dgram_send(a, large, sizeof large, NULL), -EMSGSIZE);
    assert_int_equal(weir_dgram_send(a, large, 60000, NULL), 0);
    assert_int_equal(weir_dgram_recv(b, large, sizeof large, NULL), 60000);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

DATAGRAM_STORY(a_connected_socket_hears_its_peer_only) {
    struct weir_addr to, own, other;
    struct weir_dgram *b = opened(&to), *a = dialled(&to), *c = opened(&other);
    weir_dgram_local(a, &own);
    send_text(c, "noise", &own);
    send_text(b, "signal", &own);
    expect_text(a, "signal", NULL);
    assert_int_equal(weir_dgram_send(c, "x", 1, NULL), -EDESTADDRREQ);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    weir_dgram_close(&c);
    return 0;
}

/* The machine answers that nobody has the port. */
DATAGRAM_STORY(a_connected_socket_learns_that_nobody_is_there) {
    struct weir_addr to;
    struct weir_dgram *b = opened(&to), *a = dialled(&to);
    char buf[4];
    weir_dgram_close(&b);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    send_text(a, "x", NULL);
    assert_int_equal(weir_dgram_recv(a, buf, 4, NULL), -ECONNREFUSED);
    assert_non_null(strstr(weir_error(-ECONNREFUSED)->text, "127.0.0.1"));
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_MILLISECONDS(5)); /* and goes on afterwards */
    assert_int_equal(weir_scope_leave(&s, (int)weir_dgram_recv(a, buf, 4, NULL)), -ETIME);
    weir_dgram_close(&a);
    return 0;
}

DATAGRAM_STORY(many_are_sent_and_received_by_few_calls) {
    enum { MANY = 100 };
    struct weir_addr to, from[MANY], here;
    struct weir_dgram *b = opened(&to), *a = opened(&here);
    struct weir_datagram out[MANY], in[MANY];
    static unsigned numbers[MANY], got[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        numbers[i] = i;
        out[i] = (struct weir_datagram){.data = &numbers[i], .len = sizeof(unsigned), .addr = &to};
        in[i] = (struct weir_datagram){.data = &got[i], .size = sizeof(unsigned), .addr = &from[i]};
    }
    assert_int_equal(weir_dgram_send_many(a, out, MANY), MANY);
    for (size_t count = 0; count < MANY;) {
        ssize_t n = weir_dgram_recv_many(b, in + count, MANY - count);
        assert_true(n > 0);
        count += (size_t)n;
    }
    unsigned sum = 0;
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(in[i].len, sizeof(unsigned));
        assert_true(weir_addr_equal(&from[i], &here));
        sum += got[i];
    }
    assert_int_equal(sum, MANY * (MANY - 1) / 2);
    assert_int_equal(weir_dgram_recv_many(b, in, 0), 0);
    assert_int_equal(weir_dgram_send_many(a, out, 0), 0);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

DATAGRAM_STORY(a_batch_stops_at_the_first_error) {
    static char large[70000];
    struct weir_addr to;
    struct weir_dgram *b = opened(&to), *a = dialled(&to);
    struct weir_datagram out[] = {{.data = large, .len = 1},
                                  {.data = large, .len = sizeof large},
                                  {.data = large, .len = 1}};
    assert_int_equal(weir_dgram_send_many(a, out, 3), 1);
    assert_int_equal(weir_dgram_send_many(a, out + 1, 2), -EMSGSIZE);
    assert_int_equal(weir_dgram_send_many(a, out + 2, 1), 1);
    assert_int_equal(weir_dgram_recv(b, large, 4, NULL), 1);
    assert_int_equal(weir_dgram_recv(b, large, 4, NULL), 1);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

DATAGRAM_STORY(the_try_calls_never_wait) {
    struct weir_addr to, from;
    struct weir_dgram *b = opened(&to), *a = dialled(&to);
    char buf[8];
    assert_int_equal(weir_dgram_try_recv(b, buf, 8, NULL), -EAGAIN);
    assert_int_equal(weir_dgram_try_send(a, "abc", 3, NULL), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(2)), 0);
    assert_int_equal(weir_dgram_try_recv(b, buf, 8, &from), 3);
    assert_int_equal(weir_addr_port(&from), weir_dgram_port(a));
    assert_int_equal(weir_dgram_try_send(b, "x", 1, NULL), -EDESTADDRREQ);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

struct receives_args {
    struct weir_dgram *d;
    ssize_t *ret;
};

static int receives(void *arg) {
    struct receives_args *a = arg;
    char buf[8];
    *a->ret = weir_dgram_recv(a->d, buf, sizeof buf, NULL);
    return 0;
}

DATAGRAM_STORY(one_task_receives_and_a_second_is_refused) {
    struct weir_addr to;
    struct weir_dgram *b = opened(&to);
    struct weir_group g;
    ssize_t first = 0;
    char buf[8];
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, receives, .d = b, .ret = &first), 0);
    weir_yield();
    assert_int_equal(weir_dgram_recv(b, buf, 8, NULL), -EBUSY);
    assert_int_equal(weir_dgram_try_recv(b, buf, 8, NULL), -EBUSY);
    weir_dgram_close(&b);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(first, WEIR_ECLOSED);
    return 0;
}

DATAGRAM_STORY(a_cancelled_receive_loses_no_datagram) {
    struct weir_addr to;
    struct weir_dgram *b = opened(&to), *a = dialled(&to);
    struct weir_scope s;
    char buf[8];
    for (int round = 0; round < 3; round++) {
        weir_scope_enter(&s, WEIR_MILLISECONDS(2));
        assert_int_equal(weir_scope_leave(&s, (int)weir_dgram_recv(b, buf, 8, NULL)), -ETIME);
        send_text(a, "kept", NULL);
        expect_text(b, "kept", NULL);
    }
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

DATAGRAM_STORY(a_socket_for_all_addresses_speaks_both_families) {
    struct weir_dgram *any = NULL;
    struct weir_addr from, v4, to;
    struct weir_dgram *a = opened(&v4);
    assert_int_equal(weir_dgram_open("udp://*:0", NULL, &any), 0);
    assert_int_equal(weir_addr_parse("127.0.0.1:1", &to), 0);
    weir_addr_set_port(&to, weir_dgram_port(any));
    send_text(a, "v4", &to);
    expect_text(any, "v4", &from);
    assert_true(weir_addr_equal(&from, &v4)); /* not as a mapped one */
    send_text(any, "back", &from);
    expect_text(a, "back", NULL);
    struct weir_datagram many = {.data = "many", .len = 4, .addr = &from};
    assert_int_equal(weir_dgram_send_many(any, &many, 1), 1);
    expect_text(a, "many", NULL);
    weir_dgram_close(&a);
    weir_dgram_close(&any);
    return 0;
}

DATAGRAM_STORY(members_of_a_group_hear_what_is_sent_to_it) {
    struct weir_dgram_options o = {.size = sizeof o, .reuse_addr = true, .ttl = 1};
    struct weir_dgram *a = NULL, *b = NULL, *c;
    struct weir_addr group, self;
    char url[64];
    struct weir_scope s;
    char buf[8];
    assert_int_equal(weir_dgram_open("udp://0.0.0.0:0", &o, &a), 0);
    snprintf(url, sizeof url, "udp://0.0.0.0:%d", weir_dgram_port(a));
    assert_int_equal(weir_dgram_open(url, &o, &b), 0);
    assert_int_equal(weir_addr_parse("239.255.7.7:1", &group), 0);
    weir_addr_set_port(&group, weir_dgram_port(a));
    unsigned lo = strcmp(test_backend, "sim") == 0 ? 0 : 1;
    assert_int_equal(weir_dgram_join(a, &group, lo), 0);
    assert_int_equal(weir_dgram_join(b, &group, lo), 0);
    assert_int_equal(weir_dgram_join(b, &group, lo), -EADDRINUSE);
    c = opened(&self); /* the interface of 127.0.0.1 is that of the group */
    send_text(c, "all", &group);
    expect_text(a, "all", NULL);
    expect_text(b, "all", NULL);
    assert_int_equal(weir_dgram_leave(b, &group, lo), 0);
    assert_int_equal(weir_dgram_leave(b, &group, lo), -EADDRNOTAVAIL);
    if (lo == 0) { /* the kernel gives a socket what others of the machine have joined */
        send_text(c, "one", &group);
        expect_text(a, "one", NULL);
        weir_scope_enter(&s, WEIR_MILLISECONDS(5));
        assert_int_equal(weir_scope_leave(&s, (int)weir_dgram_recv(b, buf, 8, NULL)), -ETIME);
    }
    assert_int_equal(weir_dgram_join(a, &self, 0), -EINVAL);
    assert_int_equal(weir_dgram_join(a, &(struct weir_addr){{0}}, 0), -EINVAL);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    weir_dgram_close(&c);
    return 0;
}

DATAGRAM_STORY(bad_urls_and_options_are_refused_by_name) {
    static const char *const bad[] = {"tcp://127.0.0.1:1", "udp://", "udp://127.0.0.1", "udp://:1",
                                      "udp://127.0.0.1:70000", "unixgram:", ""};
    struct weir_dgram *d = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(weir_dgram_open(bad[i], NULL, &d), WEIR_EURL);
    assert_non_null(strstr(weir_error(WEIR_EURL)->text, "not a URL for datagrams"));
    assert_int_equal(weir_dgram_dial("udp://*:1", NULL, &d), WEIR_EURL);
    assert_int_equal(weir_dgram_dial("udp://127.0.0.1:0", NULL, &d), WEIR_EURL);
    struct weir_dgram_options o = {.size = sizeof o, .ttl = 256};
    assert_int_equal(weir_dgram_open("udp://127.0.0.1:0", &o, &d), -EINVAL);
    o = (struct weir_dgram_options){.size = sizeof o, .local = "here"};
    assert_int_equal(weir_dgram_dial("udp://127.0.0.1:9", &o, &d), -EINVAL);
    struct weir_addr used;
    struct weir_dgram *a = opened(&used);
    char url[64];
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_dgram_port(a));
    assert_int_equal(weir_dgram_open(url, NULL, &d), -EADDRINUSE);
    assert_null(d);
    weir_dgram_close(&a);
    return 0;
}

DATAGRAM_STORY(a_dial_binds_where_it_is_told) {
    struct weir_addr to, from;
    struct weir_dgram *b = opened(&to), *probe = opened(&from), *a = NULL;
    char url[64], local[64];
    snprintf(local, sizeof local, "127.0.0.1:%d", weir_dgram_port(probe));
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_addr_port(&to));
    weir_dgram_close(&probe);
    assert_int_equal(weir_yield(), 0);
    struct weir_dgram_options o = {.size = sizeof o, .local = local};
    assert_int_equal(weir_dgram_dial(url, &o, &a), 0);
    weir_addr_set_port(&to, weir_dgram_port(a));
    assert_true(weir_addr_equal(&to, &from));
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

/* On io_uring the close that follows a receive waits for the loop's turn. */
DATAGRAM_STORY(a_port_is_free_again_when_its_socket_is_closed) {
    struct weir_addr to;
    struct weir_dgram *b = opened(&to), *a = dialled(&to);
    char url[64];
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_dgram_port(b));
    send_text(a, "x", NULL);
    expect_text(b, "x", NULL);
    weir_dgram_close(&b);
    b = bound(url);
    weir_dgram_close(&b);
    weir_dgram_close(&a);
    return 0;
}

/* ---- unix ----------------------------------------------------------------------------------- */

DATAGRAM_STORY(unix_datagrams_keep_order_and_wait_for_room) {
    enum { MANY = 300 };
    char url[64];
    struct weir_dgram *b, *a = NULL;
    snprintf(url, sizeof url, "unixgram:@weir-datagram-test-%d", (int)getpid());
    b = bound(url);
    assert_int_equal(weir_dgram_dial(url, NULL, &a), 0);
    int sent = 0, got = 0;
    while (got < MANY) {
        struct weir_scope s;
        int number = -1;
        weir_scope_enter(&s, WEIR_MILLISECONDS(2));
        int rc = 0;
        while (rc == 0 && sent < MANY)
            if ((rc = weir_dgram_send(a, &sent, sizeof sent, NULL)) == 0)
                sent++;
        assert_true(weir_scope_leave(&s, rc) == (sent < MANY ? -ETIME : 0) || sent == MANY);
        assert_int_equal(weir_dgram_recv(b, &number, sizeof number, NULL), sizeof number);
        assert_int_equal(number, got++);
    }
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

DATAGRAM_STORY(a_unix_peer_can_answer) {
    char url[64];
    struct weir_addr from, own;
    struct weir_dgram *b, *a = NULL;
    snprintf(url, sizeof url, "unixgram:@weir-datagram-test-%d", (int)getpid());
    b = bound(url);
    assert_int_equal(weir_dgram_dial(url, NULL, &a), 0);
    send_text(a, "ask", NULL);
    expect_text(b, "ask", &from);
    weir_dgram_local(a, &own);
    assert_true(weir_addr_equal(&from, &own));
    send_text(b, "answer", &from);
    expect_text(a, "answer", NULL);
    assert_int_equal(weir_dgram_port(a), 0);
    weir_dgram_close(&b);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_dgram_send(a, "x", 1, NULL), -ECONNREFUSED);
    weir_dgram_close(&a);
    return 0;
}

struct sends_args {
    struct weir_dgram *d;
    const struct weir_addr *to;
    int count;
};

static int sends(void *arg) {
    const struct sends_args *a = arg;
    int rc = 0;
    for (int i = 0; i < a->count && rc == 0; i++)
        rc = weir_dgram_send(a->d, &i, sizeof i, a->to);
    return rc;
}

/* No event says when a receiver has room that was not dialled. */
DATAGRAM_STORY(many_tasks_send_over_one_unix_socket_that_was_not_dialled) {
    enum { TASKS = 4, EACH = 40 };
    char url[64], other[64];
    struct weir_addr to;
    struct weir_group g;
    snprintf(url, sizeof url, "unixgram:@weir-datagram-a-%d", (int)getpid());
    snprintf(other, sizeof other, "unixgram:@weir-datagram-b-%d", (int)getpid());
    struct weir_dgram *a = bound(url), *b = bound(other);
    weir_dgram_local(b, &to);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(weir_go(&g, sends, .d = a, .to = &to, .count = EACH), 0);
    int sum = 0, number;
    for (int i = 0; i < TASKS * EACH; i++) {
        assert_int_equal(weir_dgram_recv(b, &number, sizeof number, NULL), sizeof number);
        sum += number;
    }
    assert_int_equal(sum, TASKS * EACH * (EACH - 1) / 2);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

static int closes_twice(void *arg) {
    struct weir_dgram *d = NULL, *copy;
    int rc = weir_dgram_open("udp://127.0.0.1:0", NULL, &d);
    copy = d;
    weir_dgram_close(&d);
    weir_yield();
    weir_dgram_close(&copy);
    return rc;
}

WEIR_TEST_ABORTS(a_second_close_of_a_datagram_socket_names_the_first,
                 "bug: weir_dgram_close at closes_twice+0x") {
    weir_run(closes_twice, NULL, &(struct weir_run_options){.debug = true});
}
