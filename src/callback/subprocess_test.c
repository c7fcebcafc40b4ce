/* SPDX-License-Identifier: MIT */
/* Programs with a protocol. That the order is asyncio's is the business of test/transcript. */
#include "callback/transport_rig.h"

#include <signal.h>
#include <weir/process.h>

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct weir_process_options piped = {.size = sizeof piped,
                                                  .in = {WEIR_STDIO_PIPE},
                                                  .out = {WEIR_STDIO_PIPE},
                                                  .err = {WEIR_STDIO_PIPE}};

struct noted_program {
    struct weir_subprocess_protocol protocol;
    struct weir_subprocess *sp;
    int lost, rc, exits;
    size_t received;
    bool is_quiet;
};

static void program_made(struct weir_subprocess_protocol *p, struct weir_subprocess *sp) {
    struct noted_program *n = (struct noted_program *)p;
    n->sp = sp;
    if (!n->is_quiet)
        says("made");
}

static void program_data(struct weir_subprocess_protocol *p, int fd, struct weir_view v) {
    struct noted_program *n = (struct noted_program *)p;
    n->received += v.len;
    assert_int_equal(weir_sleep(1), WEIR_ENOLOOP);
    if (!n->is_quiet)
        says("data(%d,%.*s)", fd, (int)v.len, (const char *)v.base);
}

static void program_pipe_lost(struct weir_subprocess_protocol *p, int fd, int rc) {
    struct noted_program *n = (struct noted_program *)p;
    assert_null(n->sp != NULL ? weir_subprocess_pipe(n->sp, fd) : NULL);
    if (!n->is_quiet)
        says("pipe lost(%d%s%s)", fd, rc < 0 ? "," : "", rc < 0 ? weir_error_name(rc) : "");
}

static void program_exited(struct weir_subprocess_protocol *p, const struct weir_exit *exit) {
    struct noted_program *n = (struct noted_program *)p;
    n->exits++;
    if (!n->is_quiet)
        says("exited(%d,%d)", exit->code, exit->signal);
}

static void program_lost(struct weir_subprocess_protocol *p, int rc) {
    struct noted_program *n = (struct noted_program *)p;
    if (!n->is_quiet)
        says("lost(%s)", rc == 0 ? "" : weir_error_name(rc));
    n->sp = NULL;
    n->lost++;
    n->rc = rc;
}

static void program_pause(struct weir_subprocess_protocol *p) {
    if (!((struct noted_program *)p)->is_quiet)
        says("pause");
}

static void program_resume(struct weir_subprocess_protocol *p) {
    if (!((struct noted_program *)p)->is_quiet)
        says("resume");
}

static const struct weir_subprocess_calls program_calls = {
    .size = sizeof program_calls,
    .connection_made = program_made,
    .pipe_data_received = program_data,
    .pipe_connection_lost = program_pipe_lost,
    .process_exited = program_exited,
    .connection_lost = program_lost,
    .pause_writing = program_pause,
    .resume_writing = program_resume,
};

static int program_factory(void *arg, struct weir_subprocess_protocol **ret_protocol) {
    struct noted_program *n = arg;
    n->protocol.calls = &program_calls;
    *ret_protocol = &n->protocol;
    return 0;
}

/* Players, for the simulation: they do what `sh -c` does in the stories below. */
static int play_cat(struct weir_sim_process *p) {
    char buf[100];
    ssize_t n;
    while ((n = weir_read(p->in, buf, sizeof buf)) > 0) {
        int rc = weir_write(p->out, buf, (size_t)n);
        if (rc < 0)
            return rc;
    }
    return (int)n;
}

static int play_sleep(struct weir_sim_process *p) {
    return weir_sleep(WEIR_SECONDS(60));
}

static void play_all(void) {
    (void)weir_sim_program("cat", play_cat); /* without a world: nothing */
    (void)weir_sim_program("sleep", play_sleep);
}

static void run(int (*fn)(void *arg)) {
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
}

static int exec_in(struct weir_group *g, struct noted_program *n, const char *const *argv,
                   struct weir_subprocess **ret_sp) {
    play_all();
    weir_group_open(g, WEIR_TOGETHER);
    return weir_subprocess_exec(argv, &piped, program_factory, n, g, ret_sp);
}

static int cat(void *arg) {
    struct noted_program n = {0};
    struct weir_subprocess *sp;
    struct weir_group g;
    assert_int_equal(exec_in(&g, &n, ARGV("cat"), &sp), 0);
    assert_true(weir_process_pid(weir_subprocess_process(sp)) > 0);
    assert_null(weir_subprocess_pipe(sp, 3));
    assert_null(weir_subprocess_pipe(sp, -1));
    assert_int_equal(weir_transport_write(weir_subprocess_pipe(sp, 0), "meow", 4), 0);
    while (n.received < 4)
        weir_sleep(WEIR_MILLISECONDS(1));
    weir_transport_close(weir_subprocess_pipe(sp, 0));
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_program_is_written_to_and_read_until_it_exits) {
    run(cat);
    assert_non_null(strstr(story, "made data(1,meow) pipe lost(0)"));
    assert_non_null(strstr(story, "pipe lost(1)"));
    assert_non_null(strstr(story, "pipe lost(2)"));
    assert_non_null(strstr(story, "exited(0,0)"));
    assert_string_equal(story + strlen(story) - strlen(" lost()"), " lost()");
}

static int is_closed(void *arg) {
    struct noted_program n = {0};
    struct weir_subprocess *sp;
    struct weir_group g;
    assert_int_equal(exec_in(&g, &n, ARGV("sleep", "60"), &sp), 0);
    weir_subprocess_close(sp);
    weir_subprocess_close(sp);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_close_ends_the_pipes_and_kills_the_program) {
    run(is_closed);
    assert_string_equal(
        story, "made pipe lost(0) pipe lost(1) pipe lost(2) exited(-1,9) lost()");
}

static int is_cancelled(void *arg) {
    struct noted_program n = {0};
    struct weir_subprocess *sp;
    struct weir_group g;
    assert_int_equal(exec_in(&g, &n, ARGV("sleep", "60"), &sp), 0);
    weir_group_cancel(&g, "test");
    weir_group_close(&g, 0);
    assert_int_equal(n.exits, 0);
    assert_int_equal(n.lost, 1);
    assert_int_equal(n.rc, -ECANCELED);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancel_of_the_group_kills_the_program) {
    run(is_cancelled);
}

static int much_input(void *arg) {
    static char much[1 << 20];
    struct noted_program n = {0};
    struct weir_subprocess *sp;
    struct weir_group g;
    assert_int_equal(exec_in(&g, &n, ARGV("sleep", "60"), &sp), 0);
    assert_int_equal(weir_transport_write(weir_subprocess_pipe(sp, 0), much, sizeof much), 0);
    says("wrote");
    weir_process_signal(weir_subprocess_process(sp), SIGKILL);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(input_that_a_program_did_not_read_before_its_end_is_an_error_of_the_pipe) {
    run(much_input);
    assert_non_null(strstr(story, "made pause wrote "));
    assert_non_null(strstr(story, "pipe lost(0,EPIPE)"));
}

static int idle_input(void *arg) {
    struct noted_program n = {0};
    struct weir_subprocess *sp;
    struct weir_group g;
    assert_int_equal(exec_in(&g, &n, ARGV("sleep", "60"), &sp), 0);
    weir_process_signal(weir_subprocess_process(sp), SIGKILL);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(the_input_of_a_program_that_has_ended_is_closed) {
    run(idle_input);
    assert_non_null(strstr(story, "pipe lost(0)"));
    assert_string_equal(story + strlen(story) - strlen(" lost()"), " lost()");
}

static int refuses(void *arg, struct weir_subprocess_protocol **ret_protocol) {
    (void)arg, (void)ret_protocol;
    return weir_fail(WEIR_EUSER, "not today");
}

static int is_refused(void *arg) {
    struct weir_subprocess *sp;
    play_all();
    int rc = weir_subprocess_exec(ARGV("sleep", "60"), &piped, refuses, NULL, NULL, &sp);
    assert_int_equal(rc, WEIR_EUSER);
    assert_string_equal(weir_error_message(rc), "not today");
    return 0;
}

WEIR_TEST_BACKENDS(a_factory_that_refuses_has_the_program_killed) {
    run(is_refused);
}

/* A program that is over before the end of its output has been read. */
static int play_true(struct weir_sim_process *p) {
    (void)p;
    return 0;
}

static void made_and_pauses(struct weir_subprocess_protocol *p, struct weir_subprocess *sp) {
    program_made(p, sp);
    weir_transport_pause_reading(weir_subprocess_pipe(sp, 1));
}

static struct weir_group *cancelled_at_exit;

static void exited_and_cancels(struct weir_subprocess_protocol *p, const struct weir_exit *exit) {
    program_exited(p, exit);
    weir_group_cancel(cancelled_at_exit, "test");
}

static int cancelling_factory(void *arg, struct weir_subprocess_protocol **ret_protocol) {
    static struct weir_subprocess_calls calls;
    int rc = program_factory(arg, ret_protocol);
    calls = program_calls;
    calls.connection_made = made_and_pauses;
    calls.process_exited = exited_and_cancels;
    (*ret_protocol)->calls = &calls;
    return rc;
}

static int is_cancelled_at_its_end(void *arg) {
    struct noted_program n = {0};
    struct weir_subprocess *sp;
    struct weir_group g;
    (void)arg;
    assert_int_equal(weir_sim_program("true", play_true), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    cancelled_at_exit = &g;
    assert_int_equal(
        weir_subprocess_exec(ARGV("true"), &piped, cancelling_factory, &n, &g, &sp), 0);
    weir_group_close(&g, 0);
    assert_int_equal(n.lost, 1);
    return 0;
}

WEIR_TEST(a_cancel_at_the_end_of_a_program_loses_its_pipes_first) {
    runner_plain_order();
    assert_int_equal(weir_sim_run(is_cancelled_at_its_end, NULL, NULL), 0);
    const char *exited = strstr(story, "exited(0,0)");
    assert_non_null(exited);
    assert_non_null(strstr(exited, "pipe lost(1,ECANCELED) lost(ECANCELED)"));
}

static int on_a_terminal(void *arg) {
    struct noted_program n = {0};
    struct weir_subprocess *sp = NULL;
    play_all();
    for (int i = 0; i < 3; i++) {
        struct weir_process_options o = piped;
        struct weir_stdio *const all[] = {&o.in, &o.out, &o.err};
        all[i]->kind = WEIR_STDIO_PTY;
        int rc = weir_subprocess_exec(ARGV("sleep", "60"), &o, program_factory, &n, NULL, &sp);
        assert_int_equal(rc, -EINVAL);
        assert_non_null(strstr(weir_error_message(rc), "a terminal cannot be one of its pipes"));
        assert_null(sp);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_terminal_is_refused_before_the_start) {
    run(on_a_terminal);
    assert_string_equal(story, "");
}

/* ---- explored -------------------------------------------------------------------------------- */

static int explored(void *arg) {
    struct noted_program n = {.is_quiet = true};
    struct weir_subprocess *sp;
    struct weir_scope limit;
    struct weir_group g;
    weir_scope_enter(&limit, WEIR_SECONDS(5)); /* a program that was disturbed may not answer */
    int rc = exec_in(&g, &n, ARGV("cat"), &sp);
    if (rc == 0 && n.sp != NULL && weir_subprocess_pipe(sp, 0) != NULL) {
        (void)weir_transport_write(weir_subprocess_pipe(sp, 0), "meow", 4);
        weir_transport_close(weir_subprocess_pipe(sp, 0));
    }
    rc = weir_scope_leave(&limit, weir_group_close(&g, rc));
    return n.sp != NULL || n.lost > 1 || n.exits > 1 ? -EPROTO : rc;
}

WEIR_TEST(programs_leave_nothing_behind_wherever_they_are_disturbed) {
    for (int deferred = 0; deferred < 2; deferred++) {
        struct weir_sim_options o = {.size = sizeof o, .deferred = deferred};
        struct weir_story tale = {
            .size = sizeof tale, .name = "subprocess", .fn = explored, .options = &o};
        struct weir_fault late = {.size = sizeof late, .effect = WEIR_FAULT_LATE};
        struct weir_fault error = {.size = sizeof error, .error = -EAGAIN};
        struct weir_explored found;
        assert_int_equal(weir_explore_cancels(&tale, &found), 0);
        assert_true(found.points > 2);
        assert_int_equal(weir_explore_allocations(&tale, &found), 0);
        assert_true(found.points > 5);
        assert_int_equal(weir_explore_faults(&tale, &late, NULL), 0);
        assert_int_equal(weir_explore_faults(&tale, &error, NULL), 0);
        tale.last = 30;
        assert_int_equal(weir_explore_seeds(&tale, NULL), 0);
    }
}
