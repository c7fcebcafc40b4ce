/* SPDX-License-Identifier: MIT */
/* Datagrams between simulated hosts: loss, duplicates, overtaking, cuts, groups. And stories with a
 * cancel, a fault, a failing allocation at each of their calls, and under many seeds. */
#include "datagram/datagram_rig.h"

static struct weir_dgram *at(const char *host, int port, struct weir_addr *ret_addr) {
    char url[64];
    struct weir_addr a[2];
    assert_int_equal(weir_sim_host(host), 0);
    snprintf(url, sizeof url, "udp://%s:%d", host, port);
    assert_int_equal(weir_resolve(host, port, a, 2), 2);
    *ret_addr = a[0];
    return bound(url);
}

struct seen {
    unsigned distinct, twice, overtaken;
};

/* Send 0 .. count-1 from one host to another, one each millisecond, and look at what arrives. */
static struct seen flood(unsigned count) {
    struct weir_addr near, far;
    struct weir_dgram *a = at("near", 1, &near), *b = at("far", 2, &far);
    static unsigned char times[1024];
    struct seen seen = {0};
    unsigned number, last = 0;
    memset(times, 0, sizeof times);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(weir_dgram_send(a, &i, sizeof i, &far), 0);
    assert_int_equal(weir_sleep(WEIR_SECONDS(1)), 0);
    while (weir_dgram_try_recv(b, &number, sizeof number, NULL) > 0) {
        seen.distinct += times[number] == 0;
        seen.twice += times[number]++ == 1;
        seen.overtaken += number < last;
        last = number;
    }
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return seen;
}

static int some_are_lost(void *arg) {
    *(struct seen *)arg = flood(500);
    return 0;
}

WEIR_TEST(datagrams_are_lost_doubled_and_overtaken_as_the_world_says) {
    struct seen plain, worst;
    struct weir_sim_options o = {.size = sizeof o, .seed = 7, .loss = 100, .duplicates = 100,
                                 .jitter_ns = WEIR_MILLISECONDS(2)};
    runner_plain_order(); /* a seed may let datagrams of one moment overtake each other */
    assert_int_equal(weir_sim_run(some_are_lost, &plain, NULL), 0);
    assert_int_equal(plain.distinct, 500);
    assert_int_equal(plain.twice + plain.overtaken, 0);
    assert_int_equal(weir_sim_run(some_are_lost, &worst, &o), 0);
    assert_true(worst.distinct > 400 && worst.distinct < 490);
    assert_true(worst.twice > 10 && worst.overtaken > 10);
    assert_true(weir_sim_counts()->lost >= 500 - worst.distinct);
}

static int is_cut_off(void *unused) {
    struct weir_addr near, far;
    struct weir_dgram *a = at("near", 1, &near), *b = at("far", 2, &far);
    char buf[8];
    (void)unused;
    weir_sim_cut("far");
    send_text(a, "lost", &far); /* no call fails because of it */
    assert_int_equal(weir_sleep(WEIR_SECONDS(1)), 0);
    weir_sim_restore("far");
    assert_int_equal(weir_dgram_try_recv(b, buf, 8, NULL), -EAGAIN);
    send_text(a, "comes", &far);
    expect_text(b, "comes", NULL);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

WEIR_TEST(what_is_sent_to_a_host_that_is_cut_off_is_lost) {
    assert_int_equal(weir_sim_run(is_cut_off, NULL, NULL), 0);
}

static int fills_up(void *unused) {
    struct weir_addr near, far;
    struct weir_dgram *a = at("near", 1, &near), *b = at("far", 2, &far);
    static char piece[1000];
    unsigned sent = 0, got = 0;
    (void)unused;
    while (weir_dgram_try_send(a, piece, sizeof piece, &far) == 0)
        sent++;
    assert_int_equal(sent, 65); /* 64 KiB are under way */
    assert_int_equal(weir_dgram_send(a, piece, sizeof piece, &far), 0); /* waits for room */
    assert_int_equal(weir_sleep(WEIR_SECONDS(1)), 0);
    while (weir_dgram_try_recv(b, piece, sizeof piece, NULL) > 0)
        got++;
    assert_int_equal(got, 65); /* the receiver had room for no more */
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

WEIR_TEST(a_sender_waits_for_room_and_a_full_receiver_drops) {
    assert_int_equal(weir_sim_run(fills_up, NULL, NULL), 0);
}

static int fills_for_ever(void *unused) {
    struct weir_dgram *d = NULL;
    (void)unused;
    int rc = weir_dgram_dial("unixgram:@full", NULL, &d);
    while (rc == 0)
        rc = weir_dgram_send(d, "more", 4, NULL);
    weir_dgram_close(&d);
    return rc == -ECONNREFUSED ? 0 : rc;
}

static int receiver_closes(void *unused) {
    struct weir_dgram *d = NULL;
    struct weir_group g;
    (void)unused;
    int rc = weir_dgram_open("unixgram:@full", NULL, &d);
    weir_group_open(&g, WEIR_TOGETHER);
    rc = rc < 0 ? rc : weir_go0(&g, fills_for_ever);
    rc = rc < 0 ? rc : weir_sleep(WEIR_SECONDS(1));
    weir_dgram_close(&d);
    return weir_group_close(&g, rc);
}

WEIR_TEST(a_sender_that_waits_for_room_learns_that_the_receiver_has_closed) {
    assert_int_equal(weir_sim_run(receiver_closes, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->quiet, 0);
}

static int hears_on_two_hosts(void *unused) {
    struct weir_addr group, first, second, third;
    struct weir_dgram *a = at("a", 5000, &first), *b = at("b", 5000, &second),
                      *c = at("c", 5000, &third);
    char buf[8];
    (void)unused;
    assert_int_equal(weir_addr_parse("[ff02::7]:5000", &group), 0);
    assert_int_equal(weir_dgram_join(a, &group, 0), 0);
    assert_int_equal(weir_dgram_join(b, &group, 0), 0);
    send_text(c, "all", &group);
    assert_int_equal(weir_sleep(WEIR_SECONDS(1)), 0);
    assert_int_equal(weir_dgram_try_recv(a, buf, 8, NULL), -EAGAIN); /* bound to its own address */
    weir_dgram_close(&a);
    struct weir_dgram *any = bound("udp://*:5000");
    assert_int_equal(weir_dgram_join(any, &group, 0), 0);
    send_text(c, "all", &group);
    expect_text(any, "all", NULL);
    weir_dgram_close(&any);
    weir_dgram_close(&b);
    weir_dgram_close(&c);
    return 0;
}

WEIR_TEST(a_group_reaches_those_whose_address_takes_it) {
    assert_int_equal(weir_sim_run(hears_on_two_hosts, NULL, NULL), 0);
}

/* ---- explored ------------------------------------------------------------------------------- */

struct answers_args {
    struct weir_dgram *d;
    int rounds;
};

static int answers(void *arg) {
    const struct answers_args *a = arg;
    struct weir_addr from;
    char buf[16];
    for (int i = 0; i < a->rounds; i++) {
        ssize_t n = weir_dgram_recv(a->d, buf, sizeof buf, &from);
        if (n < 0)
            return (int)n;
        int rc = weir_dgram_send(a->d, buf, (size_t)n, &from);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int asks(const char *url, int rounds) {
    struct weir_dgram *d = NULL;
    char buf[16];
    int rc = weir_dgram_dial(url, NULL, &d);
    for (int i = 0; i < rounds && rc == 0; i++) {
        rc = weir_dgram_send(d, "ask", 3, NULL);
        ssize_t n = rc == 0 ? weir_dgram_recv(d, buf, sizeof buf, NULL) : rc;
        rc = n < 0 ? (int)n : n == 3 ? 0 : -EPROTO;
    }
    weir_dgram_close(&d);
    return rc;
}

static int echoes_on(const char *listen_url, const char *dial_url) {
    struct weir_dgram *d = NULL;
    struct weir_group g;
    int rc = weir_dgram_open(listen_url, NULL, &d);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, answers, .d = d, .rounds = 3);
    if (rc == 0)
        rc = asks(dial_url, 3);
    rc = weir_group_close(&g, rc);
    weir_dgram_close(&d);
    return rc;
}

/* Datagrams may be lost, and their receiver too: nobody waits for ever. */
static int echoes(void *unused) {
    struct weir_scope s;
    (void)unused;
    weir_scope_enter(&s, WEIR_SECONDS(1));
    int rc = echoes_on("udp://localhost:99", "udp://localhost:99");
    if (rc == 0)
        rc = echoes_on("unixgram:@echo", "unixgram:@echo");
    return weir_scope_leave(&s, rc);
}

static int sends_batches(void *unused) {
    struct weir_datagram many[40];
    struct weir_dgram *a = NULL, *b = NULL;
    static char bytes[40];
    size_t got = 0;
    (void)unused;
    for (size_t i = 0; i < 40; i++)
        many[i] = (struct weir_datagram){.data = &bytes[i], .size = 1, .len = 1};
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(1));
    int rc = weir_dgram_open("udp://127.0.0.1:7", NULL, &a);
    if (rc == 0)
        rc = weir_dgram_dial("udp://127.0.0.1:7", NULL, &b);
    ssize_t sent = rc == 0 ? weir_dgram_send_many(b, many, 40) : rc;
    rc = sent < 0 ? (int)sent : 0;
    while (rc == 0 && got < (size_t)sent) {
        ssize_t n = weir_dgram_recv_many(a, many, 40);
        rc = n < 0 ? (int)n : 0;
        got += n > 0 ? (size_t)n : 0;
    }
    rc = weir_scope_leave(&s, rc);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return rc;
}

static void explore(const char *name, int (*fn)(void *)) {
    struct weir_story s = {.size = sizeof s, .name = name, .fn = fn};
    struct weir_sim_options deferred = {.size = sizeof deferred, .deferred = true};
    struct weir_fault f = {.size = sizeof f};
    struct weir_explored e;
    for (int on_uring = 0; on_uring < 2; on_uring++) {
        s.options = on_uring ? &deferred : NULL;
        assert_int_equal(weir_explore_cancels(&s, &e), 0);
        assert_true(e.points > 2);
        assert_int_equal(weir_explore_allocations(&s, &e), 0);
        for (int effect = WEIR_FAULT_ERROR; effect <= WEIR_FAULT_NEVER; effect++) {
            f.effect = (enum weir_fault_effect)effect;
                assert_int_equal(weir_explore_faults(&s, &f, &e), 0);
            assert_true(e.points > 2);
        }
    }
    s.options = NULL;
    s.last = 30;
    assert_int_equal(weir_explore_seeds(&s, &e), 0);
}

WEIR_TEST(an_echo_survives_every_disturbance) {
    explore("echo", echoes);
}

WEIR_TEST(batches_survive_every_disturbance) {
    explore("batches", sends_batches);
}
