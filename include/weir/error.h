/* SPDX-License-Identifier: MIT */
/* error.h - the record of the last error: what failed, on what, and why. weir/base.h has the codes
 * and struct weir_error; weir/task.h includes this header. */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The record of an error: of rc, which a call of this task has just returned. Outside a task each
 * thread has a record of its own. Valid until the next error of the task.
 * Returns NULL if the record belongs to another error: rc is 0 or more, a code for which this task
 * has not called weir_fail (a helper thread cannot), or an older error (opened, request, message
 * and a worker's loop begin without any). weir_error_message has a text then too. */
WEIR_API const struct weir_error *weir_error(int rc);

/* The text to print for rc: that of the error record if the record is rc's (see weir_error), else
 * weir_error_text(rc). Never NULL. Valid until the next error of the task. */
WEIR_API const char *weir_error_message(int rc);

/* Say why the running task's function returns rc:
 *   return weir_fail(rc, "no buzzer: %s", weir_error_message(rc));
 * format makes the text of the error record, cut to its size and escaped; arguments may lie in the
 * record. If the record is rc's already, its other members stay. Else it is a new one: what is "",
 * where is the task's name. rc is a code of the library or of the program (WEIR_EUSER and below).
 * If the function then returns rc, weir_group_close, weir_await and weir_run hand out the record.
 * Returns rc; outside tasks and callbacks that is all it does. Aborts if rc >= 0. */
WEIR_API int weir_fail(int rc, const char *format, ...) WEIR_MUST_USE
    __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
