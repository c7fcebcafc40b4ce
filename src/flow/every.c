/* SPDX-License-Identifier: MIT */
/* every.c - a beat without drift. */
#include <weir/flow.h>

#include <limits.h>

#include "base/check.h"
#include "base/time.h"
#include "task/task.h"

void weir_every_init(struct weir_every *e, weir_ns period_ns) {
    weir__not_null(e, "weir_every_init");
    if (period_ns <= 0)
        WEIR_BUG("weir_every_init: the period must be more than 0");
    e->period_ns = period_ns;
    e->next_ns = weir__deadline(weir_now(), period_ns);
}

int weir_every_wait(struct weir_every *e) {
    int rc = weir__suspend_enter("every");
    if (rc < 0)
        return rc;
    weir__not_null(e, "weir_every_wait");
    rc = weir_sleep_until(e->next_ns);
    if (rc < 0)
        return rc;
    weir_ns skipped = (weir_now() - e->next_ns) / e->period_ns;
    if (skipped < 0)
        skipped = 0;
    e->next_ns = weir__deadline(e->next_ns + skipped * e->period_ns, e->period_ns);
    return skipped < INT_MAX ? (int)skipped : INT_MAX;
}
