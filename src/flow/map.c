/* SPDX-License-Identifier: MIT */
/* map.c - one function over many items, a bounded number at a time. limit tasks take the items from
 * one count, so a task is not spawned for each. */
#include <weir/flow.h>

#include <errno.h>

#include "base/check.h"
#include "task/task.h"

struct map { /* in the frame of the caller */
    int (*fn)(void *item, void *arg);
    char *items;
    size_t item_size, n;
    void *arg;
    size_t next, done;
    struct weir_group *group;
    int stopped;           /* the code of a hand that was cancelled alone; 0: none was */
    struct weir_error why; /* its record */
};

struct hand_args {
    struct map *map;
};

/* A group does not take it for a failure when a task that was cancelled returns -ECANCELED. So if
 * this task alone was cancelled, it ends the map itself: else the map would return 0, although a
 * call has failed or has not begun. */
static int stopped(struct map *m, int rc) {
    if (rc == weir_cancelled() && weir__group_cancelled(m->group) == 0) {
        m->stopped = weir__error_felt(rc, "map");
        weir__error_keep(&m->why);
        (weir_group_cancel)(m->group, "a task of the map was cancelled");
    }
    return rc;
}

static int hand(void *args) {
    struct map *m = ((struct hand_args *)args)->map;
    while (m->next < m->n && weir_cancelled() == 0) {
        weir__error_begin(); /* a call may have handled an error, and the next fail with its code */
        int rc = m->fn(m->items + m->next++ * m->item_size, m->arg);
        if (rc < 0)
            return stopped(m, rc);
        m->done++;
        weir__breathe();
    }
    return m->next < m->n ? stopped(m, weir_cancelled()) : 0;
}

static int run_map(struct map *m, const struct weir_site *site, size_t limit) {
    struct weir_group g;
    int rc = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    m->group = &g;
    for (size_t i = 0; i < limit && i < m->n && rc == 0; i++)
        rc = weir_spawn(&g, site, hand, &(struct hand_args){m}, sizeof(struct hand_args), NULL,
                        NULL);
    rc = weir_group_close(&g, rc);
    if (m->done == m->n) /* a scope that fired during the last calls changes nothing */
        return 0;
    if (rc < 0)
        return rc;
    weir__error_restore(&m->why);
    return m->stopped;
}

#undef weir_map
int weir_map(int (*fn)(void *item, void *arg), void *items, size_t item_size, size_t n,
             size_t limit, void *arg) {
    return weir_map_at(WEIR_SITE(map), fn, items, item_size, n, limit, arg);
}

int weir_map_at(const struct weir_site *site, int (*fn)(void *item, void *arg), void *items,
                size_t item_size, size_t n, size_t limit, void *arg) {
    int rc = weir__suspend_enter("map");
    if (rc < 0)
        return rc;
    if (site == NULL || fn == NULL || limit == 0)
        WEIR_BUG("weir_map: the %s",
                 site == NULL ? "site is NULL" : fn == NULL ? "function is NULL" : "limit is 0");
    struct map m = {.fn = fn, .items = items, .item_size = item_size, .n = n, .arg = arg};
    rc = run_map(&m, site, limit);
    if (rc < 0)
        weir__fail_done(rc, m.done);
    return rc;
}
