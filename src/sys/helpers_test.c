/* SPDX-License-Identifier: MIT */
/* helpers_test.c - the ops that threads and signal handlers do: wake, WORK, RESOLVE, SIGNAL; and
 * which backend is chosen. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "sys/op_rig.h"
#include "sys/foreign.h"
#include "sys/forbid_test_util.h"
#include "sys/plain.h"

/* ---- wake ----------------------------------------------------------------------------------- */

static void *waker(void *arg) {
    long n = (long)(intptr_t)arg;
    for (long i = 0; i < n; i++)
        backend->ops->wake(backend);
    return NULL;
}

WEIR_TEST_BACKENDS(a_wake_from_another_thread_ends_the_wait) {
    KERNEL_ONLY();
    pthread_t t;
    rig_open();
    for (int i = 0; i < 200; i++) {
        pthread_create(&t, NULL, waker, (void *)(intptr_t)1);
        assert_int_equal(rig_turn(WEIR_NEVER), 0);
        pthread_join(t, NULL);
        rig_turn(0); /* the ring may have come after an early return */
    }
    rig_close();
}

WEIR_TEST_BACKENDS(a_wake_before_the_wait_is_not_lost) {
    KERNEL_ONLY();
    rig_open();
    backend->ops->wake(backend);
    assert_int_equal(rig_turn(WEIR_NEVER), 0);
    rig_close();
}

WEIR_TEST_BACKENDS(a_wait_ends_at_its_time_and_not_before) {
    KERNEL_ONLY();
    rig_open();
    for (weir_ns wait = 1000; wait < 20000000; wait *= 3) {
        weir_ns until = rig_now() + wait;
        while (rig_turn(until) == 0 && rig_now() < until)
            continue;
        assert_true(rig_now() >= until);
    }
    rig_close();
}

/* ---- WORK ----------------------------------------------------------------------------------- */

static sem_t gate, begun_sem;

static int wait_at_gate(void *arg) {
    sem_post(&begun_sem);
    while (sem_wait(&gate) != 0)
        continue;
    return (int)(intptr_t)arg;
}

static int square(void *arg) {
    int n = (int)(intptr_t)arg;
    return n * n;
}

static struct rig_op work_step(int (*fn)(void *), int arg) {
    struct rig_op s = rig_op(WEIR__WORK, NULL);
    s.op.u.work.fn = fn;
    s.op.u.work.arg = (void *)(intptr_t)arg;
    return s;
}

WEIR_TEST_BACKENDS(work_gives_its_result) {
    KERNEL_ONLY();
    static struct rig_op s[200];
    rig_open();
    for (int i = 0; i < 200; i++) {
        s[i] = work_step(square, i);
        assert_int_equal(rig_submit(&s[i]), WEIR__PENDING);
    }
    for (int i = 0; i < 200; i++)
        assert_int_equal(rig_wait(&s[i]), i * i);
    rig_close();
}

WEIR_TEST_BACKENDS(work_that_waits_is_cancelled_and_work_begun_is_not) {
    KERNEL_ONLY();
    weir__sys_limits.work_threads = 1;
    sem_init(&gate, 0, 0);
    sem_init(&begun_sem, 0, 0);
    rig_open();
    struct rig_op first = work_step(wait_at_gate, 5), second = work_step(square, 3),
                third = work_step(square, 4);
    rig_submit(&first);
    while (sem_wait(&begun_sem) != 0)
        continue;
    rig_submit(&second);
    rig_submit(&third);
    assert_int_equal(weir__cancel(backend, &first.op), WEIR__PENDING);
    assert_int_equal(weir__cancel(backend, &first.op), WEIR__PENDING);
    assert_int_equal(weir__cancel(backend, &second.op), WEIR__DONE);
    assert_int_equal(second.op.result, -ECANCELED);
    sem_post(&gate);
    assert_int_equal(rig_wait(&first), 5);
    assert_int_equal(rig_wait(&third), 16);
    rig_close();
}

/* ---- RESOLVE -------------------------------------------------------------------------------- */

static int64_t resolve(const char *host, struct weir__addr *ret) {
    struct rig_op s = rig_op(WEIR__RESOLVE, NULL);
    s.op.u.resolve.host = host;
    s.op.u.resolve.port = 80;
    s.op.u.resolve.ret = ret;
    return rig_run(&s);
}

WEIR_TEST_BACKENDS(names_and_numbers_are_resolved) {
    KERNEL_ONLY();
    struct weir__addr a[WEIR__ADDRS_MAX];
    char text[WEIR__ADDR_TEXT_MAX];
    rig_open();
    assert_int_equal(resolve("10.1.2.3", a), 1);
    assert_string_equal(weir__addr_format(a, text, sizeof text), "10.1.2.3:80");
    assert_int_equal(resolve("::1", a), 1);
    assert_string_equal(weir__addr_format(a, text, sizeof text), "[::1]:80");
    assert_true(resolve("localhost", a) >= 1);
    assert_int_equal(weir__addr_port(a), 80);
    assert_int_equal(resolve("", a), WEIR_ENONAME);
    assert_int_equal(resolve("no such name", a), WEIR_ENONAME);
    rig_close();
}

WEIR_TEST_BACKENDS(a_look_up_is_abandoned_at_any_moment) {
    KERNEL_ONLY();
    static struct weir__addr a[WEIR__ADDRS_MAX];
    weir__sys_limits.resolve_threads = 2;
    for (int i = 0; i < 30; i++) {
        static struct rig_op s[8];
        rig_open();
        for (int j = 0; j < 8; j++) {
            s[j] = rig_op(WEIR__RESOLVE, NULL);
            s[j].op.u.resolve.host = "localhost";
            s[j].op.u.resolve.ret = a;
            rig_submit(&s[j]);
        }
        for (int j = 0; j < i % 4; j++)
            rig_turn(rig_in_ms(1));
        for (int j = 0; j < 8; j++)
            if (s[j].done == 0)
                assert_int_equal(weir__cancel(backend, &s[j].op), WEIR__DONE);
        rig_close();
    }
}

static long slow_thread;

/* The name "slow" is looked up until the gate opens. Stands before libc's. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (strcmp(node, "slow") == 0) {
        slow_thread = syscall(SYS_gettid);
        wait_at_gate(NULL);
        return EAI_NONAME;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, ret);
}

static char logged[512];

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    snprintf(logged, sizeof logged, "%s", line);
}

WEIR_TEST_BACKENDS(a_look_up_that_outlives_its_loop_is_named_and_ends_alone) {
    KERNEL_ONLY();
    struct weir__addr a[WEIR__ADDRS_MAX];
    struct rig_op s = rig_op(WEIR__RESOLVE, NULL);
    char path[64];
    sem_init(&gate, 0, 0);
    sem_init(&begun_sem, 0, 0);
    weir_log_to(keep_line, NULL);
    rig_open();
    s.op.u.resolve.host = "slow";
    s.op.u.resolve.ret = a;
    rig_submit(&s);
    while (sem_wait(&begun_sem) != 0)
        continue;
    assert_int_equal(weir__cancel(backend, &s.op), WEIR__DONE);
    assert_int_equal(s.op.result, -ECANCELED);
    rig_close(); /* does not wait for it */
    assert_non_null(strstr(logged, "'slow'"));
    sem_post(&gate);
    snprintf(path, sizeof path, "/proc/self/task/%ld", slow_thread);
    while (access(path, F_OK) == 0)
        sched_yield();
}

/* ---- SIGNAL --------------------------------------------------------------------------------- */

static struct rig_op signal_step(int signo) {
    struct rig_op s = rig_op(WEIR__SIGNAL, NULL);
    s.op.u.number = signo;
    return s;
}

static bool is_default(int signo) {
    struct sigaction now;
    sigaction(signo, NULL, &now);
    return now.sa_handler == SIG_DFL;
}

/* The handler stays for a turn, so that a wait begun anew leaves no gap. */
static void turn_once(struct weir__backend *b, int signo) {
    assert_false(is_default(signo));
    assert_null(b->ops->turn(b, 0));
}

WEIR_TEST_BACKENDS(a_signal_between_two_waits_is_the_second_ones) {
    KERNEL_ONLY();
    struct rig_op one = signal_step(SIGUSR1), again = one;
    rig_open();
    rig_submit(&one);
    kill(getpid(), SIGUSR1);
    assert_int_equal(rig_wait(&one), SIGUSR1);
    kill(getpid(), SIGUSR1); /* would have killed us */
    rig_submit(&again);
    assert_int_equal(rig_wait(&again), SIGUSR1);
    rig_close();
}

WEIR_TEST_BACKENDS(a_signal_whose_wait_is_cancelled_is_the_next_waits) {
    KERNEL_ONLY();
    struct rig_op one = signal_step(SIGUSR1), again = one;
    rig_open();
    rig_submit(&one);
    kill(getpid(), SIGUSR1); /* not yet collected */
    assert_int_equal(rig_stop(&one), -ECANCELED);
    rig_submit(&again);
    assert_int_equal(rig_wait(&again), SIGUSR1);
    rig_close();
}

WEIR_TEST_BACKENDS(a_signal_whose_wait_is_cancelled_does_not_kill_the_process) {
    KERNEL_ONLY();
    struct rig_op one = signal_step(SIGUSR1);
    rig_open();
    rig_submit(&one);
    kill(getpid(), SIGUSR1);
    assert_int_equal(rig_stop(&one), -ECANCELED);
    turn_once(backend, SIGUSR1);
    assert_true(is_default(SIGUSR1));
    rig_close();
}

WEIR_TEST_BACKENDS(a_signal_reaches_all_who_wait_and_the_old_way_returns) {
    KERNEL_ONLY();
    struct rig_op one = signal_step(SIGUSR1), two = one, other = signal_step(SIGUSR2);
    rig_open();
    rig_submit(&one);
    rig_submit(&two);
    rig_submit(&other);
    assert_false(is_default(SIGUSR1));
    kill(getpid(), SIGUSR1);
    assert_int_equal(rig_wait(&one), SIGUSR1);
    assert_int_equal(rig_wait(&two), SIGUSR1);
    turn_once(backend, SIGUSR1);
    assert_true(is_default(SIGUSR1));
    assert_false(is_default(SIGUSR2));
    assert_int_equal(rig_stop(&other), -ECANCELED);
    turn_once(backend, SIGUSR2);
    assert_true(is_default(SIGUSR2));
    struct rig_op bad = signal_step(SIGKILL);
    assert_int_equal(rig_run(&bad), -EINVAL);
    bad = signal_step(99);
    assert_int_equal(rig_run(&bad), -EINVAL);
    rig_close();
}

WEIR_TEST_BACKENDS(two_loops_wait_for_the_same_signal) {
    KERNEL_ONLY();
    struct rig_op one = signal_step(SIGUSR1), two = one;
    rig_open();
    struct weir__backend *first = backend;
    rig_submit(&one);
    rig_open();
    struct weir__backend *second = backend;
    rig_submit(&two);
    kill(getpid(), SIGUSR1);
    assert_int_equal(rig_wait(&two), SIGUSR1);
    assert_false(is_default(SIGUSR1));
    backend = first;
    assert_int_equal(rig_wait(&one), SIGUSR1);
    turn_once(first, SIGUSR1);
    turn_once(second, SIGUSR1);
    assert_true(is_default(SIGUSR1));
    first->ops->close(first);
    second->ops->close(second);
}

static void *killer(void *arg) {
    pthread_kill(*(pthread_t *)arg, SIGUSR1);
    return NULL;
}

WEIR_TEST_BACKENDS(a_signal_ends_a_sleep) {
    KERNEL_ONLY();
    pthread_t me = pthread_self(), t;
    struct rig_op s = signal_step(SIGUSR1);
    rig_open();
    for (int i = 0; i < 100; i++) {
        rig_submit(&s);
        pthread_create(&t, NULL, killer, &me);
        assert_int_equal(rig_wait(&s), SIGUSR1);
        pthread_join(t, NULL);
    }
    rig_close();
}

/* ---- a storm: signals at any instruction of loops that wait, cancel and wait again ----------- */

enum { STORM = 3000, LATE_MAX = 100, LOOPS = 2 };

static volatile sig_atomic_t told; /* to an old-fashioned handler */

static void tell(int signo) {
    told++;
}

/* From a timer, as a second thread would be slow to come where machines are busy. */
static void signal_soon(void) {
    const struct itimerval soon = {.it_value.tv_usec = 1 + rand() % 50};
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
}

static bool has_come(void) {
    struct itimerval left;
    getitimer(ITIMER_REAL, &left);
    return left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0;
}

/* Cancel and wait again, some times, then a turn: no whole turn passes without a wait. Returns
 * whether the signal was heard. */
static bool listen_restlessly(struct rig_op *s) {
    for (int again = rand() % 4; again > 0; again--) {
        assert_int_equal(rig_stop(s), -ECANCELED);
        assert_int_equal(rig_submit(s), WEIR__PENDING);
    }
    rig_turn(0);
    return s->done != 0 && rig_submit(s) == WEIR__PENDING;
}

WEIR_TEST_BACKENDS(no_signal_of_a_storm_is_lost_between_cancels) {
    KERNEL_ONLY();
    struct weir__backend *loops[LOOPS];
    struct rig_op steps[LOOPS];
    int heard[LOOPS] = {0};
    for (int i = 0; i < LOOPS; i++) {
        rig_open();
        loops[i] = backend;
        steps[i] = signal_step(SIGALRM);
        assert_int_equal(rig_submit(&steps[i]), WEIR__PENDING);
    }
    for (int n = 1; n <= STORM; n++) {
        signal_soon();
        for (int late = 0; heard[0] < n || heard[1] < n; late += has_come()) {
            for (int i = 0; i < LOOPS; i++) {
                backend = loops[i];
                heard[i] += listen_restlessly(&steps[i]);
            }
            assert_true(late < LATE_MAX);
        }
    }
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(heard[i], STORM);
        backend = loops[i];
        assert_int_equal(rig_stop(&steps[i]), -ECANCELED);
        rig_close();
    }
    assert_true(is_default(SIGALRM));
}

/* Here turns pass without a wait: then the old handler has what comes. Each signal has one of the
 * two. */
WEIR_TEST_BACKENDS(each_signal_of_a_storm_has_its_wait_or_its_old_way) {
    KERNEL_ONLY();
    struct rig_op s = signal_step(SIGALRM);
    signal(SIGALRM, tell);
    rig_open();
    rig_submit(&s);
    int heard = 0;
    for (int n = 1; n <= STORM; n++) {
        signal_soon();
        for (int late = 0; heard + told < n; late += has_come()) {
            if (s.done != 0 && rand() % 3 == 0)
                rig_submit(&s);
            bool before = s.done != 0;
            rig_turn(0);
            heard += (s.done != 0) - before;
            assert_true(late < LATE_MAX);
        }
    }
    assert_int_equal(heard + told, STORM);
    assert_true(heard > 0 && told > 0);
    if (s.done == 0)
        rig_stop(&s);
    rig_close();
    signal(SIGALRM, SIG_DFL);
}

/* ---- the choice ----------------------------------------------------------------------------- */

WEIR_TEST_BACKENDS(the_variable_chooses_and_the_reason_is_kept) {
    KERNEL_ONLY();
    const char *why = "";
    assert_int_equal(weir__backend_open(NULL, &backend, &why), 0);
    assert_string_equal(backend->ops->name, test_backend);
    assert_non_null(strstr(why, rig_is_uring() ? "io_uring" : "epoll"));
    rig_close();
}

WEIR_TEST(where_io_uring_is_forbidden_epoll_steps_in_and_says_why) {
    const char *why = "";
    forbid_uring();
    assert_int_equal(weir__backend_open("uring", &backend, &why), WEIR_EBACKEND);
    assert_true(*why != '\0');
    unsetenv("WEIR_BACKEND");
    assert_int_equal(weir__backend_open(NULL, &backend, &why), 0);
    assert_string_equal(backend->ops->name, "epoll");
    assert_non_null(strstr(why, "io_uring"));
    rig_close();
}

WEIR_TEST(an_unknown_backend_is_named) {
    const char *why = "";
    assert_int_equal(weir__backend_open("kqueue", &backend, &why), WEIR_EBACKEND);
    assert_non_null(strstr(why, "kqueue"));
}

static void write_to_nobody(void) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    close(fds[0]);
    assert_int_equal(weir__foreign_write_waiting(fds[1], "x", 1), -EPIPE);
    close(fds[1]);
}

/* /dev/full takes no flags of a write on any kernel so far: after it none is tried. */
WEIR_TEST(a_write_without_a_reader_raises_no_signal_with_the_flag_or_without) {
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    sigset_t pending;
    signal(SIGPIPE, SIG_DFL);
    write_to_nobody();
    assert_int_equal(weir__foreign_write_waiting(full, "x", 1), -ENOSPC);
    write_to_nobody();
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
    close(full);
}

WEIR_TEST(random_bytes_differ) {
    unsigned char a[300], b[300];
    const char *why = "";
    assert_int_equal(weir__epoll_open(&backend, &why), 0);
    backend->ops->random(backend, a, sizeof a);
    backend->ops->random(backend, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    rig_close();
}

WEIR_TEST(addresses_have_one_text_each) {
    struct weir__addr a, b;
    char text[WEIR__ADDR_TEXT_MAX];
    assert_int_equal(weir__addr_parse_numeric("fe80::1%1", 8080, &a), 0);
    assert_string_equal(weir__addr_format(&a, text, sizeof text), "[fe80::1%1]:8080");
    assert_int_equal(weir__addr_parse_numeric("1.2.3", 1, &b), -EINVAL);
    assert_int_equal(weir__addr_parse_numeric("::1%", 1, &b), -EINVAL);
    assert_int_equal(weir__addr_unix("/tmp/x", &b), 0);
    assert_string_equal(weir__addr_format(&b, text, sizeof text), "unix:/tmp/x");
    assert_int_equal(weir__addr_unix("@x", &b), 0);
    assert_string_equal(weir__addr_format(&b, text, sizeof text), "unix:@x");
    assert_false(weir__addr_equal(&a, &b));
    assert_true(weir__addr_equal(&b, &b));
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(weir__addr_unix(text, &b), -ENAMETOOLONG);
}
