/* SPDX-License-Identifier: MIT */
/* proxy_test.c - examples/tcp-proxy.c between three hosts: clients on one, the proxy on another,
 * an echo server on a third. It runs with a cancel at every call, a fault at every op and a failure
 * of every allocation; and with partitions of the network. */
#include <stdio.h>

int tcp_proxy_main(int argc, char **argv);
#define main tcp_proxy_main
#define printf(...) ((void)0) /* it says where it listens, a thousand times */
#include "examples/tcp-proxy.c"
#undef main
#undef printf

#include <stdlib.h>
#include <string.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "base/random.h"
#include "test/runner.h"

static char gate[40] = "tcp://gate:80", behind[40] = "tcp://origin:7";
static char *proxy_argv[] = {"tcp-proxy", gate, behind};
static weir_ns patience_ns = WEIR_SECONDS(60), grace_ns = WEIR_SECONDS(1);

/* ---- the parts ------------------------------------------------------------------------------- */

struct run_proxy_args {
    int unused;
};
static int run_proxy(void *args) {
    (void)args;
    return proxy(proxy_argv);
}

struct echo_args {
    struct weir_stream *peer;
};
static int echo(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *peer = ((struct echo_args *)args)->peer;
    struct weir_view v;
    ssize_t n;
    while ((n = weir_peek(peer, 1, &v)) > 0) {
        int rc = weir_write(peer, v.base, v.len);
        if (rc < 0)
            return rc;
        weir_consume(peer, v.len);
    }
    return n < 0 ? (int)n : weir_shutdown(peer);
}

struct origin_args {
    struct weir_group *clients;
};
static int origin(void *args) {
    struct origin_args *a = args;
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_stream *peer;
    int rc = weir_listen(behind, NULL, &l);
    while (rc == 0 && (rc = weir_accept(l, &peer)) == 0)
        if (weir_go(a->clients, echo, .peer = peer) < 0)
            weir_close(&peer);
    return rc;
}

/* One conversation through the proxy: what goes in comes out, up to the end. */
static int ask(const char *text) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char answer[64];
    size_t len = strlen(text);
    int rc = weir_dial(gate, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, text, len);
    if (rc == 0)
        rc = weir_shutdown(s);
    if (rc == 0)
        rc = weir_read_exactly(s, answer, len);
    if (rc < 0)
        return rc;
    assert_memory_equal(answer, text, len);
    ssize_t n = weir_read(s, answer, 1);
    assert_true(n <= 0);
    return (int)n;
}

struct ask_soon_args {
    const char *text;
    int rc;
};
static int ask_soon(void *args) {
    struct ask_soon_args *a = args;
    struct weir_scope patience;
    weir_scope_enter(&patience, patience_ns);
    int rc = weir_sleep(WEIR_MILLISECONDS(10)); /* the servers begin to listen */
    a->rc = weir_scope_leave(&patience, rc < 0 ? rc : ask(a->text));
    return a->rc;
}

/* Two clients at once, one after them, a signal, the end. Returns what the clients got. */
static int converse(struct weir_group *servers) {
    struct weir_task *early = NULL;
    struct ask_soon_args args = {.rc = 0};
    int rc = weir_go_task(servers, ask_soon, &early, .text = "from the early client");
    if (rc < 0)
        return rc;
    struct ask_soon_args own = {.text = "from the story itself"};
    rc = ask_soon(&own);
    int early_rc = weir_await(&early, &args, sizeof args);
    weir_task_release(&early);
    if (rc == 0)
        rc = early_rc;
    return rc < 0 ? rc : ask("the last one");
}

static int story(void *arg) {
    struct weir_group servers, clients;
    struct weir_scope patience;
    (void)arg;
    weir_sim_host("gate");
    weir_sim_host("origin");
    weir_group_open(&clients, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_INDEPENDENT);
    int rc = weir_go(&servers, origin, .clients = &clients);
    if (rc == 0)
        rc = weir_go(&servers, run_proxy, .unused = 0);
    weir_scope_enter(&patience, patience_ns * 3 / 2);
    rc = weir_scope_leave(&patience, rc < 0 ? rc : converse(&servers));
    if (weir_sim_raise(SIGTERM) == WEIR_ENOLOOP)
        raise(SIGTERM);
    weir_group_drain(&servers, grace_ns);
    weir_group_drain(&clients, grace_ns);
    return rc;
}

static struct weir_story proxy_story(const struct weir_sim_options *o) {
    return (struct weir_story){
        .size = sizeof(struct weir_story), .name = "proxy", .fn = story, .options = o};
}

/* Three worlds: as epoll, as io_uring, and with two buffers of seven bytes. */
static const struct weir_sim_options worlds[] = {
    {.size = sizeof worlds[0]},
    {.size = sizeof worlds[0], .deferred = true},
    {.size = sizeof worlds[0],
     .send_buffer = 11,
     .receive_buffer = 5,
     .segment_max = 3,
     .piece_size = 7,
     .piece_count = 2},
};

enum { WORLDS = sizeof worlds / sizeof worlds[0] };

/* ---- explored -------------------------------------------------------------------------------- */

WEIR_TEST(the_proxy_passes_everything_on) {
    for (int i = 0; i < WORLDS; i++)
        assert_int_equal(weir_sim_run(story, NULL, &worlds[i]), 0);
}

WEIR_TEST(the_same_seed_is_the_same_conversation) {
    for (int i = 0; i < WORLDS; i++) {
        struct weir_sim_counts first;
        assert_int_equal(weir_sim_run(story, NULL, &worlds[i]), 0);
        first = *weir_sim_counts();
        assert_int_equal(weir_sim_run(story, NULL, &worlds[i]), 0);
        assert_memory_equal(&first, weir_sim_counts(), sizeof first);
    }
}

WEIR_TEST(the_proxy_survives_a_cancel_at_every_call) {
    for (int i = 0; i < WORLDS; i++) {
        struct weir_story s = proxy_story(&worlds[i]);
        struct weir_explored e;
        assert_int_equal(weir_explore_cancels(&s, &e), 0);
        assert_true(e.points >= 40);
        print_message("world %d: %d points\n", i, (int)e.points);
    }
}

static void explore_faults(enum weir_fault_effect effect, int error) {
    struct weir_fault f = {.size = sizeof f, .effect = effect, .error = error};
    for (int i = 0; i < WORLDS; i++) {
        struct weir_story s = proxy_story(&worlds[i]);
        struct weir_explored e;
        assert_int_equal(weir_explore_faults(&s, &f, &e), 0);
        assert_true(e.points >= 40);
        print_message("world %d, effect %d: %d points\n", i, (int)effect, (int)e.points);
    }
}

WEIR_TEST(the_proxy_survives_an_error_of_every_op) {
    explore_faults(WEIR_FAULT_ERROR, -ECONNRESET);
}

WEIR_TEST(the_proxy_survives_no_memory_for_every_op) {
    explore_faults(WEIR_FAULT_ERROR, -ENOMEM);
}

WEIR_TEST(the_proxy_survives_no_descriptor_for_every_op) {
    explore_faults(WEIR_FAULT_ERROR, -EMFILE);
}

WEIR_TEST(the_proxy_survives_every_op_come_short) {
    explore_faults(WEIR_FAULT_SHORT, -EPIPE);
}

WEIR_TEST(the_proxy_survives_every_op_late) {
    explore_faults(WEIR_FAULT_LATE, 0);
}

WEIR_TEST(the_proxy_survives_every_op_that_never_ends) {
    explore_faults(WEIR_FAULT_NEVER, -ECONNRESET);
}

WEIR_TEST(the_proxy_survives_every_allocation_failing) {
    for (int i = 0; i < WORLDS; i++) {
        struct weir_story s = proxy_story(&worlds[i]);
        struct weir_explored e;
        assert_int_equal(weir_explore_allocations(&s, &e), 0);
        assert_true(e.points >= 10);
        print_message("world %d: %d points\n", i, (int)e.points);
    }
}

/* ---- by seeds -------------------------------------------------------------------------------- */

struct saboteur_args {
    uint64_t seed;
};
static int saboteur(void *args) {
    struct weir__random random = {((struct saboteur_args *)args)->seed};
    static const char *const hosts[] = {"main", "gate", "origin"};
    int rc = 0;
    while (rc == 0) {
        const char *a = hosts[weir__random_below(&random, 3)];
        const char *b = hosts[weir__random_below(&random, 3)];
        if (weir__random_below(&random, 3) == 0)
            weir_sim_cut(a);
        else
            weir_sim_restore(a);
        weir_sim_link(a, b, (weir_ns)weir__random_below(&random, WEIR_MILLISECONDS(50)));
        uint64_t longest = weir__random_below(&random, 8) == 0 ? WEIR_SECONDS(4) : 10000000;
        rc = weir_sleep(1 + (weir_ns)weir__random_below(&random, longest));
    }
    return rc;
}

static int sabotaged(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_go(&g, saboteur, .seed = *(uint64_t *)arg);
    if (rc == 0)
        rc = story(NULL);
    weir_group_cancel(&g, "the story ends");
    weir_group_close(&g, 0);
    return rc;
}

static void drop_line(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)line, (void)arg;
}

/* Hosts come and go, links change: conversations may fail, but what arrives is right, everything
 * ends, and nothing is left. WEIR_SEEDS sets how many. */
WEIR_TEST(no_seed_breaks_the_proxy) {
    const char *asked = getenv("WEIR_SEEDS");
    uint64_t seeds = asked ? strtoull(asked, NULL, 10) : 200, went_well = 0;
    size_t live = weir__alloc_live();
    weir_log_to(drop_line, NULL);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct weir_sim_options o = worlds[seed % WORLDS];
        o.seed = seed;
        went_well += weir_sim_run(sabotaged, &seed, &o) == 0;
        const struct weir_sim_counts *c = weir_sim_counts();
        if (c->overran || c->quiet > 0 || c->sockets + c->pieces + c->ops > 0 ||
            weir__alloc_live() != live)
            fail_msg("seed %llu", (unsigned long long)seed);
    }
    weir_log_to(NULL, NULL);
    assert_true(went_well > 0 && went_well < seeds);
    print_message("%d of %d seeds went well\n", (int)went_well, (int)seeds);
}

/* ---- on the kernel --------------------------------------------------------------------------- */

/* The same parts on loopback, at two ports that were free a moment ago, with less patience. */
static int find_ports(void *arg) {
    struct weir_listener *l[2];
    char *url[2] = {gate, behind};
    (void)arg;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l[i]), 0);
        snprintf(url[i], sizeof gate, "tcp://127.0.0.1:%d", weir_listener_port(l[i]));
    }
    weir_unlisten(&l[0]);
    weir_unlisten(&l[1]);
    return 0;
}

static void stand_on(const struct weir_run_options *o) {
    assert_int_equal(weir_run(find_ports, NULL, o), 0);
    patience_ns = WEIR_MILLISECONDS(50);
    grace_ns = WEIR_MILLISECONDS(50);
    signal(SIGTERM, SIG_IGN); /* for when nobody waits for it */
}

WEIR_TEST_BACKENDS(the_proxy_works_on_every_backend) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    stand_on(&o);
    patience_ns = WEIR_SECONDS(10);
    assert_int_equal(weir_run(story, NULL, &o), 0);
}

/* Every ninth op, on a machine that may be busy; the simulation strikes them all. */
WEIR_TEST_BACKENDS(the_proxy_survives_faults_on_every_backend) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    size_t live = weir__alloc_live();
    stand_on(&o);
    weir_log_level_set(WEIR_LOG_ERROR);
    for (int effect = WEIR_FAULT_ERROR; effect <= WEIR_FAULT_LATE; effect++) {
        uint64_t struck = 1;
        for (uint64_t n = 1; struck > 0; n += 9) {
            weir_fault_arm(&(struct weir_fault){
                .size = sizeof(struct weir_fault), .effect = (enum weir_fault_effect)effect,
                .nth = n});
            weir_run(story, NULL, &o);
            struck = weir_fault_struck();
            weir_fault_arm(NULL);
            assert_int_equal(weir__alloc_live(), live);
        }
    }
}
