/* SPDX-License-Identifier: MIT */
/* fuzz.h - what the fuzz targets share. Each target feeds one input in several ways and aborts if
 * the results differ. Each buffer is a heap block of the exact size, so that ASan detects a read of
 * one byte too many. */
#ifndef WEIR_TEST_FUZZ_H
#define WEIR_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The entry point of libFuzzer, and of replay.c. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

#define FUZZ_SAME(expr)                                                                            \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            fprintf(stderr, "%s:%d: not the same: %s\n", __FILE__, __LINE__, #expr);               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A heap block of exactly this size, of zeros. */
static inline uint8_t *fuzz_block(size_t len) {
    uint8_t *block = calloc(len > 0 ? len : 1, 1);
    if (!block)
        abort();
    return block;
}

/* A copy in such a block. */
static inline uint8_t *fuzz_copy(const uint8_t *bytes, size_t len) {
    uint8_t *copy = fuzz_block(len);
    if (len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

#endif
