/* SPDX-License-Identifier: MIT */
/* ws_ahead.h - the bytes of a reactive connection that came while a function of the user's was
 * suspended. */
#ifndef WEIR_PROTO_WS_AHEAD_H
#define WEIR_PROTO_WS_AHEAD_H

#include "proto/weir_ws.h"

/* The bytes of a reactive connection that were received and not decoded; on the stack of the task
 * that decodes them. Pieces are added while it is open, that is, until all is decoded. */
struct ws_aside {
    uint32_t len, max;
    uint8_t bytes[];
};

struct ws_ahead {
    uint8_t *at; /* to be decoded next: what is left of the task's piece, of in_use, or of part */
    size_t len;
    struct ws_aside *in_use, *aside;
    uint64_t frame_left; /* of the scanner's data frame */
    bool open;           /* pieces may be put aside: they will be decoded */
    bool scanned;        /* the scanner has seen all of the above; false: only at, len are set */
    bool blind;          /* the scanner does not understand what follows: the decoder refuses it */
    bool closed;         /* the peer's close frame was seen: nothing follows */
    uint8_t part_len;
    uint8_t part[WS_TAIL_MAX];
};

void weir__ws_ahead_init(struct ws_ahead *a, uint8_t *base, size_t len); /* with one piece */
void weir__ws_ahead_fini(struct ws_ahead *a);
/* Scan what is at hand, unless that was done: act on its control frames. */
void weir__ws_ahead_rest(struct weir_ws *ws, struct ws_ahead *a);
bool weir__ws_ahead_may_read(const struct ws_ahead *a); /* is there room for another piece? */
/* Scan a piece, and put aside what is not control. False: no memory, and nothing was done. */
bool weir__ws_ahead_take(struct weir_ws *ws, struct ws_ahead *a, const uint8_t *base, size_t len);
/* All at `at` was decoded: show what comes next. False: there is nothing, and a is not open. */
bool weir__ws_ahead_next(struct ws_ahead *a);
size_t weir__ws_ahead_left(const struct ws_ahead *a); /* bytes not yet decoded */

#endif
