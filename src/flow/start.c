/* SPDX-License-Identifier: MIT */
/* start.c - start and report: the starter hangs a hook on the task that it starts. The hook runs
 * when that task ends; weir_started finds it there before. */
#include <weir/flow.h>

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "task/task.h"

struct start { /* in the frame of the starter */
    struct weir__at_end end;
    struct weir__park park;
    void *report;
    size_t size;
    bool given_up; /* the starter was cancelled: it only waits for the end of the task */
    bool started;
};

static void child_ended(struct weir__at_end *e) {
    weir__unpark(&WEIR_CONTAINER(e, struct start, end)->park, 0);
}

/* From now on nobody takes a report. The starter cancels the task when it runs again. */
static int start_abort(struct weir__park *p) {
    struct start *s = WEIR_CONTAINER(p, struct start, park);
    s->given_up = true;
    weir__at_end_remove(&s->end);
    return WEIR__DONE;
}

void weir_started(const void *report, size_t size) {
    if (weir_task_current() == NULL)
        return;
    struct weir__at_end *e = weir__at_end_find(child_ended);
    struct start *s = e != NULL ? WEIR_CONTAINER(e, struct start, end) : NULL;
    if (s == NULL)
        return;
    if (s->report != NULL && size != s->size)
        WEIR_BUG("weir_started: the report has %zu bytes, and weir_start has room for %zu", size,
                 s->size);
    if (s->report != NULL && size > 0)
        memcpy(s->report, report, size);
    weir__at_end_remove(e);
    s->started = true;
    weir__unpark(&s->park, 0);
}

static const struct weir__what starts = {
    .text = "start", .kind = WEIR__ON_TASK, .owner = weir__what_awaited};

WEIR_NOINLINE static int wait_for_start(struct weir_task **take_task, struct start *s) {
    struct weir_task *t = *take_task;
    s->park.on = t;
    weir__at_end_add_to(t, &s->end, child_ended);
    int rc = (int)weir__park(&s->park);
    if (s->started) {
        weir_task_release(take_task);
        return 0;
    }
    if (s->given_up) {
        (weir_task_cancel)(t, "its starter was cancelled");
        weir__task_join(t, &starts);
        weir_task_release(take_task);
        return weir__fail_wait(rc, starts.text, NULL);
    }
    const char *name = weir_task_name(t); /* static text */
    rc = weir__task_take(take_task, NULL, 0);
    if (rc < 0)
        return rc;
    return weir__failf(-ECHILD, starts.text, name, "the task ended without a call of weir_started");
}

int weir_start(struct weir_group *g, const struct weir_site *site, int (*fn)(void *args),
               const void *args, size_t args_size, const struct weir_spawn_options *options,
               void *ret_report, size_t report_size) {
    int rc = weir__suspend_enter(starts.text);
    if (rc < 0)
        return rc;
    struct start s = {.park = {.abort = start_abort, .what = &starts}, .report = ret_report,
                      .size = report_size};
    struct weir_task *t = NULL;
    rc = weir_spawn(g, site, fn, args, args_size, options, &t);
    return rc < 0 ? rc : wait_for_start(&t, &s);
}
