/* SPDX-License-Identifier: MIT */
/* http.h - the HTTP/1 request that a WebSocket connection begins with: a server's function reads it
 * before the upgrade, refuses it, or answers it as plain HTTP, such as a health check. See
 * `request` in weir_ws_options and weir_ws_reactive.
 *
 * The body of a request is not read, and each connection carries one request. Loop thread only. */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A request whose head has come whole and keeps the rules of HTTP. It belongs to the library, and
 * is lent with all its texts while the function runs that got it. */
struct weir_http_request;

/* The method ("GET"), and the target as it was sent, with its query ("/feed?x=1"; a proxy sends
 * "http://host/feed", a client that asks for options "*"). Never NULL. Lent as long as r. */
WEIR_API const char *weir_http_method(const struct weir_http_request *r);
WEIR_API const char *weir_http_target(const struct weir_http_request *r);

/* The address of the client, as weir_stream_peer. Never NULL. Lent as long as r. */
WEIR_API const char *weir_http_peer(const struct weir_http_request *r);

/* The value of the first header of that name, without the white space around it; letters in the
 * name match in either case. NULL if there is none, "" if it is empty. Lent as long as r. */
WEIR_API const char *weir_http_header(const struct weir_http_request *r, const char *name);

/* Name and value of header i, counted from 0 in the order in which they were sent, the name in the
 * case in which it was sent. For a header that may stand several times.
 * Returns 1; 0 past the last one, *ret_name and *ret_value untouched. Lent as long as r. */
WEIR_API int weir_http_header_at(const struct weir_http_request *r, size_t i, const char **ret_name,
                                 const char **ret_value);

/* The server's own pointer: `arg` of weir_ws_reactive, `request_arg` of weir_ws_options. */
WEIR_API void *weir_http_arg(const struct weir_http_request *r);

/* Does the client ask for an upgrade to WebSocket? If the function answers nothing, such a request
 * is accepted, or refused if it breaks a rule of RFC 6455; any other one is refused. */
WEIR_API bool weir_http_wants_websocket(const struct weir_http_request *r);

/* Answer the request instead of upgrading it. The body is text, as text/plain in UTF-8; NULL: the
 * status's phrase and a newline ("Not Found\n"). The connection is closed behind the answer, once
 * the function has returned and the client has read it (1 s at most); what the client has sent or
 * still sends is thrown away. HEAD gets the headers of the answer and no body.
 * Returns 0 when the kernel has the answer; -EALREADY (an answer has begun), -EINVAL (status is not
 * 200 .. 599; text for 204, 205 or 304, which have no body), -ENOMEM, -EPIPE, -ECONNRESET,
 * -ECANCELED, -ETIME, WEIR_ENOLOOP.
 * After -EINVAL and -ENOMEM nothing was sent, and another answer may be. An error or a cancel that
 * comes while the answer is being sent ends the connection: nothing more can be sent. */
WEIR_SUSPENDS int weir_http_reply(struct weir_http_request *r, int status, const char *text);

/* An answer in full. */
struct weir_http_answer {
    size_t size;
    int status; /* 200 .. 599 */
    /* "Name: value" each, the last followed by NULL; NULL: none. Content-Length, Connection,
     * Transfer-Encoding and Upgrade are the library's: they are refused with -EINVAL. */
    const char *const *headers;
    const void *body; /* may be NULL if len is 0 */
    size_t len;
};

/* As weir_http_reply, with headers and any body; the library adds no Content-Type. answer and what
 * it points to are borrowed until return.
 * Returns as weir_http_reply; -EINVAL also for a header that is not one line "Name: value", or is
 * the library's: weir_error's text names it. */
WEIR_SUSPENDS int weir_http_reply_with(struct weir_http_request *r,
                                       const struct weir_http_answer *answer);

#ifdef __cplusplus
}
#endif
#endif
