/* SPDX-License-Identifier: MIT */
/* Happy eyeballs (RFC 8305) between simulated hosts, to the millisecond of a virtual clock. */
#include "stream/stream_test_util.h"

#include <weir/testing.h>

#include "stream/resolve.h"
#include "sys/addr.h"

enum { PORT = 80 };

/* The resolver answers what the story made up of the addresses of real hosts. */
static struct weir__addr answers[WEIR__ADDRS_MAX];
static int answer_count;

static int answer(const char *host, uint16_t port, struct weir__addr *ret_addrs) {
    memcpy(ret_addrs, answers, sizeof answers);
    return answer_count;
}

static const struct weir__resolver made_up = {"made up", answer};

static void answer_with(const char *host, int family) {
    const struct weir__resolver *before = weir__resolver;
    struct weir__addr of_host[WEIR__ADDRS_MAX];
    weir__resolver = &weir__resolver_system;
    int n = weir__resolve(host, PORT, of_host);
    weir__resolver = before;
    assert_true(n > 0);
    for (int i = 0; i < n; i++)
        if (of_host[i].sa.sa_family == family)
            answers[answer_count++] = of_host[i];
}

static void world(void) {
    answer_count = 0;
    weir__resolver = &made_up;
    assert_int_equal(weir_sim_host("alive"), 0);
    assert_int_equal(weir_sim_host("dead"), 0);
    assert_int_equal(weir_sim_cut("dead"), 0);
}

static struct weir_listener *listen_on_alive(void) {
    struct weir_listener *l = NULL;
    const struct weir__resolver *before = weir__resolver;
    weir__resolver = &weir__resolver_system;
    assert_int_equal(weir_listen("tcp://alive:80", NULL, &l), 0);
    weir__resolver = before;
    return l;
}

/* Dial, expect to reach alive by family, and say how many milliseconds it took. */
static int64_t dial_ms(int family, const struct weir_dial_options *o) {
    struct weir_stream *s = NULL;
    weir_ns begin = weir_now();
    assert_int_equal(weir_dial("tcp://anything:1", o, &s), 0);
    int64_t ms = (weir_now() - begin) / 1000000;
    assert_int_equal(weir_stream_peer(s)[0] == '[', family == AF_INET6);
    weir_close(&s);
    return ms;
}

static int first_answers(void *arg) {
    world();
    struct weir_listener *l = listen_on_alive();
    answer_with("alive", AF_INET6);
    answer_with("dead", AF_INET);
    assert_int_equal(dial_ms(AF_INET6, NULL), 0);
    weir_unlisten(&l);
    return 0;
}

WEIR_TEST(the_first_address_that_answers_is_taken) {
    assert_int_equal(weir_sim_run(first_answers, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->sockets, 0);
}

static int second_after_250_ms(void *arg) {
    struct weir_dial_options o = {.size = sizeof o, .attempt_ns = WEIR_MILLISECONDS(40)};
    world();
    struct weir_listener *l = listen_on_alive();
    answer_with("dead", AF_INET6);
    answer_with("alive", AF_INET);
    assert_int_equal(dial_ms(AF_INET, NULL), 250);
    assert_int_equal(dial_ms(AF_INET, &o), 40);
    weir_unlisten(&l);
    return 0;
}

WEIR_TEST(a_silent_address_is_overtaken_after_250_ms) {
    assert_int_equal(weir_sim_run(second_after_250_ms, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->sockets, 0);
}

static int families_alternate(void *arg) {
    world();
    struct weir_listener *l = listen_on_alive();
    answer_with("dead", AF_INET6);
    answer_with("dead", AF_INET6);
    answer_with("dead", AF_INET6);
    answer_with("alive", AF_INET); /* last in the list, second in turn */
    assert_int_equal(dial_ms(AF_INET, NULL), 250);
    weir_unlisten(&l);
    return 0;
}

WEIR_TEST(families_take_turns) {
    assert_int_equal(weir_sim_run(families_alternate, NULL, NULL), 0);
}

static int one_every_250_ms(void *arg) {
    world();
    struct weir_listener *l = listen_on_alive();
    for (int i = 0; i < 4; i++)
        answer_with("dead", AF_INET6);
    answer_with("alive", AF_INET6);
    assert_int_equal(dial_ms(AF_INET6, NULL), 1000);
    weir_unlisten(&l);
    return 0;
}

WEIR_TEST(attempts_begin_250_ms_apart) {
    assert_int_equal(weir_sim_run(one_every_250_ms, NULL, NULL), 0);
}

static int refused_hands_over(void *arg) {
    world();
    struct weir_listener *l = listen_on_alive();
    assert_int_equal(weir_sim_host("closed"), 0);
    answer_with("closed", AF_INET6);
    answer_with("closed", AF_INET);
    answer_with("alive", AF_INET6);
    assert_true(dial_ms(AF_INET6, NULL) < 5);
    weir_unlisten(&l);
    return 0;
}

WEIR_TEST(refused_addresses_cost_no_waiting) {
    assert_int_equal(weir_sim_run(refused_hands_over, NULL, NULL), 0);
}

/* The slow first attempt arrives while the second is on its way: it wins, the second is closed. */
static int slow_but_first(void *arg) {
    world();
    struct weir_listener *l = listen_on_alive();
    assert_int_equal(weir_sim_link("main", "alive", WEIR_MILLISECONDS(150)), 0);
    answer_with("alive", AF_INET6);
    answer_with("dead", AF_INET);
    assert_int_equal(dial_ms(AF_INET6, NULL), 300);
    weir_unlisten(&l);
    return 0;
}

WEIR_TEST(a_slow_first_attempt_may_still_win) {
    assert_int_equal(weir_sim_run(slow_but_first, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->sockets, 0);
}

static int deadline(void *arg) {
    struct weir_scope scope;
    struct weir_stream *s = NULL;
    world();
    for (int i = 0; i < 8; i++)
        answer_with("dead", i % 2 ? AF_INET : AF_INET6);
    weir_ns begin = weir_now();
    weir_scope_enter(&scope, WEIR_MILLISECONDS(600));
    assert_int_equal(weir_scope_leave(&scope, weir_dial("tcp://anything:1", NULL, &s)), -ETIME);
    assert_int_equal(weir_now() - begin, WEIR_MILLISECONDS(600));
    assert_null(s);
    assert_int_equal(weir_sim_counts()->sockets, 0);
    return 0;
}

WEIR_TEST(a_deadline_calls_off_every_attempt) {
    assert_int_equal(weir_sim_run(deadline, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->ops, 0);
}
