/* SPDX-License-Identifier: MIT */
/* A printed line is one line, whatever bytes peers send. */
#include "worker/line.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/worker.h>

#include "test/runner.h"
#include "worker/limits.h"
#include "worker/text.h"

static char seen[WEIR__LINE_MAX + 1];
static size_t seen_len;

static void see(const char *line, void *arg) {
    seen_len = strlen(line) + 1;
    assert_true(seen_len < sizeof seen);
    strcat(strcpy(seen, line), "\n");
}

static void log_into(enum weir_log_level level, const char *line, void *arg) {
    strcat(strcat(arg, line), "\n");
}

WEIR_TEST(a_line_has_its_name_and_one_newline) {
    weir_out_to(see, NULL);
    weir__line("IOPin", "serving on %s:%d", "localhost", 8765);
    assert_string_equal(seen, "[ IOPin ] serving on localhost:8765\n");
    weir__line("clock", "%s", "");
    assert_string_equal(seen, "[ clock ] \n");
}

WEIR_TEST(control_characters_are_shown) {
    weir_out_to(see, NULL);
    weir__line("a", "%s", "x\n\ty\x1b[31m\x7f\xc2\x9bz \xc3\xa9 \xe2\x82\xac");
    assert_string_equal(seen,
                        "[ a ] x\\n\\ty\\x1b[31m\\x7f\\x9bz \xc3\xa9 \xe2\x82\xac\n");
}

WEIR_TEST(no_byte_of_a_peer_steers_the_terminal) {
    weir_out_to(see, NULL);
    for (int c = 1; c < 256; c++) {
        weir__line("a\x1b", "%c.", c);
        assert_int_equal(strncmp(seen, "[ a\\x1b ] ", 10), 0);
        assert_string_equal(seen + seen_len - 2, ".\n");
        for (const char *at = seen; *at != '\n'; at++)
            assert_true(*at >= 0x20 && *at < 0x7f);
    }
    weir__line_view("a", "< ", (struct weir_view){"\xff\xe2\x80\xae\xe2\x82", 6}, false);
    assert_string_equal(seen, "[ a ] < \\xff\\u202e\\xe2\\x82\n");
}

WEIR_TEST(a_long_line_is_cut_and_says_so) {
    static char text[3 * WEIR__LINE_MAX];
    weir_out_to(see, NULL);
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    weir__line("a", "%s", text);
    assert_true(seen_len <= WEIR__LINE_MAX);
    assert_non_null(strstr(seen, "\xe2\x82\xac ... (cut)\n"));
    memset(text, '\n', sizeof text - 1); /* each takes two bytes */
    weir__line("a", "%s", text);
    assert_true(seen_len <= WEIR__LINE_MAX && seen_len > WEIR__LINE_MAX - 64);
    assert_non_null(strstr(seen, "\\n ... (cut)\n"));
}

WEIR_TEST(bytes_that_are_no_text_are_counted) {
    weir_out_to(see, NULL);
    weir__line_view("a", "< ", (struct weir_view){"\x01\x02", 2}, true);
    assert_string_equal(seen, "[ a ] < 2 bytes\n");
    weir__line_view("a", "< ", (struct weir_view){"...zzz", 3}, false);
    assert_string_equal(seen, "[ a ] < ...\n");
    weir__line_view("a", "< ", (struct weir_view){NULL, 0}, false);
    assert_string_equal(seen, "[ a ] < \n");
}

/* To a pipe without reader, as stdout. Returns what was logged. */
static const char *lines_to_nobody(int count) {
    static char told[256];
    int fds[2], before = dup(STDOUT_FILENO);
    told[0] = '\0';
    fflush(stdout);
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    dup2(fds[1], STDOUT_FILENO);
    close(fds[1]);
    weir_log_to(log_into, told);
    for (int i = 0; i < count; i++)
        weir__line("a", "line %d", i);
    weir_log_to(NULL, NULL);
    dup2(before, STDOUT_FILENO);
    close(before);
    return told;
}

WEIR_TEST(lines_that_nobody_reads_raise_no_signal_and_are_told_once) {
    static const char told[] =
        "stdout: broken pipe: nobody reads any more (EPIPE): nothing more is printed\n";
    signal(SIGPIPE, SIG_DFL);
    weir__line_stopping(false);
    assert_string_equal(lines_to_nobody(3), told);
    assert_string_equal(lines_to_nobody(3), "");
    weir__line_stopping(false); /* another run */
    assert_string_equal(lines_to_nobody(1), told);
}

WEIR_TEST(a_cut_text_loses_its_broken_end) {
    assert_int_equal(weir__text_whole("abc", 3), 3);
    assert_int_equal(weir__text_whole("", 0), 0);
    assert_int_equal(weir__text_whole("a\xc3\xa9", 3), 3);
    assert_int_equal(weir__text_whole("a\xc3", 2), 1);
    assert_int_equal(weir__text_whole("\xe2\x82", 2), 0);
    assert_int_equal(weir__text_whole("x\xf0\x9f\x92", 4), 1);
    assert_int_equal(weir__text_whole("x\xf0\x9f\x92\xa9", 5), 5);
}

enum { PRINTERS = 4, LINES_EACH = 20, LETTERS = 7000 };

static void *print_letter(void *arg) {
    char line[LETTERS + 1] = "";
    memset(line, *(char *)arg, LETTERS);
    for (int i = 0; i < LINES_EACH; i++)
        weir_out("%s", line);
    return NULL;
}

/* The pipe holds less than a line, so that each waits for the reader in its middle. */
WEIR_TEST(lines_of_several_threads_are_whole) {
    static char letters[] = "abcd";
    int ends[2], kept = dup(STDOUT_FILENO);
    char *printed = NULL;
    size_t size = 0;
    pthread_t threads[PRINTERS];
    fflush(stdout);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    for (int i = 0; i < PRINTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, print_letter, &letters[i]), 0);
    FILE *from = fdopen(ends[0], "r");
    for (int i = 0; i < PRINTERS * LINES_EACH; i++) {
        assert_int_equal(getline(&printed, &size, from), 9 + LETTERS + 1);
        assert_int_equal(strncmp(printed, "[ weir ] ", 9), 0);
        assert_int_equal(strspn(printed + 9, (char[]){printed[9], '\0'}), LETTERS);
    }
    for (int i = 0; i < PRINTERS; i++)
        pthread_join(threads[i], NULL);
    dup2(kept, STDOUT_FILENO);
    fclose(from);
    free(printed);
    close(kept);
}

static void *print_one(void *arg) {
    char line[LETTERS + 1] = "";
    weir_out("%s", (const char *)memset(line, 'a', LETTERS));
    return NULL;
}

/* The child prints nothing of its parent's line, and does not wait for its end. */
WEIR_TEST(a_child_prints_although_its_parent_is_in_the_middle_of_a_line) {
    int ends[2], childs[2], kept = dup(STDOUT_FILENO), held = 0, status = 0;
    char printed[16 << 10];
    pthread_t thread;
    fflush(stdout);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(childs), 0);
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    assert_int_equal(pthread_create(&thread, NULL, print_one, NULL), 0);
    while (held < 4096)
        assert_int_equal(ioctl(ends[0], FIONREAD, &held), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(childs[1], STDOUT_FILENO);
        alarm(10);
        weir_out("child");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(childs[0], printed, sizeof printed), 15);
    assert_memory_equal(printed, "[ weir ] child\n", 15);
    for (size_t len = 0; len < 9 + LETTERS + 1;)
        len += (size_t)read(ends[0], printed, sizeof printed);
    pthread_join(thread, NULL);
    dup2(kept, STDOUT_FILENO);
    close(ends[0]), close(childs[0]), close(childs[1]), close(kept);
}

static void print_more(const char *line, void *arg) {
    see(line, NULL);
    weir_out("from the sink"); /* not to itself */
    ++*(int *)arg;
}

WEIR_TEST(a_sink_gets_each_line_once_and_may_print) {
    char printed[128] = "";
    int ends[2], count = 0, kept = dup(STDOUT_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    weir_out_to(print_more, &count);
    weir_out("%s", "one\ntwo");
    weir_out_to(NULL, NULL);
    weir_out("three");
    dup2(kept, STDOUT_FILENO);
    assert_int_equal(count, 1);
    assert_string_equal(seen, "[ weir ] one\\ntwo\n");
    assert_true(read(ends[0], printed, sizeof printed - 1) > 0);
    assert_string_equal(printed, "[ weir ] from the sink\n[ weir ] three\n");
    close(ends[0]), close(ends[1]), close(kept);
}

static void change_sink(const char *line, void *arg) {
    weir_out_to(NULL, NULL);
}

WEIR_TEST_ABORTS(a_sink_that_changes_the_sink_aborts, "weir_out_to: called by the sink itself") {
    weir_out_to(change_sink, NULL);
    weir_out("x");
}
