/* SPDX-License-Identifier: MIT */
/* http1.h - the head of an HTTP/1 message, strict RFC 9112: request line or status line and the
 * header fields. Not the body (chunked.h), no policy. The parser copies nothing: its results are
 * slices of the caller's buffer, which must hold the head from its first byte.
 *
 * Invariant: the result for a given head does not depend on how it was cut into pieces, and each
 * byte is looked at a fixed number of times. */
#ifndef WEIR_WIRE_HTTP1_H
#define WEIR_WIRE_HTTP1_H

#include "wire/chars.h"

/* Hard bounds of one head. head_size_max counts all bytes up to and with the empty line,
 * line_len_max one line with its CRLF; body_len_max bounds Content-Length. */
struct weir__http1_limits {
    uint32_t head_size_max, line_len_max, target_len_max, headers_max;
    int64_t body_len_max;
};

/* What servers of the field take: see doc/design/wire.md. */
extern WEIR_API const struct weir__http1_limits weir__http1_limits_default;

enum { WEIR__HTTP1_HEADERS_MAX = 100 }; /* the default's headers_max, to size an array */
enum { WEIR__HTTP1_KNOWN_HEADERS = 24, WEIR__HTTP1_KNOWN_SIZE = 1024 };

struct weir__http1_header {
    struct weir__slice name, value; /* the value without the white space around it */
};

enum weir__http1_kind { WEIR__HTTP1_REQUEST, WEIR__HTTP1_RESPONSE };

enum weir__http1_target {
    WEIR__HTTP1_ORIGIN,    /* /path?query */
    WEIR__HTTP1_ABSOLUTE,  /* http://authority/path?query: its authority outranks Host */
    WEIR__HTTP1_AUTHORITY, /* host:port, only and always for CONNECT */
    WEIR__HTTP1_ASTERISK,  /* *, only for OPTIONS */
};

enum weir__http1_framing {
    WEIR__HTTP1_BODY_NONE,
    WEIR__HTTP1_BODY_LENGTH,      /* body_len bytes */
    WEIR__HTTP1_BODY_CHUNKED,     /* see chunked.h */
    WEIR__HTTP1_BODY_UNTIL_CLOSE, /* responses only */
};

/* The fields of an earlier head, with the empty line: clients send the same ones again and again,
 * and the same bytes need not be parsed again. All zero: there are none. */
struct weir__http1_known {
    uint32_t len, headers_count;
    struct weir__slice host; /* this and the headers' slices: from the first byte of the fields */
    int64_t body_len;
    bool has_host, chunked;
    struct weir__http1_header headers[WEIR__HTTP1_KNOWN_HEADERS];
    uint8_t bytes[WEIR__HTTP1_KNOWN_SIZE];
};

struct weir__http1 {
    /* the result, true once weir__http1_parse has returned a size */
    struct weir__slice method, target; /* requests; the target as it was sent */
    struct weir__slice authority;      /* of the absolute and authority forms */
    struct weir__slice path;           /* path and query; empty means "/"; "?q" means "/?q" */
    struct weir__slice reason;         /* responses */
    struct weir__slice host;           /* the Host field, if has_host */
    struct weir__http1_header *headers;
    uint32_t headers_count;
    int64_t body_len; /* Content-Length; -1 if there is none */
    enum weir__http1_kind kind;
    enum weir__http1_target target_form;
    uint16_t status;        /* responses: 100 .. 999 */
    uint8_t minor;          /* the version: HTTP/1.0; HTTP/1.1, which any later 1.x is */
    bool has_host, chunked; /* chunked: Transfer-Encoding: chunked */

    /* after a failure: what is wrong, static text, and the status to answer a request with */
    const char *why;
    uint16_t answer;

    /* the caller's, set behind weir__http1_init, and again between two calls if they change: a host
     * that was found good in an earlier head, so that it need not be parsed again; NULL: none */
    const char *host_known;
    uint32_t host_known_len;
    const struct weir__http1_known *known; /* of a head with the same limits; NULL: none */
    bool by_known;                         /* the fields are those */

    /* the parser's own */
    bool started, skipped_line;
    int failed;                  /* the code; it stays */
    uint32_t line_from, scanned; /* the open line, and up to where it holds no line end */
    const struct weir__http1_limits *limits;
};

/* Begin a head. headers is the caller's, with room for limits->headers_max entries; both must
 * stay until the last use of h. */
WEIR_API void weir__http1_init(struct weir__http1 *h, enum weir__http1_kind kind,
                               struct weir__http1_header *headers,
                               const struct weir__http1_limits *limits);

/* Look at the head as far as it has come: buf holds its bytes from the first on, each time more
 * of them (it may have moved). Nothing is consumed.
 * Returns the size of the head when it is whole, 0 when more bytes are needed; WEIR_EPROTO,
 * WEIR_ETOOBIG with h->why and h->answer (400, 413, 414, 431, 501, 505); a failure stays. */
WEIR_API int weir__http1_parse(struct weir__http1 *h, const void *buf, size_t len);

/* Remember the fields of a whole request, of which buf holds the head, unless they are too many:
 * then what was remembered before stays, and false is returned. */
WEIR_API bool weir__http1_remember(const struct weir__http1 *h, const void *buf, size_t size,
                                   struct weir__http1_known *ret_known);

/* How the body of this whole head is delimited (RFC 9112 6.3). For a response, say what the
 * request was: to_head for HEAD, to_connect for CONNECT; ignored for requests. */
WEIR_API enum weir__http1_framing weir__http1_framing(const struct weir__http1 *h, bool to_head,
                                                      bool to_connect);

/* The first field of this name, without case, at or after index from; -1 if there is none. */
WEIR_API int weir__http1_find(const struct weir__http1 *h, const void *buf, const char *name,
                              int from);

/* How many fields have this name. */
int weir__http1_count(const struct weir__http1 *h, const void *buf, const char *name);

/* True if the comma-separated values of all fields of this name hold the token, without case. */
WEIR_API bool weir__http1_has_token(const struct weir__http1 *h, const void *buf, const char *name,
                                    const char *token);

#endif
