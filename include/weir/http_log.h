/* SPDX-License-Identifier: MIT */
/* http_log.h - the access log of an HTTP server: what became of each request, for the member `log`
 * of weir_http_server_options; in the library weir-http. */
#ifndef WEIR_HTTP_LOG_H
#define WEIR_HTTP_LOG_H

#include <weir/http_server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One request that is over. It is lent until the function `log` returns, which must not suspend.
 * That of a route of WebSockets is over when its handshake was answered: with 101, or refused. */
struct weir_http_log {
    size_t size; /* sizeof (struct weir_http_log) */
    const struct weir_http_request *request; /* NULL: its head was refused, or did not come whole */
    const char *client; /* the client's address, as weir_http_client_of finds it */
    int status;         /* of the answer; 0: none was given */
    int rc;             /* 0; < 0: the error that broke the answer */
    uint64_t sent;      /* bytes of the answer's body */
    uint64_t received;  /* bytes of the request's body, as they came */
    weir_ns took;       /* from the first byte of the request to the end of its answer */
    int64_t at;         /* when it ended, in seconds since 1970 */
};

/* Write a line in the combined format of web servers, without a newline:
 *   192.0.2.1 - - [29/Nov/2026:15:04:05 +0000] "GET /a HTTP/1.1" 200 5 "REFERER" "AGENT" 0.002
 * The last number is `took` in seconds. So that no secret gets into the log, the line has no other
 * headers, and of the target and the referer only what stands before the "?". Bytes with which a
 * client could forge a line, and those that are not visible ASCII, are shown as \xHH. Long texts
 * are cut. text has size bytes, and the line always ends with a NUL.
 * Returns its length without the NUL, at most size - 1. */
WEIR_API int weir_http_log_line(const struct weir_http_log *entry, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
