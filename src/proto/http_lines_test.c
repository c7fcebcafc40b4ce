/* SPDX-License-Identifier: MIT */
#include <string.h>
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

WEIR_TEST(without_memory_there_is_no_line) {
    char line[80];
    for (size_t n = 1; n <= 2; n++) {
        weir__alloc_fail_at(n);
        assert_int_equal(weir_http_basic_line(line, sizeof line, "a", "b"), -ENOMEM);
        weir__alloc_fail_at(0);
        assert_string_equal(line, "");
    }
}
