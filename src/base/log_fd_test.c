/* SPDX-License-Identifier: MIT */
/* log_fd_test.c - loggers and their levels, and sinks that write to descriptors: text and JSON. */
#include "base/log_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/levels.h"
#include "base/log.h"
#include "test/runner.h"

/* ---- levels --------------------------------------------------------------------------------- */

static struct weir_logger net = WEIR_LOGGER("net", WEIR_LOG_WARNING),
                          dns = WEIR_LOGGER("net.dns", WEIR_LOG_WARNING),
                          nets = WEIR_LOGGER("nets", WEIR_LOG_INFO);

static void rules(const char *text) {
    char why[160] = "";
    assert_int_equal(weir__levels_set(text, why, sizeof why), 0);
    assert_string_equal(why, "");
}

/* The least important level that is logged, or -1. */
static int level(struct weir_logger *l) {
    int most = -1;
    for (int i = WEIR_LOG_ERROR; i <= WEIR_LOG_DEBUG; i++)
        if (weir_log_wants(l, (enum weir_log_level)i)) {
            assert_int_equal(most, i - 1);
            most = i;
        }
    return most;
}

WEIR_TEST(the_longest_name_that_holds_decides) {
    assert_int_equal(level(&net), WEIR_LOG_WARNING);
    assert_int_equal(level(&nets), WEIR_LOG_INFO);
    rules("net=debug,*=error");
    assert_int_equal(level(&net), WEIR_LOG_DEBUG);
    assert_int_equal(level(&dns), WEIR_LOG_DEBUG);
    assert_int_equal(level(&nets), WEIR_LOG_ERROR);
    rules("*=debug,net.dns=off,net=info");
    assert_int_equal(level(&net), WEIR_LOG_INFO);
    assert_int_equal(level(&dns), -1);
    assert_int_equal(level(&nets), WEIR_LOG_DEBUG);
    rules("error");
    assert_int_equal(level(&net), WEIR_LOG_ERROR);
    weir_log_level_set(WEIR_LOG_DEBUG);
    assert_int_equal(level(&net), WEIR_LOG_DEBUG);
    rules(NULL);
    assert_int_equal(level(&nets), WEIR_LOG_INFO);
}

WEIR_TEST(a_bad_rule_is_named_and_changes_nothing) {
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"net=dbug", "'dbug' is no level: error, warning, info, debug or off"},
        {"net=debug,=info", "'=info' has no name before the ="},
        {"net=debug,,*=info", "'' is no level"},
        {"net=", "'' is no level"},
        {"net=info=debug", "'info=debug' is no level"},
        {"net=INFO", "'INFO' is no level"},
        {"a\nb\xff=x\x1b", "'x\\x1b' is no level"},
        {"a-name-of-a-logger-with-32-bytes=info", "has a name of more than 31 bytes"},
    };
    char why[160], many[600] = "";
    rules("net=debug");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(weir__levels_set(bad[i].text, why, sizeof why), -EINVAL);
        assert_non_null(strstr(why, bad[i].why));
    }
    for (int i = 0; i < 33; i++)
        sprintf(many + strlen(many), "n%d=info,", i);
    assert_int_equal(weir__levels_set(many, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "'n32=info' is the 33rd rule"));
    assert_int_equal(level(&net), WEIR_LOG_DEBUG);
}

/* ---- forms ---------------------------------------------------------------------------------- */

static const char *form(enum weir_log_form f, const char *task, const char *raw, int64_t dropped) {
    static char out[WEIR__LOG_FD_MAX + 1];
    char text[512];
    weir__escape(text, sizeof text, raw, strlen(raw));
    struct weir_log_line line = {sizeof line, WEIR_LOG_WARNING, "net", task, text, raw,
                                 1764403811123456789};
    out[weir__log_form(f, &line, dropped, out, WEIR__LOG_FD_MAX)] = '\0';
    return out;
}

WEIR_TEST(a_line_has_its_time_level_logger_and_task) {
    assert_string_equal(form(WEIR_LOG_TEXT, "t", "hello\n", 0),
                        "2025-11-29T08:10:11.123456Z warning net: hello\\n\n");
    assert_string_equal(form(WEIR_LOG_JSON, "", "hello", 0),
                        "{\"time\":\"2025-11-29T08:10:11.123456Z\",\"level\":\"warning\","
                        "\"logger\":\"net\",\"text\":\"hello\"}\n");
    assert_string_equal(form(WEIR_LOG_JSON, "t", "x", 3),
                        "{\"time\":\"2025-11-29T08:10:11.123456Z\",\"level\":\"warning\","
                        "\"logger\":\"net\",\"task\":\"t\",\"dropped\":3,\"text\":\"x\"}\n");
    assert_non_null(
        strstr(form(WEIR_LOG_TEXT, "", "x", 3), "x (3 lines before this were dropped)"));
}

WEIR_TEST(hostile_text_is_valid_json) {
    static const struct {
        const char *raw, *shown;
    } texts[] = {
        {"\"\\", "\\\"\\\\"},
        {"a\nb\tc\x1b\x7f", "a\\nb\\u0009c\\u001b\\u007f"},
        {"\xff\xc3", "\\\\xff\\\\xc3"},            /* not UTF-8; and one cut in two */
        {"\xed\xa0\x80", "\\\\xed\\\\xa0\\\\x80"}, /* a surrogate */
        {"\xc0\xaf", "\\\\xc0\\\\xaf"},            /* longer than it must be */
        {"\xc2\x85", "\\u0085"},
        {"\xe2\x80\xae", "\\u202e"},
        {"\xc3\xa9\xf0\x9f\x98\x80", "\xc3\xa9\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char wanted[100];
        snprintf(wanted, sizeof wanted, "\"text\":\"%s\"}\n", texts[i].shown);
        assert_non_null(strstr(form(WEIR_LOG_JSON, "", texts[i].raw, 0), wanted));
    }
}

/* Go over the inside of a JSON string. Returns where it ends: at its quote. */
static const char *over_string(const char *at) {
    while (*at != '"') {
        assert_true((unsigned char)*at >= 0x20);
        if (*at++ != '\\')
            continue;
        if (*at == 'u')
            assert_int_equal(strspn(at + 1, "0123456789abcdef") >= 4, 1);
        else
            assert_non_null(strchr("\"\\n", *at));
        at += *at == 'u' ? 5 : 1;
    }
    return at;
}

WEIR_TEST(random_bytes_of_the_greatest_length_are_valid_json) {
    srandom(7);
    for (int round = 0; round < 2000; round++) {
        char raw[512] = "", escaped[6000], task[64] = "";
        size_t len = (size_t)random() % 511;
        for (size_t i = 0; i < len; i++)
            raw[i] = (char)(1 + random() % (round % 2 ? 255 : 31));
        memset(task, round % 3 ? 't' : '\x01', 63);
        const char *out = form(WEIR_LOG_JSON, task, raw, round), *text = strstr(out, "\"text\":\"");
        assert_non_null(text);
        assert_string_equal(over_string(text + 8), "\"}\n");
        size_t all = strlen(out) - 1;
        assert_true(weir__escape(escaped, sizeof escaped, out, all));
        assert_int_equal(strlen(escaped), all); /* UTF-8, and nothing that must be escaped */
    }
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static void log_only_to(int number) {
    assert_true(number > 0);
    assert_int_equal(weir_log_remove(0), 0);
}

static char heard[1 << 20];

static size_t hear_all(int fd) {
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, heard + len, sizeof heard - 1 - len)) > 0)
        len += (size_t)n;
    heard[len] = '\0';
    return len;
}

WEIR_TEST(a_full_pipe_drops_lines_and_says_how_many) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int number = weir_log_add_fd(ends[1], WEIR_LOG_JSON);
    log_only_to(number);
    for (int i = 0; i < 3000; i++) /* far more than a pipe holds */
        weir_log(&net, WEIR_LOG_ERROR, "line %d", i);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    hear_all(ends[0]);
    int got = 0;
    for (const char *at = heard; *at != '\0'; at = strchr(at, '\n') + 1, got++)
        assert_memory_equal(at, "{\"time\":", 8);
    assert_in_range(got, 100, 2999);
    weir_log(&net, WEIR_LOG_ERROR, "again");
    hear_all(ends[0]);
    char wanted[40];
    snprintf(wanted, sizeof wanted, "\"dropped\":%d,", 3000 - got);
    assert_non_null(strstr(heard, wanted));
    assert_int_equal(weir_log_remove(number), 3000 - got);
    close(ends[0]);
    close(ends[1]);
}

WEIR_TEST(a_reader_that_has_gone_kills_nobody) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    signal(SIGPIPE, SIG_DFL);
    int number = weir_log_add_fd(ends[1], WEIR_LOG_TEXT);
    log_only_to(number);
    close(ends[0]);
    weir_log(&net, WEIR_LOG_ERROR, "anybody?");
    assert_int_equal(weir_log_remove(number), 1);
    close(ends[1]);
}

enum { THREADS = 4, LINES = 500 };

static void *log_lines(void *arg) {
    for (int i = 0; i < LINES; i++)
        weir_log(&net, WEIR_LOG_ERROR, "%s %0400d", (char *)arg, i);
    return NULL;
}

static void *listen_to(void *fd) {
    hear_all(*(int *)fd);
    return NULL;
}

static void lines_come_whole(int from, int to) {
    pthread_t reader, threads[THREADS];
    int number = weir_log_add_fd(to, WEIR_LOG_TEXT), got = 0;
    log_only_to(number);
    pthread_create(&reader, NULL, listen_to, &from);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, log_lines, "thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    weir_log(&net, WEIR_LOG_ERROR, "last");
    int64_t dropped = weir_log_remove(number);
    close(to);
    pthread_join(reader, NULL);
    close(from);
    for (char *at = heard, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, got++) {
        *end = '\0';
        bool is_line = strstr(at, "Z error net: thread 0000") != NULL && end - at >= 400;
        assert_true(is_line || strstr(at, "Z error net: last") != NULL);
        assert_null(strstr(at + 30, "error net"));
    }
    assert_int_equal(got + dropped, THREADS * LINES + 1);
}

WEIR_TEST(lines_of_threads_come_whole_from_a_pipe) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    lines_come_whole(ends[0], ends[1]);
}

WEIR_TEST(lines_of_threads_come_whole_from_a_small_socket) {
    int ends[2], little = 1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    lines_come_whole(ends[0], ends[1]);
}

WEIR_TEST(the_rest_of_a_line_comes_before_the_next) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct weir__log_fd f = {.fd = ends[1], .rest = "the rest\n", .rest_len = 9};
    struct weir_log_line line = {sizeof line, WEIR_LOG_ERROR, "net", "", "next", "next", 0};
    weir__log_fd_write(&f, &line);
    assert_int_equal(weir__log_fd_end(&f), 0);
    close(ends[1]);
    hear_all(ends[0]);
    assert_string_equal(heard, "the rest\n1970-01-01T00:00:00.000000Z error net: next\n");
    close(ends[0]);
}

/* ---- sinks ---------------------------------------------------------------------------------- */

static int calls;

static void count(const struct weir_log_line *line, void *arg) {
    assert_ptr_equal(arg, &calls);
    assert_string_equal(line->logger, "net");
    assert_string_equal(line->text, "one\\n");
    assert_string_equal(line->raw, "one\n");
    assert_string_equal(line->task, "");
    assert_int_equal(line->level, WEIR_LOG_ERROR);
    assert_true(line->time_ns > 0);
    calls++;
}

static void adds_itself(const struct weir_log_line *line, void *arg) {
    (void)line;
    assert_int_equal(weir_log_add(count, arg), -EBUSY);
    assert_int_equal(weir_log_remove(1), -EBUSY);
    weir_log(&net, WEIR_LOG_ERROR, "from a sink"); /* to stderr */
    calls++;
}

WEIR_TEST(a_sink_neither_adds_nor_removes_sinks) {
    int number = weir_log_add(adds_itself, &calls);
    log_only_to(number);
    weir_log(&net, WEIR_LOG_ERROR, "one\n");
    assert_int_equal(calls, 1);
    assert_int_equal(weir_log_remove(number), 0);
    assert_int_equal(weir_log_add(NULL, NULL), -EINVAL);
}

WEIR_TEST(each_sink_gets_each_line_until_it_is_removed) {
    assert_int_equal(weir_log_remove(0), 0);
    assert_int_equal(weir_log_remove(0), -ENOENT);
    for (int i = 1; i <= 8; i++)
        assert_int_equal(weir_log_add(count, &calls), i);
    assert_int_equal(weir_log_add(count, &calls), -ENOSPC);
    assert_int_equal(weir_log_add_fd(STDERR_FILENO, WEIR_LOG_TEXT), -ENOSPC);
    weir_log(&net, WEIR_LOG_ERROR, "one\n");
    assert_int_equal(calls, 8);
    assert_int_equal(weir_log_remove(3), 0);
    assert_int_equal(weir_log_remove(3), -ENOENT);
    weir_log(&net, WEIR_LOG_ERROR, "one\n");
    assert_int_equal(calls, 15);
    assert_int_equal(weir_log_add(count, &calls), 3);
    for (int i = 1; i <= 8; i++)
        assert_int_equal(weir_log_remove(i), 0);
    assert_int_equal(weir_log_remove(9), -ENOENT);
    assert_int_equal(weir_log_remove(-1), -ENOENT);
    assert_int_equal(weir_log_add_fd(-1, WEIR_LOG_JSON), -EBADF);
}

static void keep_raw(const struct weir_log_line *line, void *arg) {
    strcpy(arg, line->raw);
}

WEIR_TEST(a_cut_ends_between_two_characters) {
    char raw[600] = "", long_text[601];
    for (int i = 0; i < 300; i++)
        memcpy(long_text + 2 * i, "\xc3\xa9", 2);
    long_text[600] = '\0';
    int number = weir_log_add(keep_raw, raw);
    log_only_to(number);
    weir_log(&net, WEIR_LOG_ERROR, "%s", long_text);
    assert_int_equal(strlen(raw), 510);
    weir_log(&net, WEIR_LOG_ERROR, "x%s", long_text);
    assert_int_equal(strlen(raw), 511);
    weir_log_remove(number);
}
