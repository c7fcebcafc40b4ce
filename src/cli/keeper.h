/* SPDX-License-Identifier: MIT */
/* keeper.h - the process above one node: starts it, tells `up` of it, and ends it with all that
 * came from it, whoever else dies. doc/design/fleet.md draws who holds which end of what.
 *
 * On the channel (SOCK_SEQPACKET, one line per datagram) `up` says
 *   stop    TERM to the node's group; after the grace KILL to all
 *   kill    KILL to all
 * and the keeper says
 *   started pid=N
 *   exited code=N | exited signal=N     the node itself; its descendants are being ended
 *   killed                              KILL was needed to end all of it
 *   left count=N                        KILL did not end these in LIMIT_KILL
 *   failed errno=N                      could not begin
 *   done                                nothing of the node lives: the last word
 * The end of the channel without it means the same (but for what was left). The
 * other way, the end of the channel means that `up` is dead, and counts as stop. */
#ifndef WEIR_CLI_KEEPER_H
#define WEIR_CLI_KEEPER_H

#include "cli/launch.h"

struct keeper_fds {
    int channel;
    int out, err; /* the node's */
    int control;  /* the node's end of the control socket */
    int life;     /* ends when the guard does: counts as stop */
};

/* Be the keeper of a node: in a fresh single-threaded child process. Never returns; exits with 0
 * if no descendant was left. */
_Noreturn void keeper_run(const struct launch *l, const struct keeper_fds *fds);

/* Send one line on a channel; a full or closed channel loses it. */
void keeper_tell(int channel, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
