/* SPDX-License-Identifier: MIT */
/* fds.h - every descriptor that the library makes passes through here and never gets the number 0,
 * 1 or 2. If a program was started with one of these closed, or closed it later, the kernel would
 * give the number to the next descriptor, and a printf would then write into, say, a connection.
 * tools/fds.py finds calls that make a descriptor without these functions. */
#ifndef WEIR_SYS_FDS_H
#define WEIR_SYS_FDS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <weir/base.h>

/* If fd is 0, 1 or 2, replace it by a duplicate above 2 (close-on-exec). fd < 0: a call has just
 * failed, return -errno. Returns the descriptor, or a negative errno; then fd is closed. */
WEIR_API int weir__fd_lift(int fd);

/* accept4 with SOCK_CLOEXEC, also never with a number below 3. A connection that was accepted
 * cannot be given back: so where accept4 may get a low number, a number above 2 is reserved first,
 * and if there is none no connection is accepted: -EMFILE. */
int weir__fd_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags);

/* In a fork child: close the child's copy of a descriptor, unless the number is another file by
 * now. is_socket: whether the file was a socket. */
void weir__fd_close_copy(int fd, bool is_socket);

/* Both of a pair, from a call that returned rc and filled fds if rc is 0. Returns 0, or a negative
 * errno; then neither is open and both are -1. */
int weir__fd_lift_pair(int rc, int fds[2]);

#endif
