/* SPDX-License-Identifier: MIT */
/* The command line of bench-load. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct options {
    uint16_t port;
    unsigned connections;
    size_t size;            /* bytes of payload in a message */
    unsigned depth;         /* messages in flight on a connection, at most */
    int websocket;
    int idle;               /* hold the connections instead of loading them */
    double rate;            /* messages per second in all; 0: as fast as they return */
    int64_t warmup_ns, measure_ns;
    pid_t pid;              /* the server, whose CPU time is read; 0: not read */
};

/* Parse argv. Returns 0, or -EINVAL after a line on stderr. */
int options_parse(struct options *o, int argc, char **argv);

#endif
