/* SPDX-License-Identifier: MIT */
/* testing_test.c - the calls of weir/testing.h: the world of a run; and that exploring finds
 * planted faults. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <weir/process.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "task/internal.h"
#include "test/runner.h"

/* ---- the world of a run ---------------------------------------------------------------------- */

static int sleep_a_year(void *arg) {
    weir_ns start_ns = weir_now();
    int rc = weir_sleep(WEIR_SECONDS(31536000));
    *(weir_ns *)arg = weir_now() - start_ns;
    return rc < 0 ? rc : 7;
}

WEIR_TEST(a_year_of_sleep_takes_no_time) {
    weir_ns slept_ns = 0;
    struct weir_sim_options o = {.size = sizeof o, .limit_ns = WEIR_NEVER};
    assert_int_equal(weir_sim_run(sleep_a_year, &slept_ns, &o), 7);
    assert_int_equal(slept_ns, WEIR_SECONDS(31536000));
    assert_int_equal(weir_sim_counts()->now_ns, WEIR_SECONDS(3600 + 31536000));
}

WEIR_TEST(a_run_ends_at_its_limit_of_virtual_time) {
    weir_ns slept_ns = 0;
    assert_int_equal(weir_sim_run(sleep_a_year, &slept_ns, NULL), -ECANCELED);
    assert_int_equal(slept_ns, WEIR_SECONDS(24 * 3600));
    assert_true(weir_sim_counts()->overran);
}

static int beat(void *args) {
    (void)args;
    int rc = 0;
    while (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(1));
    return rc;
}

static int leave_a_beat(void *arg) {
    (void)arg;
    return weir_go0(NULL, beat);
}

WEIR_TEST(the_limit_of_virtual_time_ends_tasks_of_the_runs_own_group) {
    struct weir_sim_options o = {.size = sizeof o, .limit_ns = WEIR_SECONDS(60)};
    assert_int_equal(weir_sim_run(leave_a_beat, NULL, &o), 0);
    assert_true(weir_sim_counts()->overran);
    assert_int_equal(weir_sim_counts()->now_ns, WEIR_SECONDS(3600 + 60));
}

/* Each op is ready at once, and comes back in a later turn. */
static int never_waits(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    struct weir_scope scope;
    (void)arg;
    int rc = weir_listen("tcp://localhost:7", NULL, &l);
    rc = rc < 0 ? rc : weir_dial("tcp://localhost:7", NULL, &s);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(1));
    for (int i = 0; rc == 0 && i < 5000000; i++)
        rc = weir_wait_writable(s);
    return weir_scope_leave(&scope, rc);
}

WEIR_TEST(a_task_whose_ops_are_always_ready_reaches_its_deadline) {
    struct weir_sim_options o = {.size = sizeof o};
    for (int deferred = 0; deferred < 2; deferred++) {
        o.deferred = deferred;
        assert_int_equal(weir_sim_run(never_waits, NULL, &o), -ETIME);
    }
}

static int wait_for_nobody(void *arg) {
    struct weir_listener *l;
    struct weir_stream *s;
    (void)arg;
    int rc = weir_listen("tcp://localhost:80", NULL, &l);
    if (rc < 0)
        return rc;
    rc = weir_accept(l, &s);
    weir_unlisten(&l);
    return rc;
}

WEIR_TEST(a_run_that_nothing_can_wake_ends) {
    assert_int_equal(weir_sim_run(wait_for_nobody, NULL, NULL), -ECANCELED);
    assert_int_equal(weir_sim_counts()->quiet, 1);
}

struct raise_later_args { int signal; };
static int raise_later(void *args) {
    struct raise_later_args *a = args;
    int rc = weir_sleep(WEIR_SECONDS(5));
    assert_int_equal(weir_sim_raise(a->signal), 1);
    return rc;
}

static int wait_for_signal(void *arg) {
    struct weir_group g;
    struct weir_scope s;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&s, WEIR_SECONDS(60));
    int rc = weir_scope_on_signal(&s, SIGTERM);
    assert_int_equal(weir_go(&g, raise_later, .signal = SIGTERM), 0);
    rc = weir_scope_leave(&s, rc < 0 ? rc : weir_sleep(WEIR_SECONDS(60)));
    assert_int_equal(rc, WEIR_ESTOPPED);
    return weir_group_close(&g, 0);
}

WEIR_TEST(a_raised_signal_cancels_its_scope) {
    assert_int_equal(weir_sim_run(wait_for_signal, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->now_ns, WEIR_SECONDS(3605));
}

/* A dial over a path of that latency, which may be for ever. */
static int dial_far(void *arg) {
    weir_ns latency = *(weir_ns *)arg;
    struct weir_stream *s = NULL;
    struct weir_scope scope;
    assert_int_equal(weir_sim_host("db"), 0);
    if (latency >= 0)
        assert_int_equal(weir_sim_link("db", "main", latency), 0);
    weir_scope_enter(&scope, WEIR_SECONDS(3600));
    int rc = weir_scope_leave(&scope, weir_dial("tcp://db:80", NULL, &s));
    assert_true(rc == -ECONNREFUSED || rc == -ETIME || rc == -ETIMEDOUT || rc == -ECANCELED);
    return 0;
}

WEIR_TEST(any_time_will_do_for_a_world) {
    static const weir_ns times[] = {WEIR_NEVER, WEIR_NEVER - 1, WEIR_NEVER / 2, 1,
                                    0,          -1,             INT64_MIN};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        weir_ns t = times[i];
        struct weir_sim_options o = {.size = sizeof o, .latency_ns = t, .limit_ns = t};
        struct weir_fault late = {
            .size = sizeof late, .effect = WEIR_FAULT_LATE, .late_ns = t, .nth = 3};
        assert_int_equal(weir_sim_run(dial_far, &t, &o), 0);
        weir_fault_arm(&late);
        assert_int_equal(weir_sim_run(dial_far, &t, NULL), 0);
        weir_fault_arm(NULL);
    }
}

static int shape_the_world(void *arg) {
    (void)arg;
    assert_int_equal(weir_sim_host("db"), 0);
    assert_int_equal(weir_sim_host("db"), 0);
    assert_int_equal(weir_sim_host(""), -EINVAL);
    assert_int_equal(weir_sim_link("db", "main", WEIR_SECONDS(1)), 0);
    assert_int_equal(weir_sim_link("db", "main", -1), -EINVAL);
    assert_int_equal(weir_sim_link("db", "nobody", 1), WEIR_ENONAME);
    assert_int_equal(weir_sim_cut("nobody"), WEIR_ENONAME);
    assert_int_equal(weir_sim_cut("db"), 0);
    assert_int_equal(weir_sim_restore("db"), 0);
    assert_int_equal(weir_sim_raise(SIGHUP), 0);
    assert_int_equal(weir_sim_run(shape_the_world, NULL, NULL), -EBUSY);
    assert_non_null(strstr(weir_error_message(-EBUSY), "in a simulated world already"));
    return 0;
}

static int ignores_no_signal(struct weir_sim_process *p) {
    p->ignored = 1; /* of the signal 0, which is none */
    return weir_sleep(WEIR_SECONDS(60));
}

static int signals_the_last(void *arg) {
    const char *argv[] = {"plays", NULL};
    struct weir_process *p;
    struct weir_exit e;
    assert_int_equal(weir_sim_program("plays", ignores_no_signal), 0);
    assert_int_equal(weir_process_start(argv, NULL, &p), 0);
    assert_int_equal(weir_sleep(1), 0);
    assert_int_equal(weir_process_signal(p, 64), 0);
    assert_int_equal(weir_process_wait(p, &e), 0);
    assert_int_equal(e.signal, 64);
    weir_process_close(&p);
    return 0;
}

WEIR_TEST(a_played_program_does_not_take_the_last_signal_for_another) {
    assert_int_equal(weir_sim_run(signals_the_last, NULL, NULL), 0);
}

WEIR_TEST(the_world_is_shaped_from_inside) {
    assert_int_equal(weir_sim_host("db"), WEIR_ENOLOOP);
    assert_int_equal(weir_sim_raise(SIGHUP), WEIR_ENOLOOP);
    assert_int_equal(weir_sim_run(shape_the_world, NULL, NULL), 0);
}

static int pair_without_memory(void *arg) {
    struct weir_stream *a = NULL, *b = NULL;
    (void)arg;
    weir_fault_allocation(0);
    assert_int_equal(weir_memory_pair(64, &a, &b), 0);
    size_t needed = weir_fault_allocation(1);
    assert_true(needed >= 1);
    weir_close(&a);
    weir_close(&b);
    for (size_t n = 1; n <= needed; n++) {
        weir_fault_allocation(n);
        assert_int_equal(weir_memory_pair(64, &a, &b), -ENOMEM);
        assert_null(a);
        assert_int_equal(weir_fault_allocation(needed + 1), n); /* none was asked for after it */
    }
    assert_int_equal(weir_memory_pair(64, &a, &b), 0); /* the one after is not reached */
    assert_int_equal(weir_fault_allocation(0), needed);
    weir_close(&a);
    weir_close(&b);
    return 0;
}

WEIR_TEST(the_nth_allocation_fails_and_no_other) {
    assert_int_equal(weir_sim_run(pair_without_memory, NULL, NULL), 0);
}

/* ---- exploring ------------------------------------------------------------------------------- */

/* An echo of ten bytes over two hosts, written with care. */
struct echo_once_args { struct weir_listener *l; };
static int echo_once(void *args) {
    struct echo_once_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    struct weir_view v;
    int rc = weir_accept(a->l, &s);
    if (rc < 0)
        return rc;
    ssize_t n;
    while ((n = weir_peek(s, 1, &v)) > 0) {
        if ((rc = weir_write(s, v.base, v.len)) < 0)
            return rc;
        weir_consume(s, v.len);
    }
    return (int)n;
}

static int ask(void) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char answer[10];
    int rc = weir_dial("tcp://far:7", NULL, &s);
    if (rc == 0)
        rc = weir_write(s, "0123456789", 10);
    if (rc == 0)
        rc = weir_shutdown(s);
    if (rc == 0)
        rc = weir_read_exactly(s, answer, 10);
    if (rc == 0)
        assert_memory_equal(answer, "0123456789", 10);
    return rc;
}

/* The budget is for when the other task is cancelled, which is no failure of the group's. */
static int echo(void *arg) {
    struct weir_group g;
    struct weir_scope asking;
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    (void)arg;
    weir_sim_host("far");
    int rc = weir_listen("tcp://far:7", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, echo_once, .l = l);
    weir_scope_enter(&asking, WEIR_SECONDS(30));
    rc = weir_scope_leave(&asking, rc < 0 ? rc : ask());
    return weir_group_close(&g, rc);
}

static void *leaked;

static int leaks_when_cancelled(void *arg) {
    void *p = weir__alloc(16);
    (void)arg;
    if (p == NULL)
        return -ENOMEM;
    int rc = weir_sleep(1);
    if (rc == 0)
        weir__free(p);
    else
        leaked = p;
    return rc;
}

static struct weir_story story(const char *name, int (*fn)(void *)) {
    return (struct weir_story){.size = sizeof(struct weir_story), .name = name, .fn = fn};
}

WEIR_TEST(a_careful_echo_survives_every_cancel) {
    struct weir_story s = story("echo", echo);
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points >= 8);
    assert_int_equal(e.runs, e.points + 2);
}

WEIR_TEST(a_careful_echo_survives_every_failed_allocation) {
    struct weir_story s = story("echo", echo);
    struct weir_explored e;
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
    assert_true(e.points >= 5);
}

WEIR_TEST(a_careful_echo_survives_every_fault) {
    struct weir_story s = story("echo", echo);
    struct weir_explored e;
    for (int effect = WEIR_FAULT_ERROR; effect <= WEIR_FAULT_LATE; effect++) {
        struct weir_fault f = {.size = sizeof f, .effect = (enum weir_fault_effect)effect};
        assert_int_equal(weir_explore_faults(&s, &f, &e), 0);
        assert_true(e.points >= 8);
    }
}

WEIR_TEST(exploring_finds_a_leak) {
    struct weir_story s = story("leak", leaks_when_cancelled);
    struct weir_explored e;
    size_t live = weir__alloc_live();
    assert_int_equal(weir_explore_cancels(&s, &e), -EPROTO);
    assert_int_equal(e.failed, 1);
    assert_int_equal(weir__alloc_live(), live + 1);
    weir__free(leaked);
}

WEIR_TEST(exploring_finds_a_hang) {
    struct weir_story s = story("hang", wait_for_nobody);
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), -EPROTO);
    assert_true(e.failed >= 1);
}

static int aborts_when_cancelled(void *arg) {
    (void)arg;
    assert_int_equal(weir_sleep(1), 0);
    assert_int_equal(weir_sleep(2), 0);
    return 0;
}

static int naps(void *arg) {
    return weir_sleep(1);
}

/* Of a program that was compiled with a newer header: behind the library's own copy, which is
 * shorter, there is something else. */
WEIR_TEST(options_of_a_newer_header_are_accepted_where_they_are_handed_on) {
    struct {
        struct weir_run_options o;
        uint64_t later[400];
    } run = {.o.size = sizeof run};
    struct {
        struct weir_fault f;
        uint64_t later[400];
    } fault = {.f.size = sizeof fault};
    struct weir_sim_options o = {.size = sizeof o, .run = &run.o};
    struct weir_story s = story("newer", naps);
    s.options = &o;
    assert_int_equal(weir_sim_run(naps, NULL, &o), 0);
    assert_int_equal(weir_explore_faults(&s, &fault.f, NULL), 0);
    o.run = NULL;
    assert_int_equal(weir_explore_faults(&s, &fault.f, NULL), 0);
}

WEIR_TEST_ABORTS(an_abort_while_exploring_says_where, "story abort, cancel at call 2") {
    struct weir_story s = story("abort", aborts_when_cancelled);
    s.first = 2;
    weir_explore_cancels(&s, NULL);
}

static int crashes(void *arg) {
    volatile char *forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(forbidden != MAP_FAILED);
    *forbidden = 1;
    return 0;
}

WEIR_TEST_ABORTS(a_crash_under_crash_reports_says_where, "story crash, cancel at call 0") {
    struct weir_run_options run = {.size = sizeof run, .crash_reports = true};
    struct weir_sim_options o = {.size = sizeof o, .run = &run};
    struct weir_story s = story("crash", crashes);
    s.options = &o;
    weir_explore_cancels(&s, NULL);
}

static WEIR_NOINLINE int dive(int depth) {
    volatile char here[1024];
    here[0] = (char)depth;
    return depth == 0 ? 0 : dive(depth - 1) + here[0];
}

static int overflows(void *arg) {
    return dive(1 << 20);
}

WEIR_TEST_ABORTS(a_stack_overflow_while_exploring_says_where, "story deep, cancel at call 0") {
    struct weir_story s = story("deep", overflows);
    weir_explore_cancels(&s, NULL);
}

/* ---- every error of a task finds one end ----------------------------------------------------- */

static char told[8192];

/* Explores the cancels of fn; what is said of them is kept in `told`. Returns how many failed. */
static uint64_t failures(const char *name, int (*fn)(void *)) {
    struct weir_story s = story(name, fn);
    struct weir_explored e = {0};
    int kept = dup(STDERR_FILENO), fd = memfd_create("told", MFD_CLOEXEC);
    dup2(fd, STDERR_FILENO);
    weir_explore_cancels(&s, &e);
    dup2(kept, STDERR_FILENO);
    ssize_t n = pread(fd, told, sizeof told - 1, 0);
    told[n > 0 ? n : 0] = '\0';
    close(kept);
    close(fd);
    return e.failed;
}

struct fails_args { int rc; };
static int fails(void *args) {
    return ((struct fails_args *)args)->rc;
}

static int loses_an_error(void *arg) {
    struct weir_task *t = NULL;
    (void)arg;
    int rc = weir_go_task(NULL, fails, &t, .rc = -EPIPE);
    if (rc < 0)
        return rc;
    rc = weir_sleep(1);
    while (t->state != TASK_ENDED)
        weir_yield();
    t->unread = false; /* as if it had been read */
    weir_task_release(&t);
    return rc;
}

WEIR_TEST(exploring_finds_a_lost_error) {
    assert_int_equal(failures("lost", loses_an_error), 3);
    assert_non_null(strstr(told, "errors of tasks that nobody read or logged: 1 of"));
}

static int tells_an_error_twice(void *arg) {
    struct weir_task *t = NULL, *again;
    (void)arg;
    int rc = weir_go_task(NULL, fails, &t, .rc = -EPIPE);
    if (rc < 0)
        return rc;
    again = weir_task_ref(t);
    rc = weir_await(&t, NULL, 0);
    if (rc == -EPIPE)
        again->unread = true; /* as if await forgot: the release tells the group, which logs it */
    weir_task_release(&t);
    weir_task_release(&again);
    return rc == -EPIPE ? 0 : rc;
}

WEIR_TEST(exploring_finds_an_error_reported_twice) {
    assert_int_equal(failures("twice", tells_an_error_twice), 2); /* the cancelled one is clean */
    assert_non_null(strstr(told, "errors of tasks that were reported twice: 1 of 1"));
}

static int loses_one_and_doubles_another(void *arg) {
    int rc = loses_an_error(arg);
    return rc < 0 ? rc : tells_an_error_twice(arg);
}

WEIR_TEST(a_lost_error_is_not_outweighed_by_a_doubled_one) {
    assert_true(failures("both", loses_one_and_doubles_another) > 0);
    assert_non_null(strstr(told, "an error of a task was lost, and another's reported twice"));
}

struct sleeps_a_minute_args { int unused; };
static int sleeps_a_minute(void *args) {
    (void)args;
    return weir_sleep(WEIR_SECONDS(60));
}

static int two_fail_together(void) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, fails, .rc = -EPIPE); /* close returns the first, the second is logged */
    if (rc == 0)
        rc = weir_go(&g, fails, .rc = -EIO);
    rc = weir_group_close(&g, rc);
    return rc == -EIO ? -EPIPE : rc; /* a seed may run the second first */
}

static int body_fails_as_well(void) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, fails, .rc = -EPIPE);
    weir_yield();
    return weir_group_close(&g, rc < 0 ? rc : -EBADMSG); /* its own is returned */
}

static int drained_after_a_failure(void) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, fails, .rc = -EPIPE);
    weir_group_drain(&g, WEIR_SECONDS(1));
    return rc;
}

/* Awaited by two, read by nobody in time, and cancelled with its handle out. */
static int handles(void) {
    struct weir_group g;
    struct weir_task *read = NULL, *also = NULL, *unread = NULL, *cancelled = NULL;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_go_task(&g, fails, &read, .rc = -EPIPE);
    if (rc == 0)
        rc = weir_go_task(&g, fails, &unread, .rc = -EIO);
    if (read != NULL) {
        also = weir_task_ref(read);
        weir_await(&read, NULL, 0);
        weir_await(&also, NULL, 0);
    }
    weir_task_release(&read);
    weir_task_release(&also);
    if (rc == 0)
        rc = weir_go_task(&g, sleeps_a_minute, &cancelled, .unused = 0);
    weir_group_drain(&g, 0);
    weir_task_release(&unread);
    weir_task_release(&cancelled);
    return rc;
}

static int every_end(void *arg) {
    (void)arg;
    int rc = two_fail_together();
    if (rc == -EPIPE)
        rc = body_fails_as_well();
    if (rc == -EBADMSG)
        rc = drained_after_a_failure();
    if (rc == 0)
        rc = handles();
    return rc == 0 ? weir_go(NULL, fails, .rc = -EPIPE) : rc;
}

WEIR_TEST(every_rightful_end_of_an_error_counts_once) {
    struct weir_story s = story("ends", every_end);
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points >= 6);
    assert_int_equal(weir_explore_allocations(&s, &e), 0);
}
