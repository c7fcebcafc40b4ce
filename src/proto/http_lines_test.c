/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <weir/error.h>
#include <weir/http.h>

#include "base/alloc.h"
#include "test/runner.h"

WEIR_TEST(a_client_says_who_it_is) {
    char line[80];
    assert_int_equal(weir_http_basic_line(line, sizeof line, "Aladdin", "open sesame"), 49);
    assert_string_equal(line, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="); /* RFC 7617 2 */
    assert_int_equal(weir_http_basic_line(line, sizeof line, "", ""), 25);
    assert_int_equal(weir_http_bearer_line(line, sizeof line, "mF_9.B5f-4.1JqM=="), 39);
    assert_string_equal(line, "Authorization: Bearer mF_9.B5f-4.1JqM==");
    assert_int_equal(weir_http_cookie_line(line, sizeof line, "SID", "31d4d96e"), 20);
    assert_string_equal(line, "Cookie: SID=31d4d96e");
    assert_int_equal(weir_http_cookie_line(line, sizeof line, "SID", ""), 12);
}

WEIR_TEST(no_line_is_made_of_what_would_break_out_of_it) {
    static const char *const tokens[] = {"", "=", "a b", "a\r\nX: y", "a=b", "\xc3\xa4"};
    static const char *const values[] = {"a b", "a;b", "a,b", "\"a\"", "a\\b", "a\n", "\xc3\xa4"};
    char line[80] = "x", tiny[20];
    assert_int_equal(weir_http_basic_line(line, sizeof line, "a:b", "c"), -EINVAL);
    assert_string_equal(line, "");
    assert_int_equal(weir_http_basic_line(line, sizeof line, "a", "c\n"), -EINVAL);
    assert_int_equal(weir_http_basic_line(line, sizeof line, "a\x7f", "c"), -EINVAL);
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        assert_int_equal(weir_http_bearer_line(line, sizeof line, tokens[i]), -EINVAL);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_int_equal(weir_http_cookie_line(line, sizeof line, "a", values[i]), -EINVAL);
    assert_int_equal(weir_http_cookie_line(line, sizeof line, "a b", "c"), -EINVAL);
    assert_int_equal(weir_http_cookie_line(line, sizeof line, "", "c"), -EINVAL);
    assert_int_equal(weir_http_bearer_line(tiny, sizeof tiny, "token"), WEIR_ETOOBIG);
    assert_string_equal(tiny, "");
    assert_int_equal(weir_http_cookie_line(tiny, sizeof tiny, "session", "cookie"), WEIR_ETOOBIG);
    assert_int_equal(weir_http_cookie_line(tiny, 0, "a", "b"), WEIR_ETOOBIG);
}

static void expect_why(int rc, int want, const char *why) {
    assert_int_equal(rc, want);
    assert_non_null(weir_error(rc));
    assert_string_equal(weir_error_message(rc), why);
}

WEIR_TEST(a_refused_line_has_a_cause_that_shows_no_secret) {
    char line[80], name[202];
    memset(name, 'n', 201);
    name[201] = '\0';
    expect_why(weir_http_basic_line(line, sizeof line, "a:b", "c"), -EINVAL,
               "http basic line: a user name has no colon");
    expect_why(weir_http_basic_line(line, sizeof line, "a\t", "c"), -EINVAL,
               "http basic line: the byte 0x09 may not stand in the user name");
    expect_why(weir_http_basic_line(line, sizeof line, "a", "secret\n"), -EINVAL,
               "http basic line: the byte 0x0a may not stand in the password");
    expect_why(weir_http_basic_line(line, 10, "a", "c"), WEIR_ETOOBIG,
               "http basic line: the line needs 26 bytes, and buf has 10");
    expect_why(weir_http_bearer_line(line, sizeof line, ""), -EINVAL,
               "http bearer line: the token is empty");
    expect_why(weir_http_bearer_line(line, sizeof line, "a=b"), -EINVAL,
               "http bearer line: the byte 0x3d may not stand in the token");
    expect_why(weir_http_bearer_line(line, sizeof line, "a b"), -EINVAL,
               "http bearer line: the byte 0x20 may not stand in the token");
    expect_why(weir_http_cookie_line(line, sizeof line, "", "v"), -EINVAL,
               "http cookie line: the name is empty");
    expect_why(weir_http_cookie_line(line, sizeof line, "a=", "v"), -EINVAL,
               "http cookie line: the byte 0x3d may not stand in the name");
    expect_why(weir_http_cookie_line(line, sizeof line, "a", "\xc3\xa4"), -EINVAL,
               "http cookie line: the byte 0xc3 may not stand in the value");
    expect_why(weir_http_cookie_line(line, sizeof line, name, "v"), WEIR_ETOOBIG,
               "http cookie line: the name has 201 bytes of at most 200");
    expect_why(weir_http_cookie_line(line, 10, "a", "v"), WEIR_ETOOBIG,
               "http cookie line: the line needs 12 bytes, and buf has 10");
}

WEIR_TEST(without_memory_there_is_no_line) {
    char line[80];
    for (size_t n = 1; n <= 2; n++) {
        weir__alloc_fail_at(n);
        assert_int_equal(weir_http_basic_line(line, sizeof line, "a", "b"), -ENOMEM);
        weir__alloc_fail_at(0);
        assert_string_equal(line, "");
    }
}
