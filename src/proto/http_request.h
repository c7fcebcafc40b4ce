/* SPDX-License-Identifier: MIT */
/* http_request.h - one request whose head is whole, as a user's function sees it, and what became
 * of it. It has a copy of the head, so that the function may suspend whatever the stream does.
 * Made and freed by the protocol that got the head; it knows no WebSocket. */
#ifndef WEIR_PROTO_HTTP_REQUEST_H
#define WEIR_PROTO_HTTP_REQUEST_H

#include <weir/http.h>
#include <weir/stream.h>

#include "wire/http1.h"

enum http_reply {
    HTTP_UNANSWERED,
    HTTP_ANSWERING, /* bytes of an answer may have left: nothing else can be sent */
    HTTP_ANSWERED,
};

struct weir_http_request {
    struct weir_stream *stream;
    void *arg;
    struct weir__http1 head; /* its slices lie in text */
    enum http_reply reply;
    int failed; /* what sending the answer met */
    char *text; /* the head, a NUL behind each method, target, name and value */
    struct weir__http1_header headers[];
};

/* Copy a whole head, the first bytes of base. NULL: no memory. Free it with weir__free. */
struct weir_http_request *weir__http_request_new(struct weir_stream *s, void *arg,
                                                 const struct weir__http1 *head, const void *base,
                                                 size_t len);

#endif
