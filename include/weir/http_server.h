/* SPDX-License-Identifier: MIT */
/* http_server.h - an HTTP/1.1 server, in the library weir-http (pkg-config --libs weir-http). It
 * speaks HTTPS if its listener is one of tls:// (weir_listen; needs weir-tls).
 *
 * Three shapes: weir_http_serve runs a task for each request; weir_http_react calls functions as a
 * request's head, body and end come; weir_http_accept reads the requests of one stream in the
 * caller's own task. All three keep connections alive, answer pipelined requests in order, and
 * refuse what RFC 9110 and 9112 forbid. How a request is read is in weir/http.h; this header adds
 * its body, streamed answers and the server. Loop thread only. */
#ifndef WEIR_HTTP_SERVER_H
#define WEIR_HTTP_SERVER_H

#include <weir/http.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_http; /* the server's side of one connection */
struct weir_group;
struct weir_listener;
struct weir_stream;
struct weir_ws;
struct weir_ws_options;
struct weir_ws_reactive;
struct weir_http_cors;
struct weir_http_log; /* what became of one request, for an access log */

/* A function that handles one request, in a task; it may suspend. It answers by weir_http_reply,
 * weir_http_reply_with, or weir_http_begin and what follows. r is lent until it returns, to other
 * tasks too: a later call on it aborts. If it returns without an answer, the client gets
 *   0     404
 *   < 0   400, 408 or 413 if reading the body has failed for such a reason; 500 otherwise, and the
 *         library logs the error
 *   > 0   500, and the library logs the mistake.
 * An answer that weir_http_begin has begun is ended for it if it returns >= 0. If it returns < 0,
 * the connection is broken, so that the client sees that the answer is not whole. If the answer is
 * shorter than it has announced, the connection is broken too, and the library logs that. */
typedef int weir_http_handler(struct weir_http_request *r);

/* One route of a server. A table of them ends with {0}. */
struct weir_http_route {
    const char *method;    /* "GET" (it answers HEAD too), in upper case; NULL: any */
    const char *pattern;   /* "/users/{id}", "/files/{path...}", "example.org/" for one host */
    weir_http_handler *fn; /* NULL if ws is set */
    void *arg;             /* for weir_http_arg */
    /* Not NULL: requests of this route become WebSocket connections, served by these functions as
     * weir_ws_react does; method and fn are ignored. Their `request` may call what weir/http.h and
     * weir/http_values.h have, such as weir_http_param, except weir_http_client_of. Later
     * weir_ws_path has the path. */
    const struct weir_ws_reactive *ws;
    const struct weir_ws_options *ws_options; /* may be NULL */
    uint64_t body_max; /* bytes of a body, instead of the server's body_max; 0: the server's */
};

/* The options of a server. A limit of 0, or a time of 0 or less, means the default, which stands
 * first below. The time WEIR_NEVER means no bound. */
struct weir_http_server_options {
    size_t size;                          /* sizeof (struct weir_http_server_options) */
    weir_http_handler *handler;           /* for each request that no route matches */
    const struct weir_http_route *routes; /* tried first; NULL: none */
    void *arg;                            /* for weir_http_arg, where no route has one */
    /* limits; a client that exceeds one gets the status */
    size_t head_max;        /* 16 KiB, 1 MiB at most. Bytes of a request's head; 431 */
    size_t line_max;        /* 8 KiB + 64. Bytes of one line of it; 414 or 431 */
    size_t headers_max;     /* 100, 1000 at most. Headers of a head, and trailers */
    uint64_t body_max;      /* 1 MiB. Bytes of a body; 413. A route may have a bound of its own */
    size_t drain_max;       /* 64 KiB. If a handler leaves at most so many bytes of a body unread,
                             * they are thrown away and the connection goes on; with more it is
                             * closed */
    size_t connections_max; /* 10000. Open connections; 503 */
    size_t requests_max;    /* no bound. Requests of one connection; the last answer closes it */
    /* times */
    weir_ns head_ns;  /* 10 s. From the first byte of a head to its last, else 408. A new connection
                       * must also send its first byte within this time */
    weir_ns body_ns;  /* 10 s. How long reads may wait for a body in all, else 408. Each body_rate
                       * bytes that come allow a second more */
    size_t body_rate; /* 1024 */
    weir_ns idle_ns;  /* 60 s. From the end of an answer to the next request of the connection */
    weir_ns send_ns;  /* 20 s. A client that takes nothing of an answer for so long is cut off */
    weir_ns drain_ns; /* 10 s. How long requests may go on once the server stops */
    /* who the clients are */
    const char *const *hosts;   /* the Host names served, others get 421; NULL: any */
    const char *const *proxies; /* addresses ("10.0.0.0/8", "::1", "unix") of proxies: their
                                 * X-Forwarded-For, -Proto and -Host are believed; NULL: none */
    bool by_forwarded;          /* believe the proxies' header Forwarded (RFC 7239) instead of these
                                 * three, which then may come from the client */
    bool proxy_protocol;        /* connections from the proxies must begin with a PROXY header
                                 * (version 1 or 2), all others must not. If TLS follows it, call
                                 * weir_http_proxy_header instead */
    const struct weir_http_cors *cors; /* applied to each request before its route or handler
                                 * is called (weir/http_cors.h); NULL: none */
    bool compress;              /* send answers in gzip to clients that ask for it: those of 1 KiB
                                 * to 1 MiB, and those in pieces without a length, each piece of
                                 * which leaves at once. Only text, JSON and the like, without a
                                 * strong ETag and without Cache-Control: no-transform. Set that on
                                 * answers that have a secret beside text of the client's, whose
                                 * length would betray it (BREACH). Needs weir-zlib, else
                                 * WEIR_ENOZLIB */
    bool decompress;            /* decompress request bodies in gzip: at most body_max bytes come
                                 * out, else 413; other codings get 415. false: bodies are shown as
                                 * they came. Not for weir_http_react. Needs weir-zlib, else
                                 * WEIR_ENOZLIB */
    const char *name;           /* the Server header of answers; NULL: none */
    /* called when a request is over, see weir/http_log.h; NULL: no access log */
    void (*log)(const struct weir_http_log *entry, void *log_arg);
    void *log_arg;
    size_t stack_size; /* of a request's task, bytes; 0: the run's default */
};

/* Serve the connections to a listener until it is unlistened, by options->handler or ->routes, one
 * task for each request; between requests a connection has no stack. Each connection is a child of
 * g, which should be WEIR_INDEPENDENT; g NULL: of the run's own group. *options is copied; what its
 * members point to is borrowed until return.
 * The server stops when l is unlistened, or when a scope around the call fires (l stays open then:
 * clients that connect meanwhile wait). Connections without a request close at once, or if their
 * last answer is still on its way, within a second. Requests that have begun go on for at most
 * drain_ns, and their connections close after the answer; then they are cancelled. Event streams,
 * others for which weir_http_end_on_stop was called, and WebSockets of routes (they close with
 * 1001) are cancelled at once; a cancel of g cancels all. The call returns when all have gone.
 * Returns 0 once l is unlistened; -ECANCELED, -ETIME, -EBUSY (another task accepts), -ENOMEM (only
 * when it begins), -EINVAL (the options: the error's text says what, such as a pattern or method
 * that no request could match, or two routes of which neither is the narrower), WEIR_ENOZLIB,
 * WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_http_serve(struct weir_listener *l, struct weir_group *g,
                                  const struct weir_http_server_options *options);

/* The functions of a reactive HTTP server. Each is called in a task and may suspend; meanwhile no
 * other is called for its connection. state has state_size bytes, zeroed, one for each request. */
struct weir_http_reactive {
    size_t size; /* sizeof (struct weir_http_reactive) */
    size_t state_size;
    /* A request's head has come; required. It, or any function below up to end, may reply. */
    int (*request)(struct weir_http_request *r, void *state);
    /* A piece of its body has come, never empty; v is lent until return. NULL: bodies are thrown
     * away. Once the answer is whole neither this nor `end` is called. (weir_http_read returns
     * -EBUSY in a reactive server.) */
    int (*body)(struct weir_http_request *r, void *state, struct weir_view v);
    /* The whole request has come; may be NULL. If there is no answer after it, the client gets
     * 404. */
    int (*end)(struct weir_http_request *r, void *state);
    /* The last call for a request for which `request` was called; may be NULL, must not reply. rc:
     * 0 if the answer was written; < 0 what broke it. */
    void (*done)(struct weir_http_request *r, void *state, int rc);
    void *arg; /* for weir_http_arg */
};

/* Serve the connections to a listener by the functions of f; all else is as in weir_http_serve. If
 * request, body or end returns < 0, the client gets 500 (as with a handler), and done is called
 * next. A connection has a stack only while one of the functions runs, not between the pieces of a
 * body. *f is copied. options may be NULL; its handler, routes and cors must be NULL.
 * Returns as weir_http_serve. */
WEIR_SUSPENDS int weir_http_react(struct weir_listener *l, struct weir_group *g,
                                  const struct weir_http_reactive *f,
                                  const struct weir_http_server_options *options);

/* Serve one stream of any kind: the caller's task takes the requests by weir_http_next. On success
 * the stream belongs to *ret_http, which the caller must drop, and *take_stream becomes NULL; on
 * error it stays the caller's. options as weir_http_serve, without handler and routes; may be NULL.
 * What its members point to must outlive *ret_http.
 * Returns 0; -EINVAL (the options), WEIR_ENOZLIB, -ENOMEM, WEIR_ENOLOOP. */
WEIR_API int weir_http_accept(struct weir_stream **take_stream,
                              const struct weir_http_server_options *options,
                              struct weir_http **ret_http);

/* Read a PROXY header (version 1 or 2) from the start of a stream, for a program that accepts by
 * itself: before weir_tls_accept, since proxies send it before TLS, or before weir_http_accept.
 * Call it only for streams from proxies that are known to send one: anybody else could name any
 * address. Put a scope around it, since a client may send nothing.
 * Returns 1, with the client's address in ret_client: "192.0.2.1:80" or "[2001:db8::1]:80"; 0 (the
 * proxy has connected for itself; ret_client is untouched); WEIR_EPROTO (no PROXY header, or a bad
 * one), WEIR_EEOF, or an error as weir_read. On error or cancel nothing is consumed. */
WEIR_SUSPENDS int weir_http_proxy_header(struct weir_stream *s, char ret_client[64]);

/* Finish the current request, if there is one, as if a handler had returned 0; then wait for the
 * head of the next request. *ret_request is lent until the next call, or the drop. A head that
 * breaks a rule or exceeds a limit is refused by the library; the client has a second to read the
 * answer.
 * Returns 1; 0 (no more requests: the client has closed the connection, the last answer closes it,
 * or it was idle for idle_ns); WEIR_EPROTO, WEIR_ETOOBIG (a head was refused), WEIR_EEOF (the
 * client closed in the middle of a head), -ETIMEDOUT (head_ns or send_ns is over), -ECONNRESET,
 * -EPIPE, -EBUSY (another task is in this call), -ECANCELED (also: another task has dropped http),
 * -ETIME, -ENOMEM, WEIR_ENOLOOP. After 0, and after errors other than -EBUSY, -ECANCELED, -ETIME
 * and -ENOMEM, there is no next request. A cancel loses no received bytes. */
WEIR_SUSPENDS int weir_http_next(struct weir_http *http, struct weir_http_request **ret_request);

/* Close the connection at once; *take_http becomes NULL. Its request becomes invalid, so no task
 * may be in a call on that; and what was not sent yet is lost. A task in weir_http_next gets
 * -ECANCELED. A WebSocket that weir_http_ws_accept has made of it goes on: then the connection
 * closes with that one. NULL and *NULL are fine. Never suspends, never fails. */
WEIR_API void weir_http_drop(struct weir_http **take_http);

/* ---- the request's body ---- */

/* Read at least 1 and at most len bytes of the body. The first read answers `Expect: 100-continue`.
 * What was not read when the request is over is thrown away.
 * Returns the count; 0 at the end of the body, or if there is none; WEIR_EPROTO (a chunk or trailer
 * breaks a rule), WEIR_ETOOBIG (more than body_max), WEIR_EEOF (the connection ended before the
 * body), -ETIMEDOUT (body_ns is over), -EBUSY (another task reads; or the server is reactive),
 * -ECONNRESET, -EPIPE, -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. After an error of the body each
 * read returns it again. A cancel consumes nothing. */
WEIR_SUSPENDS ssize_t weir_http_read(struct weir_http_request *r, void *buf, size_t len);

/* Read the whole body, at most max bytes (0: body_max), and show it, with a NUL behind it. It is
 * lent until the request is over; a second call shows it again.
 * Returns 0; an error as weir_http_read; WEIR_ETOOBIG also for more than max; -EALREADY (a part was
 * read by weir_http_read). A cancel loses nothing: the next call goes on. */
WEIR_SUSPENDS int weir_http_body(struct weir_http_request *r, size_t max,
                                 struct weir_view *ret_view);

/* The length of the body as the client announced it: 0 without a body, -1 if it comes in chunks. */
WEIR_API int64_t weir_http_body_length(const struct weir_http_request *r);

/* A trailer field, which comes behind a chunked body: as weir_http_header. NULL before the end of
 * the body was read, and if there is none. Trailers never become headers. */
WEIR_API const char *weir_http_trailer(const struct weir_http_request *r, const char *name);

/* ---- an answer in pieces ---- */

/* Begin an answer whose body follows by weir_http_write. answer->body must be NULL. answer->len is
 * the length of the body, sent as Content-Length; 0: not known. Then the body is sent in chunks; a
 * client that speaks HTTP/1.0 gets it without, up to the close of the connection. The head leaves
 * with the first piece, or when the task suspends.
 * Returns 0; -EALREADY, -EINVAL, -ENOMEM, -EPIPE as weir_http_reply_with. Never suspends. */
WEIR_API int weir_http_begin(struct weir_http_request *r, const struct weir_http_answer *answer);

/* Send a piece of the body. Small pieces are gathered and leave together, at the latest when the
 * task suspends. If the kernel takes no more, the call waits; a client that takes nothing for
 * send_ns is cut off. In the answer to HEAD the bytes are dropped. len 0 does nothing. data is
 * borrowed until return.
 * Returns 0; -EINVAL (no answer was begun, it is ended, or this is more than the length that was
 * announced), -ETIMEDOUT (the client takes nothing), -EPIPE, -ECONNRESET, -EBUSY (another task
 * writes), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. After any error but -EINVAL and -EBUSY the
 * connection closes when the request is over. */
WEIR_SUSPENDS int weir_http_write(struct weir_http_request *r, const void *data, size_t len);

/* End an answer that weir_http_begin has begun. trailers: "Name: value" each, the last followed by
 * NULL; NULL: none. They are dropped if the body is not sent in chunks. The end leaves when the
 * task suspends or the handler returns.
 * Returns 0; -EINVAL (no answer was begun, it has ended, a trailer is bad, or fewer bytes were
 * written than were announced: then the connection is broken), -EPIPE, -ECONNRESET, -ETIMEDOUT,
 * -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_http_end(struct weir_http_request *r, const char *const *trailers);

/* ---- the connection of a request ---- */

/* "https" if the connection is a TLS stream, else "http". Static text. */
WEIR_API const char *weir_http_scheme(const struct weir_http_request *r);

/* The stream on which a request came, for calls such as weir_stream_local and weir_tls_alpn. Do not
 * read, write or close it. Lent as long as r. */
WEIR_API struct weir_stream *weir_http_stream(const struct weir_http_request *r);

/* Let the connection close after the answer, which says so. Call it before the answer begins. */
WEIR_API void weir_http_close_after(struct weir_http_request *r);

/* Does the server stop? True once weir_http_serve or weir_http_react waits for its last requests;
 * always false for a request of weir_http_next. A handler that works in many steps can ask this: it
 * then has at most drain_ns for the rest. */
WEIR_API bool weir_http_stopping(const struct weir_http_request *r);

/* Let the stop of the server end this request. For an answer that has no end of its own, or waits
 * for an event. When the server stops (or now, if it does already) the task in which the handler or
 * function runs is cancelled: its suspending calls return -ECANCELED. If it then returns that code,
 * or 0, an answer that was begun is ended as a whole one, and a client without an answer gets 503.
 * To send some last words before, use weir_shield_enter. weir_http_events_begin makes this call. It
 * has no effect on a request of weir_http_next. */
WEIR_API void weir_http_end_on_stop(struct weir_http_request *r);

/* Let this request end when its client leaves: once the client has closed or reset its connection,
 * the task in which the handler or function runs is cancelled, and its suspending calls return
 * -ECANCELED. What it returns then is not logged, and a client without an answer gets none.
 * Without this call a handler notices it only when it reads or writes, and a client that has only
 * shut down its sending side still gets its answer. TCP shows the server no difference between the
 * two, so after this call such a client counts as gone.
 * If the client sends more meanwhile, that stays unread, and the server does not notice that it
 * leaves afterwards: so read the whole body before. In a reactive server only the function that
 * makes this call can be cancelled, not one that is called later. It has no effect on a request of
 * weir_http_next. */
WEIR_API void weir_http_end_when_gone(struct weir_http_request *r);

/* Has weir_http_end_when_gone seen the client leave? */
WEIR_API bool weir_http_gone(const struct weir_http_request *r);

/* Accept a request that asks for an upgrade to WebSocket, in the handler. The caller must drop
 * *ret_ws, in this task or another: after the handler has returned, the library waits for that, and
 * then closes the connection. If the server is cancelled meanwhile, receiving and sending fail.
 * Host and Origin are checked as in weir_ws_accept. options may be NULL; its function `request` is
 * not called. (A route with `ws` serves WebSockets without a task for each.)
 * Returns 0; WEIR_EHTTP (the client was refused, by an answer), -EALREADY (the request was answered
 * before), or an error as weir_ws_accept. After an error the connection closes when the request is
 * over. */
WEIR_SUSPENDS int weir_http_ws_accept(struct weir_http_request *r,
                                      const struct weir_ws_options *options,
                                      struct weir_ws **ret_ws);

#ifdef __cplusplus
}
#endif
#endif
