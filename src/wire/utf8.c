/* SPDX-License-Identifier: MIT */
/* utf8.c - ASCII is skipped 32 bytes at a time; the rest goes through an automaton whose rows are
 * 64-bit words: the state is a shift count, so one step is one load and one shift, and only the
 * shift waits for the step before (table[state][class] has two loads that wait for each other).
 *
 * States, each the shift by which its 6-bit successor is found in the row of the byte:
 *   GO       between characters                 E0  after E0: A0..BF comes, no overlong
 *   ONE      one continuation byte is due       ED  after ED: 80..9F comes, no surrogate
 *   TWO      two are due                        F0  after F0: 90..BF comes, no overlong
 *   THREE    three are due                      F4  after F4: 80..8F comes, <= U+10FFFF
 *   BAD      the text is invalid; no byte leads out of this state */
#include "wire/utf8.h"

#include <string.h>

enum { GO = 0, ONE = 6, TWO = 12, THREE = 18, E0 = 24, ED = 30, F0 = 36, F4 = 42, BAD = 48 };

#define TO(from, to) ((uint64_t)(to) << (from))
#define CONTINUATION(e0, ed, f0, f4)                                                               \
    (TO(GO, BAD) | TO(ONE, GO) | TO(TWO, ONE) | TO(THREE, TWO) | TO(E0, e0) | TO(ED, ed) |         \
     TO(F0, f0) | TO(F4, f4) | TO(BAD, BAD))
#define LEAD(next)                                                                                 \
    (TO(GO, next) | TO(ONE, BAD) | TO(TWO, BAD) | TO(THREE, BAD) | TO(E0, BAD) | TO(ED, BAD) |     \
     TO(F0, BAD) | TO(F4, BAD) | TO(BAD, BAD))

static const uint64_t rows[256] = {
    [0x00 ... 0x7f] = LEAD(GO),
    /*                            after E0   ED   F0   F4 */
    [0x80 ... 0x8f] = CONTINUATION(BAD, ONE, BAD, TWO),
    [0x90 ... 0x9f] = CONTINUATION(BAD, ONE, TWO, BAD),
    [0xa0 ... 0xbf] = CONTINUATION(ONE, BAD, TWO, BAD),
    [0xc0 ... 0xc1] = LEAD(BAD),
    [0xc2 ... 0xdf] = LEAD(ONE),
    [0xe0] = LEAD(E0),
    [0xe1 ... 0xec] = LEAD(TWO),
    [0xed] = LEAD(ED),
    [0xee ... 0xef] = LEAD(TWO),
    [0xf0] = LEAD(F0),
    [0xf1 ... 0xf3] = LEAD(THREE),
    [0xf4] = LEAD(F4),
    [0xf5 ... 0xff] = LEAD(BAD),
};

enum { BLOCK = 32 };

#define HIGH_BITS 0x8080808080808080u

static inline bool block_is_ascii(const uint8_t *bytes) {
    uint64_t words[BLOCK / 8];
    memcpy(words, bytes, sizeof words);
    return ((words[0] | words[1] | words[2] | words[3]) & HIGH_BITS) == 0;
}

static inline bool word_is_ascii(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return (word & HIGH_BITS) == 0;
}

/* The length of the ASCII text that begins here, rounded down to words. */
static inline size_t ascii_end(const uint8_t *bytes, size_t from, size_t len) {
    size_t i = from;
    while (len - i >= BLOCK && block_is_ascii(bytes + i))
        i += BLOCK;
    while (len - i >= 8 && word_is_ascii(bytes + i))
        i += 8;
    return i;
}

/* The state after these bytes, shift count in the low 6 bits. */
static inline uint64_t walk(uint64_t state, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        state = rows[bytes[i]] >> (state & 63);
    return state & 63;
}

/* The index of the first byte that leads to the state BAD; len if none does. */
static size_t bad_offset(uint64_t state, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        state = walk(state, bytes + i, 1);
        if (state == BAD)
            return i;
    }
    return len;
}

size_t weir__utf8_feed(struct weir__utf8 *u, const void *buf, size_t len) {
    const uint8_t *bytes = buf;
    uint64_t state = u->state;
    size_t i = state == GO ? ascii_end(bytes, 0, len) : 0;
    while (i < len) {
        size_t step = len - i < BLOCK ? len - i : BLOCK;
        uint64_t next = walk(state, bytes + i, step);
        if (next == BAD) {
            u->state = BAD;
            return i + bad_offset(state, bytes + i, step);
        }
        state = next;
        i += step;
        if (state == GO)
            i = ascii_end(bytes, i, len);
    }
    u->state = (uint8_t)state;
    return len;
}

bool weir__utf8_valid(const void *buf, size_t len) {
    struct weir__utf8 u = {0};
    return weir__utf8_feed(&u, buf, len) == len && weir__utf8_done(&u);
}

size_t weir__utf8_prefix(const void *buf, size_t len) {
    struct weir__utf8 u = {0};
    size_t good = weir__utf8_feed(&u, buf, len);
    while (good > 0 && !weir__utf8_valid(buf, good))
        good--; /* an incomplete character, of at most three bytes */
    return good;
}

size_t weir__utf8_cut(const void *buf, size_t len, size_t len_max) {
    const uint8_t *bytes = buf;
    if (len <= len_max)
        return len;
    size_t cut = len_max;
    while (cut > 0 && (bytes[cut] & 0xc0) == 0x80)
        cut--;
    return cut;
}
