/* SPDX-License-Identifier: MIT */
/* http_server.h - an HTTP/1.1 server, in the library weir-http (pkg-config --libs weir-http).
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

/* Handles one request, in a task, and may suspend. Before it returns it has replied, by
 * weir_http_reply, weir_http_reply_with, or weir_http_begin and what follows. If it returns 0
 * without an answer, the client gets 404; if it returns < 0, 500 and a line in the log, or 400, 408
 * or 413 if reading the body had failed so. A result > 0 without an answer is a mistake: 500. An
 * answer that was begun and not ended is ended if it returns >= 0; else the connection breaks, so
 * that the client sees that the answer is not whole. r is lent until it returns. */
typedef int weir_http_handler(struct weir_http_request *r);

/* One route of a server. A table of them ends with {0}. */
struct weir_http_route {
    const char *method;    /* "GET" (it answers HEAD too), ...; NULL: any */
    const char *pattern;   /* "/users/{id}", "/files/{path...}", "example.org/" for one host */
    weir_http_handler *fn; /* or ws */
    void *arg;             /* for weir_http_arg */
    /* not NULL: the requests of this route become WebSocket connections, served as
     * weir_ws_react would serve them; method and fn are not used */
    const struct weir_ws_reactive *ws;
    const struct weir_ws_options *ws_options; /* may be NULL */
};

/* The options of a server. A limit of 0, or a time of 0 or less, means the default, which stands
 * first below. WEIR_NEVER is no bound, for a time. */
struct weir_http_server_options {
    size_t size;                          /* sizeof (struct weir_http_server_options) */
    weir_http_handler *handler;           /* for each request; with routes: for those of no route */
    const struct weir_http_route *routes; /* tried first; NULL: none */
    void *arg;                            /* for weir_http_arg, where no route has one */
    /* limits */
    size_t head_max;        /* 16 KiB, 1 MiB at most. Bytes of a request's head: 431 beyond */
    size_t line_max;        /* 8 KiB + 64. Bytes of one of its lines: 414 or 431 beyond */
    size_t headers_max;     /* 100, 1000 at most. Header fields of a head, and of trailers */
    uint64_t body_max;      /* 1 MiB. Bytes of a body: 413 beyond */
    size_t drain_max;       /* 64 KiB. Bytes of a body that no function has read, which are thrown
                             * away to keep the connection; of more, it is closed */
    size_t connections_max; /* 10000. Further clients get 503 */
    size_t requests_max;    /* no bound. Requests of one connection; the last says so */
    /* times */
    weir_ns head_ns;  /* 10 s. From a head's first byte to its last, 408 beyond; and until the first
                       * byte of a new connection */
    weir_ns body_ns;  /* 10 s. The time that a body may let its reader wait, in all; each body_rate
                       * bytes that came allow a second more; 408 beyond */
    size_t body_rate; /* 1024 */
    weir_ns idle_ns;  /* 60 s. Until the next request of a connection begins */
    weir_ns send_ns;  /* 20 s. A client that takes nothing of an answer for so long is cut off */
    weir_ns drain_ns; /* 10 s. Once the server stops, until what still runs is cut off */
    /* who the clients are */
    const char *const *hosts;   /* the Host names served, others get 421; NULL: any */
    const char *const *proxies; /* addresses ("10.0.0.0/8", "::1", "unix") whose X-Forwarded-For,
                                 * -Proto and -Host are believed; NULL: none */
    bool by_forwarded;          /* the proxies write Forwarded (RFC 7239) instead of these three,
                                 * which are a client's own then */
    bool proxy_protocol;        /* connections of the proxies begin with a PROXY header (version 1
                                 * or 2) and are refused without; others have none. For a
                                 * stream to be encrypted see weir_http_proxy_header */
    const struct weir_http_cors *cors; /* applied to each request before its route or handler
                                 * is called (weir/http_cors.h); NULL: none */
    bool compress;              /* gzip for clients that ask for it: answers of 1 KiB to 1 MiB, and
                                 * those in pieces without a length, each piece of which leaves at
                                 * once. Text, JSON and the like only; not with a strong ETag or
                                 * Cache-Control: no-transform, which is right for an answer with a
                                 * secret beside text of the client's (BREACH). Needs weir-zlib,
                                 * else WEIR_ENOZLIB */
    bool decompress;            /* request bodies in gzip are decompressed when they are read: at
                                 * most body_max bytes come out, else 413; other codings get 415.
                                 * Else bodies are shown as they came. Not for weir_http_react.
                                 * Needs weir-zlib, else WEIR_ENOZLIB */
    /* what is said of it */
    const char *name; /* the Server header; NULL: none */
    void (*log)(const struct weir_http_log *entry, void *log_arg); /* after each answer */
    void *log_arg;
    size_t stack_size; /* of a request's task, bytes; 0: the run's default */
};

/* Serve the connections to a listener until it is unlistened, by options->handler or ->routes, one
 * task for each request; between requests a connection has no stack. Each connection is a child of
 * g, which should be WEIR_INDEPENDENT. *options is copied; what its members point to is borrowed
 * until return.
 * The server stops when l is unlistened, or when a scope around the call fires. Then connections
 * without a request close at once; requests that run go on, and their answers say that the
 * connection closes; what is not done after drain_ns is cancelled. The call returns when the last
 * connection is gone. A cancel of g cancels all at once.
 * Returns 0 once l is unlistened; -ECANCELED, -ETIME, -EBUSY (another task accepts), -ENOMEM (only
 * when it begins), -EINVAL (routes that contradict each other, no handler and no routes: the
 * error's text says which), WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_http_serve(struct weir_listener *l, struct weir_group *g,
                                  const struct weir_http_server_options *options);

/* The functions of a reactive HTTP server. Each runs in a task and may suspend; meanwhile nothing
 * more of its connection is delivered. state is state_size bytes of the request, zero at first. */
struct weir_http_reactive {
    size_t size; /* sizeof (struct weir_http_reactive) */
    size_t state_size;
    /* A request's head has come; required. It, or any function below up to end, may reply. */
    int (*request)(struct weir_http_request *r, void *state);
    /* A piece of its body, never empty; v is lent until return. NULL: bodies are thrown away. Once
     * an answer is whole neither this nor `end` is called. weir_http_read returns -EBUSY. */
    int (*body)(struct weir_http_request *r, void *state, struct weir_view v);
    /* The whole request has come; may be NULL. Without an answer by then the client gets 404. */
    int (*end)(struct weir_http_request *r, void *state);
    /* The last call for a request for which `request` was called; may be NULL, must not reply. rc:
     * 0 if the answer was written; < 0 what broke it. */
    void (*done)(struct weir_http_request *r, void *state, int rc);
    void *arg; /* for weir_http_arg */
};

/* Serve the connections to a listener by the functions of f, as weir_http_serve does otherwise. If
 * one of the first three returns < 0, the client gets 500 as there, and done is called next. While
 * a body is on its way there is no stack either. *f is copied. options->handler and ->routes must
 * be NULL, options may be NULL.
 * Returns as weir_http_serve. */
WEIR_SUSPENDS int weir_http_react(struct weir_listener *l, struct weir_group *g,
                                  const struct weir_http_reactive *f,
                                  const struct weir_http_server_options *options);

/* Serve one stream of any kind, in the tasks of the caller. The call takes the stream in every case
 * but -ENOMEM. options as weir_http_serve (handler and routes are not used); may be NULL; what it
 * points to must outlive *ret_http, which the caller must drop.
 * Returns 0; -EINVAL, -ENOMEM, WEIR_ENOLOOP. */
WEIR_API int weir_http_accept(struct weir_stream **take_stream,
                              const struct weir_http_server_options *options,
                              struct weir_http **ret_http);

/* Take a PROXY header (version 1 or 2) off the start of a stream, for a program that accepts by
 * itself: before weir_tls_accept, since proxies send it before TLS, or before weir_http_accept.
 * Call it only for streams of proxies that are known to send one: anybody could name any address.
 * Put a scope around it: a client may send nothing.
 * Returns 1, and the client's address "192.0.2.1:80" or "[2001:db8::1]:80"; 0 (the proxy speaks for
 * itself; *ret_client is untouched); WEIR_EPROTO (no PROXY header, or a bad one), WEIR_EEOF, or an
 * error as weir_read. On a cancel nothing is consumed. */
WEIR_SUSPENDS int weir_http_proxy_header(struct weir_stream *s, char ret_client[64]);

/* Finish the request before, as when a handler returns 0, and wait for the head of the next one.
 * *ret_request is lent until the next call, or the drop. A head that breaks a rule is refused by
 * the library; the client has a second to read why.
 * Returns 1; 0 (the connection is over: the client, or an answer that says so, has closed it, or it
 * was idle for idle_ns); WEIR_EPROTO, WEIR_ETOOBIG (the head; the client has the answer), WEIR_EEOF
 * (the client left within a head), -ETIMEDOUT (a head, or an answer, was too slow), -ECONNRESET,
 * -EPIPE, -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. After 0 and errors but -ECANCELED, -ETIME and
 * -ENOMEM there is no next request. A cancel loses nothing that came. */
WEIR_SUSPENDS int weir_http_next(struct weir_http *http, struct weir_http_request **ret_request);

/* Close the connection, with what is unsent; *take_http becomes NULL, and its request is gone. NULL
 * and *NULL are fine. Never suspends, never fails. */
WEIR_API void weir_http_drop(struct weir_http **take_http);

/* ---- the request's body ---- */

/* Read at least 1 and at most len bytes of the body; 0 at its end, and if there is none. The first
 * read answers `Expect: 100-continue`. What is not read is thrown away when the request is over.
 * Returns the count; WEIR_EPROTO (a chunk or trailer breaks a rule), WEIR_ETOOBIG (more than
 * body_max), WEIR_EEOF (the client left), -ETIMEDOUT (too slow: body_ns), -EBUSY (another task
 * reads; or the server is reactive and gives pieces to `body`), -ECONNRESET, -EPIPE, -ECANCELED,
 * -ETIME, -ENOMEM, WEIR_ENOLOOP. The error of a body stays. A cancel consumes nothing. */
WEIR_SUSPENDS ssize_t weir_http_read(struct weir_http_request *r, void *buf, size_t len);

/* Read the whole body, at most max bytes (0: body_max), and show it; a NUL stands behind it. Lent
 * until the request is over; a second call shows it again. Do not mix with weir_http_read.
 * Returns 0; as weir_http_read; WEIR_ETOOBIG also for more than max; -EALREADY (a part was read by
 * weir_http_read). A cancel loses nothing: the next call goes on. */
WEIR_SUSPENDS int weir_http_body(struct weir_http_request *r, size_t max,
                                 struct weir_view *ret_view);

/* The length of the body as the client announced it: 0 without a body, -1 if it comes in chunks. */
WEIR_API int64_t weir_http_body_length(const struct weir_http_request *r);

/* A trailer field, which comes behind a chunked body: as weir_http_header. NULL before the end of
 * the body was read, and if there is none. Trailers never become headers. */
WEIR_API const char *weir_http_trailer(const struct weir_http_request *r, const char *name);

/* ---- an answer in pieces ---- */

/* Begin an answer whose body follows by weir_http_write. answer->body must be NULL; answer->len is
 * the length of the body if it is known, and then Content-Length. If it is 0, the body is sent in
 * chunks, or until the connection closes if the client speaks HTTP/1.0. The head leaves with the
 * first piece, or when the task suspends.
 * Returns 0; -EALREADY, -EINVAL, -ENOMEM, -EPIPE as weir_http_reply_with; never suspends. */
WEIR_API int weir_http_begin(struct weir_http_request *r, const struct weir_http_answer *answer);

/* Send a piece of the body. Small pieces are gathered and leave together, at the latest when the
 * task suspends; then the call waits while the client is slow, at most send_ns without progress.
 * The answer to HEAD sends nothing. len 0 does nothing. data is borrowed until return.
 * Returns 0; -EINVAL (no answer was begun, it is ended, or this is more than the length that was
 * announced), -ETIMEDOUT (the client takes nothing), -EPIPE, -ECONNRESET, -EBUSY (another task
 * writes), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. After another error than -EINVAL and -EBUSY
 * the connection closes when the request is over. */
WEIR_SUSPENDS int weir_http_write(struct weir_http_request *r, const void *data, size_t len);

/* End the answer. trailers: "Name: value" each, the last followed by NULL; NULL: none. They are
 * sent behind chunks only, and dropped where there are none. The end leaves when the task suspends
 * or the handler returns.
 * Returns 0; -EINVAL (no answer was begun, it is ended, a bad trailer, or fewer bytes were written
 * than were announced: the connection breaks), -EPIPE, -ECONNRESET, -ETIMEDOUT, -ECANCELED, -ETIME,
 * -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_http_end(struct weir_http_request *r, const char *const *trailers);

/* ---- the connection of a request ---- */

/* "https" if the connection is a TLS stream, else "http". Static text. */
WEIR_API const char *weir_http_scheme(const struct weir_http_request *r);

/* The stream of a request, to ask what it is: its addresses, and the facts of TLS. Do not read,
 * write or close it. Lent as long as r. */
WEIR_API struct weir_stream *weir_http_stream(const struct weir_http_request *r);

/* Say that the connection closes behind the answer. Before the answer begins. */
WEIR_API void weir_http_close_after(struct weir_http_request *r);

/* Accept a request that asks for an upgrade to WebSocket, in the handler. The caller must drop
 * *ret_ws, in this task or another: when the handler has returned, the library waits for that, and
 * then closes the connection. If the server is cancelled meanwhile, receiving and sending fail.
 * Host and Origin are looked at as weir_ws_accept does; options may be NULL; its request function
 * is not called. A route with `ws` serves WebSockets without a task.
 * Returns 0; WEIR_EHTTP (the client was refused, and the request is answered), -EALREADY (it is
 * answered), as weir_ws_accept else. After an error the connection closes when the request is
 * over. */
WEIR_SUSPENDS int weir_http_ws_accept(struct weir_http_request *r,
                                      const struct weir_ws_options *options,
                                      struct weir_ws **ret_ws);

#ifdef __cplusplus
}
#endif
#endif
