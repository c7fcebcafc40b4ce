/* SPDX-License-Identifier: MIT */
/* foreign.h - try once to read or write a descriptor of any kind, without ever blocking. That holds
 * also if the descriptor is in blocking mode and another process takes the bytes, or the room,
 * between poll and the call. The flags of the descriptor are shared with such processes, so they
 * are not changed.
 *
 *   socket                         MSG_DONTWAIT
 *   pipe, and all else that can    RWF_NOWAIT
 *   regular file, block device     a plain call: it waits for the disk only
 *   terminal; pipe before 6.5      a non-blocking open file of our own, opened through /proc
 *   has O_NONBLOCK                 a plain call
 *   all others                     -EOPNOTSUPP: a helper thread must wait
 *
 * A program in the background of its terminal that reads it would be stopped by SIGTTIN, with all
 * its tasks. So the signal is blocked during the read, and the result is -EAGAIN. Writing raises
 * SIGTTOU only if the user has asked for that (stty tostop): then it has its effect. */
#ifndef WEIR_SYS_FOREIGN_H
#define WEIR_SYS_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Return a count, 0 at end of file, -EAGAIN, -EOPNOTSUPP or an error. They raise no SIGPIPE: they
 * return -EPIPE. */
int64_t weir__foreign_read(int fd, void *buf, size_t len);
int64_t weir__foreign_write(int fd, const void *buf, size_t len);

/* Is fd the controlling terminal, and another group of processes in its foreground? */
bool weir__foreign_in_background(int fd);

/* The same for a descriptor whose open file description is ours alone, and has O_NONBLOCK. */
int64_t weir__own_read(int fd, void *buf, size_t len);
int64_t weir__own_write(int fd, const void *buf, size_t len);

/* write(2) that raises no SIGPIPE. It may block, if the descriptor does. */
int64_t weir__foreign_write_waiting(int fd, const void *buf, size_t len);

#endif
