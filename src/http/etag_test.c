/* SPDX-License-Identifier: MIT */
/* Conditions as a table of requests, each clause of RFC 9110 13 that a server decides by. */
#include "http/etag.h"

#include <stdio.h>
#include <string.h>

#include "test/runner.h"

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct weir__validators strong = {"\"a,b\"", 784111777, true, false};
static const struct weir__validators weak = {"W/\"a,b\"", 784111777, true, false};
static const struct weir__validators bare = {NULL, 0, false, false};
static const struct weir__validators missing = {NULL, 0, false, true};

static void head_parse(struct weir__http1 *h, struct weir__http1_header *headers, char *text,
                       size_t size, const char *method, const char *fields) {
    int n = snprintf(text, size, "%s / HTTP/1.1\r\nHost: x\r\n%s\r\n", method, fields);
    weir__http1_init(h, WEIR__HTTP1_REQUEST, headers, &weir__http1_limits_default);
    assert_int_equal(weir__http1_parse(h, text, (size_t)n), n);
}

WEIR_TEST(conditions_are_decided_in_the_order_of_rfc_9110) {
    static const struct {
        const char *method, *fields;
        const struct weir__validators *now_is;
        int status;
    } cases[] = {
        {"GET", "", &strong, 0},
        {"GET", "If-None-Match: \"a,b\"\r\n", &strong, 304},
        {"HEAD", "If-None-Match: \"a,b\"\r\n", &strong, 304},
        {"PUT", "If-None-Match: \"a,b\"\r\n", &strong, 412},
        {"GET", "If-None-Match: W/\"a,b\"\r\n", &strong, 304},
        {"GET", "If-None-Match: \"a,b\"\r\n", &weak, 304},
        {"GET", "If-None-Match: \"x\", , W/\"y\",\"a,b\"\r\n", &strong, 304},
        {"GET", "If-None-Match: \"x\"\r\nif-none-match: \"a,b\"\r\n", &strong, 304},
        {"GET", "If-None-Match: \"a\"\r\n", &strong, 0},
        {"GET", "If-None-Match: a,b\r\n", &strong, 0},
        {"GET", "If-None-Match: \"x, \"a,b\"\r\n", &strong, 0},
        {"GET", "If-None-Match: w/\"a,b\"\r\n", &strong, 0},
        {"GET", "If-None-Match: *\r\n", &bare, 304},
        {"PUT", "If-None-Match: *\r\n", &missing, 0},
        {"PUT", "If-None-Match: *\r\n", &strong, 412},
        {"GET", "If-None-Match: \"a,b\"\r\n", &bare, 0},
        /* with If-None-Match there, If-Modified-Since does not count */
        {"GET", "If-None-Match: \"x\"\r\nIf-Modified-Since: " SAME "\r\n", &strong, 0},
        {"GET", "If-Modified-Since: " SAME "\r\n", &strong, 304},
        {"GET", "If-Modified-Since: " AFTER "\r\n", &strong, 304},
        {"GET", "If-Modified-Since: " BEFORE "\r\n", &strong, 0},
        {"GET", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", &strong, 304},
        {"POST", "If-Modified-Since: " SAME "\r\n", &strong, 0},
        {"GET", "If-Modified-Since: yesterday\r\n", &strong, 0},
        {"GET", "If-Modified-Since: " SAME "\r\nIf-Modified-Since: " SAME "\r\n", &strong, 0},
        {"GET", "If-Modified-Since: " SAME "\r\n", &bare, 0},
        {"PUT", "If-Match: \"a,b\"\r\n", &strong, 0},
        {"PUT", "If-Match: \"x\", \"a,b\"\r\n", &strong, 0},
        {"PUT", "If-Match: \"x\"\r\n", &strong, 412},
        {"PUT", "If-Match: W/\"a,b\"\r\n", &strong, 412},
        {"PUT", "If-Match: \"a,b\"\r\n", &weak, 412},
        {"PUT", "If-Match: *\r\n", &strong, 0},
        {"PUT", "If-Match: *\r\n", &missing, 412},
        {"PUT", "If-Match: \r\n", &strong, 412},
        {"PUT", "If-Unmodified-Since: " SAME "\r\n", &strong, 0},
        {"PUT", "If-Unmodified-Since: " BEFORE "\r\n", &strong, 412},
        {"PUT", "If-Unmodified-Since: tomorrow\r\n", &strong, 0},
        /* with If-Match there, If-Unmodified-Since does not count */
        {"PUT", "If-Match: \"a,b\"\r\nIf-Unmodified-Since: " BEFORE "\r\n", &strong, 0},
        {"GET", "If-Match: \"x\"\r\nIf-None-Match: \"a,b\"\r\n", &strong, 412},
        {"GET", "If-Match: \"a,b\"\r\nIf-None-Match: \"a,b\"\r\n", &strong, 304},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
        struct weir__http1 h;
        char text[500];
        head_parse(&h, headers, text, sizeof text, cases[i].method, cases[i].fields);
        int status = weir__condition(&h, text, cases[i].method, cases[i].now_is, 0);
        if (status != cases[i].status)
            fprintf(stderr, "case %zu: %s\n", i, cases[i].fields);
        assert_int_equal(status, cases[i].status);
    }
}

WEIR_TEST(if_range_counts_only_with_a_strong_tag_or_the_exact_date) {
    static const struct {
        const char *fields;
        const struct weir__validators *now_is;
        bool counts;
    } cases[] = {
        {"", &bare, true},
        {"If-Range: \"a,b\"\r\n", &strong, true},
        {"If-Range: W/\"a,b\"\r\n", &strong, false},
        {"If-Range: \"a,b\"\r\n", &weak, false},
        {"If-Range: \"a\"\r\n", &strong, false},
        {"If-Range: \"a,b\", \"c\"\r\n", &strong, false},
        {"If-Range: *\r\n", &strong, false},
        {"If-Range: \r\n", &strong, false},
        {"If-Range: " SAME "\r\n", &strong, true},
        {"If-Range: " AFTER "\r\n", &strong, false},
        {"If-Range: " BEFORE "\r\n", &strong, false},
        {"If-Range: " SAME "\r\n", &bare, false},
        {"If-Range: \"a,b\"\r\nIf-Range: \"a,b\"\r\n", &strong, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
        struct weir__http1 h;
        char text[500];
        head_parse(&h, headers, text, sizeof text, "GET", cases[i].fields);
        assert_int_equal(weir__condition_range(&h, text, cases[i].now_is, 0), cases[i].counts);
    }
}

WEIR_TEST(a_tag_has_quotes_and_no_blanks) {
    assert_true(weir__etag_valid("\"\"", 2));
    assert_true(weir__etag_valid("W/\"a\xff\"", 6));
    assert_false(weir__etag_valid("\"a b\"", 5));
    assert_false(weir__etag_valid("a", 1));
    assert_false(weir__etag_valid("\"a", 2));
    assert_false(weir__etag_valid("\"a\"b", 4));
    assert_false(weir__etag_valid("\"a\r\nX: y\"", 9));
    assert_false(weir__etag_valid("W/", 2));
    assert_false(weir__etag_valid("", 0));
}
