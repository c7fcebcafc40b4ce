/* SPDX-License-Identifier: MIT */
/* bytes.h - a run of bytes that grows. A failed allocation is remembered (lost), and everything
 * added later is dropped: who reads the bytes looks at lost once. A zeroed struct is empty. */
#ifndef WEIR_TORTURE_BYTES_H
#define WEIR_TORTURE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *base;
    size_t len, room;
    bool lost;
};

void bytes_add(struct bytes *b, const void *data, size_t len);
void bytes_fill(struct bytes *b, uint8_t c, size_t count);
void bytes_print(struct bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bytes_free(struct bytes *b);

static inline void bytes_put(struct bytes *b, unsigned c) {
    uint8_t byte = (uint8_t)c;
    bytes_add(b, &byte, 1);
}

#endif
