/* SPDX-License-Identifier: MIT */
/* Dialling a command: exec:WORD WORD... */
#include <fcntl.h>

#include "process/process_test_util.h"

static int play_upper(struct weir_sim_process *p) {
    char buf[64];
    ssize_t n;
    while ((n = weir_read(p->in, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            buf[i] = (char)(buf[i] - (buf[i] >= 'a' && buf[i] <= 'z' ? 32 : 0));
        int rc = weir_write(p->out, buf, (size_t)n);
        if (rc < 0)
            return rc;
    }
    return (int)n;
}

#define UPPER "exec:/usr/bin/tr a-z A-Z"

static int dial_upper(struct weir_stream **ret) {
    if (test_backend == NULL || strcmp(test_backend, "sim") == 0)
        assert_int_equal(weir_sim_program("/usr/bin/tr", play_upper), 0);
    return weir_dial(UPPER, NULL, ret);
}

static int speaks(struct weir_stream *s) {
    char buf[16];
    int rc = weir_write(s, "hello", 5);
    if (rc == 0)
        rc = weir_shutdown(s);
    if (rc == 0)
        rc = weir_read_exactly(s, buf, 5);
    if (rc == 0)
        assert_memory_equal(buf, "HELLO", 5);
    return rc == 0 ? (int)weir_read(s, buf, sizeof buf) : rc;
}

PROCESS_STORY(a_command_is_a_stream_of_both_its_ends) {
    struct weir_stream *s;
    assert_int_equal(dial_upper(&s), 0);
    assert_string_equal(weir_stream_peer(s), UPPER);
    assert_int_equal(speaks(s), 0);
    assert_int_equal(weir_write(s, "more", 4), -EPIPE); /* it was shut down */
    weir_close(&s);
    return 0;
}

static int speaks_within(void *arg) {
    struct weir_stream *s = NULL;
    struct weir_scope scope;
    weir_scope_enter(&scope, WEIR_SECONDS(5)); /* where the player is cancelled, nobody answers */
    int rc = dial_upper(&s);
    if (rc == 0)
        rc = speaks(s);
    weir_close(&s);
    return weir_scope_leave(&scope, rc);
}

WEIR_TEST(a_dialled_command_leaves_nothing_behind_wherever_it_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "exec", .fn = speaks_within};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}

PROCESS_STORY(a_close_ends_the_command_and_the_waits_on_its_stream) {
    struct weir_stream *s;
    struct weir_scope scope;
    char byte;
    assert_int_equal(dial_upper(&s), 0);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(5));
    assert_int_equal(weir_scope_leave(&scope, (int)weir_read(s, &byte, 1)), -ETIME);
    weir_close(&s);
    return 0;
}

struct reads_args {
    struct weir_stream *s;
};

static int reads(void *args) {
    struct reads_args *a = args;
    char byte;
    return weir_read(a->s, &byte, 1) == WEIR_ECLOSED ? 0 : -EPROTO;
}

PROCESS_STORY(a_task_that_reads_from_a_command_feels_the_close) {
    struct weir_stream *s;
    struct weir_group g;
    assert_int_equal(dial_upper(&s), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, reads, .s = s), 0);
    weir_yield();
    weir_close(&s);
    return weir_group_close(&g, 0);
}

static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Else the command would never meet the end of its input while the child lives. */
REAL_STORY(a_fork_child_that_closes_the_stream_of_a_command_holds_nothing_of_it) {
    struct weir_stream *s;
    int status = -1, before = open_descriptors();
    assert_int_equal(dial_upper(&s), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        weir_close(&s);
        _exit(open_descriptors() == before ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(speaks(s), 0); /* the parent's has noticed nothing */
    weir_close(&s);
    return 0;
}

static void refuses(const char *url, const char *why) {
    struct weir_stream *s;
    struct weir_listener *l;
    assert_int_equal(weir_dial(url, NULL, &s), WEIR_EURL);
    assert_non_null(strstr(weir_error(WEIR_EURL)->text, why));
    assert_int_equal(weir_listen(url, NULL, &l), WEIR_EURL);
    assert_non_null(strstr(weir_error(WEIR_EURL)->text, "a command can be dialled only"));
}

REAL_STORY(words_of_a_command_may_hold_any_byte_but_nul) {
    char got[32] = "", many[300] = "exec:";
    struct weir_stream *s;
    assert_int_equal(weir_dial("exec:printf  %25s|%25s a%20b%25 c%c3%A4", NULL, &s), 0);
    assert_int_equal(weir_read_exactly(s, got, 8), 0);
    assert_string_equal(got, "a b%|c\xc3\xa4");
    weir_close(&s);
    refuses("exec:", "no command");
    refuses("exec:   ", "no command");
    refuses("pty:", "no command");
    refuses("exec:echo 100%", "%25");
    refuses("exec:echo %00", "%25");
    refuses("exec:echo %4", "%25");
    for (int i = 0; i < 65; i++)
        strcat(many, "x ");
    refuses(many, "64 words");
    assert_int_equal(weir_dial("exec:/nonexistent/program", NULL, &s), -ENOENT);
    assert_non_null(strstr(weir_error(-ENOENT)->text, "/nonexistent/program"));
    return 0;
}

REAL_STORY(a_program_on_a_terminal_is_a_stream_too) {
    struct weir_stream *s;
    char got[64];
    assert_int_equal(weir_dial("pty:/bin/sh -c test%20-t%200%20&&%20test%20-t%202%20&&%20cat", NULL,
                               &s), 0);
    assert_int_equal(weir_write(s, "typed\n", 6), 0);
    assert_int_equal(weir_read_until(s, '\n', got, sizeof got), 7);
    assert_string_equal(got, "typed\r\n"); /* the terminal's echo */
    assert_int_equal(weir_read_until(s, '\n', got, sizeof got), 7);
    assert_int_equal(weir_shutdown(s), -EOPNOTSUPP);
    assert_int_equal(weir_write(s, "\4", 1), 0); /* the key that ends the input */
    assert_int_equal(weir_read(s, got, sizeof got), 0);
    weir_close(&s);
    return 0;
}

/* ---- closed while its reader is about to run ---- */

/* The answers of both commands come at once: this task runs first. */
static int closed_behind_a_piece(void *arg) {
    struct weir_stream *own, *other;
    struct weir_group g;
    char byte;
    assert_int_equal(dial_upper(&own), 0);
    assert_int_equal(dial_upper(&other), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, reads, .s = other), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    assert_int_equal(weir_write(own, "x", 1), 0);
    assert_int_equal(weir_write(other, "x", 1), 0);
    assert_int_equal(weir_read(own, &byte, 1), 1);
    weir_close(&other);
    weir_close(&own);
    return weir_group_close(&g, 0);
}

WEIR_TEST(a_close_gives_back_the_piece_that_a_reader_has_not_yet_seen) {
    runner_plain_order();
    assert_int_equal(weir_sim_run(closed_behind_a_piece, NULL, NULL), 0);
}

static int closed_and_cancelled(void *arg) {
    struct weir_group g;
    struct weir_stream *s;
    assert_int_equal(dial_upper(&s), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, reads, .s = s), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    weir_close(&s);
    weir_group_cancel(&g, "it is closed too");
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(a_reader_that_is_cancelled_behind_a_close_feels_the_close) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(closed_and_cancelled, NULL, &o), 0);
}
