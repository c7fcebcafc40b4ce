/* SPDX-License-Identifier: MIT */
/* Every sequence of up to three bytes, and four bytes near the limits, compared with a reference
 * that follows the definition: decode the character, then check its number. */
#include "wire/utf8.h"

#include "test/runner.h"
#include "wire/wire_test_util.h"

/* The length of the character at p, 0 if there is none. */
static size_t reference_character(const uint8_t *p, size_t len) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t need = p[0] < 0x80           ? 1
                  : (p[0] & 0xe0) == 0xc0 ? 2
                  : (p[0] & 0xf0) == 0xe0 ? 3
                  : (p[0] & 0xf8) == 0xf0 ? 4
                                          : 0;
    if (need == 0 || need > len)
        return 0;
    uint32_t number = need == 1 ? p[0] : p[0] & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        number = number << 6 | (p[i] & 0x3f);
    }
    bool surrogate = number >= 0xd800 && number <= 0xdfff;
    return number >= least[need] && number <= 0x10ffff && !surrogate ? need : 0;
}

static bool reference_valid(const uint8_t *p, size_t len) {
    size_t at = 0;
    while (at < len) {
        size_t step = reference_character(p + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

/* Whole, byte by byte, and behind 29 to 31 bytes that lead over the edge of a block: ASCII, which
 * is skipped in words, or with another character in front, which is not. */
static bool all_ways_valid(const uint8_t *p, size_t len) {
    uint8_t padded[80], walked[80];
    struct weir__utf8 u = {0};
    memset(padded, 'x', sizeof padded);
    memcpy(padded + 29, p, len);
    memset(walked, 'x', sizeof walked);
    memcpy(walked, "\xc3\xa9", 2);
    bool whole = weir__utf8_valid(p, len);
    for (size_t i = 0; i < len; i++)
        weir__utf8_feed(&u, p + i, 1);
    assert_int_equal(whole, weir__utf8_done(&u));
    assert_int_equal(whole, weir__utf8_valid(padded, 29 + len));
    assert_int_equal(whole, weir__utf8_valid(padded, sizeof padded));
    for (size_t at = 29; at < 32; at++) {
        memset(walked + 29, 'x', 10);
        memcpy(walked + at, p, len);
        assert_int_equal(whole, weir__utf8_valid(walked, sizeof walked));
    }
    return whole;
}

WEIR_TEST(utf8_agrees_on_every_sequence_of_one_to_three_bytes) {
    int valid = 0;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        uint8_t p[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        bool expected = reference_valid(p, 3);
        valid += expected;
        if (weir__utf8_valid(p, 3) != expected)
            fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
        if (i < 1u << 16 && all_ways_valid(p + 1, 2) != reference_valid(p + 1, 2))
            fail_msg("%02x %02x", p[1], p[2]);
        if (i < 1u << 8 && all_ways_valid(p + 2, 1) != reference_valid(p + 2, 1))
            fail_msg("%02x", p[2]);
    }
    /* 128^3, two of 1+2 and 2+1, 2048-128 two-byte characters, 63488-2048 of three */
    assert_int_equal(valid, 128 * 128 * 128 + 2 * 128 * 1920 + 61440);
}

WEIR_TEST(utf8_agrees_on_the_edges_of_four_bytes) {
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    enum { EDGES = sizeof edges };
    for (unsigned lead = 0xe0; lead <= 0xff; lead++)
        for (unsigned i = 0; i < EDGES * EDGES * EDGES; i++) {
            uint8_t p[4] = {(uint8_t)lead, edges[i % EDGES], edges[i / EDGES % EDGES],
                            edges[i / EDGES / EDGES]};
            if (all_ways_valid(p, 4) != reference_valid(p, 4))
                fail_msg("%02x %02x %02x %02x", p[0], p[1], p[2], p[3]);
        }
}

WEIR_TEST(utf8_accepts_every_character_and_no_cut_one) {
    for (uint32_t number = 0x80; number <= 0x10ffff; number++) {
        uint8_t p[4];
        size_t len = number < 0x800 ? 2 : number < 0x10000 ? 3 : 4;
        for (size_t i = 0; i < len; i++)
            p[i] = (uint8_t)((number >> (6 * (len - 1 - i)) & 0x3f) | 0x80);
        p[0] |= (uint8_t)(0xf00 >> len);
        bool surrogate = number >= 0xd800 && number <= 0xdfff;
        if (weir__utf8_valid(p, len) == surrogate || weir__utf8_valid(p, len - 1))
            fail_msg("U+%X", number);
    }
}

WEIR_TEST(utf8_names_the_first_bad_byte_in_whatever_pieces) {
    static const char text[] = "0123456789012345678901234567890123456789\xe2\x82\xac\xed\xa0\x80xx";
    size_t len = sizeof text - 1, bad = 44;
    for (size_t cut = 0; cut <= len; cut++) {
        struct weir__utf8 u = {0};
        size_t first = weir__utf8_feed(&u, text, cut);
        assert_int_equal(first, cut <= bad ? cut : bad);
        size_t second = weir__utf8_feed(&u, text + cut, len - cut);
        assert_int_equal(second, cut <= bad ? bad - cut : 0);
        assert_false(weir__utf8_done(&u));
    }
}

WEIR_TEST(utf8_does_not_skip_ascii_inside_a_character) {
    char text[64];
    memset(text, 'x', sizeof text);
    memcpy(text, "\xc3\xa9", 2);
    memcpy(text + 31, "\xc3", 1); /* ends a block */
    memcpy(text + 40, "\xa9", 1); /* a word of ASCII later */
    assert_false(weir__utf8_valid(text, sizeof text));
}

WEIR_TEST(utf8_stays_inside_its_buffer) {
    struct guard g;
    uint8_t text[200];
    guard_open(&g, sizeof text);
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, i % 2 ? "\xe2\x82\xac" : "abc", 3);
    for (size_t len = 0; len <= 99; len += 3) {
        assert_true(weir__utf8_valid(guard_at_end(&g, text, len), len));
        assert_true(weir__utf8_valid(guard_at_start(&g, text, len), len));
    }
    guard_close(&g);
}

WEIR_TEST(utf8_prefix_ends_where_a_text_is_none_any_more) {
    static const struct {
        const char *text;
        size_t good;
    } rows[] = {{"", 0}, {"abc", 3}, {"a\xc3\xa9", 3}, {"a\xc3", 1}, {"a\xff z", 1}, {"\x80", 0},
                {"\xe2\x82\xac\xe2\x82", 3}, {"ab\xf0\x9f\x98", 2}, {"ab\xf0\x9f\x98z", 2},
                {"\xed\xa0\x80", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(weir__utf8_prefix(rows[i].text, strlen(rows[i].text)), rows[i].good);
}

WEIR_TEST(utf8_cut_never_splits_a_character) {
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
    static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (size_t max = 0; max < sizeof cuts / sizeof cuts[0]; max++)
        assert_int_equal(weir__utf8_cut(text, 10, max), cuts[max]);
}
