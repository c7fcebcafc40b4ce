/* SPDX-License-Identifier: MIT */
/* The largest and smallest durations that a caller can give. In a build with UBSan none may
 * overflow, and each call must do what its number means. */
#include <weir/loop.h>
#include <weir/task.h>

#include "base/time.h"
#include "test/runner.h"

static const weir_ns times[] = {WEIR_NEVER, WEIR_NEVER - 1, WEIR_NEVER / 2 + 1, 1, 0,
                                -1,         INT64_MIN / 2,  INT64_MIN + 1,      INT64_MIN};
enum { TIMES = sizeof times / sizeof times[0] };

static bool is_far(weir_ns t) {
    return t > WEIR_SECONDS(1);
}

WEIR_TEST(a_deadline_stops_at_the_ends_of_time) {
    assert_true(weir__deadline(5, 7) == 12);
    assert_true(weir__deadline(5, -7) == -2);
    assert_true(weir__deadline(1, WEIR_NEVER) == WEIR_NEVER);
    assert_true(weir__deadline(0, WEIR_NEVER) == WEIR_NEVER);
    assert_true(weir__deadline(WEIR_NEVER, WEIR_NEVER) == WEIR_NEVER);
    assert_true(weir__deadline(WEIR_NEVER - 3, 4) == WEIR_NEVER);
    assert_true(weir__deadline(5, INT64_MIN) == INT64_MIN + 5);
    assert_true(weir__deadline(-5, INT64_MIN) == INT64_MIN);
}

static int naps(void *args) {
    weir_ns t = *(weir_ns *)args;
    int rc = weir_sleep(t);
    return rc == -ECANCELED ? 0 : rc;
}

static int all_times(void *arg) {
    for (int i = 0; i < TIMES; i++) {
        struct weir_scope s, shield;
        struct weir_group g;
        weir_scope_enter(&s, times[i]);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), is_far(times[i]) ? 0 : -ETIME);
        assert_int_equal(weir_scope_leave(&s, 0), 0);
        weir_scope_enter(&s, WEIR_SECONDS(5));
        weir_scope_renew(&s, times[i]);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), is_far(times[i]) ? 0 : -ETIME);
        assert_int_equal(weir_scope_leave(&s, 0), 0);
        weir_scope_enter(&s, WEIR_MILLISECONDS(1));
        assert_int_equal(weir_sleep(times[i]), is_far(times[i]) ? -ETIME : 0);
        assert_int_equal(weir_scope_leave(&s, 0), 0);
        if (times[i] > 0 && times[i] != WEIR_NEVER) {
            weir_shield_enter(&shield, times[i]);
            assert_int_equal(weir_scope_leave(&shield, 0), 0);
        }
        weir_group_open(&g, WEIR_INDEPENDENT);
        weir_ns nap = WEIR_MILLISECONDS(1);
        assert_int_equal(weir_spawn(&g, WEIR_SITE(naps), naps, &nap, sizeof nap, NULL, NULL), 0);
        assert_int_equal(weir_group_drain(&g, times[i]), !is_far(times[i]));
    }
    return 0;
}

WEIR_TEST_BACKENDS(any_time_will_do_for_scopes_sleeps_and_groups) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(all_times, NULL, &o), 0);
}
