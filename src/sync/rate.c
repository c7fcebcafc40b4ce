/* SPDX-License-Identifier: MIT */
/* rate.c - a bucket of tokens, in whole numbers: a token counts per units, and each nanosecond
 * brings tokens units. So nothing is rounded, and the rate is exact however long it runs. One timer
 * is armed for the first task that waits. */
#include <errno.h>
#include <string.h>
#include <weir/limit.h>

#include "base/time.h"
#include "sync/sync.h"

#undef weir_rate_init

struct rate { /* behind struct weir_rate */
    struct weir__sync sync;
    struct weir__timer timer; /* armed exactly while a task waits */
    int64_t tokens; /* units that a nanosecond brings; 0: it was never initialised */
    int64_t per;    /* units of a token */
    int64_t level, full; /* units */
    weir_ns at;     /* when level was right */
};
static_assert(sizeof(struct rate) <= sizeof(struct weir_rate), "public size is ABI");

static const char kind[] = "rate limiter";
static const struct weir__what acquires = WEIR__SYNC_WHAT("rate acquire", kind, NULL);

static struct rate *rate_of(const struct weir_rate *rate, const char *call) {
    struct rate *r = (struct rate *)(void *)(uintptr_t)rate;
    weir__not_null(rate, call);
    if (__builtin_expect(r->tokens == 0, 0))
        WEIR_BUG("%s: the rate limiter was not initialised", call);
    return r;
}

static void serve(struct weir__sync *s);

static void tokens_are_there(struct weir__timer *t) {
    serve(&WEIR_CONTAINER(t, struct rate, timer)->sync);
}

void weir_rate_init_at(const struct weir_site *site, struct weir_rate *rate, int64_t tokens,
                       weir_ns per_ns, int64_t burst) {
    struct rate *r = (struct rate *)(void *)rate;
    weir__not_null(rate, "weir_rate_init");
    if (tokens <= 0 || per_ns <= 0 || burst <= 0 || burst > INT64_MAX / 2 / per_ns)
        WEIR_BUG("weir_rate_init: %lld tokens in %lld ns, at most %lld: each must be 1 or more, "
                 "and the product of the last two below 2^62", (long long)tokens,
                 (long long)per_ns, (long long)burst);
    weir__sync_init(&r->sync, kind, site);
    weir__timer_init(&r->timer, tokens_are_there);
    r->tokens = tokens;
    r->per = per_ns;
    r->level = r->full = burst * per_ns;
    r->at = 0;
}

void weir_rate_init(struct weir_rate *r, int64_t tokens, weir_ns per_ns, int64_t burst) {
    weir_rate_init_at(NULL, r, tokens, per_ns, burst);
}

void weir_rate_fini(struct weir_rate *rate) {
    weir__not_null(rate, "weir_rate_fini");
    weir__sync_fini(&((struct rate *)(void *)rate)->sync, kind, "weir_rate_fini");
    memset(rate, 0, sizeof *rate);
}

/* What has flowed in until now. */
static void flow(struct rate *r, weir_ns now) {
    weir_ns passed = now - r->at;
    if (passed <= 0) /* or another run's clock */
        passed = 0;
    if (passed > (r->full - r->level) / r->tokens)
        r->level = r->full;
    else
        r->level += passed * r->tokens;
    r->at = now;
}

static int64_t wanted(const struct weir__waiter *w) {
    return *(const int64_t *)w->slot;
}

/* For the time at which w, the first, can be granted. */
static void arm(struct rate *r, const struct weir__waiter *w) {
    int64_t missing = wanted(w) * r->per - r->level;
    weir__timer_arm(weir__loop_here()->timers, &r->timer,
                    weir__deadline(r->at, missing / r->tokens + (missing % r->tokens != 0)));
}

static void serve(struct weir__sync *s) {
    struct rate *r = WEIR_CONTAINER(s, struct rate, sync);
    struct weir__waiter *w;
    flow(r, weir_now());
    while ((w = weir__waitq_first(&s->queue)) != NULL && wanted(w) <= r->level / r->per) {
        r->level -= wanted(w) * r->per;
        weir__sync_grant(s, w, 0);
    }
    if (w != NULL)
        arm(r, w);
    else
        weir__timer_disarm(weir__loop_here()->timers, &r->timer);
}

/* Returns 0, -EAGAIN, or an error. */
static int take(struct rate *r, int64_t n, const char *what) {
    if (n < 0)
        return weir__failf(-EINVAL, what, NULL, "%lld tokens", (long long)n);
    if (n > r->full / r->per)
        return weir__failf(WEIR_ETOOBIG, what, NULL, "%lld tokens are asked for, of at most %lld",
                           (long long)n, (long long)(r->full / r->per));
    flow(r, weir_now());
    if (!weir__waitq_empty(&r->sync.queue) || n > r->level / r->per)
        return -EAGAIN;
    r->level -= n * r->per;
    return 0;
}

int weir_rate_acquire(struct weir_rate *rate, int64_t n) {
    int rc = weir__suspend_enter("rate acquire");
    if (rc < 0)
        return rc;
    struct rate *r = rate_of(rate, "weir_rate_acquire");
    rc = weir__sync_enter(&r->sync, kind, "weir_rate_acquire", "rate acquire");
    if (rc < 0)
        return rc;
    rc = take(r, n, "rate acquire");
    if (rc != -EAGAIN)
        return rc;
    struct weir__sync_wait sw;
    bool first = weir__waitq_empty(&r->sync.queue);
    weir__sync_wait_begin(&r->sync, &sw, &n, &acquires, serve);
    if (first) /* no second look at the clock: what it grants would be granted to no parked task */
        arm(r, &sw.waiter);
    return weir__sync_wait_park(&sw, &acquires);
}

int weir_rate_try_acquire(struct weir_rate *rate, int64_t n) {
    struct rate *r = rate_of(rate, "weir_rate_try_acquire");
    weir__sync_touch(&r->sync, kind, "weir_rate_try_acquire");
    return take(r, n, "rate try_acquire");
}
