/* SPDX-License-Identifier: MIT */
/* offload_test.c - the count of processors, by the affinity of the calling thread. */
#include <sched.h>
#include <weir/offload.h>

#include "test/runner.h"

WEIR_TEST(a_process_bound_to_one_processor_has_one) {
    cpu_set_t before, one;
    CPU_ZERO(&one);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_in_range(weir_cpus(), 1, CPU_COUNT(&before));
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(weir_cpus(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}
