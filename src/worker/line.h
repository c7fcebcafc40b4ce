/* SPDX-License-Identifier: MIT */
/* line.h - the lines of a program: "[ Name ] text", one write each, flushed. What would steer a
 * terminal or is not UTF-8 (it comes from peers) is shown as an escape (base/escape.h), so that a
 * line stays a line. weir_out_to sends them to a sink instead. A reader of stdout that does not
 * read holds the loop until it reads, or until a stop; when stdout cannot be written, the program
 * goes on, and the log says so once. */
#ifndef WEIR_WORKER_LINE_H
#define WEIR_WORKER_LINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <weir/base.h>

/* A stop was asked for: from now on whoever does not read stdout for WEIR__LINE_GRACE_MS loses the
 * rest of what is printed. false: begin anew. Any thread, also in a signal handler. */
void weir__line_stopping(bool stopping);

void weir__line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void weir__line_v(const char *name, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* One line on stderr, without a name: what a program says of an error. It holds what others wrote
 * (peers, files, variables, arguments), and is escaped as the lines above. */
void weir__line_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The text head, then what v holds: a text, or the count of bytes that are none. */
void weir__line_view(const char *name, const char *head, struct weir_view v, bool binary);

#endif
