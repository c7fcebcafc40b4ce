/* SPDX-License-Identifier: MIT */
/* race.c - several functions at once; the first that succeeds wins. */
#include <weir/flow.h>
#include <weir/group.h>

#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "task/task.h"

struct race { /* in the frame of the caller */
    const struct weir_racer *racers;
    struct weir_task **tasks; /* handles; each is NULL once its result was taken */
    struct weir_group *group;
    size_t n;
    size_t winner; /* n: none */
    int result;    /* of the winner */
};

struct run_args {
    struct race *race;
    size_t index;
};

/* The race is decided here, and not when the caller runs again: by then others may have succeeded,
 * or a scope may have fired. A scope that fired before has decided it too: nobody wins. */
static int run(void *args) {
    const struct run_args *a = args;
    struct race *r = a->race;
    int rc = r->racers[a->index].fn(r->racers[a->index].arg);
    if (rc >= 0 && r->winner == r->n && weir__group_cancelled(r->group) == 0) {
        r->winner = a->index;
        r->result = rc;
    }
    return rc;
}

static int spawn_all(struct race *r) {
    static const struct weir_site site = {"racer", __FILE__, "weir_race", __LINE__};
    int rc = 0;
    for (size_t i = 0; i < r->n && rc == 0; i++) {
        const char *name = r->racers[i].name;
        struct weir_spawn_options o = {.size = sizeof o, .name = name};
        struct run_args a = {r, i};
        rc = weir_spawn(r->group, &site, run, &a, sizeof a, &o, &r->tasks[i]);
    }
    return rc;
}

/* The result of a racer that has ended. */
static int take(struct race *r, size_t i) {
    const char *name = weir_task_name(r->tasks[i]); /* static text */
    int rc = weir__task_take(&r->tasks[i], NULL, 0);
    if (rc < 0 && rc != -ECANCELED)
        weir__log(WEIR_LOG_INFO, "racer '%s' has failed: %s", name, weir_error_message(rc));
    return rc;
}

static size_t index_of(const struct race *r, const struct weir_task *t) {
    size_t i = 0;
    while (r->tasks[i] != t)
        i++;
    return i;
}

/* Returns 0 when a racer has won; the error of the one that failed last, if all have failed; or the
 * felt code. The racers that have ended come in the order of their ends. */
static int until_won(struct race *r) {
    struct weir_task *t;
    int rc = 0;
    while (r->winner == r->n) {
        int next = weir_group_next(r->group, &t);
        if (next <= 0)
            return next < 0 ? weir__fail(next, "race", NULL) : rc;
        if (weir__task_result(t) < 0) /* else it has won, or is undone later */
            rc = take(r, index_of(r, t));
    }
    return 0;
}

/* All have ended. A racer that was cancelled too late has succeeded too. */
static void undo_others(struct race *r) {
    for (size_t i = 0; i < r->n; i++)
        if (r->tasks[i] != NULL && take(r, i) >= 0 && i != r->winner && r->racers[i].undo != NULL)
            r->racers[i].undo(r->racers[i].arg);
}

static int run_race(struct race *r) {
    struct weir_group g;
    struct weir_error why;
    weir_group_open(&g, WEIR_INDEPENDENT);
    r->group = &g;
    int rc = spawn_all(r);
    rc = rc < 0 ? rc : until_won(r);
    weir__error_keep(&why);
    (weir_group_cancel)(&g, rc < 0 ? "the race is over" : "another has won the race");
    weir_group_close(&g, 0);
    undo_others(r);
    weir__error_restore(&why);
    return rc;
}

int weir_race(const struct weir_racer *racers, size_t n, size_t *ret_winner) {
    int rc = weir__suspend_enter("race");
    if (rc < 0)
        return rc;
    if (n == 0)
        return weir__failf(-ECHILD, "race", NULL, "nobody races");
    weir__argument_not_null(racers, "weir_race", "array of racers");
    for (size_t i = 0; i < n; i++)
        if (racers[i].fn == NULL)
            WEIR_BUG("weir_race: the function of racers[%zu] is NULL", i);
    struct race r = {.racers = racers, .n = n, .winner = n};
    r.tasks = weir__alloc_zero(n * sizeof *r.tasks);
    if (r.tasks == NULL)
        return weir__fail(-ENOMEM, "race", NULL);
    rc = run_race(&r);
    weir__free(r.tasks);
    if (rc < 0)
        return rc;
    if (ret_winner != NULL)
        *ret_winner = r.winner;
    return r.result;
}
