/* SPDX-License-Identifier: MIT */
/* fds.h - every descriptor that the library makes passes through here and never gets the number 0,
 * 1 or 2. If a program was started with one of these closed, or closed it later, the kernel would
 * give the number to the next descriptor, and a printf would then write into, say, a connection.
 * tools/fds.py finds calls that make a descriptor without these functions. */
#ifndef WEIR_SYS_FDS_H
#define WEIR_SYS_FDS_H

#include <stdbool.h>
#include <sys/socket.h>

/* fd, or a twin of it above 2 (close-on-exec) in place of it. fd < 0, from a call that failed:
 * -errno. Returns the descriptor or a negative errno; then fd is closed. */
int weir__fd_lift(int fd);

/* accept4 likewise, with SOCK_CLOEXEC. What it took could not be handed back: so where it may get a
 * low number, one above 2 is held first, and without one nothing is accepted: -EMFILE. */
int weir__fd_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags);

/* In a fork child: close the child's copy of a descriptor, unless that number is something else by
 * now (is_socket: what it was). */
void weir__fd_close_copy(int fd, bool is_socket);

/* Both of a pair, from a call that returned rc and filled fds if rc is 0. Returns 0, or a negative
 * errno; then neither is open and both are -1. */
int weir__fd_lift_pair(int rc, int fds[2]);

#endif
