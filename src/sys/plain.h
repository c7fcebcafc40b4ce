/* SPDX-License-Identifier: MIT */
/* plain.h - what epoll and io_uring do alike, by one system call that does not block: the ops that
 * are always done at once, and single tries on sockets. Results: >= 0 or a negative errno. */
#ifndef WEIR_SYS_PLAIN_H
#define WEIR_SYS_PLAIN_H

#include "sys/backend.h"

/* BIND, LISTEN, SETOPT, GETOPT, NAME, SHUTDOWN, READ_FD, WRITE_FD, TRY_SENDMSG, TRY_RECVMSG. */
int64_t weir__plain(struct weir__op *op);

/* True for the kinds above. */
bool weir__plain_kind(int kind);

int64_t weir__plain_socket(int family, int type, int flags);
int64_t weir__plain_recv(int fd, void *buf, size_t len);

/* Accept a connection. Errors that the kernel reports for connections which died while they waited
 * are skipped, a few times. */
int64_t weir__plain_accept(int fd, struct weir__addr *ret_peer, int flags);
int weir__plain_peer(int fd, struct weir__addr *ret_peer);

/* SEND_SOON, by a call of its own. Returns how many bytes were taken, -EAGAIN or the error. */
int64_t weir__plain_send_once(const struct weir__op *op);

/* Go on sending, at most max bytes, and count them in the op (SEND: u.bytes.done; SENDV:
 * u.vector.done, and the array advances). Returns the total when all bytes are sent; -EINPROGRESS:
 * max bytes were sent; -EAGAIN or the error. */
int64_t weir__plain_send(struct weir__op *op, size_t max);

/* Count n more bytes as sent. Returns whether all are. */
bool weir__plain_sent(struct weir__op *op, size_t n);
size_t weir__plain_done(const struct weir__op *op);
size_t weir__plain_unsent(const struct weir__op *op, size_t max); /* counted up to max */

/* Let the close of fd send a reset (TCP). */
void weir__plain_reset(int fd);
/* Close, with a reset, a connection that was accepted and that no call can return, as the kernel
 * does with its backlog. */
void weir__plain_turn_away(int fd);
/* DETACH of a file of which the backend holds nothing and has received nothing. Returns its
 * descriptor. */
int64_t weir__plain_detach(struct weir__op *op);
/* CLOSE of a file that no backend keeps. Returns 0. */
int64_t weir__plain_close_unkept(struct weir__file *file);

weir_ns weir__plain_now(void);
void weir__plain_random(void *buf, size_t len);

#endif
