/* SPDX-License-Identifier: MIT */
/* Classes, scans and lists, byte for byte. */
#include "wire/chars.h"

#include "test/runner.h"
#include "wire/wire_test_util.h"

WEIR_TEST(line_end_finds_each_bad_byte_at_each_place) {
    struct guard g;
    uint8_t line[64];
    guard_open(&g, sizeof line);
    for (int byte = 0; byte < 256; byte++)
        for (size_t at = 0; at < sizeof line; at++) {
            memset(line, 'v', sizeof line);
            line[at] = (uint8_t)byte;
            bool bad = (byte < 0x20 && byte != '\t') || byte == 0x7f;
            uint8_t *copy = guard_at_end(&g, line, sizeof line);
            assert_int_equal(weir__chars_line_end(copy, 0, sizeof line), bad ? at : sizeof line);
            assert_int_equal(weir__chars_line_end(copy, at, sizeof line), bad ? at : sizeof line);
            assert_int_equal(weir__chars_line_end(copy, at + 1, sizeof line), sizeof line);
            assert_int_equal(weir__chars_line_end(copy, 0, at), at);
        }
    guard_close(&g);
}

WEIR_TEST(tokens_are_those_of_rfc_9110) {
    for (int c = 0; c < 256; c++) {
        bool expected = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
        assert_int_equal(weir__char_is((uint8_t)c, WEIR__CHAR_TOKEN), expected);
        expected = c > 0x20 && c < 0x7f && !strchr("\"<>#", c);
        assert_int_equal(weir__char_is((uint8_t)c, WEIR__CHAR_TARGET), expected);
    }
}

WEIR_TEST(names_compare_without_case_and_only_whole) {
    assert_true(weir__chars_equal("HoSt", 4, "host"));
    assert_true(weir__chars_equal("", 0, ""));
    assert_false(weir__chars_equal("hosts", 5, "host"));
    assert_false(weir__chars_equal("hos", 3, "host"));
    assert_false(weir__chars_equal("@", 1, "`"));
    assert_false(weir__chars_equal("h\0st", 4, "host"));
}

WEIR_TEST(decimals_stop_at_their_bound) {
    assert_int_equal(weir__chars_decimal((const uint8_t *)"65535", 5, 65535), 65535);
    assert_int_equal(weir__chars_decimal((const uint8_t *)"65536", 5, 65535), -1);
    assert_int_equal(weir__chars_decimal((const uint8_t *)"", 0, 10), -1);
    assert_int_equal(weir__chars_decimal((const uint8_t *)"+1", 2, 10), -1);
    assert_int_equal(weir__chars_decimal((const uint8_t *)"7", 1, 5), -1);
    assert_true(weir__chars_decimal((const uint8_t *)"9223372036854775807", 19, INT64_MAX) ==
                INT64_MAX);
    assert_true(weir__chars_decimal((const uint8_t *)"9223372036854775808", 19, INT64_MAX) < 0);
}

WEIR_TEST(lists_give_their_elements_and_skip_empty_ones) {
    static const char list[] = ", a ,\t,b c,, d";
    static const char *const expected[] = {"a", "b c", "d"};
    struct weir__slice item;
    size_t at = 0, count = 0;
    while (weir__chars_list_next((const uint8_t *)list, sizeof list - 1, &at, &item)) {
        assert_true(count < 3);
        assert_int_equal(item.len, strlen(expected[count]));
        assert_memory_equal(list + item.offset, expected[count], item.len);
        count++;
    }
    assert_int_equal(count, 3);
}
