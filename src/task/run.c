/* SPDX-License-Identifier: MIT */
/* run.c - what a task asks of its loop: the time, chance, sleep, yield, posts, references. */
#include <time.h>

#include "base/check.h"
#include "base/time.h"
#include "sys/plain.h"
#include "task/internal.h"

weir_ns weir_now(void) {
    if (weir__sched != NULL)
        return weir__loop_now(&weir__sched->loop);
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (weir_ns)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint64_t weir_random(void) {
    uint64_t drawn;
    if (weir__sched != NULL)
        weir__sched->loop.backend->ops->random(weir__sched->loop.backend, &drawn, sizeof drawn);
    else
        weir__plain_random(&drawn, sizeof drawn);
    return drawn;
}

struct nap {
    struct weir__park park;
    struct weir__timer timer;
};

static void nap_over(struct weir__timer *t) {
    weir__unpark(&WEIR_CONTAINER(t, struct nap, timer)->park, 0);
}

static int nap_abort(struct weir__park *p) {
    weir__timer_disarm(weir__sched->loop.timers, &WEIR_CONTAINER(p, struct nap, park)->timer);
    return WEIR__DONE;
}

static int nap(const struct weir__what *what, weir_ns until_ns) {
    struct weir__timers *timers = weir__sched->loop.timers;
    struct nap n = {.park = {.abort = nap_abort, .what = what, .on = &n.timer}};
    weir__timer_init(&n.timer, nap_over);
    weir__timer_arm(timers, &n.timer, until_ns);
    int rc = (int)weir__park(&n.park);
    return rc < 0 ? weir__fail(rc, what->text, NULL) : 0;
}

static const struct weir__what sleeps = {.text = "sleep", .kind = WEIR__ON_TIMER};

int weir_sleep(weir_ns duration_ns) {
    int rc = weir__suspend_enter("sleep");
    if (rc < 0)
        return rc;
    struct sched *s = weir__sched;
    if (duration_ns <= 0) {
        weir__yield_now(s);
        return 0;
    }
    return nap(&sleeps, weir__deadline(weir__loop_now(&s->loop), duration_ns));
}

int weir_sleep_until(weir_ns when_ns) {
    int rc = weir__suspend_enter("sleep");
    if (rc < 0)
        return rc;
    if (when_ns > weir__loop_now(&weir__sched->loop))
        return nap(&sleeps, when_ns);
    weir__yield_now(weir__sched);
    return 0;
}

/* A timer that is due already: it fires in the next turn, after that turn's completed ops. */
int weir__look_around(const struct weir__what *what) {
    int rc = weir_cancelled(); /* not a cancel point at entry: a scope may have fired since */
    if (rc < 0)
        return weir__fail(rc, what->text, NULL);
    return nap(what, weir__loop_now(&weir__sched->loop));
}

int weir_yield(void) {
    int rc = weir__suspend_enter("yield");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    return (int)weir__yield_now(weir__sched); /* the last call: sched.c, switch_from */
}

struct weir_loop *weir_loop_current(void) {
    return weir__sched != NULL ? weir__sched->loop.handle : NULL;
}

static void loop_assert(const struct weir_loop *l, const char *call) {
    if (l == NULL)
        WEIR_BUG("%s: the loop is NULL (weir_loop_current() is, outside of a loop)", call);
}

const char *weir_loop_explain(struct weir_loop *l) {
    loop_assert(l, "weir_loop_explain");
    return l->why;
}

struct weir_loop *weir_loop_ref(struct weir_loop *l) {
    loop_assert(l, "weir_loop_ref");
    return weir__loop_ref(l);
}

void weir_loop_unref(struct weir_loop **take_loop) {
    if (take_loop == NULL || *take_loop == NULL)
        return;
    struct weir_loop *l = *take_loop;
    *take_loop = NULL;
    weir__loop_unref(l);
}

int weir_post(struct weir_loop *l, void (*fn)(void *arg), void *arg) {
    loop_assert(l, "weir_post");
    if (fn == NULL)
        WEIR_BUG("weir_post: the function is NULL");
    return weir__loop_post(l, fn, arg);
}
