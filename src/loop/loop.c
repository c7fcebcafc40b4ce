/* SPDX-License-Identifier: MIT */
/* loop.c - open, one turn, the flushes, close. */
#include "loop/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "loop/debug.h"
#include "weir-features.h"

static int enlist(struct weir__loop *l, const char *name, const char **ret_why) {
    int rc = weir__timers_new(weir__loop_now(l), &l->timers);
    if (rc < 0) {
        *ret_why = "no memory for the timers";
        return rc;
    }
    rc = weir__loop_enlist(l->handle, name);
    if (rc < 0) {
        weir__timers_free(l->timers);
        *ret_why = "too many loops";
    }
    return rc;
}

int weir__loop_init(struct weir__loop *l, const char *backend, const char *name,
                    const char **ret_why) {
    memset(l, 0, sizeof *l);
    int rc = weir__backend_open(backend, &l->backend, ret_why);
    if (rc < 0)
        return rc;
    l->handle = weir__alloc_zero(sizeof *l->handle);
    *ret_why = "no memory for the loop";
    rc = -ENOMEM;
    if (l->handle != NULL) { /* whole before other threads find it in the registry */
        weir__mailbox_init(&l->handle->mail, l->backend->latch);
        l->handle->own = l;
        rc = enlist(l, name, ret_why);
    }
    if (rc < 0) {
        if (l->handle != NULL)
            l->handle->own = NULL;
        weir__loop_unref(l->handle);
        l->backend->ops->close(l->backend);
        return rc;
    }
    weir__list_init(&l->flushes);
    weir__list_init(&l->hatches);
    weir__list_init(&l->writes);
    l->number = l->handle->number;
    l->turn_ns = weir__loop_now(l);
    snprintf(l->handle->why, sizeof l->handle->why, "%s", l->backend->ops->explain(l->backend));
    l->thread = pthread_self();
    l->exact = strcmp(l->backend->ops->name, "sim") == 0;
    return 0;
}

void weir__loop_stop(struct weir__loop *l) {
    size_t dropped = weir__loop_drop_posts(l->handle);
    if (l->unclosed > 0)
        weir__log(WEIR_LOG_WARNING,
                  l->unclosed == 1
                      ? "loop '%s' ended: %zu object (a stream, file or the like) was never "
                        "closed%s"
                      : "loop '%s' ended: %zu objects (streams, files or the like) were never "
                        "closed%s",
                  l->handle->name, l->unclosed,
                  l->debug == NULL ? "; WEIR_DEBUG=1 says which" : "");
    weir__debug_stop(l);
    if (dropped > 0)
        weir__log(WEIR_LOG_WARNING, "loop '%s' ended: %zu post%s dropped",
                  l->handle->name, dropped, dropped == 1 ? " to it was" : "s to it were");
}

void weir__loop_fini(struct weir__loop *l) {
    WEIR_CHECK(weir__list_empty(&l->flushes));
    if (weir__timers_armed(l->timers)) /* the keepalive's: all others end with their tasks */
        WEIR_BUG("loop '%s' ended while a timer was armed: weir_ws_drop was not called for a "
                 "WebSocket (never closed: %zu streams, listeners or WebSockets)",
                 l->handle->name, l->unclosed);
    weir__timers_free(l->timers);
    l->backend->ops->close(l->backend);
    l->timers = NULL;
    l->backend = NULL;
    weir__loop_delist(l->handle);
    l->handle->own = NULL;
    weir__loop_unref(l->handle);
}

static void run_posts(struct weir__loop *l) {
    struct weir__post *p = weir__mailbox_take(&l->handle->mail);
    if (p == NULL)
        return;
    for (struct weir__post *next; p != NULL; p = next) {
        next = p->next; /* p is its owner's again once called */
        p->fn(p, false);
    }
    weir__loop_return_spares(l->handle);
}

static void wake_completed(struct weir__op *op) {
    for (struct weir__op *next; op != NULL; op = next) {
        next = op->next; /* op is its owner's again once woken */
        op->wake(op);
    }
}

void weir__loop_turn(struct weir__loop *l, weir_ns until_ns) {
    if (!weir__loop_may_sleep(l))
        until_ns = 0;
    if (until_ns > 0) {
        weir_ns timer_ns = weir__timers_next(l->timers, l->exact);
        until_ns = timer_ns < until_ns ? timer_ns : until_ns;
    }
    if (until_ns > 0 && !weir__mailbox_wait(&l->handle->mail))
        until_ns = 0; /* a post has just come */
    if (WEIR_HAVE_MARK_CHECKS) /* a debug build: nothing above has queued work */
        WEIR_CHECK(until_ns <= 0 || (l->ready == 0 && weir__list_empty(&l->flushes)));
    if (__builtin_expect(l->debug != NULL, 0))
        weir__debug_waits(l);
    struct weir__op *done = l->backend->ops->turn(l->backend, until_ns);
    if (__builtin_expect(l->debug != NULL, 0))
        weir__debug_stint(l, NULL, NULL);
    l->turn_ns = weir__loop_now(l);
    l->turns++;
    wake_completed(done);
    run_posts(l);
    weir__timers_fire(l->timers, l->turn_ns);
}

int weir__loop_fd(struct weir__loop *l) {
    const struct weir__backend_ops *ops = l->backend->ops;
    return ops->descriptor != NULL ? ops->descriptor(l->backend) : -EOPNOTSUPP;
}

/* The mailbox's mark and the backend's latch stay as they are until the next turn. */
weir_ns weir__loop_prepare(struct weir__loop *l) {
    const struct weir__backend_ops *ops = l->backend->ops;
    if (!weir__loop_may_sleep(l) || ops->arm == NULL || !weir__mailbox_wait(&l->handle->mail)
        || !ops->arm(l->backend))
        return 0;
    weir_ns next_ns = weir__timers_next(l->timers, l->exact);
    if (next_ns == WEIR_NEVER)
        return WEIR_NEVER;
    weir_ns left_ns = next_ns - weir__loop_now(l);
    return left_ns > 0 ? left_ns : 0;
}

void weir__loop_flush_add(struct weir__loop *l, struct weir__flush *f) {
    WEIR_CHECK(f->flush != NULL && weir__list_empty(&f->link));
    weir__list_add_tail(&l->flushes, &f->link);
}

void weir__loop_flush(struct weir__loop *l) {
    struct weir__list now;
    weir__list_take(&now, &l->flushes);
    while (!weir__list_empty(&now)) {
        struct weir__flush *f = WEIR_CONTAINER(now.next, struct weir__flush, link);
        weir__list_remove(&f->link);
        f->flush(f);
    }
}
