/* SPDX-License-Identifier: MIT */
/* http_events.h - server-sent events (the EventSource of browsers) as an answer of an HTTP server,
 * in the library weir-http. Loop thread only. */
#ifndef WEIR_HTTP_EVENTS_H
#define WEIR_HTTP_EVENTS_H

#include <weir/http_server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One event. */
struct weir_http_event {
    size_t size;      /* sizeof (struct weir_http_event) */
    const char *data; /* UTF-8, with line ends of any kind; NULL: "" */
    const char *type; /* for addEventListener; one line; NULL: "message" */
    const char *id;   /* what the client sends back when it comes again, one line; NULL: none; "":
                       * forget the one before */
};

/* Begin the answer: text/event-stream, which no cache keeps. retry_ns: after how long a client
 * whose connection broke comes again; 0: as it likes. Then the handler sends events, and ends the
 * answer by returning.
 * Returns 0; as weir_http_begin; -EINVAL (retry_ns < 0). */
WEIR_SUSPENDS int weir_http_events_begin(struct weir_http_request *r, weir_ns retry_ns);

/* Send an event. It leaves when the task suspends.
 * Returns 0; WEIR_EUTF8 (a text is not UTF-8: nothing was sent), -EINVAL (a line end or NUL in type
 * or id; no events were begun), -ENOMEM, or an error as weir_http_write. */
WEIR_SUSPENDS int weir_http_events_send(struct weir_http_request *r,
                                        const struct weir_http_event *e);

/* Send a comment, one line, which clients ignore; NULL: an empty one. Sent every 15 s or so, it
 * keeps proxies from closing a connection that rests, and finds that the client has gone: the call,
 * or the next one, then returns an error.
 * Returns as weir_http_events_send. */
WEIR_SUSPENDS int weir_http_events_comment(struct weir_http_request *r, const char *text);

/* The id of the last event that the client has seen before it came again: its header Last-Event-ID.
 * NULL: it comes for the first time. Lent as long as r. */
WEIR_API const char *weir_http_last_event_id(const struct weir_http_request *r);

#ifdef __cplusplus
}
#endif
#endif
