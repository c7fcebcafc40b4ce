/* SPDX-License-Identifier: MIT */
/* detach.h - streams that leave their loop: for a loop on another thread, for another process, or
 * as a bare descriptor.
 *
 * A detached stream has everything that the stream had: the descriptor, the peer's address, the
 * bytes that were received and not read, and the end of stream or the error behind them. No byte is
 * lost or comes twice, even if the peer goes on writing meanwhile. A detached stream belongs to no
 * loop. Any thread may own it, one at a time. A server that only spreads connections over its loops
 * does not need it: weir_accept_fd and weir_stream_from_socket cost less. */
#ifndef WEIR_DETACH_H
#define WEIR_DETACH_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_stream;
struct weir_detached; /* a stream that belongs to no loop; whoever has the pointer owns it */

/* Take a stream out of its loop; *take_stream becomes NULL. The bytes that were received and not
 * read come along, also those that weir_peek has shown. On io_uring the call waits until the kernel
 * has returned the receive that is under way, about one turn of the loop. The caller must attach,
 * send or close *ret_detached.
 * Returns 0; -EBUSY (a task is in a call on it; it belongs to a reactive connection or a process;
 * or a helper thread is still in a read of the descriptor that was cancelled), WEIR_ETORN (see
 * weir_write), -EOPNOTSUPP (it lies in memory, is a terminal in raw mode or a serial port, or its
 * backend cannot detach), WEIR_ECLOSED (closed meanwhile), -ECANCELED, -ETIME, -ENOMEM,
 * WEIR_ENOLOOP. On error or cancel the stream is as before, with all its bytes. */
WEIR_SUSPENDS int weir_detach(struct weir_stream **take_stream,
                              struct weir_detached **ret_detached);

/* Make a detached stream a stream of this thread's loop; *take_detached becomes NULL. Reads return
 * the unread bytes first, then what the peer sends, or the end of stream or error that had come.
 * The caller must close *ret_stream.
 * Returns 0; -ENOMEM, -ENOSPC (the limit of descriptors that epoll watches), WEIR_ESIMREFUSED (a
 * stream of the system in a simulation, or the other way round), WEIR_ENOLOOP. On error
 * *take_detached stays the caller's, and *ret_stream is untouched. */
WEIR_API int weir_attach(struct weir_detached **take_detached, struct weir_stream **ret_stream);

/* The bytes that were received and not read. Lent as long as d. */
WEIR_API struct weir_view weir_detached_unread(const struct weir_detached *d);

/* What is behind the unread bytes, as far as it had come when the stream was detached.
 * Returns 1 (nothing yet: the peer may send more); 0 (end of stream); the error that reads will
 * return, such as -ECONNRESET. */
WEIR_API int weir_detached_end(const struct weir_detached *d);

/* The peer's address, as weir_stream_peer. Lent as long as d. Never NULL. */
WEIR_API const char *weir_detached_peer(const struct weir_detached *d);

/* Close a detached stream; *take_detached becomes NULL. If there are unread bytes, the connection
 * is reset, as by weir_close. NULL and *NULL are fine. Never fails. Any thread, but one of a
 * simulation must be closed inside its run. */
WEIR_API void weir_detached_close(struct weir_detached **take_detached);

/* Send a detached stream with its unread bytes over a connected unix socket; *take_detached becomes
 * NULL. The process at the other end calls weir_detached_recv. Both processes must be on one
 * machine and run the same version of the library. unix_stream may carry several detached streams
 * one after the other, but no other bytes.
 * Returns 0 when the kernel has taken it; -EOPNOTSUPP (unix_stream is no connected unix socket, or
 * d is no socket), WEIR_ETOOBIG (more than 16 MiB unread), -ENOMEM, or an error as weir_write. On
 * error or cancel *take_detached stays the caller's, and the other process does not get the
 * stream. */
WEIR_SUSPENDS int weir_detached_send(struct weir_stream *unix_stream,
                                     struct weir_detached **take_detached);

/* Receive what weir_detached_send has sent. The bytes need not be trusted: they are checked, and on
 * error no descriptor that came stays open. Do not read or peek unix_stream in any other way, since
 * that would lose descriptors. The caller must attach, send or close *ret_detached.
 * Returns 1; 0 at end of stream, when nothing has come; WEIR_EEOF (the stream ended inside a
 * message), WEIR_EPROTO (something else came: weir_error says what), -EOPNOTSUPP (no connected unix
 * socket), -ENOMEM, or an error as weir_read. On error or cancel *ret_detached is untouched, and
 * weir_error(rc)->done counts the bytes that were taken. If it is not 0, or after WEIR_EPROTO,
 * close unix_stream: the next message on it would not begin at its beginning. */
WEIR_SUSPENDS int weir_detached_recv(struct weir_stream *unix_stream,
                                     struct weir_detached **ret_detached);

/* Give up a stream for its bare descriptor; *take_stream becomes NULL, and *ret_fd is the caller's.
 * The bytes that were received and not read go to buf. A socket is non-blocking and close-on-exec;
 * a descriptor that came from weir_stream_from_fd is as it was. In a simulation it is a number that
 * only weir_stream_from_socket in the same simulation knows. buf is borrowed until return.
 * Returns how many bytes are in buf; WEIR_ETOOBIG (more than size bytes are unread), the error of
 * the connection if one has come already (the descriptor would not report it again), or an error as
 * weir_detach. On error or cancel the stream is as before, with all its bytes. */
WEIR_SUSPENDS ssize_t weir_stream_take_fd(struct weir_stream **take_stream, void *buf, size_t size,
                                          int *ret_fd);

#ifdef __cplusplus
}
#endif
#endif
