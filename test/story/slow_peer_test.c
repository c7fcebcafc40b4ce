/* SPDX-License-Identifier: MIT */
/* slow_peer_test.c - a peer sends for ever and never reads. The server's memory must not grow, and
 * the other clients must not notice: 60 virtual seconds with that peer and without. Both shapes. */
#include <stdlib.h>
#include <string.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "test/runner.h"

enum { CLIENTS = 20, SAMPLES_MAX = 200000, MESSAGE = 64 };

struct day {
    bool reacts, has_slow_peer;
    weir_ns *samples, p99_ns;
    size_t count, peak_early, peak_late; /* allocations, at most: in the first 10 s, and after */
    uint64_t slow_bytes;
};

/* ---- the server, in both shapes -------------------------------------------------------------- */

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
    return (int)n;
}

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    (void)state;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static const struct weir_reactive reactive = {.size = sizeof reactive, .message = message};

struct server_args {
    struct day *day;
    struct weir_group *clients;
    struct weir_listener *l;
};
static int server(void *args) {
    struct server_args *a = args;
    struct weir_stream *peer;
    int rc = 0;
    if (a->day->reacts)
        return weir_react(a->l, a->clients, &reactive);
    while ((rc = weir_accept(a->l, &peer)) == 0)
        if (weir_go(a->clients, echo, .peer = peer) < 0)
            weir_close(&peer);
    return rc;
}

/* ---- the clients ----------------------------------------------------------------------------- */

static int ping(struct day *d, struct weir_stream *s, int number) {
    char question[MESSAGE], answer[MESSAGE];
    weir_ns start_ns = weir_now();
    memset(question, number, sizeof question);
    int rc = weir_write(s, question, sizeof question);
    if (rc == 0)
        rc = weir_read_exactly(s, answer, sizeof answer);
    if (rc < 0)
        return rc;
    assert_memory_equal(question, answer, sizeof answer);
    assert_true(d->count < SAMPLES_MAX);
    d->samples[d->count++] = weir_now() - start_ns;
    return weir_sleep(WEIR_MILLISECONDS(10 + number));
}

struct client_args {
    struct day *day;
    int number;
};
static int client(void *args) {
    struct client_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    int rc = weir_dial("tcp://server:7", NULL, &s);
    while (rc == 0)
        rc = ping(a->day, s, a->number);
    return rc;
}

struct slow_peer_args {
    struct day *day;
};
static int slow_peer(void *args) {
    struct slow_peer_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    static const char much[1000];
    int rc = weir_dial("tcp://server:7", NULL, &s);
    while (rc == 0 && (rc = weir_write(s, much, sizeof much)) == 0)
        a->day->slow_bytes += sizeof much;
    return rc;
}

/* ---- the day --------------------------------------------------------------------------------- */

static int watch(struct day *d) {
    int rc = weir_sleep(WEIR_SECONDS(10));
    d->peak_early = weir__alloc_peak();
    weir__alloc_peak_reset();
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(50));
    d->peak_late = weir__alloc_peak();
    return rc;
}

static int run_day(void *arg) {
    struct day *d = arg;
    struct weir_group served, all;
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    weir_sim_host("server");
    int rc = weir_listen("tcp://server:7", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&served, WEIR_INDEPENDENT);
    weir_group_open(&all, WEIR_INDEPENDENT);
    rc = weir_go(&all, server, .day = d, .clients = &served, .l = l);
    for (int i = 0; rc == 0 && i < CLIENTS; i++)
        rc = weir_go(&all, client, .day = d, .number = i);
    if (rc == 0 && d->has_slow_peer)
        rc = weir_go(&all, slow_peer, .day = d);
    if (rc == 0)
        rc = watch(d);
    weir_group_cancel(&all, "the day ends");
    weir_group_close(&all, 0);
    weir_group_cancel(&served, "the day ends");
    weir_group_close(&served, 0);
    return rc;
}

static int compare(const void *a, const void *b) {
    weir_ns x = *(const weir_ns *)a, y = *(const weir_ns *)b;
    return (x > y) - (x < y);
}

static struct day live_through(bool reacts, bool has_slow_peer) {
    struct day d = {.reacts = reacts, .has_slow_peer = has_slow_peer};
    d.samples = calloc(SAMPLES_MAX, sizeof *d.samples);
    weir__alloc_peak_reset();
    assert_int_equal(weir_sim_run(run_day, &d, NULL), 0);
    qsort(d.samples, d.count, sizeof *d.samples, compare);
    d.p99_ns = d.samples[d.count * 99 / 100];
    free(d.samples);
    return d;
}

static void compare_days(bool reacts) {
    struct day without = live_through(reacts, false), with = live_through(reacts, true);
    assert_true(without.count > 50000);
    assert_int_equal(with.count, without.count);
    assert_int_equal(with.p99_ns, without.p99_ns);
    assert_true(with.slow_bytes > 100000); /* it has filled every buffer on the way */
    assert_true(with.slow_bytes < 600000);
    assert_int_equal(without.peak_late, without.peak_early);
    assert_int_equal(with.peak_late, with.peak_early);
    print_message("%zu round trips, p99 %lld us; allocations at most %zu, with the slow peer %zu\n",
                  with.count, (long long)with.p99_ns / 1000, without.peak_late, with.peak_late);
}

WEIR_TEST(a_peer_that_never_reads_costs_the_others_nothing_when_tasks_serve) {
    runner_plain_order();
    compare_days(false);
}

WEIR_TEST(a_peer_that_never_reads_costs_the_others_nothing_when_functions_react) {
    runner_plain_order();
    compare_days(true);
}
