/* SPDX-License-Identifier: MIT */
/* open.h - the ways to a stream and to a listener that this room has, for room dial, which chooses
 * among them by a URL. Each call has passed a cancel point before (weir__suspend_enter). */
#ifndef WEIR_STREAM_OPEN_H
#define WEIR_STREAM_OPEN_H

#include <weir/stream.h>

/* tcp://HOST:PORT and unix:/PATH: as weir_dial and weir_listen. *options has all its fields. Both
 * suspend. */
int weir__socket_dial(const char *url, const struct weir_dial_options *options,
                      struct weir_stream **ret_stream);
int weir__socket_listen(const char *url, const struct weir_listen_options *options,
                        struct weir_listener **ret_listener);

enum { WEIR__HATCH_NAME = 64 }; /* bytes of a name with its NUL */

/* Listen on a name, for dials in memory of the same loop. Returns 0; -EADDRINUSE, -ENOMEM. */
int weir__hatch_listen(const char *name, const struct weir_listen_options *options,
                       struct weir_listener **ret_listener);

/* Make a pair of streams in memory, and give one to the listener of that name. Returns 0;
 * -ECONNREFUSED (there is none, or too many of its connections wait already), -ENOMEM. */
int weir__hatch_dial(const char *name, struct weir_stream **ret_stream);

/* Make a listener of a listening socket that the process has inherited. From then on the listener
 * owns fd, which becomes non-blocking. Returns 0; -EBADF, -ENOTSOCK, -EPROTOTYPE (no stream
 * socket), -EINVAL (it does not listen), -ENOMEM, WEIR_ESIMREFUSED (in a simulation). */
int weir__listener_adopt(int fd, struct weir_listener **ret_listener);

#endif
