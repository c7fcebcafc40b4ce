/* SPDX-License-Identifier: MIT */
/* check.h - what must be true. A failed check is a bug of weir's or of its caller, never input:
 * it aborts in every build, gives its text to the log sink first, and names the task.
 * Work never stands inside a check. */
#ifndef WEIR_BASE_CHECK_H
#define WEIR_BASE_CHECK_H

#include <weir/base.h>

#define WEIR_CHECK(expr)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(expr), 0))                                                          \
            weir__check_failed(#expr, __FILE__, __LINE__);                                         \
    } while (0)

/* Abort with a text of its own, for misuse that deserves a sentence. */
#define WEIR_BUG(...) weir__bug(__FILE__, __LINE__, __VA_ARGS__)

WEIR_API _Noreturn void weir__check_failed(const char *expr, const char *file, int line);
WEIR_API _Noreturn void weir__bug(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Set by the task room: the name of what runs now, for the text. Never NULL once set. */
extern const char *(*weir__check_who)(void);

/* Called by each helper thread when it begins and before it ends, if set (crash reports are). */
extern void (*weir__thread_begins)(void);
extern void (*weir__thread_ends)(void);

#endif
