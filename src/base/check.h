/* SPDX-License-Identifier: MIT */
/* check.h - checks of what must be true. A failed check is a bug of weir or of its caller, never of
 * input. It gives its text, which names the task, to the log sink and aborts, in every build. A
 * check has no side effect. */
#ifndef WEIR_BASE_CHECK_H
#define WEIR_BASE_CHECK_H

#include <weir/base.h>

#define WEIR_CHECK(expr)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(expr), 0))                                                          \
            weir__check_failed(#expr, __FILE__, __LINE__);                                         \
    } while (0)

/* Abort with a message of its own, for misuse that needs an explanation. */
#define WEIR_BUG(...) weir__bug(__FILE__, __LINE__, __VA_ARGS__)

/* A code of the library or of the kernel, to be kept in 16 bits. A program's own codes (WEIR_EUSER
 * and below) do not fit: where one of them may come, keep an int. */
#define WEIR_SMALL_CODE(rc) weir__small_code((rc), __FILE__, __LINE__)

WEIR_API _Noreturn void weir__check_failed(const char *expr, const char *file, int line);
WEIR_API _Noreturn void weir__bug(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline int16_t weir__small_code(int64_t rc, const char *file, int line) {
    if (__builtin_expect(rc >= 0 || rc <= WEIR_EUSER, 0))
        weir__bug(file, line, "%lld is no code of the library", (long long)rc);
    return (int16_t)rc;
}

/* If set, it is called between the message of a bug and the abort, to log more. Debug mode sets
 * it. */
extern void (*_Atomic weir__check_more)(void);

/* If set, each helper thread calls these when it begins and before it ends. Crash reports set
 * them. */
extern void (*_Atomic weir__thread_begins)(void);
extern void (*_Atomic weir__thread_ends)(void);

#endif
