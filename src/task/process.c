/* SPDX-License-Identifier: MIT */
/* process.c - weir_offload_process: a function in a child process. A helper thread makes the child
 * and waits for it (sys/child.c); a cancel kills the child, and the thread comes back at once. */
#include <errno.h>
#include <string.h>
#include <weir/offload.h>

#include "base/check.h"
#include "sys/child.h"
#include "task/internal.h"

static const char call[] = "offload_process";
static const struct weir__what offloads = {.text = "offload_process", .kind = WEIR__ON_OFFLOAD};

struct process { /* in the frame of the task that waits */
    struct weir__op op;
    struct weir__park park;
    struct weir__child child;
    bool begun;
};

static int process_run(void *job) { /* on the helper thread */
    struct process *p = job;
    p->begun = true;
    weir__child_run(&p->child);
    return 0;
}

static void process_ended(struct weir__op *op) {
    weir__unpark(&WEIR_CONTAINER(op, struct process, op)->park, op->result);
}

static int process_abort(struct weir__park *park) {
    struct process *p = WEIR_CONTAINER(park, struct process, park);
    int state = weir__cancel(weir__sched->loop.backend, &p->op);
    if (state == WEIR__PENDING)
        weir__child_kill(&p->child);
    return state;
}

static int not_begun(int rc) {
    if (rc != -EAGAIN)
        return weir__fail(rc, call, NULL);
    return weir__failf(rc, call, NULL, "no helper thread can be had for the child process");
}

static int was_killed(int number) {
    const char *name = sigabbrev_np(number); /* "SEGV" */
    return weir__failf(-ECHILD, call, NULL, "the child process was killed by signal %d (%s%s)",
                       number, name ? "SIG" : "real-time", name ? name : "");
}

static int outcome(const struct process *p) {
    const struct weir__child *c = &p->child;
    int felt = weir__sched->current->felt;
    if (c->end == WEIR__CHILD_RESULT) {
        if (c->detail < 0)
            weir__error_forget(c->detail);
        return c->detail;
    }
    if (c->end == WEIR__CHILD_NOT_MADE)
        return weir__failf(c->detail, call, NULL, "no child process can be made: %s",
                           weir_error_text(c->detail));
    if (c->kill_asked)
        return weir__fail(felt != 0 ? felt : -ECANCELED, call, NULL);
    if (c->end == WEIR__CHILD_KILLED)
        return was_killed(c->detail);
    if (c->end == WEIR__CHILD_EXITED)
        return weir__failf(-ECHILD, call, NULL,
                           "the child process exited with status %d before its function returned",
                           c->detail);
    return weir__failf(-ECHILD, call, NULL,
                       "the child process ended, and its status went to another wait of the "
                       "program: SIGCHLD is ignored, or somebody waits for any child");
}

int weir_offload_process(int (*fn)(const void *args, void *result), const void *args,
                         void *ret_result, size_t result_size) {
    if (fn == NULL || (ret_result == NULL && result_size > 0))
        WEIR_BUG("weir_offload_process: the %s is NULL", fn ? "result" : "function");
    int rc = weir__suspend_enter(call);
    if (rc < 0)
        return rc;
    struct process p = {
        .op = {.kind = WEIR__WORK, .wake = process_ended, .u.work = {.fn = process_run, .arg = &p}},
        .park = {.abort = process_abort, .what = &offloads},
    };
    weir__child_init(&p.child, fn, args, ret_result, result_size);
    bool refused = weir__submit(weir__sched->loop.backend, &p.op) == WEIR__DONE;
    rc = (int)(refused ? p.op.result : weir__park(&p.park));
    rc = p.begun ? outcome(&p) : not_begun(rc);
    weir__child_fini(&p.child);
    return rc;
}
