/* SPDX-License-Identifier: MIT */
/* client_url.h - the URLs of requests: what a program gives, and what a redirect's Location
 * makes of it (RFC 3986 5). Pure functions over text; whom to trust is decided in
 * client_fetch.c. */
#ifndef WEIR_HTTP_CLIENT_URL_H
#define WEIR_HTTP_CLIENT_URL_H

#include "wire/uri.h"

enum { HTTP_URL_MAX = WEIR__URI_LENGTH_MAX };

struct http_url {
    struct weir__uri u;  /* its slices lie in text */
    size_t len;
    char text[];         /* scheme://authority/path?query, without a fragment; ends with a NUL */
};

/* Parse the URL of a request; what stands behind # is cut off. Free *ret by weir__free.
 * Returns 0; WEIR_EURL, with *ret_why, static text; -ENOMEM. */
int weir__http_url_new(const char *text, size_t len, struct http_url **ret, const char **ret_why);

/* Resolve the Location of an answer to base. What Location headers hold though they may not
 * (blanks, bytes that are not ASCII, quotes and the like) is percent-encoded as browsers do.
 * Returns as weir__http_url_new. */
int weir__http_url_resolve(const struct http_url *base, const char *ref, size_t len,
                           struct http_url **ret, const char **ret_why);

/* Do both name the same scheme, host and port? */
bool weir__http_url_same_origin(const struct http_url *a, const struct http_url *b);

#endif
