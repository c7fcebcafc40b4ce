/* SPDX-License-Identifier: MIT */
/* in_vain_test.c - descriptors that poll reports as ready although every read or write fails with
 * EAGAIN. A task that reads or writes one must not keep other tasks from running. */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <termios.h>

#include "stream/stream_test_util.h"
#include "sys/limits.h"
#include "sys/pool.h"
#include "task/task.h"

#define IN_VAIN_STORY(sentence)                                                                    \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("a simulation has no real descriptors");                                   \
        weir__sys_limits.work_threads = weir__sys_limits.file_threads = 1;                         \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

static atomic_bool let_go;
static atomic_int held;
static int ticks;

static int hold_a_thread(void *args __attribute__((unused))) {
    held++;
    while (!let_go)
        usleep(1000);
    return 0;
}

/* A loop that is held runs no tick. */
static int tick(void *args __attribute__((unused))) {
    int rc;
    while ((rc = weir_sleep(WEIR_MILLISECONDS(1))) == 0)
        ticks++;
    return rc;
}

static int rest(void *arg __attribute__((unused))) {
    return 0;
}

static int open_master(int *ret_slave) {
    struct termios raw;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    *ret_slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*ret_slave >= 0);
    assert_int_equal(tcgetattr(*ret_slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(*ret_slave, TCSANOW, &raw), 0);
    return master;
}

static int read_within(struct weir_stream *s, weir_ns budget_ns, char *buf) {
    struct weir_scope scope;
    weir_scope_enter(&scope, budget_ns);
    int rc = weir_read_exactly(s, buf, 5);
    return weir_scope_leave(&scope, rc);
}

static int write_within(struct weir_stream *s, weir_ns budget_ns, const void *buf, size_t len) {
    struct weir_scope scope;
    weir_scope_enter(&scope, budget_ns);
    int rc = weir_write(s, buf, len);
    return weir_scope_leave(&scope, rc);
}

/* All threads for files are lost to jobs that were given up. */
static void take_all_file_threads(void) {
    struct weir__backend *b = weir__loop()->backend;
    let_go = false;
    held = 0;
    for (int i = 0; i < WEIR__POOL_GROWTH; i++) {
        struct weir__op op = {.kind = WEIR__WORK,
                              .u.work = {.fn = hold_a_thread, .abandon = true, .is_file = true}};
        assert_int_equal(weir__submit(b, &op), WEIR__PENDING);
        while (held == i)
            usleep(1000);
        assert_int_equal(weir__cancel(b, &op), WEIR__DONE);
    }
}

IN_VAIN_STORY(no_free_thread_for_a_terminal_blocks_no_other_task) {
    struct weir_group g;
    struct weir_stream *s = NULL;
    char buf[5];
    int slave;
    take_all_file_threads();
    assert_int_equal(weir_stream_from_fd(open_master(&slave), &s), 0);
    assert_int_equal(write(slave, "hello", 5), 5);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go0(&g, tick), 0);
    ticks = 0;
    assert_int_equal(read_within(s, WEIR_MILLISECONDS(50), buf), -ETIME);
    assert_int_equal(write_within(s, WEIR_MILLISECONDS(50), "w", 1), -ETIME);
    assert_true(ticks > 0);
    let_go = true; /* and once a thread is to be had, it goes on */
    assert_int_equal(read_within(s, WEIR_SECONDS(20), buf), 0);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(write_within(s, WEIR_SECONDS(20), "w", 1), 0);
    weir_group_drain(&g, 0);
    weir_close(&s);
    close(slave);
    return 0;
}

/* All helper threads are lost to functions that were given up. One that is given up before it has
 * begun takes none. */
static void take_all_threads(void) {
    let_go = false;
    held = 0;
    while (held < WEIR__POOL_GROWTH) {
        struct weir_scope s;
        weir_scope_enter(&s, WEIR_MILLISECONDS(10));
        int rc = weir_offload_detached(hold_a_thread, NULL, 0);
        assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    }
    assert_int_equal(weir_offload_detached(hold_a_thread, NULL, 0), -EAGAIN);
    assert_non_null(strstr(weir_error_message(-EAGAIN), "abandoned functions"));
    assert_int_equal(weir_fail(-EAGAIN, "older"), -EAGAIN);
    assert_int_equal(weir_offload(rest, NULL), -EAGAIN);
    assert_non_null(strstr(weir_error_message(-EAGAIN), "abandoned functions"));
}

IN_VAIN_STORY(functions_that_hold_all_threads_keep_no_terminal_waiting) {
    struct weir_stream *s = NULL;
    char buf[5];
    int slave;
    take_all_threads();
    assert_int_equal(weir_stream_from_fd(open_master(&slave), &s), 0);
    assert_int_equal(write(slave, "hello", 5), 5);
    assert_int_equal(read_within(s, WEIR_SECONDS(20), buf), 0);
    assert_memory_equal(buf, "hello", 5);
    weir_close(&s);
    close(slave);
    let_go = true;
    return 0;
}

IN_VAIN_STORY(a_descriptor_with_too_little_room_blocks_no_other_task) {
    struct weir_group g;
    struct weir_stream *s = NULL;
    const uint64_t nearly_full = UINT64_MAX - 5, more = 10;
    uint64_t count;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_int_equal(write(fd, &nearly_full, sizeof nearly_full), sizeof nearly_full);
    assert_int_equal(weir_stream_from_fd(fd, &s), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go0(&g, tick), 0);
    ticks = 0;
    assert_int_equal(write_within(s, WEIR_MILLISECONDS(50), &more, sizeof more), -ETIME);
    assert_true(ticks > 0);
    assert_int_equal(read(fd, &count, sizeof count), sizeof count);
    assert_int_equal(write_within(s, WEIR_SECONDS(20), &more, sizeof more), 0);
    weir_group_drain(&g, 0);
    weir_close(&s);
    return 0;
}
