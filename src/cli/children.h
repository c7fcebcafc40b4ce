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

/* Send signal to every living child that spared (may be NULL) does not spare.
 * Returns how many were not spared; a negative errno: /proc cannot be read. */
int children_signal(int signal, bool (*spared)(pid_t pid, void *arg), void *arg);

/* Become a supervisor: adopt orphans, block every signal, have SIGCHLD on the returned descriptor
 * (non-blocking), be seen as name. Returns it, or a negative errno. */
int children_supervise(const char *name);

/* Forget the arrivals that a descriptor of children_supervise holds. */
void children_drain(int fd);

/* Close every descriptor from 3 on that fds[0 .. count-1] does not list; fds is sorted by it. */
void children_keep_fds(int *fds, size_t count);

/* The monotonic clock: supervisors run without a loop. */
weir_ns children_now(void);

/* Milliseconds until a time, rounded up, for poll; -1: WEIR_NEVER. */
int children_timeout(weir_ns until);

#endif
