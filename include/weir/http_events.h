/* SPDX-License-Identifier: MIT */
/* http_events.h - server-sent events (EventSource in browsers) as the answer of an HTTP server, in
 * the library weir-http. Loop thread only. */
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
    const char *id;   /* one line, which the client sends when it connects again (see
                       * weir_http_last_event_id); NULL: the last one stays; "": forget it */
};

/* Begin the answer: text/event-stream, which no cache keeps. Then the handler sends events, and
 * ends the answer by returning. retry_ns is how long a client waits before it connects again; 0:
 * the client's default.
 * When the server stops, the suspending calls of the handler return -ECANCELED, wherever it waits
 * for the next event; it should return that code. The client sees the end of the stream and
 * connects again. See weir_http_end_on_stop.
 * Returns 0; an error as weir_http_begin; -EINVAL (retry_ns < 0); -EPIPE also for a HEAD request:
 * it has its answer then, and gets no events. */
WEIR_SUSPENDS int weir_http_events_begin(struct weir_http_request *r, weir_ns retry_ns);

/* Send an event. It leaves when the task suspends.
 * Returns 0; WEIR_EUTF8 (a text is not UTF-8: nothing was sent), -EINVAL (a line end or NUL in type
 * or id; or weir_http_events_begin was not called), -ENOMEM, or an error as weir_http_write. */
WEIR_SUSPENDS int weir_http_events_send(struct weir_http_request *r,
                                        const struct weir_http_event *e);

/* Send a comment, one line, which clients ignore; NULL: an empty one. Send one every 15 s or so
 * while there are no events: it keeps proxies from closing the connection, and if the client has
 * gone, this call or the next one returns an error.
 * Returns as weir_http_events_send. */
WEIR_SUSPENDS int weir_http_events_comment(struct weir_http_request *r, const char *text);

/* The id of the last event that a client has seen before it connected again: its header
 * Last-Event-ID. NULL: it connects for the first time. Lent as long as r. */
WEIR_API const char *weir_http_last_event_id(const struct weir_http_request *r);

#ifdef __cplusplus
}
#endif
#endif
