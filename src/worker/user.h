/* SPDX-License-Identifier: MIT */
/* user.h - the functions of a user's worker or source: each runs as a task of its name, on a stack
 * of its size, so that a crash report has the user's name, and advises the user's stack_size. */
#ifndef WEIR_WORKER_USER_H
#define WEIR_WORKER_USER_H

#include <weir/worker.h>

struct weir__user {
    const char *name; /* of its tasks */
    size_t stack_size;
    void *state; /* heap */
    int (*setup)(void *state, const struct weir_params *p);
    int (*run)(void *state); /* of a source; NULL: a worker's */
};

/* Allocate the state, zeroed. Returns 0; -ENOMEM. */
int weir__user_init(struct weir__user *u, size_t state_size);
void weir__user_fini(struct weir__user *u);

/* Suspends. Returns what setup returned, if that is an error; WEIR_EPARAM: a parameter was given
 * that it did not ask for; 0. */
int weir__user_setup(const struct weir__user *u, struct weir_params *p);

/* Suspends. Returns what run returned: an error, 0 or 1; aborts on more. */
int weir__user_run(const struct weir__user *u);

#endif
