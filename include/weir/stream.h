/* SPDX-License-Identifier: MIT */
/* stream.h - streams of bytes over TCP, unix sockets, memory and descriptors; dial and listen.
 *
 * A stream carries bytes in both directions, in order. It belongs to its loop. One task may read it
 * while another writes to it; a second reader or a second writer gets -EBUSY. weir_peek lends bytes
 * that the stream holds, and weir_consume gives them back. The calls named read are built on these
 * two and copy. After an error of the connection, bytes that had come before can still be read;
 * then each read returns the error again. Loop thread only.
 *
 * Close streams, unlisten listeners and drop WebSockets before their run ends: the run closes none
 * of them, and logs how many there are. If one is a WebSocket with a keepalive, weir_run then
 * aborts, and the message names weir_ws_drop. Closing one after its run aborts. */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_stream; /* bytes in both directions, over a connection, a descriptor or memory */
struct weir_listener; /* accepts the connections to an address */
struct weir_conn; /* one connection of a reactive server */
struct weir_group;
struct weir_tls; /* weir/tls.h */

/* The options of weir_dial. */
struct weir_dial_options { /* zero: the default */
    size_t size;         /* sizeof (struct weir_dial_options) */
    weir_ns attempt_ns;  /* try the next address after this long (RFC 8305); 0 or
                          * less: 250 ms; WEIR_NEVER: only when the one before has failed */
    bool delay;          /* keep Nagle's algorithm (default: TCP_NODELAY) */
    int keepalive_s;     /* probe after so many idle seconds; 0: off */
    const char *local;   /* tcp: dial from this address of the machine: "192.0.2.1", "[::1]:2000"
                          * (no names); only addresses of its family are tried. NULL: any */
    struct weir_tls *tls;  /* for tls://, see weir/tls.h; NULL: the system's roots. With any other
                            * URL: speak TLS over the stream that it opens; NULL: do not */
    const char *tls_name;  /* the name that the server's certificate must be for; NULL: HOST */
};

/* The options of weir_listen. */
struct weir_listen_options { /* zero: the default */
    size_t size;           /* sizeof (struct weir_listen_options) */
    int backlog;           /* 0: 4096; the kernel cuts it to net.core.somaxconn */
    bool reuse_port;       /* several listeners share the port (SO_REUSEPORT) */
    bool delay;            /* accepted streams keep Nagle's algorithm */
    int keepalive_s;       /* accepted streams: probe after so many idle seconds; 0: off */
    struct weir_tls *tls;  /* with a certificate, see weir/tls.h; tls:// needs it. With any other
                            * URL: speak TLS over each accepted stream; NULL: do not. Its
                            * handshakes_max bounds the handshakes */
};

/* Open a stream by a URL:
 *   tcp://HOST:PORT  HOST is a name, an IPv4 address, or an IPv6 address in brackets; the addresses
 *                    of a name are tried as RFC 8305 says
 *   tls://HOST:PORT  the same, encrypted: see weir_tls_connect (in the library weir-tls)
 *   unix:/PATH       a unix socket
 *   mem:NAME         in memory, to the listener of that name on this loop (1 to 63 bytes)
 *   fd:N             the descriptor N, as weir_stream_from_fd: the stream owns it
 *   exec:WORD WORD   a program, by its standard input and output; closing the stream kills it.
 *                    In a word %XX is any byte: %20 a space, %25 a percent sign. Errors as
 *                    weir_process_start
 *   pty:WORD WORD    the same on a pseudo-terminal, which also carries its standard error
 *   serial://PATH    a serial port, with its settings: see weir_serial_open
 *   udp://HOST:PORT  a write sends one datagram, a read returns bytes of one; no end of stream.
 *                    A read or write returns -ECONNREFUSED once after each datagram that met no
 *                    socket, and the stream goes on
 *   file:PATH        a file; ?mode=read (default), write, append or update; errors as
 *                    weir_file_open
 *   pipe:PATH        a FIFO; ?mode=both (default: it has no end of stream), read or write
 * options may be NULL. The caller must close *ret_stream. The kernel may connect a dial to an
 * unused local port of the ephemeral range to itself: weir_dial then returns -ECONNREFUSED.
 * Returns 0; -ECONNREFUSED, -ETIMEDOUT, -ENETUNREACH, ... (of the last address tried);
 * -EADDRNOTAVAIL, -EADDRINUSE, -EINVAL (options->local cannot be used); WEIR_EURL, WEIR_ENONAME,
 * WEIR_ERESOLVE, -EAGAIN (32 look-ups of names that a cancel has abandoned still run; from 8 on
 * the library logs it), -ECANCELED, -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP; of tls:// WEIR_ENOTLS,
 * or an error as weir_tls_connect. On error or cancel nothing stays open, and *ret_stream is
 * untouched. */
WEIR_SUSPENDS int weir_dial(const char *url, const struct weir_dial_options *options,
                            struct weir_stream **ret_stream);

/* Listen by a URL:
 *   tcp://HOST:PORT  port 0 is any free one; HOST "*" is all addresses. If a name has several
 *                    addresses, each that this machine has is bound, to the same port
 *   tls://HOST:PORT  the same, encrypted, by options->tls: weir_accept returns a stream whose
 *                    handshake comes with its first read or write (see weir_tls_handshake)
 *   unix:/PATH       PATH must not exist; the library does not remove it afterwards: unlink it
 *   mem:NAME         for dials on this loop, in memory; not for weir_accept_fd (-EOPNOTSUPP). 128
 *                    connections wait at most, or backlog
 *   fd:N             a listening socket that the process has inherited (systemd's first is fd:3).
 *                    The listener owns it, and makes it non-blocking. -ENOTSOCK, -EPROTOTYPE (no
 *                    stream socket), -EINVAL (it does not listen)
 * options may be NULL. The caller must unlisten *ret_listener. If a TCP address is in use,
 * weir_listen tries again for some 50 ms, since the kernel may hold the addresses of a killed
 * process a moment longer. A path in use fails at once.
 * Returns 0; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, ...; WEIR_EURL, WEIR_ENONAME, WEIR_ERESOLVE,
 * WEIR_ENOTLS, -EAGAIN (as weir_dial), -ECANCELED, -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP. On error
 * or cancel nothing stays open, and *ret_listener is untouched. */
WEIR_SUSPENDS int weir_listen(const char *url, const struct weir_listen_options *options,
                              struct weir_listener **ret_listener);

/* The port that a listener is bound to; 0 for a unix listener. */
WEIR_API int weir_listener_port(const struct weir_listener *l);

/* Wait for the next connection. The caller must close *ret_stream. An error that may pass (no
 * descriptor or memory left, a refusal by the firewall, the network down, a connection that broke
 * before it was accepted) is not returned: weir_accept tries again every 20 ms, and the library
 * logs the error at most once a second.
 * Returns 0; -ECANCELED, -ETIME, WEIR_ECLOSED (unlistened meanwhile), -EBUSY (another task
 * accepts), WEIR_ENOLOOP. On error or cancel no connection is lost: the next call returns it. */
WEIR_SUSPENDS int weir_accept(struct weir_listener *l, struct weir_stream **ret_stream);

/* The same, but the connection is not yet made a stream: *ret_fd is its descriptor, non-blocking
 * and close-on-exec, and belongs to the caller. Hand it to another loop, which makes a stream of it
 * by weir_stream_from_socket. In a simulation it is a number that only weir_stream_from_socket in
 * the same simulation knows.
 * Returns as weir_accept. */
WEIR_SUSPENDS int weir_accept_fd(struct weir_listener *l, int *ret_fd);

/* Stop listening; *take_listener becomes NULL. A task in weir_accept gets WEIR_ECLOSED, and
 * weir_react returns. Connections that were not yet accepted are reset; streams that were accepted
 * stay open. NULL and *NULL are fine. In a fork child it only closes the child's copies of the
 * descriptors. Never suspends, never fails. */
WEIR_API void weir_unlisten(struct weir_listener **take_listener);

/* Wait until the stream holds at least min bytes, and show them without a copy. *ret_view shows all
 * bytes that lie in one piece: min or more. min 0 counts as 1; min may be larger than the capacity
 * of a pair in memory. The view is lent until the next call that reads, peeks, consumes or closes
 * on s; the caller must not write to it.
 * Returns the length of the view; 0 at end of stream, when no byte is left; WEIR_EEOF at end of
 * stream, when fewer than min are left (a smaller min shows them); -ECANCELED, -ETIME, -ECONNRESET,
 * WEIR_ETOOBIG (min > 1 MiB), WEIR_ECLOSED, -EBUSY, -ENOMEM, WEIR_ENOLOOP. Consumes nothing; after
 * an error or cancel the bytes are still there, and *ret_view is untouched. */
WEIR_SUSPENDS ssize_t weir_peek(struct weir_stream *s, size_t min, struct weir_view *ret_view);

/* Consume the first len bytes that weir_peek has shown: later calls read what lies behind them. The
 * view becomes invalid. Aborts if the stream holds fewer than len. */
WEIR_API void weir_consume(struct weir_stream *s, size_t len);

/* Read at least 1 and at most len bytes; waits only if there are none. len 0 returns 0.
 * Returns the count; 0 at end of stream; -ECANCELED, -ETIME, -ECONNRESET, WEIR_ECLOSED, -EBUSY,
 * -ENOMEM, WEIR_ENOLOOP. On error or cancel nothing is consumed. buf is borrowed until return. */
WEIR_SUSPENDS ssize_t weir_read(struct weir_stream *s, void *buf, size_t len);

/* Read exactly len bytes.
 * Returns 0; WEIR_EEOF (the stream ended before len bytes), or an error as weir_read. On error or
 * cancel the bytes that were read so far are in buf, and consumed: weir_error(rc)->done is their
 * count. buf is borrowed until return. */
WEIR_SUSPENDS int weir_read_exactly(struct weir_stream *s, void *buf, size_t len);

/* Read up to and including the first delim byte, and put a NUL behind it. buf has size bytes, so at
 * most size - 1 are read. For lines use weir_frames of weir/frame.h, which takes a last line
 * without its line end.
 * Returns the length with delim, without the NUL; 0 at end of stream, when no byte is left;
 * WEIR_EEOF (the stream ended before delim), WEIR_ETOOBIG (no delim in size - 1 bytes, nor in
 * 1 MiB), or an error as weir_read. On error or cancel nothing is consumed. buf is borrowed until
 * return. */
WEIR_SUSPENDS ssize_t weir_read_until(struct weir_stream *s, int delim, char *buf, size_t size);

/* Write all len bytes; waits while the peer is slow.
 * Returns 0, when the kernel (of a pair in memory: the other stream) has the bytes; -EPIPE,
 * -ECONNRESET, WEIR_ETORN, WEIR_ECLOSED, -EBUSY, -ECANCELED, -ETIME, WEIR_ENOLOOP. After an error
 * or cancel weir_error(rc)->done counts the bytes that were taken. If there are any, the stream is
 * torn: the peer has a part of what it should get, and each later write returns WEIR_ETORN. After
 * -ECONNRESET reads return the bytes that came before the reset, and then -ECONNRESET, not end of
 * stream; likewise after another error that broke the connection, such as -ETIMEDOUT. buf is
 * borrowed until return. */
WEIR_SUSPENDS int weir_write(struct weir_stream *s, const void *buf, size_t len);

/* Write as many bytes as the stream takes without a wait: at most len, and at most 64 KiB, so that
 * the call is short. It never suspends and is no cancel point, so posted functions and callbacks
 * may call it too. len 0 returns 0.
 * Returns how many bytes were taken; -EAGAIN (none: weir_wait_writable waits for room), -EBUSY
 * (another task writes, or waits for room), -EPIPE, -ECONNRESET, WEIR_ETORN (all: see weir_write),
 * -EOPNOTSUPP (this descriptor can only be written by weir_write), -EBADF (it is open for reading
 * only), WEIR_EFORKED. Fewer than len bytes do not tear the stream: write the rest later. buf is
 * borrowed until return. */
WEIR_API ssize_t weir_try_write(struct weir_stream *s, const void *buf, size_t len);

/* Wait until a stream has room for bytes. The waiting task counts as the writer of s. The call also
 * returns 0 when the peer has closed or broken the connection: the next write returns the error.
 * Returns 0; -EPIPE (weir_shutdown was called), WEIR_ETORN (see weir_write), WEIR_ECLOSED, -EBUSY
 * (another task writes, or waits for room), -EBADF (it is open for reading only), -ECANCELED,
 * -ETIME, -ENOMEM, -EMFILE, WEIR_ENOLOOP. It also returns 0 for a descriptor that weir_try_write
 * always refuses with -EOPNOTSUPP (the master of a pseudo-terminal in blocking mode, a device that
 * cannot be opened again): use weir_write there.
 * After 0 another writer of the same socket or descriptor may take the room first: weir_try_write
 * then returns -EAGAIN again. */
WEIR_SUSPENDS int weir_wait_writable(struct weir_stream *s);

/* The descriptor of a stream, for socket options and the like. It is lent as long as s: do not
 * close it, read from it, write to it, or change its flags.
 * Returns the descriptor; -EOPNOTSUPP (s lies in memory, or in a simulation), WEIR_EFORKED. */
WEIR_API int weir_stream_fd(const struct weir_stream *s);

/* Send end of stream behind what was written. Later writes get -EPIPE; reading goes on. A second
 * call returns 0 and does nothing.
 * Returns 0; an error as weir_write; -ENOTCONN, -EOPNOTSUPP (a descriptor that is no socket). */
WEIR_SUSPENDS int weir_shutdown(struct weir_stream *s);

/* Close a stream at once; *take_stream becomes NULL. Tasks that are parked on it get WEIR_ECLOSED.
 * Views of it become invalid. The kernel still sends what was written. But if bytes from the peer
 * were not read, it resets the connection, and the peer may lose what was written: to be sure that
 * it arrives, call weir_shutdown and read to end of stream first. NULL and *NULL are fine. In a
 * fork child it only closes the child's copy of the descriptor: the parent and the peer notice
 * nothing. Never suspends, never fails. Aborts if s belongs to a reactive connection. */
WEIR_API void weir_close(struct weir_stream **take_stream);

/* Make two streams that are joined in memory: what is written to one is read from the other. Each
 * direction holds at most capacity bytes (0: 64 KiB; at most 1 GiB). The caller must close both.
 * Returns 0; -ENOMEM, WEIR_ENOLOOP. On error *ret_a and *ret_b are untouched. */
WEIR_API int weir_memory_pair(size_t capacity, struct weir_stream **ret_a,
                              struct weir_stream **ret_b);

/* Make a stream of a descriptor: a pipe, a tty, a socket, a file, ... From then on the stream owns
 * fd and closes it; on error fd stays the caller's. fd's flags are not changed. If fd is open for
 * reading only, a write returns -EBADF; if for writing only, a read does.
 * Returns 0; -EBADF, -ENOMEM, WEIR_ENOLOOP. */
WEIR_API int weir_stream_from_fd(int fd, struct weir_stream **ret_stream);

/* Make a stream of a connected socket of type SOCK_STREAM, such as weir_accept_fd or socketpair
 * gives; it is as quick as a stream that this loop has accepted itself. From then on the stream
 * owns fd, which becomes non-blocking, and closes it; on error fd stays the caller's.
 * Returns 0; -EBADF, -ENOTSOCK, -EPROTOTYPE (another type), -ENOTCONN, -ENOMEM, WEIR_ESIMREFUSED (a
 * socket of the system, in a simulation), WEIR_ENOLOOP. */
WEIR_API int weir_stream_from_socket(int fd, struct weir_stream **ret_stream);

/* The address of a stream's peer, and its own (local), as text: "127.0.0.1:8765", "[::1]:80",
 * "unix:/path", "memory"; "?" if it is not known. Lent as long as s. Never NULL. */
WEIR_API const char *weir_stream_peer(struct weir_stream *s);
WEIR_API const char *weir_stream_local(struct weir_stream *s);

/* A reactive server: functions that are called for its connections. Between messages a connection
 * has no task and no stack. The functions of one connection are called one at a time, as a task in
 * the connection's own group (WEIR_INDEPENDENT); they may suspend. Meanwhile nothing is read from
 * the connection, so that end of stream is not noticed either. state has state_size bytes, zeroed,
 * one for each connection. To close a connection the library cancels its group, waits until the
 * tasks in it have ended, calls closed, and closes the stream. In closed suspending calls return
 * -ECANCELED, unless it enters a shield (weir_shield_enter). */
struct weir_reactive {
    size_t size, state_size; /* size: sizeof (struct weir_reactive) */
    /* A connection was accepted. May be NULL. < 0 closes it; >= 0 goes on. */
    int (*opened)(struct weir_conn *c, void *state);
    /* Bytes have come: as many as arrived at once, whatever the peer wrote in one piece. v is lent
     * until the function returns, and all its bytes count as read then. < 0 closes; >= 0 goes on.
     * Required. */
    int (*message)(struct weir_conn *c, void *state, struct weir_view v);
    /* The last call for the connection, made once, also if opened returned < 0. May be NULL: errors
     * are then logged. rc: 0 (end of stream, weir_conn_close), what opened or message returned, an
     * error of reading such as -ECONNRESET (also if a write has met it first), or -ECANCELED,
     * -ETIME (g was cancelled, or a scope around it has fired). */
    void (*closed)(struct weir_conn *c, void *state, int rc);
    void *arg; /* for weir_conn_arg */
    size_t stack_size; /* of a connection's task, bytes; 0: the run's default */
    const char *name;  /* of that task, in crash reports: static text; NULL: "connection" */
    /* How long the handshake of a TLS stream may take; 0: 10 s. It comes before opened. If it
     * fails, the library logs that and calls none of the functions. */
    weir_ns handshake_ns;
};

/* Serve the connections to a listener by the functions of r, until l is unlistened or a scope
 * fires. Each connection is a child of g, which should be WEIR_INDEPENDENT. When weir_react has
 * returned, open connections live on: a close or drain of g waits for them, a cancel of g closes
 * them. Errors of accept that may pass are handled as in weir_accept. *r is copied.
 * Returns 0 once l is unlistened; -ECANCELED, -ETIME, -EBUSY (another task accepts), -ENOMEM (only
 * when it begins; also if r->stack_size is larger than any stack), WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_react(struct weir_listener *l, struct weir_group *g,
                             const struct weir_reactive *r);

/* Make a reactive connection of an open stream of any kind: a child of g, served by the functions
 * of r. *take_stream becomes NULL. Bytes that the stream has received and no task has read are the
 * first message. The call returns at once; for a socket on io_uring it waits until the kernel has
 * given back the pending receive. *r is copied.
 * Returns 0; -EBUSY (a task is in a call on it, or a process owns it), WEIR_ETORN (see weir_write),
 * -EOPNOTSUPP (the stream of an HTTP request, which another server reads), WEIR_ECLOSED (closed
 * meanwhile), -ECANCELED, -ETIME (also: g is cancelled), -ENOMEM, -ENOSPC, WEIR_ENOLOOP. On error
 * or cancel no function of r was called, and the stream is as before. But if the kernel does not
 * take the descriptor again (-ENOSPC, -ENOMEM), the stream may be closed; then *take_stream is
 * NULL. */
WEIR_SUSPENDS int weir_react_stream(struct weir_stream **take_stream, struct weir_group *g,
                                    const struct weir_reactive *r);

/* The stream, the group, and the close of a reactive connection. Write to the stream; reading from
 * it returns -EBUSY, and closing it aborts. Spawn into the group what belongs to the connection. A
 * task that closed spawns there is cancelled from its start, and must not use c or state, which may
 * be gone before it begins. weir_conn_close closes the connection once its running function has
 * returned; nothing more is read. c is valid until closed has returned. */
WEIR_API struct weir_stream *weir_conn_stream(struct weir_conn *c);
WEIR_API struct weir_group *weir_conn_group(struct weir_conn *c);
WEIR_API void weir_conn_close(struct weir_conn *c);

/* The member arg of the struct weir_reactive that a connection is served by. */
WEIR_API void *weir_conn_arg(struct weir_conn *c);

#ifdef __cplusplus
}
#endif
#endif
