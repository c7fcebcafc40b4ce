/* SPDX-License-Identifier: MIT */
/* forever.c - asyncio's ways to run a loop that the program opened: until a future is settled, or
 * until somebody says stop. */
#include <errno.h>
#include <weir/callback.h>
#include <weir/drive.h>

#include "base/check.h"
#include "loop/handle.h"
#include "task/task.h"

/* Virtual time knows that nothing can come any more; a real backend waits for it. */
static bool nothing_can_come(const struct weir__loop *own, int alive) {
    return alive == 0 && own->backend->quiet && weir__loop_may_sleep(own);
}

/* Step until f is settled (NULL: never). Returns 1 if it is, 0 if the loop was stopped first. */
static int run_until(struct weir_loop *l, const struct weir_future *f) {
    if (weir__mailbox_is_parents(&l->mail) || l->own == NULL)
        return weir_loop_step(l, 0); /* which says so */
    if (weir__is_stepping())
        return weir__failf(-EBUSY, "run", NULL, "a loop runs on this thread already");
    if (f != NULL && weir_future_is_done(f)) {
        l->own->stopped = false; /* a stop before the run ends this one, as it would any */
        return 1;
    }
    for (;;) {
        int alive = weir_loop_step(l, l->own->stopped ? 0 : WEIR_NEVER); /* stopped before it */
        if (alive < 0)
            return alive;
        struct weir__loop *own = l->own;
        bool stopped = own->stopped;
        own->stopped = false;
        if (f != NULL && weir_future_is_done(f))
            return 1;
        if (stopped)
            return 0;
        if (nothing_can_come(own, alive))
            return weir__failf(-EDEADLK, "run", l->name, "nothing can come any more");
    }
}

int weir_run_until_complete(struct weir_loop *l, struct weir_future *f, void *ret_value) {
    weir__not_null(l, "weir_run_until_complete");
    weir__not_null(f, "weir_run_until_complete");
    int rc = run_until(l, f);
    if (rc == 0)
        return weir__failf(-ECANCELED, "run", l->name, "stopped before the future was settled");
    return rc < 0 ? rc : weir_future_result(f, ret_value);
}

int weir_run_forever(struct weir_loop *l) {
    weir__not_null(l, "weir_run_forever");
    return run_until(l, NULL);
}

void weir_loop_stop(struct weir_loop *l) {
    char theirs[WEIR__LOOP_TEXT];
    weir__not_null(l, "weir_loop_stop");
    if (weir_loop_current() != l)
        WEIR_BUG("weir_loop_stop: %s is not the loop of this thread: use weir_call_soon_threadsafe",
                 weir__loop_text_of(l->number, theirs));
    weir__loop()->stopped = true;
}
