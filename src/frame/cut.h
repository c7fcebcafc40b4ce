/* SPDX-License-Identifier: MIT */
/* cut.h - where in some bytes a frame ends. */
#ifndef WEIR_FRAME_CUT_H
#define WEIR_FRAME_CUT_H

#include <weir/frame.h>

enum { WEIR__CUT_DELIMITER = 16, WEIR__CUT_NUMBER = 8 };

/* A struct weir_framing, checked and with its defaults. */
struct weir__cut {
    size_t max; /* FIXED: the size */
    uint8_t kind, number_len, delimiter_len;
    bool little, counts_itself, crlf;
    uint8_t delimiter[WEIR__CUT_DELIMITER];
};

/* framing NULL: lines. Returns 0; -EINVAL with the record of call. */
int weir__cut_init(struct weir__cut *c, const struct weir_framing *framing, const char *call);

/* A frame that was found: its bytes begin at `begin`, and the next frame begins at `end`. */
struct weir__found {
    size_t begin, len, end;
};

/* Look for the first frame in len bytes. Returns 1 with *ret; 0 if it does not end in them;
 * WEIR_ETOOBIG, WEIR_EPROTO. */
int weir__cut_find(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                   struct weir__found *ret);

/* len bytes hold no whole frame, nor too many bytes for one. How many of the bytes `more`, which
 * follow, may be put behind them without passing the end of the frame, or the byte that is one too
 * many? */
size_t weir__cut_next(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                      struct weir_view more);

/* The same as find, for bytes that weir__cut_next has put together: an end can only be the last. */
int weir__cut_find_last(const struct weir__cut *c, const uint8_t *bytes, size_t len,
                        struct weir__found *ret);

/* Is there a mark for the end of the frame, in bytes rather than by counting? */
static inline bool weir__cut_marks(const struct weir__cut *c) {
    return c->kind == WEIR_FRAME_LINE || c->kind == WEIR_FRAME_DELIMITED;
}

/* Write the number that stands before a frame of len bytes. Returns how many bytes it has; 0 if it
 * does not fit. */
size_t weir__cut_number(const struct weir__cut *c, size_t len, uint8_t ret[WEIR__CUT_NUMBER]);

#endif
