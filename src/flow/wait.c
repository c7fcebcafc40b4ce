/* SPDX-License-Identifier: MIT */
/* wait.c - waiting for several tasks. A task has a ring of hooks that run when it ends; the waiter
 * hangs one on each task and parks once. */
#include <weir/flow.h>

#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/task.h"

enum { FEW = 8 }; /* hooks in the frame of the waiter */

enum kind { ALL, ANY, FIRST };

struct wait;

struct hook {
    struct weir__at_end end;
    struct weir_task *held;
    struct wait *wait;
};

struct wait { /* in the frame of the waiter */
    struct weir__park park;
    struct hook *hooks;
    struct weir_task *const *handles;
    size_t n, left; /* left: tasks that have not ended */
    size_t found;   /* index of the one that decides; n: none yet */
    struct weir_task *last; /* the one that has ended last; NULL: none yet */
    enum kind kind;
};

static void unhook(struct wait *w) {
    for (size_t i = 0; i < w->n; i++)
        weir__at_end_remove(&w->hooks[i].end);
}

/* t, the task of that index, has ended. Is the wait over? */
static bool is_decided_by(struct wait *w, size_t i, struct weir_task *t) {
    w->last = t;
    w->left--;
    if (w->kind == ANY || (w->kind == FIRST && weir__task_result(t) >= 0))
        w->found = i;
    return w->left == 0 || w->found < w->n;
}

static void ended(struct weir__at_end *e) {
    struct hook *h = WEIR_CONTAINER(e, struct hook, end);
    struct wait *w = h->wait;
    if (!is_decided_by(w, (size_t)(h - w->hooks), h->held))
        return;
    unhook(w);
    weir__unpark(&w->park, 0);
}

static int wait_abort(struct weir__park *p) {
    unhook(WEIR_CONTAINER(p, struct wait, park));
    return WEIR__DONE;
}

/* Look at those that have ended already. Returns true if the wait is over. */
static bool look(struct wait *w, const char *call) {
    w->left = 0;
    for (size_t i = 0; i < w->n; i++)
        w->left += w->handles[i] != NULL;
    if (w->left == 0)
        return true;
    for (size_t i = 0; i < w->n; i++)
        if (w->handles[i] != NULL && weir__task_has_ended(w->handles[i], call) &&
            is_decided_by(w, i, w->handles[i]))
            return true;
    return false;
}

static int result(const struct wait *w) {
    if (w->kind == ALL)
        return 0;
    if (w->found < w->n)
        return (int)w->found;
    if (w->last != NULL)
        return weir__task_look(w->last);
    return weir__failf(-ECHILD, "wait", NULL, "there is no task to wait for");
}

/* The tasks are held, so that a handle which another task gives back meanwhile does no harm. */
static void hold(struct wait *w) {
    for (size_t i = 0; i < w->n; i++) {
        struct weir_task *t = w->handles[i];
        w->hooks[i] = (struct hook){.wait = w, .held = t != NULL ? weir_task_ref(t) : NULL};
        if (t != NULL && !weir__task_has_ended(t, w->park.what->text))
            weir__at_end_add_to(t, &w->hooks[i].end, ended);
    }
}

static int wait_hooked(struct wait *w) {
    hold(w);
    int rc = (int)weir__park(&w->park);
    rc = rc < 0 ? weir__fail(rc, w->park.what->text, NULL) : result(w);
    for (size_t i = 0; i < w->n; i++)
        weir_task_release(&w->hooks[i].held);
    return rc;
}

static int wait_for(struct weir_task *const *handles, size_t n, enum kind kind,
                    const struct weir__what *what) {
    struct hook few[FEW];
    struct wait w = {.hooks = few, .handles = handles, .n = n, .found = n,
                     .kind = kind, .park = {.abort = wait_abort, .what = what}};
    for (size_t i = 0; i < n; i++)
        if (handles[i] == weir_task_current())
            return weir__failf(-EDEADLK, what->text, NULL, "a task cannot wait for itself");
    if (look(&w, what->text)) {
        int rc = result(&w); /* now: another task may give the handles back */
        weir__breathe();
        return rc;
    }
    if (n > FEW && (w.hooks = weir__alloc(n * sizeof *w.hooks)) == NULL)
        return weir__fail(-ENOMEM, what->text, NULL);
    int rc = wait_hooked(&w);
    if (w.hooks != few)
        weir__free(w.hooks);
    return rc;
}

static const struct weir__what waits_all = {.text = "wait for all", .kind = WEIR__ON_NOTHING};
static const struct weir__what waits_any = {.text = "wait for any", .kind = WEIR__ON_NOTHING};
static const struct weir__what waits_first = {.text = "wait for first", .kind = WEIR__ON_NOTHING};

int weir_wait_all(struct weir_task *const *handles, size_t n) {
    int rc = weir__suspend_enter(waits_all.text);
    return rc < 0 ? rc : wait_for(handles, n, ALL, &waits_all);
}

int weir_wait_any(struct weir_task *const *handles, size_t n) {
    int rc = weir__suspend_enter(waits_any.text);
    return rc < 0 ? rc : wait_for(handles, n, ANY, &waits_any);
}

int weir_wait_first(struct weir_task *const *handles, size_t n) {
    int rc = weir__suspend_enter(waits_first.text);
    return rc < 0 ? rc : wait_for(handles, n, FIRST, &waits_first);
}
