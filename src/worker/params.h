/* SPDX-License-Identifier: MIT */
/* params.h - the parameters given to a worker, and which of them its setup asked for. */
#ifndef WEIR_WORKER_PARAMS_H
#define WEIR_WORKER_PARAMS_H

#include <stdbool.h>
#include <weir/worker.h>

#include "worker/limits.h"

struct weir__param {
    char *name, *value; /* one allocation: name, NUL, value */
    bool optional;      /* setup need not ask for it */
};

struct weir_params {
    struct weir__param given[WEIR__PARAMS_MAX];
    size_t given_count;
    const char *asked[WEIR__PARAMS_MAX]; /* names that setup asked for, borrowed while it runs */
    size_t asked_count;
};

void weir__params_fini(struct weir_params *p);

/* Take "KEY=VALUE"; a key given again has the new value. Returns 0; WEIR_EPARAM (no '=', too
 * many), -ENOMEM. */
int weir__params_give(struct weir_params *p, const char *text);

/* NULL: it was not given. */
struct weir__param *weir__params_find(const struct weir_params *p, const char *name);

/* After setup: did it ask for every parameter that was given? Returns 0; WEIR_EPARAM, recorded with
 * the nearest name that it asked for, or else with all of them. */
int weir__params_check(const struct weir_params *p);

#endif
