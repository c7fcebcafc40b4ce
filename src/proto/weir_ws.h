/* SPDX-License-Identifier: MIT */
/* weir_ws.h - one WebSocket connection inside this room, and its states: what is common to both
 * sides and both server shapes.
 *
 *   OPEN        -> CLOSING  we sent a close frame     -> CLOSED  the peer's came
 *   OPEN        -> CLOSED   the peer's came, ours is queued
 *   failed != 0             nothing more is received, nothing sent: what every further call returns
 *   unsent != 0             the peer took no more: nothing is sent; what it sent is received */
#ifndef WEIR_PROTO_WEIR_WS_H
#define WEIR_PROTO_WEIR_WS_H

#include <weir/stream.h>
#include <weir/ws.h>

#include "base/list.h"
#include "loop/loop.h"
#include "proto/limits.h"
#include "task/task.h"
#include "wire/handshake.h"
#include "wire/utf8.h"
#include "wire/ws_frame.h"

enum ws_state { WS_OPEN, WS_CLOSING, WS_CLOSED };

/* What the two ways to drive a connection do differently, called by the files below them: a task of
 * the user's drives it (ws_task.c), or a reactive server (ws_react.c). None of these suspends. */
struct ws_driver {
    void (*flush)(struct weir__flush *f); /* all ready tasks have run: write what they queued */
    void (*cut)(struct weir_ws *ws);      /* it has failed: end every wait for the peer */
    void (*left)(struct weir_ws *ws);     /* it was dropped, and the last task inside has left */
    /* The task of an open message in parts is gone: close the connection, within a bound. */
    void (*abandoned)(struct weir_ws *ws);
    bool direct; /* a sender may write a large message itself, past the queue */
};

/* Options with the defaults filled in; one for a connection, or for all of a server. */
struct ws_config {
    const struct ws_driver *driver;
    struct weir_ws_options o;
    struct weir__ws_limits limits;
    struct weir__http1_limits http;
    struct weir_loop *loop;
    struct weir__list writers; /* at work, of all its connections */
    struct weir__timer clock;  /* while there are any */
    size_t refs;
};

/* What came in pieces and makes no sense yet; an idle connection has none. */
struct ws_gather {
    uint8_t *base; /* of a message, or of the handshake's head */
    size_t len, max;
    uint32_t empties; /* fragments of the message without a byte */
    uint8_t tail_len, tail_need;
    uint8_t tail[WS_TAIL_MAX]; /* a frame's header, or a control frame */
};

struct ws_queue { /* whole frames; NULL: none */
    uint32_t len, max;
    uint8_t bytes[];
};

enum ws_why {
    WS_SENDS,      /* in line */
    WS_FLUSHES,    /* until ws_is_flushed */
    WS_CLOSES,     /* these two: for any change of state */
    WS_LEAVES_LAST /* cannot be cancelled */
};

struct ws_waiter { /* a task that waits; in its frame */
    struct weir__park park;
    struct weir_ws *ws;
    struct ws_waiter *next, *prev; /* NULL: in no ring */
    enum ws_why why;
    bool parked;
};

struct weir_ws {
    struct weir_stream *stream; /* NULL: dropped, or cut off by us */
    struct ws_config *config;
    struct weir__ws_decoder decoder;
    struct ws_gather *gather;
    struct ws_queue *queue;
    struct weir__flush flush;
    struct ws_waiter *senders; /* the last of each ring; NULL: nobody waits */
    struct ws_waiter *others;
    struct weir__timer timer;  /* keepalive; reactive: handshake before, closing after */
    weir_ns heard;             /* turn in which bytes last came */
    char *names;               /* path NUL subprotocol NUL; NULL: "/" and none */
    char *reason;              /* the peer's; NULL: it gave none */
    struct ws_extra *extra;    /* what few connections need; NULL: not yet */
    uint32_t used;             /* of the peeked bytes, once the lent message is done with */
    uint32_t writing_len;      /* bytes that the writer has in hand */
    uint32_t inside;           /* tasks in a call on it: the memory stays */
    int16_t failed, unsent;
    uint16_t code;             /* the peer's close code, or 1006; 0 while open */
    uint8_t state, role;
    uint8_t late;              /* turns since the pong was due */
    bool receiving : 1;        /* a task, or a reactive server, waits for bytes */
    bool in_user : 1;          /* reactive: a function of the user's runs */
    bool writing : 1;
    bool finish : 1;           /* our end of the stream follows the last frame */
    bool lingers : 1;          /* a close now may be a reset: the peer's end is waited for */
    bool pinged : 1;
    bool behind : 1;           /* the ping waited behind a write when the timer looked */
    bool dropped : 1;
};

/* Made when first needed, and kept. parting's task is in the middle of a message in parts: others
 * wait. It is known by its hook, which its end takes away: no task that comes to lie in the same
 * place is taken for it. */
struct ws_extra {
    struct weir_ws *ws;
    char *peer; /* its address, once the stream is gone */
    struct weir__at_end parting;
    struct weir__utf8 part_text;
    bool part_is_text;
    bool orphaned;   /* the message was left open, and the end of the connection is near */
    bool pong_waits; /* the last ping found the queue long */
    uint8_t pong_len, pong[WEIR__WS_CONTROL_MAX];
};

static inline size_t ws_queued(const struct weir_ws *ws) {
    return (ws->queue ? ws->queue->len : 0) + (size_t)ws->writing_len;
}
/* Has all left, or can nothing leave any more? */
static inline bool ws_is_flushed(const struct weir_ws *ws) {
    return ws_queued(ws) == 0 || ws->unsent != 0 || ws->stream == NULL || ws->dropped;
}

/* Who is in the middle of a message in parts? */
static inline const struct weir_task *ws_parting(const struct weir_ws *ws) {
    return __builtin_expect(ws->extra == NULL, 1) ? NULL : ws->extra->parting.task;
}
static inline bool ws_is_parting(const struct weir_ws *ws) { /* the running task? */
    const struct weir_task *t = ws_parting(ws);
    return t != NULL && t == weir_task_current();
}

#endif
