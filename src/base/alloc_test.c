/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <pthread.h>
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

static void *churn(void *arg) {
    for (int i = 0; i < 10000; i++)
        weir__free(weir__alloc(16));
    return arg;
}

WEIR_TEST(counters_are_exact_once_threads_are_quiet) {
    pthread_t threads[4];
    size_t before = weir__alloc_live();
    weir__alloc_fail_at(0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(weir__alloc_live(), before);
    assert_int_equal(weir__alloc_fail_at(0), 40000);
}
