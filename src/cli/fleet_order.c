/* SPDX-License-Identifier: MIT */
/* fleet_order.c - place, again and again, the first node of the file whose dependencies are all
 * placed. Each dependency is looked at once: when the node on which it depends is placed. */
#include "cli/fleet_order.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/limits.h"

enum { UNPLACED = LIMIT_NODES };

/* The first dependency of the node that is not placed yet; UNPLACED if all are. */
static size_t missing(const struct fleet_node *n, const size_t *place) {
    for (size_t i = 0; i < n->depends_on_count; i++)
        if (place[n->depends_on[i]] == UNPLACED)
            return n->depends_on[i];
    return UNPLACED;
}

/* Every unplaced node has an unplaced dependency. Following these must lead back to a node that was
 * seen: that is the cycle. */
static int refuse_cycle(const struct fleet *f, const size_t *place, size_t start,
                        struct yaml_problem *ret_problem) {
    bool seen[LIMIT_NODES] = {false};
    size_t at = start;
    WEIR_CHECK(start < f->count);
    while (!seen[at]) {
        seen[at] = true;
        at = missing(&f->nodes[at], place);
        WEIR_CHECK(at != UNPLACED);
    }
    char names[400];
    size_t used = 0, first = at;
    do {
        int n = snprintf(names + used, sizeof names - used, "%s -> ", f->nodes[at].name);
        used += (size_t)n < sizeof names - used ? (size_t)n : 0;
        at = missing(&f->nodes[at], place);
    } while (at != first);
    return yaml_refuse(ret_problem, f->nodes[first].place,
                       "nodes wait for each other in a circle: %s%s", names,
                       f->nodes[first].name);
}

static void renumber(struct fleet *f, struct fleet_node *ordered, const size_t *place) {
    for (size_t i = 0; i < f->count; i++) {
        struct fleet_node *n = &ordered[place[i]];
        *n = f->nodes[i];
        for (size_t j = 0; j < n->depends_on_count; j++) {
            n->depends_on[j] = place[n->depends_on[j]];
            WEIR_CHECK(n->depends_on[j] < place[i]);
        }
    }
    f->nodes = ordered;
}

/* For each node the nodes that depend on it: those of node i are list[first[i] .. first[i+1]-1]. */
struct users {
    size_t *list;
    size_t first[LIMIT_NODES + 1];
};

static int find_users(struct fleet *f, struct users *u) {
    size_t at[LIMIT_NODES];
    memset(u->first, 0, sizeof u->first);
    for (size_t i = 0; i < f->count; i++)
        for (size_t k = 0; k < f->nodes[i].depends_on_count; k++)
            u->first[f->nodes[i].depends_on[k] + 1]++;
    for (size_t i = 0; i < f->count; i++) {
        u->first[i + 1] += u->first[i];
        at[i] = u->first[i];
    }
    u->list = arena_take(&f->memory, (u->first[f->count] + 1) * sizeof *u->list);
    if (u->list == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < f->count; i++)
        for (size_t k = 0; k < f->nodes[i].depends_on_count; k++)
            u->list[at[f->nodes[i].depends_on[k]]++] = i;
    for (size_t i = 0; i < f->count; i++)
        WEIR_CHECK(at[i] == u->first[i + 1]);
    return 0;
}

int fleet_order(struct fleet *f, struct yaml_problem *ret_problem) {
    size_t place[LIMIT_NODES], waits_for[LIMIT_NODES];
    struct users u;
    WEIR_CHECK(f->count > 0 && f->count <= LIMIT_NODES);
    struct fleet_node *ordered = arena_take(&f->memory, f->count * sizeof *ordered);
    if (ordered == NULL || find_users(f, &u) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < f->count; i++) {
        place[i] = UNPLACED;
        waits_for[i] = f->nodes[i].depends_on_count;
    }
    for (size_t placed = 0; placed < f->count; placed++) {
        size_t next = 0, first_left = UNPLACED;
        for (; next < f->count && (place[next] != UNPLACED || waits_for[next] > 0); next++)
            if (place[next] == UNPLACED && first_left == UNPLACED)
                first_left = next;
        if (next == f->count)
            return refuse_cycle(f, place, first_left, ret_problem);
        place[next] = placed;
        for (size_t i = u.first[next]; i < u.first[next + 1]; i++) {
            WEIR_CHECK(waits_for[u.list[i]] > 0);
            waits_for[u.list[i]]--;
        }
    }
    renumber(f, ordered, place);
    return 0;
}
