/* SPDX-License-Identifier: MIT */
/* retry.c - call a function again after an error, with growing pauses. */
#include <weir/flow.h>

#include "base/check.h"
#include "base/options.h"
#include "task/task.h"

static struct weir_retry_policy policy_of(const struct weir_retry_policy *given) {
    struct weir_retry_policy p;
    WEIR_OPTIONS_COPY(struct weir_retry_policy, should_retry, &p, given);
    if (p.first_ns <= 0)
        p.first_ns = WEIR_MILLISECONDS(100);
    if (p.max_ns <= 0)
        p.max_ns = WEIR_SECONDS(30);
    if (p.factor_percent == 0)
        p.factor_percent = 200;
    if (p.jitter_percent == 0)
        p.jitter_percent = 25;
    if (p.jitter_percent < 0)
        p.jitter_percent = 0;
    return p;
}

/* The pause that follows one of pause_ns. No product can overflow. */
static weir_ns longer(const struct weir_retry_policy *p, weir_ns pause_ns) {
    weir_ns factor = p->factor_percent, next;
    if (pause_ns / 100 >= p->max_ns / factor)
        return p->max_ns;
    next = pause_ns / 100 * factor + pause_ns % 100 * factor / 100;
    return next < p->max_ns ? next : p->max_ns;
}

static weir_ns with_jitter(const struct weir_retry_policy *p, weir_ns pause_ns) {
    unsigned percent = p->jitter_percent < 100 ? (unsigned)p->jitter_percent : 100;
    weir_ns most = pause_ns / 100 * percent;
    return most > 0 ? pause_ns - (weir_ns)(weir_random() % ((uint64_t)most + 1)) : pause_ns;
}

/* A scope has fired, in a pause or while the function ran: the record also has the last error. A
 * long text is cut at its end, so that of the function comes last. */
static int gave_up(int rc, unsigned tries, int last) {
    rc = weir_fail(rc, "after %u tr%s, the last error: %s; %s", tries, tries == 1 ? "y" : "ies",
                   weir_error_text(last), weir_error_message(rc));
    weir__fail_reason(rc, last);
    weir__fail_done(rc, tries);
    return rc;
}

int weir_retry(const struct weir_retry_policy *policy, int (*fn)(void *arg), void *arg) {
    struct weir_retry_policy p = policy_of(policy);
    weir_ns pause_ns = p.first_ns < p.max_ns ? p.first_ns : p.max_ns;
    int rc = weir__suspend_enter("retry"), last = 0; /* the error of the last try; 0: none yet */
    if (fn == NULL)
        WEIR_BUG("weir_retry: the function is NULL");
    for (unsigned tries = 1; rc == 0; tries++) {
        rc = fn(arg);
        if (rc < 0 && rc == weir_cancelled())
            return last < 0 ? gave_up(rc, tries, last) : rc;
        if (rc >= 0 || tries == p.tries || (p.should_retry != NULL && !p.should_retry(rc, arg)))
            return rc;
        last = rc;
        rc = weir_sleep(with_jitter(&p, pause_ns));
        if (rc < 0)
            return gave_up(rc, tries, last);
        pause_ns = longer(&p, pause_ns);
    }
    return rc;
}
