/* SPDX-License-Identifier: MIT */
/* alloc_bench.c - what counting costs: nanoseconds for one allocation and its release, with the
 * library's counters and with malloc alone, on 1 and on 2 threads at once. */
#include "base/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 10000000, THREADS_MAX = 2, REPEATS = 9 };

static pthread_barrier_t start;

/* Processor time of this thread: it contains the cost of a cache line that another thread has, but
 * not the time of other programs. */
static double used_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *churn_counted(void *ret_ns) {
    pthread_barrier_wait(&start);
    double began = used_ns();
    for (int i = 0; i < ROUNDS; i++)
        weir__free(weir__alloc(64));
    *(double *)ret_ns = (used_ns() - began) / ROUNDS;
    return NULL;
}

static void *churn_plain(void *ret_ns) {
    pthread_barrier_wait(&start);
    double began = used_ns();
    for (int i = 0; i < ROUNDS; i++) {
        void *p = malloc(64);
        __asm__ volatile("" : "+r"(p)); /* else the compiler removes both calls */
        free(p);
    }
    *(double *)ret_ns = (used_ns() - began) / ROUNDS;
    return NULL;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median over a few runs of the slower thread. */
static double measure(void *(*fn)(void *), unsigned threads) {
    double each[REPEATS];
    pthread_barrier_init(&start, NULL, threads);
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        pthread_t thread[THREADS_MAX];
        double ns[THREADS_MAX] = {0};
        for (unsigned i = 0; i < threads; i++)
            if (pthread_create(&thread[i], NULL, fn, &ns[i]) != 0)
                abort();
        for (unsigned i = 0; i < threads; i++)
            pthread_join(thread[i], NULL);
        each[repeat] = ns[0] > ns[1] ? ns[0] : ns[1];
    }
    pthread_barrier_destroy(&start);
    qsort(each, REPEATS, sizeof each[0], by_value);
    return each[REPEATS / 2];
}

int main(void) {
    for (unsigned threads = 1; threads <= THREADS_MAX; threads++) {
        double counted = measure(churn_counted, threads);
        printf("%u thread%s: counted %.1f ns, malloc alone %.1f ns\n", threads,
               threads > 1 ? "s" : "", counted, measure(churn_plain, threads));
    }
    return 0;
}
