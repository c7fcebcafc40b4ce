/* SPDX-License-Identifier: MIT */
/* net.h - network addresses: as values, from the names of hosts, of this machine's interfaces. And
 * messages on any socket of the program's own, as by sendmsg(2) and recvmsg(2). */
#ifndef WEIR_NET_H
#define WEIR_NET_H

#include <stdbool.h>
#include <sys/socket.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An address: of IPv4 or IPv6 with a port, or of a unix socket. It is a value and may be copied.
 * All zero is no address. */
struct weir_addr {
    uint64_t opaque[16];
};

enum { WEIR_ADDR_TEXT = 160 }; /* room for every address as text, with its NUL */

/* Read an address from text: "127.0.0.1:53", "[::1]:53", "[fe80::1%eth0]:53", "unix:/path", or
 * "unix:@name" for a unix socket without a file. It looks up no names: weir_resolve does that.
 * Returns 0; -EINVAL, -ENAMETOOLONG (of a unix socket). On error *ret_addr is untouched. Any
 * thread. */
WEIR_API int weir_addr_parse(const char *text, struct weir_addr *ret_addr);

/* Write an address as text to buf, cut to size bytes with its NUL; "?" if it is no address. A NUL
 * in the name of a unix socket without a file is written as "@". Returns buf. Any thread. */
WEIR_API char *weir_addr_text(const struct weir_addr *a, char *buf, size_t size);

/* The port of an address; 0 if it has none. weir_addr_set_port sets it, 0 to 65535. Any thread. */
WEIR_API int weir_addr_port(const struct weir_addr *a);
WEIR_API void weir_addr_set_port(struct weir_addr *a, int port);

/* Are these the same address, with the same port? Any thread. */
WEIR_API bool weir_addr_equal(const struct weir_addr *a, const struct weir_addr *b);

/* The address as the system's struct, lent as long as *a; *ret_len is 0 if it is no address.
 * weir_addr_from_sockaddr makes an address of the system's struct. Any thread.
 * weir_addr_from_sockaddr returns 0; -EINVAL (another family, or a wrong length). On error
 * *ret_addr is untouched. */
WEIR_API const struct sockaddr *weir_addr_sockaddr(const struct weir_addr *a, socklen_t *ret_len);
WEIR_API int weir_addr_from_sockaddr(const struct sockaddr *sa, socklen_t len,
                                     struct weir_addr *ret_addr);

/* Find the addresses of a host, which is a name, or an address as text without a port. Each gets
 * the port. ret_addrs has room for max of them.
 * Returns how many the host has, at least 1 and possibly more than max; WEIR_ENONAME,
 * WEIR_ERESOLVE, -EINVAL (port is not 0 to 65535), -EAGAIN (32 look-ups that a cancel has abandoned
 * still run), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. On error or cancel ret_addrs is
 * untouched. */
WEIR_SUSPENDS int weir_resolve(const char *host, int port, struct weir_addr *ret_addrs,
                               size_t max);

/* One address of one interface of this machine. An interface without IP addresses is listed once,
 * with an addr that is no address. */
struct weir_interface {
    char name[16];
    unsigned index; /* as weir_dgram_join wants it */
    unsigned flags; /* IFF_UP, IFF_LOOPBACK, IFF_MULTICAST, ... of <net/if.h> */
    unsigned prefix; /* how many bits of addr name the network */
    struct weir_addr addr; /* port 0 */
};

/* List the interfaces of this machine and their addresses. ret_interfaces has room for max of them.
 * Takes about 0.1 ms. Never suspends.
 * Returns how many there are, possibly more than max; -ENOMEM, -EMFILE, WEIR_ESIMREFUSED (in a
 * simulation). Any thread. */
WEIR_API int weir_interfaces(struct weir_interface *ret_interfaces, size_t max);

/* Send a message on any socket of the program's own, of any family: netlink, CAN, packets, ... fd
 * may be blocking, and its flags are not changed: the task waits for room. flags are those of
 * sendmsg(2); with MSG_DONTWAIT the call does not wait. SIGPIPE is not raised. Several tasks may
 * wait on one fd; their order is not defined. m is borrowed until return.
 * Returns how many bytes were taken; an error of sendmsg(2), -EAGAIN (only with MSG_DONTWAIT),
 * -ECANCELED, -ETIME, -ENOMEM, WEIR_ESIMREFUSED (in a simulation), WEIR_ENOLOOP. On error or cancel
 * nothing was sent. Loop thread only. */
WEIR_SUSPENDS ssize_t weir_sendmsg(int fd, const struct msghdr *m, int flags);

/* Receive a message likewise. *m is written as by recvmsg(2): the address, the control data, and
 * the flags, of which MSG_TRUNC and MSG_CTRUNC say that something was cut off. Descriptors in the
 * control data are close-on-exec and never 0, 1 or 2. They are the caller's, who must close them. m
 * is borrowed until return.
 * Returns how many bytes came (0: an empty message, or end of stream); an error of recvmsg(2),
 * -EAGAIN (only with MSG_DONTWAIT), -ECANCELED, -ETIME, -ENOMEM, WEIR_ESIMREFUSED (in a
 * simulation), WEIR_ENOLOOP. On error or cancel nothing is consumed. Loop thread only. */
WEIR_SUSPENDS ssize_t weir_recvmsg(int fd, struct msghdr *m, int flags);

#ifdef __cplusplus
}
#endif
#endif
