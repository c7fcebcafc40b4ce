/* SPDX-License-Identifier: MIT */
/* Dates: three formats in, one out; against the C library's calendar; what is none. */
#include "http/date.h"

#include <string.h>
#include <time.h>

#include "test/runner.h"
#include "wire/wire_test_util.h"

static bool parse(const char *text, int64_t now, int64_t *ret) {
    return weir__date_parse(text, strlen(text), now, ret);
}

WEIR_TEST(three_formats_name_one_moment) {
    static const char *const texts[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                        "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < 3; i++) {
        int64_t at = 0;
        assert_true(parse(texts[i], 784111777, &at));
        assert_int_equal(at, 784111777);
    }
}

WEIR_TEST(dates_are_those_of_the_c_library_over_a_thousand_years) {
    char text[WEIR__DATE_LEN + 1], expected[64];
    for (int64_t at = -12000000000; at < 20000000000; at += 7654321) {
        time_t when = (time_t)at;
        struct tm tm;
        int64_t back = 0;
        gmtime_r(&when, &tm);
        strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        assert_string_equal(weir__date_write(at, text), expected);
        assert_true(parse(text, 0, &back));
        assert_true(back == at);
    }
    assert_string_equal(weir__date_write(INT64_MAX, text), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_string_equal(weir__date_write(INT64_MIN, text), "Sat, 01 Jan 0000 00:00:00 GMT");
}

WEIR_TEST(a_year_of_two_digits_lies_at_most_50_years_ahead) {
    static const int64_t in_2026 = 1790000000;
    int64_t at = 0;
    assert_true(parse("Friday, 01-Jan-76 00:00:00 GMT", in_2026, &at));
    assert_int_equal(weir__civil(at).year, 2076);
    assert_true(parse("Friday, 01-Jan-77 00:00:00 GMT", in_2026, &at));
    assert_int_equal(weir__civil(at).year, 1977);
}

WEIR_TEST(what_is_no_date_is_refused) {
    static const char *const texts[] = {
        "", "0", "now", "784111777",
        "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 31 Apr 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov 19940 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t at = 7;
        assert_false(parse(texts[i], 0, &at));
        assert_int_equal(at, 7);
    }
    int64_t at = 0;
    assert_true(parse("Thu, 29 Feb 2024 23:59:60 GMT", 0, &at)); /* a leap second */
}

WEIR_TEST(a_date_that_is_cut_reads_no_byte_too_far) {
    static const char text[] = "Sunday, 06-Nov-94 08:49:37 GMT";
    struct guard g;
    guard_open(&g, 100);
    for (size_t len = 0; len < sizeof text - 1; len++) {
        int64_t at = 0;
        assert_false(weir__date_parse((const char *)guard_at_end(&g, text, len), len, 0, &at));
    }
    guard_close(&g);
}
