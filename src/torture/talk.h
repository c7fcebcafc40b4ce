/* SPDX-License-Identifier: MIT */
/* talk.h - one connection to the peer that is judged: bytes out, bytes in, and a record of both.
 *
 * A task reads all that comes into one buffer, so that a peer that answers while it is written to
 * is never blocked by us. The case's task writes, and waits for bytes with a bound in time. */
#ifndef WEIR_TORTURE_TALK_H
#define WEIR_TORTURE_TALK_H

#include <weir/stream.h>
#include <weir/sync.h>
#include <weir/task.h>

#include "torture/bytes.h"
#include "torture/case.h"
#include "torture/flate.h"

/* The largest message of a case is 64 MiB. */
enum { TALK_IN_MAX = 65 << 20, TALK_LOG_MAX = 32 << 10, TALK_WHY = 240, TALK_KEY_SIZE = 32 };

/* A client that is a program: how it ended. */
struct talk_client {
    struct weir_event ended;
    int status; /* less than 0: not by itself */
    char host[32]; /* of the URL that it was given */
    struct weir_view printed;
};

struct talk {
    struct weir_stream *stream;
    bool serving; /* the peer is a client */
    bool broken;  /* a write has failed: what the peer says decides */
    bool lost;    /* the suite had no memory: what the peer does says nothing */
    bool asked_old; /* the request that is to be answered next is one of HTTP/1.0 */
    bool asked_switch; /* the requests have Upgrade */
    bool asked_slowly; /* in many small writes: the answer may have come before the last */
    const char *host, *target;
    const char *scheme;         /* "http" or "https": of the URL that the server is asked for */
    struct talk_client *client; /* of a client that was started for the case; else NULL */
    char *last_key;             /* of the run: Sec-WebSocket-Key of the client before */
    weir_ns patience_ns;        /* how long the peer may take for one answer */
    weir_ns answer_ns;          /* how long it has taken for the last */
    weir_ns *quickest_ns;       /* of the run: for the quickest; 0: none came yet */
    struct bytes in;
    size_t at;              /* how far `in` was read */
    struct weir_event came; /* more bytes, or the end */
    bool ended;
    int end_rc; /* 0: end of stream */
    struct bytes log;
    char why[TALK_WHY]; /* of the verdict */

    size_t piece;     /* the largest write; 0: any */
    size_t fragments; /* data messages go in frames of so many bytes; 0: one frame */
    bool holding;     /* writes gather in held */
    struct bytes held;
    size_t cut; /* the next frame goes only so far; 0: whole */

    bool sent_close, got_close, alive;
    bool over; /* the connection has ended where the case wants it to */
    bool wrong; /* it sent what no peer may send: that fails the case, of whatever level */
    unsigned masks; /* frames with a mask that came */
    uint32_t first_mask;
    bool masks_differ;
    bool deflate; /* permessage-deflate was negotiated */
    bool in_no_takeover, out_no_takeover;
    int in_window, out_window;
    struct packer packer;
    struct unpacker unpacker;
    struct bytes message; /* of the peer, as far as it came */
    unsigned message_opcode;
    bool message_packed;
    struct bytes pongs;       /* that came before a message: each its length, then its bytes */
    unsigned packed_messages; /* how many of the peer's were compressed */
};

/* Begin: the stream is the talk's. g gets the reading task. Returns 0, or why no task began. */
int talk_begin(struct talk *t, struct weir_group *g);

/* Let all tasks of the talk end first. */
void talk_end(struct talk *t);

/* Write bytes; a failure is remembered and told by nothing else. */
void talk_write(struct talk *t, const void *data, size_t len);

/* Wait until more came or the stream ended, no longer than budget_ns. False: neither. */
bool talk_wait(struct talk *t, weir_ns budget_ns);

/* Wait until count bytes lie behind t->at. False: they did not come. */
bool talk_need(struct talk *t, size_t count, weir_ns budget_ns);

/* Send end of stream, where that is still possible. */
void talk_half_close(struct talk *t);

/* Free bytes of the talk's; if some are missing, it is remembered. */
void talk_free(struct talk *t, struct bytes *b);

/* Had each part of the talk the memory that it needs? */
bool talk_is_whole(const struct talk *t);

/* Say why. Returns v. */
enum torture_verdict talk_judge(struct talk *t, enum torture_verdict v, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
