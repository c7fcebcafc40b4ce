/* SPDX-License-Identifier: MIT */
/* hatch.h - the inside of a listener in memory: its name, and the connections that wait. */
#ifndef WEIR_STREAM_HATCH_H
#define WEIR_STREAM_HATCH_H

#include <weir/stream.h>

#include "task/waitq.h"

struct weir__hatch;

/* Open one on the running loop. backlog: how many connections may wait; 0 or less: the default.
 * waiting: the queue of the task that accepts. Returns 0; -EADDRINUSE, -ENOMEM. */
int weir__hatch_open(const char *name, int backlog, struct weir__waitq *waiting,
                     struct weir__hatch **ret_hatch);

/* Take the connection that has waited longest. Returns 1; 0: none waits. */
int weir__hatch_take(struct weir__hatch *h, struct weir_stream **ret_stream);

/* Close it and the connections that wait. NULL and *NULL are fine. */
void weir__hatch_close(struct weir__hatch **take_hatch);

#endif
