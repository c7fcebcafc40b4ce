/* SPDX-License-Identifier: MIT */
/* fifo.h - a queue of completed ops, linked by next, which turn() returns in the order of
 * completion. And the states that both kernel backends give an op. */
#ifndef WEIR_SYS_FIFO_H
#define WEIR_SYS_FIFO_H

#include "base/check.h"
#include "sys/backend.h"

enum weir__op_state {
    WEIR__OP_FREE = 0, /* the caller has it */
    WEIR__OP_HELD,     /* the backend has it: pending */
    WEIR__OP_OVER,     /* completed, result is set; queued for turn(), or just returned by it */
};

struct weir__fifo {
    struct weir__op *head, **tail;
};

static inline void weir__fifo_init(struct weir__fifo *q) {
    q->head = NULL;
    q->tail = &q->head;
}

static inline bool weir__fifo_empty(const struct weir__fifo *q) {
    return q->head == NULL;
}

static inline void weir__fifo_push(struct weir__fifo *q, struct weir__op *op) {
    op->next = NULL;
    *q->tail = op;
    q->tail = &op->next;
}

static inline struct weir__op *weir__fifo_take(struct weir__fifo *q) {
    struct weir__op *head = q->head;
    weir__fifo_init(q);
    return head;
}

/* Complete a held op: turn() will return it. */
static inline void weir__op_complete(struct weir__fifo *q, struct weir__op *op, int64_t result) {
    WEIR_CHECK(op->state == WEIR__OP_HELD);
    op->state = WEIR__OP_OVER;
    op->result = result;
    __builtin_prefetch(op->waiter); /* wake reads it first; other ops complete before that */
    weir__fifo_push(q, op);
}

/* Complete an op inside submit or cancel. Returns WEIR__DONE. */
static inline int weir__op_now_done(struct weir__op *op, int64_t result) {
    op->state = WEIR__OP_FREE;
    op->result = result;
    return WEIR__DONE;
}

static inline int weir__op_hold(struct weir__op *op) {
    op->state = WEIR__OP_HELD;
    return WEIR__PENDING;
}

#endif
