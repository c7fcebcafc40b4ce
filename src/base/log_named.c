/* SPDX-License-Identifier: MIT */
/* log_named.c - lines of a program's own loggers. */
#include <weir/log.h>

#include "base/check.h"
#include "base/log.h"

void weir_log(struct weir_logger *logger, enum weir_log_level level, const char *format, ...) {
    va_list args;
    if (__builtin_expect((unsigned)level > WEIR_LOG_DEBUG, 0))
        WEIR_BUG("weir_log: %d is no level (WEIR_LOG_ERROR to WEIR_LOG_DEBUG)", (int)level);
    if (!weir_log_wants(logger, level))
        return;
    va_start(args, format);
    weir__log_emit(logger->name, level, format, args);
    va_end(args);
}

void weir_log_out(const char *line, void *logger) {
    weir_log(logger, WEIR_LOG_INFO, "%s", line);
}
