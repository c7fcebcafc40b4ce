/* SPDX-License-Identifier: MIT */
/* order.c - what a seed decides about one loop: which ready task runs next, and in which order
 * completed ops come back. It also numbers the tasks for the digest, in the order in which they
 * first run: an address would be another one in each process. */
#include <stdlib.h>

#include "sim/door.h"

/* Of more completed ops than this the choice is among the first. */
enum { OPS_MAX = 64 };

static struct sim *sim_of(struct weir__order *o) {
    return WEIR_CONTAINER(o, struct sim, order);
}

static size_t choose(struct weir__order *o, size_t count) {
    return weir__choose(sim_of(o)->world, SIM_TASK, (uint32_t)count);
}

/* ---- the numbers of tasks: a hash table that is never more than half full -------------------- */

static struct sim_task *place_of(const struct sim_tasks *t, const void *task) {
    size_t at = ((uintptr_t)task >> 4) * 0x9e3779b97f4a7c15u >> 20 & (t->cap - 1);
    while (t->table[at].task != NULL && t->table[at].task != task)
        at = (at + 1) & (t->cap - 1);
    return &t->table[at];
}

static void grow(struct sim_tasks *t) {
    struct sim_tasks old = *t;
    t->cap = old.cap ? 2 * old.cap : 64;
    t->table = weir__sim_alloc(t->cap * sizeof *t->table);
    for (size_t i = 0; i < old.cap; i++)
        if (old.table[i].task != NULL)
            *place_of(t, old.table[i].task) = old.table[i];
    free(old.table);
}

static void resumes(struct weir__order *o, const void *task) {
    struct sim_tasks *t = &sim_of(o)->tasks;
    if (2 * t->count >= t->cap)
        grow(t);
    struct sim_task *known = place_of(t, task);
    if (known->task == NULL)
        *known = (struct sim_task){.task = task, .number = ++t->count};
    weir__sim_note(sim_of(o)->world, SIM_NOTE_RESUME, known->number);
}

void weir__sim_order_init(struct sim *b) {
    b->order.choose = b->world->config.permutes ? choose : NULL;
    b->order.resumes = resumes;
    b->base.order = &b->order;
}

void weir__sim_order_fini(struct sim *b) {
    free(b->tasks.table);
}

/* ---- completed ops --------------------------------------------------------------------------- */

static bool has_file(const struct weir__op *op) {
    return op->kind != WEIR__RESOLVE && op->kind != WEIR__WORK && op->kind != WEIR__SPAWN &&
           op->kind != WEIR__SIGNAL && op->file != NULL;
}

/* The k-th op of the list, or the first one of its file: ops of one file keep their order. */
static struct weir__op *first_like(const struct sim_ops *l, uint32_t k) {
    struct weir__op *chosen = l->head, *first = l->head;
    while (k-- > 0)
        chosen = chosen->next;
    while (first != chosen && !(has_file(chosen) && has_file(first) && first->file == chosen->file))
        first = first->next;
    return first;
}

struct weir__op *weir__sim_take_ready(struct sim *b) {
    struct sim_ops taken;
    uint32_t count = 0;
    weir__sim_ops_init(&taken);
    for (const struct weir__op *op = b->ready.head; op != NULL; op = op->next)
        count++;
    for (; count > 1 && b->world->config.permutes; count--) {
        uint32_t k = weir__choose(b->world, SIM_OP, count < OPS_MAX ? count : OPS_MAX);
        struct weir__op *op = first_like(&b->ready, k);
        weir__sim_ops_remove(&b->ready, op);
        weir__sim_ops_add(&taken, op);
    }
    *taken.tail = b->ready.head;
    weir__sim_ops_init(&b->ready);
    return taken.head;
}
