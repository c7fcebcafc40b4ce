/* SPDX-License-Identifier: MIT */
/* datagram.h - datagrams over UDP and unix sockets: one at a time or many by one call, to multicast
 * groups, connected or not.
 *
 * A datagram arrives whole or not at all. Over UDP it may be lost, arrive twice, or overtake
 * another; over unix sockets it may not. A datagram of 0 bytes is one too. A socket belongs to its
 * loop. One task may receive; a second gets -EBUSY. Any number of tasks may send. Loop thread
 * only. */
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
    const char *local; /* weir_dgram_dial: send from this address: "HOST:PORT" (HOST is no
                        * name), or "unix:/PATH"; NULL: any */
    bool reuse_addr;  /* several sockets may share the port, as receivers of a group do */
    bool reuse_port;  /* several sockets share the port, and the kernel divides the senders */
    bool broadcast;   /* it may send to broadcast addresses */
    bool v6only;      /* a socket for all addresses ("*") takes those of IPv6 only */
    bool no_loop;     /* members of a group on this machine do not get what it sends */
    int ttl;          /* hops, 1 to 255; 0: the system's, which is 1 for groups */
    int send_buffer, receive_buffer; /* bytes in the kernel; 0: the system's */
};

/* Open a socket and bind it to udp://HOST:PORT or unixgram:/PATH (unixgram:@NAME without a file).
 * Port 0 is any free one. HOST is an address or a name, of which the first address of this machine
 * is taken; "*" is all addresses of both families. PATH must not exist; the library does not remove
 * it afterwards: unlink it. options may be NULL. The caller must close *ret_dgram. An address in
 * use is tried again for 50 ms, as weir_listen does; a path in use fails at once.
 * Returns 0; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, ...; WEIR_EURL, WEIR_ENONAME, WEIR_ERESOLVE,
 * -EINVAL (an option), -EAGAIN (as weir_resolve), -ECANCELED, -ETIME, -EMFILE, -ENOMEM,
 * WEIR_ENOLOOP. On error or cancel nothing stays open, and *ret_dgram is untouched. */
WEIR_SUSPENDS int weir_dgram_open(const char *url, const struct weir_dgram_options *options,
                                  struct weir_dgram **ret_dgram);

/* Open a socket and connect it to a peer. It receives from that peer only. If no socket has the
 * peer's port, a later call returns -ECONNREFUSED once, and the socket goes on. A unix socket is
 * bound to a name of its own, so that the peer can answer. The caller must close *ret_dgram.
 * Returns 0; -ECONNREFUSED or -ENOENT (of a unix socket), or an error as weir_dgram_open. On error
 * or cancel nothing stays open, and *ret_dgram is untouched. */
WEIR_SUSPENDS int weir_dgram_dial(const char *url, const struct weir_dgram_options *options,
                                  struct weir_dgram **ret_dgram);

/* Send one datagram; waits while the kernel has no room for it. to: the receiver; NULL: the peer
 * that was dialled.
 * Returns 0 when the kernel has taken it; -EMSGSIZE (larger than a datagram can be, or than the
 * path to a connected peer allows), -EDESTADDRREQ (no receiver), -ECONNREFUSED (no socket has the
 * port that an earlier datagram was sent to), -ENETUNREACH, -EPERM, ..., WEIR_ECLOSED, -ECANCELED,
 * -ETIME, -ENOMEM, WEIR_ENOLOOP. On error or cancel it was not sent. buf is borrowed until
 * return. */
WEIR_SUSPENDS int weir_dgram_send(struct weir_dgram *d, const void *buf, size_t len,
                                  const struct weir_addr *to);

/* Receive one datagram of at most size bytes. *ret_from becomes its sender; ret_from may be NULL.
 * Returns its length, 0 or more; -EMSGSIZE (it was longer: buf has its first size bytes, *ret_from
 * its sender, and the rest is lost); -ECONNREFUSED and the like (an error of an earlier datagram of
 * this socket), -EBUSY (another task receives), WEIR_ECLOSED, -ECANCELED, -ETIME, -ENOMEM,
 * WEIR_ENOLOOP. On another error or on cancel no datagram is consumed. buf is borrowed until
 * return. */
WEIR_SUSPENDS ssize_t weir_dgram_recv(struct weir_dgram *d, void *buf, size_t size,
                                      struct weir_addr *ret_from);

/* The same without a wait. They never suspend and are no cancel points, so posted functions and
 * callbacks may call them too.
 * Return as weir_dgram_send and weir_dgram_recv; -EAGAIN (no room, or no datagram), -EBUSY
 * (weir_dgram_try_recv: a task waits in a receive), WEIR_EFORKED. */
WEIR_API int weir_dgram_try_send(struct weir_dgram *d, const void *buf, size_t len,
                                 const struct weir_addr *to);
WEIR_API ssize_t weir_dgram_try_recv(struct weir_dgram *d, void *buf, size_t size,
                                     struct weir_addr *ret_from);

/* One datagram of many. */
struct weir_datagram {
    void *data;             /* send: its bytes; receive: where to write them */
    size_t size;            /* receive: the room in data */
    size_t len;             /* send: how many bytes it has; receive: how many came */
    struct weir_addr *addr; /* send: the receiver; NULL: the peer that was dialled. Receive: where
                             * to write the sender; NULL: nowhere */
    unsigned flags;         /* receive: WEIR_DGRAM_TRUNCATED or 0 */
};

enum { WEIR_DGRAM_TRUNCATED = 1 }; /* it was longer than size; the rest is lost */

/* Send count datagrams in few system calls. It stops at the first error, and does not send the
 * later ones. count 0 returns 0. datagrams is borrowed until return.
 * Returns how many were sent. If there are fewer than count, the next call returns the error of the
 * first one left, or sends it; after a cancel those sent before it are counted. If none was sent,
 * an error as weir_dgram_send. An error that an earlier datagram met (-ECONNREFUSED) is lost if the
 * kernel meets it in the middle of a batch. */
WEIR_SUSPENDS ssize_t weir_dgram_send_many(struct weir_dgram *d,
                                           const struct weir_datagram *datagrams, size_t count);

/* Receive at least one datagram and all that are there, at most count. Waits only if there is none.
 * count 0 returns 0. datagrams is borrowed until return.
 * Returns how many were received; an error as weir_dgram_recv, but not -EMSGSIZE: see flags. On
 * error or cancel no datagram is consumed. */
WEIR_SUSPENDS ssize_t weir_dgram_recv_many(struct weir_dgram *d, struct weir_datagram *datagrams,
                                           size_t count);

/* Join or leave a multicast group: a member receives what is sent to the group, on the socket's
 * port. interface: the index of an interface (weir_interfaces); 0: as the routes say.
 * Returns 0; -EINVAL (no group), -ENOPROTOOPT (a group of IPv6, on a socket of IPv4), -EADDRINUSE
 * (joined already), -EADDRNOTAVAIL (not joined), -ENODEV, -ENOBUFS, WEIR_EFORKED. */
WEIR_API int weir_dgram_join(struct weir_dgram *d, const struct weir_addr *group,
                             unsigned interface);
WEIR_API int weir_dgram_leave(struct weir_dgram *d, const struct weir_addr *group,
                              unsigned interface);

/* The address that the socket is bound to; weir_dgram_port: its port, 0 of a unix socket. */
WEIR_API void weir_dgram_local(const struct weir_dgram *d, struct weir_addr *ret_addr);
WEIR_API int weir_dgram_port(const struct weir_dgram *d);

/* The descriptor of a socket, for its options, and for weir_recvmsg where control data is needed.
 * It is lent as long as d: do not close it or change its flags.
 * Returns the descriptor; -EOPNOTSUPP (in a simulation), WEIR_EFORKED. */
WEIR_API int weir_dgram_fd(const struct weir_dgram *d);

/* Close a socket at once; *take_dgram becomes NULL. Tasks in calls on it get WEIR_ECLOSED. The
 * kernel still sends what was sent; what was not received is lost. NULL and *NULL are fine. In a
 * fork child it only closes the child's copy of the descriptor. Never suspends, never fails. */
WEIR_API void weir_dgram_close(struct weir_dgram **take_dgram);

#ifdef __cplusplus
}
#endif
#endif
