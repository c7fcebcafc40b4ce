/* SPDX-License-Identifier: MIT */
/* check.c - abort with a message that names the place and the task. */
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

void (*_Atomic weir__check_more)(void);
void (*_Atomic weir__thread_begins)(void);
void (*_Atomic weir__thread_ends)(void);

void weir__bug(const char *file, int line, const char *format, ...) {
    char text[384];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *who = weir__check_who ? weir__check_who() : "";
    weir__log(WEIR_LOG_ERROR, "bug: %s (%s:%d)%s%s", text, file, line, *who ? " in task " : "",
              who);
    void (*more)(void) = weir__check_more;
    if (more != NULL)
        more();
    abort();
}

void weir__check_failed(const char *expr, const char *file, int line) {
    weir__bug(file, line, "check failed: %s", expr);
}
