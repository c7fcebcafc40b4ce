/* SPDX-License-Identifier: MIT */
/* backend_story_test.c - what every backend does alike: the same results and error numbers on the
 * simulation, epoll and io_uring. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "sim/op_rig.h"

/* Long enough for the kernel's loopback to have done what it will do. */
static const weir_ns settle_ns = WEIR_MILLISECONDS(30);

/* ---- connections ----------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(both_ends_know_each_others_address) {
    struct rig r;
    struct rig_pair p;
    struct weir__addr a, b;
    rig_open(&r, NULL);
    rig_pair(&r, &p);
    assert_int_equal(rig_name(&r, &p.here, false, &a), 0);
    assert_int_equal(rig_name(&r, &p.there, true, &b), 0);
    assert_int_equal(a.in.sin_port, b.in.sin_port);
    assert_int_equal(a.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(rig_name(&r, &p.here, true, &a), 0);
    assert_int_equal(a.in.sin_port, p.addr.in.sin_port);
    rig_pair_close(&r, &p);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(accept_tells_the_peer) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0), peer = {0}, own;
    struct weir__file l, c, s;
    struct rig_op o;
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, 4);
    rig_op(&r, &o, WEIR__ACCEPT, &l)->u.accept.ret_peer = &peer;
    rig_submit(&o);
    assert_int_equal(o.done, 0);
    assert_int_equal(rig_connect(&r, &c, &addr), 0);
    int64_t fd = rig_wait(&o);
    assert_true(fd >= 0);
    assert_int_equal(rig_name(&r, &c, false, &own), 0);
    assert_int_equal(peer.in.sin_port, own.in.sin_port);
    assert_int_equal(rig_attach(&r, &s, (int)fd), 0);
    rig_close_file(&r, &c);
    rig_close_file(&r, &s);
    rig_close_file(&r, &l);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_connect_to_nobody_is_refused) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    struct weir__file f, c;
    rig_open(&r, NULL);
    rig_listen(&r, &f, &addr, 1);
    rig_close_file(&r, &f);
    assert_int_equal(rig_connect(&r, &c, &addr), -ECONNREFUSED);
    rig_close_file(&r, &c);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_full_backlog_lets_connects_hang_until_one_is_accepted) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    struct weir__file l, c[3], s[3];
    struct rig_op third;
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, 1);
    assert_int_equal(rig_connect(&r, &c[0], &addr), 0);
    assert_int_equal(rig_connect(&r, &c[1], &addr), 0);
    rig_connect_begin(&r, &third, &c[2], &addr);
    assert_int_equal(rig_wait_until(&third, settle_ns), -EINPROGRESS);
    assert_int_equal(rig_accept(&r, &l, &s[0]), 0);
    assert_int_equal(rig_wait(&third), 0);
    for (int i = 1; i < 3; i++)
        assert_int_equal(rig_accept(&r, &l, &s[i]), 0);
    for (int i = 0; i < 3; i++) {
        rig_close_file(&r, &c[i]);
        rig_close_file(&r, &s[i]);
    }
    rig_close_file(&r, &l);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(connections_are_accepted_in_the_order_they_came) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0), own, peer;
    struct weir__file l, c[4], s[4];
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, 8);
    for (int i = 0; i < 4; i++)
        assert_int_equal(rig_connect(&r, &c[i], &addr), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rig_accept(&r, &l, &s[i]), 0);
        assert_int_equal(rig_name(&r, &c[i], false, &own), 0);
        assert_int_equal(rig_name(&r, &s[i], true, &peer), 0);
        assert_int_equal(own.in.sin_port, peer.in.sin_port);
    }
    for (int i = 0; i < 4; i++) {
        rig_close_file(&r, &c[i]);
        rig_close_file(&r, &s[i]);
    }
    rig_close_file(&r, &l);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(closing_a_listener_resets_who_was_not_accepted) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    struct weir__file l, c;
    char byte;
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, 4);
    assert_int_equal(rig_connect(&r, &c, &addr), 0);
    rig_pass(&r, settle_ns);
    rig_close_file(&r, &l);
    assert_int_equal(rig_recv(&r, &c, &byte, 1), -ECONNRESET);
    rig_close_file(&r, &c);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(closing_a_listener_ends_its_accept) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    struct weir__file l;
    struct rig_op o;
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, 4);
    rig_accept_begin(&r, &o, &l);
    rig_turn(&r, 0);
    rig_close_file(&r, &l);
    assert_int_equal(o.done ? o.op.result : 0, -ECANCELED);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(what_a_client_sent_before_it_was_accepted_is_there) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    struct weir__file l, c, s;
    char text[8];
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, 4);
    assert_int_equal(rig_connect(&r, &c, &addr), 0);
    assert_int_equal(rig_send(&r, &c, "early", 5), 5);
    rig_close_file(&r, &c);
    rig_pass(&r, settle_ns);
    assert_int_equal(rig_accept(&r, &l, &s), 0);
    assert_int_equal(rig_recv_all(&r, &s, text, 5), 5);
    assert_memory_equal(text, "early", 5);
    assert_int_equal(rig_recv(&r, &s, text, 8), 0);
    rig_close_file(&r, &s);
    rig_close_file(&r, &l);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_client_that_reset_before_it_was_accepted_is_seen_by_the_reader) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    struct weir__file l, c, s;
    char byte;
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, 4);
    assert_int_equal(rig_connect(&r, &c, &addr), 0);
    rig_pass(&r, settle_ns);
    assert_int_equal(rig_option(&r, &c, WEIR__LINGER0, 1), 0);
    rig_close_file(&r, &c);
    rig_pass(&r, settle_ns);
    assert_int_equal(rig_accept(&r, &l, &s), 0);
    assert_int_equal(rig_recv(&r, &s, &byte, 1), -ECONNRESET);
    rig_close_file(&r, &s);
    rig_close_file(&r, &l);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(many_connections_come_and_go) {
    enum { COUNT = 400 };
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    static struct weir__file l, c[COUNT], s[COUNT];
    static struct rig_op o[COUNT];
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, COUNT);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++)
            rig_connect_begin(&r, &o[i], &c[i], &addr);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(rig_accept(&r, &l, &s[i]), 0);
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(rig_wait(&o[i]), 0);
            rig_close_file(&r, i % 2 ? &c[i] : &s[i]);
            rig_close_file(&r, i % 2 ? &s[i] : &c[i]);
        }
    }
    rig_close_file(&r, &l);
    rig_close(&r);
}

/* ---- ports ----------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_port_that_is_listened_on_is_in_use) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    struct weir__file l, f;
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, 1);
    assert_int_equal(rig_socket(&r, &f, AF_INET), 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &f, &addr), -EADDRINUSE);
    assert_int_equal(rig_option(&r, &f, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &f, &addr), -EADDRINUSE);
    rig_close_file(&r, &f);
    rig_close_file(&r, &l);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(two_may_bind_with_reuseaddr_and_one_may_listen) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    struct weir__file a, b;
    rig_open(&r, NULL);
    assert_int_equal(rig_socket(&r, &a, AF_INET), 0);
    assert_int_equal(rig_option(&r, &a, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &a, &addr), 0);
    assert_int_equal(rig_name(&r, &a, false, &addr), 0);
    assert_int_equal(rig_socket(&r, &b, AF_INET), 0);
    assert_int_equal(rig_option(&r, &b, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &b, &addr), 0);
    assert_int_equal(rig_number(&r, WEIR__LISTEN, &a, 1), 0);
    assert_int_equal(rig_number(&r, WEIR__LISTEN, &b, 1), -EADDRINUSE);
    rig_close_file(&r, &a);
    rig_close_file(&r, &b);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(listeners_with_reuseport_share_a_port) {
    struct rig r;
    struct weir__addr addr = rig_v4("127.0.0.1", 0);
    struct weir__file l[2], c;
    rig_open(&r, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rig_socket(&r, &l[i], AF_INET), 0);
        assert_int_equal(rig_option(&r, &l[i], WEIR__REUSEPORT, 1), 0);
        assert_int_equal(rig_addr_op(&r, WEIR__BIND, &l[i], &addr), 0);
        assert_int_equal(rig_number(&r, WEIR__LISTEN, &l[i], 1), 0);
        assert_int_equal(rig_name(&r, &l[i], false, &addr), 0);
    }
    assert_int_equal(rig_connect(&r, &c, &addr), 0);
    rig_close_file(&r, &c);
    rig_close_file(&r, &l[0]);
    rig_close_file(&r, &l[1]);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_port_lingers_after_its_server_closed_first) {
    struct rig r;
    struct rig_pair p;
    struct weir__file f;
    char byte;
    rig_open(&r, NULL);
    rig_pair(&r, &p);
    rig_close_file(&r, &p.there);
    assert_int_equal(rig_recv(&r, &p.here, &byte, 1), 0);
    rig_pair_close(&r, &p);
    rig_pass(&r, settle_ns);
    assert_int_equal(rig_socket(&r, &f, AF_INET), 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &f, &p.addr), -EADDRINUSE);
    assert_int_equal(rig_option(&r, &f, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &f, &p.addr), 0);
    assert_int_equal(rig_number(&r, WEIR__LISTEN, &f, 1), 0);
    rig_close_file(&r, &f);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(an_address_of_others_cannot_be_bound) {
    struct rig r;
    struct weir__addr addr = rig_v4("192.0.2.77", 0), six = rig_v6("::1", 0);
    struct weir__file f;
    rig_open(&r, NULL);
    assert_int_equal(rig_socket(&r, &f, AF_INET), 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &f, &addr), -EADDRNOTAVAIL);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &f, &six), -EAFNOSUPPORT);
    rig_close_file(&r, &f);
    rig_close(&r);
}

/* ---- families -------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_pair_over_ipv6_works) {
    struct rig r;
    struct rig_pair p;
    char text[4];
    rig_open(&r, NULL);
    rig_pair_at(&r, &p, rig_v6("::1", 0));
    assert_int_equal(rig_send(&r, &p.here, "abc", 3), 3);
    assert_int_equal(rig_recv(&r, &p.there, text, 3), 3);
    rig_pair_close(&r, &p);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(an_open_ipv6_listener_takes_ipv4_too) {
    struct rig r;
    struct weir__addr addr = rig_v6("::", 0), four, peer;
    struct weir__file l, c, s;
    rig_open(&r, NULL);
    rig_listen(&r, &l, &addr, 4);
    four = rig_v4("127.0.0.1", ntohs(addr.in6.sin6_port));
    assert_int_equal(rig_connect(&r, &c, &four), 0);
    assert_int_equal(rig_accept(&r, &l, &s), 0);
    assert_int_equal(rig_name(&r, &s, true, &peer), 0);
    assert_true(IN6_IS_ADDR_V4MAPPED(&peer.in6.sin6_addr));
    rig_close_file(&r, &c);
    rig_close_file(&r, &s);
    rig_close_file(&r, &l);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_v6only_listener_leaves_the_ipv4_port_free) {
    struct rig r;
    struct weir__addr six = rig_v6("::", 0), four;
    struct weir__file l, m;
    rig_open(&r, NULL);
    assert_int_equal(rig_socket(&r, &l, AF_INET6), 0);
    assert_int_equal(rig_option(&r, &l, WEIR__V6ONLY, 1), 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &l, &six), 0);
    assert_int_equal(rig_number(&r, WEIR__LISTEN, &l, 1), 0);
    assert_int_equal(rig_name(&r, &l, false, &six), 0);
    four = rig_v4("0.0.0.0", ntohs(six.in6.sin6_port));
    rig_listen(&r, &m, &four, 1);
    rig_close_file(&r, &l);
    rig_close_file(&r, &m);
    rig_close(&r);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(calls_on_an_unconnected_socket_say_so) {
    struct rig r;
    struct weir__addr a = rig_v4("127.0.0.1", 0);
    struct weir__file f;
    char byte;
    rig_open(&r, NULL);
    assert_int_equal(rig_socket(&r, &f, AF_INET), 0);
    assert_int_equal(rig_name(&r, &f, true, &a), -ENOTCONN);
    assert_int_equal(rig_number(&r, WEIR__SHUTDOWN, &f, SHUT_WR), -ENOTCONN);
    assert_int_equal(rig_send(&r, &f, "x", 1), -EPIPE);
    assert_int_equal(rig_recv(&r, &f, &byte, 1), -ENOTCONN);
    a = rig_v4("127.0.0.1", 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &f, &a), 0);
    assert_int_equal(rig_addr_op(&r, WEIR__BIND, &f, &a), -EINVAL);
    struct weir__file g;
    assert_int_equal(rig_accept(&r, &f, &g), -EINVAL);
    rig_close_file(&r, &f);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_connected_socket_cannot_connect_or_listen) {
    struct rig r;
    struct rig_pair p;
    rig_open(&r, NULL);
    rig_pair(&r, &p);
    assert_int_equal(rig_addr_op(&r, WEIR__CONNECT, &p.there, &p.addr), -EISCONN);
    assert_int_equal(rig_number(&r, WEIR__LISTEN, &p.here, 1), -EINVAL);
    rig_pair_close(&r, &p);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_second_reader_or_writer_is_busy) {
    enum { LEN = 16 << 20 };
    struct rig r;
    struct rig_pair p;
    struct rig_op a, b, w;
    uint8_t *source = calloc(1, LEN);
    rig_open(&r, NULL);
    rig_pair(&r, &p);
    rig_recv_begin(&r, &a, &p.here);
    rig_recv_begin(&r, &b, &p.here);
    assert_int_equal(b.done ? b.op.result : 0, -EBUSY);
    rig_send_begin(&r, &w, &p.here, source, LEN);
    rig_send_begin(&r, &b, &p.here, "x", 1);
    assert_int_equal(b.done ? b.op.result : 0, -EBUSY);
    rig_cancel(&a);
    rig_cancel(&w);
    rig_wait(&a);
    rig_wait(&w);
    free(source);
    rig_pair_close(&r, &p);
    rig_close(&r);
}

/* ---- what is not a socket -------------------------------------------------------------------- */

static int forty_two(void *arg) {
    *(int *)arg += 1;
    return 42;
}

WEIR_TEST_BACKENDS(work_gives_its_result) {
    struct rig r;
    struct rig_op o;
    int runs = 0;
    rig_open(&r, NULL);
    rig_op(&r, &o, WEIR__WORK, NULL);
    o.op.u.work.fn = forty_two;
    o.op.u.work.arg = &runs;
    assert_int_equal(rig_run(&o), 42);
    assert_int_equal(runs, 1);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(cancelled_work_is_not_begun_or_runs_to_its_end) {
    struct rig r;
    struct rig_op o;
    int runs = 0;
    rig_open(&r, NULL);
    rig_op(&r, &o, WEIR__WORK, NULL);
    o.op.u.work.fn = forty_two;
    o.op.u.work.arg = &runs;
    rig_submit(&o);
    rig_cancel(&o);
    int64_t rc = rig_wait(&o);
    assert_true((rc == -ECANCELED && runs == 0) || (rc == 42 && runs == 1));
    rig_close(&r);
}

static int64_t resolve(struct rig *r, const char *host, struct weir__addr *ret) {
    struct rig_op o;
    rig_op(r, &o, WEIR__RESOLVE, NULL);
    o.op.u.resolve.host = host;
    o.op.u.resolve.port = 80;
    o.op.u.resolve.ret = ret;
    return rig_run(&o);
}

WEIR_TEST_BACKENDS(names_and_numbers_resolve) {
    struct rig r;
    struct weir__addr a[WEIR__ADDRS_MAX];
    rig_open(&r, NULL);
    assert_int_equal(resolve(&r, "127.0.0.1", a), 1);
    assert_int_equal(a[0].in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(a[0].in.sin_port, htons(80));
    assert_int_equal(resolve(&r, "::1", a), 1);
    assert_int_equal(a[0].sa.sa_family, AF_INET6);
    assert_true(resolve(&r, "localhost", a) >= 1);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_cancelled_resolve_is_done_at_once) {
    struct rig r;
    struct weir__addr a[WEIR__ADDRS_MAX];
    struct rig_op o;
    rig_open(&r, NULL);
    rig_op(&r, &o, WEIR__RESOLVE, NULL);
    o.op.u.resolve.host = "localhost";
    o.op.u.resolve.ret = a;
    rig_submit(&o);
    assert_int_equal(o.done, 0);
    rig_cancel(&o);
    assert_int_equal(o.done ? o.op.result : 0, -ECANCELED);
    rig_pass(&r, settle_ns); /* what was begun ends alone */
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_signal_completes_who_waits_for_it) {
    struct rig r;
    struct rig_op a, b, other;
    rig_open(&r, NULL);
    rig_op(&r, &a, WEIR__SIGNAL, NULL)->u.number = SIGUSR1;
    rig_op(&r, &b, WEIR__SIGNAL, NULL)->u.number = SIGUSR1;
    rig_op(&r, &other, WEIR__SIGNAL, NULL)->u.number = SIGUSR2;
    rig_submit(&a);
    rig_submit(&b);
    rig_submit(&other);
    if (r.world != NULL)
        assert_int_equal(weir__sim_raise(r.world, SIGUSR1), 2);
    else
        raise(SIGUSR1);
    assert_int_equal(rig_wait(&a), SIGUSR1);
    assert_int_equal(rig_wait(&b), SIGUSR1);
    assert_int_equal(other.done, 0);
    rig_cancel(&other);
    assert_int_equal(rig_wait(&other), -ECANCELED);
    rig_close(&r);
}

/* ---- turns ----------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_turn_waits_until_its_time) {
    struct rig r;
    rig_open(&r, NULL);
    weir_ns start_ns = rig_now(&r);
    rig_turn(&r, start_ns + WEIR_MILLISECONDS(20));
    assert_true(rig_now(&r) >= start_ns + WEIR_MILLISECONDS(20));
    start_ns = rig_now(&r);
    rig_turn(&r, 0);
    rig_turn(&r, start_ns);
    assert_true(rig_now(&r) < start_ns + WEIR_MILLISECONDS(20));
    rig_close(&r);
}

WEIR_TEST_BACKENDS(wake_ends_a_turn) {
    struct rig r;
    rig_open(&r, NULL);
    weir_ns start_ns = rig_now(&r);
    r.b->ops->wake(r.b);
    rig_turn(&r, start_ns + WEIR_SECONDS(4));
    assert_true(rig_now(&r) < start_ns + WEIR_SECONDS(4));
    rig_close(&r);
}

WEIR_TEST_BACKENDS(random_bytes_differ) {
    struct rig r;
    uint8_t a[64] = {0}, b[64] = {0};
    rig_open(&r, NULL);
    r.b->ops->random(r.b, a, sizeof a);
    r.b->ops->random(r.b, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_non_null(r.b->ops->explain(r.b));
    rig_close(&r);
}

WEIR_TEST_BACKENDS(out_of_descriptors_is_emfile) {
    enum { MAX = 6, TRIED = 64 };
    struct rig r;
    struct weir__file f[TRIED];
    struct sim_config c;
    struct rlimit old;
    int64_t rc = 0;
    int made = 0;
    weir__sim_config_defaults(&c);
    c.descriptors_max = MAX;
    rig_open(&r, &c);
    getrlimit(RLIMIT_NOFILE, &old);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){TRIED / 2, old.rlim_max});
    while (made < TRIED && (rc = rig_socket(&r, &f[made], AF_INET)) == 0)
        made++;
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(rc, -EMFILE);
    while (made > 0)
        rig_close_file(&r, &f[--made]);
    assert_int_equal(rig_socket(&r, &f[0], AF_INET), 0);
    rig_close_file(&r, &f[0]);
    rig_close(&r);
}

WEIR_TEST(the_suite_holds_in_stranger_worlds) {
    rig_again("deferred");
    rig_again("tiny");
    rig_again("deferred,tiny");
}
