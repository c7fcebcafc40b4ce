/* SPDX-License-Identifier: MIT */
/* log.h - the log: all lines that the library prints go through here. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdarg.h>
#include <weir/base.h>

/* Write text to stderr. If descriptor 2 was closed when the program started, number 2 may since
 * have gone to a connection or a data file of the program: then text is written only if descriptor
 * 2 is a terminal, the null device or a file opened with O_APPEND. Async-signal-safe. */
void weir__stderr(const char *text, size_t len);

/* Says the name of the running task, or "". The task room sets it; base does not know tasks. */
extern const char *(*weir__check_who)(void);

/* Format one line (at most 511 bytes, cut beyond) and give it to the sink. Any thread. */
WEIR_API void weir__log(enum weir_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for the logger of that name, when it is known that the line is wanted. */
void weir__log_emit(const char *logger, enum weir_log_level level, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
