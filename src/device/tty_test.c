/* SPDX-License-Identifier: MIT */
/* Raw mode, and that the terminal has its old mode again after each way in which a process can end.
 * The process is a child; the test looks at the terminal afterwards. */
#include "device/device_test_util.h"

#include <sys/resource.h>
#include <weir/select.h>

#include "task/sanitize.h"

struct job {
    int tty, says, hears;
    const char *backend;
    void (*way)(struct weir_stream *s, struct job *j);
    bool quiet; /* without crash reports */
};

/* Set the terminal raw, say so, and go the way. */
static int goes_its_way(void *arg) {
    struct job *j = arg;
    struct weir_stream *s = NULL;
    assert_int_equal(weir_stream_from_fd(j->tty, &s), 0);
    assert_int_equal(weir_tty_raw(s), 0);
    assert_int_equal(weir_tty_raw(s), 0); /* twice is once */
    say(j->says, 'r');
    if (hear(j->hears) != 'g')
        _exit(98);
    j->way(s, j);
    weir_close(&s);
    return 0;
}

static void job_main(struct job *j) {
    struct weir_run_options o = {
        .size = sizeof o, .backend = j->backend, .crash_reports = !j->quiet};
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    freopen("/dev/null", "w", stderr);
    exit(weir_run(goes_its_way, j, &o) < 0);
}

/* A child that is raw now; `to` and `from` talk with it. */
static pid_t begin(struct job *j, int *ret_to, int *ret_from) {
    int says[2], hears[2];
    j->backend = test_backend;
    assert_int_equal(pipe2(says, O_CLOEXEC) | pipe2(hears, O_CLOEXEC), 0);
    j->says = says[1];
    j->hears = hears[0];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        job_main(j);
    close(says[1]);
    close(hears[0]);
    *ret_to = hears[1];
    *ret_from = says[0];
    assert_int_equal(hear(says[0]), 'r');
    return child;
}

static void same_mode(int tty, const struct termios *before) {
    struct termios now = {0};
    assert_int_equal(tcgetattr(tty, &now), 0);
    assert_memory_equal(&now, before, sizeof now);
}

/* The child goes the way; afterwards the terminal has its old mode. Returns the wait status. */
static int mode_after(void (*way)(struct weir_stream *, struct job *), bool quiet) {
    struct termios before = {0};
    int master, slave, to, from, status = -1;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no terminals");
    open_terminal(&master, &slave);
    assert_int_equal(tcgetattr(slave, &before), 0);
    struct job j = {.tty = slave, .way = way, .quiet = quiet};
    pid_t child = begin(&j, &to, &from);
    assert_true(is_raw(slave));
    say(to, 'g');
    assert_int_equal(waitpid(child, &status, 0), child);
    same_mode(slave, &before);
    close(to);
    close(from);
    close(master);
    close(slave);
    return status;
}

#define WAY(name) static void name(struct weir_stream *s, struct job *j)

WAY(returns) {
}

WAY(restores) {
    struct termios now;
    weir_tty_restore(s);
    assert_int_equal(tcgetattr(j->tty, &now), 0);
    if ((now.c_lflag & ICANON) == 0)
        _exit(97);
    weir_tty_restore(s); /* does nothing */
}

WAY(exits) {
    exit(5);
}

WAY(exits_quickly) {
    quick_exit(6);
}

WAY(aborts) {
    abort();
}

WAY(crashes) {
    raise(SIGSEGV); /* under a sanitizer a real fault would be reported, not delivered */
}

WAY(crashes_at_a_bus) {
    raise(SIGBUS);
}

WAY(divides) {
    raise(SIGFPE);
}

WAY(misuses) {
    weir_consume(s, 1); /* aborts: nothing was peeked */
}

WAY(waits_for_a_signal) {
    for (;;)
        if (weir_sleep(WEIR_NEVER) < 0)
            return;
}

/* AddressSanitizer's handler was there before: ours calls it, and it aborts. */
#define CRASH(signal) (SANITIZED && status == SIGABRT ? SIGABRT : (signal))

#define ENDS(sentence, way, quiet, expected)                                                       \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        int status = mode_after(way, quiet);                                                       \
        assert_int_equal(expected, status);                                                        \
    }

ENDS(the_close_of_the_stream_restores_the_mode, returns, false, 0)
ENDS(restore_restores_the_mode_at_once, restores, false, 0)
ENDS(exit_restores_the_mode, exits, false, 5 << 8)
ENDS(quick_exit_restores_the_mode, exits_quickly, false, 6 << 8)
ENDS(an_abort_restores_the_mode, aborts, true, SIGABRT)
ENDS(an_abort_with_a_report_restores_the_mode, aborts, false, SIGABRT)
ENDS(a_crash_restores_the_mode, crashes, true, CRASH(SIGSEGV))
ENDS(a_crash_with_a_report_restores_the_mode, crashes, false, CRASH(SIGSEGV))
ENDS(a_bus_error_with_a_report_restores_the_mode, crashes_at_a_bus, false, CRASH(SIGBUS))
ENDS(a_division_by_zero_restores_the_mode, divides, false, CRASH(SIGFPE))
ENDS(a_misuse_that_aborts_restores_the_mode, misuses, false, SIGABRT)

/* ---- signals -------------------------------------------------------------------------------- */

struct rig {
    struct termios before;
    int master, slave, to, from;
    pid_t child;
};

static void rig_open(struct rig *r, struct job *j) {
    memset(r, 0, sizeof *r);
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no terminals");
    open_terminal(&r->master, &r->slave);
    assert_int_equal(tcgetattr(r->slave, &r->before), 0);
    j->tty = r->slave;
    r->child = begin(j, &r->to, &r->from);
    assert_true(is_raw(r->slave));
}

static void rig_close(struct rig *r) {
    close(r->to);
    close(r->from);
    close(r->master);
    close(r->slave);
}

static void dies_of(int signal) {
    struct job j = {.way = waits_for_a_signal};
    struct rig r;
    int status;
    rig_open(&r, &j);
    say(r.to, 'g');
    assert_int_equal(kill(r.child, signal), 0);
    assert_int_equal(waitpid(r.child, &status, 0), r.child);
    assert_true(WIFSIGNALED(status) && (WTERMSIG(status) == signal));
    same_mode(r.slave, &r.before);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(sigterm_restores_the_mode_and_kills) {
    dies_of(SIGTERM);
}

WEIR_TEST_BACKENDS(sigint_restores_the_mode_and_kills) {
    dies_of(SIGINT);
}

WEIR_TEST_BACKENDS(sighup_restores_the_mode_and_kills) {
    dies_of(SIGHUP);
}

WEIR_TEST_BACKENDS(sigquit_restores_the_mode_and_kills) {
    dies_of(SIGQUIT);
}

/* Stopped, the terminal has its old mode; it is raw again when the process goes on. */
static void stops_by(int signal, bool restored) {
    struct job j = {.way = waits_for_a_signal};
    struct rig r;
    int status;
    rig_open(&r, &j);
    say(r.to, 'g');
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kill(r.child, signal), 0);
        assert_int_equal(waitpid(r.child, &status, WUNTRACED), r.child);
        assert_true(WIFSTOPPED(status));
        assert_int_equal(WSTOPSIG(status), signal);
        if (restored)
            same_mode(r.slave, &r.before);
        else
            assert_int_equal(tcsetattr(r.slave, TCSANOW, &r.before), 0); /* as a shell does */
        assert_int_equal(kill(r.child, SIGCONT), 0);
        for (int tries = 0; tries < 1000 && !is_raw(r.slave); tries++)
            usleep(10000);
        assert_true(is_raw(r.slave));
    }
    assert_int_equal(kill(r.child, SIGTERM), 0);
    assert_int_equal(waitpid(r.child, &status, 0), r.child);
    assert_int_equal(WTERMSIG(status), SIGTERM);
    same_mode(r.slave, &r.before);
    rig_close(&r);
}

WEIR_TEST_BACKENDS(a_stopped_process_has_given_the_mode_back_and_takes_it_when_it_goes_on) {
    stops_by(SIGTSTP, true);
}

WEIR_TEST_BACKENDS(a_process_stopped_by_sigstop_sets_the_mode_again_when_it_goes_on) {
    stops_by(SIGSTOP, false);
}

/* A signal that the program takes itself does not touch the mode: the program goes on, and ends
 * when it likes. */
WAY(takes_sigterm) {
    struct weir_signals signals;
    assert_int_equal(weir_signals_open(&signals, SIGTERM), 0);
    say(j->says, 't');
    assert_int_equal(weir_signals_next(&signals), SIGTERM);
    say(j->says, 'k');
    if (hear(j->hears) != 'e')
        _exit(96);
    weir_signals_close(&signals);
}

WEIR_TEST_BACKENDS(a_signal_that_the_program_takes_leaves_the_terminal_raw) {
    struct job j = {.way = takes_sigterm};
    struct rig r;
    int status;
    rig_open(&r, &j);
    say(r.to, 'g');
    assert_int_equal(hear(r.from), 't');
    assert_int_equal(kill(r.child, SIGTERM), 0);
    assert_int_equal(hear(r.from), 'k');
    assert_true(is_raw(r.slave));
    say(r.to, 'e');
    assert_int_equal(waitpid(r.child, &status, 0), r.child);
    assert_int_equal(status, 0);
    same_mode(r.slave, &r.before);
    rig_close(&r);
}

/* ---- several, and forks ---------------------------------------------------------------------- */

FD_STORY(two_streams_of_one_terminal_restore_it_with_the_last) {
    struct weir_stream *a = NULL, *b = NULL;
    int master, slave;
    open_terminal(&master, &slave);
    assert_int_equal(weir_stream_from_fd(fcntl(slave, F_DUPFD_CLOEXEC, 3), &a), 0);
    assert_int_equal(weir_stream_from_fd(fcntl(slave, F_DUPFD_CLOEXEC, 3), &b), 0);
    assert_int_equal(weir_tty_raw(a) | weir_tty_raw(b), 0);
    weir_tty_restore(a);
    assert_true(is_raw(slave));
    weir_close(&b);
    assert_false(is_raw(slave));
    weir_close(&a);
    close(master);
    close(slave);
    return 0;
}

FD_STORY(sixteen_terminals_may_be_raw_at_once) {
    struct weir_stream *s[17] = {NULL};
    int master[17], slave[17];
    for (int i = 0; i < 17; i++) {
        open_terminal(&master[i], &slave[i]);
        assert_int_equal(weir_stream_from_fd(slave[i], &s[i]), 0);
        assert_int_equal(weir_tty_raw(s[i]), i < 16 ? 0 : -ENOSPC);
    }
    for (int i = 0; i < 17; i++) {
        weir_close(&s[i]);
        close(master[i]);
    }
    return 0;
}

/* A fork child that exits leaves the terminal as its parent wants it. */
FD_STORY(the_exit_of_a_fork_child_leaves_the_terminal_raw) {
    struct weir_stream *s = NULL;
    int master, slave, status = -1;
    open_terminal(&master, &slave);
    assert_int_equal(weir_stream_from_fd(fcntl(slave, F_DUPFD_CLOEXEC, 3), &s), 0);
    assert_int_equal(weir_tty_raw(s), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        weir_tty_restore(s);
        exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(is_raw(slave));
    weir_close(&s);
    assert_false(is_raw(slave));
    close(master);
    close(slave);
    return 0;
}

/* ---- the size -------------------------------------------------------------------------------- */

FD_STORY(the_size_in_a_fork_child_is_refused) {
    struct weir_stream *s = NULL;
    int master, slave, status = -1, columns = 7, rows = 7;
    open_terminal(&master, &slave);
    assert_int_equal(weir_stream_from_fd(fcntl(slave, F_DUPFD_CLOEXEC, 3), &s), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int rc = weir_tty_size(s, &columns, &rows);
        _exit(rc != WEIR_EFORKED || columns != 7 || rows != 7);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    weir_close(&s);
    close(master);
    close(slave);
    return 0;
}

static int sees_the_size_change(void *arg) {
    struct job *j = arg;
    struct weir_stream *s = NULL;
    struct weir_signals signals;
    int columns = 0, rows = 0;
    assert_int_equal(weir_stdin(&s), 0);
    assert_int_equal(weir_signals_open(&signals, SIGWINCH), 0);
    say(j->says, 'r');
    assert_int_equal(weir_signals_next(&signals), SIGWINCH);
    assert_int_equal(weir_tty_size(s, &columns, &rows), 0);
    weir_signals_close(&signals);
    weir_close(&s);
    return columns != 132 || rows != 43;
}

FD_STORY(a_program_in_the_foreground_hears_of_a_new_size) {
    struct weir_stream *master = NULL;
    int says[2], slave, status = -1;
    if (SANITIZED) /* held back until a call that it intercepts, which the wait is not */
        runner_skip("ThreadSanitizer holds signals of other processes back");
    assert_int_equal(weir_pty_open(NULL, &master, &slave), 0);
    assert_int_equal(pipe2(says, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        struct job j = {.says = says[1]};
        if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
            _exit(90);
        dup2(slave, 0);
        exit(weir_run(sees_the_size_change, &j, &o));
    }
    assert_int_equal(hear(says[0]), 'r');
    assert_int_equal(weir_tty_resize(master, 132, 43), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(says[0]);
    close(says[1]);
    close(slave);
    weir_close(&master);
    return 0;
}
