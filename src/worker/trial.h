/* SPDX-License-Identifier: MIT */
/* trial.h - a worker as one of several programs in a test's loop, for weir_worker_try of
 * libweir-test. It does not use the environment: no WEIR_GRID, no control line. */
#ifndef WEIR_WORKER_TRIAL_H
#define WEIR_WORKER_TRIAL_H

#include <stdbool.h>
#include <weir/worker.h>

struct weir_group;
struct weir__trial;

/* Make a program of fn, with parameters ("name=value", NULL behind the last; or NULL). It will
 * listen on its node's port in the circuit's grid, or else on spare_port.
 * Returns 0; WEIR_EWORKER, WEIR_EPARAM, -ENOMEM. */
WEIR_API int weir__trial_new(const struct weir_worker *fn, const char *const *with,
                             int spare_port, struct weir__trial **ret_trial);

/* Call it when the group of its task is closed. NULL is fine. */
WEIR_API void weir__trial_free(struct weir__trial *t);

/* Before the start: let t find other by its node's name. Returns 0; -ENOMEM; WEIR_EPARAM (that is
 * no name of a node). */
WEIR_API int weir__trial_meet(struct weir__trial *t, const struct weir__trial *other);

/* Have both the same node? */
WEIR_API bool weir__trial_shares_node(const struct weir__trial *t,
                                      const struct weir__trial *other);

/* Start it as a child of g, whose cancel stops it. Returns 0; as weir_spawn. */
WEIR_API int weir__trial_start(struct weir__trial *t, struct weir_group *g);

/* Wait until it serves. Suspends. Returns its port; the error of its setup, recorded; -EADDRINUSE
 * (another program has its port); -ECANCELED, -ETIME. */
WEIR_API int weir__trial_serves(struct weir__trial *t);

/* The test has a connection to it, from that address. Workers may keep others, so only this one is
 * waited for. */
WEIR_API void weir__trial_client(struct weir__trial *t, const char *address);

/* Wait until it has closed that connection. Suspends. Returns 0; -ECANCELED, -ETIME. */
WEIR_API int weir__trial_is_left(struct weir__trial *t);

#endif
