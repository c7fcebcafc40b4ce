/* SPDX-License-Identifier: MIT */
/* accept.c - one task accepts on a listener. Each socket has a slot with one ACCEPT op. The op
 * stays pending when the task is cancelled; the connection that it brings waits in the slot for the
 * next call, so that a cancel loses none. */
#include "stream/listener.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/time.h"

enum {
    PAUSE_MS = 20, /* after an error that may pass: no event says that it has */
    SAY_MS = 1000  /* between two lines of the log about such errors */
};

#define ON_LISTENER .link = "on", .kind = WEIR__ON_LISTENER, \
                    .at = {.fd_at = offsetof(struct weir_listener, slots[0].file.fd)}
static const struct weir__what accepts = {.text = "accept", ON_LISTENER};
static const struct weir__what pauses = {.text = "accept: waits for an error to pass",
                                         ON_LISTENER};

static const struct weir__what holds = {.text = "accept: waits for TLS handshakes to end",
                                        ON_LISTENER};

/* ---- life ---- */

void weir__listener_free(struct weir_listener *l) {
    if (!l->closed || l->closing > 0 || l->entered)
        return;
    if (l->over != NULL && l->over->unlistened != NULL)
        l->over->unlistened(l->over_arg);
    weir__free(l);
}

static void slot_closed(struct weir__op *op) {
    struct weir_listener *l = op->waiter;
    weir__close_done(l->loop);
    l->closing--;
    weir__listener_free(l);
}

void weir__listener_let_go(struct weir_listener *l, struct weir__file *file, struct weir__op *op) {
    op->waiter = l;
    l->closing++;
    weir__close_submit(l->loop, op, file, slot_closed);
}

void weir__listener_close_late(struct weir_listener *l, struct slot *slot) {
    slot->state = SLOT_EMPTY;
    if (slot->accept.result < 0)
        return;
    slot->stray.fd = (int)slot->accept.result; /* never attached: its close is a reset */
    weir__listener_let_go(l, &slot->stray, &slot->stray_close);
}

/* ---- accepting ---- */

static void accepted(struct weir__op *op) {
    struct slot *slot = op->waiter;
    struct weir_listener *l = slot->listener;
    slot->state = SLOT_FULL;
    if (l->closed)
        weir__listener_close_late(l, slot);
    else
        weir__waitq_grant(&l->waiting);
}

static void arm(struct weir_listener *l, struct slot *slot) {
    slot->accept = (struct weir__op){.kind = WEIR__ACCEPT,
                                     .file = &slot->file,
                                     .wake = accepted,
                                     .waiter = slot,
                                     .u.accept = {&slot->peer}};
    slot->peer.len = 0;
    slot->state = SLOT_ARMED;
    if (weir__submit(l->loop->backend, &slot->accept) == WEIR__DONE)
        slot->state = SLOT_FULL;
}

/* A slot that has a connection or an error, each address in its turn; NULL if none has. Slots that
 * are empty get a new ACCEPT. */
static struct slot *full_slot(struct weir_listener *l) {
    for (unsigned i = 0; i < l->count; i++) {
        struct slot *slot = &l->slots[(l->turn + i) % l->count];
        if (slot->state == SLOT_EMPTY)
            arm(l, slot);
        if (slot->state == SLOT_FULL) {
            l->turn = (l->turn + i + 1) % l->count;
            return slot;
        }
    }
    return NULL;
}

static void retry_due(struct weir__timer *t) {
    weir__waitq_grant(&WEIR_CONTAINER(t, struct weir_listener, retry)->waiting);
}

/* May a later accept succeed after this error? Errors of the network, the firewall or a shortage
 * pass; accept(2) names a dozen and says that there are more. So this lists the others, which do
 * not pass: our own mistakes and the close of the listener. */
static bool passes(int64_t rc) {
    return rc > -4096 && rc != -EBADF && rc != -ENOTSOCK && rc != -EINVAL && rc != -EFAULT &&
           rc != -ECANCELED;
}

static void say(struct weir_listener *l, weir_ns now, int why) {
    char where[32] = "a unix socket";
    if (l->hatch != NULL)
        snprintf(where, sizeof where, "a name in memory");
    if (l->said_ns != 0 && now - l->said_ns < WEIR_MILLISECONDS(SAY_MS))
        return;
    l->said_ns = now;
    if (l->port != 0)
        snprintf(where, sizeof where, "port %d", l->port);
    weir__log(WEIR_LOG_WARNING, "accept on %s: %s (%s); connections wait", where,
              weir_error_text(why), weir_error_name(why));
}

static int pause_for(struct weir_listener *l, int why) {
    weir_ns now = weir__loop_now(l->loop);
    say(l, now, why);
    weir__timer_init(&l->retry, retry_due);
    weir__timer_arm(l->loop->timers, &l->retry, weir__deadline(now, WEIR_MILLISECONDS(PAUSE_MS)));
    int rc = (int)weir__waitq_wait(&l->waiting, NULL, &pauses, l);
    weir__timer_disarm(l->loop->timers, &l->retry);
    return rc;
}

int weir__listener_pause(struct weir_listener *l, int why) {
    int rc = l->closed ? WEIR_ECLOSED : l->interrupt;
    if (rc == 0)
        rc = pause_for(l, why);
    return rc < 0 ? weir__fail(rc, "accept", NULL) : 0;
}

/* k NULL: the descriptor is what is wanted. */
static int take(struct weir_listener *l, struct slot *slot, struct weir__socket *k, int *ret_fd) {
    int64_t fd = slot->accept.result;
    if (fd >= 0) {
        int rc = 0;
        if (k != NULL)
            rc = weir__socket_adopt(k, (int)fd, &slot->peer);
        else
            *ret_fd = (int)fd;
        if (rc >= 0)
            slot->state = SLOT_EMPTY; /* else the connection stays in the slot for the next try */
        return rc >= 0 ? 1 : weir__stream_lacks(rc) ? pause_for(l, rc) : rc;
    }
    slot->state = SLOT_EMPTY;
    return passes(fd) ? pause_for(l, (int)fd) : (int)fd;
}

/* A connection has come. Has what the listener is over room for it? Returns 1: take it; 0: the wait
 * is over, look again; the felt code. The connection stays in its slot. */
static int wait_room(struct weir_listener *l) {
    struct weir__waitq *room = l->over != NULL ? l->over->full(l->over_arg) : NULL;
    struct weir__wait wait;
    struct weir__waiter own, other;
    if (room == NULL)
        return 1;
    weir__wait_begin(&wait, &holds, l);
    weir__wait_add(&wait, &own, &l->waiting, NULL);
    weir__wait_add(&wait, &other, room, NULL);
    return (int)weir__wait_park(&wait);
}

static int next_of(struct weir_listener *l, struct weir__socket *k, int *ret_fd) {
    int rc = 0;
    if (l->hatch != NULL)
        return weir__failf(-EOPNOTSUPP, "accept", NULL,
                           "a listener in memory has no sockets: use weir_accept (EOPNOTSUPP)");
    while (rc == 0) {
        struct slot *slot;
        if (l->closed || l->interrupt != 0)
            rc = l->closed ? WEIR_ECLOSED : l->interrupt;
        else if ((slot = full_slot(l)) == NULL)
            rc = (int)weir__waitq_wait(&l->waiting, NULL, &accepts, l);
        else if (k == NULL || (rc = wait_room(l)) == 1)
            rc = take(l, slot, k, ret_fd);
    }
    return rc < 0 ? weir__fail(rc, "accept", NULL) : 0;
}

struct weir__loop *weir__listener_loop(const struct weir_listener *l) {
    return l->loop;
}

int weir__listener_next(struct weir_listener *l, struct weir__socket *k) {
    return next_of(l, k, NULL);
}

void weir__listener_interrupt(struct weir_listener *l, int rc) {
    l->interrupt = rc;
    weir__waitq_grant(&l->waiting);
}

int weir__listener_enter(struct weir_listener *l, const char *what) {
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    if ((rc = weir__loop_enter(l->loop, l, what)) < 0)
        return rc;
    if (l->entered)
        return weir__failf(-EBUSY, what, NULL, "another task is accepting (EBUSY)");
    l->entered = true;
    l->interrupt = 0;
    if (weir__breathe() && (l->closed || weir_cancelled() != 0))
        return weir__listener_leave(l, weir__fail(l->closed ? WEIR_ECLOSED : weir_cancelled(),
                                                  what, NULL));
    return 0;
}

int weir__listener_leave(struct weir_listener *l, int rc) {
    l->entered = false;
    if (!l->closed)
        return rc;
    weir__listener_free(l);
    return WEIR_ECLOSED;
}

static int next_in_memory(struct weir_listener *l, struct weir_stream **ret_stream) {
    for (int rc = 0;;) {
        rc = rc < 0 ? rc : l->closed ? WEIR_ECLOSED : l->interrupt;
        if (rc < 0)
            return weir__fail(rc, "accept", NULL);
        if (weir__hatch_take(l->hatch, ret_stream) == 1)
            return 0;
        rc = (int)weir__waitq_wait(&l->waiting, NULL, &accepts, l);
    }
}

static int next_socket(struct weir_listener *l, struct weir_stream **ret_stream) {
    struct weir__socket *k;
    int rc;
    while ((k = weir__alloc(sizeof *k)) == NULL)
        if ((rc = weir__listener_pause(l, -ENOMEM)) < 0)
            return rc;
    weir__socket_init(k, l->loop);
    rc = weir__listener_next(l, k);
    if (rc < 0)
        weir__free(k);
    else
        weir__stream_give(&k->stream, ret_stream);
    return rc;
}

/* What the listener is over gets each connection. If that fails, the connection is lost. */
static int next_over(struct weir_listener *l, struct weir_stream **ret_stream) {
    for (;;) {
        struct weir_stream *below;
        int rc = next_socket(l, &below);
        if (rc < 0 || (rc = l->over->wrap(l->over_arg, &below, ret_stream)) == 0)
            return rc;
        weir_close(&below);
        if ((rc = weir__listener_pause(l, rc)) < 0)
            return rc;
    }
}

int weir__listener_stream(struct weir_listener *l, struct weir_stream **ret_stream) {
    if (l->hatch != NULL)
        return next_in_memory(l, ret_stream);
    return l->over != NULL ? next_over(l, ret_stream) : next_socket(l, ret_stream);
}

bool weir__listener_has_sockets(const struct weir_listener *l) {
    return l->hatch == NULL && l->over == NULL;
}

void weir__listener_over(struct weir_listener *l, const struct weir__listens_over *over,
                         void *arg) {
    WEIR_CHECK(weir__listener_has_sockets(l));
    l->over = over;
    l->over_arg = arg;
}

int weir_accept(struct weir_listener *l, struct weir_stream **ret_stream) {
    weir__not_null(l, "weir_accept");
    struct weir_stream *s;
    int rc = weir__listener_enter(l, "accept");
    if (rc < 0)
        return rc;
    if ((rc = weir__listener_stream(l, &s)) < 0)
        return weir__listener_leave(l, rc);
    if (l->hatch == NULL) /* else its dial has remembered it */
        weir__stream_remember(s, __builtin_return_address(0));
    l->entered = false; /* if l was closed just now, this connection is still returned */
    weir__listener_free(l);
    *ret_stream = s;
    return 0;
}

int weir_accept_fd(struct weir_listener *l, int *ret_fd) {
    weir__not_null(l, "weir_accept_fd");
    int rc = weir__listener_enter(l, "accept");
    if (rc == 0 && (rc = next_of(l, NULL, ret_fd)) < 0)
        return weir__listener_leave(l, rc);
    if (rc < 0)
        return rc;
    l->entered = false; /* if l was closed just now, this connection is still returned */
    weir__listener_free(l);
    return 0;
}
