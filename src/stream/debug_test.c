/* SPDX-License-Identifier: MIT */
/* Debug mode: a blocked loop, what was never closed, what is closed twice. */
#include "test/runner.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/drive.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "stream/resolve.h"
#include "sys/addr.h"
#include "task/task.h"

static struct weir_run_options debugged(void) {
    return (struct weir_run_options){
        .size = sizeof(struct weir_run_options), .debug = true, .slow_ns = WEIR_MILLISECONDS(20)};
}

/* All lines of the log. The sink runs under the log's lock. */
static char lines[16384];
static _Atomic unsigned reports; /* that a loop is blocked */

static void keep(enum weir_log_level level, const char *line, void *arg) {
    size_t len = strlen(lines);
    snprintf(lines + len, sizeof lines - len, "%s\n", line);
    if (strstr(line, " is blocked: ") != NULL)
        atomic_fetch_add(&reports, 1);
}

static int logged(int (*fn)(void *arg), const struct weir_run_options *o) {
    *lines = '\0';
    atomic_store(&reports, 0);
    weir_log_to(keep, NULL);
    int rc = weir_run(fn, NULL, o);
    weir_log_to(NULL, NULL);
    return rc;
}

/* Not static: a compiler may rename a static function. */
int hog_of_the_test(void);
__attribute__((noinline)) int hog_of_the_test(void) {
    unsigned before = atomic_load(&reports), spins = 0;
    while (atomic_load(&reports) == before) /* ends when the report has come, while it blocks */
        spins++;
    return spins == 0;
}

/* Not in a tail call, so that the caller is in the stack too. */
static int hogs(void *args) {
    int rc = hog_of_the_test();
    __asm__ volatile("");
    return rc;
}

static int blocks(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, hogs);
    return weir_group_close(&g, rc);
}

WEIR_TEST_BACKENDS(a_blocked_loop_is_reported_with_its_stack_while_it_blocks) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("no time passes while a task runs");
    struct weir_run_options o = debugged();
    assert_int_equal(logged(blocks, &o), 0);
    const char *report = strstr(lines, "loop 'main' is blocked: task 'hogs' (");
    assert_non_null(report);
    const char *frame = strstr(report, "hog_of_the_test+0x"), *caller = strstr(report, "hogs+0x");
    assert_non_null(frame);
    assert_true(caller > frame);
    assert_non_null(strstr(report, "let nobody else run for")); /* when it was over */
}

static int blocks_twice(void *arg) {
    int rc = hog_of_the_test();
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    return rc == 0 ? hog_of_the_test() : rc;
}

WEIR_TEST_BACKENDS(each_blocked_time_is_reported) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("no time passes while a task runs");
    struct weir_run_options o = debugged();
    assert_int_equal(logged(blocks_twice, &o), 0);
    assert_true(atomic_load(&reports) >= 2);
}

static void hog_posted(void *arg) {
    hogs(NULL);
}

static int posts(void *arg) {
    int rc = weir_post(weir_loop_current(), hog_posted, NULL);
    return rc < 0 ? rc : weir_sleep(WEIR_MILLISECONDS(1));
}

WEIR_TEST_BACKENDS(a_callback_that_blocks_is_reported_as_such) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("no time passes while a task runs");
    struct weir_run_options o = debugged();
    assert_int_equal(logged(posts, &o), 0);
    assert_non_null(strstr(lines, "is blocked: a callback of the loop"));
    assert_non_null(strstr(lines, "hog_of_the_test+0x"));
}

static int waits(void *arg) {
    return weir_sleep(WEIR_MILLISECONDS(100)); /* five times too long, if it were a stint */
}

WEIR_TEST_BACKENDS(a_loop_that_waits_is_not_reported) {
    struct weir_run_options o = debugged();
    assert_int_equal(logged(waits, &o), 0);
    assert_string_equal(lines, "");
}

static volatile sig_atomic_t urgent;

static void on_urgent(int signal) {
    urgent++;
}

static int raises(void *arg) {
    return raise(SIGURG);
}

WEIR_TEST_BACKENDS(the_programs_own_handler_is_called_and_stays) {
    struct sigaction own = {.sa_handler = on_urgent}, after;
    struct weir_run_options o = debugged();
    sigaction(SIGURG, &own, NULL);
    urgent = 0;
    assert_int_equal(logged(raises, &o), 0);
    assert_int_equal(urgent, 1);
    sigaction(SIGURG, NULL, &after);
    assert_true(after.sa_handler == on_urgent);
}

static int forgets(void *arg) {
    struct weir_stream *a = NULL, *b = NULL;
    struct weir_listener *l = NULL;
    int rc = weir_memory_pair(64, &a, &b);
    if (rc == 0)
        rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    weir_close(&a);
    return rc; /* b and l are forgotten */
}

static char said[4096];

static void run_forgetful(void *arg) {
    struct weir_run_options o = debugged();
    weir_run(forgets, NULL, arg != NULL ? &o : NULL);
}

/* In a child process, because it leaves memory behind. Returns how many are named. */
static size_t named(bool with_option) {
    (void)runner_child(run_forgetful, with_option ? said : NULL, said, sizeof said);
    size_t n = 0;
    for (const char *at = said; (at = strstr(at, "never closed: ")) != NULL; at++)
        n++;
    return n;
}

WEIR_TEST_BACKENDS(what_was_never_closed_is_named_with_its_place) {
    assert_int_equal(named(true), 2);
    assert_non_null(strstr(said, "never closed: stream to memory"));
    assert_non_null(strstr(said, "never closed: listener of tcp://127.0.0.1:0, made by task "
                                 "'main' at forgets+0x"));
}

WEIR_TEST_BACKENDS(the_variable_asks_for_debug_mode) {
    setenv("WEIR_DEBUG", "1", 1);
    assert_int_equal(named(false), 2);
    setenv("WEIR_DEBUG", "0", 1);
    assert_int_equal(named(false), 0);
    unsetenv("WEIR_DEBUG");
    assert_int_equal(named(false), 0);
}

static int closes_twice(void *arg) {
    struct weir_stream *a = NULL, *b = NULL, *copy;
    int rc = weir_memory_pair(64, &a, &b);
    if (rc < 0)
        return rc;
    copy = a;
    weir_close(&a);
    weir_close(&b);
    weir_yield();
    weir_close(&copy);
    return 0;
}

WEIR_TEST_ABORTS(a_second_close_names_the_first,
                 "was closed before, by task 'main' at closes_twice+0x") {
    struct weir_run_options o = debugged();
    weir_run(closes_twice, NULL, &o);
}

/* As weir_write does where the memory of the stream has other content by now. */
static int writes_to_closed(void *arg) {
    struct weir_stream *a = NULL, *b = NULL, *copy;
    int rc = weir_memory_pair(64, &a, &b);
    if (rc < 0)
        return rc;
    copy = a;
    weir_close(&a);
    weir_close(&b);
    weir_yield();
    return weir__loop_enter(NULL, copy, "write");
}

WEIR_TEST_ABORTS(a_use_of_a_closed_stream_names_its_close,
                 "write: the stream to memory was closed before, by task 'main' at "
                 "writes_to_closed+0x") {
    struct weir_run_options o = debugged();
    weir_run(writes_to_closed, NULL, &o);
}

WEIR_TEST_ABORTS(without_debug_mode_a_use_of_a_closed_stream_says_how_to_find_it,
                 "write: the object was closed already, or belongs to a loop that has ended (this "
                 "thread runs loop 'main'): WEIR_DEBUG=1 may say where") {
    weir_run(writes_to_closed, NULL, NULL);
}

static int dials_null(void *arg) {
    struct weir_stream *s = NULL;
    int rc = weir_dial(NULL, NULL, &s);
    __asm__ volatile(""); /* no tail call */
    return rc;
}

WEIR_TEST_ABORTS(debug_mode_names_the_call_of_the_program_that_a_bug_is_in,
                 "in the call of weir_dial at dials_null+0x") {
    struct weir_run_options o = debugged();
    weir_run(dials_null, NULL, &o);
}

static int same_memory(void *arg) {
    int rc = 0;
    for (int i = 0; i < 1000 && rc == 0; i++) {
        struct weir_stream *a = NULL, *b = NULL;
        rc = weir_memory_pair(64, &a, &b);
        weir_close(&a);
        weir_close(&b);
    }
    return rc;
}

WEIR_TEST_BACKENDS(an_address_that_is_used_again_is_no_second_close) {
    struct weir_run_options o = debugged();
    o.slow_ns = WEIR_SECONDS(60); /* it yields to nobody, and a busy machine is slow */
    assert_int_equal(logged(same_memory, &o), 0);
    assert_string_equal(lines, "");
}

/* A host with two addresses, of which only the second is listened on. */
static int two_addresses(const char *host, uint16_t port, struct weir__addr *ret_addrs) {
    weir__addr_parse_numeric("::1", port, &ret_addrs[0]);
    weir__addr_parse_numeric("127.0.0.1", port, &ret_addrs[1]);
    return 2;
}

/* The attempt that loses, which the library closes, lies where the stream before was. */
static int dials_again(void *arg) {
    static const struct weir__resolver resolver = {"of the test", two_addresses};
    const struct weir__resolver *before = weir__resolver;
    struct weir_listener *l = NULL;
    char url[40];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    snprintf(url, sizeof url, "tcp://somewhere:%d", weir_listener_port(l));
    weir__resolver = &resolver;
    for (int i = 0; i < 10 && rc == 0; i++) {
        struct weir_stream *s = NULL;
        rc = weir_dial(url, NULL, &s);
        weir_close(&s);
        weir_yield();
    }
    weir__resolver = before;
    weir_unlisten(&l);
    return rc;
}

WEIR_TEST_BACKENDS(an_attempt_that_loses_is_no_second_close) {
    struct weir_run_options o = debugged();
    o.slow_ns = WEIR_SECONDS(60);
    assert_int_equal(logged(dials_again, &o), 0);
    assert_string_equal(lines, "");
}

/* A listener that fails to open is closed by the library. */
static int listens_again(void *arg) {
    int rc = 0;
    for (int i = 0; i < 10 && rc == 0; i++) {
        struct weir_listener *l = NULL;
        rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
        weir_unlisten(&l);
        weir_sleep(1);
        if (weir_listen("unix:/", NULL, &l) == 0)
            weir_unlisten(&l);
        weir_sleep(1);
    }
    return rc;
}

WEIR_TEST_BACKENDS(a_listener_that_fails_to_open_is_no_second_close) {
    struct weir_run_options o = debugged();
    o.slow_ns = WEIR_SECONDS(60);
    assert_int_equal(logged(listens_again, &o), 0);
    assert_string_equal(lines, "");
}

static int flags_of_signal_stack(void) {
    stack_t now;
    assert_int_equal(sigaltstack(NULL, &now), 0);
    return now.ss_flags;
}

WEIR_TEST(the_signal_stack_of_a_thread_stays_until_its_last_debugged_loop_closes) {
    const struct weir_run_options o = {.size = sizeof o, .backend = "epoll", .debug = true};
    struct weir_loop *first, *second;
    int before = flags_of_signal_stack();
    assert_int_equal(weir_loop_open(&o, &first), 0);
    assert_int_equal(weir_loop_open(&o, &second), 0);
    weir_loop_close(&first);
    assert_int_equal(flags_of_signal_stack() & SS_DISABLE, 0);
    weir_loop_close(&second);
    assert_int_equal(flags_of_signal_stack(), before);
}
