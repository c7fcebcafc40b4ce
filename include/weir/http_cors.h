/* SPDX-License-Identifier: MIT */
/* http_cors.h - what pages of other origins may do (CORS, WHATWG Fetch 3.3), and headers that are
 * added to an answer before it is given; in the library weir-http. Loop thread only. */
#ifndef WEIR_HTTP_CORS_H
#define WEIR_HTTP_CORS_H

#include <weir/http_server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Add a header line "Name: value" to the answer of a request, whichever call then gives it: also to
 * errors, files and events. line is copied.
 * Returns 0; -EALREADY (the answer has begun), -EINVAL (it is not one line "Name: value", or one
 * that the library writes: the error's text names it), -ENOMEM, WEIR_ETOOBIG (more than 64 KiB in
 * all). */
WEIR_API int weir_http_add_header(struct weir_http_request *r, const char *line);

/* A policy: which pages of other origins may read answers. Lists end with NULL. */
struct weir_http_cors {
    size_t size;                /* sizeof (struct weir_http_cors) */
    const char *const *origins; /* "https://app.example.org", compared byte by byte; "*": any page,
                                 * but without credentials; "null": pages without an origin */
    const char *const *methods; /* methods beside GET, HEAD and POST; NULL: none */
    const char *const *headers; /* request headers beside those that need no permission, in upper or
                                 * lower case; NULL: none */
    const char *const *exposed; /* answer headers that scripts may read; NULL: none */
    int max_age_s;              /* how long browsers keep the permission; 0: their default */
    bool credentials;           /* the browser may send cookies and the like; not with "*" */
};

/* Apply a policy to a request, at the start of a handler, before it looks at credentials (a
 * preflight has none). For all requests set `cors` of weir_http_server_options instead. The answer
 * gets the headers that the policy grants, and Vary. A preflight (OPTIONS with
 * Access-Control-Request-Method) is answered here: 204, or 403 if the policy does not grant it. Any
 * other request goes on, also from an origin that is not listed: the browser then keeps the answer
 * from the page.
 * Returns 1: it was a preflight and is answered; 0: go on; -EINVAL (the policy has credentials with
 * "*", or a text that is no header value), -EALREADY, -ENOMEM, or an error as weir_http_reply. */
WEIR_SUSPENDS int weir_http_cors(struct weir_http_request *r, const struct weir_http_cors *policy);

#ifdef __cplusplus
}
#endif
#endif
