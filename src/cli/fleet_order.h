/* SPDX-License-Identifier: MIT */
/* fleet_order.h - sorts nodes by their dependencies. */
#ifndef WEIR_CLI_FLEET_ORDER_H
#define WEIR_CLI_FLEET_ORDER_H

#include "cli/fleet.h"

/* Sort f's nodes so that each comes after the nodes on which it depends; of several that could come
 * next, the first in the file does. Returns 0; WEIR_ECONFIG (a cycle, whose nodes are named in
 * order), -ENOMEM. */
int fleet_order(struct fleet *f, struct yaml_problem *ret_problem);

#endif
