/* SPDX-License-Identifier: MIT */
/* ws_conn.h - one WebSocket connection inside this room: what is common to both sides and both
 * server shapes. ws_in.c takes bytes and gives messages, ws_out.c queues frames and writes them,
 * ws_keep.c pings, ws_shake.c opens; ws.c and ws_react.c are the two ways to drive them.
 *
 *   OPEN        -> CLOSING  we sent a close frame     -> CLOSED  the peer's came
 *   OPEN        -> CLOSED   the peer's came, ours is queued
 *   any         -> broken   failed != 0: what every further call returns */
#ifndef WEIR_PROTO_WS_CONN_H
#define WEIR_PROTO_WS_CONN_H

#include <weir/stream.h>
#include <weir/ws.h>

#include "loop/loop.h"
#include "task/task.h"
#include "wire/handshake.h"
#include "wire/ws.h"

enum ws_state { WS_OPEN, WS_CLOSING, WS_CLOSED };

/* Options with the defaults filled in; one for a connection, or for all of a server. */
struct ws_config {
    struct weir_ws_options o;
    struct weir__ws_limits limits;
    struct weir__http1_limits http;
    uint8_t *spare; /* an empty queue kept for the next one who needs it */
    size_t refs;
};

enum { WS_SPARE = 4096, WS_TAIL_MAX = 144 };

struct ws_tail { /* a header or control frame that came in pieces */
    size_t len, need;
    uint8_t bytes[WS_TAIL_MAX];
};

struct ws_bytes {
    uint8_t *base;
    size_t len, max;
};

struct ws_waiter { /* a task that waits for room in the queue, or for a change of state */
    struct weir__park park;
    struct ws_waiter *next;
    struct weir_ws *ws;
};

struct weir_ws {
    struct weir_stream *stream; /* NULL: dropped */
    struct weir_conn *conn;     /* of a reactive server; else NULL */
    struct weir_loop *loop;
    struct ws_config *config;
    struct weir__ws_decoder decoder;

    struct ws_bytes message; /* one that came in pieces */
    struct ws_tail *tail;
    size_t used;             /* of the peeked bytes, once the lent message is done with */

    struct ws_bytes queue;
    size_t writing_len;      /* bytes that the writer has in hand */
    struct weir__flush flush;
    struct ws_waiter *waiters;
    struct weir_task *parting; /* sends a message in parts; others wait */

    struct weir__timer timer;
    weir_ns heard;           /* turn in which bytes last came */

    char *path, *subprotocol, *reason;
    int failed;
    uint16_t code;           /* the peer's close code, or 1006; 0 while open */
    uint8_t state, role;
    bool receiving, writing, pinged, dropped;
    uint32_t inside;         /* tasks in a call on it: the memory stays */
    struct weir__park *last; /* reactive: waits until they have left */
};

/* ws.c */
struct ws_config *weir__ws_config_new(const struct weir_ws_options *options);
void weir__ws_config_unref(struct ws_config *c);
void weir__ws_init(struct weir_ws *ws, struct weir_stream *s, struct ws_config *c,
                   enum weir__ws_role role);
void weir__ws_fini(struct weir_ws *ws);
void weir__ws_broke(struct weir_ws *ws, int rc); /* the first error stays */
void weir__ws_leave(struct weir_ws *ws);         /* frees a dropped one when the last has left */
void weir__ws_last_out(struct weir_ws *ws);      /* reactive: wait until the others have left */

/* ws_in.c: take bytes. Returns 1: *ret_message is whole, lent until the next feed or as long as
 * base; 0: all bytes are taken, more are needed; WEIR_EWSCLOSED, or a failure that the peer has
 * been told. *ret_used counts the bytes taken. */
int weir__ws_feed(struct weir_ws *ws, uint8_t *base, size_t len, size_t *ret_used,
                  struct weir_ws_message *ret_message);

void weir__ws_message_drop(struct weir_ws *ws); /* the buffer of a message that is done with */

/* ws_out.c */
int weir__ws_queue(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);
int weir__ws_queue_close(struct weir_ws *ws, int code, const char *reason);
int weir__ws_write_out(struct weir_ws *ws); /* suspends until the queue is empty */
void weir__ws_flush_hook(struct weir__flush *f);
int weir__ws_wait(struct weir_ws *ws, const char *what); /* for the next change */
void weir__ws_wake(struct weir_ws *ws);
static inline size_t ws_queued(const struct weir_ws *ws) {
    return ws->queue.len + ws->writing_len;
}

/* ws_keep.c */
void weir__ws_keep_start(struct weir_ws *ws);
static inline void ws_heard(struct weir_ws *ws) {
    ws->heard = ws->loop->turn_ns;
    ws->pinged = false;
}

/* ws_shake.c */
struct ws_answer { /* to a client's handshake */
    int rc;        /* 0: accepted */
    size_t len;
    char text[512];
};
void weir__ws_answer(struct weir_ws *ws, const struct weir__http1 *h, const void *head,
                     struct ws_answer *ret_answer);
void weir__ws_refuse(struct weir_ws *ws, int rc, int status, const char *why,
                     struct ws_answer *ret_answer);
int weir__ws_shake_client(struct weir_ws *ws, const char *host, size_t host_len, const char *path,
                          size_t path_len);
int weir__ws_shake_server(struct weir_ws *ws);

#endif
