/* SPDX-License-Identifier: MIT */
/* Published digests, and messages whose length is near that of a block. */
#include "wire/sha1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/runner.h"

static const char *hex_of(const void *message, size_t len) {
    static char text[2 * WEIR__SHA1_LEN + 1];
    uint8_t digest[WEIR__SHA1_LEN];
    weir__sha1(message, len, digest);
    for (int i = 0; i < WEIR__SHA1_LEN; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

WEIR_TEST(sha1_gives_the_published_digests) {
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_string_equal(hex_of("", 0), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_string_equal(hex_of("abc", 3), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_string_equal(hex_of(two, 56), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

WEIR_TEST(sha1_pads_at_every_length_around_a_block) {
    static char text[1000000];
    memset(text, 'a', sizeof text);
    assert_string_equal(hex_of(text, 55), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
    assert_string_equal(hex_of(text, 63), "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
    assert_string_equal(hex_of(text, 64), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
    assert_string_equal(hex_of(text, 1000000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}
