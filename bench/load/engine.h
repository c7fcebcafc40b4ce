/* SPDX-License-Identifier: MIT */
/* The load itself: one thread, one ring, one message in flight per connection. Sends are
 * queued and go out with the one io_uring_enter of the turn; receives are multishot. Every
 * byte that comes back is compared. The first wrong byte ends the run. */
#ifndef BENCH_LOAD_ENGINE_H
#define BENCH_LOAD_ENGINE_H

#include "histogram.h"
#include "message.h"
#include "options.h"
#include "pool.h"

#include <liburing.h>
#include <stdint.h>

struct connection {
    int fd;
    uint32_t seq;           /* messages sent */
    uint32_t got;           /* bytes of the echo that have come back */
    uint32_t owed;          /* rate mode: sends whose time came while busy */
    int64_t start_ns;       /* when the message in flight was, or should have been, sent */
    int busy;
};

struct result {
    uint64_t messages;
    int64_t wall_ns, own_cpu_ns, server_cpu_ns;
    struct histogram latency;
};

struct engine {
    struct io_uring ring;
    struct pool pool;
    struct message_set messages;
    const struct options *options;
    struct connection *conns;
    unsigned count;                     /* connections that are open */
    int measuring;
    unsigned cursor;                    /* rate mode: the connection whose turn is next */
    int64_t next_ns, step_ns;           /* rate mode: its time; distance to the next one's */
    uint64_t all_messages;
    struct result *result;
};

/* Open the connections and register them. Returns 0 or a negative errno; fini either way. */
int engine_init(struct engine *e, const struct options *o);

/* Warm up, measure, and fill ret. Returns 0 or a negative errno after a line on stderr. */
int engine_run(struct engine *e, struct result *ret);

/* Send one message on each connection, some at a time, and wait for every echo. */
int engine_touch(struct engine *e);

void engine_fini(struct engine *e);

#endif
