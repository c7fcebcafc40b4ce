/* SPDX-License-Identifier: MIT */
/* future.c (bench-micro-future) - nanoseconds of a future that is set and awaited, of callbacks
 * that come soon, and of call_later: armed, and fired, among a thousand and among a million.
 * One figure per line; yield is measured in the same run, so that each may be stated in yields. */
#include <stdio.h>
#include <stdlib.h>
#include <weir/callback.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "yield.h"

enum { ROUNDS = 1000000 };

static size_t fired;

enum { BATCH = 1000 };
static struct weir_future *futures[BATCH];

static int awaiter(void *args) {
    int value;
    (void)args;
    for (int i = 0; i < BATCH; i++)
        if (weir_future_await(futures[i], &value) < 0)
            return -1;
    return 0;
}

/* One task resolves futures, another waits for each: a round is a resolve, two switches, and the
 * await's return. Making and freeing them is measured apart. */
static void bench_future(void) {
    struct weir_group g;
    weir_ns made = 0, settled = 0, start;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int batch = 0; batch < ROUNDS / BATCH; batch++) {
        start = weir_now();
        for (int i = 0; i < BATCH; i++)
            if (weir_future_new(sizeof i, &futures[i]) < 0)
                abort();
        made += weir_now() - start;
        weir_go0(&g, awaiter);
        weir_yield();
        start = weir_now();
        for (int i = 0; i < BATCH; i++) {
            weir_future_resolve(futures[i], &i);
            weir_yield();
        }
        settled += weir_now() - start;
        start = weir_now();
        for (int i = 0; i < BATCH; i++)
            weir_future_unref(&futures[i]);
        made += weir_now() - start;
    }
    weir_group_close(&g, 0);
    printf("future_new_free_ns %.1f\n", (double)made / ROUNDS);
    printf("future_set_await_ns %.1f\n", (double)settled / ROUNDS);
}

static void counts(void *arg) {
    (void)arg;
    fired++;
}

static void bench_soon(void) {
    fired = 0;
    weir_ns start = weir_now();
    for (int i = 0; i < ROUNDS; i++)
        weir_call_soon(counts, NULL, NULL);
    while (fired < ROUNDS)
        weir_sleep(0);
    printf("call_soon_ns %.1f\n", per(start, ROUNDS));
}

/* Arm n, in an order that is not that of their times, and one more among them. */
static void bench_arm(size_t n) {
    struct weir_call *one;
    fired = 0;
    weir_ns start = weir_now();
    for (size_t i = 0; i < n; i++)
        weir_call_later(WEIR_SECONDS(1) + (weir_ns)(i * 7919 % n) * 100, counts, NULL, NULL);
    printf("arm_%zu_ns %.1f\n", n, per(start, (double)n));
    start = weir_now();
    for (int i = 0; i < 1000; i++) {
        weir_call_later(WEIR_MILLISECONDS(500 + i), counts, NULL, &one);
        weir_call_cancel(&one);
    }
    printf("one_more_armed_and_cancelled_%zu_ns %.1f\n", n, per(start, 1000));
    while (fired < n)
        weir_sleep(WEIR_MILLISECONDS(100));
}

/* Block the loop until all n are due, so that only the firing is measured. stride 1: they come due
 * in the order of arming, as timeouts of one length do; else in an order that no cache knows. */
static void bench_fire(size_t n, size_t stride) {
    fired = 0;
    weir_ns at = weir_now() + WEIR_MILLISECONDS(600);
    for (size_t i = 0; i < n; i++)
        weir_call_at(at + (weir_ns)(i * stride % n) * 100, counts, NULL, NULL);
    while (weir_now() < at + (weir_ns)n * 100)
        continue;
    weir_ns start = weir_now();
    while (fired < n)
        weir_sleep(0);
    printf("fire_%zu_%s_ns %.1f\n", n, stride == 1 ? "in_order" : "shuffled",
           per(start, (double)n));
}

static int all(void *arg) {
    (void)arg;
    bench_yield();
    bench_future();
    bench_soon();
    bench_arm(1000);
    bench_arm(1000000);
    for (int i = 0; i < 3; i++) {
        bench_fire(1000, 1);
        bench_fire(1000000, 1);
        bench_fire(1000000, 7919);
    }
    return 0;
}

int main(void) {
    return weir_run(all, NULL, NULL) < 0;
}
