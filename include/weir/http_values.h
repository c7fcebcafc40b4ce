/* SPDX-License-Identifier: MIT */
/* http_values.h - what a request to an HTTP server says, taken apart: parameters of its path, its
 * query, cookies, credentials, and who the client is; in the library weir-http.
 *
 * These calls take requests of weir/http_server.h. None of them suspends or allocates. Loop thread
 * only. */
#ifndef WEIR_HTTP_VALUES_H
#define WEIR_HTTP_VALUES_H

#include <weir/http_server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The value of a parameter of the route's pattern: "id" of "/users/{id}". It is decoded, and
 * {path...} has its slashes: "a/b". It may have "/" in it, but no NUL. NULL: the pattern has no
 * such name, or no route was taken. Lent as long as r. */
WEIR_API const char *weir_http_param(const struct weir_http_request *r, const char *name);

/* The first value of a name in the query, "v" of "/x?name=v&name=w", decoded as a form is: "+" is a
 * space, and an escape that is none stays as it is. "" if it has no "="; NULL: there is no such
 * name. Pairs with an escaped NUL are left out, and those behind the first 1000. Lent as long as
 * r. */
WEIR_API const char *weir_http_query(const struct weir_http_request *r, const char *name);

/* The i-th pair of the query, from 0 on, for names that occur several times.
 * Returns 1; 0 past the last one, *ret_name and *ret_value untouched. Lent as long as r. */
WEIR_API int weir_http_query_at(const struct weir_http_request *r, size_t i, const char **ret_name,
                                const char **ret_value);

/* ---- cookies --------------------------------------------------------------------------------- */

/* The value of the first cookie of a name, as it was sent: nothing is decoded, quotes stay. It has
 * no NUL behind it; lent as long as r. Returns 1; 0: there is none, *ret_value untouched. */
WEIR_API int weir_http_cookie(const struct weir_http_request *r, const char *name,
                              struct weir_view *ret_value);

enum weir_http_same_site { WEIR_HTTP_LAX, WEIR_HTTP_STRICT, WEIR_HTTP_CROSS_SITE };

/* A cookie to set. What is 0 or NULL is the safe choice: a cookie of the session, for all paths,
 * sent back over https only, not to other sites' requests, and hidden from scripts. */
struct weir_http_set_cookie {
    size_t size;        /* sizeof (struct weir_http_set_cookie) */
    const char *name;   /* a token; "__Host-" and "__Secure-" are held to their rules */
    const char *value;  /* visible ASCII without space, quote, comma, semicolon, backslash */
    const char *path;   /* NULL: "/" */
    const char *domain; /* NULL: this host only */
    int64_t max_age;    /* seconds; 0: until the browser ends; < 0: remove it now */
    enum weir_http_same_site same_site;
    bool insecure;      /* over http too */
    bool scriptable;    /* scripts may read it */
};

/* Write the header line "Set-Cookie: ..." with a NUL, for the headers of an answer. 4096 bytes are
 * room enough.
 * Returns its length; -EINVAL (a member has a character that may not stand there, as CR and LF;
 * SameSite=None without Secure; a rule of its prefix is broken: the error's text says which),
 * WEIR_ETOOBIG (more than size, or more than 4096 bytes, which browsers drop). */
WEIR_API int weir_http_cookie_write(char *text, size_t size, const struct weir_http_set_cookie *c);

/* ---- credentials ----------------------------------------------------------------------------- */

/* The name and password of `Authorization: Basic`, UTF-8 as browsers send it. */
struct weir_http_basic {
    char user[256], password[256];
};

/* Read them. Returns 1; 0: there are none, or they are malformed or too long. *ret is untouched
 * then. */
WEIR_API int weir_http_basic_auth(const struct weir_http_request *r, struct weir_http_basic *ret);

/* The token of `Authorization: Bearer`; NULL: there is none, or it is malformed. Lent as long as
 * r. */
WEIR_API const char *weir_http_bearer(const struct weir_http_request *r);

/* Are two secrets the same? The time depends on the length of given alone, so that it tells nothing
 * about the secret. */
WEIR_API bool weir_http_secret_equal(const char *given, const char *secret);

/* Answer 401: scheme "Basic" or "Bearer", for a realm (visible ASCII and spaces, without quote and
 * backslash).
 * Returns as weir_http_reply. */
WEIR_SUSPENDS int weir_http_unauthorized(struct weir_http_request *r, const char *scheme,
                                         const char *realm);

/* ---- who the client is ----------------------------------------------------------------------- */

/* Who sent a request: texts that were derived from it, a value of the caller's. */
struct weir_http_sender {
    char address[64];  /* "192.0.2.1" or "2001:db8::1", without port; what weir_http_peer shows if
                        * that is no IP address: "unix", "memory" */
    char host[256];    /* as the client asked for it; "" if that is longer, or not there */
    const char *scheme; /* "http" or "https"; static */
    bool proxied;      /* a proxy has said so */
};

/* Find who sent a request: the peer of the connection, or whom the proxies of options->proxies name
 * (see there). What other clients write into Forwarded or X-Forwarded-For is not believed. */
WEIR_API void weir_http_client_of(const struct weir_http_request *r, struct weir_http_sender *ret);

#ifdef __cplusplus
}
#endif
#endif
