/* SPDX-License-Identifier: MIT */
/* user.c - see user.h. */
#include "worker/user.h"

#include <weir/task.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/task.h"
#include "worker/params.h"

int weir__user_init(struct weir__user *u, size_t state_size) {
    WEIR_CHECK(u->name != NULL && u->setup != NULL && u->state == NULL);
    u->state = weir__alloc_zero(state_size > 0 ? state_size : 1);
    return u->state ? 0 : weir__fail(-ENOMEM, "start", u->name);
}

void weir__user_fini(struct weir__user *u) {
    weir__free(u->state);
    u->state = NULL;
}

struct call_user_args {
    const struct weir__user *user;
    const struct weir_params *params; /* NULL: run */
    int *ret;
};

static int call_user(void *args) {
    const struct call_user_args *a = args;
    const struct weir__user *u = a->user;
    *a->ret = a->params ? u->setup(u->state, a->params) : u->run(u->state);
    return *a->ret;
}

/* The result is awaited by the handle, since a group would drop a result above 0. *ret_own is what
 * the function itself has returned, also where a cancel has cut the wait for it. */
static int call_as_task(const struct weir__user *u, const struct weir_params *p, int *ret_own) {
    const struct weir_spawn_options o = {
        .size = sizeof o, .stack_size = u->stack_size, .name = u->name};
    struct call_user_args args = {u, p, ret_own};
    struct weir_task *task = NULL;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_spawn(&g, WEIR_SITE(call_user), call_user, &args, sizeof args, &o, &task);
    if (rc == 0)
        rc = weir_await(&task, NULL, 0);
    weir_task_release(&task);
    return weir_group_close(&g, rc);
}

int weir__user_setup(const struct weir__user *u, struct weir_params *p) {
    WEIR_CHECK(u->state != NULL && p->asked_count == 0);
    int own = 0, rc = call_as_task(u, p, &own);
    return rc < 0 ? rc : weir__params_check(p);
}

int weir__user_run(const struct weir__user *u) {
    WEIR_CHECK(u->state != NULL && u->run != NULL);
    int own = 0, rc = call_as_task(u, NULL, &own);
    if (own > 0)
        rc = own; /* the exit status that it wants, also after a stop */
    if (rc > 1)
        WEIR_BUG("source '%s': run returned %d; it is 0, 1 or an error", u->name, rc);
    return rc;
}
