/* SPDX-License-Identifier: MIT */
/* ws.h - WebSocket (RFC 6455): client, server with a task for each connection, reactive server.
 * wss:// needs the library weir-tls; without it weir_ws_dial returns WEIR_ENOTLS. A server speaks
 * wss:// if its listener is one of tls:// (weir_listen).
 *
 * A received message is lent whole. A send queues a whole frame or nothing. In each turn of the
 * loop the ready tasks run; what they have queued on a connection leaves in one send when they have
 * suspended. The library answers pings and sends its own. Loop thread only. */
#ifndef WEIR_WS_H
#define WEIR_WS_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_ws; /* a WebSocket connection, of a client or of a server */
struct weir_stream;
struct weir_listener;
struct weir_group;
struct weir_http_request;
struct weir_ws_deflate;

/* The type of a message. */
enum weir_ws_type { WEIR_WS_TEXT = 1, WEIR_WS_BINARY = 2 };

/* A message that was received. Its bytes are lent: see weir_ws_receive. */
struct weir_ws_message {
    enum weir_ws_type type;
    struct weir_view data; /* text is valid UTF-8; no NUL is added */
};

/* The options of a WebSocket connection. A limit of 0, or a time of 0 or less, means the default,
 * which stands first below. */
struct weir_ws_options {
    size_t size;                     /* sizeof (struct weir_ws_options) */
    const char *const *subprotocols; /* NULL-terminated, most wanted first; NULL: none */
    size_t message_max;              /* 1 MiB. Bytes of a received message, at most */
    size_t frame_max;                /* message_max. Bytes of one received frame, at most */
    size_t head_max;                 /* 8 KiB; 1 MiB at most. Bytes of the handshake's head */
    size_t queue_max;                /* 1 MiB; 1 GiB at most. Bytes queued for sending */
    weir_ns handshake_ns;            /* 10 s. For the whole opening handshake */
    weir_ns ping_ns;                 /* 20 s. Ping when no byte has come from the peer for so long;
                                      * WEIR_NEVER: never */
    weir_ns pong_ns;                 /* 20 s. Fail the connection with WEIR_EKEEPALIVE if the peer
                                      * answers no ping for so long; or, with or without pings, if
                                      * it takes nothing of what is written for so long, even while
                                      * it sends */
    weir_ns close_ns;                /* 5 s; 60 s at most. For the closing handshake */
    /* server only */
    const char *const *origins; /* Origins let in ("https://example.org"), NULL-terminated. NULL: a
                                 * request with an Origin header (a browser's) is refused with 403.
                                 * "*": the pages of every site, whose requests bring the cookies
                                 * that the browser has for this host */
    const char *const *hosts;   /* Host names let in, without port; others get 421. NULL, or an
                                 * entry "", lets in localhost, 127.0.0.1, ::1 and the address that
                                 * the client connected to; "*" all. Case, a last dot ("name.") and
                                 * an empty port ("name:") of a request make no difference */
    size_t connections_max;     /* 10000. weir_ws_react refuses further clients with 503 */
    /* client only */
    const char *origin; /* Origin header to send, or NULL */
    /* weir_ws_accept only; may be NULL. A function that sees the request before the upgrade. It is
     * called with each well-formed request whose Host and Origin are let in, also with one that
     * asks for no upgrade. It may suspend, within handshake_ns. If it returns 0 and has not
     * replied, the library goes on: it accepts the client, or refuses a request that breaks a rule.
     * If it returns 0 after weir_http_reply, that was the answer. If it returns < 0,
     * weir_ws_accept returns this code, and the client gets 500, unless an answer has begun. A
     * result > 0 without an answer is a mistake: -EINVAL, and the client gets 500. */
    int (*request)(struct weir_http_request *r);
    void *request_arg; /* for weir_http_arg */
    /* client only: headers to send, "Name: value" each, the last followed by NULL; NULL: none. The
     * library writes these itself and refuses them here: Host, Origin, Upgrade, Connection,
     * Content-Length, Transfer-Encoding, and all that begin with Sec-WebSocket- */
    const char *const *headers;
    const struct weir_ws_deflate *deflate; /* NULL: no compression. See weir/ws_deflate.h. Copied */
    /* client only. How many redirects in a row weir_ws_dial follows: 0, the default, none; 20 at
     * most. handshake_ns bounds all of them together. One from wss:// to ws:// is refused. After
     * one to another host, port or scheme, Authorization and Cookie of headers are not sent any
     * more, even if a later one leads back */
    int redirects_max;
    const char *proxy; /* client only: "http://[USER:PASSWORD@]HOST[:PORT]". The connection goes
                        * through a tunnel of this proxy (CONNECT). NULL: none; variables such as
                        * https_proxy are not read */
    struct weir_tls *tls; /* client only: for wss://; NULL: the system's roots (weir/tls.h) */
};

/* Connect to ws:// or wss://HOST[:PORT]/PATH?QUERY and shake hands, within options->handshake_ns.
 * The URL has at most 8192 bytes. Interim responses (1xx except 101) are skipped. options may be
 * NULL; what its members point to must outlive the connection. The caller must drop *ret_ws.
 * Returns 0; as weir_dial; -EINVAL (one of options->headers, the origin or a subprotocol cannot be
 * sent: the error's text names it), WEIR_EHTTP (the answer was not 101, or the proxy has refused:
 * weir_error(rc)->status is the status; or a redirect may not be followed), WEIR_EPROTO; of wss://
 * WEIR_ENOTLS, WEIR_ECERT, WEIR_ETLS; WEIR_ENOZLIB (options->deflate without weir-zlib), WEIR_EEOF,
 * -ETIME (also: handshake_ns is over), -ECANCELED, -ENOMEM, WEIR_ENOLOOP. On error or cancel
 * nothing stays open. */
WEIR_SUSPENDS int weir_ws_dial(const char *url, const struct weir_ws_options *options,
                               struct weir_ws **ret_ws);

/* Shake hands as a server on an accepted stream, within options->handshake_ns. The call takes the
 * stream in every case: on success it becomes part of *ret_ws, which the caller must drop; else it
 * is closed. A client that is refused gets an HTTP status (408 if the handshake took too long) and
 * a second to read it, before the call returns. options as weir_ws_dial.
 * Returns 0; 1 (only with options->request, which has answered: *ret_ws is NULL); what
 * options->request returned, if < 0; -EINVAL (it returned > 0 without an answer, or an entry of
 * origins or hosts can match nothing: the text names it); WEIR_EPROTO, WEIR_EHTTP (not an
 * acceptable handshake), WEIR_ETOOBIG, WEIR_EEOF, -ETIME (also: handshake_ns is over), -ECANCELED,
 * -ECONNRESET, -EPIPE, -ENOMEM, WEIR_ENOLOOP; of wss:// also WEIR_ECERT, WEIR_ETLS (as
 * weir_tls_accept). */
WEIR_SUSPENDS int weir_ws_accept(struct weir_stream **take_stream,
                                 const struct weir_ws_options *options, struct weir_ws **ret_ws);

/* The request target of a connection as it was sent ("/datafeed?x=1"); the subprotocol agreed on,
 * "" if none; the peer's address, as weir_stream_peer, "" if it is not known any more. Never NULL.
 * Lent as long as ws. */
WEIR_API const char *weir_ws_path(const struct weir_ws *ws);
WEIR_API const char *weir_ws_subprotocol(const struct weir_ws *ws);
WEIR_API const char *weir_ws_peer(const struct weir_ws *ws);

/* Wait for the next message. It is lent until the next receive, close or drop of ws. One task
 * receives at a time. Only in this call the library reads from the peer: if no task is in it, pings
 * and a close frame of the peer stay unanswered, and a peer that pings gives the connection up.
 * If an error makes the library send a close frame, the call returns when the peer has closed too,
 * after close_ns at the latest. The peer may close its sending side only, without a close frame:
 * then what was queued is sent to it, before the call returns WEIR_EEOF; a peer that takes nothing
 * of it is waited for at most pong_ns.
 * Returns 0; WEIR_EWSCLOSED (the closing handshake is done: see weir_ws_close_code), WEIR_EPROTO,
 * WEIR_EUTF8, WEIR_ETOOBIG (the peer has got a close frame with 1002, 1007, 1009), WEIR_EKEEPALIVE,
 * WEIR_EEOF (the connection broke: 1006), -ECONNRESET, -EBUSY (another task, or a reactive server,
 * receives; or a message was begun by weir_ws_receive_part), WEIR_ECLOSED (another task dropped
 * ws), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP; of wss:// also WEIR_ETLS, WEIR_ECERT (the peer
 * has refused us). A cancel loses nothing: the next call goes on where this one was. */
WEIR_SUSPENDS int weir_ws_receive(struct weir_ws *ws, struct weir_ws_message *ret_message);

/* A part of a message that was received. Its bytes are lent, as those of a message. */
struct weir_ws_part {
    enum weir_ws_type type; /* of the message */
    bool first, last;       /* the message begins with this part; it ends with this part */
    struct weir_view data;  /* may be empty; a part of a text may cut a character */
};

/* Wait for the next part of a message, for messages that need not fit into memory. A part is what
 * has come of one frame so far; of a compressed message, at most 16 KiB of what it decompresses to.
 * message_max and frame_max still hold: set them as large as the messages may be. A text is checked
 * as it comes, so parts before a fault have already been returned. If a weir_ws_receive was
 * cancelled in the middle of a message, the first part has what it had gathered. Until the last
 * part was received, weir_ws_receive returns -EBUSY.
 * Returns as weir_ws_receive. */
WEIR_SUSPENDS int weir_ws_receive_part(struct weir_ws *ws, struct weir_ws_part *ret_part);

/* Queue one message as one frame, all of it or nothing. While the queue is full the call waits;
 * calls that wait take turns in order. Any number of tasks may send. Text must be UTF-8. data is
 * copied; but a message of 8 to 128 KiB on an accepted connection that finds the queue empty is
 * written from data at once, and the call returns when the kernel has it. Aborts if type is none of
 * enum weir_ws_type.
 * Returns 0; WEIR_EWSCLOSED, WEIR_EUTF8, WEIR_ETOOBIG (larger than queue_max), -EBUSY (this task
 * has begun a message in parts and not finished it), -EPIPE, -ECONNRESET (of an earlier message),
 * WEIR_EKEEPALIVE (the peer answered no ping, or took nothing of what was written, for pong_ns),
 * WEIR_EEOF (the peer closed its side without a close frame), WEIR_ECLOSED (another task dropped
 * ws), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. After an error or cancel nothing of the message
 * was queued. */
WEIR_SUSPENDS int weir_ws_send(struct weir_ws *ws, enum weir_ws_type type, const void *data,
                               size_t len);

/* Queue one message as weir_ws_send, but never wait. data is always copied. It is no cancel point,
 * so posted functions and callbacks may call it too.
 * Returns as weir_ws_send, but never -ECANCELED, -ETIME or WEIR_ENOLOOP; -EAGAIN if it would have
 * to wait for room, for its turn, or for another task to end a message in parts; WEIR_EFORKED. */
WEIR_API int weir_ws_try_send(struct weir_ws *ws, enum weir_ws_type type, const void *data,
                              size_t len);

/* Send one part of a message. The first call gives the type, which later calls ignore; fin marks
 * the last part. A part of a text may cut a character; the whole text may not. Until fin, messages
 * of other tasks wait; control frames may pass in between. The task that began a message must
 * finish it: if it ends before fin, or if its function of weir_ws_reactive returns before fin, the
 * connection is closed with 1011.
 * Returns as weir_ws_send, but never -EBUSY. After an error or cancel this part was not queued;
 * a message that was begun is still open. */
WEIR_SUSPENDS int weir_ws_send_part(struct weir_ws *ws, enum weir_ws_type type, const void *data,
                                    size_t len, bool fin);

/* Wait until the kernel has everything that was queued.
 * Returns 0; WEIR_ECLOSED, WEIR_EEOF, -EPIPE, -ECONNRESET, WEIR_EKEEPALIVE (as weir_ws_send),
 * -ECANCELED, -ETIME, WEIR_ENOLOOP. After a cancel the library goes on sending. */
WEIR_SUSPENDS int weir_ws_flush(struct weir_ws *ws);

/* Send a ping, and wait for its pong. Pings do not wait for room. Somebody must read from the peer
 * meanwhile: a task in weir_ws_receive, or the reactive server; else only a cancel ends the call.
 * *ret_latency, which may be NULL, becomes the time from the ping to the pong.
 * Returns 0; WEIR_EWSCLOSED, WEIR_EKEEPALIVE, WEIR_EEOF, -EPIPE, -ECONNRESET, WEIR_ECLOSED (as
 * weir_ws_send), -EAGAIN (64 KiB more than queue_max are queued), -ECANCELED, -ETIME, -ENOMEM,
 * WEIR_ENOLOOP. After a cancel the pong still counts for weir_ws_latency. */
WEIR_SUSPENDS int weir_ws_ping(struct weir_ws *ws, weir_ns *ret_latency);

/* The latency of a connection, from pings and their pongs: those of weir_ws_ping, and those that
 * the library sends after silence. *ret_last, which may be NULL, becomes the last one.
 * Returns the smoothed latency (each pong changes it by an eighth of the difference); -ENODATA: no
 * ping was answered yet. */
WEIR_API weir_ns weir_ws_latency(const struct weir_ws *ws, weir_ns *ret_last);

/* How many bytes are queued on a connection, which the kernel does not have yet. */
WEIR_API size_t weir_ws_queued(const struct weir_ws *ws);

/* Close a connection by the closing handshake: send a close frame behind what was queued, then read
 * until the peer's close frame, for at most close_ns. Messages that still come are dropped. code is
 * one that may travel: RFC 6455 7.4, IANA's 1012 to 1014, 3000 .. 4999. reason is UTF-8, cut to at
 * most 123 bytes at a whole character; NULL: none. The caller must still drop ws.
 * Returns 0 (also if the peer closed first); WEIR_EEOF (no answer in time, or the connection
 * broke), WEIR_ECLOSED (another task dropped ws), -EINVAL (code), WEIR_EUTF8 (reason), -EBUSY (a
 * reactive connection: see weir_ws_begin_close), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. After a
 * cancel the close frame is still sent. */
WEIR_SUSPENDS int weir_ws_close(struct weir_ws *ws, int code, const char *reason);

/* The code and the reason with which the peer has closed. 1005: its close frame had no code; 1006:
 * the connection broke. While the connection is open the code is 0 and the reason "". The reason is
 * never NULL, and lent as long as ws. */
WEIR_API int weir_ws_close_code(const struct weir_ws *ws);
WEIR_API const char *weir_ws_close_reason(const struct weir_ws *ws);

/* The meaning of a close code in words: "going away"; "OK" for 1000; "unknown" if RFC 6455 and IANA
 * give it none. Static. Any thread. */
WEIR_API const char *weir_ws_code_text(int code);

/* Drop a connection at once, without a closing handshake; *take_ws becomes NULL. Tasks that are
 * parked on it get WEIR_ECLOSED. The library still sends what was queued, for at most close_ns,
 * unless a task is parked in weir_ws_receive. If the peer has sent a close frame, or has not yet
 * received all that was sent, the library also waits for the peer to close, for at most 1 s:
 * otherwise a reset would overtake what was sent. weir_run does not return before that. NULL and
 * *NULL are fine. In a fork child it only closes the child's copy of the descriptor. Never
 * suspends, never fails. */
WEIR_API void weir_ws_drop(struct weir_ws **take_ws);

/* A reactive WebSocket server: functions that are called for its connections, as struct
 * weir_reactive, with one message at a time. ws is lent to them: to send on it is allowed; do not
 * receive, close or drop it; weir_ws_begin_close closes it.
 * The functions may suspend. Meanwhile the library reads on, answers pings and a close frame, and
 * keeps what comes for later: 16 KiB and one piece at most. If the peer closes, a running function
 * is not cancelled; its next send fails with WEIR_EWSCLOSED, -ECONNRESET or WEIR_EKEEPALIVE.
 * message may return that code: messages that came before the close frame are delivered still. Any
 * other result < 0 closes the connection with 1011 "internal error"; >= 0 goes on. The error's text
 * is for closed (weir_error), or without closed for a warning in the log; a reason for the peer is
 * sent by weir_ws_begin_close. A function that returns with a message in parts unfinished closes
 * the connection too; closed then gets -EBUSY.
 * A handshake that is refused, or too slow (408), makes no connection: none of these functions
 * follows, and a warning is logged. One that breaks off is not logged. */
struct weir_ws_reactive {
    size_t size, state_size; /* sizeof (struct weir_ws_reactive); bytes of each state */
    int (*opened)(struct weir_ws *ws, void *state); /* may be NULL; as message */
    int (*message)(struct weir_ws *ws, void *state, const struct weir_ws_message *m);
    /* The last call for the connection; nothing may use ws after it. May be NULL. rc: 0 (after a
     * closing handshake), what opened or message returned, -EBUSY (a message in parts was left
     * open), WEIR_EEOF, -ECONNRESET, -EPIPE (the connection broke, or the peer did not answer our
     * close frame), WEIR_EKEEPALIVE, WEIR_EPROTO, WEIR_EUTF8, WEIR_ETOOBIG (as weir_ws_receive),
     * -ECANCELED, -ETIME (g was cancelled, or a scope around it has fired). For rc < 0 weir_error
     * has a record. */
    void (*closed)(struct weir_ws *ws, void *state, int rc);
    void *arg; /* for weir_ws_arg and weir_http_arg */
    size_t stack_size; /* of a connection's task, bytes; 0: the run's default */
    const char *name;  /* of that task, in crash reports: static text; NULL: "connection" */
    /* As `request` of weir_ws_options; may be NULL. A result < 0 is logged with its text, as a
     * warning, and one > 0 without an answer with its value; an answer by weir_http_reply is not
     * logged. state is the connection's, so opened finds there what this function has put into it.
     * Allocate in opened what must be freed in closed: after a request that is not upgraded, closed
     * is not called. */
    int (*request)(struct weir_http_request *r, void *state);
};

/* Serve the WebSocket clients of a listener by the functions of r, until l is unlistened or a scope
 * fires. All its connections together count as one child of g, in weir_group_live and in the result
 * of weir_group_drain; but a close or drain of g waits for each of them. To let the clients finish,
 * unlisten l and drain g. A cancel of g closes each connection: the library sends what was queued
 * and a close frame with 1001, then waits for the peer's, for at most close_ns.
 * options as weir_ws_accept; r and options are copied, but what they point to must outlive the
 * connections.
 * Returns as weir_react; -EINVAL (options->request is set, which is for weir_ws_accept; or, as
 * there, an entry can match nothing). */
WEIR_SUSPENDS int weir_ws_react(struct weir_listener *l, struct weir_group *g,
                                const struct weir_ws_reactive *r,
                                const struct weir_ws_options *options);

/* Begin to close a reactive connection, and return at once: the library sends a close frame (code
 * and reason as weir_ws_close), waits for the peer's, and calls closed. A connection that already
 * closes is left alone. Aborts if the connection is not reactive.
 * Returns 0; -EINVAL, WEIR_EUTF8, -ENOMEM, WEIR_EFORKED. */
WEIR_API int weir_ws_begin_close(struct weir_ws *ws, int code, const char *reason);

/* The group of a reactive connection. It is cancelled when the connection closes. Aborts if the
 * connection is not reactive. */
WEIR_API struct weir_group *weir_ws_group(struct weir_ws *ws);

/* The member arg of the struct weir_ws_reactive that a connection is served by. Aborts if the
 * connection is not reactive. */
WEIR_API void *weir_ws_arg(struct weir_ws *ws);

#ifdef __cplusplus
}
#endif
#endif
