/* SPDX-License-Identifier: MIT */
/* framer.h - the inside of a weir_framer, for frames.c, which has one inside. */
#ifndef WEIR_FRAME_FRAMER_H
#define WEIR_FRAME_FRAMER_H

#include "frame/cut.h"

struct weir__framer {
    struct weir__cut cut;
    uint8_t *kept; /* the beginning of a frame, or one that was shown; NULL: nothing yet */
    size_t len, room;
    int failed; /* the error that all later calls return */
    bool open;
    bool shown; /* what is kept was shown as a frame: it ends with the next call */
};

int weir__framer_open(struct weir__framer *f, const struct weir_framing *framing,
                      const char *call);
void weir__framer_close(struct weir__framer *f);

/* As the public calls. on: for the record of an error; NULL: nothing is known. */
int weir__framer_next(struct weir__framer *f, struct weir_view *in, const char *on,
                      struct weir_view *ret_frame);
int weir__framer_end(struct weir__framer *f, const char *on, struct weir_view *ret_frame);

#endif
