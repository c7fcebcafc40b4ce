/* SPDX-License-Identifier: MIT */
/* line.h - the lines of a program: "[ Name ] text", one write each, flushed. What would steer a
 * terminal or is not UTF-8 (peers may send both) is shown as an escape (base/escape.h), so that a
 * text cannot end its line. weir_out_to sends the lines to a sink instead. A full stdout blocks the
 * loop until its reader reads, or until a stop. When a write to stdout fails, the program goes on,
 * and the log says so once. */
#ifndef WEIR_WORKER_LINE_H
#define WEIR_WORKER_LINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <weir/base.h>

/* true: the program was asked to stop. From now on, if the reader of stdout does not read for
 * WEIR__LINE_GRACE_MS, all that is still to be printed is lost. false: a new run begins. Any
 * thread, also in a signal handler. */
void weir__line_stopping(bool stopping);

void weir__line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void weir__line_v(const char *name, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Print one line about an error on stderr, without a name. It may quote peers, files, variables and
 * arguments, and is escaped like the lines above. */
void weir__line_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print head and then v: its text, or the count of its bytes if it is not a text. */
void weir__line_view(const char *name, const char *head, struct weir_view v, bool binary);

#endif
