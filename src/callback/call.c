/* SPDX-License-Identifier: MIT */
/* call.c - callbacks that the loop calls soon or at a time. Every call goes through the loop's one
 * queue: a timer that is due puts its call at the end. So the order is asyncio's.
 *
 * A call lies in a slab, not in a list: a million armed calls fire in any order, and to unlink each
 * from a list would touch two others. Only the end of the run needs to find them all. With very
 * many, each call is a cache miss: so a call is one cache line, and a queued call names a later one
 * of the queue, which is fetched while those between are called. */
#include "callback/call.h"

#include <assert.h>
#include <errno.h>
#include <weir/callback.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/time.h"
#include "loop/handle.h"

enum { SLAB = 64, LINE = 64 };

enum state { SPARE, QUEUED, TIMED, CALLED };

struct weir_call {
    union {
        struct weir__timer timer; /* TIMED */
        struct weir__soon soon;   /* QUEUED */
    };
    union {
        void (*fn)(void *arg);
        struct weir_call *next; /* SPARE */
    };
    void *arg;
    const struct weir_call *ahead; /* once queued: the call CALLS_AHEAD later, to be fetched. Only
                                    * an address: that call may be spare, or queued again */
    uint16_t loop; /* number */
    uint8_t state;
    bool held;     /* the user has a handle */
};

static_assert(sizeof(struct weir_call) <= LINE, "a call is one cache line");

struct call_slab {
    struct call_slab *next;
    struct weir_call *calls; /* SLAB of them, behind this head, at a multiple of LINE */
};

static struct calls *calls_here(void) {
    return weir__loop()->calls;
}

static void spare(struct calls *cs, struct weir_call *c) {
    c->state = SPARE;
    c->next = cs->spare;
    cs->spare = c;
}

static void end_calls(struct calls *cs) {
    for (struct call_slab *slab = cs->slabs, *next; slab != NULL; slab = next) {
        next = slab->next;
        for (int i = 0; i < SLAB; i++)
            if (slab->calls[i].state == TIMED)
                weir__timer_disarm(weir__loop()->timers, &slab->calls[i].timer);
        weir__free(slab);
    }
}

/* What fn does may need a call: so this one is spare before. */
static void call_now(struct weir__soon *n, bool dropped) {
    struct weir_call *c = WEIR_CONTAINER(n, struct weir_call, soon);
    void (*fn)(void *arg) = c->fn;
    void *arg = c->arg;
    __builtin_prefetch(c->ahead, 1);
    c->state = CALLED;
    if (!c->held)
        spare(calls_here(), c);
    if (!dropped)
        fn(arg);
}

static void queue(struct calls *cs, struct weir_call *c) {
    struct weir_call **last = &cs->queued[cs->queued_count++ % CALLS_AHEAD];
    if (*last != NULL)
        (*last)->ahead = c;
    *last = c;
    c->state = QUEUED;
    weir__soon_prepare(&c->soon, call_now);
    weir__soon_add(&c->soon);
}

static void call_due(struct weir__timer *t) {
    struct weir_call *c = WEIR_CONTAINER(t, struct weir_call, timer);
    queue(calls_here(), c);
}

static bool grow(struct calls *cs) {
    struct call_slab *slab = weir__alloc(sizeof *slab + LINE - 1 + (size_t)SLAB * LINE);
    if (slab == NULL)
        return false;
    uintptr_t behind = (uintptr_t)(slab + 1);
    slab->calls = (struct weir_call *)(behind + (LINE - behind % LINE) % LINE);
    slab->next = cs->slabs;
    cs->slabs = slab;
    cs->end_calls = end_calls;
    for (int i = SLAB - 1; i >= 0; i--) {
        struct weir_call *c = &slab->calls[i];
        c->ahead = NULL;
        c->loop = weir__loop()->number;
        spare(cs, c);
    }
    return true;
}

static int call_new(const char *what, void (*fn)(void *arg), void *arg,
                    struct weir_call **ret_call) {
    struct calls *cs;
    if (fn == NULL)
        WEIR_BUG("weir_%s: the function is NULL", what);
    int rc = weir__calls(what, &cs);
    if (rc < 0)
        return rc;
    if (cs->spare == NULL && !grow(cs))
        return weir__fail(-ENOMEM, what, NULL);
    struct weir_call *c = cs->spare;
    cs->spare = c->next;
    c->fn = fn;
    c->arg = arg;
    *ret_call = c;
    return 0;
}

static int handed_out(struct weir_call *c, struct weir_call **ret_call) {
    c->held = ret_call != NULL;
    if (ret_call != NULL)
        *ret_call = c;
    return 0;
}

int weir_call_soon(void (*fn)(void *arg), void *arg, struct weir_call **ret_call) {
    struct weir_call *c;
    int rc = call_new("call_soon", fn, arg, &c);
    if (rc < 0)
        return rc;
    queue(calls_here(), c);
    return handed_out(c, ret_call);
}

static int call_at(const char *what, weir_ns when_ns, void (*fn)(void *arg), void *arg,
                   struct weir_call **ret_call) {
    struct weir_call *c;
    int rc = call_new(what, fn, arg, &c);
    if (rc < 0)
        return rc;
    c->state = TIMED;
    weir__timer_init(&c->timer, call_due);
    weir__timer_arm(weir__loop()->timers, &c->timer, when_ns);
    return handed_out(c, ret_call);
}

int weir_call_later(weir_ns delay_ns, void (*fn)(void *arg), void *arg,
                    struct weir_call **ret_call) {
    return call_at("call_later", weir__deadline(weir_now(), delay_ns), fn, arg, ret_call);
}

int weir_call_at(weir_ns when_ns, void (*fn)(void *arg), void *arg,
                 struct weir_call **ret_call) {
    return call_at("call_at", when_ns, fn, arg, ret_call);
}

/* c's function will not be called, and c is spare. */
static void drop(struct weir__loop *l, struct weir_call *c) {
    c->held = false;
    if (c->state == QUEUED)
        weir__soon_remove(&c->soon);
    else if (c->state == TIMED)
        weir__timer_disarm(l->timers, &c->timer);
    spare(l->calls, c);
}

void weir__call_drop(struct weir_loop *l, struct weir_call *c) {
    if (!weir__mailbox_is_parents(&l->mail) && l->own != NULL && l->own->calls != NULL)
        drop(l->own, c);
}

/* The handle is taken: its call must be one of this loop, and held. */
static struct weir_call *take(struct weir_call **take_call, const char *call) {
    struct weir_call *c = *take_call;
    const struct weir__loop *l = weir__loop();
    if (l == NULL || l->calls == NULL)
        WEIR_BUG("%s: the run of the call's loop has ended, or this is another thread", call);
    if (c->loop != l->number || c->state == SPARE || !c->held)
        WEIR_BUG("%s: no handle of a call of this loop (given back already?)", call);
    *take_call = NULL;
    c->held = false;
    return c;
}

bool weir_call_cancel(struct weir_call **take_call) {
    if (take_call == NULL || *take_call == NULL)
        return false;
    struct weir_call *c = take(take_call, "weir_call_cancel");
    bool in_time = c->state != CALLED;
    drop(weir__loop(), c);
    return in_time;
}

void weir_call_release(struct weir_call **take_call) {
    if (take_call == NULL || *take_call == NULL)
        return;
    struct weir_call *c = take(take_call, "weir_call_release");
    if (c->state == CALLED)
        spare(calls_here(), c);
}

/* ---- from other threads ---- */

struct from_outside {
    struct weir__post post;
    struct weir__soon soon;
    void (*fn)(void *arg);
    void *arg;
};

static void outside_called(struct weir__soon *n, bool dropped) {
    struct from_outside call = *WEIR_CONTAINER(n, struct from_outside, soon);
    weir__free(WEIR_CONTAINER(n, struct from_outside, soon));
    if (!dropped)
        call.fn(call.arg);
}

/* The post has come to the loop: it takes its place in the queue now. */
static void outside_came(struct weir__post *p, bool dropped) {
    struct from_outside *call = WEIR_CONTAINER(p, struct from_outside, post);
    if (dropped)
        weir__free(call);
    else
        weir__soon_add(&call->soon);
}

int weir_call_soon_threadsafe(struct weir_loop *l, void (*fn)(void *arg), void *arg) {
    if (l == NULL || fn == NULL)
        WEIR_BUG("weir_call_soon_threadsafe: the %s is NULL", l ? "function" : "loop");
    if (weir_loop_current() == l)
        return weir_call_soon(fn, arg, NULL);
    struct from_outside *call = weir__alloc(sizeof *call);
    if (call == NULL)
        return -ENOMEM;
    *call = (struct from_outside){.post.fn = outside_came, .fn = fn, .arg = arg};
    weir__soon_prepare(&call->soon, outside_called);
    int rc = weir__loop_push(l, &call->post);
    if (rc < 0)
        weir__free(call);
    return rc;
}
