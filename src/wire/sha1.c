/* SPDX-License-Identifier: MIT */
/* sha1.c - plain and small: a handshake hashes two blocks only. */
#include "wire/sha1.h"

#include <string.h>

enum { BLOCK = 64, ROUNDS = 80 };

static uint32_t turn(uint32_t value, int bits) {
    return value << bits | value >> (32 - bits);
}

static void put_big_endian(uint8_t *target, uint64_t value, int len) {
    for (int i = 0; i < len; i++)
        target[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

/* FIPS 180-4 4.1.1: the function and the constant change every 20 rounds. */
static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d) {
    switch (round / 20) {
    case 0:
        return ((b & c) | (~b & d)) + 0x5a827999u;
    case 1:
        return (b ^ c ^ d) + 0x6ed9eba1u;
    case 2:
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    default:
        return (b ^ c ^ d) + 0xca62c1d6u;
    }
}

static void block(uint32_t state[5], const uint8_t *bytes) {
    uint32_t w[ROUNDS];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
               (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
    for (int i = 16; i < ROUNDS; i++)
        w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t next = turn(a, 5) + mix(i, b, c, d) + e + w[i];
        e = d;
        d = c;
        c = turn(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

void weir__sha1(const void *message, size_t len, uint8_t ret_digest[WEIR__SHA1_LEN]) {
    uint32_t state[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
    const uint8_t *bytes = message;
    uint8_t last[2 * BLOCK] = {0};
    size_t at = 0;
    for (; len - at >= BLOCK; at += BLOCK)
        block(state, bytes + at);
    size_t rest = len - at, padded = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    if (rest > 0)
        memcpy(last, bytes + at, rest);
    last[rest] = 0x80;
    put_big_endian(last + padded - 8, (uint64_t)len * 8, 8);
    block(state, last);
    if (padded > BLOCK)
        block(state, last + BLOCK);
    for (int i = 0; i < 5; i++)
        put_big_endian(ret_digest + 4 * i, state[i], 4);
}
