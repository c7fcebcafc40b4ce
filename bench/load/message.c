/* SPDX-License-Identifier: MIT */
/* See message.h. The random bytes come from a fixed seed: every run sends the same. */
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_STEP = 64,
    VARIANTS_MAX = 64,
    MEMORY_MAX = 256 << 10,             /* wires and echoes together, a quarter of L2 */
    HEADER_MAX = 14
};

static void fill_random(uint8_t *p, size_t len) {
    uint64_t x = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (uint8_t)(x >> 32);
    }
}

/* Write the header of a final binary frame (RFC 6455, 5.2) without its mask; its length. */
static size_t put_header(uint8_t *p, size_t size, int masked) {
    uint8_t mask_bit = masked ? 0x80 : 0;

    p[0] = 0x82;
    if (size < 126) {
        p[1] = (uint8_t)(mask_bit | size);
        return 2;
    }
    if (size <= 0xffff) {
        p[1] = mask_bit | 126;
        p[2] = (uint8_t)(size >> 8);
        p[3] = (uint8_t)size;
        return 4;
    }
    p[1] = mask_bit | 127;
    for (int i = 0; i < 8; i++)
        p[2 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
    return 10;
}

/* As many variants as fit, a power of two. */
static size_t variants_of(size_t bytes_each) {
    size_t n = VARIANTS_MAX;

    while (n > 2 && n * bytes_each > MEMORY_MAX)
        n /= 2;
    return n;
}

static int init_windows(struct message_set *set, size_t size, unsigned depth) {
    size_t stride = depth > 1 ? size : WINDOW_STEP;
    size_t n = depth > 1 ? variants_of(size) : VARIANTS_MAX;
    size_t pool = n * stride, tail = size + (depth - 1) * stride;

    set->memory = aligned_alloc(64, (pool + tail + 63) & ~(size_t)63);
    if (!set->memory)
        return -ENOMEM;
    fill_random(set->memory, pool + tail);
    for (size_t i = 0; i < tail && depth > 1; i++)
        set->memory[pool + i] = set->memory[i];
    set->wire = set->echo = set->memory;
    set->wire_size = set->echo_size = size;
    set->wire_stride = set->echo_stride = stride;
    set->variants = n;
    return 0;
}

/* Frame the payload that already stands in echo behind its header. */
static void mask_frame(uint8_t *wire, const uint8_t *payload, size_t size, const uint8_t *mask) {
    size_t head = put_header(wire, size, 1);

    memcpy(wire + head, mask, 4);
    for (size_t i = 0; i < size; i++)
        wire[head + 4 + i] = payload[i] ^ mask[i & 3];
}

static int init_frames(struct message_set *set, size_t size, unsigned depth) {
    uint8_t scratch[HEADER_MAX];
    size_t head = put_header(scratch, size, 0), gap = (size + HEADER_MAX + 63) & ~(size_t)63;
    size_t n = variants_of(2 * gap), all = n + depth - 1;
    uint8_t *wire, *echo;

    set->wire_size = head + 4 + size;
    set->echo_size = head + size;
    set->wire_stride = depth > 1 ? set->wire_size : gap;
    set->echo_stride = depth > 1 ? set->echo_size : gap;
    set->memory = aligned_alloc(64, 2 * all * gap);
    if (!set->memory)
        return -ENOMEM;
    fill_random(set->memory, 2 * all * gap);
    wire = set->memory;
    echo = set->memory + all * gap;
    for (size_t i = 0; i < all; i++, wire += set->wire_stride, echo += set->echo_stride) {
        uint8_t mask[4];
        if (i < n) {
            memcpy(mask, wire, 4);      /* random, and then overwritten by the frame */
            put_header(echo, size, 0);
            mask_frame(wire, echo + head, size, mask);
        } else {
            memcpy(wire, wire - n * set->wire_stride, set->wire_size);
            memcpy(echo, echo - n * set->echo_stride, set->echo_size);
        }
    }
    set->wire = set->memory;
    set->echo = set->memory + all * gap;
    set->variants = n;
    return 0;
}

int message_set_init(struct message_set *set, size_t size, int websocket, unsigned depth) {
    return websocket ? init_frames(set, size, depth) : init_windows(set, size, depth);
}

void message_set_fini(struct message_set *set) {
    free(set->memory);
    set->memory = NULL;
}
