/* SPDX-License-Identifier: MIT */
/* option.h - the options of a connection's socket, by name. They may be set and read at any time,
 * in a simulation too. For an option that is not listed use setsockopt(2) on weir_stream_fd. Loop
 * thread only. */
#ifndef WEIR_OPTION_H
#define WEIR_OPTION_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_stream;

/* The options of a socket, and what their values mean. tcp: for TCP only; the others also for unix
 * sockets. A simulation behaves as the value says. What it does not model (a second route to a
 * host, delayed acknowledgements) it keeps as a value without an effect. */
enum weir_socket_option {
    WEIR_STREAM_NODELAY,            /* tcp: 1: send at once (weir_dial and weir_listen set
                                     * it); 0: not */
    WEIR_STREAM_KEEPALIVE,          /* tcp: probe after this many idle seconds; 0: off */
    WEIR_STREAM_KEEPALIVE_INTERVAL, /* tcp: seconds between two probes; Linux: 75 */
    WEIR_STREAM_KEEPALIVE_COUNT,    /* tcp: unanswered probes that break the connection; Linux: 9 */
    WEIR_STREAM_USER_TIMEOUT,       /* tcp: milliseconds that sent bytes may stay unacknowledged
                                     * until the connection breaks with -ETIMEDOUT; 0: the
                                     * system's. In a simulation: WEIR_ESIMREFUSED */
    WEIR_STREAM_SEND_BUFFER,        /* bytes that the kernel takes ahead of the peer. Linux
                                     * doubles the number, and a read returns the double */
    WEIR_STREAM_RECEIVE_BUFFER,     /* bytes that the kernel keeps for the reader; likewise */
    WEIR_STREAM_RESET,              /* tcp: 1: weir_close resets the connection; 0: not. (SO_LINGER
                                     * of 0 seconds; with more, close would block the loop.) A unix
                                     * socket takes it too, and its peer sees an end of stream; in
                                     * a simulation it sees a reset */
    WEIR_STREAM_QUICKACK,           /* tcp: 1: acknowledge at once; 0: not. The kernel changes
                                     * it again by itself */
    WEIR_STREAM_MARK,               /* for routing and firewalls (SO_MARK; needs CAP_NET_ADMIN) */
    WEIR_STREAM_PRIORITY            /* of packets in the machine's queues: 0 to 6 */
};

/* Set an option of the socket of s. Any stream of a socket will do, also one of
 * weir_stream_from_fd.
 * Returns 0; -EINVAL (no such option, or the value is out of range), -EPERM, -EOPNOTSUPP (s is no
 * socket, or this kind of socket has no such option), WEIR_ESIMREFUSED (in a simulation),
 * WEIR_EFORKED. On error the option is as before. */
WEIR_API int weir_stream_option(struct weir_stream *s, enum weir_socket_option option, int value);

/* Read an option of the socket of s into *ret_value.
 * Returns 0; an error as weir_stream_option. On error *ret_value is untouched. */
WEIR_API int weir_stream_option_get(struct weir_stream *s, enum weir_socket_option option,
                                    int *ret_value);

#ifdef __cplusplus
}
#endif
#endif
