/* SPDX-License-Identifier: MIT */
/* wire_test_util.h - memory between two unmapped pages, so that a codec that reads one byte too far
 * crashes at once. Tests and fuzz targets only. */
#ifndef WEIR_WIRE_TEST_UTIL_H
#define WEIR_WIRE_TEST_UTIL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct guard {
    uint8_t *map;
    size_t room; /* between the two unmapped pages */
};

enum { GUARD_PAGE = 4096 };

static inline void guard_open(struct guard *g, size_t room_min) {
    g->room = (room_min + GUARD_PAGE) / GUARD_PAGE * GUARD_PAGE;
    g->map = mmap(NULL, g->room + 2 * GUARD_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->map == MAP_FAILED || mprotect(g->map + GUARD_PAGE, g->room, PROT_READ | PROT_WRITE)) {
        perror("guard");
        abort();
    }
}

static inline void guard_close(struct guard *g) {
    munmap(g->map, g->room + 2 * GUARD_PAGE);
}

/* A copy that ends where the mapping ends. */
static inline uint8_t *guard_at_end(struct guard *g, const void *bytes, size_t len) {
    uint8_t *copy = g->map + GUARD_PAGE + g->room - len;
    if (len > 0)
        memmove(copy, bytes, len);
    return copy;
}

/* A copy that begins where the mapping begins. */
static inline uint8_t *guard_at_start(struct guard *g, const void *bytes, size_t len) {
    uint8_t *copy = g->map + GUARD_PAGE;
    if (len > 0)
        memmove(copy, bytes, len);
    return copy;
}

#endif
