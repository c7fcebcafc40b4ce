/* SPDX-License-Identifier: MIT */
/* cmocka's assertions for tests that run on another machine under an emulator: Debian has no
 * cmocka for those. Only what the tests use; a failed one prints and aborts. Never installed. */
#ifndef WEIR_TEST_CROSS_CMOCKA_H
#define WEIR_TEST_CROSS_CMOCKA_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noreturn, format(printf, 3, 4))) static inline void
cross_fail(const char *file, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n%s:%d: error: Failure!\n", file, line);
    abort();
}

static inline void cross_equal(unsigned long long a, unsigned long long b, bool wanted,
                               const char *file, int line) {
    if ((a == b) != wanted)
        cross_fail(file, line, "%#llx %s %#llx", a, wanted ? "!=" : "==", b);
}

static inline void cross_memory(const void *a, const void *b, size_t size, bool wanted,
                                const char *file, int line) {
    if ((memcmp(a, b, size) == 0) != wanted)
        cross_fail(file, line, "%zu bytes are %s", size, wanted ? "different" : "equal");
}

static inline void cross_strings(const char *a, const char *b, const char *file, int line) {
    if (strcmp(a, b) != 0)
        cross_fail(file, line, "\"%s\" != \"%s\"", a, b);
}

static inline void cross_range(unsigned long long value, unsigned long long min,
                               unsigned long long max, const char *file, int line) {
    if (value < min || value > max)
        cross_fail(file, line, "%llu is not within %llu .. %llu", value, min, max);
}

#define cross_number(x) ((unsigned long long)(x))
#define print_error(...) fprintf(stderr, __VA_ARGS__)
#define print_message(...) printf(__VA_ARGS__)
#define fail_msg(...) cross_fail(__FILE__, __LINE__, __VA_ARGS__)
#define assert_true(c) ((c) ? (void)0 : cross_fail(__FILE__, __LINE__, "%s", #c))
#define assert_false(c) assert_true(!(c))
#define assert_null(p) assert_true((p) == NULL)
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_int_equal(a, b) \
    cross_equal(cross_number(a), cross_number(b), true, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) \
    cross_equal(cross_number(a), cross_number(b), false, __FILE__, __LINE__)
#define assert_in_range(v, min, max) \
    cross_range(cross_number(v), cross_number(min), cross_number(max), __FILE__, __LINE__)
#define assert_memory_equal(a, b, size) cross_memory((a), (b), (size), true, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, size) \
    cross_memory((a), (b), (size), false, __FILE__, __LINE__)
#define assert_string_equal(a, b) cross_strings((a), (b), __FILE__, __LINE__)
#define assert_string_not_equal(a, b) assert_true(strcmp((a), (b)) != 0)

#endif
