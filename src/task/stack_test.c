/* SPDX-License-Identifier: MIT */
/* Stacks: guards, classes, promises, scarce memory, and walking them. */
#include "test/runner.h"

#include <errno.h>
#include <execinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "task/internal.h"
#include "task/sanitize.h"

enum { CLASS = 2 }; /* 64 KiB */

static struct stack *take(struct stack_pool *p, int class) {
    assert_int_equal(weir__stack_promise(p, class), 0);
    return weir__stack_bind(p, class);
}

WEIR_TEST(classes_are_powers_of_two_from_16_kib) {
    assert_int_equal(weir__stack_class_of(1), 0);
    assert_int_equal(weir__stack_class_of(16384), 0);
    assert_int_equal(weir__stack_class_of(16385), 1);
    assert_int_equal(weir__stack_class_of(65536), CLASS);
    assert_int_equal(weir__stack_class_of((size_t)1 << 31), -EINVAL);
}

WEIR_TEST(a_released_stack_is_the_next_one_taken) {
    struct stack_pool p;
    weir__stack_pool_init(&p);
    struct stack *a = take(&p, CLASS), *b = take(&p, CLASS);
    assert_true(a != b);
    assert_int_equal((uintptr_t)a % 64, 0);
    assert_true((size_t)((uint8_t *)a - a->low) > 60 * 1024);
    weir__stack_release(&p, a);
    assert_ptr_equal(take(&p, CLASS), a);
    weir__stack_release(&p, a);
    weir__stack_release(&p, b);
    weir__stack_pool_fini(&p);
}

WEIR_TEST(tops_differ_in_colour) {
    struct stack_pool p;
    struct stack *s[16];
    int same = 0;
    weir__stack_pool_init(&p);
    for (int i = 0; i < 16; i++)
        s[i] = take(&p, CLASS);
    for (int i = 1; i < 16; i++)
        same += (uintptr_t)s[i] % 4096 == (uintptr_t)s[0] % 4096;
    assert_in_range(same, 0, 2);
    for (int i = 0; i < 16; i++)
        weir__stack_release(&p, s[i]);
    weir__stack_pool_fini(&p);
}

WEIR_TEST(free_stacks_beyond_the_warm_ones_give_their_pages_back) {
    struct stack_pool p;
    struct stack *s[32];
    weir__stack_pool_init(&p);
    p.warm_max = 4;
    for (int i = 0; i < 32; i++) {
        s[i] = take(&p, CLASS);
        memset(s[i]->low, 7, 4096);
    }
    for (int i = 0; i < 32; i++)
        weir__stack_release(&p, s[i]);
    assert_true(p.excess);
    weir__stack_pool_trim(&p, 3);
    assert_true(p.excess);
    assert_int_equal(p.classes[CLASS].warm_count, 29);
    weir__stack_pool_trim(&p, SIZE_MAX);
    assert_false(p.excess);
    assert_int_equal(p.classes[CLASS].warm_count, 4);
    assert_int_equal(p.classes[CLASS].bound, 0);
    unsigned char resident;
    struct stack_class *c = &p.classes[CLASS];
    uint8_t *chilled = c->cold[c->cold_count - 1] + STACK_GUARD;
    assert_int_equal(mincore(chilled, 4096, &resident), 0);
    assert_false(resident & 1);
    for (int i = 0; i < 32; i++)
        s[i] = take(&p, CLASS);
    for (int i = 0; i < 32; i++)
        weir__stack_release(&p, s[i]);
    weir__stack_pool_fini(&p);
}

static struct stack_pool guarded;

WEIR_TEST_ABORTS(a_write_below_the_stack_faults, "") {
    weir__stack_pool_init(&guarded);
    struct stack *s = take(&guarded, CLASS);
    *(volatile uint8_t *)(s->low - 1) = 1;
}

WEIR_TEST_ABORTS(a_guard_by_mprotect_faults_too, "") {
    weir__stack_pool_init(&guarded);
    guarded.guard_by_mprotect = true;
    struct stack *s = take(&guarded, CLASS);
    *(volatile uint8_t *)(s->low - STACK_GUARD) = 1;
}

static char logged[512];

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    strncpy(logged, line, sizeof logged - 1);
}

WEIR_TEST(guards_by_mprotect_stop_at_half_of_the_mappings_and_say_so) {
    struct stack_pool p;
    int rc, made = 0;
    weir__stack_pool_init(&p);
    p.guard_by_mprotect = true;
    weir_log_to(keep_line, NULL);
    while ((rc = weir__stack_promise(&p, 0)) == 0 && made < 1000000)
        made++;
    weir_log_to(NULL, NULL);
    assert_int_equal(rc, -EAGAIN);
    assert_true(made > 1000);
    assert_non_null(strstr(logged, "max_map_count"));
    while (made-- > 0)
        weir__stack_unpromise(&p, 0);
    weir__stack_pool_fini(&p);
}

static int nothing(void *args) {
    return 0;
}

static int spawns_until_refused(void *arg) {
    struct weir_group g;
    struct weir_spawn_options o = {.size = sizeof o, .stack_size = 16 << 20};
    int rc = 0, n = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    while (n < 1000 && (rc = weir_spawn(&g, WEIR_SITE(nothing), nothing, NULL, 0, &o, NULL)) == 0)
        n++;
    assert_int_equal(rc, -ENOMEM);
    assert_true(n > 0);
    return weir_group_close(&g, 0);
}

WEIR_TEST(without_address_space_spawn_says_enomem_and_the_rest_runs) {
    if (SANITIZED)
        runner_skip("sanitizers need the address space");
    struct rlimit limit = {600 << 20, 600 << 20}, now;
    setrlimit(RLIMIT_AS, &limit);
    getrlimit(RLIMIT_AS, &now);
    if (now.rlim_cur != limit.rlim_cur)
        runner_skip("the emulator sets no such limit");
    assert_int_equal(weir_run(spawns_until_refused, NULL, NULL), 0);
}

static int runs_a_hundred(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 100; i++)
        assert_int_equal(weir_go0(&g, nothing), 0);
    return weir_group_close(&g, 0);
}

WEIR_TEST(locked_memory_is_guarded_all_the_same) {
    struct weir_run_options o = {.size = sizeof o, .stack_size = 16384};
    struct rlimit lock;
    getrlimit(RLIMIT_MEMLOCK, &lock);
    bool is_free = geteuid() == 0 || lock.rlim_cur > 256 << 20;
    if (SANITIZED || !is_free || mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        runner_skip("mlockall is not allowed here");
    assert_int_equal(weir_run(runs_a_hundred, NULL, &o), 0);
    munlockall();
}

enum { BURST = 3000 };
static int asleep;

static int sleeps(void *arg) {
    asleep++;
    return weir_sleep(WEIR_NEVER);
}

static int spawns_a_burst(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    for (int i = 0; i < BURST; i++)
        assert_int_equal(weir_go0(&g, sleeps), 0);
    while (asleep < BURST)
        weir_yield();
    weir_group_cancel(&g, "enough");
    weir_group_close(&g, 0);
    const struct stack_pool *p = &weir__sched->stacks;
    assert_true(p->excess);
    while (p->excess) /* the loop has nothing else to do meanwhile */
        weir_sleep(WEIR_MILLISECONDS(1));
    assert_in_range(p->classes[weir__sched->stack_class].warm_count, 1, p->warm_max + 1);
    return 0;
}

WEIR_TEST_BACKENDS(an_idle_loop_gives_back_the_stacks_of_a_burst) {
    assert_int_equal(weir_run(spawns_a_burst, NULL, NULL), 0);
}

static int walks(void *arg) {
    void *frames[64];
    int n = backtrace(frames, 64);
    assert_in_range(n, 3, 20);
    char **names = backtrace_symbols(frames, n);
    assert_non_null(names);
    free(names);
    return 0;
}

WEIR_TEST(a_walk_of_a_tasks_stack_ends_at_its_bottom) {
    void *warm[4];
    backtrace(warm, 4); /* loads libgcc, which would count as left behind */
    assert_int_equal(weir_run(walks, NULL, NULL), 0);
}
