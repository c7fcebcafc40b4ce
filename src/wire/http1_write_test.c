/* SPDX-License-Identifier: MIT */
/* Heads that are written are heads that our own parser takes, and nothing breaks out of them. */
#include "wire/http1_write.h"

#include <errno.h>
#include <string.h>
#include <weir/base.h>

#include "test/runner.h"

static struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];

WEIR_TEST(refusals_are_whole_answers) {
    static const int statuses[] = {400, 403, 405, 426, 431, 505, 418};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct weir__http1 h;
        char text[400];
        ssize_t len = weir__http1_refusal_write(text, sizeof text - 1, statuses[i], "bad origin");
        assert_true(len > 0);
        weir__http1_init(&h, WEIR__HTTP1_RESPONSE, headers, &weir__http1_limits_default);
        int head = weir__http1_parse(&h, text, (size_t)len);
        assert_int_equal(h.status, statuses[i]);
        assert_int_equal(h.body_len, len - head);
        assert_memory_equal(text + head, "bad origin\n", 11);
        assert_true(weir__http1_has_token(&h, text, "connection", "close"));
        assert_int_equal(weir__http1_find(&h, text, "upgrade", 0) >= 0, statuses[i] == 426);
    }
}

/* Written by us, parsed by us: the head, and how many bytes of text it takes. */
static int parse_answer(struct weir__http1 *h, const struct weir__http1_answer *a, char *text,
                        size_t size) {
    ssize_t len = weir__http1_answer_write(text, size, a);
    assert_true(len > 0);
    weir__http1_init(h, WEIR__HTTP1_RESPONSE, headers, &weir__http1_limits_default);
    assert_int_equal(weir__http1_parse(h, text, (size_t)len), len);
    assert_true(weir__http1_has_token(h, text, "connection", "close"));
    assert_int_equal(h->status, a->status);
    return (int)len;
}

WEIR_TEST(each_status_gives_a_whole_answer) {
    static const char *const lines[] = {"WWW-Authenticate: Bearer realm=\"x\"", "X-Empty:", NULL};
    for (int status = 200; status < 600; status++) {
        struct weir__http1 h;
        char text[400];
        bool has_body = weir__http1_status_has_body(status);
        struct weir__http1_answer a = {status, lines, has_body ? 7 : 0};
        parse_answer(&h, &a, text, sizeof text);
        assert_int_equal(h.body_len, status == 204 || status == 304 ? -1 : has_body ? 7 : 0);
        assert_int_equal(h.reason.len, strlen(weir__http1_status_text(status)));
        assert_true(h.reason.len > 0);
        assert_int_equal(weir__http1_find(&h, text, "www-authenticate", 0), 0);
        assert_int_equal(weir__http1_find(&h, text, "x-empty", 0), 1);
        assert_int_equal(weir__http1_find(&h, text, "upgrade", 0) >= 0, status == 426);
    }
}

WEIR_TEST(an_answer_fits_in_the_size_that_was_promised) {
    static const char *const lines[] = {"A: b", "Long-Name: long, long value", NULL};
    struct weir__http1_answer a = {511, lines, (size_t)-1};
    char text[400];
    size_t enough = 256 + weir__head_lines_len(lines);
    ssize_t len = weir__http1_answer_write(text, enough, &a);
    assert_true(len > 0);
    for (size_t size = 0; size < (size_t)len; size++) {
        memset(text, '~', sizeof text);
        assert_int_equal(weir__http1_answer_write(text, size, &a), WEIR_ETOOBIG);
        assert_int_equal(text[size], '~');
    }
}

WEIR_TEST(a_line_that_would_break_out_is_found) {
    static const struct {
        const char *line;
        bool is_good;
    } cases[] = {
        {"A: b", true}, {"A:b", true}, {"A:", true}, {"A: ", true}, {"A:\tb\t", true},
        {"X-Odd!#$%&'*+.^_`|~1: \"q\" (c) caf\xc3\xa9 \xff", true}, {"A: b: c", true},
        {"", false}, {":", false}, {": b", false}, {"A", false}, {"A b", false}, {"A : b", false},
        {" A: b", false}, {"A\t: b", false}, {"A: b\r\n", false}, {"A: b\nB: c", false},
        {"A: b\r", false}, {"A: b\x7f", false}, {"A: \x01", false}, {"A\r\nB: c", false},
        {"caf\xc3\xa9: b", false}, {"A,B: c", false}, {"\"A\": c", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const lines[] = {"Before: it", cases[i].line, NULL};
        struct weir__http1_answer a = {200, lines, 0};
        char text[400];
        bool is_good = weir__http1_line_fault(cases[i].line) == NULL;
        if (is_good != cases[i].is_good)
            fail_msg("%s", cases[i].line);
        ssize_t len = weir__http1_answer_write(text, sizeof text, &a);
        assert_int_equal(len == -EINVAL, !is_good);
    }
}

WEIR_TEST(an_authority_is_put_without_the_zone_of_its_address) {
    static const char *const cases[][2] = {
        {"h", "h"}, {"h.example:80", "h.example:80"}, {"127.0.0.1", "127.0.0.1"},
        {"[::1]", "[::1]"}, {"[::1]:80", "[::1]:80"}, {"[fe80::1%eth0]", "[fe80::1]"},
        {"[fe80::1%eth0]:8080", "[fe80::1]:8080"}, {"[fe80::1%25eth0]:1", "[fe80::1]:1"},
        {"[fe80::1%]", "[fe80::1]"}, {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[40] = "";
        struct weir__head w = {.text = text, .size = sizeof text - 1};
        weir__head_put_authority(&w, cases[i][0], strlen(cases[i][0]));
        assert_int_equal(weir__head_len(&w), strlen(cases[i][1]));
        assert_string_equal(text, cases[i][1]);
    }
    char text[40];
    struct weir__head w = {.text = text, .size = sizeof text};
    weir__head_put_authority(&w, "[::1%a]\r\n", 9);
    assert_int_equal(weir__head_len(&w), -EINVAL);
}

WEIR_TEST(a_line_is_known_by_its_name_in_any_case) {
    assert_true(weir__http1_line_is("content-LENGTH: 7", "Content-Length"));
    assert_true(weir__http1_line_is("Upgrade:", "Upgrade"));
    assert_false(weir__http1_line_is("Upgrade-Insecure-Requests: 1", "Upgrade"));
    assert_false(weir__http1_line_is("Up: grade", "Upgrade"));
    assert_false(weir__http1_line_is("Upgrade", "Upgrade"));
}
