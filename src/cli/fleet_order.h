/* SPDX-License-Identifier: MIT */
/* fleet_order.h - nodes brought into the order of their dependencies. */
#ifndef WEIR_CLI_FLEET_ORDER_H
#define WEIR_CLI_FLEET_ORDER_H

#include "cli/fleet.h"

/* Sort f's nodes so that each stands after what it depends on; among those that could stand next
 * the first of the file does. Returns 0; WEIR_ECONFIG (a cycle, named in order), -ENOMEM. */
int fleet_order(struct fleet *f, struct yaml_problem *ret_problem);

#endif
