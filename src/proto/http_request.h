/* SPDX-License-Identifier: MIT */
/* http_request.h - one request whose head is whole, as a user's function sees it, and what became
 * of it. It has a copy of the head, so that the function may suspend whatever the stream does.
 * Made and freed by the protocol that got the head; it knows no WebSocket. An HTTP server embeds
 * one in a request of its own, and sends the answer itself: struct weir__http_ops. */
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

/* What an HTTP server does in the place of this room. NULL in a request: each answer is the last of
 * its connection. */
struct weir__http_ops {
    /* Send an answer that was checked, set r->reply and r->failed; returns as weir_http_reply. */
    int (*answer)(struct weir_http_request *r, const struct weir_http_answer *a);
};

/* For the decoded path and query of a target: NULs come to their bytes. See weir__pair_next. */
#define HTTP_SPARE_ROOM(target_len) ((target_len) + (target_len) / 2 + 8)

struct weir_http_request {
    const void *self; /* the request, while it is open: see weir__http_request_check */
    void *arg;        /* of a request that was closed: the pattern of its route, or NULL */
    const struct weir__http_ops *ops;
    struct weir_stream *stream;
    struct weir__http1 head; /* its slices lie in text */
    enum http_reply reply;
    int failed; /* what sending the answer met */
    uint16_t status; /* of that answer, without ops; 0: none */
    size_t body_len; /* of the same */
    char *text; /* the head, a NUL behind each method, target, name and value */

    /* For weir/http_values.h, which is above this room: */
    char *spare;        /* HTTP_SPARE_ROOM(target.len) bytes; NULL: an HTTP server has its own */
    const void *server; /* struct http_config of the server whose route leads to this WebSocket;
                         * NULL: none does */
    uint32_t query_len; /* of the decoded query */
    bool query_decoded;
};

/* Abort unless r is open. Every public call on a request begins with this: a program may keep r
 * longer than it is lent. */
_Noreturn WEIR_API void weir__http_request_refuse(const struct weir_http_request *r,
                                                  const char *call) __attribute__((cold));
static inline void weir__http_request_check(const struct weir_http_request *r, const char *call) {
    if (__builtin_expect(r == NULL || r->self != r, 0))
        weir__http_request_refuse(r, call);
}

/* r is over. Its first members stay as they are now, for the texts of calls that come too late. */
enum { WEIR__HTTP_REQUEST_KEPT = 2 * sizeof(void *) };
WEIR_API void weir__http_request_close(struct weir_http_request *r, const char *pattern);

/* Put a NUL behind each part of the head in r->text, which is the caller's and may be written. */
WEIR_API void weir__http_request_cut(struct weir_http_request *r);

/* Undo that: the head is again as it was sent. A blank stands for each blank behind a value. */
WEIR_API void weir__http_request_join(struct weir_http_request *r);

/* The header lines of weir_http_reply. */
extern WEIR_API const char *const weir__http_text_lines[2];

/* What forbids this answer, as an error with its record, or 0; headers apart. */
WEIR_API int weir__http_answer_check(const struct weir_http_request *r,
                                     const struct weir_http_answer *a);

/* Copy a whole head, the first bytes of base, and make spare. NULL: no memory. Free it with
 * weir__free. */
struct weir_http_request *weir__http_request_new(struct weir_stream *s, void *arg,
                                                 const struct weir__http1 *head, const void *base,
                                                 size_t len);

#endif
