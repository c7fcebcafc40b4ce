/* SPDX-License-Identifier: MIT */
/* http.h - an HTTP request, as the functions of a server see it. HTTP/1 only. Two kinds of servers
 * hand out requests:
 * - an HTTP server (weir/http_server.h, which has the calls for bodies and for answers in pieces);
 * - a WebSocket server, before the upgrade: its function `request` (weir_ws_options and
 *   weir_ws_reactive) may refuse a request, or answer it as plain HTTP, such as a health check; the
 *   query, cookies and credentials of the request are in weir/http_values.h. The body of such a
 *   request is not read, and the connection carries no other request.
 * Loop thread only. */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A request, whose head has come whole and keeps the rules of HTTP. The library owns it. It and its
 * texts are lent until the function that was called with it returns; a request of weir_http_next
 * until the next call of that. */
struct weir_http_request;

/* The method of a request ("GET"), and its target as it was sent, with the query ("/feed?x=1"; a
 * proxy sends "http://host/feed", an OPTIONS request may send "*"). Never NULL. Lent as long as
 * r. */
WEIR_API const char *weir_http_method(const struct weir_http_request *r);
WEIR_API const char *weir_http_target(const struct weir_http_request *r);

/* The address of the client that sent a request, as weir_stream_peer. Never NULL. Lent as long as
 * r. */
WEIR_API const char *weir_http_peer(const struct weir_http_request *r);

/* The value of the first header named name, without the white space around it. Upper and lower case
 * in the name make no difference. NULL if there is no such header; "" if it is empty. Lent as long
 * as r. */
WEIR_API const char *weir_http_header(const struct weir_http_request *r, const char *name);

/* The name and the value of the i-th header, from 0 on, in the order in which they were sent. The
 * name is as it was sent. For a header that may occur several times.
 * Returns 1; 0 past the last one, *ret_name and *ret_value untouched. Lent as long as r. */
WEIR_API int weir_http_header_at(const struct weir_http_request *r, size_t i, const char **ret_name,
                                 const char **ret_value);

/* The pointer that the program has given the server for its functions: `arg` of the route, or else
 * of weir_http_server_options; `arg` of weir_http_reactive or weir_ws_reactive; `request_arg` of
 * weir_ws_options. */
WEIR_API void *weir_http_arg(const struct weir_http_request *r);

/* Does a request ask for an upgrade to WebSocket? If the function of a WebSocket server returns 0
 * without a reply, the library accepts such a request, unless it breaks a rule of RFC 6455; it
 * refuses all others. In an HTTP server see weir_http_ws_accept. */
WEIR_API bool weir_http_wants_websocket(const struct weir_http_request *r);

/* Answer a request, with a status and a text. text is the body, sent as text/plain in UTF-8 and
 * borrowed until return; NULL: the status's phrase and a newline ("Not Found\n"). A request by HEAD
 * gets the headers of the answer and no body. An HTTP server then goes on with the next request of
 * the connection. A WebSocket server does not upgrade the connection: when the function has
 * returned, the library gives the client at most 1 s to read the answer, drops what the client
 * sends meanwhile, and closes the connection.
 * Returns 0 when the kernel has the answer; or when it is queued, if the client has sent further
 * requests already, or if the server gathers the answers of all connections (io_uring). Queued
 * answers leave at the latest when all ready tasks have run. -EALREADY (an answer has begun),
 * -EINVAL (status is not 200 .. 599; text for 204, 205 or 304, which have no body), -ENOMEM,
 * -EPIPE, -ECONNRESET, -ETIMEDOUT (the client has taken nothing for too long), -ECANCELED, -ETIME,
 * WEIR_ENOLOOP. After -EINVAL and -ENOMEM nothing was sent, and the function may answer otherwise.
 * After another error, or a cancel while the answer is sent, nothing more can be sent, and the
 * connection is closed. */
WEIR_SUSPENDS int weir_http_reply(struct weir_http_request *r, int status, const char *text);

/* An answer with headers of its own and any body, for weir_http_reply_with. */
struct weir_http_answer {
    size_t size; /* sizeof (struct weir_http_answer) */
    int status; /* 200 .. 599 */
    /* "Name: value" each, the last followed by NULL; NULL: none. The library writes Content-Length,
     * Connection, Transfer-Encoding and Upgrade: here they are refused with -EINVAL. */
    const char *const *headers;
    const void *body; /* may be NULL if len is 0 */
    size_t len;
};

/* Answer a request as weir_http_reply does, with headers and any body. The library adds no
 * Content-Type, and with len 0 the body is empty: no phrase stands in for it. answer and what it
 * points to are borrowed until return.
 * Returns as weir_http_reply; -EINVAL also for a header that is not one line "Name: value", or that
 * the library writes: weir_error's text names it. */
WEIR_SUSPENDS int weir_http_reply_with(struct weir_http_request *r,
                                       const struct weir_http_answer *answer);

/* Answer a request with a JSON text, sent as application/json. text is borrowed until return, and
 * sent as it is: the library does not look whether it is JSON.
 * Returns as weir_http_reply. */
WEIR_SUSPENDS int weir_http_reply_json(struct weir_http_request *r, int status, const char *text);

/* Send a client to another URL: 303 (See Other) after a form was posted, so that the browser GETs
 * the new page; 307 or 308 to repeat the request with its method and body there, for now or for
 * good; 302 or 301 likewise, but clients may turn POST into GET. location is an absolute URL or,
 * from the URL of the request, a relative one ("/done", "../list?page=2"), and borrowed until
 * return. Bytes that may not stand in a URL, such as spaces, letters beyond ASCII and line ends,
 * are sent as %XX, so a text that came from a client cannot add a header. But it can name another
 * host ("//evil.example"): check it. The body is the status's phrase.
 * Returns as weir_http_reply; -EINVAL also for another status, or an empty location. */
WEIR_SUSPENDS int weir_http_redirect(struct weir_http_request *r, int status,
                                     const char *location);

/* Write a header line that says who a client is into buf, for the headers of weir_ws_options or
 * weir_http_call: "Authorization: Basic ..." of a user and a password, "Authorization: Bearer
 * TOKEN", "Cookie: NAME=VALUE". After a redirect to another origin the client sends neither header
 * any more. Any thread.
 * Returns the length without the NUL; WEIR_ETOOBIG (buf is too small, or name has more than 200
 * bytes); -EINVAL (a colon in user, or a byte that may not stand in its place: RFC 7617, RFC 6750,
 * RFC 6265; the error's text names it); -ENOMEM. On error buf is "". */
WEIR_API int weir_http_basic_line(char *buf, size_t size, const char *user, const char *password);
WEIR_API int weir_http_bearer_line(char *buf, size_t size, const char *token);
WEIR_API int weir_http_cookie_line(char *buf, size_t size, const char *name, const char *value);

#ifdef __cplusplus
}
#endif
#endif
