/* SPDX-License-Identifier: MIT */
/* The load itself: one thread, one ring, up to --depth messages in flight per connection. What a
 * turn has to send on a connection is one send, which goes out with the one io_uring_enter of
 * the turn; receives are multishot. Every byte that comes back is compared. The first wrong
 * byte ends the run. */
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
    uint32_t asked;         /* messages whose sending was asked for */
    uint32_t sent;          /* of these, handed to the kernel */
    uint32_t echoed;        /* of these, come back whole */
    uint32_t got;           /* bytes of the next echo that have come back */
    uint32_t owed;          /* rate mode: messages whose time came with depth in flight */
    uint32_t gone, end;     /* bytes of the last send that the kernel took, and all of it */
    uint32_t first;         /* the first message of the last send */
    uint8_t sending;        /* the last send fell short: its rest is under way */
    uint8_t listed;         /* in the list of connections that have something to send */
};

struct result {
    uint64_t messages, sends;           /* echoes that came back; sends of the load */
    uint64_t segments;                  /* data segments that came from the server (TCP_INFO) */
    uint64_t owed;                      /* rate mode: not yet sent at the end, though it was time */
    int64_t wall_ns, own_cpu_ns, server_cpu_ns;
    struct histogram latency;
    struct histogram late;              /* rate mode: from a message's time to its send */
};

struct engine {
    struct io_uring ring;
    struct pool pool;
    struct message_set messages;
    const struct options *options;
    struct connection *conns;
    unsigned count;                     /* connections that are open */
    int64_t *starts;                    /* depth of each connection: a ring of send times */
    unsigned *listed;                   /* connections that have something to send */
    unsigned listed_count;
    int measuring;
    uint64_t due;                       /* rate mode: the number of the next message */
    int64_t origin_ns;                  /* rate mode: the time of message 0 */
    double step_ns;                     /* rate mode: from one to the next; 0: no rate */
    uint64_t all_messages, sends;       /* since the start */
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
