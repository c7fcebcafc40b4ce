/* SPDX-License-Identifier: MIT */
/* stream.h - bytes in order, both ways: tcp, unix, memory, descriptors; listen and dial.
 *
 * A stream belongs to its loop and has one reader and one writer at a time (two tasks may be one
 * each); a second reader or writer gets -EBUSY. Receiving lends: peek shows bytes that the stream
 * already holds, consume gives them back; read and its kin are built on it. Loop thread only.
 *
 * Close streams, unlisten listeners and drop WebSockets before their run ends: the run closes none
 * (it logs how many there are), and afterwards closing one aborts. */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_stream; /* bytes in order, both ways, over a connection, a descriptor or memory */
struct weir_listener; /* takes the connections to an address */
struct weir_conn; /* one connection of a reactive server */
struct weir_group;

struct weir_dial_options { /* zero: the default */
    size_t size;
    weir_ns attempt_ns;  /* start the next address after this long (RFC 8305); 0 or
                          * less: 250 ms; WEIR_NEVER: only when the one before has failed */
    bool delay;          /* keep Nagle's algorithm (default: TCP_NODELAY) */
    int keepalive_s;     /* probe after so many idle seconds; 0: off */
};

struct weir_listen_options { /* zero: the default */
    size_t size;
    int backlog;           /* 0: 4096, cut by the kernel to net.core.somaxconn */
    bool reuse_port;       /* several listeners share the port (SO_REUSEPORT) */
    bool delay;            /* accepted streams keep Nagle's algorithm */
    int keepalive_s;       /* for accepted streams; 0: off */
};

/* Connect to tcp://HOST:PORT ([v6] in brackets, names looked up, addresses tried as RFC 8305
 * says) or unix:/PATH. options may be NULL. *ret_stream is the caller's to close. A dial to an
 * unused local port of the ephemeral range may be given that port as its own and so connect to
 * itself: weir_dial then returns -ECONNREFUSED.
 * Returns 0; -ECONNREFUSED, -ETIMEDOUT, -ENETUNREACH, ... (of the last address tried); WEIR_EURL,
 * WEIR_ENONAME, WEIR_ERESOLVE, -EAGAIN (32 look-ups of names that were abandoned by a cancel still
 * run; from 8 on the library logs it), -ECANCELED, -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP. On error
 * or cancel nothing stays open. */
WEIR_SUSPENDS int weir_dial(const char *url, const struct weir_dial_options *options,
                            struct weir_stream **ret_stream);

/* Listen on tcp://HOST:PORT (port 0: a free one; host "*": all addresses; a name that has several
 * addresses binds each that this machine has, same port) or unix:/PATH (the path must not exist
 * and is left behind: unlink it). options may be NULL. *ret_listener is the caller's to unlisten.
 * If a TCP address is in use, weir_listen tries again for 50 ms before it returns -EADDRINUSE: the
 * kernel may hold the addresses of a killed process a moment longer. A path in use fails at once.
 * The wait suspends this task only.
 * Returns 0; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, ...; WEIR_EURL, WEIR_ENONAME, WEIR_ERESOLVE,
 * -EAGAIN (as weir_dial), -ECANCELED, -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_listen(const char *url, const struct weir_listen_options *options,
                              struct weir_listener **ret_listener);

/* The port bound; 0 for a unix listener. */
WEIR_API int weir_listener_port(const struct weir_listener *l);

/* Wait for the next connection. *ret_stream is the caller's to close. An error that may pass (no
 * descriptor or memory left, a refusal by the firewall, the network down, a connection that broke
 * before it was accepted) is not returned: weir_accept tries again every 20 ms, and the library
 * logs the error at most once a second.
 * Returns 0; -ECANCELED, -ETIME, WEIR_ECLOSED (unlistened meanwhile), -EBUSY, WEIR_ENOLOOP. A
 * cancel loses no connection. */
WEIR_SUSPENDS int weir_accept(struct weir_listener *l, struct weir_stream **ret_stream);

/* Stop listening; a task in weir_accept gets WEIR_ECLOSED; connections not yet accepted are
 * reset. NULL and *NULL are fine. In a fork child it only closes the child's copies of the
 * descriptors. Never suspends, never fails. */
WEIR_API void weir_unlisten(struct weir_listener **take_listener);

/* Wait until at least min bytes (>= 1) can be seen; ret_view then shows all that lie in one piece.
 * The view is lent until the next consume, peek, read or close on s; the caller may not write it.
 * Returns its length (>= min); 0 at the end of the stream with nothing left; WEIR_EEOF if the end
 * came with fewer than min left (a smaller min still gets them); -ECANCELED, -ETIME, -ECONNRESET,
 * WEIR_ETOOBIG (min > 1 MiB), WEIR_ECLOSED, -EBUSY, -ENOMEM, WEIR_ENOLOOP. Consumes nothing. */
WEIR_SUSPENDS ssize_t weir_peek(struct weir_stream *s, size_t min, struct weir_view *ret_view);

/* Give back the first len bytes of what peek showed; more than that aborts. */
WEIR_API void weir_consume(struct weir_stream *s, size_t len);

/* Read at least 1 and at most len bytes (len 0 returns 0).
 * Returns the count; 0 at the end; -ECANCELED, -ETIME, -ECONNRESET, WEIR_ECLOSED, -EBUSY,
 * WEIR_ENOLOOP. On error or cancel nothing is consumed. buf is borrowed until return. */
WEIR_SUSPENDS ssize_t weir_read(struct weir_stream *s, void *buf, size_t len);

/* Read exactly len bytes.
 * Returns 0; WEIR_EEOF (the end came first), otherwise as weir_read. Cut short, the bytes read so
 * far are consumed and in buf: weir_error(rc)->done counts them. */
WEIR_SUSPENDS int weir_read_exactly(struct weir_stream *s, void *buf, size_t len);

/* Read up to and including the first delim byte, at most size-1 bytes, and end buf with a NUL.
 * Returns the length with delim; 0 at the end with nothing left; WEIR_EEOF (the end came before
 * delim), WEIR_ETOOBIG (none in size-1 bytes), otherwise as weir_read. On error nothing is
 * consumed. */
WEIR_SUSPENDS ssize_t weir_read_until(struct weir_stream *s, int delim, char *buf, size_t size);

/* Write all len bytes, waiting while the peer is slow.
 * Returns 0; -EPIPE, -ECONNRESET, WEIR_ETORN (an earlier write was cut short), WEIR_ECLOSED,
 * -EBUSY, -ECANCELED, -ETIME, WEIR_ENOLOOP. If a cancel or error comes after some bytes were
 * taken, weir_error(rc)->done counts them and the stream is torn. buf is borrowed until return. */
WEIR_SUSPENDS int weir_write(struct weir_stream *s, const void *buf, size_t len);

/* Write what can be taken at once: at most len bytes, and at most 64 KiB, so that the call is short
 * (len 0 returns 0). It never waits and is no cancel point; posted functions and callbacks may call
 * it too.
 * Returns how many bytes were taken; they are on their way. -EAGAIN (none now: weir_wait_writable
 * waits for room), -EBUSY (another task writes, or waits for room), -EPIPE, -ECONNRESET, WEIR_ETORN
 * (an earlier write was cut short), -EOPNOTSUPP (this descriptor can only be written by waiting, as
 * weir_write does), -EBADF (it is open for reading only), WEIR_EFORKED. A part does not tear the
 * stream: go on behind it. buf is borrowed until return. */
WEIR_API ssize_t weir_try_write(struct weir_stream *s, const void *buf, size_t len);

/* Wait until s may take bytes. The waiting task counts as the writer of s meanwhile. The wait also
 * ends, with 0, when the connection breaks or the other end is closed: the next write then fails.
 * Returns 0; -EPIPE (weir_shutdown was called), WEIR_ETORN, WEIR_ECLOSED, -EBUSY (as
 * weir_try_write), -ECANCELED, -ETIME, -ENOMEM, -EMFILE, WEIR_ENOLOOP. Another writer of the same
 * socket or descriptor may take the room first: weir_try_write then returns -EAGAIN again. */
WEIR_SUSPENDS int weir_wait_writable(struct weir_stream *s);

/* The descriptor of s, for socket options and the like. It is lent as long as s: do not close it,
 * read from it, write to it, or change its flags.
 * Returns it; -EOPNOTSUPP (s lies in memory, or in a simulated world), WEIR_EFORKED. */
WEIR_API int weir_stream_fd(const struct weir_stream *s);

/* Send end-of-stream after what was written; reading goes on; later writes get -EPIPE. Twice is
 * once. Returns 0; as weir_write; -ENOTCONN, -EOPNOTSUPP (a descriptor that is no socket). */
WEIR_SUSPENDS int weir_shutdown(struct weir_stream *s);

/* Close at once. Tasks parked on it get WEIR_ECLOSED. Bytes written were handed to the kernel;
 * unread ones make it reset the connection, and the peer may then lose bytes that were written. To
 * be sure that they arrive, call weir_shutdown and read to the end of the stream first. Views of s
 * become invalid. NULL and *NULL are fine. In a fork child it only closes the child's copy of the
 * descriptor: the parent and the peer notice nothing. Never suspends, never fails. */
WEIR_API void weir_close(struct weir_stream **take_stream);

/* Two ends joined in memory; each direction holds at most capacity bytes (0: 64 KiB).
 * Returns 0; -ENOMEM, WEIR_ENOLOOP. Both are the caller's to close. */
WEIR_API int weir_memory_pair(size_t capacity, struct weir_stream **ret_a,
                              struct weir_stream **ret_b);

/* Make a stream of a descriptor of any pollable kind (pipe, tty, socket, ...). On success the
 * stream owns fd and closes it; on error it stays the caller's. fd's flags are left alone.
 * Returns 0; -EBADF, -ENOMEM, WEIR_ENOLOOP. */
WEIR_API int weir_stream_from_fd(int fd, struct weir_stream **ret_stream);

/* The peer's or own address as text ("127.0.0.1:8765", "[::1]:80", "unix:/path", "memory"), lent
 * as long as s. "?" if it is not known. Never NULL. */
WEIR_API const char *weir_stream_peer(struct weir_stream *s);
WEIR_API const char *weir_stream_local(struct weir_stream *s);

/* A server without a task per connection: functions called on a pooled stack, one at a time per
 * connection, no stack between messages. On raw streams a message is whatever bytes arrived; all
 * of it is consumed when message returns. The functions may suspend; nothing more is read
 * meanwhile, nor an end noticed. Each connection has state_size bytes (zeroed) and a group
 * (INDEPENDENT). At the end the group is cancelled and joined, then closed is called; inside it
 * suspending calls return -ECANCELED unless shielded. */
struct weir_reactive {
    size_t size, state_size;
    int (*opened)(struct weir_conn *c, void *state); /* may be NULL; < 0 refuses: closed follows */
    int (*message)(struct weir_conn *c, void *state, struct weir_view v); /* < 0 ends it */
    /* May be NULL: errors are then logged. rc: 0 (the peer's end, weir_conn_close), what opened
     * or message returned, -ECONNRESET, -ECANCELED (g). Once; also after a refusal. */
    void (*closed)(struct weir_conn *c, void *state, int rc);
    void *arg; /* the server's own, for weir_conn_arg */
    size_t stack_size; /* of a connection's task, bytes; 0: the run's default */
    const char *name;  /* of that task, in crash reports: static text; NULL: "connection" */
};

/* Serve l by r, connections hanging below g (INDEPENDENT), until l is unlistened or the scope
 * fires. Connections live on until they end or g is cancelled; g's close or drain waits for them.
 * Errors of accept that may pass are handled as in weir_accept.
 * Returns 0 once unlistened; -ECANCELED, -ETIME, -EBUSY, -ENOMEM (only at its beginning; also if
 * r->stack_size is larger than any stack), WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_react(struct weir_listener *l, struct weir_group *g,
                             const struct weir_reactive *r);

/* Of a reactive connection: its stream (write to it; reading gets -EBUSY, closing it aborts), its
 * group, and a polite end: nothing more is read, and once the running function has returned it
 * is closed. Valid until closed has returned. */
WEIR_API struct weir_stream *weir_conn_stream(struct weir_conn *c);
WEIR_API struct weir_group *weir_conn_group(struct weir_conn *c);
WEIR_API void weir_conn_close(struct weir_conn *c);

/* Of a reactive connection: the arg of its server's functions. */
WEIR_API void *weir_conn_arg(struct weir_conn *c);

#ifdef __cplusplus
}
#endif
#endif
