/* SPDX-License-Identifier: MIT */
/* ws_conn.h - one WebSocket connection inside this room: what is common to both sides and both
 * server shapes. ws_in.c takes bytes and gives messages, ws_out.c queues frames, ws_writer.c
 * writes them, ws_keep.c pings, ws_shake.c opens; ws_task.c and ws_react.c (with ws_ahead.c)
 * are the two ways to drive them.
 *
 *   OPEN        -> CLOSING  we sent a close frame     -> CLOSED  the peer's came
 *   OPEN        -> CLOSED   the peer's came, ours is queued
 *   failed != 0             nothing more is received, nothing sent: what every further call returns
 *   unsent != 0             the peer took no more: nothing is sent; what it sent is received */
#ifndef WEIR_PROTO_WS_CONN_H
#define WEIR_PROTO_WS_CONN_H

#include <weir/stream.h>
#include <weir/ws.h>

#include "base/list.h"
#include "loop/loop.h"
#include "proto/limits.h"
#include "proto/ws_room.h"
#include "task/task.h"
#include "wire/handshake.h"
#include "wire/utf8.h"
#include "wire/ws_frame.h"

enum ws_state { WS_OPEN, WS_CLOSING, WS_CLOSED };

/* Options with the defaults filled in; one for a connection, or for all of a server. */
struct ws_config {
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
    struct weir_stream *stream; /* NULL: dropped, or cut off by the keepalive */
    struct weir_conn *conn;     /* of a reactive server; else NULL */
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
    char *reason;              /* the peer's; after a cut NUL and the peer's address */
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
    bool was_cut : 1;          /* by us: the stream is gone */
};

/* The bytes of a reactive connection that have come and are not decoded; on the stack of the task
 * that decodes them. Pieces are added while it is open, that is, until all was decoded. */
struct ws_aside {
    uint32_t len, max;
    uint8_t bytes[];
};

struct ws_ahead {
    uint8_t *at; /* to be decoded next: the rest of a piece, of in_use, or part */
    size_t len;
    struct ws_aside *in_use, *aside;
    uint64_t frame_left; /* of the scanner's data frame */
    bool open;           /* pieces may still be put aside: they will be decoded */
    bool scanned;        /* all of the above; false: only at and len are set */
    bool blind;          /* what follows is not understood: the decoder will refuse it */
    bool closed;         /* nothing follows */
    uint8_t part_len;
    uint8_t part[WS_TAIL_MAX];
};

/* Made when first needed, and kept. parting's task is in the middle of a message in parts: others
 * wait. It is known by its hook, which its end takes away: no task that comes to lie in the same
 * place is taken for it. */
struct ws_extra {
    struct weir_ws *ws;
    struct weir__at_end parting;
    struct weir__utf8 part_text;
    bool part_is_text;
    bool orphaned;   /* the message was left open, and the end of the connection is near */
    bool pong_waits; /* the last ping found the queue long */
    uint8_t pong_len, pong[WEIR__WS_CONTROL_MAX];
};

/* ws_task.c: may the user close with this? Returns 0; -EINVAL (code), WEIR_EUTF8 (reason). */
int weir__ws_close_check(const char *what, int code, const char *reason);

/* ws_conn.c */
struct ws_config *weir__ws_config_new(const struct weir_ws_options *options);
void weir__ws_config_unref(struct ws_config *c);
void weir__ws_init(struct weir_ws *ws, struct weir_stream *s, struct ws_config *c,
                   enum weir__ws_role role);
void weir__ws_fini(struct weir_ws *ws);
void weir__ws_broke(struct weir_ws *ws, int rc); /* the first error stays */
void weir__ws_leave(struct weir_ws *ws);         /* frees a dropped one when the last has left */
void weir__ws_last_out(struct weir_ws *ws);      /* reactive: wait until the others have left */
int weir__ws_flushed(struct weir_ws *ws, const char *what); /* wait until all has left or cannot */
void weir__ws_timer(struct weir_ws *ws, void (*fire)(struct weir__timer *), weir_ns from,
                    weir_ns after);

/* The head and the end of a public call. */
static inline int ws_enter(struct weir_ws *ws, const char *what) {
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    weir__not_null(ws, what);
    weir__loop_assert(ws->config->loop, what);
    ws->inside++;
    return 0;
}

/* The others' turn comes at the end: so messages keep the order of the calls. */
static inline int ws_exit(struct weir_ws *ws, int rc) {
    if (weir__breathe() && rc == 0 && ws->dropped)
        rc = weir__fail(WEIR_ECLOSED, "ws send", NULL);
    weir__ws_leave(ws);
    return rc;
}

/* ws_in.c: take bytes. Returns 1: *ret_message is whole, lent until the next feed or as long as
 * base; 0: all bytes are taken, more are needed; WEIR_EWSCLOSED, or a failure that the peer has
 * been told. *ret_used counts the bytes taken. */
int weir__ws_feed(struct weir_ws *ws, uint8_t *base, size_t len, size_t *ret_used,
                  struct weir_ws_message *ret_message);
/* A control frame was decoded elsewhere. Returns 0; WEIR_EWSCLOSED; -ENOMEM, which ends it. */
int weir__ws_control(struct weir_ws *ws, int kind, const struct weir__ws_event *ev);
struct ws_gather *weir__ws_gather(struct weir_ws *ws); /* made if there is none; NULL: no memory */
int weir__ws_gather_append(struct ws_gather *g, const uint8_t *data, size_t len, size_t hint);
void weir__ws_gather_drop(struct weir_ws *ws);
void weir__ws_message_drop(struct weir_ws *ws); /* the buffer of a message that is done with */

/* ws_out.c */
int weir__ws_queue(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);
int weir__ws_queue_close(struct weir_ws *ws, int code, const char *reason);
int weir__ws_queue_pong(struct weir_ws *ws, const void *data, size_t len);
int weir__ws_queue_reserve(struct weir_ws *ws, size_t more);
void weir__ws_queue_give_back(struct ws_queue *q); /* it was written: for the next who needs one */
void weir__ws_queue_late_pong(struct weir_ws *ws); /* what was queued has left: now the last pong */
/* Take a place. Every begin has its end. */
void weir__ws_wait_begin(struct weir_ws *ws, struct ws_waiter *w, enum ws_why why);
/* Wait for news. Returns 0, -ECANCELED or -ETIME; unless cancelled the place is kept. */
int weir__ws_wait(struct weir_ws *ws, struct ws_waiter *w, const char *what);
int64_t weir__ws_wait_park(struct ws_waiter *w, const char *what); /* the same, come what may */
void weir__ws_wait_end(struct weir_ws *ws, struct ws_waiter *w);
void weir__ws_wake(struct weir_ws *ws); /* something has changed */
void weir__ws_spare_hold(void); /* while a connection lives on this thread */
void weir__ws_spare_unhold(void);
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

/* ws_writer.c */
void weir__ws_clock(struct weir__timer *clock); /* of a config: looks at its writers */
/* A server's frame, sent from the caller's bytes while nothing is queued; waits until the kernel
 * has it. A cancel has sent nothing, or all is sent or queued (then 0). */
int weir__ws_send_direct(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len);
int weir__ws_write_out(struct weir_ws *ws); /* suspends until the queue is empty */
void weir__ws_flush_hook(struct weir__flush *f);

struct ws_extra *weir__ws_extra(struct weir_ws *ws); /* made if there is none; NULL: no memory */

/* ws_send.c: the running task has left its message in parts open for good: 1011, and the others
 * send no more. Returns whether it had one. */
bool weir__ws_parts_abandon(struct weir_ws *ws);

/* ws_keep.c */
void weir__ws_keep_start(struct weir_ws *ws);
/* End it now with rc. Whoever reads is woken by the close of the stream; the peer's address stays.
 * With nobody reading a message may be lent: the stream stays until the drop. */
void weir__ws_cut(struct weir_ws *ws, int rc);
static inline void ws_heard(struct weir_ws *ws) {
    ws->heard = ws->config->loop->turn_ns;
    ws->pinged = false;
    ws->late = 0;
}

/* ws_react.c: end it now, also if its task is parked; not the user's function. */
void weir__ws_conn_cut(struct weir_ws *ws);
void weir__ws_conn_ending(struct weir_ws *ws); /* our close frame is queued: bound the wait */
void weir__ws_conn_suspended(struct weir_ws *ws); /* the user's function is: read on */

/* ws_ahead.c */
void weir__ws_ahead_init(struct ws_ahead *a, uint8_t *base, size_t len); /* open, with a piece */
void weir__ws_ahead_fini(struct ws_ahead *a);
void weir__ws_ahead_rest(struct weir_ws *ws, struct ws_ahead *a); /* scan what is at hand */
bool weir__ws_ahead_may_read(const struct ws_ahead *a);
/* Scan a piece and put aside what is not control. False: no memory, nothing was done. */
bool weir__ws_ahead_take(struct weir_ws *ws, struct ws_ahead *a, const uint8_t *base, size_t len);
/* at, len are done with: show what comes next. False: all was decoded, and a is closed. */
bool weir__ws_ahead_next(struct ws_ahead *a);
size_t weir__ws_ahead_left(const struct ws_ahead *a); /* bytes not yet decoded */

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
/* *ret_status: of an answer that was no 101. */
int weir__ws_shake_client(struct weir_ws *ws, const char *host, size_t host_len, const char *path,
                          size_t path_len, unsigned *ret_status);
int weir__ws_shake_server(struct weir_ws *ws);
void weir__ws_late(struct weir_ws *ws, struct ws_answer *ret_answer); /* it took too long */
void weir__ws_shake_late(struct weir_ws *ws); /* say so */

#endif
