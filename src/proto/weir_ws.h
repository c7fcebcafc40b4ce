/* SPDX-License-Identifier: MIT */
/* weir_ws.h - one WebSocket connection inside this room, and its states: what is common to both
 * sides and both server shapes. Each enum answers one question, independent of the others.
 *
 *   state: which close frames have there been?
 *     OPEN ------- our close frame is queued -------> CLOSING
 *       |                                                |
 *       | the peer's is read, ours is queued             | the peer's is read
 *       +-------------------> CLOSED <-------------------+
 *     each of them -- weir_ws_drop; reactive: closed has returned --> DROPPED
 *
 *   reading: does anybody wait for bytes?
 *     RESTS <--- a task is in receive or close; or: between the pieces of a reactive one ---> READS
 *       |
 *       +--- a function of the user's runs ---> SERVES <--- it is suspended ---> SERVES_AHEAD
 *
 *   finish: what follows the last frame that we send?
 *     GOES_ON --- we refuse what the peer sent ----------------------------> FINISHES
 *     GOES_ON --- the peer's close frame; a drop with bytes on their way --> LINGERS
 *
 *   ping: does the peer answer?
 *     HEARD -- silence --> PINGED -- no answer --> LATE_ONCE -- a turn --> LATE_TWICE --> cut
 *                            |  ^
 *        a write before it   v  |  no write before it
 *                           BEHIND
 *     each of them -- any byte of the peer's --> HEARD; the late ones go back while nobody reads
 *
 *   failed != 0     nothing more is received or sent, and every further call returns it
 *   out.failed != 0 the peer takes no more, and sends return it; what it sent is still received
 *   stream == NULL  closed: by a drop, or because we cut the connection off */
#ifndef WEIR_PROTO_WEIR_WS_H
#define WEIR_PROTO_WEIR_WS_H

#include <weir/stream.h>
#include <weir/ws.h>

#include "base/list.h"
#include "loop/loop.h"
#include "proto/limits.h"
#include "stream/out.h"
#include "task/task.h"
#include "task/waitq.h"
#include "wire/handshake.h"
#include "wire/utf8.h"
#include "wire/ws_frame.h"

enum ws_state {
    WS_OPEN,
    WS_CLOSING, /* our close frame is queued */
    WS_CLOSED,  /* the peer's close frame was read, and ours is queued */
    WS_DROPPED  /* its user has dropped it; reactive: closed has returned */
};

enum ws_reading {
    WS_RESTS,       /* nobody waits for bytes */
    WS_READS,       /* a task does, or a reactive connection between messages */
    WS_SERVES,      /* reactive: a function of the user's runs */
    WS_SERVES_AHEAD /* reactive: such a function is suspended, and bytes are waited for */
};

enum ws_finish {
    WS_GOES_ON,
    WS_FINISHES, /* the end of our side of the stream follows the last frame */
    WS_LINGERS   /* and then the peer's is waited for: closing before that may be a reset */
};

enum ws_ping {
    WS_HEARD,     /* no ping waits for an answer */
    WS_PINGED,    /* one does, for less than pong_ns */
    WS_BEHIND,    /* the same, and it may still lie behind what is being written */
    WS_LATE_ONCE, /* the answer is due, but may lie in our kernel: the loop gets two more turns */
    WS_LATE_TWICE
};

/* A connection is driven by tasks of the user's (ws_task.c) or by a reactive server (ws_react.c).
 * This table is what the two do differently; the files below call it. Nothing in it suspends. */
struct ws_driver {
    void (*moved)(struct weir__out *o, int rc); /* weir__ws_moved */
    void (*flush)(struct weir__flush *f); /* all ready tasks have run: write what they queued */
    void (*unsent)(struct weir_ws *ws);   /* a write has failed; may be NULL */
    void (*cut)(struct weir_ws *ws);      /* it has failed: let every wait for the peer return */
    void (*left)(struct weir_ws *ws);     /* it was dropped, and the last task inside has left */
    /* The task of an unfinished message in parts has ended: close, in bounded time. */
    void (*abandoned)(struct weir_ws *ws);
    /* It is too slow: close it with code, in bounded time. */
    void (*sheds)(struct weir_ws *ws, int code, const char *reason);
    bool direct; /* may a sender write a large message itself, past the queue? */
};

/* Options with the defaults filled in; one for a connection, or for all of a server. */
struct ws_config {
    const struct ws_driver *driver;
    struct weir_ws_options o;
    struct weir__ws_limits limits;
    struct weir__http1_limits http;
    struct weir__loop *loop;
    struct ws_zips *zips;        /* NULL: messages are not compressed */
    weir_ns began;               /* pings have the time since */
    struct weir__out_owner line; /* what the write lines of all its connections share */
    size_t refs;
};

/* Received bytes that are not a whole head, message or frame yet. An idle connection has none. */
struct ws_gather {
    uint8_t *base; /* of a message, or of the handshake's head */
    size_t len, max;
    uint32_t empties; /* fragments of the message without a byte */
    uint8_t tail_len, tail_need;
    uint8_t tail[WS_TAIL_MAX]; /* a frame's header, or a control frame */
};

enum ws_why { /* what a task waits for */
    WS_SENDS,      /* its turn to send */
    WS_FLUSHES,    /* that ws_is_flushed */
    WS_CLOSES,     /* any change of state */
    WS_LEAVES_LAST /* the same; the wait cannot be cancelled */
};

struct ws_waiter { /* in the frame of the task that waits; its wait is on the weir_ws */
    struct weir__wait wait;
    struct weir__waiter waiter; /* its slot: enum ws_why */
};

struct weir_ws {
    struct weir_stream *stream; /* NULL: dropped, or cut off by us */
    struct ws_config *config;
    struct weir__ws_decoder decoder;
    struct ws_gather *gather;
    struct weir__out out; /* whole frames; in its queue room are the tasks that wait to send */
    struct weir__flush flush;
    struct weir__waitq others;  /* tasks that wait for something else */
    struct weir__timer timer;  /* keepalive; reactive: handshake before, closing after */
    weir_ns heard;             /* the turn of the loop in which bytes last came */
    union {
        uint64_t pinged;       /* the stamp of our last ping; 0: none */
        void *becomes;         /* before: see struct weir__ws_host, and ws_react_conn's untold */
    };
    uint32_t latency_us, smoothed_us; /* of the last pong, if has_latency */
    char *names;               /* path NUL subprotocol NUL; NULL: "/" and none */
    struct ws_sub *subs;       /* to topics; NULL: none */
    struct ws_extra *extra;    /* what few connections need; NULL: not yet */
    uint32_t used;             /* peeked bytes to consume when the lent message is given back */
    uint32_t inside;           /* tasks that are in a call on it, which keeps the memory */
    int16_t failed;            /* never a code of the program's own: those need not fit */
    uint16_t code;             /* the peer's close code, or 1006; 0 while open */
    uint8_t state, reading, finish, ping; /* the enums above */
    bool flying : 1;           /* a write is under way, and counted in inside */
    bool held : 1;             /* a sender writes by itself */
    bool pong_due : 1;         /* our last ping was not answered */
    bool has_latency : 1;
    bool is_head : 1;          /* the handshake asks by HEAD: its refusal has no body */
};

/* Allocated when first needed, and kept. parting's task is in the middle of a message in parts, and
 * other senders wait. The task is known by this hook, which is removed when the task ends, and not
 * by its address, which the next task may get. */
struct ws_extra {
    struct weir_ws *ws;
    char *peer; /* its address, once the stream is gone */
    char *reason; /* the peer's, for closing; NULL: it gave none */
    uint64_t ponged; /* the last stamp that was answered, once weir_ws_ping was called */
    uint64_t ponged_at; /* when, on the clock of the stamps */
    struct ws_zip *zip; /* NULL: messages are not compressed */
    struct weir_ws_part *taken; /* weir_ws_receive_part runs, and this is its result; else NULL */
    struct weir__at_end parting;
    struct weir__utf8 part_text;
    bool part_is_text;
    uint16_t empty_parts; /* fragments without a byte, of the message that is received in parts */
    bool takes_parts; /* the message that comes was begun by weir_ws_receive_part */
    bool skips;      /* and a close has skipped some of it */
    bool orphaned;   /* the message will never be finished; the server is about to say 1001 */
    bool pong_waits; /* the answer to the last ping, which found the queue too long */
    uint8_t pong_len, pong[WEIR__WS_CONTROL_MAX];
};

static inline bool ws_is_client(const struct weir_ws *ws) {
    return ws->decoder.role == WEIR__WS_CLIENT;
}

/* Can a message still be sent? */
static inline bool ws_is_open(const struct weir_ws *ws) {
    return ws->state == WS_OPEN && ws->failed == 0 && ws->out.failed == 0;
}

/* Does anybody wait for bytes? */
static inline bool ws_is_reading(const struct weir_ws *ws) {
    return ws->reading == WS_READS || ws->reading == WS_SERVES_AHEAD;
}

/* Has a function of the user's been called, which has not returned? */
static inline bool ws_is_serving(const struct weir_ws *ws) {
    return ws->reading >= WS_SERVES;
}

/* NULL: messages are not compressed. */
static inline struct ws_zip *ws_zip_of(const struct weir_ws *ws) {
    return __builtin_expect(ws->extra == NULL, 1) ? NULL : ws->extra->zip;
}

static inline size_t ws_queued(const struct weir_ws *ws) {
    return ws->out.queued;
}
/* Was all written, or can nothing be written any more? */
static inline bool ws_is_flushed(const struct weir_ws *ws) {
    return ws_queued(ws) == 0 || ws->out.failed != 0 || ws->stream == NULL ||
           ws->state == WS_DROPPED;
}

/* Which task is in the middle of a message in parts? */
static inline const struct weir_task *ws_parting(const struct weir_ws *ws) {
    return __builtin_expect(ws->extra == NULL, 1) ? NULL : ws->extra->parting.task;
}
static inline bool ws_is_parting(const struct weir_ws *ws) { /* is it the running task? */
    const struct weir_task *t = ws_parting(ws);
    return t != NULL && t == weir_task_current();
}

#endif
