/* SPDX-License-Identifier: MIT */
/* Stories of processes in a simulation: a cancel at each call, a fault at each op, each allocation
 * failing, other seeds. After each run no task, stream or byte may be left. */
#include "process/process_test_util.h"

#include "base/alloc.h"

static const struct weir_process_options piped = {.size = sizeof piped,
                                                  .in = {WEIR_STDIO_PIPE},
                                                  .out = {WEIR_STDIO_PIPE},
                                                  .err = {WEIR_STDIO_PIPE},
                                                  .grace_ns = WEIR_MILLISECONDS(3)};

/* A dialogue of some bytes, then the end. */
static int dialogue(struct weir_process *p) {
    char buf[8];
    int rc = weir_write(weir_process_stdin(p), "12345678", 8);
    if (rc == 0)
        rc = weir_read_exactly(weir_process_stdout(p), buf, 8);
    weir_process_close_stdin(p);
    return rc == 0 ? weir_process_wait(p, NULL) : rc;
}

static int start_talk_wait(void *arg) {
    WEIR_AUTO(weir_process_close) struct weir_process *p = NULL;
    struct weir_scope s;
    play_all();
    int rc = weir_process_start(ARGV("cat"), &piped, &p);
    if (rc < 0)
        return rc;
    weir_scope_enter(&s, WEIR_SECONDS(5)); /* a program that was disturbed may say nothing */
    return weir_scope_leave(&s, dialogue(p));
}

/* In a terminal: one stream in both directions. */
static int talk_in_terminal(void *arg) {
    WEIR_AUTO(weir_process_close) struct weir_process *p = NULL;
    struct weir_process_options o = {
        .size = sizeof o, .in = {WEIR_STDIO_PTY}, .out = {WEIR_STDIO_PTY}, .err = {WEIR_STDIO_PTY}};
    struct weir_scope s;
    char buf[8];
    play_all();
    int rc = weir_process_start(ARGV("cat"), &o, &p);
    if (rc < 0)
        return rc;
    weir_scope_enter(&s, WEIR_SECONDS(5));
    rc = weir_write(weir_process_stdin(p), "12345678", 8);
    if (rc == 0)
        rc = weir_read_exactly(weir_process_stdout(p), buf, 8);
    if (rc == 0)
        rc = weir_process_stop(p, WEIR_SECONDS(1), NULL);
    return weir_scope_leave(&s, rc);
}

static int run_both_outputs(void *arg) {
    struct weir_output out;
    play_all();
    int rc = weir_process_run(SH("echo out; echo err >&2"), NULL, &out);
    if (rc == 0)
        weir_output_free(&out);
    return rc;
}

static int run_with_input(void *arg) {
    static const char input[9000];
    struct weir_process_options o = piped;
    struct weir_output out;
    struct weir_scope s;
    o.input = input;
    o.input_len = sizeof input;
    o.output_max = 5000;
    play_all();
    weir_scope_enter(&s, WEIR_SECONDS(5));
    int rc = weir_scope_leave(&s, weir_process_run(ARGV("cat"), &o, &out));
    if (rc == 0)
        weir_output_free(&out);
    return rc;
}

/* The deadline comes while the program sleeps: TERM, grace, KILL. */
static int run_cut_short(void *arg) {
    struct weir_output out;
    struct weir_scope s;
    play_all();
    weir_scope_enter(&s, WEIR_MILLISECONDS(10));
    int rc = weir_process_run(SH("trap '' TERM; echo out; sleep 60"), &piped, &out);
    bool whole = rc == 0; /* the program was cut short itself */
    rc = weir_scope_leave(&s, rc);
    if (whole)
        weir_output_free(&out);
    return rc == -ETIME ? 0 : whole ? -EPROTO : rc;
}

static int stop_what_is_stubborn(void *arg) {
    WEIR_AUTO(weir_process_close) struct weir_process *p = NULL;
    struct weir_exit e;
    char buf[4];
    play_all();
    int rc = weir_process_start(SH("trap '' TERM; echo out; sleep 60"), &piped, &p);
    if (rc == 0)
        rc = weir_read_exactly(weir_process_stdout(p), buf, 4);
    if (rc == 0)
        rc = weir_process_stop(p, WEIR_MILLISECONDS(5), &e);
    return rc == 0 && e.signal != SIGKILL ? -EPROTO : rc;
}

static int close_at_once(void *arg) {
    struct weir_process *p = NULL;
    play_all();
    int rc = weir_process_start(SH("sleep 60"), &piped, &p);
    weir_process_close(&p);
    return rc;
}

static void explore(const char *name, int (*fn)(void *arg)) {
    static const enum weir_fault_effect effects[] = {WEIR_FAULT_ERROR, WEIR_FAULT_LATE,
                                                     WEIR_FAULT_NEVER};
    for (int deferred = 0; deferred < 2; deferred++) {
        struct weir_sim_options o = {.size = sizeof o, .deferred = deferred};
        struct weir_story story = {.size = sizeof story, .name = name, .fn = fn, .options = &o};
        struct weir_explored found;
        assert_int_equal(weir_explore_cancels(&story, &found), 0);
        assert_true(found.points >= 2);
        assert_int_equal(weir_explore_allocations(&story, &found), 0);
        assert_true(found.points > 5);
        for (int i = 0; i < 2; i++) { /* NEVER: a start that never ends is no error of ours */
            struct weir_fault f = {.size = sizeof f, .effect = effects[i], .error = -EAGAIN};
            assert_int_equal(weir_explore_faults(&story, &f, &found), 0);
            assert_true(found.points >= 1);
        }
        story.last = 30;
        assert_int_equal(weir_explore_seeds(&story, NULL), 0);
    }
}

#define EXPLORED(sentence, story)                                                                  \
    WEIR_TEST(sentence) {                                                                          \
        explore(#story, story);                                                                    \
    }

EXPLORED(a_dialogue_survives_every_disturbance, start_talk_wait)
EXPLORED(a_terminal_survives_every_disturbance, talk_in_terminal)
EXPLORED(a_run_with_two_outputs_survives_every_disturbance, run_both_outputs)
EXPLORED(a_run_with_input_survives_every_disturbance, run_with_input)
EXPLORED(a_run_that_is_cut_short_survives_every_disturbance, run_cut_short)
EXPLORED(a_stop_survives_every_disturbance, stop_what_is_stubborn)
EXPLORED(a_close_survives_every_disturbance, close_at_once)

/* ---- the same against real programs: a cancel at the N-th call ---- */

struct strike {
    int (*story)(void *arg);
    uint64_t at;
};

static int struck(void *arg) {
    struct strike *k = arg;
    extern WEIR_API __thread uint64_t weir__marks, weir__cancel_at_mark;
    weir__cancel_at_mark = k->at > 0 ? weir__marks + k->at : 0;
    int rc = k->story(NULL);
    weir__cancel_at_mark = 0;
    return rc;
}

static void strike_real(int (*story)(void *arg)) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    size_t live = weir__alloc_live();
    int failed = 0;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("explored above");
    for (uint64_t at = 1; at <= 30; at++) {
        struct strike k = {story, at};
        failed += weir_run(struck, &k, &o) < 0;
        expect_no_child();
        assert_int_equal(weir__alloc_live(), live);
    }
    assert_true(failed > 2);
}

WEIR_TEST_BACKENDS(a_real_dialogue_survives_a_cancel_at_each_call) {
    strike_real(start_talk_wait);
}

WEIR_TEST_BACKENDS(a_real_run_survives_a_cancel_at_each_call) {
    strike_real(run_with_input);
}

/* ---- the same with each allocation failing ---- */

/* Some allocations are done without: a run that succeeds is not the last one. */
static void starve_real(int (*story)(void *arg)) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    size_t live = weir__alloc_live(), tried;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("explored above");
    for (size_t n = 1; n == 1 || tried >= n - 1; n++) {
        assert_true(n < 400);
        weir__alloc_fail_at(n);
        int rc = weir_run(story, NULL, &o);
        tried = weir__alloc_fail_at(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        expect_no_child();
        assert_int_equal(weir__alloc_live(), live);
    }
}

/* It is the program's child, and not one that the call has made: an error leaves it alone. */
static int take_charge(void *arg) {
    struct weir_process *p = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    int rc = weir_process_from_pid(pid, &p);
    if (rc < 0) {
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    weir_process_close(&p);
    return rc;
}

WEIR_TEST_BACKENDS(a_child_that_cannot_be_taken_charge_of_runs_on) {
    starve_real(take_charge);
}

WEIR_TEST_BACKENDS(a_real_dialogue_survives_want_of_memory) {
    starve_real(start_talk_wait);
}

WEIR_TEST_BACKENDS(a_real_run_survives_want_of_memory) {
    starve_real(run_with_input);
}
