/* SPDX-License-Identifier: MIT */
/* stream_transport.h - the transport of a stream, for the files of this room. */
#ifndef WEIR_CALLBACK_STREAM_TRANSPORT_H
#define WEIR_CALLBACK_STREAM_TRANSPORT_H

#include <weir/transport.h>

#include "callback/transport.h"

/* What waits to be sent: base[at .. at + len). */
struct unsent {
    uint8_t *base;
    size_t at, len, room;
};

struct weir_transport {
    struct transport t; /* first: freed by it */
    struct weir_stream *stream;
    struct weir_protocol *protocol;
    struct weir_protocol_calls calls;
    struct unsent out;
    bool eof, shut; /* end of stream is wanted; it was sent */
};

/* As weir_transport_open; writes_only: nothing is ever read from the stream. */
int weir__stream_transport_open(struct weir_stream **take_stream, weir_protocol_factory *factory,
                                void *arg, struct weir_group *g, bool writes_only,
                                struct weir_transport **ret_transport);

#endif
