/* SPDX-License-Identifier: MIT */
/* deflate.h - compression (RFC 1950 to 1952) as a table of functions, which the library
 * libweir-zlib fills when it is loaded: libweir itself has no compression. Bytes in, bytes out, as
 * the other codecs of this room, but these have a state on the heap. All of it comes from weir's
 * heap. No call writes more than it has room for: the caller bounds what an input may become. */
#ifndef WEIR_WIRE_DEFLATE_H
#define WEIR_WIRE_DEFLATE_H

#include <stdbool.h>
#include <weir/base.h>

struct weir__deflater; /* compresses */
struct weir__inflater; /* decompresses */

enum weir__deflate_format {
    WEIR__DEFLATE_RAW,  /* RFC 1951 alone, as permessage-deflate has it */
    WEIR__DEFLATE_GZIP, /* RFC 1952, the coding "gzip" of HTTP */
    WEIR__DEFLATE_ZLIB, /* RFC 1950, which HTTP calls "deflate" */
};

/* 0: the default, which stands first. */
struct weir__deflate_params {
    uint8_t format;       /* RAW; an enum weir__deflate_format */
    uint8_t window_bits;  /* 15; 8 .. 15. No match is further back than 2 to the power of this */
    uint8_t level;        /* 6; 1 (fast) .. 9 (small). For a deflater only, as memory_level */
    uint8_t memory_level; /* 8; 1 .. 9 */
};

enum weir__deflate_flush {
    WEIR__DEFLATE_NONE,   /* output may wait inside */
    WEIR__DEFLATE_SYNC,   /* all leaves, ended by the four bytes 00 00 ff ff */
    WEIR__DEFLATE_FINISH, /* and nothing follows: the format's end */
};

/* What is still to be read, and the room that is still there. Each call moves both. */
struct weir__deflate_io {
    const uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;
};

enum weir__inflated {
    WEIR__INFLATE_MORE, /* all that was put in has come out */
    WEIR__INFLATE_FULL, /* there is no room; more may follow */
    WEIR__INFLATE_END,  /* the data is complete, and its sum is right; in may hold what follows it.
                         * Never of RAW: a block that says it is the last ends nothing there */
};

struct weir__deflate_table {
    /* NULL: no memory, or a parameter that does not exist. */
    struct weir__deflater *(*deflater_new)(const struct weir__deflate_params *p);
    /* Returns whether all of in was taken, and what the flush asks for has left. If not, there is
     * no room: call again, with more room and the same flush. Give more than 6 bytes. A SYNC with
     * nothing new writes nothing. */
    bool (*deflate)(struct weir__deflater *d, struct weir__deflate_io *io,
                    enum weir__deflate_flush flush);
    void (*deflater_reset)(struct weir__deflater *d); /* as if it were new */
    void (*deflater_free)(struct weir__deflater *d);  /* NULL is fine */

    struct weir__inflater *(*inflater_new)(const struct weir__deflate_params *p);
    /* Returns an enum weir__inflated; WEIR_EPROTO (no such data can have been compressed),
     * -ENOMEM. After an error, only a reset or free may follow. */
    int (*inflate)(struct weir__inflater *i, struct weir__deflate_io *io);
    /* Does it stand behind a whole block, at a whole byte? */
    bool (*inflater_is_between)(const struct weir__inflater *i);
    void (*inflater_reset)(struct weir__inflater *i);
    void (*inflater_free)(struct weir__inflater *i);

    /* RAW: the last bytes that came out, which later ones may refer to: at most
     * 2 to the power of window_bits. window_get returns how many; out may be NULL. window_set gives
     * them to a new inflater; 0 or -ENOMEM. */
    size_t (*window_get)(struct weir__inflater *i, uint8_t *out);
    int (*window_set)(struct weir__inflater *i, const uint8_t *window, size_t len);
};

/* NULL: the program is not linked with libweir-zlib: WEIR_ENOZLIB. Set by a constructor. */
extern WEIR_API const struct weir__deflate_table *weir__deflate_table;

#endif
