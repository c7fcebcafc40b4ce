/* SPDX-License-Identifier: MIT */
/* sim_test.c - what only the simulation does: its clock, hosts, links, lost segments, limits. */
#include <signal.h>
#include <stdlib.h>

#include "sim/world_rig.h"

static struct weir__addr at(const char *host, uint16_t port) {
    struct weir__addr a[WEIR__ADDRS_MAX];
    assert_int_equal(weir__sim_resolve(world, host, port, a), 2);
    return a[1];
}

/* A connection from host 0 to a listener on another host. */
static void far_pair(struct rig_pair *p, const char *host) {
    weir__sim_host_add(world, host);
    rig_pair_at(p, at(host, 0));
}

/* ---- the clock ------------------------------------------------------------------------------- */

WEIR_TEST(time_begins_far_from_zero_and_jumps_to_the_end_of_a_wait) {
    world_open(NULL);
    weir_ns start_ns = rig_now();
    assert_int_equal(start_ns, WEIR_SECONDS(3600));
    rig_turn(start_ns + WEIR_SECONDS(1000000));
    assert_int_equal(rig_now(), start_ns + WEIR_SECONDS(1000000));
    rig_turn(0);
    assert_int_equal(rig_now(), start_ns + WEIR_SECONDS(1000000));
    world_close();
}

WEIR_TEST(an_event_at_the_very_end_of_a_wait_still_counts) {
    runner_plain_order();
    struct rig_op o;
    struct weir__addr a[WEIR__ADDRS_MAX];
    world_open(NULL);
    o = rig_op(WEIR__RESOLVE, NULL);
    o.op.u.resolve.host = "main";
    o.op.u.resolve.ret = a;
    rig_submit(&o);
    rig_turn(rig_now() + world->config.resolve_ns);
    assert_int_equal(o.done, 1);
    assert_int_equal(o.op.result, 2);
    world_close();
}

WEIR_TEST(a_wait_for_what_cannot_come_is_quiet) {
    struct rig_pair p;
    struct rig_op o;
    world_open(NULL);
    rig_pair_open(&p);
    rig_recv_begin(&o, &p.here);
    rig_turn(WEIR_NEVER);
    assert_true(backend->quiet);
    assert_int_equal(o.done, 0);
    assert_int_equal(rig_send(&p.there, "x", 1), 1);
    rig_turn(WEIR_NEVER);
    assert_false(backend->quiet);
    assert_int_equal(o.op.result, 1);
    weir__release(backend, &o.op.u.lent);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(a_writer_whose_peer_never_reads_is_quiet_too) {
    enum { LEN = 1 << 20 };
    struct rig_pair p;
    struct rig_op o;
    uint8_t *source = calloc(1, LEN);
    world_open(NULL);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.here, source, LEN);
    rig_turn(WEIR_NEVER);
    assert_true(backend->quiet);
    assert_int_equal(o.op.u.bytes.done, 2 * 65536);
    rig_cancel(&o);
    free(source);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(turns_that_never_wait_let_time_creep) {
    world_open(NULL);
    weir_ns start_ns = rig_now();
    for (int i = 0; i < 3000; i++)
        rig_turn(0);
    assert_true(rig_now() > start_ns);
    assert_true(rig_now() < start_ns + WEIR_MILLISECONDS(3));
    world_close();
}

static void count_overrun(void *arg) {
    ++*(int *)arg;
}

WEIR_TEST(past_the_limit_of_time_the_hook_is_called_once) {
    struct sim_config c;
    int told = 0;
    weir__sim_config_defaults(&c);
    c.limit_ns = WEIR_SECONDS(3601);
    world_open(&c);
    world->overrun = count_overrun;
    world->overrun_arg = &told;
    rig_pass(WEIR_MILLISECONDS(999));
    assert_int_equal(told, 0);
    rig_pass(WEIR_SECONDS(10));
    assert_int_equal(told, 1);
    world_close();
}

/* ---- seeds ----------------------------------------------------------------------------------- */

static uint64_t story_hash(uint64_t seed) {
    struct rig_pair p;
    struct sim_config c;
    uint8_t buf[4096] = {0}, random[8];
    uint64_t hash = 14695981039346656037u;
    weir__sim_config_defaults(&c);
    c.seed = seed;
    world_open(&c);
    far_pair(&p, "far");
    backend->ops->random(backend, random, sizeof random);
    assert_int_equal(rig_send(&p.here, random, sizeof random), sizeof random);
    assert_int_equal(rig_recv_all(&p.there, buf, sizeof random), sizeof random);
    struct weir__addr own;
    rig_name(&p.here, false, &own);
    uint64_t facts[] = {(uint64_t)rig_now(), world->segments, world->made,
                        own.in.sin_port, buf[0], buf[7]};
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        hash = (hash ^ facts[i]) * 1099511628211u;
    rig_pair_close(&p);
    world_close();
    return hash;
}

WEIR_TEST(the_same_seed_is_the_same_story) {
    assert_true(story_hash(7) == story_hash(7));
    assert_true(story_hash(7) != story_hash(8));
}

/* ---- hosts and links ------------------------------------------------------------------------- */

WEIR_TEST(hosts_have_names_and_addresses) {
    struct weir__addr a[WEIR__ADDRS_MAX];
    char text[INET6_ADDRSTRLEN];
    world_open(NULL);
    assert_int_equal(weir__sim_host_add(world, "db"), 1);
    assert_int_equal(weir__sim_host_add(world, "DB"), 1);
    assert_int_equal(weir__sim_resolve(world, "db", 5432, a), 2);
    assert_string_equal(inet_ntop(AF_INET6, &a[0].in6.sin6_addr, text, sizeof text), "fd00::2");
    assert_string_equal(inet_ntop(AF_INET, &a[1].in.sin_addr, text, sizeof text), "10.0.0.2");
    assert_int_equal(a[1].in.sin_port, htons(5432));
    assert_int_equal(weir__sim_resolve(world, "localhost", 1, a), 2);
    assert_int_equal(weir__sim_resolve(world, "nobody", 1, a), 0);
    world_close();
}

WEIR_TEST(an_unknown_name_is_enoname) {
    struct rig_op o;
    struct weir__addr a[WEIR__ADDRS_MAX];
    world_open(NULL);
    o = rig_op(WEIR__RESOLVE, NULL);
    o.op.u.resolve.host = "nobody";
    o.op.u.resolve.ret = a;
    weir_ns start_ns = rig_now();
    assert_int_equal(rig_run(&o), WEIR_ENONAME);
    assert_in_range(rig_now() - start_ns, world->config.resolve_ns / 2,
                    2 * world->config.resolve_ns);
    world_close();
}

WEIR_TEST(latency_is_felt_once_per_direction) {
    struct weir__addr addr;
    struct weir__file l, c, s;
    world_open(NULL);
    weir__sim_link_set(world, 0, weir__sim_host_add(world, "mars"), WEIR_SECONDS(180));
    addr = at("mars", 0);
    rig_listen(&l, &addr, 1);
    struct rig_op o;
    weir_ns start_ns = rig_now();
    rig_connect_begin(&o, &c, &addr);
    assert_int_equal(rig_wait_until(&o, WEIR_SECONDS(1000)), 0);
    assert_int_equal(rig_now() - start_ns, WEIR_SECONDS(360));
    rig_accept_begin(&o, &l);
    int64_t fd = rig_wait_until(&o, WEIR_SECONDS(1000));
    assert_int_equal(rig_now() - start_ns, WEIR_SECONDS(540));
    assert_int_equal(rig_attach(&s, (int)fd), 0);
    start_ns = rig_now();
    assert_int_equal(rig_send(&c, "x", 1), 1);
    rig_recv_begin(&o, &s);
    assert_int_equal(rig_wait_until(&o, WEIR_SECONDS(1000)), 1);
    assert_int_equal(rig_now() - start_ns, WEIR_SECONDS(180));
    weir__release(backend, &o.op.u.lent);
    rig_close_file(&c);
    rig_close_file(&s);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST(a_shorter_link_does_not_overtake) {
    struct rig_pair p;
    char text[4];
    world_open(NULL);
    far_pair(&p, "far");
    weir__sim_link_set(world, 0, 1, WEIR_SECONDS(1));
    assert_int_equal(rig_send(&p.here, "a", 1), 1);
    weir__sim_link_set(world, 0, 1, WEIR_MILLISECONDS(1));
    assert_int_equal(rig_send(&p.here, "b", 1), 1);
    assert_int_equal(rig_recv_all(&p.there, text, 2), 2);
    assert_memory_equal(text, "ab", 2);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(loopback_is_of_each_host) {
    struct weir__addr far, near = rig_addr("127.0.0.1", 0);
    struct weir__file a, b, c;
    world_open(NULL);
    weir__sim_host_add(world, "far");
    far = at("far", 80);
    rig_listen(&a, &far, 1);
    near.in.sin_port = htons(80);
    assert_int_equal(rig_connect(&b, &near), -ECONNREFUSED);
    assert_int_equal(rig_connect(&c, &far), 0);
    rig_close_file(&a);
    rig_close_file(&b);
    rig_close_file(&c);
    world_close();
}

/* ---- peers that vanish ----------------------------------------------------------------------- */

WEIR_TEST(a_connect_to_a_host_that_is_cut_off_times_out_as_on_linux) {
    struct weir__addr addr;
    struct weir__file l, c;
    struct rig_op o;
    world_open(NULL);
    weir__sim_host_cut(world, weir__sim_host_add(world, "far"), true);
    addr = at("far", 80);
    rig_listen(&l, &addr, 1);
    weir_ns start_ns = rig_now();
    rig_connect_begin(&o, &c, &addr);
    assert_int_equal(rig_wait_until(&o, WEIR_SECONDS(1000)), -ETIMEDOUT);
    assert_true(rig_now() - start_ns >= WEIR_SECONDS(127));
    assert_true(rig_now() - start_ns < WEIR_SECONDS(128));
    rig_close_file(&c);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST(a_connect_to_nowhere_times_out) {
    struct weir__addr addr = rig_addr("192.0.2.1", 80);
    struct weir__file c;
    struct rig_op o;
    world_open(NULL);
    rig_connect_begin(&o, &c, &addr);
    assert_int_equal(rig_wait_until(&o, WEIR_SECONDS(1000)), -ETIMEDOUT);
    rig_close_file(&c);
    world_close();
}

WEIR_TEST(a_backlog_that_stays_full_times_out) {
    struct weir__addr addr;
    struct weir__file l, c[3];
    struct rig_op o;
    world_open(NULL);
    rig_full_backlog(&l, &addr, c, &o);
    assert_int_equal(rig_wait_until(&o, WEIR_SECONDS(1000)), -ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        rig_close_file(&c[i]);
    rig_close_file(&l);
    world_close();
}

WEIR_TEST(writes_to_a_vanished_peer_fill_the_buffer_hang_and_time_out) {
    enum { LEN = 1 << 20 };
    struct rig_pair p;
    struct rig_op o;
    uint8_t *source = calloc(1, LEN);
    world_open(NULL);
    far_pair(&p, "far");
    weir__sim_host_cut(world, 1, true);
    weir_ns start_ns = rig_now();
    rig_send_begin(&o, &p.here, source, LEN);
    rig_turn(rig_now() + WEIR_SECONDS(60));
    assert_int_equal(o.done, 0);
    assert_int_equal(o.op.u.bytes.done, 65536);
    assert_int_equal(rig_wait_until(&o, WEIR_SECONDS(10000)), -ETIMEDOUT);
    assert_true(rig_now() - start_ns >= WEIR_MILLISECONDS(924600));
    assert_true(rig_now() - start_ns < WEIR_SECONDS(926));
    assert_int_equal(rig_send(&p.here, "x", 1), -EPIPE);
    free(source);
    weir__sim_host_cut(world, 1, false);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(keepalive_finds_a_vanished_peer) {
    struct rig_pair p;
    struct rig_op o;
    world_open(NULL);
    far_pair(&p, "far");
    assert_int_equal(rig_option(&p.here, WEIR__KEEPALIVE, 10), 0);
    rig_recv_begin(&o, &p.here);
    rig_turn(rig_now() + WEIR_SECONDS(100000));
    assert_int_equal(o.done, 0); /* the peer answers */
    weir__sim_host_cut(world, 1, true);
    weir_ns start_ns = rig_now();
    assert_int_equal(rig_wait_until(&o, WEIR_SECONDS(10000)), -ETIMEDOUT);
    assert_true(rig_now() - start_ns <= WEIR_SECONDS(10 + 9 * 75));
    assert_true(rig_now() - start_ns >= WEIR_SECONDS(9 * 75));
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(without_keepalive_a_reader_of_a_vanished_peer_waits_for_ever) {
    struct rig_pair p;
    struct rig_op o;
    world_open(NULL);
    far_pair(&p, "far");
    weir__sim_host_cut(world, 1, true);
    rig_recv_begin(&o, &p.here);
    rig_turn(WEIR_NEVER);
    assert_true(backend->quiet);
    rig_cancel(&o);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(what_was_lost_arrives_after_the_host_is_back) {
    enum { LEN = 300000 };
    struct rig_pair p;
    struct rig_op o;
    uint8_t *source = malloc(LEN), *target = calloc(1, LEN);
    rig_pattern(source, LEN);
    world_open(NULL);
    far_pair(&p, "far");
    rig_send_begin(&o, &p.here, source, LEN);
    rig_turn(rig_now() + 100000); /* some segments are on their way */
    weir__sim_host_cut(world, 1, true);
    rig_turn(rig_now() + WEIR_SECONDS(100));
    weir__sim_host_cut(world, 1, false);
    struct rig_op in;
    size_t got = 0;
    while (got < LEN) {
        rig_recv_begin(&in, &p.there);
        int64_t n = rig_wait_until(&in, WEIR_SECONDS(400));
        assert_true(n > 0);
        memcpy(target + got, in.op.u.lent.base, (size_t)n);
        got += (size_t)n;
        weir__release(backend, &in.op.u.lent);
    }
    assert_int_equal(rig_wait(&o), LEN);
    assert_memory_equal(source, target, LEN);
    assert_true(world->lost > 0);
    free(source);
    free(target);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(a_window_that_opened_while_cut_off_is_probed) {
    enum { LEN = 200000 };
    struct rig_pair p;
    struct rig_op o, in;
    uint8_t *source = calloc(1, LEN);
    world_open(NULL);
    far_pair(&p, "far");
    rig_send_begin(&o, &p.here, source, LEN);
    rig_turn(rig_now() + WEIR_SECONDS(1)); /* both buffers are full */
    weir__sim_host_cut(world, 1, true);
    size_t got = 0;
    for (; got < 65536; got += (size_t)in.op.result) {
        rig_recv_begin(&in, &p.there);
        assert_true(rig_wait(&in) > 0);
        weir__release(backend, &in.op.u.lent);
    }
    weir__sim_host_cut(world, 1, false);
    rig_recv_begin(&in, &p.there);
    assert_true(rig_wait_until(&in, WEIR_SECONDS(200)) > 0);
    weir__release(backend, &in.op.u.lent);
    rig_cancel(&o);
    free(source);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(an_orphan_that_cannot_say_goodbye_is_forgotten) {
    struct rig_pair p;
    world_open(NULL);
    far_pair(&p, "far");
    weir__sim_host_cut(world, 1, true);
    uint64_t here = p.here.priv[0];
    rig_close_file(&p.here);
    assert_non_null(weir__sim_sock_by_id(world, here));
    rig_turn(rig_now() + WEIR_SECONDS(1000));
    assert_null(weir__sim_sock_by_id(world, here));
    rig_close_file(&p.there);
    rig_close_file(&p.listener);
    rig_turn(rig_now() + WEIR_SECONDS(1000));
    world_close();
}

/* ---- shrunk and refused ---------------------------------------------------------------------- */

WEIR_TEST(two_pieces_of_seven_bytes_carry_everything) {
    enum { LEN = 5000 };
    struct rig_pair p;
    struct rig_op o, a, b;
    struct sim_config c;
    uint8_t source[LEN], target[LEN] = {0};
    for (size_t i = 0; i < LEN; i++)
        source[i] = (uint8_t)(i * 13);
    weir__sim_config_defaults(&c);
    c.piece_size = 7;
    c.piece_count = 2;
    c.send_buffer = 11;
    c.receive_buffer = 3;
    c.segment_max = 2;
    world_open(&c);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.here, source, LEN);
    assert_int_equal(rig_recv_all(&p.there, target, LEN), LEN);
    assert_memory_equal(source, target, LEN);
    assert_int_equal(rig_wait(&o), LEN);
    assert_int_equal(rig_send(&p.here, "x", 1), 1);
    assert_int_equal(rig_send(&p.there, "y", 1), 1);
    rig_recv_begin(&a, &p.here);
    rig_recv_begin(&b, &p.there);
    assert_int_equal(rig_wait(&a), 1);
    assert_int_equal(rig_wait(&b), 1);
    assert_int_equal(weir__sim_lent(world), 2);
    weir__release(backend, &a.op.u.lent);
    weir__release(backend, &b.op.u.lent);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(a_reader_without_a_piece_is_served_when_one_is_back) {
    struct rig_pair p;
    struct rig_op a, b;
    struct sim_config c;
    weir__sim_config_defaults(&c);
    c.piece_count = 1;
    world_open(&c);
    rig_pair_open(&p);
    rig_recv_begin(&a, &p.here);
    rig_recv_begin(&b, &p.there);
    assert_int_equal(rig_send(&p.here, "x", 1), 1);
    assert_int_equal(rig_wait(&b), 1); /* and has the piece */
    assert_int_equal(rig_send(&p.there, "y", 1), 1);
    assert_int_equal(rig_wait_until(&a, WEIR_MILLISECONDS(10)), -EINPROGRESS);
    weir__release(backend, &b.op.u.lent);
    assert_int_equal(rig_wait(&a), 1);
    assert_int_equal(a.op.u.lent.base[0], 'y');
    weir__release(backend, &a.op.u.lent);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(deferred_worlds_answer_in_a_later_turn) {
    struct rig_pair p;
    struct rig_op o;
    struct sim_config c;
    weir__sim_config_defaults(&c);
    c.deferred = true;
    world_open(&c);
    rig_pair_open(&p);
    rig_send_begin(&o, &p.here, "x", 1);
    assert_int_equal(o.done, 0);
    rig_cancel(&o); /* too late: the result stands */
    assert_int_equal(o.done, 0);
    assert_int_equal(rig_wait(&o), 1);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(what_cannot_be_simulated_is_refused_by_name) {
    struct rig_op o;
    struct weir__file f = {.fd = 0};
    world_open(NULL);
    assert_int_equal(rig_attach(&f, 0), WEIR_ESIMREFUSED);
    o = rig_op(WEIR__POLL, NULL);
    o.op.u.poll.fd = 0;
    o.op.u.poll.events = 1;
    assert_int_equal(rig_run(&o), WEIR_ESIMREFUSED);
    assert_int_equal(rig_socket(&f, AF_NETLINK), WEIR_ESIMREFUSED);
    world_close();
}

WEIR_TEST(a_simulated_socket_can_be_polled) {
    struct rig_pair p;
    struct rig_op o;
    world_open(NULL);
    rig_pair_open(&p);
    o = rig_op(WEIR__POLL, NULL);
    o.op.u.poll.fd = p.there.fd;
    o.op.u.poll.events = 1; /* POLLIN */
    rig_submit(&o);
    assert_int_equal(o.done, 0);
    assert_int_equal(rig_send(&p.here, "x", 1), 1);
    assert_int_equal(rig_wait(&o), 1);
    rig_pair_close(&p);
    world_close();
}

WEIR_TEST(accept_without_a_free_descriptor_is_emfile) {
    struct weir__addr addr = rig_addr("127.0.0.1", 0);
    struct weir__file l, c, s;
    struct sim_config config;
    weir__sim_config_defaults(&config);
    config.descriptors_max = 2;
    world_open(&config);
    rig_listen(&l, &addr, 4);
    assert_int_equal(rig_connect(&c, &addr), 0);
    assert_int_equal(rig_accept(&l, &s), -EMFILE);
    rig_close_file(&c);
    assert_int_equal(rig_accept(&l, &s), 0);
    rig_close_file(&s);
    rig_close_file(&l);
    world_close();
}

/* Let some time pass, and cut off or restore host 1. */
static void turn_by_luck(struct weir__random *random) {
    rig_turn(rig_now() + (weir_ns)weir__random_below(random, 1000000));
    uint64_t luck = weir__random_below(random, 64);
    if (luck == 0 || world->hosts[1].cut)
        weir__sim_host_cut(world, 1, luck < 8);
}

/* Bytes to a host that is cut off and restored at random arrive whole, whatever the seed. */
WEIR_TEST(no_seed_loses_or_reorders_bytes) {
    enum { LEN = 20000 };
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rig_pair p;
        struct rig_op o, in;
        struct sim_config c;
        struct weir__random random = {seed};
        static uint8_t source[LEN];
        size_t got = 0;
        for (size_t i = 0; i < LEN; i++)
            source[i] = (uint8_t)(i * 17 + i / 255);
        weir__sim_config_defaults(&c);
        c.seed = seed;
        c.send_buffer = 1 + weir__random_below(&random, 5000);
        c.receive_buffer = 1 + weir__random_below(&random, 5000);
        c.segment_max = 1 + weir__random_below(&random, 2000);
        c.piece_size = 1 + weir__random_below(&random, 2000);
        c.deferred = weir__random_below(&random, 2) == 0;
        world_open(&c);
        far_pair(&p, "far");
        rig_send_begin(&o, &p.here, source, LEN);
        while (got < LEN) {
            rig_recv_begin(&in, &p.there);
            while (in.done == 0)
                turn_by_luck(&random);
            assert_true(in.op.result > 0);
            assert_memory_equal(in.op.u.lent.base, source + got, (size_t)in.op.result);
            got += (size_t)in.op.result;
            weir__release(backend, &in.op.u.lent);
        }
        weir__sim_host_cut(world, 1, false);
        assert_int_equal(rig_wait_until(&o, WEIR_SECONDS(1000)), LEN);
        rig_pair_close(&p);
        world_close();
    }
}
