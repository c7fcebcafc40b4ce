/* SPDX-License-Identifier: MIT */
/* guard.h - the one process between `up` and the keepers: it forks them on demand, inherits what
 * a dead keeper leaves and kills it; its own death stops every keeper, and so does `up`'s.
 *
 * It is forked, not executed anew: it then already has the launches, so that no command line,
 * environment or limit has to be carried over a wire and read back. */
#ifndef WEIR_CLI_GUARD_H
#define WEIR_CLI_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/launch.h"

struct guard {
    pid_t pid;
    int fd; /* non-blocking; its close stops everything */
};

/* What a node's keeper gets; they stay the caller's. On the channel (see keeper.h) the guard adds
 *   lost signal=N    the keeper was killed, and all of the node with it
 *   resumed          the keeper was stopped (SIGSTOP), and was continued */
struct guard_fds {
    int channel, out, err, control;
};

/* Fork the guard of launches, which must stay as they are. To be called before the process has a
 * second thread or a loop. The caller becomes a subreaper: it inherits if the guard dies.
 * Returns 0, or a negative errno: -ENOENT, there is no /proc. The guard is the caller's to close
 * (fd) and to reap (pid). */
int guard_open(const struct launch *launches, size_t count, struct guard *ret_guard);

/* Have launch number index started under a keeper. Returns 0; -EAGAIN (wait until g->fd can be
 * written), or another negative errno: -EPIPE, the guard is dead. The channel tells the rest. */
int guard_start(struct guard *g, size_t index, const struct guard_fds *fds);

/* Have the keeper of launch number index killed, with all that it kept: it does not answer.
 * Returns 0 or a negative errno; the channel's end tells that it is done. */
int guard_overrule(struct guard *g, size_t index);

/* If the guard was stopped since the last call, continue it. Returns whether it was. */
bool guard_resume(const struct guard *g);

/* A descriptor that can be read once the guard has ended; or a negative errno. */
int guard_pidfd(const struct guard *g);

/* All nodes are gone or told as left, and g->fd is closed: reap the guard. One that does not end
 * in LIMIT_KILL is killed. Returns whether it was: then the caller inherits what is left. */
bool guard_bury(const struct guard *g);

#endif
