/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include "test/runner.h"

/* The reference values of splitmix64, as other implementations give them. */
WEIR_TEST(a_seed_means_the_same_everywhere) {
    struct weir__random r = {1234567};
    assert_true(weir__random_next(&r) == 6457827717110365317u);
    assert_true(weir__random_next(&r) == 3203168211198807973u);
    assert_true(weir__random_next(&r) == 9817491932198370423u);
    assert_true(weir__random_next(&r) == 4593380528125082431u);
    assert_true(weir__random_next(&r) == 16408922859458223821u);
}

WEIR_TEST(below_stays_below_and_reaches_all) {
    struct weir__random r = {1};
    size_t seen[10] = {0};
    for (int i = 0; i < 10000; i++) {
        uint64_t n = weir__random_below(&r, 10);
        assert_true(n < 10);
        seen[n]++;
    }
    for (size_t i = 0; i < 10; i++)
        assert_in_range(seen[i], 850, 1150);
    assert_int_equal(weir__random_below(&r, 1), 0);
    assert_true(weir__random_below(&r, (uint64_t)1 << 32) < (uint64_t)1 << 32);
}
