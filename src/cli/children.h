/* SPDX-License-Identifier: MIT */
/* children.h - what keeper and guard share: ending children, and keeping few descriptors.
 *
 * Only own children are ever signalled one by one: they cannot vanish before this process reaps
 * them, so their numbers cannot have become somebody else's. Deeper descendants become children
 * when their parents end, because keeper and guard are subreapers. */
#ifndef WEIR_CLI_CHILDREN_H
#define WEIR_CLI_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <weir/base.h>

/* Send signal to every living child that spared (may be NULL) does not spare; before SIGTERM also
 * SIGCONT.
 * Returns how many were not spared; a negative errno: /proc cannot be read. */
int children_signal(int signal, bool (*spared)(pid_t pid, void *arg), void *arg);

/* Become a supervisor: adopt orphans, block every signal, have SIGCHLD on the returned descriptor
 * (non-blocking), be seen as name, go on when the parent dies. Returns it, or a negative errno. */
int children_supervise(const char *name);

/* Be a program's process again, before its exec: no signal is blocked, and those that the first
 * supervisor found ignored still are, as under a shell. But not SIGTERM, which is a supervisor's
 * word to end, nor 32 and 33, which are libc's (make leaves them ignored). */
void children_release(void);

/* Continue every child that was stopped since the last call. */
void children_resume(void);

/* Kill and reap every child, and what they leave, as long as there is time. */
void children_bury(weir_ns until);

/* Forget the arrivals that a descriptor of children_supervise holds. */
void children_drain(int fd);

/* Close every descriptor from 3 on that fds[0 .. count-1] does not list; fds is sorted by it. */
void children_keep_fds(int *fds, size_t count);

/* The monotonic clock: supervisors run without a loop. */
weir_ns children_now(void);

/* Milliseconds until a time, rounded up, for poll; -1: WEIR_NEVER. */
int children_timeout(weir_ns until);

#endif
