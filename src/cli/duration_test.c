/* SPDX-License-Identifier: MIT */
/* duration_test.c - texts that are durations, and texts that are not. */
#include "cli/duration.h"

#include <string.h>

#include "test/runner.h"

WEIR_TEST(durations_carry_a_unit) {
    static const struct {
        const char *text;
        weir_ns ns;
        const char *shown;
    } rows[] = {
        {"5s", WEIR_SECONDS(5), "5s"},          {"500ms", WEIR_MILLISECONDS(500), "500ms"},
        {"2m", WEIR_SECONDS(120), "2m"},        {"0s", 0, "0ms"},
        {"1.5s", WEIR_MILLISECONDS(1500), "1500ms"}, {"0.001s", WEIR_MILLISECONDS(1), "1ms"},
        {"1440m", WEIR_SECONDS(86400), "1440m"}, {"0.25m", WEIR_SECONDS(15), "15s"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_ns ns = -1;
        char shown[32];
        assert_true(duration_parse(rows[i].text, &ns));
        assert_true(ns == rows[i].ns);
        duration_format(ns, shown, sizeof shown);
        assert_string_equal(shown, rows[i].shown);
    }
}

WEIR_TEST(what_is_no_duration_is_refused) {
    static const char *const rows[] = {"",     "5",    "s",     ".5s",      "5.s",   "1.2345s",
                                       "-5s",  "5 s",  "5sec",  "5S",       " 5s",   "5s ",
                                       "1441m", "1e3s", "0x5s", "9999999999s", "86401s"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_ns ns = -1;
        assert_false(duration_parse(rows[i], &ns));
        assert_true(ns == -1);
    }
}
