/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "test/runner.h"

WEIR_TEST(live_counts_what_is_not_yet_freed) {
    size_t before = weir__alloc_live();
    void *a = weir__alloc(10), *b = weir__alloc_zero(0);
    char *c = weir__strdup("abc");
    assert_int_equal(weir__alloc_live() - before, 3);
    a = weir__realloc(a, 1000);
    assert_int_equal(weir__alloc_live() - before, 3);
    assert_string_equal(c, "abc");
    weir__free(a);
    weir__free(b);
    weir__free(c);
    weir__free(NULL);
    assert_int_equal(weir__alloc_live(), before);
}

WEIR_TEST(peak_remembers_the_most_since_its_reset) {
    size_t before = weir__alloc_live();
    weir__free(weir__alloc(1));
    weir__alloc_peak_reset();
    assert_int_equal(weir__alloc_peak(), before);
    void *a = weir__alloc(1), *b = weir__alloc(1);
    weir__free(a);
    weir__free(b);
    assert_int_equal(weir__alloc_peak(), before + 2);
}

WEIR_TEST(the_nth_allocation_fails_and_only_that) {
    weir__alloc_fail_at(2);
    void *a = weir__alloc(1);
    assert_non_null(a);
    assert_null(weir__realloc(a, 100)); /* a stays as it was */
    void *b = weir__alloc_zero(1);
    assert_non_null(b);
    assert_int_equal(weir__alloc_fail_at(1), 3);
    assert_null(weir__strdup("x"));
    assert_int_equal(weir__alloc_fail_at(0), 1);
    weir__free(a);
    weir__free(b);
}

WEIR_TEST(zeroed_memory_is_zero) {
    static const uint8_t zeros[64];
    uint8_t *p = weir__alloc(64);
    memset(p, 0xff, 64);
    weir__free(p);
    p = weir__alloc_zero(64);
    assert_memory_equal(p, zeros, 64);
    weir__free(p);
}

/* ---- threads --------------------------------------------------------------------------------- */

enum { THREADS = 40, ROUNDS = 10000 }; /* more threads than alloc.c has slots */

static void run_threads(void *(*fn)(void *), void *arg) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fn, arg), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void *churn(void *ret_refused) {
    for (int i = 0; i < ROUNDS; i++) {
        void *p = weir__alloc(16);
        if (p == NULL)
            atomic_fetch_add((_Atomic int *)ret_refused, 1);
        weir__free(p);
    }
    return NULL;
}

WEIR_TEST(counters_are_exact_once_threads_are_quiet) {
    size_t before = weir__alloc_live();
    weir__alloc_fail_at(0);
    run_threads(churn, NULL);
    assert_int_equal(weir__alloc_live(), before);
    assert_int_equal(weir__alloc_fail_at(0), THREADS * ROUNDS);
}

WEIR_TEST(one_allocation_fails_however_many_threads_ask) {
    _Atomic int refused = 0;
    size_t before = weir__alloc_live();
    weir__alloc_fail_at(THREADS * ROUNDS / 2);
    run_threads(churn, &refused);
    assert_int_equal(refused, 1);
    assert_int_equal(weir__alloc_live(), before);
    assert_int_equal(weir__alloc_fail_at(0), THREADS * ROUNDS);
}

static void *kept[THREADS];

static void *keep_one(void *at) {
    kept[atomic_fetch_add((_Atomic int *)at, 1)] = weir__alloc(16);
    return NULL;
}

static void *free_one(void *at) {
    weir__free(kept[atomic_fetch_add((_Atomic int *)at, 1)]);
    return NULL;
}

WEIR_TEST(a_block_may_be_freed_by_another_thread) {
    _Atomic int at = 0;
    size_t before = weir__alloc_live();
    run_threads(keep_one, &at);
    assert_int_equal(weir__alloc_live(), before + THREADS);
    at = 0;
    run_threads(free_one, &at);
    assert_int_equal(weir__alloc_live(), before);
}
