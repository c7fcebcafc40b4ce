/* SPDX-License-Identifier: MIT */
/* ws_wait.c - the tasks that wait on a connection: senders in the order that they came, and all
 * others. */
#include "proto/ws_wait.h"

#include "base/check.h"

#define ON_WS .kind = WEIR__ON_WS, .stream_at = offsetof(struct weir_ws, stream)
const struct weir__what weir__ws_sends = {.text = "ws send", .link = "to", ON_WS};
const struct weir__what weir__ws_receives = {.text = "ws receive", .link = "from", ON_WS};
const struct weir__what weir__ws_closes = {.text = "ws close", .link = "with", ON_WS};
const struct weir__what weir__ws_flushes = {.text = "ws flush", .link = "to", ON_WS};
const struct weir__what weir__ws_ends = {.text = "ws end", .link = "with", ON_WS};

/* The connection points to the last waiter of a ring, whose next is the first. So each of these
 * takes the same time however many wait. */
static void ring_add(struct ws_waiter **last, struct ws_waiter *w, bool first) {
    struct ws_waiter *end = *last;
    w->next = end ? end->next : w;
    w->prev = end ? end : w;
    w->next->prev = w->prev->next = w;
    *last = end == NULL || !first ? w : end;
}

/* Does nothing if it stands in no ring. */
static void ring_remove(struct ws_waiter **last, struct ws_waiter *w) {
    if (w->next == NULL)
        return;
    if (*last == w)
        *last = w->prev != w ? w->prev : NULL;
    w->prev->next = w->next;
    w->next->prev = w->prev;
    w->next = w->prev = NULL;
}

static struct ws_waiter **ring_of(struct weir_ws *ws, const struct ws_waiter *w) {
    return w->why == WS_SENDS ? &ws->senders : &ws->others;
}

/* A cancel gives up the place at once. */
static int waiter_abort(struct weir__park *p) {
    struct ws_waiter *w = WEIR_CONTAINER(p, struct ws_waiter, park);
    w->parked = false;
    ring_remove(ring_of(w->ws, w), w);
    return WEIR__DONE;
}

/* Senders stand in the order in which they came; only the task in the middle of a message in parts
 * stands before all, for they wait for that message. Of the others, those who flush stand last: a
 * wake stops at the first of them. */
static void take_place(struct ws_waiter *w) {
    struct weir_ws *ws = w->ws;
    bool first = w->why == WS_SENDS ? ws_is_parting(ws) : w->why != WS_FLUSHES;
    ring_add(ring_of(ws, w), w, first);
}

void weir__ws_wait_begin(struct weir_ws *ws, struct ws_waiter *w, enum ws_why why) {
    *w = (struct ws_waiter){.park = {.abort = waiter_abort, .on = ws}, .ws = ws,
                            .why = (uint8_t)why};
    if (why == WS_LEAVES_LAST)
        w->park.abort = NULL;
    take_place(w);
}

int64_t weir__ws_wait_park(struct ws_waiter *w, const struct weir__what *what) {
    if (w->next == NULL)
        take_place(w); /* a wake took it out of the ring, and there was no reason to return */
    w->parked = true;
    w->park.what = what;
    return weir__park(&w->park);
}

int weir__ws_wait(struct weir_ws *ws, struct ws_waiter *w, const struct weir__what *what) {
    int rc = weir_cancelled(); /* the scope may have fired since the last wait */
    if (rc == 0)
        rc = (int)weir__ws_wait_park(w, what);
    return rc < 0 ? weir__fail(rc, what->text, weir_ws_peer(ws)) : 0;
}

static void wake_one(struct ws_waiter *w) {
    if (!w->parked)
        return; /* it was woken already, and has not run yet */
    w->parked = false;
    weir__unpark(&w->park, 0);
}

static void wake_all(struct ws_waiter **last) {
    while (*last != NULL) {
        struct ws_waiter *first = (*last)->next;
        ring_remove(last, first);
        wake_one(first);
    }
}

/* Only the first in line is woken; it wakes the next when it leaves the line. If no message can be
 * sent any more, all are woken. */
static void wake_senders(struct weir_ws *ws) {
    if (!ws_is_open(ws))
        wake_all(&ws->senders);
    else if (ws->senders != NULL)
        wake_one(ws->senders->next);
}

/* Those who wait for any change are few, and stand before those who flush. */
static void wake_others(struct weir_ws *ws) {
    if (ws_is_flushed(ws)) {
        wake_all(&ws->others);
        return;
    }
    struct ws_waiter *w = ws->others ? ws->others->next : NULL;
    while (w != NULL && w->why != WS_FLUSHES) {
        wake_one(w);
        w = w != ws->others ? w->next : NULL;
    }
}

void weir__ws_wake_waiting(struct weir_ws *ws) {
    wake_senders(ws);
    wake_others(ws);
}

void weir__ws_wait_end(struct weir_ws *ws, struct ws_waiter *w) {
    ring_remove(ring_of(ws, w), w);
    if (w->why == WS_SENDS)
        wake_senders(ws); /* the next in line */
}

int weir__ws_flushed(struct weir_ws *ws, const struct weir__what *what) {
    struct ws_waiter w;
    int rc = 0;
    weir__ws_wait_begin(ws, &w, WS_FLUSHES);
    while (rc == 0 && !ws_is_flushed(ws))
        rc = weir__ws_wait(ws, &w, what);
    weir__ws_wait_end(ws, &w);
    return rc;
}
