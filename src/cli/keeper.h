/* SPDX-License-Identifier: MIT */
/* keeper.h - the process above one node: it starts the node, reports to `up`, and stops the node
 * with all processes that came from it, whichever other process dies. doc/design/fleet.md draws the
 * processes.
 *
 * On the channel (SOCK_SEQPACKET, one line in each datagram) `up` sends
 *   stop    TERM to the node's group; after the grace KILL to all its processes
 *   kill    KILL to all its processes
 * and the keeper sends
 *   started pid=N
 *   exited code=N | exited signal=N     the node's own process; its descendants are being stopped
 *   killed                              the grace has passed: KILL was sent
 *   left count=N                        so many processes live LIMIT_KILL after the KILL
 *   failed errno=N                      the node could not be started
 *   done                                no process of the node lives: the last line
 * If `up` sees the channel closed without "done", that means the same (except for processes left).
 * If the keeper sees it closed, `up` is dead, and the keeper stops the node. */
#ifndef WEIR_CLI_KEEPER_H
#define WEIR_CLI_KEEPER_H

#include "cli/launch.h"

struct keeper_fds {
    int channel;
    int out, err; /* the node's */
    int control;  /* the node's side of the control socket */
    int life;     /* a pipe that is closed when the guard dies: means stop */
};

/* Be the keeper of a node, in a new child process with one thread. Never returns. Exits with 0 if
 * no process of the node is left. */
_Noreturn void keeper_run(const struct launch *l, const struct keeper_fds *fds);

/* Send one line on a channel. If the channel is full or closed, the line is lost. */
void keeper_tell(int channel, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Take what `up` has sent, and let it send nothing more. To be called before our copy of a channel
 * is closed, which may be the last one: if a line of `up` were left unread, the kernel would tell
 * `up` of a reset before it hands out the lines that we have sent. */
void keeper_hear_no_more(int channel);

#endif
