/* SPDX-License-Identifier: MIT */
/* Bodies fed in pieces of every size; each piece ends at an unmapped page. */
#include "wire/chunked.h"

#include <string.h>
#include <weir/base.h>

#include "test/runner.h"
#include "wire/wire_test_util.h"

struct outcome {
    char body[256], trailers[WEIR__CHUNKED_TRAILER_MAX + 256];
    size_t body_len, trailers_len, used;
    int rc;
    const char *why;
};

/* Feed pieces of at most step bytes, each of them ending at an unmapped page. */
static struct outcome decode(const char *text, size_t len, size_t step, uint64_t body_len_max) {
    struct outcome o = {0};
    struct weir__chunked c;
    struct guard g;
    guard_open(&g, len);
    weir__chunked_init(&c, body_len_max);
    while (o.rc >= 0 && o.rc != WEIR__CHUNKED_END && o.used < len) {
        struct weir__chunked_data d;
        size_t piece = len - o.used < step ? len - o.used : step;
        o.rc = weir__chunked_feed(&c, guard_at_end(&g, text + o.used, piece), piece, &d);
        if (o.rc == WEIR__CHUNKED_DATA) {
            memcpy(o.body + o.body_len, d.data, d.len);
            o.body_len += d.len;
        }
        if (o.rc == WEIR__CHUNKED_TRAILER) {
            memcpy(o.trailers + o.trailers_len, d.data, d.len);
            o.trailers_len += d.len;
        }
        o.used += d.used;
    }
    o.why = c.why;
    guard_close(&g);
    return o;
}

static struct outcome decode_all_ways(const char *text, uint64_t body_len_max) {
    size_t len = strlen(text);
    struct outcome whole = decode(text, len, len + 1, body_len_max);
    for (size_t step = 1; step < len; step++) {
        struct outcome o = decode(text, len, step, body_len_max);
        assert_int_equal(o.rc < 0 ? o.rc : o.rc == WEIR__CHUNKED_END,
                         whole.rc < 0 ? whole.rc : whole.rc == WEIR__CHUNKED_END);
        assert_int_equal(o.used, whole.used);
        assert_ptr_equal(o.why, whole.why);
        assert_int_equal(o.body_len, whole.body_len);
        assert_memory_equal(o.body, whole.body, o.body_len);
        if (whole.rc == WEIR__CHUNKED_END)
            assert_int_equal(o.trailers_len, whole.trailers_len);
        assert_memory_equal(o.trailers, whole.trailers, whole.trailers_len);
    }
    return whole;
}

WEIR_TEST(trailer_lines_come_out_as_they_were_sent) {
    struct outcome o = decode_all_ways("1\r\nx\r\n0\r\nA: 1\r\nDigest:\tq=1 \r\n\r\nGET", 100);
    assert_int_equal(o.rc, WEIR__CHUNKED_END);
    assert_string_equal(o.trailers, "A: 1\r\nDigest:\tq=1 \r\n");
    o = decode_all_ways("1\r\nx\r\n0\r\n\r\n", 100);
    assert_int_equal(o.rc, WEIR__CHUNKED_END);
    assert_int_equal(o.trailers_len, 0);
}

WEIR_TEST(chunked_bodies_come_out_whole) {
    static const struct {
        const char *text, *body, *rest;
    } cases[] = {
        {"0\r\n\r\n", "", ""},
        {"5\r\nhello\r\n0\r\n\r\nGET", "hello", "GET"},
        {"1\r\na\r\n00A\r\n0123456789\r\n0\r\n\r\n", "a0123456789", ""},
        {"b\r\n\r\n0\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n\r\n\r\n", ""},
        {"2;name=value;x\r\nhi\r\n0;y\r\n\r\n", "hi", ""},
        {"2\r\nhi\r\n0\r\nA: b\r\nC:\t\xc3\xa9\r\n\r\nX", "hi", "X"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o = decode_all_ways(cases[i].text, 100);
        assert_int_equal(o.rc, WEIR__CHUNKED_END);
        assert_int_equal(o.body_len, strlen(cases[i].body));
        assert_memory_equal(o.body, cases[i].body, o.body_len);
        assert_string_equal(cases[i].text + o.used, cases[i].rest);
    }
}

WEIR_TEST(chunked_bodies_that_lie_are_refused) {
    static const struct {
        const char *text;
        int rc;
    } cases[] = {
        {"\r\n", WEIR_EPROTO},
        {"x\r\n", WEIR_EPROTO},
        {"-1\r\n", WEIR_EPROTO},
        {"+1\r\n", WEIR_EPROTO},
        {"0x1\r\na\r\n", WEIR_EPROTO},
        {" 1\r\na\r\n", WEIR_EPROTO},
        {"1 \r\na\r\n", WEIR_EPROTO},
        {"1\na\r\n", WEIR_EPROTO},
        {"1\ra\r\n", WEIR_EPROTO},
        {"1;\n\r\na", WEIR_EPROTO},
        {"1;a\rb\r\na", WEIR_EPROTO},
        {"1;\x01\r\na", WEIR_EPROTO},
        {"1\r\nab\r\n", WEIR_EPROTO},
        {"1\r\na0\r\n\r\n", WEIR_EPROTO},
        {"1\r\na\n0\r\n\r\n", WEIR_EPROTO},
        {"1\r\na\rx", WEIR_EPROTO},
        {"0\r\nA\r\n\r\n", WEIR_EPROTO},
        {"0\r\nA : b\r\n\r\n", WEIR_EPROTO},
        {"0\r\n A: b\r\n\r\n", WEIR_EPROTO},
        {"0\r\n: b\r\n\r\n", WEIR_EPROTO},
        {"0\r\nA: b\n\r\n", WEIR_EPROTO},
        {"0\r\nA: \x7f\r\n\r\n", WEIR_EPROTO},
        {"0\r\n\rX", WEIR_EPROTO},
        {"65\r\n", WEIR_ETOOBIG},
        {"60\r\n012345678901234567890123456789012345678901234567890123456789012345678901234567890"
         "123456789012345\r\n5\r\n", WEIR_ETOOBIG},
        {"fffffffffffffffff\r\n", WEIR_ETOOBIG},
        {"8000000000000000\r\n", WEIR_ETOOBIG},
        {"10000000000000000\r\n\r\n", WEIR_ETOOBIG}, /* 0, if it wrapped */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o = decode_all_ways(cases[i].text, 100);
        if (o.rc != cases[i].rc || !o.why)
            fail_msg("%s: %d", cases[i].text, o.rc);
    }
}

/* Feed count chunks of len bytes, each with an extension. */
static int feed_extended(size_t count, size_t len, size_t extension) {
    struct weir__chunked c;
    struct weir__chunked_data d;
    char text[600];
    int n = snprintf(text, sizeof text, "%zx;%0*d\r\n%0*d\r\n", len, (int)extension, 0, (int)len,
                     0), rc = 0;
    weir__chunked_init(&c, INT64_MAX);
    for (size_t i = 0; i < count && rc >= 0; i++)
        for (size_t at = 0; at < (size_t)n && rc >= 0; at += d.used)
            rc = weir__chunked_feed(&c, text + at, (size_t)n - at, &d);
    return rc;
}

WEIR_TEST(chunk_extensions_take_no_more_than_the_data_for_long) {
    assert_int_equal(feed_extended(60, 1, 200), WEIR__CHUNKED_MORE);
    assert_int_equal(feed_extended(200, 1, 200), WEIR_ETOOBIG);
    assert_int_equal(feed_extended(100000, 100, 200), WEIR__CHUNKED_MORE);
    assert_int_equal(feed_extended(100000, 1, 8), WEIR__CHUNKED_MORE);
}

WEIR_TEST(chunk_extensions_and_trailers_are_bounded) {
    static char text[WEIR__CHUNKED_TRAILER_MAX + 100];
    memset(text, 'a', sizeof text);
    memcpy(text, "1;", 2);
    assert_int_equal(decode(text, sizeof text, 1000, 9).rc, WEIR_ETOOBIG);
    assert_int_equal(decode(text, WEIR__CHUNKED_LINE_MAX, 7, 9).rc, WEIR__CHUNKED_MORE);
    memcpy(text, "0\r\na:", 5);
    assert_int_equal(decode(text, sizeof text, 1000, 9).rc, WEIR_ETOOBIG);
    assert_int_equal(decode(text, 3 + WEIR__CHUNKED_TRAILER_MAX, 7, 9).rc,
                     WEIR__CHUNKED_TRAILER);
}
