/* SPDX-License-Identifier: MIT */
/* Compression by the table of wire/deflate.h. The input begins with the parameters: what was
 * compressed in pieces, by any of them, comes out unchanged. Then the input itself is decompressed:
 * no call writes beyond its room, and with the widest window the bytes and the result do not depend
 * on the pieces. With a smaller one they may: zlib refuses a distance beyond the window only where
 * the bytes that it means are not in the buffer of the same call. */
#include <errno.h>
#include <weir/base.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "wire/deflate.h"

enum { OUT_MAX = 200000, HEAD = 6 };

struct bytes {
    int rc; /* of the last call */
    size_t len, used;
    uint8_t data[OUT_MAX];
};

/* Compress in pieces of `step`, each with its flush, room for `room` bytes at a time. */
static void compress(struct bytes *o, const struct weir__deflate_params *p, const uint8_t *in,
                     size_t len, size_t step, size_t room) {
    const struct weir__deflate_table *z = weir__deflate_table;
    struct weir__deflater *d = z->deflater_new(p);
    FUZZ_SAME(d != NULL);
    o->len = 0;
    for (size_t at = 0, piece = 0; at == 0 || at < len; at += piece ? piece : 1) {
        piece = len - at < step ? len - at : step;
        bool is_last = at + piece >= len && p->format != WEIR__DEFLATE_RAW;
        enum weir__deflate_flush flush = is_last ? WEIR__DEFLATE_FINISH
                                         : at + piece >= len || piece % 3 ? WEIR__DEFLATE_SYNC
                                                                          : WEIR__DEFLATE_NONE;
        uint8_t *copy = fuzz_copy(in + at, piece);
        struct weir__deflate_io io = {.in = copy, .in_len = piece};
        bool done = false;
        while (!done) {
            uint8_t *out = fuzz_block(room);
            io.out = out;
            io.out_len = room;
            done = z->deflate(d, &io, flush);
            size_t n = room - io.out_len;
            FUZZ_SAME(done || n > 0);
            FUZZ_SAME(n <= OUT_MAX - o->len && (!done || io.in_len == 0));
            memcpy(o->data + o->len, out, n);
            o->len += n;
            free(out);
        }
        free(copy);
    }
    z->deflater_free(d);
}

/* Decompress, at most OUT_MAX bytes. */
static void decompress(struct bytes *o, const struct weir__deflate_params *p, const uint8_t *in,
                       size_t len, size_t step, size_t room) {
    const struct weir__deflate_table *z = weir__deflate_table;
    struct weir__inflater *f = z->inflater_new(p);
    FUZZ_SAME(f != NULL);
    o->len = o->used = 0;
    o->rc = WEIR__INFLATE_MORE;
    while (o->used < len && (o->rc == WEIR__INFLATE_MORE || o->rc == WEIR__INFLATE_FULL)) {
        size_t piece = len - o->used < step ? len - o->used : step;
        uint8_t *copy = fuzz_copy(in + o->used, piece);
        struct weir__deflate_io io = {.in = copy, .in_len = piece};
        do {
            size_t rest = OUT_MAX - o->len < room ? OUT_MAX - o->len : room;
            uint8_t *out = fuzz_block(rest);
            io.out = out;
            io.out_len = rest;
            o->rc = z->inflate(f, &io);
            FUZZ_SAME(io.out_len <= rest && io.in_len <= piece);
            memcpy(o->data + o->len, out, rest - io.out_len);
            o->len += rest - io.out_len;
            free(out);
        } while (o->rc == WEIR__INFLATE_FULL && o->len < OUT_MAX);
        FUZZ_SAME(o->rc != WEIR__INFLATE_MORE || io.in_len == 0);
        o->used += piece - io.in_len;
        free(copy);
        if (o->len == OUT_MAX)
            break;
    }
    (void)z->inflater_is_between(f);
    z->inflater_free(f);
}

static void round_trip(const struct weir__deflate_params *p, const uint8_t *in, size_t len,
                       size_t step, size_t room) {
    static struct bytes small, again;
    compress(&small, p, in, len, step, room);
    decompress(&again, p, small.data, small.len, room, step);
    FUZZ_SAME(again.rc == (p->format == WEIR__DEFLATE_RAW ? WEIR__INFLATE_MORE
                                                          : WEIR__INFLATE_END) ||
              (small.len == 0 && len == 0));
    FUZZ_SAME(again.len == len && again.used == small.len && memcmp(again.data, in, len) == 0);
}

static void arbitrary(const struct weir__deflate_params *p, const uint8_t *in, size_t len,
                      size_t step, size_t room) {
    static struct bytes whole, cut;
    struct weir__deflate_params widest = {.format = p->format};
    decompress(&cut, p, in, len, step, room);
    decompress(&whole, &widest, in, len, len, OUT_MAX);
    decompress(&cut, &widest, in, len, step, room);
    if (whole.len == OUT_MAX || cut.len == OUT_MAX) {
        FUZZ_SAME(whole.len == cut.len);
        return;
    }
    FUZZ_SAME(whole.rc == cut.rc && (whole.rc < 0 || whole.used == cut.used));
    FUZZ_SAME(whole.rc >= 0 || whole.rc == WEIR_EPROTO);
    if (whole.rc >= 0)
        FUZZ_SAME(whole.len == cut.len);
    size_t len_min = whole.len < cut.len ? whole.len : cut.len;
    FUZZ_SAME(memcmp(whole.data, cut.data, len_min) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    if (len < HEAD || len > 10000)
        return 0;
    const uint8_t *text = input + HEAD;
    struct weir__deflate_params p = {.format = input[0] % 3,
                                     .window_bits = (uint8_t)(8 + input[1] % 8),
                                     .level = (uint8_t)(1 + input[2] % 9),
                                     .memory_level = (uint8_t)(1 + input[3] % 9)};
    size_t step = 1 + input[4], room = 7 + (size_t)input[5] * 4;
    round_trip(&p, text, len - HEAD, step, room);
    arbitrary(&p, text, len - HEAD, step, room);
    FUZZ_SAME(weir__alloc_live() == 0);
    return 0;
}
