/* SPDX-License-Identifier: MIT */
/* What is sent and what must come back, made once before the run, so that sending and
 * checking cost no preparation. Consecutive messages and neighbouring connections differ, so
 * that bytes swapped between them are found. The set stays small enough for L2.
 * TCP: windows, 64 bytes apart, into one random pool; the echo is the message.
 * WebSocket: whole masked binary frames; the echo is one unmasked, unfragmented frame.
 * With more than one message in flight the variants lie one behind the other without a gap, and
 * the first ones again behind the last: any depth messages in a row can go out in one send. */
#ifndef BENCH_LOAD_MESSAGE_H
#define BENCH_LOAD_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct message_set {
    const uint8_t *wire, *echo;         /* of variant 0 */
    size_t wire_size, echo_size;        /* of each message */
    size_t wire_stride, echo_stride;    /* from one variant to the next */
    size_t variants;                    /* a power of two */
    uint8_t *memory;
};

/* Prepare messages of size payload bytes, depth of them in a row. Returns 0 or -ENOMEM. */
int message_set_init(struct message_set *set, size_t size, int websocket, unsigned depth);
void message_set_fini(struct message_set *set);

static inline size_t message_variant(const struct message_set *set, unsigned conn, unsigned seq) {
    return (conn * 7u + seq) & (set->variants - 1);
}

#endif
