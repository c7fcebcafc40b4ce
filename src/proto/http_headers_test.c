/* SPDX-License-Identifier: MIT */
/* Header lines that a program gives: which are sent, and how the others are refused. */
#include "proto/http_headers.h"

#include <errno.h>
#include <string.h>
#include <weir/base.h>

#include "task/task.h"
#include "test/runner.h"

static int check(const char *line, enum http_side side) {
    const char *const headers[] = {"X-Good: 1", line, NULL};
    return weir__http_headers_check("test", headers, side);
}

WEIR_TEST(no_headers_are_good_headers) {
    static const char *const none[] = {NULL};
    assert_int_equal(weir__http_headers_check("test", NULL, HTTP_ASKS), 0);
    assert_int_equal(weir__http_headers_check("test", none, HTTP_ANSWERS), 0);
}

WEIR_TEST(what_would_break_out_of_its_line_is_refused) {
    static const char *const bad[] = {"A: b\r\nEvil: c", "A: b\n", "A\r: b", "A: \x7f", "A b: c",
                                      " A: b", "A", "", ": b", "A : b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(check(bad[i], HTTP_ASKS), -EINVAL);
        assert_int_equal(check(bad[i], HTTP_ANSWERS), -EINVAL);
    }
}

WEIR_TEST(the_text_names_the_header) {
    assert_int_equal(check("X-Bad: a\r\nEvil: c", HTTP_ASKS), -EINVAL);
    assert_string_equal(weir_error_message(-EINVAL),
                        "test: the header \"X-Bad: a\\x0d\\nEvil: c\": a control character in it");
    assert_int_equal(check("content-length: 7", HTTP_ANSWERS), -EINVAL);
    assert_string_equal(weir_error_message(-EINVAL),
                        "test: the header \"content-length: 7\": that one is the library's");
}

WEIR_TEST(each_side_has_headers_that_are_the_librarys) {
    static const char *const of_both[] = {"Content-Length: 1", "CONNECTION: close", "upgrade: h2c",
                                          "Transfer-Encoding:chunked"};
    static const char *const of_asking[] = {"Host: x", "ORIGIN: x", "sec-websocket-key: x",
                                            "Sec-WebSocket-: x"};
    static const char *const of_none[] = {"Cookie: a=b", "Hostess: x", "Sec-Fetch-Mode: x",
                                          "Upgrade-Insecure-Requests: 1", "Origins: x"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(check(of_both[i], HTTP_ASKS), -EINVAL);
        assert_int_equal(check(of_both[i], HTTP_ANSWERS), -EINVAL);
        assert_int_equal(check(of_asking[i], HTTP_ASKS), -EINVAL);
        assert_int_equal(check(of_asking[i], HTTP_ANSWERS), 0);
    }
    for (size_t i = 0; i < sizeof of_none / sizeof of_none[0]; i++)
        assert_int_equal(check(of_none[i], HTTP_ASKS), 0);
}
