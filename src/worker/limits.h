/* SPDX-License-Identifier: MIT */
/* limits.h - every bound of the worker room, with its reason. */
#ifndef WEIR_WORKER_LIMITS_H
#define WEIR_WORKER_LIMITS_H

#include <weir/base.h>

enum {
    WEIR__ACK_MAX = 1 << 20,       /* what a receiver takes by default as a message */
    WEIR__LINE_MAX = 8192,         /* one printed line, as `weir up` cuts them */
    WEIR__LINE_GRACE_MS = 100,     /* after a stop, for the reader of stdout: too short to notice */
    WEIR__PARAMS_MAX = 64,         /* given, and asked for */
    WEIR__BEAT_S = 1,              /* heartbeats and counters; fleet.md wants at least that */
    WEIR__CONTROL_LINE_MAX = 256,  /* fleet.md */
    WEIR__CONNECTIONS_MAX = 1 << 20, /* above what descriptors a process can have by default */
};

#endif
