/* SPDX-License-Identifier: MIT */
/* detach.h - streams that leave their loop: for a loop on another thread, for another process, or
 * as a bare descriptor.
 *
 * A detached stream is all that a stream was: the descriptor, the peer's address, the bytes that
 * were received and not yet read, and the end of the stream or the error behind them. Nothing is
 * lost and nothing comes twice, even if the peer goes on writing meanwhile. It belongs to no loop,
 * and one thread after the other may own it. A server that only spreads connections over its loops
 * needs none of this: weir_accept_fd and weir_stream_from_socket cost less. */
#ifndef WEIR_DETACH_H
#define WEIR_DETACH_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_stream;

/* A stream that belongs to no loop. Whoever has the pointer owns it. */
struct weir_detached;

/* Take a stream out of its loop. Bytes that were received and not read come along, also those that
 * a peek has shown; *take_stream becomes NULL. On io_uring this waits until the kernel has returned
 * the receive that is under way: about one turn of the loop. The caller must attach, send or close
 * *ret_detached.
 * Returns 0; -EBUSY (a task is inside; it is the stream of a reactive connection; or a helper
 * thread is still in a read of the descriptor that was cancelled), WEIR_ETORN (see weir_write),
 * -EOPNOTSUPP (it lies in memory; it is a terminal in raw mode or a serial port; or its backend
 * cannot do it), WEIR_ECLOSED, -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. On error or cancel the
 * stream is as before, with all its bytes. */
WEIR_SUSPENDS int weir_detach(struct weir_stream **take_stream,
                              struct weir_detached **ret_detached);

/* Make a detached stream a stream of this thread's loop; *take_detached becomes NULL. Reads return
 * the unread bytes first, then what the peer sends, or the end or error that had come. The caller
 * must close *ret_stream.
 * Returns 0; -ENOMEM, -ENOSPC (the limit of descriptors that epoll watches), WEIR_ESIMREFUSED (a
 * stream of the system in a simulation, or the other way round), WEIR_ENOLOOP. On error
 * *take_detached is still the caller's. */
WEIR_API int weir_attach(struct weir_detached **take_detached, struct weir_stream **ret_stream);

/* The bytes that were received and not read. Lent as long as d. */
WEIR_API struct weir_view weir_detached_unread(const struct weir_detached *d);

/* What is behind the unread bytes, as far as it had come when the stream was detached.
 * Returns 1: nothing yet, the peer may send more; 0: the end of the stream; or the error that reads
 * will return, such as -ECONNRESET. */
WEIR_API int weir_detached_end(const struct weir_detached *d);

/* The peer's address as weir_stream_peer shows it. Lent as long as d. Never NULL. */
WEIR_API const char *weir_detached_peer(const struct weir_detached *d);

/* Close a detached stream; *take_detached becomes NULL. As weir_close: if there are unread bytes,
 * the connection is reset. NULL and *NULL are fine. Any thread; one of a simulation must be closed
 * inside its run. Never fails. */
WEIR_API void weir_detached_close(struct weir_detached **take_detached);

/* Send a detached stream, unread bytes and all, to the process at the other end of a unix socket,
 * which calls weir_detached_recv; *take_detached becomes NULL. Both must be of one machine and run
 * the same version of the library. unix_stream may carry one after the other, but no other bytes.
 * Returns 0 when the kernel has taken it; an error as weir_write; -EOPNOTSUPP (unix_stream is no
 * connected unix socket, d is no socket), WEIR_ETOOBIG (more than 16 MiB unread), -ENOMEM. On error
 * or cancel *take_detached is still the caller's, and the other process gets nothing of it. */
WEIR_SUSPENDS int weir_detached_send(struct weir_stream *unix_stream,
                                     struct weir_detached **take_detached);

/* Receive what weir_detached_send sent. What comes is checked as from an enemy: of something that
 * is no detached stream nothing stays open. Do not read or peek unix_stream otherwise: that would
 * lose descriptors. The caller must attach, send on, or close *ret_detached.
 * Returns 1; 0 at the end of the stream, when nothing has come; WEIR_EEOF (it ended in the middle),
 * WEIR_EPROTO (something else came; weir_error has what), an error as weir_read; -EOPNOTSUPP (no
 * connected unix socket), -ENOMEM. After an error or cancel weir_error(rc)->done counts the bytes
 * that were taken. If there are any, or after WEIR_EPROTO, close unix_stream: what it carries next
 * has no beginning. */
WEIR_SUSPENDS int weir_detached_recv(struct weir_stream *unix_stream,
                                     struct weir_detached **ret_detached);

/* Give up a stream for its bare descriptor: *take_stream becomes NULL, and *ret_fd is the caller's.
 * The bytes that were received and not read go to buf. A socket is non-blocking and close-on-exec;
 * a descriptor that weir_stream_from_fd took is as it was. In a simulation it is a number that only
 * weir_stream_from_socket in the same simulation knows.
 * Returns how many bytes are in buf; WEIR_ETOOBIG (they do not fit), an error of the connection
 * that has come already (the descriptor would not report it again), or as weir_detach. On error or
 * cancel the stream is as before, and nothing is in buf. buf is borrowed until return. */
WEIR_SUSPENDS ssize_t weir_stream_take_fd(struct weir_stream **take_stream, void *buf, size_t size,
                                          int *ret_fd);

#ifdef __cplusplus
}
#endif
#endif
