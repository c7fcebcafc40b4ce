/* SPDX-License-Identifier: MIT */
/* fuzz_world.h - what the targets share that play a whole server or client in the simulated world:
 * a world whose buffers and order the input chooses, and permessage-deflate for their peers. */
#ifndef WEIR_TEST_FUZZ_WORLD_H
#define WEIR_TEST_FUZZ_WORLD_H

#include <weir/log.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "wire/deflate.h"

#define MS WEIR_MILLISECONDS

static void fuzz_silent(enum weir_log_level level, const char *text, void *arg) {
    (void)level, (void)text, (void)arg;
}

static const size_t fuzz_buffers[] = {70, 1000, 9000, 65536};
static const size_t fuzz_pieces[] = {16, 125, 1000, 16384};

/* How many bytes a play should move at most in such a world: 500 pieces, or 400 KiB. More of the
 * same would take the time of other inputs. */
static inline size_t fuzz_world_bytes(unsigned world) {
    size_t least = fuzz_pieces[world >> 5 & 3];
    for (unsigned shift = 1; shift <= 3; shift += 2)
        if (fuzz_buffers[world >> shift & 3] < least)
            least = fuzz_buffers[world >> shift & 3];
    return 500 * least < 400 << 10 ? 500 * least : 400 << 10;
}

/* Run play in a world of 600 s at most. Bit 0 of world: no operation completes at once; bits 1 to
 * 6: how large the buffers are. Nothing may be left of it. */
static inline void fuzz_world_run(int (*play)(void *arg), void *arg, unsigned world,
                                  uint64_t seed) {
    struct weir_sim_options o = {.size = sizeof o, .deferred = world & 1, .limit_ns = MS(600000),
                                 .seed = seed, .send_buffer = fuzz_buffers[world >> 1 & 3],
                                 .receive_buffer = fuzz_buffers[world >> 3 & 3],
                                 .piece_size = fuzz_pieces[world >> 5 & 3]};
    weir_log_to(fuzz_silent, NULL);
    int rc = weir_sim_run(play, arg, &o);
    FUZZ_SAME(rc == 0 && !weir_sim_counts()->overran && weir_sim_counts()->sockets == 0);
    FUZZ_SAME(weir__alloc_live() == 0);
}

/* ---- a peer that compresses ---- */

struct fuzz_zip {
    struct weir__deflater *deflater; /* NULL: nothing is compressed */
    struct weir__inflater *inflater;
    bool takes_over;
};

static inline void fuzz_zip_open(struct fuzz_zip *z, bool takes_over) {
    const struct weir__deflate_params p = {.level = 1, .memory_level = 4};
    if (weir__deflate_table == NULL)
        return;
    z->deflater = weir__deflate_table->deflater_new(&p);
    z->inflater = weir__deflate_table->inflater_new(&p);
    z->takes_over = takes_over;
    FUZZ_SAME(z->deflater != NULL && z->inflater != NULL);
}

static inline void fuzz_zip_close(struct fuzz_zip *z) {
    if (z->deflater == NULL)
        return;
    weir__deflate_table->deflater_free(z->deflater);
    weir__deflate_table->inflater_free(z->inflater);
}

/* Compress a message that is not empty, without the 00 00 ff ff. Returns the length. */
static inline size_t fuzz_zip_pack(struct fuzz_zip *z, uint8_t *to, size_t room,
                                   const uint8_t *message, size_t len) {
    struct weir__deflate_io io = {message, len, to, room};
    FUZZ_SAME(weir__deflate_table->deflate(z->deflater, &io, WEIR__DEFLATE_SYNC));
    if (!z->takes_over)
        weir__deflate_table->deflater_reset(z->deflater);
    return room - io.out_len - 4;
}

/* Decompress a message. Without takeover it refers to nothing before. Returns the length. */
static inline size_t fuzz_zip_unpack(struct fuzz_zip *z, uint8_t *to, size_t room,
                                     const uint8_t *packed, size_t len) {
    static const uint8_t tail[4] = {0, 0, 0xff, 0xff};
    struct weir__deflate_io io = {packed, len, to, room};
    FUZZ_SAME(weir__deflate_table->inflate(z->inflater, &io) == WEIR__INFLATE_MORE);
    io.in = tail;
    io.in_len = sizeof tail;
    FUZZ_SAME(weir__deflate_table->inflate(z->inflater, &io) == WEIR__INFLATE_MORE);
    FUZZ_SAME(weir__deflate_table->inflater_is_between(z->inflater));
    if (!z->takes_over)
        weir__deflate_table->inflater_reset(z->inflater);
    return room - io.out_len;
}

#endif
