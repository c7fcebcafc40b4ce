/* SPDX-License-Identifier: MIT */
/* WEIR_SECONDS and WEIR_MILLISECONDS with every type of number, in every context. For C++ see
 * test/install/hello.cpp. */
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <weir/base.h>

#include "test/runner.h"

enum { TWO = 2, SECOND = WEIR_SECONDS(1), SHORT = WEIR_MILLISECONDS(TWO) };

static const weir_ns half = WEIR_SECONDS(0.5), back = WEIR_SECONDS(-1.5);
static char sized[WEIR_MILLISECONDS(1) / 1000];

_Static_assert(WEIR_SECONDS(9223372036) == 9223372036000000000, "the last that fits");
_Static_assert(WEIR_SECONDS(-9223372036) == -9223372036000000000, "the first that fits");
_Static_assert(WEIR_SECONDS(9223372037) == WEIR_NEVER, "one more");
_Static_assert(WEIR_MILLISECONDS(UINT64_MAX) == WEIR_NEVER, "unsigned");

WEIR_TEST(half_a_second_is_five_hundred_milliseconds) {
    double seconds = 0.5;
    float single = 0.25f;
    assert_int_equal(WEIR_SECONDS(0.5), WEIR_MILLISECONDS(500));
    assert_int_equal(WEIR_SECONDS(seconds), WEIR_MILLISECONDS(500));
    assert_int_equal(WEIR_SECONDS(single), WEIR_MILLISECONDS(250));
    assert_int_equal(WEIR_MILLISECONDS(0.001), 1000);
    assert_int_equal(WEIR_MILLISECONDS(0.001L), 1000);
    assert_int_equal(half, 500000000);
    assert_int_equal(back, -1500000000);
}

WEIR_TEST(fractions_are_rounded_to_the_nearest_nanosecond) {
    double seconds = 4.35; /* a little less, as every double: times 10^9 it must not lose one */
    assert_int_equal(WEIR_SECONDS(seconds), 4350000000);
    assert_int_equal(WEIR_SECONDS(4.35), 4350000000);
    assert_int_equal(WEIR_SECONDS(-4.35), -4350000000);
    assert_int_equal(WEIR_SECONDS(0.0000000004), 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(WEIR_SECONDS(i / 1000.0), WEIR_MILLISECONDS(i));
}

WEIR_TEST(whole_numbers_of_every_type_are_exact) {
    int64_t wide = 9007199254; /* times 10^9 it is past what a double counts by ones */
    unsigned long unsigned_wide = 9007199254;
    unsigned all = UINT_MAX;
    short below = -7;
    bool one = true;
    assert_int_equal(WEIR_SECONDS(wide), 9007199254000000000);
    assert_int_equal(WEIR_SECONDS(unsigned_wide), 9007199254000000000);
    assert_int_equal(WEIR_SECONDS(all), 4294967295000000000);
    assert_int_equal(WEIR_SECONDS(below), -7000000000);
    assert_int_equal(WEIR_SECONDS(one), SECOND);
    assert_int_equal(WEIR_MILLISECONDS(9223372036854), 9223372036854000000);
    assert_int_equal(SHORT, 2000000);
    sized[999] = 1;
    assert_int_equal(sizeof sized, 1000);
}

WEIR_TEST(what_does_not_fit_is_never) {
    long long most = LLONG_MAX, least = LLONG_MIN;
    unsigned long long most_unsigned = ULLONG_MAX;
    double huge = 1e300, infinite = INFINITY, none = NAN;
    assert_int_equal(WEIR_SECONDS(most), WEIR_NEVER);
    assert_int_equal(WEIR_SECONDS(least), -WEIR_NEVER);
    assert_int_equal(WEIR_SECONDS(most_unsigned), WEIR_NEVER);
    assert_int_equal(WEIR_SECONDS(huge), WEIR_NEVER);
    assert_int_equal(WEIR_SECONDS(-huge), -WEIR_NEVER);
    assert_int_equal(WEIR_SECONDS(infinite), WEIR_NEVER);
    assert_int_equal(WEIR_SECONDS(none), 0);
    assert_int_equal(WEIR_SECONDS(1e300), WEIR_NEVER);
}

WEIR_TEST(the_number_is_evaluated_once) {
    int times = 0;
    double real = 0;
    assert_int_equal(WEIR_SECONDS(++times), SECOND);
    assert_int_equal(WEIR_MILLISECONDS(real += 0.5), 500000);
    assert_int_equal(times, 1);
    assert_true(real < 0.6);
}
