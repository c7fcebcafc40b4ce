/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <weir/base.h>

#include "test/runner.h"

static const int our_codes[] = {
#define CODE(name, number, text) name,
    WEIR_ERRORS(CODE)
#undef CODE
};

enum { OUR_COUNT = sizeof our_codes / sizeof our_codes[0] };

WEIR_TEST(codes_have_the_name_they_are_written_with) {
    assert_string_equal(weir_error_name(-ECONNRESET), "ECONNRESET");
    assert_string_equal(weir_error_name(-ECANCELED), "ECANCELED");
    assert_string_equal(weir_error_name(-EAGAIN), "EAGAIN");
    assert_string_equal(weir_error_name(-EHWPOISON), "EHWPOISON");
    assert_string_equal(weir_error_name(WEIR_ETORN), "WEIR_ETORN");
    assert_string_equal(weir_error_name(WEIR_ESIMREFUSED), "WEIR_ESIMREFUSED");
}

WEIR_TEST(numbers_that_are_no_codes_are_unknown) {
    const int strange[] = {1, ECONNRESET, -41, -4095, -4999, -100000, INT_MIN, INT_MAX};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        assert_string_equal(weir_error_name(strange[i]), "?");
        assert_string_equal(weir_error_text(strange[i]), "unknown error");
    }
    assert_string_equal(weir_error_name(0), "OK");
    assert_string_equal(weir_error_text(0), "no error");
}

WEIR_TEST(every_errno_of_this_system_has_a_name) {
    size_t named = 0;
    for (int e = 1; e < 200; e++) {
        int known = strncmp(strerror(e), "Unknown", 7) != 0 && /* glibc */
                     strncmp(strerror(e), "No error", 8) != 0;  /* musl */
        assert_int_equal(strcmp(weir_error_name(-e), "?") != 0, known);
        named += known ? 1 : 0;
    }
    assert_in_range(named, 120, 140);
}

WEIR_TEST(our_codes_are_distinct_and_no_errnos) {
    for (size_t i = 0; i < OUR_COUNT; i++) {
        assert_in_range(-our_codes[i], 5000, 5999);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(our_codes[i], our_codes[j]);
    }
}

static void check_text(const char *text) {
    size_t len = strlen(text);
    assert_true(len > 3 && len < 90);
    assert_true(text[len - 1] != '.' && !isspace((unsigned char)text[len - 1]));
    /* lower case, unless the first word is an acronym */
    assert_true(!isupper((unsigned char)text[0]) || isupper((unsigned char)text[1]));
}

WEIR_TEST(texts_are_lower_case_without_full_stop) {
    for (size_t i = 0; i < OUR_COUNT; i++)
        check_text(weir_error_text(our_codes[i]));
    for (int e = 1; e < 200; e++)
        check_text(weir_error_text(-e));
}
