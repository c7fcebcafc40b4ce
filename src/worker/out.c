/* SPDX-License-Identifier: MIT */
/* out.c - weir_out: a line of the program that the running task belongs to. */
#include <stdarg.h>
#include <weir/worker.h>

#include "worker/line.h"
#include "worker/program.h"

void weir_out(const char *format, ...) {
    const struct weir__program *p = weir__program_here();
    va_list args;
    va_start(args, format);
    weir__line_v(p != NULL ? p->title : "weir", format, args);
    va_end(args);
}
