/* SPDX-License-Identifier: MIT */
/* backend_story_test.c - every backend gives the same results and error numbers: the simulation,
 * epoll and io_uring. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "sim/world_rig.h"

/* ---- connections ----------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(both_ends_know_each_others_address) {
    struct rig_pair p;
    struct weir__addr a, b;
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_name(&p.here, false, &a), 0);
    assert_int_equal(rig_name(&p.there, true, &b), 0);
    assert_int_equal(a.in.sin_port, b.in.sin_port);
    assert_int_equal(a.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(rig_name(&p.here, true, &a), 0);
    assert_int_equal(a.in.sin_port, p.addr.in.sin_port);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(accept_returns_the_peers_address) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0), peer = {0}, own;
    struct weir__file l, c, s;
    struct rig_op o;
    world_open(NULL);
    rig_listen(&l, &addr, 4);
    o = rig_op(WEIR__ACCEPT, &l);
    o.op.u.accept.ret_peer = &peer;
    rig_submit(&o);
    assert_int_equal(o.done, 0);
    assert_int_equal(rig_connect(&c, &addr), 0);
    int64_t fd = rig_wait(&o);
    assert_true(fd >= 0);
    assert_int_equal(rig_name(&c, false, &own), 0);
    assert_int_equal(peer.in.sin_port, own.in.sin_port);
    assert_int_equal(rig_attach(&s, (int)fd), 0);
    rig_close_file(&c);
    rig_close_file(&s);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST_BACKENDS(a_connect_without_a_listener_is_refused) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file f, c;
    world_open(NULL);
    rig_listen(&f, &addr, 1);
    rig_close_file(&f);
    assert_int_equal(rig_connect(&c, &addr), -ECONNREFUSED);
    rig_close_file(&c);
    world_close();
}

WEIR_TEST_BACKENDS(a_full_backlog_lets_connects_hang_until_one_is_accepted) {
    struct weir__addr addr;
    struct weir__file l, c[3], s[3];
    struct rig_op third;
    world_open(NULL);
    rig_full_backlog(&l, &addr, c, &third);
    assert_int_equal(rig_wait_until(&third, RIG_SETTLED), -EINPROGRESS);
    assert_int_equal(rig_accept(&l, &s[0]), 0);
    assert_int_equal(rig_wait(&third), 0);
    for (int i = 1; i < 3; i++)
        assert_int_equal(rig_accept(&l, &s[i]), 0);
    for (int i = 0; i < 3; i++) {
        rig_close_file(&c[i]);
        rig_close_file(&s[i]);
    }
    rig_close_file(&l);
    world_close();
}

WEIR_TEST_BACKENDS(connections_are_accepted_in_the_order_they_came) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0), own, peer;
    struct weir__file l, c[4], s[4];
    world_open(NULL);
    rig_listen(&l, &addr, 8);
    for (int i = 0; i < 4; i++)
        assert_int_equal(rig_connect(&c[i], &addr), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rig_accept(&l, &s[i]), 0);
        assert_int_equal(rig_name(&c[i], false, &own), 0);
        assert_int_equal(rig_name(&s[i], true, &peer), 0);
        assert_int_equal(own.in.sin_port, peer.in.sin_port);
    }
    for (int i = 0; i < 4; i++) {
        rig_close_file(&c[i]);
        rig_close_file(&s[i]);
    }
    rig_close_file(&l);
    world_close();
}

WEIR_TEST_BACKENDS(closing_a_listener_resets_connections_not_accepted) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file l, c;
    char byte;
    world_open(NULL);
    rig_listen(&l, &addr, 4);
    assert_int_equal(rig_connect(&c, &addr), 0);
    rig_pass(RIG_SETTLED);
    rig_close_file(&l);
    assert_int_equal(rig_recv(&c, &byte, 1), -ECONNRESET);
    rig_close_file(&c);
    world_close();
}

WEIR_TEST_BACKENDS(closing_a_listener_ends_its_accept) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file l;
    struct rig_op o;
    world_open(NULL);
    rig_listen(&l, &addr, 4);
    rig_accept_begin(&o, &l);
    rig_turn(0);
    rig_close_file(&l);
    assert_int_equal(o.done ? o.op.result : 0, -ECANCELED);
    world_close();
}

WEIR_TEST_BACKENDS(what_a_client_sent_before_it_was_accepted_is_there) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file l, c, s;
    char text[8];
    world_open(NULL);
    rig_listen(&l, &addr, 4);
    assert_int_equal(rig_connect(&c, &addr), 0);
    assert_int_equal(rig_send(&c, "early", 5), 5);
    rig_close_file(&c);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_accept(&l, &s), 0);
    assert_int_equal(rig_recv_all(&s, text, 5), 5);
    assert_memory_equal(text, "early", 5);
    assert_int_equal(rig_recv(&s, text, 8), 0);
    rig_close_file(&s);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST_BACKENDS(a_client_that_reset_before_it_was_accepted_is_seen_by_the_reader) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file l, c, s;
    char byte;
    world_open(NULL);
    rig_listen(&l, &addr, 4);
    assert_int_equal(rig_connect(&c, &addr), 0);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_option(&c, WEIR__LINGER0, 1), 0);
    rig_close_file(&c);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_accept(&l, &s), 0);
    assert_int_equal(rig_recv(&s, &byte, 1), -ECONNRESET);
    rig_close_file(&s);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST_BACKENDS(many_connections_come_and_go) {
    enum { COUNT = 400 };
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    static struct weir__file l, c[COUNT], s[COUNT];
    static struct rig_op o[COUNT];
    world_open(NULL);
    rig_listen(&l, &addr, COUNT);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++)
            rig_connect_begin(&o[i], &c[i], &addr);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(rig_accept(&l, &s[i]), 0);
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(rig_wait(&o[i]), 0);
            rig_close_file(i % 2 ? &c[i] : &s[i]);
            rig_close_file(i % 2 ? &s[i] : &c[i]);
        }
    }
    rig_close_file(&l);
    world_close();
}

/* ---- ports ----------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_port_that_is_listened_on_is_in_use) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file l, f;
    world_open(NULL);
    rig_listen(&l, &addr, 1);
    assert_int_equal(rig_socket(&f, AF_INET), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &f, &addr), -EADDRINUSE);
    assert_int_equal(rig_option(&f, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &f, &addr), -EADDRINUSE);
    rig_close_file(&f);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST_BACKENDS(two_may_bind_with_reuseaddr_and_one_may_listen) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file a, b;
    world_open(NULL);
    assert_int_equal(rig_socket(&a, AF_INET), 0);
    assert_int_equal(rig_option(&a, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &a, &addr), 0);
    assert_int_equal(rig_name(&a, false, &addr), 0);
    assert_int_equal(rig_socket(&b, AF_INET), 0);
    assert_int_equal(rig_option(&b, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &b, &addr), 0);
    assert_int_equal(rig_number(WEIR__LISTEN, &a, 1), 0);
    assert_int_equal(rig_number(WEIR__LISTEN, &b, 1), -EADDRINUSE);
    rig_close_file(&a);
    rig_close_file(&b);
    world_close();
}

WEIR_TEST_BACKENDS(listeners_with_reuseport_share_a_port) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file l[2], c;
    world_open(NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rig_socket(&l[i], AF_INET), 0);
        assert_int_equal(rig_option(&l[i], WEIR__REUSEPORT, 1), 0);
        assert_int_equal(rig_addr_op(WEIR__BIND, &l[i], &addr), 0);
        assert_int_equal(rig_number(WEIR__LISTEN, &l[i], 1), 0);
        assert_int_equal(rig_name(&l[i], false, &addr), 0);
    }
    assert_int_equal(rig_connect(&c, &addr), 0);
    rig_close_file(&c);
    rig_close_file(&l[0]);
    rig_close_file(&l[1]);
    world_close();
}

WEIR_TEST_BACKENDS(a_port_lingers_after_its_server_closed_first) {
    struct rig_pair p;
    struct weir__file f;
    char byte;
    world_open(NULL);
    rig_pair_open(&p);
    rig_close_file(&p.there);
    assert_int_equal(rig_recv(&p.here, &byte, 1), 0);
    rig_pair_close(&p);
    rig_pass(RIG_SETTLED);
    assert_int_equal(rig_socket(&f, AF_INET), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &f, &p.addr), -EADDRINUSE);
    assert_int_equal(rig_option(&f, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &f, &p.addr), 0);
    assert_int_equal(rig_number(WEIR__LISTEN, &f, 1), 0);
    rig_close_file(&f);
    world_close();
}

WEIR_TEST_BACKENDS(an_address_of_others_cannot_be_bound) {
    struct weir__addr addr = rig_addr("192.0.2.77", 0), six = rig_addr("::1", 0);
    struct weir__file f;
    world_open(NULL);
    assert_int_equal(rig_socket(&f, AF_INET), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &f, &addr), -EADDRNOTAVAIL);
    assert_int_equal(rig_addr_op(WEIR__BIND, &f, &six), -EAFNOSUPPORT);
    rig_close_file(&f);
    world_close();
}

/* ---- families -------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_pair_over_ipv6_works) {
    runner_plain_order(); /* a seed may cut the bytes into parts */
    struct rig_pair p;
    char text[4];
    world_open(NULL);
    rig_pair_at(&p, rig_addr("::1", 0));
    assert_int_equal(rig_send(&p.here, "abc", 3), 3);
    assert_int_equal(rig_recv(&p.there, text, 3), 3);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(an_open_ipv6_listener_takes_ipv4_too) {
    struct weir__addr addr = rig_addr("::", 0), four, peer;
    struct weir__file l, c, s;
    world_open(NULL);
    rig_listen(&l, &addr, 4);
    four = rig_addr("127.0.0.1", ntohs(addr.in6.sin6_port));
    assert_int_equal(rig_connect(&c, &four), 0);
    assert_int_equal(rig_accept(&l, &s), 0);
    assert_int_equal(rig_name(&s, true, &peer), 0);
    assert_true(IN6_IS_ADDR_V4MAPPED(&peer.in6.sin6_addr));
    rig_close_file(&c);
    rig_close_file(&s);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST_BACKENDS(a_v6only_listener_leaves_the_ipv4_port_free) {
    struct weir__addr six = rig_addr("::", 0), four;
    struct weir__file l, m;
    world_open(NULL);
    assert_int_equal(rig_socket(&l, AF_INET6), 0);
    assert_int_equal(rig_option(&l, WEIR__V6ONLY, 1), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &l, &six), 0);
    assert_int_equal(rig_number(WEIR__LISTEN, &l, 1), 0);
    assert_int_equal(rig_name(&l, false, &six), 0);
    four = rig_addr("0.0.0.0", ntohs(six.in6.sin6_port));
    rig_listen(&m, &four, 1);
    rig_close_file(&l);
    rig_close_file(&m);
    world_close();
}

/* ---- misuse ---------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(calls_on_an_unconnected_socket_say_so) {
    struct weir__addr a = rig_addr("127.0.0.1", 0);
    struct weir__file f;
    char byte;
    world_open(NULL);
    assert_int_equal(rig_socket(&f, AF_INET), 0);
    assert_int_equal(rig_name(&f, true, &a), -ENOTCONN);
    assert_int_equal(rig_number(WEIR__SHUTDOWN, &f, SHUT_WR), -ENOTCONN);
    assert_int_equal(rig_send(&f, "x", 1), -EPIPE);
    assert_int_equal(rig_recv(&f, &byte, 1), -ENOTCONN);
    a = rig_addr("127.0.0.1", 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &f, &a), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, &f, &a), -EINVAL);
    struct weir__file g;
    assert_int_equal(rig_accept(&f, &g), -EINVAL);
    rig_close_file(&f);
    world_close();
}

WEIR_TEST_BACKENDS(a_connected_socket_cannot_connect_or_listen) {
    struct rig_pair p;
    world_open(NULL);
    rig_pair_open(&p);
    assert_int_equal(rig_addr_op(WEIR__CONNECT, &p.there, &p.addr), -EISCONN);
    assert_int_equal(rig_number(WEIR__LISTEN, &p.here, 1), -EINVAL);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST_BACKENDS(a_second_reader_or_writer_is_busy) {
    enum { LEN = 16 << 20 };
    struct rig_pair p;
    struct rig_op a, b, w;
    uint8_t *source = calloc(1, LEN);
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&a, &p.here);
    rig_recv_begin(&b, &p.here);
    assert_int_equal(b.done ? b.op.result : 0, -EBUSY);
    rig_send_begin(&w, &p.here, source, LEN);
    rig_send_begin(&b, &p.here, "x", 1);
    assert_int_equal(b.done ? b.op.result : 0, -EBUSY);
    rig_cancel(&a);
    rig_cancel(&w);
    rig_wait(&a);
    rig_wait(&w);
    free(source);
    rig_pair_close(&p);
    world_close();
}

/* ---- what is not a socket -------------------------------------------------------------------- */

static int forty_two(void *arg) {
    *(int *)arg += 1;
    return 42;
}

WEIR_TEST_BACKENDS(work_gives_its_result) {
    struct rig_op o;
    int runs = 0;
    world_open(NULL);
    o = rig_op(WEIR__WORK, NULL);
    o.op.u.work.fn = forty_two;
    o.op.u.work.arg = &runs;
    assert_int_equal(rig_run(&o), 42);
    assert_int_equal(runs, 1);
    world_close();
}

WEIR_TEST_BACKENDS(cancelled_work_is_not_begun_or_runs_to_its_end) {
    struct rig_op o;
    int runs = 0;
    world_open(NULL);
    o = rig_op(WEIR__WORK, NULL);
    o.op.u.work.fn = forty_two;
    o.op.u.work.arg = &runs;
    rig_submit(&o);
    rig_cancel(&o);
    int64_t rc = rig_wait(&o);
    assert_true((rc == -ECANCELED && runs == 0) || (rc == 42 && runs == 1));
    world_close();
}

static int64_t resolve(const char *host, struct weir__addr *ret) {
    struct rig_op o;
    o = rig_op(WEIR__RESOLVE, NULL);
    o.op.u.resolve.host = host;
    o.op.u.resolve.port = 80;
    o.op.u.resolve.ret = ret;
    return rig_run(&o);
}

WEIR_TEST_BACKENDS(names_and_numbers_resolve) {
    struct weir__addr a[WEIR__ADDRS_MAX];
    world_open(NULL);
    assert_int_equal(resolve("127.0.0.1", a), 1);
    assert_int_equal(a[0].in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(a[0].in.sin_port, htons(80));
    assert_int_equal(resolve("::1", a), 1);
    assert_int_equal(a[0].sa.sa_family, AF_INET6);
    assert_true(resolve("localhost", a) >= 1);
    world_close();
}

WEIR_TEST_BACKENDS(a_cancelled_resolve_is_done_at_once) {
    struct weir__addr a[WEIR__ADDRS_MAX];
    struct rig_op o;
    world_open(NULL);
    o = rig_op(WEIR__RESOLVE, NULL);
    o.op.u.resolve.host = "localhost";
    o.op.u.resolve.ret = a;
    rig_submit(&o);
    assert_int_equal(o.done, 0);
    rig_cancel(&o);
    assert_int_equal(o.done ? o.op.result : 0, -ECANCELED);
    rig_pass(RIG_SETTLED); /* what was begun ends alone */
    world_close();
}

WEIR_TEST_BACKENDS(a_signal_completes_the_op_that_waits_for_it) {
    struct rig_op a, b, other;
    world_open(NULL);
    a = rig_op(WEIR__SIGNAL, NULL);
    a.op.u.number = SIGUSR1;
    b = rig_op(WEIR__SIGNAL, NULL);
    b.op.u.number = SIGUSR1;
    other = rig_op(WEIR__SIGNAL, NULL);
    other.op.u.number = SIGUSR2;
    rig_submit(&a);
    rig_submit(&b);
    rig_submit(&other);
    if (world != NULL)
        assert_int_equal(weir__sim_raise(world, SIGUSR1), 2);
    else
        raise(SIGUSR1);
    assert_int_equal(rig_wait(&a), SIGUSR1);
    assert_int_equal(rig_wait(&b), SIGUSR1);
    assert_int_equal(other.done, 0);
    rig_cancel(&other);
    assert_int_equal(rig_wait(&other), -ECANCELED);
    world_close();
}

/* ---- turns ----------------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(a_turn_waits_until_its_time) {
    world_open(NULL);
    weir_ns start_ns = rig_now();
    rig_turn(start_ns + WEIR_MILLISECONDS(20));
    assert_true(rig_now() >= start_ns + WEIR_MILLISECONDS(20));
    start_ns = rig_now();
    rig_turn(0);
    rig_turn(start_ns);
    assert_true(rig_now() < start_ns + WEIR_MILLISECONDS(20));
    world_close();
}

WEIR_TEST_BACKENDS(wake_ends_a_turn) {
    world_open(NULL);
    weir_ns start_ns = rig_now();
    backend->ops->wake(backend);
    rig_turn(start_ns + WEIR_SECONDS(4));
    assert_true(rig_now() < start_ns + WEIR_SECONDS(4));
    world_close();
}

WEIR_TEST_BACKENDS(random_bytes_differ) {
    uint8_t a[64] = {0}, b[64] = {0};
    world_open(NULL);
    backend->ops->random(backend, a, sizeof a);
    backend->ops->random(backend, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_non_null(backend->ops->explain(backend));
    world_close();
}

WEIR_TEST_BACKENDS(out_of_descriptors_is_emfile) {
    enum { MAX = 6, TRIED = 64 };
    struct weir__file f[TRIED];
    struct sim_config c;
    struct rlimit old;
    int64_t rc = 0;
    int made = 0;
    weir__sim_config_defaults(&c);
    c.descriptors_max = MAX;
    world_open(&c);
    getrlimit(RLIMIT_NOFILE, &old);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){TRIED / 2, old.rlim_max});
    while (made < TRIED && (rc = rig_socket(&f[made], AF_INET)) == 0)
        made++;
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(rc, -EMFILE);
    while (made > 0)
        rig_close_file(&f[--made]);
    assert_int_equal(rig_socket(&f[0], AF_INET), 0);
    rig_close_file(&f[0]);
    world_close();
}

/* Only a connection makes the shortage matter. */
WEIR_TEST_BACKENDS(an_accept_without_a_free_descriptor_waits_while_nobody_comes) {
    enum { MAX = 6, TRIED = 64 };
    struct weir__file listener, f[TRIED];
    struct weir__addr a = rig_addr("127.0.0.1", 0);
    struct sim_config c;
    struct rlimit old;
    struct rig_op o;
    int made = 0;
    weir__sim_config_defaults(&c);
    c.descriptors_max = MAX;
    world_open(&c);
    rig_listen(&listener, &a, 4);
    getrlimit(RLIMIT_NOFILE, &old);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){TRIED / 2, old.rlim_max});
    while (made < TRIED && rig_socket(&f[made], AF_INET) == 0)
        made++;
    assert_true(made < TRIED);
    rig_accept_begin(&o, &listener);
    rig_settle();
    assert_int_equal(o.done, 0);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(rig_stop(&o), -ECANCELED);
    while (made > 0)
        rig_close_file(&f[--made]);
    rig_close_file(&listener);
    world_close();
}

WEIR_TEST(the_suite_holds_in_stranger_worlds) {
    world_again("deferred");
    world_again("tiny");
    world_again("deferred,tiny");
}
