/* SPDX-License-Identifier: MIT */
/* chan.c (bench-micro-chan) - nanoseconds of a message through chans, and of a select; each beside
 * a yield of the same run. One figure per line: name, ns; with _yields behind it: as a multiple of
 * a yield between two tasks of one function; with _other_yields: between tasks of two functions. */
#include <stdbool.h>
#include <stdio.h>
#include <weir/loop.h>
#include <weir/select.h>
#include <weir/task.h>

enum { ROUNDS = 1000000, CASES = 8 };

static struct weir_chan there, back, many[CASES];
static double yield_ns, yield_other_ns; /* between tasks of one function; of two */

static void print(const char *name, weir_ns start, double n) {
    double ns = (double)(weir_now() - start) / n;
    if (yield_ns == 0)
        yield_ns = ns;
    else if (yield_other_ns == 0)
        yield_other_ns = ns;
    printf("%s_ns %.1f\n%s_yields %.2f\n", name, ns, name, ns / yield_ns);
    if (yield_other_ns > 0)
        printf("%s_other_yields %.2f\n", name, ns / yield_other_ns);
}

static int yielder(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++)
        weir_yield();
    return 0;
}

static int other_yielder(void *args) {
    (void)args;
    for (int i = 0; i < ROUNDS; i++)
        weir_yield();
    return 1;
}

static void bench_yield(const char *name, int (*other)(void *args)) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, yielder);
    weir_go0(&g, other);
    weir_ns start = weir_now();
    weir_group_close(&g, 0);
    print(name, start, 2.0 * ROUNDS);
}

static int answers(void *args) {
    (void)args;
    for (long item; weir_chan_recv(&there, &item) == 1;)
        weir_chan_send(&back, &item);
    return 0;
}

/* Both tasks run the same code, as the two that yield do: where each switch comes back to another
 * call, the processor predicts that one return wrong. */
struct plays_args { struct weir_chan *out, *in; bool begins; };
static int plays(void *args) {
    struct plays_args *a = args;
    long item = 1;
    if (!a->begins)
        weir_chan_recv(a->in, &item);
    for (int i = 0; i < ROUNDS; i++) {
        weir_chan_send(a->out, &item);
        weir_chan_recv(a->in, &item);
    }
    if (!a->begins)
        weir_chan_close(a->out);
    return 0;
}

static void bench_same(void) {
    struct weir_group g;
    weir_chan_init(&there, long, 1);
    weir_chan_init(&back, long, 1);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go(&g, plays, .out = &back, .in = &there);
    weir_yield();
    weir_ns start = weir_now();
    weir_go(&g, plays, .out = &there, .in = &back, .begins = true);
    weir_yield();
    weir_chan_close(&there);
    weir_group_close(&g, 0);
    print("chan_same", start, 2.0 * ROUNDS);
    weir_chan_fini(&there);
    weir_chan_fini(&back);
}

/* One message there, one back: two messages a round. */
static void bench_ping_pong(const char *name, size_t capacity) {
    struct weir_group g;
    weir_chan_init(&there, long, capacity);
    weir_chan_init(&back, long, capacity);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, answers);
    weir_yield();
    weir_ns start = weir_now();
    for (long i = 0; i < ROUNDS; i++) {
        weir_chan_send(&there, &i);
        weir_chan_recv(&back, &i);
    }
    print(name, start, 2.0 * ROUNDS);
    weir_chan_close(&there);
    weir_group_close(&g, 0);
    weir_chan_fini(&there);
    weir_chan_fini(&back);
}

static int drains(void *args) {
    (void)args;
    for (long item; weir_chan_recv(&there, &item) == 1;)
        continue;
    return 0;
}

static void bench_stream(void) {
    struct weir_group g;
    weir_chan_init(&there, long, 64);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, drains);
    weir_ns start = weir_now();
    for (long i = 0; i < ROUNDS; i++)
        weir_chan_send(&there, &i);
    weir_chan_close(&there);
    weir_group_close(&g, 0);
    print("chan_buffered64", start, ROUNDS);
    weir_chan_fini(&there);
}

static int feeds(void *args) {
    (void)args;
    for (long i = 0; i < ROUNDS; i++)
        weir_chan_send(&many[i % CASES], &i);
    return 0;
}

/* A select of 8 chans: every other time the feeder waits already, else the select waits in all. */
static void bench_select(void) {
    struct weir_group g;
    struct weir_case cases[CASES];
    long item;
    for (int i = 0; i < CASES; i++) {
        weir_chan_init(&many[i], long, 0);
        cases[i] = WEIR_ON_RECV(&many[i], &item);
    }
    weir_group_open(&g, WEIR_TOGETHER);
    weir_go0(&g, feeds);
    weir_ns start = weir_now();
    for (long i = 0; i < ROUNDS; i++)
        weir_select(cases, CASES);
    print("select8", start, ROUNDS);
    weir_group_close(&g, 0);
    for (int i = 0; i < CASES; i++)
        weir_chan_fini(&many[i]);
}

static int bench(void *arg) {
    (void)arg;
    bench_yield("yield", yielder);
    bench_yield("yield_other_code", other_yielder);
    bench_ping_pong("chan_ping_pong", 0);
    bench_ping_pong("chan_ping_pong1", 1);
    bench_same();
    bench_stream();
    bench_select();
    return 0;
}

int main(void) {
    return weir_run(bench, NULL, NULL) < 0;
}
