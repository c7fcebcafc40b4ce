/* SPDX-License-Identifier: MIT */
/* control.h - what a program reports to `weir up`, on the descriptor that WEIR_CONTROL_FD names, in
 * the lines of doc/design/fleet.md: ready, beat, stat. Without the variable no call does anything.
 */
#ifndef WEIR_WORKER_CONTROL_H
#define WEIR_WORKER_CONTROL_H

#include <stdbool.h>

#include "worker/latency.h"

struct weir_group;

struct weir__counters { /* since the start */
    uint64_t messages, acks, errors; /* errors: nacks and failures */
    uint64_t unasked; /* messages of receivers that answered no item, and were dropped */
    struct weir__latency latency;
};

struct weir__control {
    int fd; /* -1: no `weir up` reads */
    const struct weir__counters *counters;
    uint64_t reported; /* sum of all counters in the last stat line */
};

/* Until weir__control_open no call does anything. counters must live until the close. */
void weir__control_init(struct weir__control *c, const struct weir__counters *counters);

/* Take over the descriptor, which children of the program do not inherit. A bad variable is logged
 * and ignored, and the descriptor of its number is left alone. To be called before the program
 * opens any: if the number is not in use, the first descriptor that is made may get it. */
void weir__control_open(struct weir__control *c);

/* Say that the program serves (port 0: it does not listen), and begin the heartbeats as a task of
 * g. Returns 0; -ENOMEM, -EAGAIN (no task could be spawned). */
int weir__control_ready(struct weir__control *c, struct weir_group *g, int port);

/* Send the last counters, and close. The heartbeats must have ended. Once more is harmless. */
void weir__control_close(struct weir__control *c);

#endif
