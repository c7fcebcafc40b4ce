/* SPDX-License-Identifier: MIT */
/* ws_send.c - the public calls that send whole messages and messages in parts, and the order of the
 * tasks that wait to send. The queue that they fill is in ws_out.c. */
#include "proto/ws_send.h"

#include <errno.h>

#include "base/check.h"
#include "base/list.h"
#include "proto/ws_conn.h"
#include "proto/ws_out.h"
#include "proto/ws_room.h"
#include "proto/ws_wait.h"
#include "proto/ws_writer.h"
#include "proto/ws_zip.h"
#include "stream/stream.h"

static int send_check(struct weir_ws *ws, size_t len) {
    if (len <= ws->config->o.queue_max)
        return 0;
    return weir__failf(WEIR_ETOOBIG, "ws send", weir_ws_peer(ws), "%zu bytes; the queue holds %zu",
                       len, ws->config->o.queue_max);
}

void weir__ws_type_check(enum weir_ws_type type, const char *call) {
    if (type != WEIR_WS_TEXT && type != WEIR_WS_BINARY)
        WEIR_BUG("%s: %d is no type of a message (WEIR_WS_TEXT, WEIR_WS_BINARY)", call, (int)type);
}

static inline bool is_valid(enum weir_ws_type type, const void *data, size_t len) {
    return type == WEIR_WS_BINARY || (type == WEIR_WS_TEXT && weir__utf8_valid(data, len));
}

static int text_check(struct weir_ws *ws, enum weir_ws_type type, const void *data, size_t len) {
    if (is_valid(type, data, len))
        return 0;
    weir__ws_type_check(type, "weir_ws_send");
    return weir__fail(WEIR_EUTF8, "ws send", weir_ws_peer(ws));
}

int weir__ws_send_state(struct weir_ws *ws) {
    if (__builtin_expect(ws_is_open(ws), 1))
        return 0;
    int rc = ws->failed ? ws->failed : ws->out.failed;
    if (rc == 0 && ws->state == WS_CLOSING)
        return weir__failf(WEIR_EWSCLOSED, "ws send", weir_ws_peer(ws),
                           "this side has sent its close frame before (WEIR_EWSCLOSED)");
    if (rc == 0)
        rc = ws->state == WS_DROPPED ? WEIR_ECLOSED : WEIR_EWSCLOSED;
    return weir__fail(rc, "ws send", weir_ws_peer(ws));
}

static bool queue_has_room(const struct weir_ws *ws, size_t len) {
    size_t queued = ws_queued(ws);
    return queued == 0 || queued + len <= ws->config->o.queue_max;
}

/* Is it the turn of a sender that stands at w in the queue (NULL: behind all)? The task in the
 * middle of a message in parts waits for room only, the others until that message is finished. */
static bool may_send(const struct weir_ws *ws, const struct ws_waiter *w, size_t len) {
    const struct weir__waiter *first = weir__waitq_first(&ws->out.room);
    const struct weir__waiter *mine = w != NULL ? &w->waiter : NULL;
    if (ws->extra != NULL && ws->extra->orphaned)
        return false;
    bool is_turn = ws_parting(ws) != NULL ? ws_is_parting(ws) : first == mine;
    return is_turn && queue_has_room(ws, len);
}

/* Take an empty queue that lies ready, for the first message of a turn. */
static __attribute__((noinline)) bool queue_begins(struct weir_ws *ws, size_t len) {
    return ws->out.tail == NULL && weir__out_begin(&ws->out, WEIR__WS_HEAD_MAX + len);
}

/* May a small message be queued at once? Then nothing is wrong with the message or the connection,
 * no task waits to send, no message in parts was ever begun, and the queue has room. */
static inline bool may_send_now(struct weir_ws *ws, enum weir_ws_type type,
                                const void *data, size_t len) {
    bool is_plain = ws_is_open(ws) && !ws_is_client(ws) && weir__waitq_empty(&ws->out.room);
    return is_plain && ws->extra == NULL && len < WS_DIRECT_MIN && is_valid(type, data, len) &&
           ws_queued(ws) + len <= ws->config->o.queue_max &&
           (weir__out_has_room(&ws->out, WEIR__WS_HEAD_MAX + len) || queue_begins(ws, len));
}

static int send_turn(struct weir_ws *ws, size_t len) {
    struct ws_waiter w;
    int rc = weir__ws_send_state(ws);
    if (rc < 0 || may_send(ws, NULL, len))
        return rc;
    weir__ws_wait_begin(ws, &w, WS_SENDS);
    while ((rc = weir__ws_send_state(ws)) == 0 && !may_send(ws, &w, len))
        if ((rc = weir__ws_wait(ws, &w, &weir__ws_sends)) < 0)
            break;
    weir__ws_wait_end(ws, &w);
    return rc;
}

static int whole_queue(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    return ws_zip_of(ws) != NULL ? weir__ws_deflate_send(ws, first_byte, data, len)
                                 : weir__ws_queue(ws, first_byte, data, len);
}

static int whole_send(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    if (ws_zip_of(ws) != NULL)
        return weir__ws_deflate_send(ws, first_byte, data, len);
    bool is_direct = len >= WS_DIRECT_MIN && len <= WEIR__OUT_SLICE && !ws_is_client(ws);
    bool is_empty = ws->out.tail == NULL && !weir__out_writes(&ws->out);
    if (is_direct && is_empty && ws->config->driver->direct)
        return weir__ws_send_direct(ws, first_byte, data, len);
    return weir__ws_queue(ws, first_byte, data, len);
}

/* The peer would take a whole message between the parts of another for one of these parts. */
static int not_inside_parts(struct weir_ws *ws) {
    if (!ws_is_parting(ws))
        return 0;
    int rc = weir__ws_send_state(ws); /* that the connection has closed matters more than -EBUSY */
    return rc < 0 ? rc : weir__failf(-EBUSY, "ws send", weir_ws_peer(ws),
                                     "this task's message in parts is still open: end it with fin");
}

/* Any other send: check everything in its order, and wait for the task's turn and for room. */
static __attribute__((noinline)) int send_in_turn(struct weir_ws *ws, enum weir_ws_type type,
                                                  const void *data, size_t len) {
    int rc = send_check(ws, len);
    if (rc == 0)
        rc = text_check(ws, type, data, len);
    if (rc == 0)
        rc = not_inside_parts(ws);
    if (rc == 0)
        rc = send_turn(ws, len);
    return rc < 0 ? rc : whole_send(ws, (unsigned)type | WEIR__WS_FIN, data, len);
}

static __attribute__((noinline)) int send_slowly(struct weir_ws *ws, enum weir_ws_type type,
                                                 const void *data, size_t len) {
    ws->inside++;
    return ws_exit(ws, send_in_turn(ws, type, data, len));
}

/* A message that is queued at once lets no other task run, so this one is not counted inside. */
int weir_ws_send(struct weir_ws *ws, enum weir_ws_type type, const void *data, size_t len) {
    int rc = ws_check(ws, "ws send");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    struct weir__loop *l = ws->config->loop;
    if (weir__must_breathe(l) || !may_send_now(ws, type, data, len))
        return send_slowly(ws, type, data, len);
    weir__breathe_in(l);
    ws_queue_more(ws, (unsigned)type | WEIR__WS_FIN, data, len);
    return 0;
}

int weir__ws_await_room(struct weir_ws *ws, size_t len) {
    int rc = ws_enter(ws, "ws send");
    return rc < 0 ? rc : ws_exit(ws, send_turn(ws, len));
}

int weir_ws_try_send(struct weir_ws *ws, enum weir_ws_type type, const void *data, size_t len) {
    weir__not_null(ws, "weir_ws_try_send");
    int forked = weir__loop_enter(ws->config->loop, ws, "weir_ws_try_send");
    if (forked < 0)
        return forked;
    int rc = send_check(ws, len);
    if (rc == 0)
        rc = text_check(ws, type, data, len);
    if (rc < 0 || (rc = weir__ws_send_state(ws)) < 0 || (rc = not_inside_parts(ws)) < 0)
        return rc;
    if (!may_send(ws, NULL, len))
        return -EAGAIN;
    return whole_queue(ws, (unsigned)type | WEIR__WS_FIN, data, len);
}

/* A part may cut a character; the message may not. */
static int part_check(struct weir_ws *ws, struct weir__utf8 *u, const void *data, size_t len,
                      bool fin) {
    if (weir__utf8_feed(u, data, len) == len && (!fin || weir__utf8_done(u)))
        return 0;
    return weir__fail(WEIR_EUTF8, "ws send", weir_ws_peer(ws));
}

static void leave_parts_open(struct weir_ws *ws) {
    if (ws_is_open(ws))
        ws->config->driver->abandoned(ws);
}

int weir__ws_parts_close(struct weir_ws *ws) {
    int rc = weir__ws_queue_close(ws, WEIR__WS_INTERNAL, "a message in parts was not finished");
    if (rc < 0)
        weir__ws_cut(ws, rc);
    return rc;
}

bool weir__ws_parts_abandon(struct weir_ws *ws) {
    if (!ws_is_parting(ws))
        return false;
    weir__at_end_remove(&ws->extra->parting);
    leave_parts_open(ws);
    return true;
}

static void owner_ended(struct weir__at_end *e) {
    leave_parts_open(WEIR_CONTAINER(e, struct ws_extra, parting)->ws);
}

static int part_queue(struct weir_ws *ws, enum weir_ws_type type, const void *data, size_t len,
                      bool fin) {
    struct ws_extra *x = weir__ws_extra(ws);
    bool first = !ws_is_parting(ws);
    if (x == NULL)
        return weir__fail(-ENOMEM, "ws send", weir_ws_peer(ws));
    bool is_text = first ? type == WEIR_WS_TEXT : x->part_is_text;
    struct weir__utf8 text = first ? (struct weir__utf8){0} : x->part_text;
    unsigned opcode = first ? (unsigned)type : WEIR__WS_CONTINUATION;
    if (first)
        weir__ws_type_check(type, "weir_ws_send_part");
    int rc = send_check(ws, len);
    if (rc == 0 && is_text)
        rc = part_check(ws, &text, data, len, fin);
    if (rc == 0)
        rc = send_turn(ws, len);
    opcode |= fin ? WEIR__WS_FIN : 0u;
    if (rc == 0 && x->zip != NULL)
        rc = weir__ws_deflate_part(ws, opcode, data, len);
    else if (rc == 0)
        rc = weir__ws_queue(ws, opcode, data, len);
    if (rc < 0)
        return rc;
    if (first && !fin)
        weir__at_end_add(&x->parting, owner_ended);
    else if (!first && fin)
        weir__at_end_remove(&x->parting);
    x->part_is_text = is_text;
    x->part_text = text;
    if (fin)
        weir__ws_wake(ws);
    return 0;
}

int weir_ws_send_part(struct weir_ws *ws, enum weir_ws_type type, const void *data, size_t len,
                      bool fin) {
    int rc = ws_enter(ws, "ws send");
    return rc < 0 ? rc : ws_exit(ws, part_queue(ws, type, data, len, fin));
}
