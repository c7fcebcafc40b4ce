/* SPDX-License-Identifier: MIT */
/* door.h - one loop's door to a simulated world, shared by sim.c (the contract), order.c
 * (what the seed decides), io.c (ops on sockets), calendar.c (the wall clock) and world.c.
 *
 * op->state: where an op is. FREE: with its caller. HELD: reader or writer of its file, or linked
 * in signals or polls. STARVED: a RECV whose bytes are there, but no piece to lend. JOBBED: a job
 * holds it. READY: in the list that the next turn returns, or returned. */
#ifndef WEIR_SIM_DOOR_H
#define WEIR_SIM_DOOR_H

#include "sim/sim.h"

enum { FREE, HELD, STARVED, JOBBED, READY };

struct sim_ops { /* first in, first out, by op->next */
    struct weir__op *head, **tail;
};

struct sim_task {
    const void *task; /* NULL: a free place */
    size_t number;
};

struct sim_tasks {
    struct sim_task *table;
    size_t cap, count;
};

struct sim {
    struct weir__backend base;
    struct weir__order order;
    struct sim_tasks tasks; /* those that have run */
    struct sim_world *world;
    struct weir__list link; /* in the world's instances */
    bool owns_world;
    struct sim_ops ready, starved, signals, polls;
    struct weir__list jobs;
    uint8_t *pieces;
    uint32_t *free_pieces; /* tokens, last in first out */
    size_t free_count, held;
    unsigned busy_turns, full_turns; /* since the last wait */
    char explanation[96];
};

void weir__sim_ops_init(struct sim_ops *l);
void weir__sim_ops_add(struct sim_ops *l, struct weir__op *op);
void weir__sim_ops_remove(struct sim_ops *l, struct weir__op *op);
bool weir__sim_ops_have(const struct sim_ops *l, const struct weir__file *file);

/* Give op back in the next turn. */
void weir__sim_complete(struct sim *b, struct weir__op *op, int64_t result);

/* The socket of op's file; NULL: none. */
struct sim_sock *weir__sim_sock_of(const struct sim *b, const struct weir__op *op);

/* Where op is pending on its file. */
struct weir__op **weir__sim_place_of(const struct weir__op *op);

/* One try. The op's result, or -EAGAIN or -ENOBUFS: not yet. */
int64_t weir__sim_try(struct sim *b, struct sim_sock *s, struct weir__op *op);

/* The file of a DETACH leaves, with one part of `part` of what has come (0: nothing). Returns the
 * op's result. */
int64_t weir__sim_detach(struct sim *b, struct weir__op *op, unsigned part);
/* weir__sim_recv, and what came beside the bytes is closed. */
int64_t weir__sim_read(struct sim_sock *s, void *buf, size_t len);

/* What is of a socket's kind: BIND, SETOPT. */
int weir__sim_bind_to(struct sim_sock *s, const struct weir__addr *a);
int weir__sim_setopt(struct sim_sock *s, const struct weir__op *op);

/* TRY_SENDMSG, TRY_RECVMSG and RECVMSG, as one try. */
int64_t weir__sim_sendmsg(struct sim_sock *s, struct weir__op *op);
int64_t weir__sim_recvmsg(struct sim_sock *s, struct weir__op *op);

/* Try again an op that is held, if it is; complete it if that is its end. */
void weir__sim_go_on(struct sim *b, struct sim_sock *s, struct weir__op *op);

/* Set the world's hooks: a socket may have become readable or writable, so its pending ops go on; a
 * socket is about to be freed. */
void weir__sim_hook(struct sim_world *w);

/* order.c: the completed ops, for the turn to return; the order of tasks. */
struct weir__op *weir__sim_take_ready(struct sim *b);
void weir__sim_order_init(struct sim *b);
void weir__sim_order_fini(struct sim *b);

/* calendar.c: the ops of the wall clock, which are done at once; a POLL of its timer. */
int weir__sim_wall(struct sim *b, struct weir__op *op);
int weir__sim_wall_poll(struct sim *b, struct weir__op *op);

/* The POLL* bits of events that are true, and the errors. */
short weir__sim_poll_bits(const struct sim_sock *s, short events);

#endif
