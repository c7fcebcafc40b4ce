/* SPDX-License-Identifier: MIT */
/* ws_client.h - a WebSocket client that connects again when its connection is lost.
 *
 * One task calls weir_ws_client_receive in a loop. In this call the client connects, pauses between
 * attempts, and receives the messages of each connection; the library starts no task for it, so a
 * cancel or a scope's budget ends all of this as it ends any call. Other tasks send.
 *
 * A connection is lost if it broke, if a ping was not answered, if it was closed because what came
 * broke the protocol or exceeded a limit (last_error of the facts says so), or if the server closed
 * it with one of the codes 1001, 1005, 1011 .. 1014; then weir_ws_client_receive connects again.
 * Any other close code ends the client: the server does not want it to come back. An attempt that
 * fails is made again, unless that cannot help. It cannot after a bad URL or option, a library that
 * is not linked, a refused certificate, an answer that breaks the protocol or exceeds a limit,
 * -EACCES, -EPERM, -ENOMEM, or a status that is none of 408, 425, 429, 500, 502, 503 and 504.
 *
 * A message for which a send has returned 0 was queued, not received: what a lost connection had
 * queued is lost with it. Loop thread only. */
#ifndef WEIR_WS_CLIENT_H
#define WEIR_WS_CLIENT_H

#include <weir/ws.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_ws_client; /* a client, whether it is connected or not */

/* The options of a client. A member of 0 has its default, which stands first below. */
struct weir_ws_client_options {
    size_t size;                      /* sizeof (struct weir_ws_client_options) */
    const struct weir_ws_options *ws; /* of each connection; NULL: the defaults. Copied, but what
                                       * its members point to must outlive the client */
    weir_ns first_ns;   /* 100 ms. The pause before the second attempt. Each further pause is twice
                         * as long; once a message has come, it begins with first_ns again */
    weir_ns longest_ns; /* 30 s. No pause is longer. A random part of each, a half at most, is left
                         * out, so that many clients do not come back at one time */
    unsigned attempts;  /* no bound. When so many in a row have failed, receive returns the error */
    size_t away_max;    /* 0. How many bytes of messages to keep while the client is not connected,
                         * in 65536 messages at most; they are sent first when it is. A send for
                         * which there is no room fails, with 0 every send */
    /* Called in the task that receives, with each new connection, before kept messages are sent: to
     * log in, to subscribe. It may suspend, send and receive, but not close or drop. If it returns
     * < 0, the connection is dropped, and receive returns that; but if the connection was lost
     * meanwhile, the client connects again. May be NULL */
    int (*opened)(struct weir_ws *ws, void *arg);
    void *arg;
    /* Called in the task that receives, when a connection was lost or an attempt has failed, and
     * another follows in pause_ns. rc says why, weir_error_message(rc) in words. An error that
     * weir_ws_client_receive returns is not told here as well. The function must not suspend; it
     * may drop the client. May be NULL */
    void (*away)(int rc, weir_ns pause_ns, void *arg);
};

enum weir_ws_client_state {
    WEIR_WS_CLIENT_AWAY,       /* not connected: it pauses, or no task receives */
    WEIR_WS_CLIENT_CONNECTING, /* also while opened runs, and what was kept is sent */
    WEIR_WS_CLIENT_OPEN,
    WEIR_WS_CLIENT_ENDED /* closed, by this side or by the server for good */
};

/* What a client is doing. */
struct weir_ws_client_facts {
    enum weir_ws_client_state state;
    unsigned connections; /* how many there were */
    unsigned failures;    /* attempts that failed since the last connection */
    int last_error;       /* why the last connection ended, or the last attempt failed; 0: never */
    weir_ns retry_ns;     /* when the pause ends, by weir_now; 0: there is none */
    size_t kept_messages, kept_bytes;
};

/* Make a client. It connects in the first weir_ws_client_receive. url is copied. The caller must
 * drop *ret_client.
 * Returns 0; WEIR_EURL (url is none of ws:// or wss://), WEIR_ENOTLS (wss:// without weir-tls),
 * -EINVAL (a time below 0), -ENOMEM, WEIR_ENOLOOP, WEIR_EFORKED. */
WEIR_API int weir_ws_client_new(const char *url, const struct weir_ws_client_options *options,
                                struct weir_ws_client **ret_client);

/* Connect if need be, and wait for the next message, over as many connections as it takes. The
 * message is lent as by weir_ws_receive. One task receives at a time.
 * Returns 0; WEIR_EWSCLOSED (the client has ended: the server has closed for good, or
 * weir_ws_client_close was called), WEIR_ECLOSED (another task dropped it); the error of the last
 * attempt, as weir_ws_dial, if another cannot help or `attempts` have failed (the next call tries
 * again); what options->opened returned, -EBUSY (another task receives), -ECANCELED, -ETIME,
 * -ENOMEM, WEIR_ENOLOOP. A cancel loses no message. */
WEIR_SUSPENDS int weir_ws_client_receive(struct weir_ws_client *c,
                                         struct weir_ws_message *ret_message);

/* Send a message as weir_ws_send does. While the client is not connected it is kept, if away_max
 * allows, or refused; the call does not wait for a connection.
 * Returns as weir_ws_send; -ENOTCONN (not connected, and away_max is 0), WEIR_EBUSYPEER (away_max
 * is full), WEIR_EWSCLOSED (the client has ended). After an error the message is neither kept nor
 * queued. */
WEIR_SUSPENDS int weir_ws_client_send(struct weir_ws_client *c, enum weir_ws_type type,
                                      const void *data, size_t len);

/* Say what a client is doing. */
WEIR_API void weir_ws_client_look(const struct weir_ws_client *c,
                                  struct weir_ws_client_facts *ret_facts);

/* The connection of a client, to ask what the calls of weir/ws.h say of it; NULL if the client is
 * not in the state WEIR_WS_CLIENT_OPEN. Lent until the task next suspends. */
WEIR_API struct weir_ws *weir_ws_client_ws(const struct weir_ws_client *c);

/* End a client: close its connection as weir_ws_close does, and make no other. Messages that were
 * kept are dropped. A task in weir_ws_client_receive gets WEIR_EWSCLOSED. The caller must still
 * drop the client.
 * Returns as weir_ws_close; 0 also if there is no connection. */
WEIR_SUSPENDS int weir_ws_client_close(struct weir_ws_client *c, int code, const char *reason);

/* Drop a client at once, as weir_ws_drop drops its connection; *take_client becomes NULL. Tasks in
 * its calls get WEIR_ECLOSED. NULL and *NULL are fine. Never suspends, never fails. */
WEIR_API void weir_ws_client_drop(struct weir_ws_client **take_client);

#ifdef __cplusplus
}
#endif
#endif
