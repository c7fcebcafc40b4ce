/* SPDX-License-Identifier: MIT */
/* control_test.c - lines as nodes should send them, and as they may. */
#include "cli/control.h"

#include <string.h>

#include "cli/limits.h"
#include "test/runner.h"

static struct control_line parse(const char *text) {
    return control_parse(text, strlen(text));
}

WEIR_TEST(ready_tells_the_port) {
    assert_int_equal(parse("ready port=8765\n").word, CONTROL_READY);
    assert_int_equal(parse("ready port=8765\n").port, 8765);
    assert_int_equal(parse("ready").port, 0);
    assert_int_equal(parse("ready port=70000").port, 0);
    assert_int_equal(parse("ready port=80x").port, 0);
    assert_int_equal(parse("ready later=1 port=7\n").port, 7);
}

WEIR_TEST(stat_tells_totals) {
    struct control_line c =
        parse("stat messages=12 acks=11 errors=1 p50_us=41 p99_us=97 later=5\n");
    assert_int_equal(c.word, CONTROL_STAT);
    assert_int_equal(c.stats.messages, 12);
    assert_int_equal(c.stats.acks, 11);
    assert_int_equal(c.stats.errors, 1);
    assert_int_equal(c.stats.p50_us, 41);
    assert_int_equal(c.stats.p99_us, 97);
    assert_int_equal(parse("stat acks=3").stats.acks, 3);
    assert_int_equal(parse("stat xacks=3").stats.acks, 0);
    assert_int_equal(parse("stat acks=").stats.acks, 0);
    assert_int_equal(parse("stat acks=-3").stats.acks, 0);
    assert_int_equal(parse("stat acks=9999999999999999999999").stats.acks, 0);
}

WEIR_TEST(what_is_not_understood_is_unknown) {
    static const char *const rows[] = {"", "\n", "beats", " beat", "READY", "readyport=1", "\xff"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(parse(rows[i]).word, CONTROL_UNKNOWN);
    assert_int_equal(control_parse("beat\0beat", 9).word, CONTROL_BEAT);
    char longer[LIMIT_CONTROL_BYTES + 2] = "beat ";
    assert_int_equal(control_parse(longer, sizeof longer).word, CONTROL_UNKNOWN);
}
