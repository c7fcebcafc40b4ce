/* SPDX-License-Identifier: MIT */
/* sim_run.h - a run that replays choices and hands out those that it made, for a shrinker: a
 * failing run is made smaller by taking choices away, which a seed does not allow. */
#ifndef WEIR_TESTING_SIM_RUN_H
#define WEIR_TESTING_SIM_RUN_H

#include <weir/testing.h>

#include "sim/chance.h"

/* As weir_sim_run_at. replay NULL: the seed chooses; else the list does, and the seed gives
 * weir_random alone. *ret_made, which may be NULL, gets the choices of the run, also after an error
 * (not after -EBUSY); the caller must free them with weir__sim_choices_free. */
int weir__sim_run_choices(const struct weir_site *site, int (*fn)(void *arg), void *arg,
                          const struct weir_sim_options *options,
                          const struct sim_choices *replay, struct sim_choices *ret_made);

#endif
