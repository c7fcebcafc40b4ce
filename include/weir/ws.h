/* SPDX-License-Identifier: MIT */
/* ws.h - WebSocket (RFC 6455), client and server, both server shapes. ws:// only: wss:// needs
 * TLS, and this version has no TLS.
 *
 * A message is lent whole; sending queues whole frames or nothing, and what one turn queued leaves
 * in one send. Pings are answered and sent by the library. Loop thread only. */
#ifndef WEIR_WS_H
#define WEIR_WS_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_ws; /* one connection, either side */
struct weir_stream;
struct weir_listener;
struct weir_group;
struct weir_http_request;

enum weir_ws_type { WEIR_WS_TEXT = 1, WEIR_WS_BINARY = 2 };

struct weir_ws_message {
    enum weir_ws_type type;
    struct weir_view data; /* text is valid UTF-8; no NUL is added */
};

/* Limits are finite: 0 means the default named here; a time of 0 or less, too. */
struct weir_ws_options {
    size_t size;
    const char *const *subprotocols; /* NULL-terminated, most wanted first; NULL: none */
    size_t message_max;              /* bytes of a received message; 1 MiB */
    size_t frame_max;                /* bytes of one received frame; message_max */
    size_t head_max;                 /* bytes of the handshake's head; 8 KiB, at most 1 MiB */
    size_t queue_max;                /* bytes queued for sending; 1 MiB, at most 1 GiB */
    weir_ns handshake_ns;            /* for the whole opening handshake; 10 s */
    weir_ns ping_ns;                 /* ping after so long without a byte from the peer; 20 s;
                                      * WEIR_NEVER: do not */
    weir_ns pong_ns;                 /* 20 s. Fail the connection with WEIR_EKEEPALIVE if the peer
                                      * answers no ping for so long; or if it takes nothing of what
                                      * is written for so long, whatever it sends, also without
                                      * pings */
    weir_ns close_ns;                /* bound of the closing handshake; 5 s, at most 60 s */
    /* server only */
    const char *const *origins; /* Origin values let in, NULL-terminated; NULL: a request with an
                                 * Origin header (a browser's) is refused with 403 */
    const char *const *hosts;   /* Host names let in, without port; others get 421. NULL, or an
                                 * entry "", lets in localhost, 127.0.0.1, ::1 and the address that
                                 * the client connected to. Case, a last dot ("name.") and an empty
                                 * port ("name:") make no difference */
    size_t connections_max;     /* weir_ws_react: beyond it 503; 10000 */
    /* client only */
    const char *origin; /* Origin header to send, or NULL */
    /* weir_ws_accept only; NULL: none. Called with each well-formed request to a Host that is let
     * in, also one that asks for no upgrade, but with none whose Origin is refused. It may suspend,
     * within handshake_ns. It returns 0 to let the library go on: the client is accepted, or gets
     * the refusal that its request has earned; 0 after weir_http_reply: that was the answer; < 0:
     * the client gets 500, unless an answer has begun, and the caller this code. */
    int (*request)(struct weir_http_request *r);
    void *request_arg; /* for weir_http_arg */
    /* client only: "Name: value" each, the last followed by NULL; NULL: none. The library's own are
     * refused: Host, Origin, Upgrade, Connection, Content-Length, Transfer-Encoding, and all that
     * begin with Sec-WebSocket- */
    const char *const *headers;
};

/* Connect to ws://HOST[:PORT]/PATH?QUERY (a URL of at most 8192 bytes) and shake hands, within
 * options->handshake_ns. Interim responses (1xx except 101) are skipped.
 * options may be NULL; it and what it points to must outlive the connection. *ret_ws is the
 * caller's to drop.
 * Returns 0; as weir_dial; -EINVAL (one of options->headers, which the error's text names),
 * WEIR_EHTTP (the answer was no 101: weir_error(rc)->status is its status), WEIR_EPROTO,
 * WEIR_ENOTLS (wss://), WEIR_EEOF, -ETIME, -ECANCELED, -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_ws_dial(const char *url, const struct weir_ws_options *options,
                               struct weir_ws **ret_ws);

/* Shake hands as a server on an accepted stream. *take_stream becomes part of *ret_ws on success
 * and is closed otherwise. A refused client has then been sent its HTTP status (408 if the
 * handshake took too long) and has had a second to read it.
 * options as above.
 * Returns 0; 1 (options->request has answered: *ret_ws is NULL); what options->request returned, if
 * < 0; WEIR_EPROTO, WEIR_EHTTP (not an acceptable handshake), WEIR_ETOOBIG, WEIR_EEOF,
 * -ETIME, -ECANCELED, -ECONNRESET, -EPIPE, -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_ws_accept(struct weir_stream **take_stream,
                                 const struct weir_ws_options *options, struct weir_ws **ret_ws);

/* The request target as sent ("/datafeed?x=1"); the agreed subprotocol, "" if none; the peer's
 * address. Lent as long as ws. */
WEIR_API const char *weir_ws_path(const struct weir_ws *ws);
WEIR_API const char *weir_ws_subprotocol(const struct weir_ws *ws);
WEIR_API const char *weir_ws_peer(const struct weir_ws *ws);

/* Wait for the next message. Lent until the next receive, close or drop. Control frames are
 * handled while waiting here: keep a task in it, or pings and a close of the peer stay unanswered,
 * and a peer that pings gives us up. After an error for which a close frame is sent to the peer,
 * the call returns when the peer has closed too, after close_ns at the latest. WEIR_EEOF is
 * returned only when everything queued was sent, or the peer took nothing of it for pong_ns: it may
 * have ended its own side only.
 * Returns 0; WEIR_EWSCLOSED (the closing handshake is done: see weir_ws_close_code), WEIR_EPROTO,
 * WEIR_EUTF8, WEIR_ETOOBIG (the peer was told 1002, 1007, 1009), WEIR_EKEEPALIVE, WEIR_EEOF (the
 * connection broke: 1006), -ECONNRESET, -EBUSY, -ECANCELED, -ETIME, WEIR_ENOLOOP. A cancel loses
 * nothing. */
WEIR_SUSPENDS int weir_ws_receive(struct weir_ws *ws, struct weir_ws_message *ret_message);

/* Queue one message as one frame, all of it or nothing; waits while the queue is full, in the order
 * of the calls. It leaves at the end of this turn. data is copied, except for a message of 8 to
 * 128 KiB on an accepted connection that finds the queue empty: that leaves from data at once, and
 * the call returns when the kernel has it. Text must be UTF-8.
 * Returns 0; WEIR_EWSCLOSED, WEIR_EUTF8, WEIR_ETOOBIG (larger than queue_max), -EBUSY (this task
 * has begun a message in parts and not finished it), -EPIPE, -ECONNRESET (of an earlier message),
 * WEIR_EKEEPALIVE (the peer answered no ping, or took nothing of what was written, for pong_ns),
 * WEIR_EEOF (the peer ended its side without a close frame), WEIR_ECLOSED (another task dropped
 * the ws), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP.
 * A cancel queued nothing. Any number of tasks may send. */
WEIR_SUSPENDS int weir_ws_send(struct weir_ws *ws, enum weir_ws_type type, const void *data,
                               size_t len);

/* Like weir_ws_send, but never waits and always copies. Returns as weir_ws_send; -EAGAIN if it
 * would have to wait, also for the end of another task's message in parts; WEIR_EFORKED. */
WEIR_API int weir_ws_try_send(struct weir_ws *ws, enum weir_ws_type type, const void *data,
                              size_t len);

/* Send a message in pieces: begin with the type, then continue; fin ends it. A piece of text may
 * cut a character, the whole may not. Others' messages wait until then; control frames may pass
 * between. Only the task that began a message can finish it: if that task ends before fin, or its
 * function of weir_ws_reactive returns before fin, the connection is closed with 1011.
 * Returns as weir_ws_send, but never -EBUSY; after an error the message is still open. */
WEIR_SUSPENDS int weir_ws_send_part(struct weir_ws *ws, enum weir_ws_type type, const void *data,
                                    size_t len, bool fin);

/* Wait until everything queued was handed to the kernel.
 * Returns 0; WEIR_ECLOSED, -EPIPE, -ECONNRESET, WEIR_EKEEPALIVE (as weir_ws_send), -ECANCELED,
 * -ETIME, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_ws_flush(struct weir_ws *ws);

/* Bytes queued and not yet handed to the kernel. */
WEIR_API size_t weir_ws_queued(const struct weir_ws *ws);

/* The closing handshake: send code (one that may travel: RFC 6455 7.4, IANA's 1012 to 1014,
 * 3000 .. 4999) and reason (UTF-8, cut to at most 123 bytes at a whole character; NULL: none), then
 * read until the peer's close frame, at most close_ns. Messages that still come are dropped.
 * Afterwards the only call left is weir_ws_drop.
 * Returns 0 (also if the peer closed first); WEIR_EEOF (no answer in time or the connection
 * broke), WEIR_ECLOSED (dropped meanwhile), -EINVAL (code), WEIR_EUTF8 (reason), -EBUSY (a reactive
 * connection: see weir_ws_begin_close), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_ws_close(struct weir_ws *ws, int code, const char *reason);

/* How it ended: the peer's close code (1005: it gave none; 1006: it broke), and reason; 0 and ""
 * while it is open. */
WEIR_API int weir_ws_close_code(const struct weir_ws *ws);
WEIR_API const char *weir_ws_close_reason(const struct weir_ws *ws);

/* The field's name of a close code: "going away"; "OK" for 1000; "unknown". Static. Any thread. */
WEIR_API const char *weir_ws_code_text(int code);

/* Let go at once, without a closing handshake. Afterwards the library still sends what was queued,
 * for at most close_ns, unless a task is parked in weir_ws_receive. If the peer has sent a close
 * frame, or has not yet received all that was sent, it also waits for the peer to close, for at
 * most 1 s: otherwise a reset would overtake what was sent. weir_run does not return before that.
 * Tasks parked on the ws get WEIR_ECLOSED. NULL and *NULL are fine. In a fork child it does what
 * weir_close does there. Never suspends, never fails. */
WEIR_API void weir_ws_drop(struct weir_ws **take_ws);

/* A server without a task per connection: as struct weir_reactive, a message at a time. The
 * functions may suspend: the connection reads on, answers pings and a close of the peer, and keeps
 * a bounded amount of what comes behind (16 KiB and one piece) for when they have returned. They
 * are not cancelled because the peer went, but learn it when they send: WEIR_EWSCLOSED (it
 * closed), -ECONNRESET, WEIR_EKEEPALIVE. message may return that: what came before a close is
 * delivered still. Otherwise a result < 0 of message closes with 1011 and weir_error's text. So
 * does a function that returns with a message in parts unfinished; closed then gets -EBUSY. closed
 * is the last call: nothing may use the ws after it. A refused handshake makes no connection: it is
 * logged, as a warning, also if it was too slow (408); one that broke off is not. The ws is lent:
 * do not receive on it, close or drop it; weir_ws_begin_close closes it. */
struct weir_ws_reactive {
    size_t size, state_size;
    int (*opened)(struct weir_ws *ws, void *state); /* may be NULL; < 0: closes with 1011 */
    int (*message)(struct weir_ws *ws, void *state, const struct weir_ws_message *m);
    /* May be NULL. rc: 0 (after a closing handshake), what opened or message returned, -EBUSY (a
     * message in parts was left open), WEIR_EEOF, -ECONNRESET, -EPIPE (the connection broke, or no
     * answer to our close frame came), WEIR_EKEEPALIVE, WEIR_EPROTO, WEIR_EUTF8, WEIR_ETOOBIG (as
     * weir_ws_receive), -ECANCELED, -ETIME (g, with or without the peer's answer). For rc < 0
     * weir_error has a record. */
    void (*closed)(struct weir_ws *ws, void *state, int rc);
    void *arg; /* the server's own, for weir_ws_arg */
    size_t stack_size; /* of a connection's task, bytes; 0: the run's default */
    const char *name;  /* of that task, in crash reports: static text; NULL: "connection" */
    /* As `request` of weir_ws_options; may be NULL. What it returns < 0 is logged with its text, as
     * a warning; an answer by weir_http_reply is not logged. state is the connection's, so that
     * opened finds there what a header proved. What must be freed again belongs into opened: closed
     * follows only that. */
    int (*request)(struct weir_http_request *r, void *state);
};

/* Serve l by r until l is unlistened or the scope fires; connections hang below g. A cancel of g
 * closes each connection: it sends what was queued and a close frame with 1001, then waits for the
 * peer's close frame, at most close_ns. options as weir_ws_accept; r and options must outlive the
 * connections.
 * Returns as weir_react; -EINVAL (options->request is set: that is for weir_ws_accept). */
WEIR_SUSPENDS int weir_ws_react(struct weir_listener *l, struct weir_group *g,
                                const struct weir_ws_reactive *r,
                                const struct weir_ws_options *options);

/* Of a reactive connection: begin the closing handshake (code, reason as weir_ws_close) and return
 * at once; closed follows. Returns 0; -EINVAL, WEIR_EUTF8, -ENOMEM, WEIR_EFORKED. */
WEIR_API int weir_ws_begin_close(struct weir_ws *ws, int code, const char *reason);

/* The group of a reactive connection; it is cancelled when the connection ends. */
WEIR_API struct weir_group *weir_ws_group(struct weir_ws *ws);

/* Of a reactive connection: the arg of its server's functions. */
WEIR_API void *weir_ws_arg(struct weir_ws *ws);

#ifdef __cplusplus
}
#endif
#endif
