/* SPDX-License-Identifier: MIT */
/* task.c (bench-micro) - nanoseconds of yield, spawn+finish, timer arm+cancel; memory and time of a
 * million sleeping tasks, which are cancelled, or whose time comes at one moment. One figure per
 * line: name, ns (or bytes). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "yield.h"

enum { ROUNDS = 2000000, SLEEPERS = 1000000 };

static int nothing(void *args) {
    (void)args;
    return 0;
}

struct item_args {
    long a, b;
};

static int item(void *args) {
    struct item_args *a = args;
    a->a += a->b;
    return 0;
}

static void bench_spawn(void) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_ns start = weir_now();
    for (int i = 0; i < ROUNDS; i++) {
        weir_go(&g, item, .a = i, .b = 1);
        weir_yield();
    }
    printf("spawn_finish_ns %.1f\n", per(start, ROUNDS));
    start = weir_now();
    for (int i = 0; i < ROUNDS / 100; i++) {
        for (int j = 0; j < 100; j++)
            weir_go0(&g, nothing);
        weir_yield();
    }
    printf("spawn_finish_batch100_ns %.1f\n", per(start, ROUNDS));
    weir_group_close(&g, 0);
}

static void bench_scope(void) {
    struct weir_scope s;
    weir_ns start = weir_now();
    for (int i = 0; i < ROUNDS; i++) {
        weir_scope_enter(&s, WEIR_SECONDS(5));
        weir_scope_leave(&s, 0);
    }
    printf("scope_arm_cancel_ns %.1f\n", per(start, ROUNDS));
}

static int sleeper(void *args) {
    (void)args;
    weir_sleep(WEIR_SECONDS(3600));
    return 0;
}

static long status_kib(const char *key) {
    char line[256];
    long n = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            n = atol(line + strlen(key) + 1);
    if (f)
        fclose(f);
    return n;
}

static void bench_million(int n) {
    struct weir_group g;
    struct weir_spawn_options o = {.size = sizeof o, .stack_size = 64 * 1024};
    long rss = status_kib("VmRSS"), pte = status_kib("VmPTE");
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_ns start = weir_now();
    for (int i = 0; i < n; i++) {
        if (weir_spawn(&g, WEIR_SITE(sleeper), sleeper, NULL, 0, &o, NULL) < 0)
            exit(1);
        if (i % 256 == 255)
            weir_yield();
    }
    weir_sleep(1000000);
    printf("sleeper_spawn_ns %.0f\n", per(start, n));
    long bytes = (status_kib("VmRSS") - rss) * 1024, ptes = (status_kib("VmPTE") - pte) * 1024;
    printf("sleeper_rss_bytes %ld\n", bytes / n);
    printf("sleeper_pte_bytes %ld\n", ptes / n);
    weir_group_cancel(&g, "done");
    start = weir_now();
    weir_group_close(&g, 0);
    printf("sleeper_wake_finish_ns %.0f\n", per(start, n));
}

struct dozer_args { weir_ns until; };
static size_t dozers_awake;
static weir_ns dozers_first_awake, dozers_all_awake;

static int dozer(void *args) {
    const struct dozer_args *a = args;
    weir_sleep(a->until - weir_now());
    if (dozers_first_awake == 0)
        dozers_first_awake = weir_now();
    if (--dozers_awake == 0)
        dozers_all_awake = weir_now();
    return 0;
}

/* n tasks sleep until one moment. The loop is blocked until then, so that only the waking is
 * measured: until the last has run, and until all have ended and their group has closed. */
static void bench_wake(int n) {
    struct weir_group g;
    struct weir_spawn_options o = {.size = sizeof o, .stack_size = 64 * 1024};
    weir_ns until = weir_now() + WEIR_SECONDS(1) + (weir_ns)n * 8000;
    dozers_awake = (size_t)n;
    weir_group_open(&g, WEIR_INDEPENDENT);
    for (int i = 0; i < n; i++) {
        struct dozer_args a = {until};
        if (weir_spawn(&g, WEIR_SITE(dozer), dozer, &a, sizeof a, &o, NULL) < 0)
            exit(1);
        if (i % 256 == 255)
            weir_yield();
    }
    weir_yield();
    if (weir_now() > until)
        printf("# too late\n");
    while (weir_now() < until)
        continue;
    weir_ns start = weir_now();
    weir_group_close(&g, 0);
    printf("sleeper_wake_at_once_timers_ns %.0f\n", (double)(dozers_first_awake - start) / n);
    printf("sleeper_wake_at_once_ns %.0f\n", (double)(dozers_all_awake - start) / n);
    printf("sleeper_wake_at_once_and_end_ns %.0f\n", per(start, n));
}

enum { SPREAD = 200000 };
static weir_ns late[SPREAD];

struct punctual_args { weir_ns when; int index; };

static int punctual(void *args) {
    const struct punctual_args *a = args;
    int rc = weir_sleep_until(a->when);
    late[a->index] = weir_now() - a->when;
    return rc;
}

static int by_size(const void *a, const void *b) {
    weir_ns x = *(const weir_ns *)a, y = *(const weir_ns *)b;
    return (x > y) - (x < y);
}

/* As many tasks as SPREAD, which sleep until moments spread evenly over a second. */
static void bench_spread(void) {
    struct weir_group g;
    struct weir_spawn_options o = {.size = sizeof o, .stack_size = 64 * 1024};
    weir_ns begin = weir_now() + WEIR_SECONDS(2);
    weir_group_open(&g, WEIR_INDEPENDENT);
    for (int i = 0; i < SPREAD; i++) {
        struct punctual_args a = {begin + (weir_ns)i * (1000000000 / SPREAD), i};
        if (weir_spawn(&g, WEIR_SITE(punctual), punctual, &a, sizeof a, &o, NULL) < 0)
            exit(1);
        if (i % 256 == 255)
            weir_yield();
    }
    weir_yield();
    if (weir_now() > begin)
        exit(1);
    weir_group_close(&g, 0);
    double sum = 0;
    for (int i = 0; i < SPREAD; i++)
        sum += (double)late[i];
    qsort(late, SPREAD, sizeof late[0], by_size);
    printf("spread_late_mean_ms %.3f\n", sum / SPREAD / 1e6);
    printf("spread_late_p50_ms %.3f\n", (double)late[SPREAD / 2] / 1e6);
    printf("spread_late_p99_ms %.3f\n", (double)late[SPREAD * 99LL / 100] / 1e6);
    printf("spread_late_max_ms %.3f\n", (double)late[SPREAD - 1] / 1e6);
}

static int bench(void *arg) {
    int n = *(int *)arg;
    bench_yield();
    bench_spawn();
    bench_scope();
    bench_million(n);
    bench_wake(n);
    bench_spread();
    return 0;
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : SLEEPERS;
    return weir_run(bench, &n, NULL) < 0;
}
