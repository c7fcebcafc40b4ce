/* SPDX-License-Identifier: MIT */
/* Range fields as a table, floods among them. */
#include "http/range.h"

#include <stdio.h>
#include <string.h>

#include "test/runner.h"
#include "wire/wire_test_util.h"

static const char *parsed(const char *value, size_t len, int64_t size) {
    static char text[600];
    struct weir__ranges r;
    int n = snprintf(text, sizeof text, "%d", weir__ranges_parse(value, len, size, &r));
    for (uint32_t i = 0; i < r.count && text[0] == '2' && text[2] == '6'; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %lld+%lld", (long long)r.at[i].from,
                      (long long)r.at[i].len);
    return text;
}

WEIR_TEST(ranges_are_read_as_rfc_9110_says) {
    static const struct {
        const char *value;
        int64_t size;
        const char *expected;
    } cases[] = {
        {"bytes=0-4", 10, "206 0+5"},
        {"bytes=5-", 10, "206 5+5"},
        {"bytes=-3", 10, "206 7+3"},
        {"bytes=-30", 10, "206 0+10"},
        {"bytes=0-99", 10, "206 0+10"},
        {"bytes=9-9", 10, "206 9+1"},
        {"BYTES=0-0", 10, "206 0+1"},
        {"bytes= 0-0 ,\t2-3 ", 10, "206 0+1 2+2"},
        {"bytes=7-8,0-1", 10, "206 7+2 0+2"},
        {"bytes=0-0,99-,-1", 10, "206 0+1 9+1"},
        {"bytes=0-99999999999999999999999999", 10, "206 0+10"},
        {"bytes=-99999999999999999999999999", 10, "206 0+10"},
        {"bytes=10-", 10, "416"},
        {"bytes=99999999999999999999999999-", 10, "416"},
        {"bytes=-0", 10, "416"},
        {"bytes=0-", 0, "416"},
        {"bytes=-1", 0, "416"},
        {"bytes=", 10, "200"},
        {"bytes=,", 10, "200"},
        {"bytes", 10, "200"},
        {"bytes=-", 10, "200"},
        {"bytes=4-3", 10, "200"},
        {"bytes=a-b", 10, "200"},
        {"bytes=0-4;1-2", 10, "200"},
        {"bytes=0 - 4", 10, "200"},
        {"bytes=--4", 10, "200"},
        {"bytes=+0-4", 10, "200"},
        {"bytes=0x0-4", 10, "200"},
        {"bytes=0-4,x", 10, "200"},
        {"bytes =0-4", 10, "200"},
        {"lines=0-4", 10, "200"},
        {"", 10, "200"},
        {"bytes=0-4,0-", INT64_MAX, "200"},
    };
    struct guard g;
    guard_open(&g, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].value);
        const char *copy = (const char *)guard_at_end(&g, cases[i].value, len);
        assert_string_equal(parsed(copy, len, cases[i].size), cases[i].expected);
    }
    guard_close(&g);
}

/* Of many ranges, or ones that lie over each other, a server would send far more than the file. */
WEIR_TEST(a_flood_of_ranges_is_ignored) {
    char flood[9000] = "bytes=0-0";
    for (int i = 1; i < 16; i++)
        snprintf(flood + strlen(flood), 20, ",%d-%d", i, i);
    assert_string_equal(parsed(flood, strlen(flood), 1000),
                        "206 0+1 1+1 2+1 3+1 4+1 5+1 6+1 7+1 8+1 9+1 10+1 11+1 12+1 13+1 14+1 "
                        "15+1");
    strcat(flood, ",16-16");
    assert_string_equal(parsed(flood, strlen(flood), 1000), "200");
    assert_string_equal(parsed("bytes=0-,0-", 11, 1000), "200");
    assert_string_equal(parsed("bytes=0-999,5-5", 15, 1000), "200");
    strcpy(flood, "bytes=5-");
    for (int i = 0; i < 1300; i++)
        snprintf(flood + strlen(flood), 20, ",5-%d", i + 5);
    assert_string_equal(parsed(flood, strlen(flood), 100000), "200");
    strcpy(flood, "bytes=2000-"); /* none satisfiable counts too */
    for (int i = 0; i < 20; i++)
        strcat(flood, ",2000-");
    assert_string_equal(parsed(flood, strlen(flood), 1000), "200");
}

WEIR_TEST(the_length_of_a_body_in_parts_is_what_is_written) {
    struct weir__ranges r = {2, {{0, 5}, {95, 5}}};
    char text[WEIR__RANGE_PART_MAX];
    int64_t len = 10;
    for (int i = 0; i < 2; i++)
        len += (int64_t)weir__range_part(text, "b", "text/plain", &r.at[i], 100);
    assert_string_equal(text, "\r\n--b\r\nContent-Type: text/plain\r\n"
                              "Content-Range: bytes 95-99/100\r\n\r\n");
    len += (int64_t)weir__range_part(text, "b", "text/plain", NULL, 100);
    assert_string_equal(text, "\r\n--b--\r\n");
    assert_int_equal(weir__ranges_body_len(&r, "b", "text/plain", 100), len);
    weir__range_part(text, "b", NULL, &r.at[0], 100);
    assert_string_equal(text, "\r\n--b\r\nContent-Range: bytes 0-4/100\r\n\r\n");
    char value[40];
    weir__range_value(value, sizeof value, NULL, INT64_MAX);
    assert_string_equal(value, "bytes */9223372036854775807");
}
