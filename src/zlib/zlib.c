/* SPDX-License-Identifier: MIT */
/* zlib.c - the library libweir-zlib: wire/deflate.h's table, filled by zlib. All that zlib
 * allocates comes from weir's heap, so that its failures are tested as all others. */
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/check.h"
#include "wire/deflate.h"

struct weir__deflater {
    z_stream z;
};

struct weir__inflater {
    z_stream z;
    bool is_raw;
};

enum { STEP_MAX = 1 << 30 }; /* zlib counts a call's bytes in 32 bits */

/* What a static link names, so that the linker takes this file (-u). */
extern const char weir__zlib_anchor[];
const char weir__zlib_anchor[] = "weir-zlib";

static void *zlib_alloc(void *opaque, unsigned count, unsigned size) {
    return weir__alloc((size_t)count * size);
}

static void zlib_free(void *opaque, void *p) {
    weir__free(p);
}

static unsigned step(size_t len) {
    return len < STEP_MAX ? (unsigned)len : STEP_MAX;
}

static void io_begin(z_stream *z, const struct weir__deflate_io *io) {
    z->next_in = (uint8_t *)(uintptr_t)io->in; /* zlib does not write there */
    z->avail_in = step(io->in_len);
    z->next_out = io->out;
    z->avail_out = step(io->out_len);
}

/* Returns whether anything moved. */
static bool io_end(const z_stream *z, struct weir__deflate_io *io) {
    size_t in = step(io->in_len) - z->avail_in, out = step(io->out_len) - z->avail_out;
    io->in = in > 0 ? io->in + in : io->in;
    io->out = out > 0 ? io->out + out : io->out;
    io->in_len -= in;
    io->out_len -= out;
    return in > 0 || out > 0;
}

/* zlib's sign and offset for the format. A raw deflater cannot have a window of 8 bits; with 9 it
 * goes back at most 512 - 262 = 250 bytes, which fits (a test measures it). The header of the
 * format ZLIB then says 9, so its inflater has to take that. */
static int bits_of(const struct weir__deflate_params *p, bool deflates) {
    int bits = p->window_bits ? p->window_bits : 15;
    if (bits < 8 || bits > 15)
        return 0;
    if (bits == 8 && (deflates || p->format == WEIR__DEFLATE_ZLIB))
        bits = 9;
    return p->format == WEIR__DEFLATE_RAW    ? -bits
           : p->format == WEIR__DEFLATE_GZIP ? bits + 16
                                             : bits;
}

/* ---- compress ---- */

static struct weir__deflater *deflater_new(const struct weir__deflate_params *p) {
    int bits = bits_of(p, true), level = p->level ? p->level : 6;
    int memory = p->memory_level ? p->memory_level : 8;
    if (bits == 0 || level > 9 || memory > 9)
        return NULL;
    struct weir__deflater *d = weir__alloc(sizeof *d);
    if (d == NULL)
        return NULL;
    *d = (struct weir__deflater){.z = {.zalloc = zlib_alloc, .zfree = zlib_free}};
    if (deflateInit2(&d->z, level, Z_DEFLATED, bits, memory, Z_DEFAULT_STRATEGY) != Z_OK) {
        weir__free(d);
        return NULL;
    }
    return d;
}

static bool deflate_some(struct weir__deflater *d, struct weir__deflate_io *io,
                         enum weir__deflate_flush flush) {
    static const int flushes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    WEIR_CHECK(io->out_len > 6);
    for (;;) {
        bool is_last = io->in_len <= STEP_MAX;
        io_begin(&d->z, io);
        int rc = deflate(&d->z, is_last ? flushes[flush] : Z_NO_FLUSH);
        WEIR_CHECK(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR);
        bool moved = io_end(&d->z, io);
        if (rc == Z_STREAM_END)
            return true;
        if (io->out_len == 0)
            return false;
        if (is_last && io->in_len == 0 && (flush != WEIR__DEFLATE_FINISH || !moved))
            return true;
    }
}

static void deflater_reset(struct weir__deflater *d) {
    WEIR_CHECK(deflateReset(&d->z) == Z_OK);
}

static void deflater_free(struct weir__deflater *d) {
    if (d != NULL)
        deflateEnd(&d->z);
    weir__free(d);
}

/* ---- decompress ---- */

static struct weir__inflater *inflater_new(const struct weir__deflate_params *p) {
    int bits = bits_of(p, false);
    struct weir__inflater *i = bits == 0 ? NULL : weir__alloc(sizeof *i);
    if (i == NULL)
        return NULL;
    *i = (struct weir__inflater){.z = {.zalloc = zlib_alloc, .zfree = zlib_free,
                                       .data_type = 128},
                                 .is_raw = p->format == WEIR__DEFLATE_RAW};
    if (inflateInit2(&i->z, bits) != Z_OK) {
        weir__free(i);
        return NULL;
    }
    return i;
}

/* data_type of zlib: 128 where inflate stands before a block's header; its low bits count the bits
 * of the last byte that it has not used. */
static void stand_between(struct weir__inflater *i) {
    i->z.data_type = 128;
}

static int inflate_some(struct weir__inflater *i, struct weir__deflate_io *io) {
    for (;;) {
        if (io->in_len == 0 && io->out_len == 0)
            return WEIR__INFLATE_FULL;
        io_begin(&i->z, io);
        int rc = inflate(&i->z, Z_SYNC_FLUSH);
        bool moved = io_end(&i->z, io);
        if (rc == Z_MEM_ERROR)
            return -ENOMEM;
        if (rc == Z_STREAM_END && !i->is_raw)
            return WEIR__INFLATE_END;
        if (rc == Z_STREAM_END) { /* its window stays */
            WEIR_CHECK(inflateResetKeep(&i->z) == Z_OK);
            stand_between(i);
        } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return WEIR_EPROTO;
        }
        if (io->out_len == 0)
            return WEIR__INFLATE_FULL;
        if (io->in_len == 0 || !moved)
            return WEIR__INFLATE_MORE;
    }
}

static bool inflater_is_between(const struct weir__inflater *i) {
    return (i->z.data_type & (128 | 7)) == 128;
}

static void inflater_reset(struct weir__inflater *i) {
    WEIR_CHECK(inflateReset(&i->z) == Z_OK);
    stand_between(i);
}

static void inflater_free(struct weir__inflater *i) {
    if (i != NULL)
        inflateEnd(&i->z);
    weir__free(i);
}

static size_t window_get(struct weir__inflater *i, uint8_t *out) {
    unsigned len = 0;
    WEIR_CHECK(inflateGetDictionary(&i->z, out, &len) == Z_OK);
    return len;
}

static int window_set(struct weir__inflater *i, const uint8_t *window, size_t len) {
    return len == 0 || inflateSetDictionary(&i->z, window, (unsigned)len) == Z_OK ? 0 : -ENOMEM;
}

/* ---- the table ---- */

static const struct weir__deflate_table table = {
    .deflater_new = deflater_new, .deflate = deflate_some, .deflater_reset = deflater_reset,
    .deflater_free = deflater_free, .inflater_new = inflater_new, .inflate = inflate_some,
    .inflater_is_between = inflater_is_between, .inflater_reset = inflater_reset,
    .inflater_free = inflater_free, .window_get = window_get, .window_set = window_set};

static __attribute__((constructor)) void fill_table(void) {
    weir__deflate_table = &table;
}
