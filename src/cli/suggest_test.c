/* SPDX-License-Identifier: MIT */
/* suggest_test.c - slips that people make, and words that are no slips. */
#include "cli/suggest.h"

#include <string.h>

#include "test/runner.h"

static const char *const words[] = {"clock", "iopin", "buzzer", "up", "run", "send"};

static const char *nearest(const char *word) {
    const char *found = suggest_nearest(word, words, sizeof words / sizeof words[0]);
    return found ? found : "";
}

WEIR_TEST(nearest_finds_what_was_meant) {
    assert_string_equal(nearest("clok"), "clock");
    assert_string_equal(nearest("Clock"), "clock");
    assert_string_equal(nearest("buzer"), "buzzer");
    assert_string_equal(nearest("iopni"), "iopin");
    assert_string_equal(nearest("rnu"), "run");
    assert_string_equal(nearest("pu"), "up");
}

WEIR_TEST(nearest_is_silent_about_words_that_are_no_slips) {
    assert_string_equal(nearest("frobnicate"), "");
    assert_string_equal(nearest("x"), "");
    assert_string_equal(nearest(""), "");
    assert_string_equal(nearest("xy"), "");
}

WEIR_TEST(nearest_takes_long_words_and_gaps_in_the_list) {
    char longer[100];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_string_equal(nearest(longer), "");
    const char *const gaps[] = {NULL, "up", NULL};
    assert_string_equal(suggest_nearest("ups", gaps, 3), "up");
    assert_null(suggest_nearest("up", NULL, 0));
}
