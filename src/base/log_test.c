/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "test/runner.h"

#include <weir/log.h>

static struct {
    size_t lines;
    enum weir_log_level level;
    char line[600];
    void *arg;
    int inside;
} heard;

static void hear(enum weir_log_level level, const char *line, void *arg) {
    assert_int_equal(heard.inside++, 0);
    heard.lines++;
    heard.level = level;
    heard.arg = arg;
    strcpy(heard.line, line);
    heard.inside--;
}

WEIR_TEST(a_line_reaches_the_sink_with_its_level) {
    int arg;
    weir_log_to(hear, &arg);
    weir__log(WEIR_LOG_WARNING, "%d of %s", 3, "four");
    assert_string_equal(heard.line, "3 of four");
    assert_int_equal(heard.level, WEIR_LOG_WARNING);
    assert_ptr_equal(heard.arg, &arg);
}

WEIR_TEST(lines_less_important_than_the_level_are_dropped) {
    weir_log_to(hear, NULL);
    weir__log(WEIR_LOG_INFO, "by default not");
    assert_int_equal(heard.lines, 0);
    weir_log_level_set(WEIR_LOG_DEBUG);
    weir__log(WEIR_LOG_DEBUG, "now");
    assert_int_equal(heard.lines, 1);
    weir_log_level_set(WEIR_LOG_ERROR);
    weir__log(WEIR_LOG_WARNING, "not any more");
    assert_int_equal(heard.lines, 1);
}

WEIR_TEST(a_long_line_is_cut) {
    char line[1000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    weir_log_to(hear, NULL);
    weir__log(WEIR_LOG_ERROR, "%s", line);
    assert_int_equal(strlen(heard.line), 511);
}

/* Logs "help" and returns what came on stderr. */
static const char *help_on_stderr(void) {
    static char line[64];
    int ends[2], before = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    weir__log(WEIR_LOG_ERROR, "help");
    dup2(before, STDERR_FILENO);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    line[n > 0 ? n : 0] = '\0';
    close(before);
    close(ends[0]);
    close(ends[1]);
    return line;
}

WEIR_TEST(without_a_sink_lines_go_to_stderr) {
    weir_log_to(hear, NULL);
    weir_log_to(NULL, NULL);
    assert_string_equal(help_on_stderr(), "weir: help\n");
    assert_int_equal(heard.lines, 0);
}

static void log_from_inside(enum weir_log_level level, const char *line, void *arg) {
    hear(level, line, arg);
    weir__log(WEIR_LOG_ERROR, "from the sink");
}

WEIR_TEST(what_a_sink_logs_itself_goes_to_stderr) {
    weir_log_to(log_from_inside, NULL);
    assert_string_equal(help_on_stderr(), "weir: from the sink\n");
    assert_int_equal(heard.lines, 1);
}

enum { THREADS = 4, LINES = 1000 };

static void *log_lines(void *arg) {
    for (int i = 0; i < LINES; i++)
        weir__log(WEIR_LOG_ERROR, "line %d", i);
    return arg;
}

WEIR_TEST(lines_of_several_threads_come_one_at_a_time) {
    pthread_t threads[THREADS];
    weir_log_to(hear, NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(heard.lines, THREADS * LINES);
}

WEIR_TEST_ABORTS(a_line_of_no_level_aborts, "weir_log: -1 is no level") {
    static struct weir_logger net = WEIR_LOGGER("net", WEIR_LOG_INFO);
    weir_log(&net, (enum weir_log_level)-1, "lost");
}
