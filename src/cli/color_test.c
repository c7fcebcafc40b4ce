/* SPDX-License-Identifier: MIT */
/* color_test.c - lines, and the text to print behind them; and each line cut at every place. */
#include "cli/color.h"

#include <string.h>

#include "test/runner.h"

#define RESET "\033[0m"
#define ST "\033\\"

static const struct {
    const char *line, *ending;
} rows[] = {
    {"", ""},
    {"plain \xc3\xa9 \xe2\x82\xac", ""},
    {"\033[31mred", RESET},
    {"\033[31mred\033[0m", ""},
    {"\033[31mred\033[m", ""},
    {"\033[31mred\033[0;0m", ""},
    {"\033[0;31mred", RESET},
    {"\033[38;5;0mblack", RESET},
    {"\033[38:2::0:0:0mblack", RESET},
    {"\033[1m\033[31mx\033[0m\033[4m", RESET},
    {"\033[2Kno colour\033[10;10H", ""},
    {"\033[31mred\033[2K", RESET},
    {"\xc2\x9b" "31mred", RESET},
    {"\033", ST},
    {"\033[", ST},
    {"\033[31", ST},
    {"\033[31mred\033[", ST RESET},
    {"\033(", ST},
    {"\033(B", ""},
    {"\033M", ""},
    {"\033]0;title", ST},
    {"\033]0;title\007", ""},
    {"\033]0;title" ST, ""},
    {"\033]0;title\033", ST},
    {"\033]8;;http://x" ST "link\033]8;;" ST, ""},
    {"\033P1$r" ST, ""},
    {"\033]0;a\033[31mb", RESET},
    {"\033[31\030m", ""},
    {"\033]0;\xc2\x9c", ""},
    {"\xc2\x9d" "0;title", ST},
    {"\033]0;\xe2\x9c\x9c", ST}, /* 9c within a character is no ST */
    {"\x9b" "31m", ""},
    {"\xe2\x9b" "31m", ""},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

WEIR_TEST(a_line_leaves_no_colour_and_no_open_sequence_behind) {
    for (size_t i = 0; i < ROWS; i++)
        assert_string_equal(color_ending(rows[i].line, strlen(rows[i].line)), rows[i].ending);
}

/* A line with its ending needs no second one, wherever the line was cut. */
WEIR_TEST(an_ending_ends_all_wherever_a_line_is_cut) {
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t len = 0; len <= strlen(rows[i].line); len++) {
            char line[64];
            memcpy(line, rows[i].line, len);
            strcpy(line + len, color_ending(rows[i].line, len));
            assert_true(strlen(line) - len < COLOR_ENDING_MAX);
            assert_string_equal(color_ending(line, strlen(line)), "");
        }
    }
}
