/* SPDX-License-Identifier: MIT */
/* summary.h - the table that is printed when a fleet has ended: the work of each node and its
 * exit. */
#ifndef WEIR_CLI_SUMMARY_H
#define WEIR_CLI_SUMMARY_H

#include "cli/member.h"

/* Print it on the members' stdout, in their order. Returns as output_text; -ENOMEM. */
int summary_print(struct output *o, const struct member *members, size_t count);

/* How a member ended: "0", "3", "signal 9", "stopped" (by our TERM), "killed", ... */
const char *summary_end(const struct member *m, char *buf, size_t size);

#endif
