/* SPDX-License-Identifier: MIT */
/* transport.c - the life of a transport of any kind: begin, turns of the protocol, the marks of
 * what waits to be sent, the end.
 *
 *   close           lost_asked              is_gone
 *   closing --> nothing is left to send --> connection_lost was called --> the tasks have left
 *                   abort, an error, a cancel: at once
 */
#include "callback/transport.h"

#include <errno.h>

#include "base/alloc.h"

enum { HIGH_DEFAULT = 64 << 10, LOW_PART = 4 };

static const struct weir__what waits = {
    .text = "transport", .kind = WEIR__ON_SYNC, .object = "transport"};

void weir__transport_unref(struct transport *t) {
    if (--t->refs > 0)
        return;
    weir__failure_drop(&t->why);
    weir__free(t);
}

static void wake_pump(struct transport *t) {
    weir__waitq_wake_all(&t->pump, 0);
}

static int64_t wait_pump(struct transport *t, bool may_be_cut) {
    struct weir__wait wait;
    struct weir__waiter waiter;
    weir__wait_begin(&wait, &waits, t);
    if (!may_be_cut)
        wait.park.abort = NULL;
    weir__wait_add(&wait, &waiter, &t->pump, NULL);
    return weir__wait_park(&wait);
}

/* ---- begin ---- */

static void call_made(struct weir__soon *n, bool dropped) {
    struct transport *t = WEIR_CONTAINER(n, struct transport, made);
    t->is_made = true;
    if (!dropped)
        t->kind->made(t);
    weir__waitq_wake_all(&t->opener, 0);
    wake_pump(t);
}

/* The kernel reports a reset once. If a read that was under way has got it, a write found only that
 * nothing can be sent. */
static int reason(struct transport *t) {
    if (t->why.rc == -EPIPE && t->broke < 0)
        return weir__fail(t->broke, "write", NULL);
    return weir__failure_give(&t->why);
}

static void call_lost(struct weir__soon *n, bool dropped) {
    struct transport *t = WEIR_CONTAINER(n, struct transport, lost);
    if (!dropped)
        t->kind->lost(t, reason(t));
    t->is_gone = true;
    t->kind->close(t); /* a pump that reads, or a sender, gets WEIR_ECLOSED */
    wake_pump(t);
}

static void call_turn(struct weir__soon *n, bool dropped) {
    (void)dropped;
    wake_pump(WEIR_CONTAINER(n, struct transport, turn));
}

static int add_task(struct transport *t, int (*fn)(void *args), const char *name) {
    static const struct weir_site site = {"transport", __FILE__, "weir_transport_open", __LINE__};
    struct weir_spawn_options o = {.size = sizeof o, .name = name, .daemon = t->group == NULL};
    int rc = weir_spawn(t->group, &site, fn, &t, sizeof t, &o, NULL);
    if (rc == 0)
        t->refs++;
    return rc;
}

int weir__transport_begin(struct transport *t, const struct transport_kind *kind,
                          struct weir_group *g) {
    t->kind = kind;
    t->loop = weir__loop();
    t->group = g;
    t->high = HIGH_DEFAULT;
    t->low = HIGH_DEFAULT / LOW_PART;
    weir__soon_prepare(&t->made, call_made);
    weir__soon_prepare(&t->lost, call_lost);
    weir__soon_prepare(&t->turn, call_turn);
    return add_task(t, kind->pump, kind->name);
}

void weir__transport_connected(struct transport *t) {
    weir__soon_add(&t->made);
}

void weir__transport_refused(struct transport *t) {
    t->is_made = t->closing = t->lost_asked = t->is_gone = true;
    wake_pump(t);
}

int weir__transport_answer(struct weir__callback *c, int rc) {
    struct weir__failure why = {0};
    if (rc < 0)
        weir__failure_keep(&why, rc);
    weir__callback_end(c);
    if (rc < 0)
        weir__failure_give(&why);
    weir__failure_drop(&why);
    return rc < 0 ? rc : 0;
}

int weir__transport_opened(struct transport *t, const char *what) {
    t->refs++; /* the caller's */
    int rc = t->is_made ? 0 : (int)weir__waitq_wait(&t->opener, NULL, &waits, t);
    return rc < 0 ? weir__fail(rc, what, NULL) : 0;
}

/* ---- the pump ---- */

void weir__transport_await_made(struct transport *t) {
    while (!t->is_made)
        wait_pump(t, false);
}

bool weir__transport_reads(struct transport *t) {
    while (t->read_paused && !t->closing) {
        int64_t felt = wait_pump(t, true);
        if (felt < 0)
            weir__transport_lose(t, weir__fail((int)felt, waits.text, NULL));
    }
    return !t->closing && !t->at_end;
}

/* What a callback has asked for runs before the protocol's next call, as in asyncio. */
void weir__transport_turn(struct transport *t) {
    if (!weir__soon_waits())
        return;
    weir__soon_add(&t->turn);
    while (!weir__list_empty(&t->turn.link))
        wait_pump(t, false);
}

void weir__transport_end(struct transport *t) {
    while (!t->is_gone) {
        int64_t felt = wait_pump(t, !t->lost_asked);
        if (felt < 0)
            weir__transport_lose(t, weir__fail((int)felt, waits.text, NULL));
    }
    weir__transport_unref(t);
}

/* ---- sending ---- */

static void look_at_high(struct transport *t) {
    if (t->unsent <= t->high || t->write_paused)
        return;
    struct weir__callback c;
    t->write_paused = true;
    weir__callback_begin(&c);
    t->kind->pause(t);
    weir__callback_end(&c);
}

void weir__transport_queued(struct transport *t, size_t len) {
    t->unsent += len;
    look_at_high(t);
}

void weir__transport_sent(struct transport *t, size_t len) {
    t->unsent -= len;
    if (t->unsent > t->low || !t->write_paused)
        return;
    struct weir__callback c;
    t->write_paused = false;
    weir__callback_begin(&c);
    t->kind->resume(t);
    weir__callback_end(&c);
}

int weir__transport_send_later(struct transport *t) {
    if (t->sends)
        return 0;
    int rc = add_task(t, t->kind->sender, "sender");
    t->sends = rc == 0;
    if (rc < 0)
        weir__transport_lose(t, rc);
    return rc;
}

void weir__transport_sender_ends(struct transport *t, int rc) {
    t->sends = false;
    if (rc < 0 || t->closing)
        weir__transport_lose(t, rc);
    weir__transport_unref(t);
}

int weir__transport_set_limits(struct transport *t, ssize_t high, ssize_t low, const char *what) {
    if (high < 0 && low > PTRDIFF_MAX / LOW_PART)
        high = low;
    else if (high < 0)
        high = low < 0 ? HIGH_DEFAULT : low * LOW_PART;
    if (low < 0)
        low = high / LOW_PART;
    if (low > high)
        return weir__failf(-EINVAL, what, NULL, "the low-water mark is above the high one");
    t->high = (size_t)high;
    t->low = (size_t)low;
    look_at_high(t);
    return 0;
}

/* ---- the end ---- */

void weir__transport_lose(struct transport *t, int rc) {
    if (t->lost_asked)
        return;
    t->closing = t->lost_asked = true;
    if (rc < 0)
        weir__failure_keep(&t->why, rc);
    t->unsent = 0;
    t->kind->drop(t);
    weir__soon_add(&t->lost);
    wake_pump(t);
}

void weir__transport_close(struct transport *t) {
    if (t->closing)
        return;
    t->closing = true;
    if (t->unsent == 0 && !t->sends)
        weir__transport_lose(t, 0);
    wake_pump(t);
}

void weir__transport_pause_reading(struct transport *t, bool paused) {
    t->read_paused = paused;
    if (!paused)
        wake_pump(t);
}
