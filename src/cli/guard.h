/* SPDX-License-Identifier: MIT */
/* guard.h - the process between `up` and the keepers. It forks a keeper when `up` asks for it, and
 * inherits and kills the processes that a dead keeper leaves. If the guard dies, or if `up` dies,
 * every keeper stops its node.
 *
 * The guard is forked, not executed: so it has the launches in memory, and no command line,
 * environment or limit must be sent to it. */
#ifndef WEIR_CLI_GUARD_H
#define WEIR_CLI_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/launch.h"

struct guard {
    pid_t pid;
    int fd; /* non-blocking; to close it stops all nodes */
};

/* The descriptors for a node's keeper; the caller keeps its own copies. On the channel (see
 * keeper.h) the guard sends
 *   lost signal=N    the keeper was killed, and all of the node with it
 *   resumed          the keeper was stopped (SIGSTOP), and was continued */
struct guard_fds {
    int channel, out, err, control;
};

/* Fork the guard. It has the launches as they are now. Call this before the process has a second
 * thread or a loop. The caller becomes a subreaper: it inherits the keepers if the guard dies.
 * Returns 0, or a negative errno: -ENOENT, there is no /proc. The caller closes fd and reaps
 * pid. */
int guard_open(const struct launch *launches, size_t count, struct guard *ret_guard);

/* Let the guard start launch number index under a keeper. Returns 0; -EAGAIN (wait until g->fd can
 * be written), or another negative errno: -EPIPE, the guard is dead. What follows comes by the
 * channel. */
int guard_start(struct guard *g, size_t index, const struct guard_fds *fds);

/* The keeper of launch number index does not answer: let the guard kill it, with all processes of
 * its node. Returns 0 or a negative errno. The channel is closed when it is done. */
int guard_overrule(struct guard *g, size_t index);

/* If the guard was stopped since the last call, continue it. Returns whether it was. */
bool guard_resume(const struct guard *g);

/* A descriptor that can be read once the guard has ended; or a negative errno. */
int guard_pidfd(const struct guard *g);

/* All nodes are gone or reported as left, and g->fd is closed: reap the guard. If it does not exit
 * within LIMIT_KILL, kill it. Returns whether it was killed: then the caller inherits the processes
 * left. */
bool guard_bury(const struct guard *g);

#endif
