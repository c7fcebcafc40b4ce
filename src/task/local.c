/* SPDX-License-Identifier: MIT */
/* local.c - task-locals. A task has one pointer to a table of cells; its children share the table
 * until one of them writes, which makes a table of its own (copy on write). The cells are counted
 * by tables. The pointer lies with the task's stack; until the task first runs, its block has it,
 * where other members will be. */
#include <weir/local.h>

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/internal.h"
#include "task/soon.h"

struct cell {
    const struct weir_local *key;
    void *value;
    uint32_t refs; /* tables that have it */
};

struct locals {
    uint32_t refs; /* tasks that have it */
    uint32_t count;
    struct cell *cells[];
};

static void cell_unref(struct cell *c) {
    if (--c->refs > 0)
        return;
    if (c->key->release != NULL && c->value != NULL) {
        struct weir__callback around;
        weir__callback_begin(&around);
        c->key->release(c->value);
        weir__callback_end(&around);
    }
    weir__free(c);
}

struct locals *weir__locals_inherit(struct locals *l) {
    l->refs++;
    return l;
}

void weir__locals_drop(struct locals *l) {
    if (--l->refs > 0)
        return;
    for (uint32_t i = 0; i < l->count; i++)
        cell_unref(l->cells[i]);
    weir__free(l);
}

static struct cell **find(struct locals *l, const struct weir_local *key) {
    for (uint32_t i = 0; l != NULL && i < l->count; i++)
        if (l->cells[i]->key == key)
            return &l->cells[i];
    return NULL;
}

void *weir_local_get(const struct weir_local *key) {
    struct weir_task *t = weir_task_current();
    weir__not_null(key, "weir_local_get");
    struct cell **at = t != NULL ? find(t->stack->locals, key) : NULL;
    return at != NULL ? (*at)->value : NULL;
}

/* A table of the task's own with what old has, and c: under a key of its own, or in the place of
 * the cell of that key. */
static struct locals *table_with(struct locals *old, struct cell *c) {
    uint32_t count = old ? old->count : 0, i = 0;
    struct cell **same = find(old, c->key);
    struct locals *l = weir__alloc(sizeof *l + (count + 1) * sizeof l->cells[0]);
    if (l == NULL)
        return NULL;
    l->refs = 1;
    for (; i < count; i++) {
        bool is_same = same == &old->cells[i];
        l->cells[i] = is_same ? c : old->cells[i];
        l->cells[i]->refs += !is_same;
    }
    l->count = count + (same == NULL);
    if (same == NULL)
        l->cells[i] = c;
    return l;
}

int weir_local_set(const struct weir_local *key, void *value) {
    struct weir_task *t = weir_task_current();
    weir__not_null(key, "weir_local_set");
    if (t == NULL)
        return weir__no_loop("set local");
    struct cell *c = weir__alloc(sizeof *c);
    if (c == NULL)
        return weir__fail(-ENOMEM, "set local", NULL);
    *c = (struct cell){key, value, 1};
    struct locals *old = t->stack->locals;
    struct cell **same = find(old, key);
    if (same != NULL && old->refs == 1) {
        struct cell *before = *same;
        *same = c;
        cell_unref(before);
        return 0;
    }
    struct locals *l = table_with(old, c);
    if (l == NULL) {
        weir__free(c);
        return weir__fail(-ENOMEM, "set local", NULL);
    }
    t->stack->locals = l;
    if (old != NULL)
        weir__locals_drop(old);
    return 0;
}
