/* SPDX-License-Identifier: MIT */
/* option.h - the options of a connection's socket, by name. They may be set and read at any time,
 * in a simulation too. For one that has no name here use setsockopt on weir_stream_fd. */
#ifndef WEIR_OPTION_H
#define WEIR_OPTION_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_stream;

/* The options of a socket, and what their values mean. tcp: for TCP only; the others are for unix
 * sockets, too. A simulation behaves as the value says; where it has nothing of the kind (one way
 * to each host, no delayed acknowledgements) it keeps the value and nothing changes. */
enum weir_socket_option {
    WEIR_STREAM_NODELAY,            /* tcp: 1: send at once (weir_dial, weir_listen set it); 0 */
    WEIR_STREAM_KEEPALIVE,          /* tcp: probe after so many idle seconds; 0: off */
    WEIR_STREAM_KEEPALIVE_INTERVAL, /* tcp: seconds between two probes; Linux: 75 */
    WEIR_STREAM_KEEPALIVE_COUNT,    /* tcp: so many without an answer break it; Linux: 9 */
    WEIR_STREAM_USER_TIMEOUT,       /* tcp: what was sent may stay unacknowledged for so many
                                     * milliseconds, then the connection breaks with -ETIMEDOUT;
                                     * 0: as the system says. Not in a simulation */
    WEIR_STREAM_SEND_BUFFER,        /* bytes that the kernel takes for the peer. Linux doubles the
                                     * number, and reading it shows the double */
    WEIR_STREAM_RECEIVE_BUFFER,     /* bytes that it keeps for the reader; likewise */
    WEIR_STREAM_RESET,              /* 1: weir_close resets the connection; 0. (SO_LINGER with 0
                                     * seconds; with more, close would block the loop) */
    WEIR_STREAM_QUICKACK,           /* tcp: 1: acknowledge at once; 0. The kernel changes it again
                                     * by itself */
    WEIR_STREAM_MARK,               /* for routing and firewalls (SO_MARK; needs CAP_NET_ADMIN) */
    WEIR_STREAM_PRIORITY            /* of packets in the queues of the machine: 0 to 6 */
};

/* Set an option of the socket of s. Any stream of a socket will do, also one of
 * weir_stream_from_fd.
 * Returns 0; -EINVAL (no such option, or the value is out of range), -EPERM, -EOPNOTSUPP (s is no
 * socket, or this kind of socket has no such option), WEIR_ESIMREFUSED, WEIR_EFORKED. On error the
 * option is as before. */
WEIR_API int weir_stream_option(struct weir_stream *s, enum weir_socket_option option, int value);

/* Read an option of the socket of s.
 * Returns 0, with the value in *ret_value; -EINVAL, -EOPNOTSUPP, WEIR_ESIMREFUSED, WEIR_EFORKED as
 * weir_stream_option. On error *ret_value is untouched. */
WEIR_API int weir_stream_option_get(struct weir_stream *s, enum weir_socket_option option,
                                    int *ret_value);

#ifdef __cplusplus
}
#endif
#endif
