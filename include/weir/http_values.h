/* SPDX-License-Identifier: MIT */
/* http_values.h - what a request to an HTTP server says, taken apart: parameters of its path, its
 * query, cookies, credentials, and who the client is; and such values put into a URL again; in the
 * library weir-http.
 *
 * These calls take requests of weir/http_server.h. All but weir_http_client_of, which aborts, also
 * take the request that `request` of a WebSocket server gets (weir_ws_reactive, weir_ws_options). A
 * browser sends no Authorization of the page's choice with that one: its token comes in a cookie or
 * in the query. None of these calls suspends or allocates, but weir_http_unauthorized. Loop thread
 * only, where nothing else is said. */
#ifndef WEIR_HTTP_VALUES_H
#define WEIR_HTTP_VALUES_H

#include <weir/http_server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The value of a parameter of the route's pattern: "id" of "/users/{id}". It is decoded: the value
 * of {id} can have a "/" that was escaped in the path; that of {path...} has the slashes of the
 * path, "a/b". NULL: the pattern has no such parameter, or no route has matched, as with
 * weir_ws_react and weir_ws_accept, which have none. Lent as long as r. Aborts if no route of the
 * server has a parameter of that name, since then it is misspelt: name must not come from a
 * client. */
WEIR_API const char *weir_http_param(const struct weir_http_request *r, const char *name);

/* The first value of a name in the query, "v" of "/x?name=v&name=w", decoded as a form is: "+" is a
 * space, and a "%" that begins no escape stays. "" if there is no "="; NULL: there is no such name.
 * Pairs with an escaped NUL are left out, and so are those after the first 1000. Lent as long as
 * r. */
WEIR_API const char *weir_http_query(const struct weir_http_request *r, const char *name);

/* The i-th pair of the query, from 0 on, for names that occur several times.
 * Returns 1; 0 past the last one, *ret_name and *ret_value untouched. Lent as long as r. */
WEIR_API int weir_http_query_at(const struct weir_http_request *r, size_t i, const char **ret_name,
                                const char **ret_value);

/* Escape len bytes of value, so that they can stand in a URL: letters, digits, "-", ".", "_", "~"
 * and the characters of keep stay, each other byte becomes %XX (a space %20). With keep NULL the
 * result is one segment of a path, or one name or value of a query; with keep "/" it is a whole
 * path, such as the value of {path...}. Controls, spaces, "%" and bytes beyond ASCII are escaped
 * even if keep has them. A segment "." or ".." leads elsewhere, and no escape hides it: the value
 * of {id} never is one, others may be, and must be refused. The result, with a NUL, is written to
 * text, which has size bytes; 3 * len + 1 are always enough. Any thread.
 * Returns the length without the NUL; WEIR_ETOOBIG (it does not fit; text is "" then). */
WEIR_API ssize_t weir_http_escape(char *text, size_t size, const char *value, size_t len,
                                  const char *keep);

/* ---- cookies --------------------------------------------------------------------------------- */

/* The value of the first cookie of a name, as it was sent: nothing is decoded, quotes stay. No NUL
 * stands behind it. Lent as long as r.
 * Returns 1; 0: there is no such cookie, and *ret_value is untouched. */
WEIR_API int weir_http_cookie(const struct weir_http_request *r, const char *name,
                              struct weir_view *ret_value);

enum weir_http_same_site { WEIR_HTTP_LAX, WEIR_HTTP_STRICT, WEIR_HTTP_CROSS_SITE };

/* A cookie to set. With all members but name and value 0 or NULL it is as safe as can be: it lasts
 * until the browser ends, holds for all paths, is sent over https only and not with requests that
 * pages of other sites make (SameSite=Lax), and is hidden from scripts. */
struct weir_http_set_cookie {
    size_t size;        /* sizeof (struct weir_http_set_cookie) */
    const char *name;   /* a token; with "__Host-" or "__Secure-" in front their rules hold */
    const char *value;  /* visible ASCII without space, quote, comma, semicolon, backslash */
    const char *path;   /* NULL: "/" */
    const char *domain; /* NULL: this host only */
    int64_t max_age;    /* seconds; 0: until the browser ends; < 0: remove it now */
    enum weir_http_same_site same_site;
    bool insecure;      /* it is sent over http too */
    bool scriptable;    /* scripts of the page may read it */
};

/* Write the header line "Set-Cookie: ...", with a NUL, to text, which has size bytes; 4096 are
 * always enough. It is for the headers of an answer.
 * Returns the length without the NUL; -EINVAL (a character that may not stand in its member, such
 * as CR; WEIR_HTTP_CROSS_SITE with insecure; or a rule of the name's prefix is broken: the error's
 * text says which), WEIR_ETOOBIG (it does not fit into size, or into the 4096 bytes that browsers
 * take). */
WEIR_API int weir_http_cookie_write(char *text, size_t size, const struct weir_http_set_cookie *c);

/* ---- credentials ----------------------------------------------------------------------------- */

/* The name and password of `Authorization: Basic`, with a NUL each. Browsers send UTF-8. */
struct weir_http_basic {
    char user[256], password[256];
};

/* Read the name and password that came with a request.
 * Returns 1; 0: there are none, they are malformed or too long, and *ret is untouched. */
WEIR_API int weir_http_basic_auth(const struct weir_http_request *r, struct weir_http_basic *ret);

/* The token of `Authorization: Bearer`; NULL: there is none, or it is malformed. Lent as long as
 * r. */
WEIR_API const char *weir_http_bearer(const struct weir_http_request *r);

/* Are two texts the same, such as a password that was given and the right one? The time that this
 * takes depends on the length of given alone, so a client learns nothing about secret from it. */
WEIR_API bool weir_http_secret_equal(const char *given, const char *secret);

/* Answer 401, which asks the client for credentials. scheme is "Basic" or "Bearer"; realm, which
 * browsers show to the user, is visible ASCII and spaces, without quote and backslash.
 * Returns as weir_http_reply. */
WEIR_SUSPENDS int weir_http_unauthorized(struct weir_http_request *r, const char *scheme,
                                         const char *realm);

/* ---- who the client is ----------------------------------------------------------------------- */

/* Who sent a request. The caller owns it: it stays valid when the request is over. */
struct weir_http_sender {
    char address[64];  /* "192.0.2.1" or "2001:db8::1", without port and zone; "unix", "memory" for
                        * such a connection; else as weir_stream_peer: "fd:7", "?" */
    char host[256];    /* the Host that the client asked for; "" if there is none or a longer one */
    const char *scheme; /* "http" or "https": which the client used; static */
    bool proxied;      /* this is what a proxy has said, not what the connection shows */
};

/* Find who sent a request: the peer of the connection, or, if that is one of `proxies` of
 * weir_http_server_options, the client that the proxy names. What anybody else writes into
 * Forwarded or X-Forwarded-For is ignored, and so are these fields if the connection has begun with
 * a PROXY header that names no client. */
WEIR_API void weir_http_client_of(const struct weir_http_request *r, struct weir_http_sender *ret);

#ifdef __cplusplus
}
#endif
#endif
