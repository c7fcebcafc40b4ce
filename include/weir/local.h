/* SPDX-License-Identifier: MIT */
/* local.h - task-locals: values that belong to a task and that its children inherit, such as the
 * number of a request or a trace context. Loop thread only. */
#ifndef WEIR_LOCAL_H
#define WEIR_LOCAL_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A key: a static object of the program; its address is the key. */
struct weir_local { /* zero: the values need no release */
    void (*release)(void *value); /* called once, when no task has the value any more. Must not
                                   * suspend */
};

/* Set the running task's value under key; NULL removes it. A task that this one spawns from now on
 * inherits it; one that was spawned before keeps what it has. Ownership of value passes on success:
 * release is called when the last task that has it has ended, or has another.
 * Returns 0; -ENOMEM, WEIR_ENOLOOP (outside a task): value stays the caller's. */
WEIR_API int weir_local_set(const struct weir_local *key, void *value);

/* The running task's value under key. It is lent until the task sets another, or ends.
 * Returns NULL if it has none, and outside a task. */
WEIR_API void *weir_local_get(const struct weir_local *key);

#ifdef __cplusplus
}
#endif
#endif
