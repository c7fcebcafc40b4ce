/* SPDX-License-Identifier: MIT */
/* transport.h - transports and protocols, for programs that come from asyncio or Twisted. New code
 * is shorter and safer with tasks that read and write streams (weir/stream.h).
 *
 * A transport moves bytes; a protocol has the functions that it calls, in asyncio's order:
 *   connection_made  data_received*  eof_received?  connection_lost
 * with pause_writing and resume_writing in between. They are callbacks: what weir/callback.h says
 * of callbacks holds for them. connection_lost follows every connection_made, once; after it the
 * transport must not be used. The other functions of a table may be NULL.
 *
 * A protocol is the caller's memory, made by a factory when the connection is there. It must stay
 * until connection_lost, which may free it:
 *   struct echo { struct weir_protocol protocol; struct weir_transport *transport; ... };
 *
 * The parameter g is the group whose children the tasks of a transport are. A cancel of g aborts
 * the transport: connection_lost gets -ECANCELED, or -ETIME. g NULL: as in asyncio transports do
 * not hold the run open, and those that are left when it ends are aborted. Loop thread only. */
#ifndef WEIR_TRANSPORT_H
#define WEIR_TRANSPORT_H

#include <stdbool.h>
#include <weir/net.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_dgram;
struct weir_dgram_options;
struct weir_dial_options;
struct weir_endpoint; /* moves the datagrams of one socket */
struct weir_exit;
struct weir_group;
struct weir_listen_options;
struct weir_process;
struct weir_process_options;
struct weir_protocol;
struct weir_server;    /* accepts connections, and gives each a transport and a protocol */
struct weir_stream;
struct weir_subprocess; /* a program, and a transport for each of its pipes */
struct weir_transport; /* moves the bytes of one stream */

/* The functions that a transport of a stream calls. One table serves all protocols of a kind. */
struct weir_protocol_calls {
    size_t size; /* sizeof (struct weir_protocol_calls) */
    void (*connection_made)(struct weir_protocol *p, struct weir_transport *t);
    /* Bytes have come: as many as arrived at once. data is lent until the function returns, and
     * counts as read then. < 0: an error, with which the transport is aborted. NULL: they are
     * dropped. */
    int (*data_received)(struct weir_protocol *p, struct weir_view data);
    /* The peer sends no more. 0: close the transport, as NULL does; > 0: leave it open for writing;
     * < 0: an error, as above. */
    int (*eof_received)(struct weir_protocol *p);
    /* The last call. rc: 0 (the transport was closed or aborted here), the error that broke the
     * connection, or what data_received or eof_received returned; weir_error(rc) has its record. If
     * the function is NULL, an error is logged. */
    void (*connection_lost)(struct weir_protocol *p, int rc);
    /* More bytes than the high-water mark wait to be sent: stop writing, or memory grows. It is
     * called inside the call that wrote. resume_writing: at most the low-water mark waits now. */
    void (*pause_writing)(struct weir_protocol *p);
    void (*resume_writing)(struct weir_protocol *p);
};

/* Put it first into the struct of your protocol. */
struct weir_protocol {
    const struct weir_protocol_calls *calls; /* copied when the transport begins */
};

/* Make a protocol for a new connection. arg is what was given with the factory. It must not
 * suspend.
 * Returns 0 with *ret_protocol set; an error, with which the connection is refused and closed. */
typedef int weir_protocol_factory(void *arg, struct weir_protocol **ret_protocol);

/* ---- connections ---- */

/* Dial a URL as weir_dial does, ask the factory for a protocol, and wait until its connection_made
 * has returned. options may be NULL. The library frees *ret_transport after
 * connection_lost.
 * Returns 0; an error as weir_dial, as weir_transport_open, or of the factory: then there was no
 * connection_made; -ECANCELED, -ETIME: there was none either, or the protocol was made already;
 * then the transport is closed, and connection_lost follows. On error or cancel *ret_transport is
 * untouched. */
WEIR_SUSPENDS int weir_create_connection(const char *url, const struct weir_dial_options *options,
                                         weir_protocol_factory *factory, void *arg,
                                         struct weir_group *g,
                                         struct weir_transport **ret_transport);

/* Make a transport of a stream that is open already: an accepted one, a pipe, one end of a pair.
 * The transport owns the stream and closes it; *take_stream becomes NULL. connection_made is called
 * in the next round of callbacks. The library frees *ret_transport after
 * connection_lost.
 * Returns 0; the factory's error, -EAGAIN (no stack is left), -ENOMEM, WEIR_ENOLOOP, WEIR_EFORKED.
 * On error *take_stream stays the caller's, and *ret_transport is untouched. */
WEIR_API int weir_transport_open(struct weir_stream **take_stream,
                                 weir_protocol_factory *factory, void *arg, struct weir_group *g,
                                 struct weir_transport **ret_transport);

/* Listen by a URL as weir_listen does, and give each accepted connection a transport, and a
 * protocol from the factory. options may be NULL. If a connection is refused, it is closed, and the
 * library logs that. The caller must close *ret_server.
 * Returns 0; -EAGAIN (no stack is left), or an error as weir_listen. On error or cancel nothing
 * stays open, and *ret_server is untouched. */
WEIR_SUSPENDS int weir_create_server(const char *url, const struct weir_listen_options *options,
                                     weir_protocol_factory *factory, void *arg,
                                     struct weir_group *g, struct weir_server **ret_server);

/* The port that a server is bound to; 0 if it has none. */
WEIR_API int weir_server_port(const struct weir_server *sv);

/* Stop accepting; *take_server becomes NULL. Transports of connections that were accepted go on.
 * NULL and *NULL are fine. Never suspends, never fails. */
WEIR_API void weir_server_close(struct weir_server **take_server);

/* ---- a transport of a stream ---- */

/* Write all len bytes. What the stream does not take at once is copied, and sent later. Never
 * suspends; a task may call it too.
 * Returns 0; WEIR_ECLOSED (the transport was closed or lost), -EPIPE (after weir_transport_eof), or
 * the error that breaks the connection now (-EPIPE, -ECONNRESET, -ENOMEM, ...). connection_lost
 * gets that error too, so a caller need not look at it. buf is borrowed until return. */
WEIR_API int weir_transport_write(struct weir_transport *t, const void *buf, size_t len);

/* Write count pieces, as one write of all their bytes.
 * Returns as weir_transport_write. */
WEIR_API int weir_transport_writelines(struct weir_transport *t, const struct weir_view *pieces,
                                       size_t count);

/* Send end of stream when all bytes are sent; reading goes on. Does nothing when called again, or
 * after a close. If the stream cannot send it (see weir_shutdown), connection_lost gets the error.
 * Never suspends. */
WEIR_API void weir_transport_eof(struct weir_transport *t);

/* Close a transport: nothing more is read, what was written is sent, and then connection_lost gets
 * 0. Does nothing when called again. A peer that does not read can delay it for ever: then call
 * weir_transport_abort, or cancel the group. For bytes from the peer that were not read see
 * weir_close. Never suspends. */
WEIR_API void weir_transport_close(struct weir_transport *t);

/* Close a transport at once: what was not sent is dropped, and connection_lost gets 0 in the next
 * round of callbacks. Never suspends. */
WEIR_API void weir_transport_abort(struct weir_transport *t);

/* Was the transport closed or aborted, or is it being lost? */
WEIR_API bool weir_transport_is_closing(const struct weir_transport *t);

/* Stop calling data_received and eof_received; weir_transport_resume_reading goes on. Meanwhile the
 * kernel keeps what comes, and the peer has to wait. The end or a break of the connection is not
 * noticed either. Each does nothing when called again. */
WEIR_API void weir_transport_pause_reading(struct weir_transport *t);
WEIR_API void weir_transport_resume_reading(struct weir_transport *t);

/* Set the high- and the low-water mark, in bytes that wait to be sent. -1: high is 64 KiB, or four
 * times low; low is a quarter of high. If more than high wait already, pause_writing is called.
 * Returns 0; -EINVAL (not high >= low >= 0). */
WEIR_API int weir_transport_set_limits(struct weir_transport *t, ssize_t high, ssize_t low);

/* How many bytes wait to be sent. */
WEIR_API size_t weir_transport_unsent(const struct weir_transport *t);

/* The stream of a transport, for names, options, and the descriptor. Lent as long as t: do not
 * read, write or close it. */
WEIR_API struct weir_stream *weir_transport_stream(const struct weir_transport *t);

/* The protocol of a transport. weir_transport_set_protocol replaces it: the new one gets the next
 * calls, without a connection_made. */
WEIR_API struct weir_protocol *weir_transport_protocol(const struct weir_transport *t);
WEIR_API void weir_transport_set_protocol(struct weir_transport *t, struct weir_protocol *p);

/* ---- datagrams ---- */

struct weir_datagram_protocol;

/* What the transport of a socket for datagrams calls. */
struct weir_datagram_calls {
    size_t size; /* sizeof (struct weir_datagram_calls) */
    void (*connection_made)(struct weir_datagram_protocol *p, struct weir_endpoint *e);
    /* One datagram. data and from are lent until the function returns. */
    void (*datagram_received)(struct weir_datagram_protocol *p, struct weir_view data,
                              const struct weir_addr *from);
    /* A send or a receive has failed: -ECONNREFUSED (nobody has the peer's port), -EMSGSIZE (a
     * datagram of more than 64 KiB came, and is lost), ... The socket goes on. */
    void (*error_received)(struct weir_datagram_protocol *p, int rc);
    void (*connection_lost)(struct weir_datagram_protocol *p, int rc); /* as of a stream */
    void (*pause_writing)(struct weir_datagram_protocol *p);
    void (*resume_writing)(struct weir_datagram_protocol *p);
};

struct weir_datagram_protocol {
    const struct weir_datagram_calls *calls;
};

typedef int weir_datagram_factory(void *arg, struct weir_datagram_protocol **ret_protocol);

/* Make a transport of a socket for datagrams, which it owns from now on: *take_dgram becomes NULL.
 * Returns as weir_transport_open. On error *take_dgram stays the caller's. */
WEIR_API int weir_endpoint_open(struct weir_dgram **take_dgram, weir_datagram_factory *factory,
                                void *arg, struct weir_group *g,
                                struct weir_endpoint **ret_endpoint);

/* Open a socket, and wait until connection_made has returned. local: the URL to bind, as
 * weir_dgram_open; or NULL, and remote is the peer's, as weir_dgram_dial. options may be NULL.
 * Returns 0; an error as these and weir_create_connection, -EINVAL (local and remote, or neither).
 */
WEIR_SUSPENDS int weir_create_datagram_endpoint(const char *local, const char *remote,
                                                const struct weir_dgram_options *options,
                                                weir_datagram_factory *factory, void *arg,
                                                struct weir_group *g,
                                                struct weir_endpoint **ret_endpoint);

/* Send one datagram. If there is no room, it is copied and sent later. to NULL: the peer that was
 * dialled. Never suspends; a task may call it too. buf is borrowed until return.
 * Returns 0; WEIR_ECLOSED (the endpoint was closed or lost), or an error as weir_dgram_send, which
 * error_received gets too, inside this call: a caller need not look at it. */
WEIR_API int weir_endpoint_send(struct weir_endpoint *e, const void *buf, size_t len,
                                const struct weir_addr *to);

/* As the calls on a transport of these names.
 * weir_endpoint_set_limits returns 0; -EINVAL. weir_endpoint_unsent returns how many bytes wait. */
WEIR_API void weir_endpoint_close(struct weir_endpoint *e);
WEIR_API void weir_endpoint_abort(struct weir_endpoint *e);
WEIR_API bool weir_endpoint_is_closing(const struct weir_endpoint *e);
WEIR_API int weir_endpoint_set_limits(struct weir_endpoint *e, ssize_t high, ssize_t low);
WEIR_API size_t weir_endpoint_unsent(const struct weir_endpoint *e);

/* The socket, for groups, addresses and the like. Lent as long as e: do not send, receive or close
 * it. */
WEIR_API struct weir_dgram *weir_endpoint_socket(const struct weir_endpoint *e);

/* ---- programs ---- */

struct weir_subprocess_protocol;

/* What is called for a program. fd is 0, 1 or 2. */
struct weir_subprocess_calls {
    size_t size; /* sizeof (struct weir_subprocess_calls) */
    void (*connection_made)(struct weir_subprocess_protocol *p, struct weir_subprocess *sp);
    /* It has written to fd 1 or 2. data is lent until the function returns. */
    void (*pipe_data_received)(struct weir_subprocess_protocol *p, int fd, struct weir_view data);
    /* A pipe is closed: by the program, or here. rc: 0 or an error. */
    void (*pipe_connection_lost)(struct weir_subprocess_protocol *p, int fd, int rc);
    /* It has ended. exit is lent; its code is -1 and its signal 0 if nobody knows how. */
    void (*process_exited)(struct weir_subprocess_protocol *p, const struct weir_exit *exit);
    /* The last call, when it has ended and all its pipes are closed. If the group is cancelled
     * first, the program is killed, and rc is -ECANCELED or -ETIME; then process_exited is not
     * called. */
    void (*connection_lost)(struct weir_subprocess_protocol *p, int rc);
    void (*pause_writing)(struct weir_subprocess_protocol *p); /* of the pipe to its fd 0 */
    void (*resume_writing)(struct weir_subprocess_protocol *p);
};

struct weir_subprocess_protocol {
    const struct weir_subprocess_calls *calls;
};

typedef int weir_subprocess_factory(void *arg, struct weir_subprocess_protocol **ret_protocol);

/* Start a program as weir_process_start does, and wait until connection_made has returned. The
 * options must say WEIR_STDIO_PIPE for each descriptor that should be a pipe. *ret_sp belongs to
 * nobody: it is freed after connection_lost.
 * Returns 0; -EINVAL (in, out or err is WEIR_STDIO_PTY), an error as weir_process_start and
 * weir_create_connection. On error *ret_sp is untouched. */
WEIR_SUSPENDS int weir_subprocess_exec(const char *const *argv,
                                       const struct weir_process_options *options,
                                       weir_subprocess_factory *factory, void *arg,
                                       struct weir_group *g, struct weir_subprocess **ret_sp);

/* The transport of a pipe: write to that of fd 0, pause those of 1 and 2, close any. NULL if there
 * is none, or it is closed. A program that closes its fd 0 is noticed only when something is
 * written, or when it ends. */
WEIR_API struct weir_transport *weir_subprocess_pipe(const struct weir_subprocess *sp, int fd);

/* The program, for its process id and for signals. Lent as long as sp: do not close it. */
WEIR_API struct weir_process *weir_subprocess_process(const struct weir_subprocess *sp);

/* Close the program's pipes. If it runs, kill it with its group. connection_lost follows when it
 * has ended. Does nothing when called again. Never suspends. */
WEIR_API void weir_subprocess_close(struct weir_subprocess *sp);

#ifdef __cplusplus
}
#endif
#endif
