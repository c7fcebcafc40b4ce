/* SPDX-License-Identifier: MIT */
/* etag.h - entity tags and conditional requests (RFC 9110 8.8, 13): may this request be carried
 * out, or is the answer 304 or 412? Pure: what the resource is now is the caller's to say. */
#ifndef WEIR_HTTP_ETAG_H
#define WEIR_HTTP_ETAG_H

#include "wire/http1.h"

/* What a resource is now. */
struct weir__validators {
    const char *etag; /* with its quotes, perhaps W/ before them; NULL: it has none */
    int64_t modified; /* seconds since 1970 */
    bool has_modified;
    bool missing; /* there is no such resource: "*" does not match */
};

/* Is text one whole entity tag? */
bool weir__etag_valid(const char *text, size_t len);

/* Decide by If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in the order of
 * RFC 9110 13.2.2. now is for dates with a year of two digits. Returns 0 (go on), 304 or 412. */
int weir__condition(const struct weir__http1 *head, const void *buf, const char *method,
                    const struct weir__validators *now_is, int64_t now);

/* Does If-Range let the Range field of a request count? True also if there is no If-Range. Only a
 * strong tag or the exact date does. */
bool weir__condition_range(const struct weir__http1 *head, const void *buf,
                           const struct weir__validators *now_is, int64_t now);

#endif
