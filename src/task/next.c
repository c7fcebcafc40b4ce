/* SPDX-License-Identifier: MIT */
/* next.c - the children of a group as they end. Those that have ended while somebody holds them
 * stand before the live ones in the group's list, in the order of their ends; the group knows the
 * last of them. So each step costs the same, however many children there are. */
#include <weir/group.h>

#include "base/check.h"
#include "task/internal.h"

static const struct weir__what nexts = {.text = "next child", .kind = WEIR__ON_GROUP};

void weir__group_child_done(struct group *g, struct weir_task *t) {
    if (g->scope.kind != SCOPE_GROUP)
        return;
    struct weir_task *last = g->scope.done_last;
    weir__list_remove(&t->link);
    weir__list_add_tail(last != NULL ? last->link.next : g->tasks.next, &t->link);
    g->scope.done_last = t;
    t->done = true;
    struct weir__park *joiner = g->scope.u.group.joiner;
    if (joiner != NULL && joiner->what == &nexts) {
        g->scope.u.group.joiner = NULL;
        weir__unpark(joiner, 0);
    }
}

void weir__group_done_leave(struct group *g, struct weir_task *t) {
    struct weir__list *before = t->link.prev;
    if (g->scope.done_last == t)
        g->scope.done_last =
            before != &g->tasks ? WEIR_CONTAINER(before, struct weir_task, link) : NULL;
    t->done = false;
}

static struct weir_task *take(struct group *g) {
    if (g->scope.done_last == NULL)
        return NULL;
    struct weir_task *t = WEIR_CONTAINER(g->tasks.next, struct weir_task, link);
    weir__group_done_leave(g, t);
    weir__list_remove(&t->link);
    weir__list_add_tail(&g->tasks, &t->link);
    return t;
}

static int next_abort(struct weir__park *p) {
    struct group *g = (struct group *)(uintptr_t)p->on;
    g->scope.u.group.joiner = NULL;
    return WEIR__DONE;
}

int weir_group_next(struct weir_group *group, struct weir_task **ret_task) {
    int rc = weir__suspend_enter(nexts.text);
    if (rc < 0)
        return rc;
    struct group *g = group_of(group);
    scope_assert(g ? &g->scope : NULL, "weir_group_next");
    if (g->scope.kind != SCOPE_GROUP || g->scope.task != weir_task_current())
        WEIR_BUG("weir_group_next: this is no group that the calling task has opened");
    struct weir_task *t;
    if (g->scope.done_last != NULL)
        weir__breathe(); /* before the handle is looked at: others may give it back */
    while ((t = take(g)) == NULL && g->live > 0 && rc == 0) {
        struct weir__park park = {.abort = next_abort, .what = &nexts, .on = g};
        if ((rc = weir_cancelled()) < 0) /* since it was woken, for a child that has gone since */
            break;
        g->scope.u.group.joiner = &park;
        rc = (int)weir__park(&park);
    }
    if (t == NULL)
        return rc < 0 ? weir__fail(rc, nexts.text, NULL) : 0;
    *ret_task = t;
    return 1;
}
