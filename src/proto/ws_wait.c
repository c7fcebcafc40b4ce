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

static enum ws_why why_of(const struct weir__waiter *w) {
    return (enum ws_why)(uintptr_t)w->slot;
}

/* Senders stand in the order in which they came; only the task in the middle of a message in parts
 * stands before all, for they wait for that message. Of the others, those who flush stand last: a
 * wake stops at the first of them. */
static void take_place(struct weir_ws *ws, struct weir__waiter *w) {
    enum ws_why why = why_of(w);
    struct weir__waitq *q = why == WS_SENDS ? &ws->out.room : &ws->others;
    if (why == WS_SENDS ? ws_is_parting(ws) : why != WS_FLUSHES)
        weir__waitq_add_first(q, w);
    else
        weir__waitq_add(q, w);
}

void weir__ws_wait_begin(struct weir_ws *ws, struct ws_waiter *w, enum ws_why why) {
    weir__wait_begin(&w->wait, NULL, ws);
    if (why == WS_LEAVES_LAST)
        w->wait.park.abort = NULL;
    w->wait.all = &w->waiter;
    w->waiter = (struct weir__waiter){.slot = (void *)(uintptr_t)why, .wait = &w->wait};
    take_place(ws, &w->waiter);
}

int64_t weir__ws_wait_park(struct weir_ws *ws, struct ws_waiter *w,
                           const struct weir__what *what) {
    /* Who feels a cancel leaves: a wait that goes on behind a shield is a new one. */
    WEIR_CHECK(w->wait.park.abort != NULL || why_of(&w->waiter) == WS_LEAVES_LAST);
    w->wait.won = NULL; /* it has looked, and there was no reason to return */
    if (w->waiter.in == NULL)
        take_place(ws, &w->waiter);
    w->wait.park.what = what;
    int64_t rc = weir__wait_park(&w->wait);
    w->wait.park.task = NULL; /* it may park elsewhere now, and is not to be made ready then */
    return rc;
}

int weir__ws_wait(struct weir_ws *ws, struct ws_waiter *w, const struct weir__what *what) {
    int rc = (int)weir__ws_wait_park(ws, w, what);
    return rc < 0 ? weir__fail(rc, what->text, weir_ws_peer(ws)) : 0;
}

/* Only the first in the queue is woken; it wakes the next when it leaves. It has to look whether
 * there is room for its own message, so it gets its place back with the grant: a newcomer finds it
 * there and stands behind. A second wake before it has run finds that it has won already. */
static void wake_first_sender(struct weir_ws *ws) {
    struct weir__waiter *w = weir__waitq_first(&ws->out.room);
    if (w == NULL || w->wait->won != NULL)
        return;
    weir__waiter_grant(w, 0);
    weir__waitq_add_first(&ws->out.room, w);
}

/* If no message can be sent any more, all are woken. */
static void wake_senders(struct weir_ws *ws) {
    struct weir__waiter *w;
    if (ws_is_open(ws)) {
        wake_first_sender(ws);
        return;
    }
    while ((w = weir__waitq_first(&ws->out.room)) != NULL)
        if (w->wait->won != NULL) /* the first, which was woken before */
            weir__waiter_remove(w);
        else
            weir__waiter_grant(w, 0);
}

/* Those who wait for any change are few, and stand before those who flush. Each looks, and takes a
 * place again if it has to wait on. */
static void wake_others(struct weir_ws *ws) {
    bool flushed = ws_is_flushed(ws);
    struct weir__waiter *w;
    while ((w = weir__waitq_first(&ws->others)) != NULL && (flushed || why_of(w) != WS_FLUSHES))
        weir__waiter_grant(w, 0);
}

void weir__ws_wake_waiting(struct weir_ws *ws) {
    wake_senders(ws);
    wake_others(ws);
}

void weir__ws_wait_end(struct weir_ws *ws, struct ws_waiter *w) {
    weir__wait_end(&w->wait);
    if (why_of(&w->waiter) != WS_SENDS)
        return;
    wake_senders(ws); /* the next in the queue */
    if (weir__waitq_empty(&ws->out.room))
        wake_others(ws); /* a publisher lets those who wait to send go first */
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
