/* SPDX-License-Identifier: MIT */
/* proxy_line.h - the PROXY protocol, versions 1 and 2: what a proxy says of the client before the
 * first byte of a connection. Strict. Pure; it keeps no bytes. */
#ifndef WEIR_HTTP_PROXY_LINE_H
#define WEIR_HTTP_PROXY_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    WEIR__PROXY_LINE_MAX = 16 + 2048, /* bytes of a header: version 1 has at most 107 */
    WEIR__PROXY_ADDRESS = 64,         /* "[ADDRESS]:PORT" and a NUL */
};

struct weir__proxy_line {
    char client[WEIR__PROXY_ADDRESS], server[WEIR__PROXY_ADDRESS]; /* as weir_stream_peer; "" if
                                     * the proxy named none: then the peer is the client */
    const char *why;                 /* after a failure: static text */
};

/* Look at the first bytes of a connection, each time more of them. Returns the size of the header
 * once it is whole; 0: more is needed; WEIR_EPROTO with ret->why, as soon as a byte is wrong. The
 * result does not depend on how the bytes were cut. */
int weir__proxy_line_parse(struct weir__proxy_line *ret, const void *buf, size_t len);

#endif
