/* SPDX-License-Identifier: MIT */
/* The command line of a worker: the forms of a host, and which hosts need --insecure. */
#include "worker/options.h"

#include <string.h>

#include "test/runner.h"
#include "wire/origin.h"

/* The program that "test -s HOST" makes; NULL: refused, with that exit code. */
static struct weir__program *with_host(const char *host, int *ret_code) {
    char word[] = "test", flag[] = "-s", copy[400];
    strcpy(copy, host);
    char *argv[] = {word, flag, copy, NULL};
    struct weir__program *p = weir__program_new("test");
    assert_non_null(p);
    *ret_code = weir__options_read(p, NULL, 3, argv, NULL);
    if (*ret_code < 0)
        return p;
    weir__program_free(p);
    return NULL;
}

WEIR_TEST(brackets_of_a_host_are_left_out) {
    static const struct {
        const char *given, *host;
        bool safe;
    } rows[] = {
        {"[::1]", "::1", true},     {"::1", "::1", true},     {"localhost", "localhost", true},
        {"127.0.0.1", "127.0.0.1", true}, {"[::]", "::", false}, {"*", "*", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code;
        struct weir__program *p = with_host(rows[i].given, &code);
        assert_non_null(p);
        assert_string_equal(p->host, rows[i].host);
        assert_int_equal(weir__options_safe(p), rows[i].safe);
        weir__program_free(p);
    }
}

WEIR_TEST(a_host_has_its_bounds) {
    char host[300];
    int code;
    for (size_t i = 0; i < sizeof host; i++) /* a label has at most 63, a name 253 */
        host[i] = i % 2 == 0 ? 'h' : '.';
    host[253] = '\0';
    struct weir__program *p = with_host(host, &code);
    assert_non_null(p);
    assert_string_equal(p->host, host);
    weir__program_free(p);
    host[253] = '.';
    host[255] = '\0';
    static const char *const none[] = {"", "[h]", "a*b..c", "h:80", "u@h", "ws://h", "127.1"};
    for (size_t i = 0; i <= sizeof none / sizeof none[0]; i++) {
        assert_null(with_host(i == 0 ? host : none[i - 1], &code));
        assert_int_equal(code, 2);
    }
}

WEIR_TEST(an_origin_is_what_a_browser_sends) {
    static const char *const good[] = {
        "http://localhost:8000", "https://example.org", "null", "http://[::1]:1",
        "http://127.0.0.1", "chrome-extension://abcdef", "http://a:65535",
    };
    static const char *const bad[] = {
        "", "localhost", "http://", "http://a/", "http://a?x", "http://a:", "http://a:0",
        "http://a:080", "http://a:65536", "http://a:1x", "http://A", "HTTP://a", "://a", "*",
        "http://a b", "http://u@a", "http://[::1", "http://[::1]x", "http://*",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_null(weir__origin_refused(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(weir__origin_refused(bad[i]));
}

WEIR_TEST(as_many_origins_as_a_file_and_a_command_line_name) {
    enum { MOST = 2 * WEIR__ORIGINS_MAX, WORDS = 1 + 2 * (MOST + 1) };
    static char word[] = "test", flag[] = "--origin", origin[] = "http://a";
    char *argv[WORDS + 1] = {word};
    for (int i = 1; i < WORDS; i += 2) {
        argv[i] = flag;
        argv[i + 1] = origin;
    }
    for (int more = 0; more <= 1; more++) {
        struct weir__program *p = weir__program_new("test");
        int words = WORDS - 2 + 2 * more;
        char *last = argv[words];
        argv[words] = NULL;
        assert_int_equal(weir__options_read(p, NULL, words, argv, NULL), more == 0 ? -1 : 2);
        assert_string_equal(p->origins[MOST - 1], origin);
        assert_null(p->origins[MOST]);
        argv[words] = last;
        weir__program_free(p);
    }
}
