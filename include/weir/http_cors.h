/* SPDX-License-Identifier: MIT */
/* http_cors.h - header lines for whatever answer a request gets, and what pages of other origins
 * may do (CORS, WHATWG Fetch 3.3), in the library weir-http. Loop thread only. */
#ifndef WEIR_HTTP_CORS_H
#define WEIR_HTTP_CORS_H

#include <weir/http_server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Add a header line "Name: value" to the answer that will be given to a request, by whichever call:
 * also to errors, files and events. line is copied.
 * Returns 0; -EALREADY (the answer has begun), -EINVAL (it is not one line "Name: value", or one
 * that the library writes: the error's text names it), -ENOMEM, WEIR_ETOOBIG (more than 64 KiB in
 * all). */
WEIR_API int weir_http_add_header(struct weir_http_request *r, const char *line);

/* Which pages of other origins may read answers. Lists end with NULL. */
struct weir_http_cors {
    size_t size;                /* sizeof (struct weir_http_cors) */
    const char *const *origins; /* "https://app.example.org", compared as they are; "*": any page,
                                 * without credentials; "null" only if it stands here */
    const char *const *methods; /* beside GET, HEAD and POST; NULL: none */
    const char *const *headers; /* request headers beside those that need no permission; NULL: none;
                                 * compared without case */
    const char *const *exposed; /* answer headers that scripts may read; NULL: none */
    int max_age_s;              /* how long browsers keep the permission; 0: their default */
    bool credentials;           /* cookies and the like are sent along; not with "*" */
};

/* Apply a policy to a request, at the start of a handler. The answer gets the headers that the
 * policy grants, and Vary. A preflight (OPTIONS with Access-Control-Request-Method) is answered:
 * 204, or 403 if the policy does not grant it. Other requests of origins that are not listed go on:
 * the browser keeps their answers from the page. Call it before credentials are asked for.
 * Returns 1: it was a preflight and is answered; 0: go on; -EINVAL (the policy has credentials with
 * "*", or a text that is no header value), -EALREADY, -ENOMEM, or an error as weir_http_reply. */
WEIR_SUSPENDS int weir_http_cors(struct weir_http_request *r, const struct weir_http_cors *policy);

#ifdef __cplusplus
}
#endif
#endif
