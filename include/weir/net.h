/* SPDX-License-Identifier: MIT */
/* net.h - addresses of the network: as values, from names, of this machine. And messages on any
 * socket of the program's own, as sendmsg(2) and recvmsg(2) move them. */
#ifndef WEIR_NET_H
#define WEIR_NET_H

#include <stdbool.h>
#include <sys/socket.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An address: of IPv4 or IPv6 with a port, or of a unix socket. A value: copy it as you like. All
 * zero is no address. */
struct weir_addr {
    uint64_t opaque[16];
};

enum { WEIR_ADDR_TEXT = 160 }; /* room for every address as text, with its NUL */

/* Read an address: "127.0.0.1:53", "[::1]:53", "[fe80::1%eth0]:53", "unix:/path", or "unix:@name"
 * for a unix socket without a file. No name is looked up: weir_resolve does that.
 * Returns 0; -EINVAL, -ENAMETOOLONG (of a unix socket). On error *ret_addr is untouched. Any
 * thread. */
WEIR_API int weir_addr_parse(const char *text, struct weir_addr *ret_addr);

/* Write an address as text, cut to size bytes with the NUL; "?" if it is none. Returns buf. Any
 * thread. */
WEIR_API char *weir_addr_text(const struct weir_addr *a, char *buf, size_t size);

/* The port; 0 if the address has none. And set it, 0 to 65535. Any thread. */
WEIR_API int weir_addr_port(const struct weir_addr *a);
WEIR_API void weir_addr_set_port(struct weir_addr *a, int port);

/* Is it the same address, with the same port? Any thread. */
WEIR_API bool weir_addr_equal(const struct weir_addr *a, const struct weir_addr *b);

/* The address as the system has it, lent as long as *a; *ret_len is 0 if it is none. And the other
 * way round. Any thread.
 * weir_addr_from_sockaddr returns 0; -EINVAL (another family, or too short or too long). */
WEIR_API const struct sockaddr *weir_addr_sockaddr(const struct weir_addr *a, socklen_t *ret_len);
WEIR_API int weir_addr_from_sockaddr(const struct sockaddr *sa, socklen_t len,
                                     struct weir_addr *ret_addr);

/* Find the addresses of a host: a name, or an address as text without port. They get the port.
 * Returns how many the name has, at least 1; the first max of them are in ret_addrs. WEIR_ENONAME,
 * WEIR_ERESOLVE, -EINVAL (the port is none), -EAGAIN (32 look-ups that a cancel has abandoned still
 * run), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. On error or cancel ret_addrs is untouched. */
WEIR_SUSPENDS int weir_resolve(const char *host, int port, struct weir_addr *ret_addrs,
                               size_t max);

/* One address of one interface of this machine. An interface without addresses of IP is there once,
 * and its addr is none. */
struct weir_interface {
    char name[16];
    unsigned index; /* as weir_dgram_join wants it */
    unsigned flags; /* IFF_* of the system: IFF_UP, IFF_LOOPBACK, IFF_MULTICAST, ... */
    unsigned prefix; /* bits of addr that name the network */
    struct weir_addr addr; /* port 0 */
};

/* List the interfaces of this machine and their addresses.
 * Returns how many there are; the first max of them are in ret_interfaces. -ENOMEM, -EMFILE,
 * WEIR_ESIMREFUSED (in a simulation). Takes some 0.1 ms and never suspends. Any thread. */
WEIR_API int weir_interfaces(struct weir_interface *ret_interfaces, size_t max);

/* Send a message on any socket of the program's own, of any family: netlink, CAN, packets, ... fd
 * may be blocking, and its flags are not changed: the call waits for room by itself. flags as
 * sendmsg(2) has them; with MSG_DONTWAIT the call does not wait. There is no SIGPIPE. m is borrowed
 * until return. Several tasks may wait on one fd; each gets what it comes to first.
 * Returns how many bytes were taken; what sendmsg(2) returns, -EAGAIN (only with MSG_DONTWAIT),
 * -ECANCELED, -ETIME, -ENOMEM, WEIR_ESIMREFUSED (in a simulation), WEIR_ENOLOOP. On error or cancel
 * nothing was sent. */
WEIR_SUSPENDS ssize_t weir_sendmsg(int fd, const struct msghdr *m, int flags);

/* Receive a message likewise. *m is written as recvmsg(2) writes it: with the address, the control
 * data, and the flags, of which MSG_TRUNC and MSG_CTRUNC say that something was cut off.
 * Descriptors in the control data are close-on-exec, never 0, 1 or 2, and the caller's: close them.
 * Returns how many bytes came (0: an empty message, or the end of a stream); what recvmsg(2)
 * returns, -EAGAIN (only with MSG_DONTWAIT), -ECANCELED, -ETIME, -ENOMEM, WEIR_ESIMREFUSED,
 * WEIR_ENOLOOP. On error or cancel nothing is consumed. */
WEIR_SUSPENDS ssize_t weir_recvmsg(int fd, struct msghdr *m, int flags);

#ifdef __cplusplus
}
#endif
#endif
