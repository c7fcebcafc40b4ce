/* SPDX-License-Identifier: MIT */
/* log.h - the one way a line leaves the library. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <weir/base.h>

/* Format one line (at most 511 bytes, cut beyond) and give it to the sink. Any thread. */
WEIR_API void weir__log(enum weir_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
