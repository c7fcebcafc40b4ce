/* SPDX-License-Identifier: MIT */
/* timers_bench.c - ns per operation of the timers alone, at 1,000 and 1,000,000 armed, deadlines
 * random within a span; no clock is read per operation. The medians of 7 repetitions.
 *   arm+cancel   one more timer, while all the others are armed
 *   touch        read and write all timers in random order: what their memory alone costs
 *   arm, cancel  all timers in random order, fetched into the cache ahead as if just used
 *   fire         all timers, while the clock advances in 1000 steps */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "loop/timers.h"

enum { REPETITIONS = 7, STEPS = 1000, AHEAD = 16 };

struct sleeper { /* as far apart as in real programs */
    struct weir__timer timer;
    char rest[96];
};

struct figures {
    double pair, touch, arm, cancel, fire;
};

static struct weir__random rng = {1};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fire(struct weir__timer *t) {
    (void)t;
}

static weir_ns within(weir_ns span) {
    return 1 + (weir_ns)(weir__random_next(&rng) % (uint64_t)span);
}

static void shuffle(size_t *order, size_t count) {
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = weir__random_next(&rng) % (i + 1), swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}

static void fetch_ahead(struct sleeper *s, const size_t *order, size_t i, size_t count) {
    if (i + AHEAD < count)
        __builtin_prefetch(&s[order[i + AHEAD]].timer.priv[0], 1);
}

static double touch_all(struct sleeper *s, size_t *order, size_t count) {
    shuffle(order, count);
    double start = now();
    for (size_t i = 0; i < count; i++) {
        fetch_ahead(s, order, i, count);
        struct weir__timer *t = &s[order[i]].timer;
        if (weir__timer_armed(t))
            abort();
        t->deadline_ns = (weir_ns)i;
        t->priv[1] = i;
    }
    return now() - start;
}

static double arm_all(struct weir__timers *ts, struct sleeper *s, size_t *order,
                      weir_ns *deadlines, size_t count, weir_ns from, weir_ns span) {
    shuffle(order, count);
    for (size_t i = 0; i < count; i++)
        deadlines[i] = from + within(span);
    double start = now();
    for (size_t i = 0; i < count; i++) {
        fetch_ahead(s, order, i, count);
        weir__timer_arm(ts, &s[order[i]].timer, deadlines[i]);
    }
    return now() - start;
}

static double cancel_all(struct weir__timers *ts, struct sleeper *s, size_t *order,
                         size_t count) {
    shuffle(order, count);
    double start = now();
    for (size_t i = 0; i < count; i++) {
        fetch_ahead(s, order, i, count);
        weir__timer_disarm(ts, &s[order[i]].timer);
    }
    return now() - start;
}

static double fire_all(struct weir__timers *ts, weir_ns from, weir_ns span) {
    double start = now();
    for (weir_ns step = 1; step <= STEPS; step++)
        weir__timers_fire(ts, from + span / STEPS * step + (step == STEPS ? span : 0));
    return now() - start;
}

static double pairs(struct weir__timers *ts, weir_ns from, weir_ns span, size_t *ret_count) {
    enum { COUNT = 1 << 18 };
    static weir_ns deadlines[COUNT];
    struct weir__timer t;
    weir__timer_init(&t, fire);
    for (size_t i = 0; i < COUNT; i++)
        deadlines[i] = from + within(span);
    double start = now();
    for (size_t i = 0; i < COUNT; i++) {
        weir__timer_arm(ts, &t, deadlines[i]);
        weir__timer_disarm(ts, &t);
    }
    *ret_count = COUNT;
    return now() - start;
}

static struct figures measure(size_t count, weir_ns span) {
    struct weir__timers *ts;
    struct sleeper *s = malloc(count * sizeof *s);
    size_t *order = malloc(count * sizeof *order), rounds = 1000000 / count, pair_count = 1;
    weir_ns *deadlines = malloc(count * sizeof *deadlines), t = 0;
    struct figures f = {0};
    if (s == NULL || order == NULL || deadlines == NULL || weir__timers_new(0, &ts) < 0)
        abort();
    for (size_t i = 0; i < count; i++) {
        weir__timer_init(&s[i].timer, fire);
        order[i] = i;
    }
    arm_all(ts, s, order, deadlines, count, t, span); /* the first round is not measured */
    cancel_all(ts, s, order, count);
    for (size_t round = 0; round < rounds; round++) {
        f.touch += touch_all(s, order, count);
        f.arm += arm_all(ts, s, order, deadlines, count, t, span);
        if (round == 0)
            f.pair = pairs(ts, t, span, &pair_count);
        f.cancel += cancel_all(ts, s, order, count);
        arm_all(ts, s, order, deadlines, count, t, span);
        f.fire += fire_all(ts, t, span);
        t += 3 * span;
    }
    double all = (double)(rounds * count);
    weir__timers_free(ts);
    free(s);
    free(order);
    free(deadlines);
    return (struct figures){f.pair / (double)pair_count, f.touch / all, f.arm / all,
                            f.cancel / all, f.fire / all};
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void report(const char *name, size_t count, weir_ns span) {
    enum { COLUMNS = sizeof(struct figures) / sizeof(double) };
    double column[COLUMNS][REPETITIONS];
    for (size_t i = 0; i < REPETITIONS; i++) {
        struct figures f = measure(count, span);
        const double values[COLUMNS] = {f.pair, f.touch, f.arm, f.cancel, f.fire};
        for (size_t c = 0; c < COLUMNS; c++)
            column[c][i] = values[c];
    }
    printf("%-5s %8zu", name, count);
    for (size_t c = 0; c < COLUMNS; c++) {
        char text[40];
        qsort(column[c], REPETITIONS, sizeof column[c][0], by_value);
        snprintf(text, sizeof text, "%.1f (%.1f-%.1f)", column[c][REPETITIONS / 2], column[c][0],
                 column[c][REPETITIONS - 1]);
        printf(" %18s", text);
    }
    printf("\n");
    fflush(stdout);
}

int main(void) {
    static const struct {
        const char *name;
        weir_ns span;
    } spans[] = {{"1 ms", WEIR_MILLISECONDS(1)},
                 {"1 s", WEIR_SECONDS(1)},
                 {"60 s", WEIR_SECONDS(60)},
                 {"1 h", WEIR_SECONDS(3600)}};
    printf("%-5s %8s %18s %18s %18s %18s %18s   ns: median (least-most)\n", "span", "armed",
           "arm+cancel", "touch", "arm", "cancel", "fire");
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        report(spans[i].name, 1000, spans[i].span);
        report(spans[i].name, 1000000, spans[i].span);
    }
    return 0;
}
