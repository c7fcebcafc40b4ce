/* SPDX-License-Identifier: MIT */
/* children.h - what keeper, guard and `up` share: to signal and reap children, and to close
 * inherited descriptors.
 *
 * A process is signalled by its number only by its parent: until the parent reaps it, no other
 * process can get that number. Deeper descendants become children when their parents die, because
 * keeper and guard are subreapers. */
#ifndef WEIR_CLI_CHILDREN_H
#define WEIR_CLI_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <weir/base.h>

/* Send signal to every living child for which spared (may be NULL) does not return true; before
 * SIGTERM also SIGCONT. Returns to how many; a negative errno if /proc cannot be read. */
int children_signal(int signal, bool (*spared)(pid_t pid, void *arg), void *arg);

/* Become a supervisor: adopt orphans, block every signal, be shown as name, and be continued by the
 * kernel if the parent dies. Returns a non-blocking descriptor that can be read when a child has
 * changed (SIGCHLD); or a negative errno. */
int children_supervise(const char *name);

/* In a child, before the exec of a program: unblock all signals. Signals that were ignored when the
 * first supervisor began stay ignored, as under a shell; but not SIGTERM, by which a supervisor
 * stops the program, nor 32 and 33, which belong to libc (make leaves them ignored). */
void children_release(void);

/* Continue every child that was stopped since the last call. */
void children_resume(void);

/* Kill and reap every child, and every process that becomes a child by that, until the time
 * until. */
void children_bury(weir_ns until);

/* Read the descriptor of children_supervise empty. */
void children_drain(int fd);

/* Close every descriptor above 2 that is not in fds[0 .. count-1]. Sorts fds. */
void children_keep_fds(int *fds, size_t count);

/* The monotonic clock: supervisors run without a loop. */
weir_ns children_now(void);

/* Milliseconds until a time, rounded up, for poll; -1: WEIR_NEVER. */
int children_timeout(weir_ns until);

#endif
