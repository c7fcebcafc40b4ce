/* SPDX-License-Identifier: MIT */
/* ws_ahead.h - the bytes of a reactive connection that came while a function of the user's was
 * suspended. */
#ifndef WEIR_PROTO_WS_AHEAD_H
#define WEIR_PROTO_WS_AHEAD_H

#include "proto/weir_ws.h"

/* The bytes of a reactive connection that have come and are not decoded; on the stack of the task
 * that decodes them. Pieces are added while it is open, that is, until all was decoded. */
struct ws_aside {
    uint32_t len, max;
    uint8_t bytes[];
};

struct ws_ahead {
    uint8_t *at; /* to be decoded next: the rest of a piece, of in_use, or part */
    size_t len;
    struct ws_aside *in_use, *aside;
    uint64_t frame_left; /* of the scanner's data frame */
    bool open;           /* pieces may still be put aside: they will be decoded */
    bool scanned;        /* all of the above; false: only at and len are set */
    bool blind;          /* what follows is not understood: the decoder will refuse it */
    bool closed;         /* nothing follows */
    uint8_t part_len;
    uint8_t part[WS_TAIL_MAX];
};

void weir__ws_ahead_init(struct ws_ahead *a, uint8_t *base, size_t len); /* open, with a piece */
void weir__ws_ahead_fini(struct ws_ahead *a);
void weir__ws_ahead_rest(struct weir_ws *ws, struct ws_ahead *a); /* scan what is at hand */
bool weir__ws_ahead_may_read(const struct ws_ahead *a);
/* Scan a piece and put aside what is not control. False: no memory, nothing was done. */
bool weir__ws_ahead_take(struct weir_ws *ws, struct ws_ahead *a, const uint8_t *base, size_t len);
/* at, len are done with: show what comes next. False: all was decoded, and a is closed. */
bool weir__ws_ahead_next(struct ws_ahead *a);
size_t weir__ws_ahead_left(const struct ws_ahead *a); /* bytes not yet decoded */

#endif
