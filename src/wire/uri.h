/* SPDX-License-Identifier: MIT */
/* uri.h - a parser for addresses: tcp://host:port, ws://host:port/path?query,
 * unix:/path, [::1]:80. A strict part of RFC 3986: no user names, no fragments, no relative
 * forms, no percent signs in hosts. Nothing is decoded and no name is looked up here. */
#ifndef WEIR_WIRE_URI_H
#define WEIR_WIRE_URI_H

#include <string.h>

#include "wire/chars.h"

enum weir__uri_scheme {
    WEIR__URI_NONE, /* a bare host:port */
    WEIR__URI_TCP,
    WEIR__URI_TLS,
    WEIR__URI_UDP,
    WEIR__URI_WS,
    WEIR__URI_WSS,
    WEIR__URI_HTTP,
    WEIR__URI_HTTPS,
    WEIR__URI_UNIX,
};

enum weir__uri_host { WEIR__URI_NAME, WEIR__URI_IPV4, WEIR__URI_IPV6 };

struct weir__uri {
    enum weir__uri_scheme scheme;
    enum weir__uri_host host_kind;
    struct weir__slice authority; /* as written, without an empty port: for a Host field, by
                                   * weir__head_put_authority */
    struct weir__slice host;      /* without brackets, zone included */
    struct weir__slice path;      /* "/x?y"; empty means "/"; "?y" means "/?y"; unix: the path */
    uint16_t port;                /* the scheme's default where none was written */
    bool has_port;                /* it was written */
    const char *why;              /* after a failure: what is wrong, static text */
};

enum { WEIR__URI_LENGTH_MAX = 8192 }; /* as long as a request target of http1.h */

/* Parse a whole address. "host:port" without a scheme is refused with the reason bare_refused, a
 * static text; NULL: it is an address too.
 * Returns 0 or WEIR_EURL; after WEIR_EURL only ret->why is set.
 * A port must be written where the scheme has no default; "name:" is the default port. Port 0 is
 * allowed: "any free one". */
WEIR_API int weir__uri_parse(struct weir__uri *ret, const char *text, size_t len,
                             const char *bare_refused);

/* Parse "host[:[port]]" alone, as in the Host field of HTTP; without a port has_port is false
 * and port is 0. Returns as weir__uri_parse does. */
WEIR_API int weir__uri_parse_authority(struct weir__uri *ret, const char *text, size_t len);

/* Remove the brackets of an IPv6 address: "[::1]" is ::1. Returns where the host begins in text.
 * *len is the length of text, and on return that of the host. */
static inline const char *weir__uri_host_bare(const char *text, size_t *len) {
    bool bracketed = *len > 2 && text[0] == '[' && text[*len - 1] == ']'
                     && memchr(text, ':', *len) != NULL;
    *len -= bracketed ? 2 : 0;
    return text + bracketed;
}

/* Write "HOST:PORT" to buf as a URL has it, an IPv6 address in brackets: "[::1]:80". Returns buf.
 * host is at most 255 bytes long; what is longer is cut, and is no URL then. */
enum { WEIR__URI_AUTHORITY = 255 + 2 + 6 + 1 };
WEIR_API const char *weir__uri_authority(const char *host, int port,
                                         char buf[static WEIR__URI_AUTHORITY]);

/* Why text, a host without port and brackets, cannot stand in a URL: it is neither a name nor an
 * address. NULL if it can. */
const char *weir__uri_host_refused(const char *text, size_t len);

/* How much of a URL an error or a log may show: what is before its query and fragment, in which
 * there may be secrets. */
static inline size_t weir__uri_shown_len(const char *url) {
    return strcspn(url, "?#");
}

/* What an error may show of a URL that was refused, cut to fit. Returns buf; NULL: nothing, since
 * the URL has an @, and so perhaps a password, or is empty. */
enum { WEIR__URI_SHOWN = 72 }; /* more than an error record has room for */
WEIR_API const char *weir__uri_shown_refused(const char *url, char buf[static WEIR__URI_SHOWN]);

/* The scheme's name, "ws"; "" for WEIR__URI_NONE. */
const char *weir__uri_scheme_name(enum weir__uri_scheme scheme);

#endif
