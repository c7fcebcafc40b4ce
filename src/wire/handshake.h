/* SPDX-License-Identifier: MIT */
/* handshake.h - the opening handshake of a WebSocket (RFC 6455 section 4) as pure functions, which
 * write heads and check received ones. Policy stays with the caller, which gets Origin, Host and
 * target unchecked. The heads themselves are parsed by http1.h. */
#ifndef WEIR_WIRE_HANDSHAKE_H
#define WEIR_WIRE_HANDSHAKE_H

#include <sys/types.h>

#include "wire/extension.h"

enum {
    WEIR__WS_KEY_LEN = 24,    /* base64 of 16 random bytes */
    WEIR__WS_ACCEPT_LEN = 28, /* base64 of a SHA-1 */
    WEIR__WS_PROTOCOLS_MAX = 16,
};

/* What a client asks for. Slices lie in the buffer of the head. */
struct weir__ws_request {
    struct weir__slice key, host, origin, path;
    struct weir__slice protocols[WEIR__WS_PROTOCOLS_MAX]; /* in the client's order */
    uint32_t protocols_count;
    bool has_origin;
    const char *why; /* after a failure: static text */
    uint16_t answer; /* and the status to answer with: 400, 405, 426 */
};

/* Is this whole request head a WebSocket handshake that we can accept?
 * Returns 0; WEIR_EPROTO with ret->why and ret->answer. */
int weir__ws_request_check(const struct weir__http1 *h, const void *buf,
                           struct weir__ws_request *ret);

/* The index in names of the first subprotocol of the client's list that the server speaks; -1 if
 * there is none. names are case-sensitive. */
int weir__ws_protocol_select(const struct weir__ws_request *r, const void *buf,
                             const char *const *names, size_t names_count);

/* Write the 101 answer; protocol is NULL or the selected name, deflate what was chosen, or NULL.
 * Returns its length; WEIR_ETOOBIG if size is too small, -EINVAL if protocol is no token. */
ssize_t weir__ws_response_write(char *ret_text, size_t size, const char key[WEIR__WS_KEY_LEN],
                                const char *protocol,
                                const struct weir__ws_deflate_terms *deflate);

/* What to ask a server for. Text is not NUL-terminated where a length stands beside it. */
struct weir__ws_request_options {
    const char *host; /* "name:port", as in the URL; without the port if it is the default. A zone
                       * is not sent */
    size_t host_len;
    const char *path; /* may be empty or begin with "?": a "/" is put before */
    size_t path_len;
    const char *origin;         /* or NULL */
    const char *protocols;      /* comma-separated, or NULL */
    const char *const *headers; /* more lines, as weir__head_put_lines; or NULL */
    const struct weir__ws_deflate_terms *deflate; /* to offer, or NULL */
};

/* Make the key of a handshake from random bytes. */
void weir__ws_key_write(char ret_key[WEIR__WS_KEY_LEN], const uint8_t random[16]);

/* Write the request. Returns its length; WEIR_ETOOBIG if size is too small, -EINVAL if an option
 * holds bytes that would break out of its place. */
ssize_t weir__ws_request_write(char *ret_text, size_t size,
                               const struct weir__ws_request_options *o,
                               const char key[WEIR__WS_KEY_LEN]);

struct weir__ws_response {
    struct weir__slice protocol; /* len 0: none was selected */
    bool deflates;               /* permessage-deflate was agreed on: deflate says how */
    struct weir__ws_deflate_terms deflate;
    const char *why; /* after a failure: static text */
};

/* Is this whole response head the acceptance of our request? protocols and deflate are what we
 * offered; each may be NULL.
 * Returns 0; WEIR_EPROTO with ret->why; WEIR_EHTTP if the server answered, but not with 101 (the
 * status is in h). */
int weir__ws_response_check(const struct weir__http1 *h, const void *buf,
                            const char key[WEIR__WS_KEY_LEN], const char *protocols,
                            const struct weir__ws_deflate_terms *deflate,
                            struct weir__ws_response *ret);

/* Sec-WebSocket-Accept for a key. */
void weir__ws_accept_write(char ret_accept[WEIR__WS_ACCEPT_LEN],
                           const char key[WEIR__WS_KEY_LEN]);

#endif
