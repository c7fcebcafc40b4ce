/* SPDX-License-Identifier: MIT */
/* No byte that a stranger sends may control a terminal or begin a second line. */
#include "base/escape.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "test/runner.h"

static const char *escaped(const char *text) {
    static char out[256];
    assert_true(weir__escape(out, sizeof out, text, strlen(text)));
    return out;
}

WEIR_TEST(ordinary_text_stays_as_it_is) {
    static const char *const texts[] = {
        "", "serving on localhost:8765", "C:\\new \\x1b", "gr\xc3\xbc\xc3\x9f dich",
        "\xe2\x82\xac", "\xf0\x9f\x92\xa9",
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xc2\xa0", "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_string_equal(escaped(texts[i]), texts[i]);
}

WEIR_TEST(what_steers_is_shown) {
    assert_string_equal(escaped("a\nb\tc\rd"), "a\\nb\\tc\\x0dd");
    assert_string_equal(escaped("\x1b]0;title\x07\x1b[2J"), "\\x1b]0;title\\x07\\x1b[2J");
    assert_string_equal(escaped("\x7f"), "\\x7f");
    assert_string_equal(escaped("\x9b""31m"), "\\x9b31m");     /* a byte that is not UTF-8 */
    assert_string_equal(escaped("\xc2\x9b""31m"), "\\x9b31m"); /* U+009B */
    assert_string_equal(escaped("a\xe2\x80\xae""b"), "a\\u202eb");
    assert_string_equal(escaped("\xe2\x81\xa6\xe2\x80\xa8"), "\\u2066\\u2028");
}

WEIR_TEST(what_is_not_utf8_is_shown_byte_by_byte) {
    assert_string_equal(escaped("\xff"), "\\xff");
    assert_string_equal(escaped("\xc0\x8a"), "\\xc0\\x8a");             /* an overlong newline */
    assert_string_equal(escaped("\xe0\x82\x9b"), "\\xe0\\x82\\x9b");    /* an overlong U+009B */
    assert_string_equal(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80");    /* a surrogate */
    assert_string_equal(escaped("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
    assert_string_equal(escaped("\xe2\x82"), "\\xe2\\x82");             /* cut by its sender */
    assert_string_equal(escaped("\xe2\x1b"), "\\xe2\\x1b");
    assert_string_equal(escaped("\xc3z"), "\\xc3z");
}

/* Every byte and every pair of bytes: the result has no control characters, and text without them
 * is not changed. */
WEIR_TEST(escaping_twice_is_escaping_once) {
    for (unsigned n = 0; n < 0x10000; n++) {
        char text[2] = {(char)(n >> 8), (char)n}, once[16], twice[16];
        assert_true(weir__escape(once, sizeof once, text, 2));
        assert_true(weir__escape(twice, sizeof twice, once, strlen(once)));
        assert_string_equal(once, twice);
        for (const char *at = once; *at != '\0'; at++)
            assert_true((uint8_t)*at >= 0x20 && *at != 0x7f);
    }
}

WEIR_TEST(a_cut_is_marked_and_stands_between_characters) {
    char out[8];
    assert_true(weir__escape(out, sizeof out, "1234567", 7));
    assert_false(weir__escape(out, sizeof out, "12345678", 8));
    assert_string_equal(out, "1234...");
    assert_false(weir__escape(out, sizeof out, "123\xe2\x82\xac""456", 9));
    assert_string_equal(out, "123...");
    assert_false(weir__escape(out, sizeof out, "1\x1b\x1b", 3));
    assert_string_equal(out, "1...");
    assert_false(weir__escape(out, sizeof out, "\xe2\x80\xae\xe2\x80\xae", 6));
    assert_string_equal(out, "...");
}

static char heard[600];

static void hear(enum weir_log_level level, const char *line, void *arg) {
    strcpy(heard, line);
}

WEIR_TEST(the_sink_of_the_log_hears_clean_lines) {
    weir_log_to(hear, NULL);
    for (int c = 1; c < 256; c++) {
        weir__log(WEIR_LOG_ERROR, "a peer said: %c.", c);
        for (const char *at = heard; *at != '\0'; at++)
            assert_true(*at >= 0x20 && *at < 0x7f);
        assert_non_null(strchr(heard, '.'));
    }
    weir__log(WEIR_LOG_ERROR, "%s", "one\ntwo\x1b[2J\xc2\x9b \xc3\xa9");
    assert_string_equal(heard, "one\\ntwo\\x1b[2J\\x9b \xc3\xa9");
}

WEIR_TEST(a_line_of_the_log_is_cut_between_characters) {
    char text[999];
    weir_log_to(hear, NULL);
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        weir__log(WEIR_LOG_ERROR, "%s", text);
        assert_in_range(strlen(heard), 505, 511);
        assert_null(strchr(heard, '\\'));
        assert_string_equal(heard + strlen(heard) - 6, "\xe2\x82\xac...");
    }
}
