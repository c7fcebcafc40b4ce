/* SPDX-License-Identifier: MIT */
/* message.h - messages of any socket, by one system call that does not block: several at once, with
 * addresses and control data. And what is done with descriptors that come beside bytes. */
#ifndef WEIR_SYS_MESSAGE_H
#define WEIR_SYS_MESSAGE_H

#include "sys/backend.h"

/* TRY_SENDMSG, and RECVMSG or TRY_RECVMSG: the op's result, or -EAGAIN. */
int64_t weir__message_send(struct weir__op *op);
int64_t weir__message_recv(struct weir__op *op);

/* One try to receive bytes of a unix stream, like recv. *ret_drained: were fewer than len there?
 * Not if descriptors or credentials were cut off: the kernel ends a read behind the first of these,
 * whatever follows. */
int64_t weir__message_read(int fd, void *buf, size_t len, bool *ret_drained);

/* The options of sockets for datagrams, from WEIR__BROADCAST on. */
int64_t weir__message_option(const struct weir__op *op);

/* The bytes of the first n messages. */
size_t weir__message_bytes(const struct weir__op *op, int64_t n);

/* Move the descriptors that came with m into fds, at most max; the others are closed. What the
 * control data still says is no descriptor any more (-1). Returns how many are in fds. *ret_lost:
 * whether some could not be kept, because there was no room for them or no number was free. */
size_t weir__message_take_fds(struct msghdr *m, int *fds, size_t max, bool *ret_lost);

#endif
