/* SPDX-License-Identifier: MIT */
/* log.h - the one way a line leaves the library. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <weir/base.h>

/* Write text to stderr, if that is what descriptor 2 is. Where it was closed when the program
 * started, whoever opened something next has got that number, a connection or a data file: then
 * only to what is plainly meant for lines, a terminal, the null device or a file that is appended
 * to. Async-signal-safe. */
void weir__stderr(const char *text, size_t len);

/* Format one line (at most 511 bytes, cut beyond) and give it to the sink. Any thread. */
WEIR_API void weir__log(enum weir_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
