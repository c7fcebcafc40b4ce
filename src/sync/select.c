/* SPDX-License-Identifier: MIT */
/* select.c - waiting for several things, of which exactly one happens. First each case is
 * attempted, in order, and none stands in a queue yet: so a select never meets itself. If none can
 * happen, the task takes a place in the queue of each, and parks once. The grant that comes first
 * takes it out of all the others. No op is ever cancelled: what has one (a watch, signals) keeps it
 * pending, whether somebody waits or not. doc/design/chan.md draws it. */
#include <weir/select.h>

#include <errno.h>
#include <limits.h>

#include "base/time.h"
#include "sync/sync.h"

const struct weir__select_ops weir__case_sleep = {.text = "sleep"};
const struct weir__select_ops weir__case_time = {.text = "time"};
const struct weir__select_ops weir__case_never = {.text = "never"};

static const struct weir__what selects = {.text = "select", .kind = WEIR__ON_NOTHING};

/* All cases that wait for a time share one timer. When it fires, it grants the earliest of them,
 * which stands in a queue of its own: a select that was granted or cancelled meanwhile has left
 * that queue. A select that waits for nothing else and for no time has `nobody` stand there, since
 * a wait has one waiter at least. */
struct alarm {
    struct weir__timer timer;
    struct weir__waitq queue;
    struct weir__waiter nobody;
};

static_assert(sizeof(struct weir__case_place) <= sizeof((struct weir_case *)NULL)->opaque_,
              "the size of a case is ABI");

static inline struct weir__waiter *waiter_of(struct weir_case *c) {
    return (struct weir__waiter *)(void *)c->opaque_;
}

static inline struct weir_case *case_of(struct weir__waiter *w) {
    return WEIR_CONTAINER(w, struct weir_case, opaque_);
}

static int attempt_time(const struct weir_case *c) {
    if (c->ops_ == &weir__case_sleep)
        return c->number_ <= 0 ? 0 : -EAGAIN;
    if (c->ops_ == &weir__case_time)
        return c->number_ <= weir__loop_now(weir__loop_here()) ? 0 : -EAGAIN;
    if (c->ops_ != &weir__case_never)
        WEIR_BUG("weir_select: a case was not made by one of the macros WEIR_ON_");
    return -EAGAIN;
}

static void check_all(struct weir_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct weir_case *c = &cases[i];
        if (c->ops_ != NULL && c->ops_->check != NULL)
            c->ops_->check(c->object_, (size_t)c->number_);
    }
}

static inline int attempt(struct weir_case *c) {
    const struct weir__select_ops *ops = c->ops_;
    if (ops != NULL && ops->check_attempt != NULL)
        return ops->check_attempt(c->object_, (size_t)c->number_, c->item_);
    check_all(c, 1);
    return ops != NULL && ops->attempt != NULL ? ops->attempt(c->object_, c->item_)
                                               : attempt_time(c);
}

/* Misuse aborts whatever is ready: when a case has happened, those behind it are checked too. */
static int attempt_all(struct weir_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int rc = attempt(&cases[i]);
        if (rc == -EAGAIN)
            continue;
        cases[i].rc = rc;
        check_all(cases + i + 1, n - i - 1);
        return (int)i;
    }
    return -EAGAIN;
}

static void alarm_rings(struct weir__timer *t) {
    weir__waitq_grant(&WEIR_CONTAINER(t, struct alarm, timer)->queue);
}

/* Take a place in each queue. Returns the earliest of the cases that wait for a time, NULL: none
 * does. */
static struct weir_case *enlist_all(struct weir_case *cases, size_t n, struct weir__wait *wait,
                                    weir_ns *ret_when) {
    struct weir_case *earliest = NULL;
    for (size_t i = 0; i < n; i++) {
        struct weir_case *c = &cases[i];
        if (__builtin_expect(waiter_of(c)->in != NULL, 0))
            WEIR_BUG("weir_select: another task waits in a select of the same case");
        if (c->ops_->enlist != NULL) {
            c->ops_->enlist(c->object_, c->item_, wait, waiter_of(c));
            continue;
        }
        if (c->ops_ == &weir__case_never)
            continue;
        weir_ns when = c->number_;
        if (c->ops_ == &weir__case_sleep)
            when = weir__deadline(weir__loop_now(weir__loop_here()), when);
        if (earliest == NULL || when < *ret_when) {
            earliest = c;
            *ret_when = when;
        }
    }
    return earliest;
}

static int wait_any(struct weir_case *cases, size_t n) {
    struct weir__timers *timers = weir__loop_here()->timers;
    struct weir__wait wait;
    struct alarm alarm;
    weir_ns when = WEIR_NEVER;
    weir__wait_begin(&wait, &selects, NULL);
    struct weir_case *timed = enlist_all(cases, n, &wait, &when);
    alarm.queue.tail = NULL;
    if (wait.all == NULL && timed == NULL)
        weir__wait_add(&wait, &alarm.nobody, &alarm.queue, NULL);
    if (timed != NULL) {
        weir__wait_add(&wait, waiter_of(timed), &alarm.queue, NULL);
        weir__timer_init(&alarm.timer, alarm_rings);
        weir__timer_arm(timers, &alarm.timer, when);
    }
    int64_t result = weir__wait_park(&wait);
    if (timed != NULL)
        weir__timer_disarm(timers, &alarm.timer);
    if (wait.won == NULL)
        return weir__fail((int)result, "select", NULL);
    struct weir_case *c = case_of(wait.won);
    const struct weir__select_ops *ops = c->ops_;
    c->rc = ops->won ? ops->won(c->object_, c->item_, wait.won, result) : (int)result;
    return (int)(c - cases);
}

static void refuse_none(const struct weir_case *cases, size_t n, const char *call) {
    weir__not_null(cases, call);
    if (n == 0 || n > INT_MAX)
        WEIR_BUG("%s: %zu cases", call, n);
}

int weir_select(struct weir_case *cases, size_t n) {
    int rc = weir__suspend_enter("select");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    refuse_none(cases, n, "weir_select");
    /* Once for the whole: a select that never has to wait lets others run. */
    if ((rc = weir__sync_slice(weir__loop_here(), "select")) < 0)
        return rc;
    int at = attempt_all(cases, n);
    return at == -EAGAIN ? wait_any(cases, n) : at;
}

int weir_try_select(struct weir_case *cases, size_t n) {
    refuse_none(cases, n, "weir_try_select");
    if (weir__loop_here() == NULL)
        return weir__no_loop("try_select");
    return attempt_all(cases, n);
}
