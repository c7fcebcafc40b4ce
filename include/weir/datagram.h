/* SPDX-License-Identifier: MIT */
/* datagram.h - datagrams over UDP and unix sockets: one at a time or many by one call, to groups,
 * connected or not.
 *
 * A datagram arrives whole or not at all, may arrive twice, and may overtake another (over unix
 * sockets: none of these). One of 0 bytes is a datagram too. A socket belongs to its loop; one task
 * may receive, a second gets -EBUSY; any number may send. Loop thread only. */
#ifndef WEIR_DATAGRAM_H
#define WEIR_DATAGRAM_H

#include <weir/net.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_dgram; /* a socket for datagrams */

/* The options of weir_dgram_open and weir_dgram_dial. */
struct weir_dgram_options { /* zero: the default */
    size_t size;      /* sizeof (struct weir_dgram_options) */
    const char *local; /* weir_dgram_dial: send from here: "HOST:PORT" with HOST an address, or
                        * "unix:/PATH"; NULL: any */
    bool reuse_addr;  /* several sockets may share the port, as receivers of a group do */
    bool reuse_port;  /* several sockets share the port, and the kernel divides the senders */
    bool broadcast;   /* it may send to broadcast addresses */
    bool v6only;      /* a socket for all addresses: those of IPv6 only */
    bool no_loop;     /* members of a group on this machine do not get what it sends there */
    int ttl;          /* hops, 1 to 255; 0: the system's, and 1 for groups */
    int send_buffer, receive_buffer; /* bytes in the kernel; 0: the system's */
};

/* Open a socket and bind it to udp://HOST:PORT, or unixgram:/PATH (unixgram:@NAME without a file).
 * Port 0 is any free one. HOST is an address or a name, whose first address of this machine is
 * taken; "*" is all addresses of both families. PATH must not exist; unlink it afterwards. options
 * may be NULL. The caller must close *ret_dgram.
 * Returns 0; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, ...; WEIR_EURL, WEIR_ENONAME, WEIR_ERESOLVE,
 * -EINVAL (an option), -ECANCELED, -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP. On error or cancel
 * nothing stays open, and *ret_dgram is untouched. */
WEIR_SUSPENDS int weir_dgram_open(const char *url, const struct weir_dgram_options *options,
                                  struct weir_dgram **ret_dgram);

/* Open a socket and connect it to a peer: it receives from that peer only, and learns when nobody
 * has the peer's port: calls then return -ECONNREFUSED once, and go on afterwards. A unix socket is
 * bound to a name of its own, so that the peer can answer.
 * Returns as weir_dgram_open; -ECONNREFUSED, -ENOENT (of a unix socket). */
WEIR_SUSPENDS int weir_dgram_dial(const char *url, const struct weir_dgram_options *options,
                                  struct weir_dgram **ret_dgram);

/* Send one datagram; waits while the kernel has no room for it. to: the receiver; NULL: the peer
 * that was dialled. buf is borrowed until return.
 * Returns 0, when the kernel has it; -EMSGSIZE (it is larger than a datagram can be, or than the
 * path to a connected peer allows), -EDESTADDRREQ (no receiver), -ECONNREFUSED (an earlier one met
 * nobody), -ENETUNREACH, -EPERM, ..., -ECANCELED, -ETIME, WEIR_ECLOSED, -ENOMEM, WEIR_ENOLOOP. On
 * error or cancel it was not sent. */
WEIR_SUSPENDS int weir_dgram_send(struct weir_dgram *d, const void *buf, size_t len,
                                  const struct weir_addr *to);

/* Receive one datagram of at most size bytes. *ret_from, unless NULL, is its sender.
 * Returns its length, 0 or more; -EMSGSIZE: it was longer, buf has its first size bytes, *ret_from
 * its sender, and the rest is lost; -ECONNREFUSED and the like: an error that an earlier datagram
 * of this socket met; -EBUSY (another task receives), -ECANCELED, -ETIME, WEIR_ECLOSED, -ENOMEM,
 * WEIR_ENOLOOP. On error (but -EMSGSIZE) or cancel no datagram is consumed. buf is borrowed until
 * return. */
WEIR_SUSPENDS ssize_t weir_dgram_recv(struct weir_dgram *d, void *buf, size_t size,
                                      struct weir_addr *ret_from);

/* The same, but never waiting: no cancel point, so posted functions and callbacks may call them.
 * Return as weir_dgram_send and weir_dgram_recv; -EAGAIN: there is no room, or no datagram; -EBUSY
 * (weir_dgram_try_recv: a task waits in a receive); WEIR_EFORKED. */
WEIR_API int weir_dgram_try_send(struct weir_dgram *d, const void *buf, size_t len,
                                 const struct weir_addr *to);
WEIR_API ssize_t weir_dgram_try_recv(struct weir_dgram *d, void *buf, size_t size,
                                     struct weir_addr *ret_from);

/* One of many. */
struct weir_datagram {
    void *data;             /* not written by a send */
    size_t size;            /* receive: room in data */
    size_t len;             /* send: bytes; receive: the bytes in data */
    struct weir_addr *addr; /* the receiver, or NULL: the peer; receive: where to write the sender,
                             * or NULL */
    unsigned flags;         /* receive: WEIR_DGRAM_TRUNCATED or 0 */
};

enum { WEIR_DGRAM_TRUNCATED = 1 }; /* it was longer than size; the rest is lost */

/* Send count datagrams by few system calls. An error stops it: later ones are not sent.
 * Returns how many were sent, which may be fewer than count: the next call meets the error of the
 * one behind. If none was sent, an error as weir_dgram_send; after a cancel how many were sent
 * before it, if any. count 0 returns 0. */
WEIR_SUSPENDS ssize_t weir_dgram_send_many(struct weir_dgram *d,
                                           const struct weir_datagram *datagrams, size_t count);

/* Receive at least one datagram, and all that are there, at most count. Waits only if there is
 * none. count 0 returns 0.
 * Returns how many; an error as weir_dgram_recv, but never -EMSGSIZE: see flags. */
WEIR_SUSPENDS ssize_t weir_dgram_recv_many(struct weir_dgram *d, struct weir_datagram *datagrams,
                                           size_t count);

/* Join or leave a multicast group: receive what is sent to it, on the socket's port. interface: the
 * number of the interface (weir_interfaces), 0: as the routes say.
 * Returns 0; -EINVAL (no group), -EADDRINUSE (joined already), -EADDRNOTAVAIL (not joined),
 * -ENODEV, -ENOBUFS, WEIR_EFORKED. */
WEIR_API int weir_dgram_join(struct weir_dgram *d, const struct weir_addr *group,
                             unsigned interface);
WEIR_API int weir_dgram_leave(struct weir_dgram *d, const struct weir_addr *group,
                              unsigned interface);

/* The address and the port to which the socket is bound.
 * weir_dgram_port returns the port; 0 of a unix socket. */
WEIR_API void weir_dgram_local(const struct weir_dgram *d, struct weir_addr *ret_addr);
WEIR_API int weir_dgram_port(const struct weir_dgram *d);

/* The descriptor, for options of the socket, and for weir_recvmsg where control data is wanted. It
 * is lent as long as d: do not close it or change its flags.
 * Returns the descriptor; -EOPNOTSUPP (in a simulation), WEIR_EFORKED. */
WEIR_API int weir_dgram_fd(const struct weir_dgram *d);

/* Close a socket at once; *take_dgram becomes NULL. Tasks inside its calls get WEIR_ECLOSED. What
 * was sent is on its way; what was not received is lost. NULL and *NULL are fine. In a fork child
 * it only closes the child's copy of the descriptor. Never suspends, never fails. */
WEIR_API void weir_dgram_close(struct weir_dgram **take_dgram);

#ifdef __cplusplus
}
#endif
#endif
