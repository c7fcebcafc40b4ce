/* SPDX-License-Identifier: MIT */
/* flate.c - see flate.h. */
#include "torture/flate.h"

#include <string.h>

#include "base/alloc.h"

enum { LITERALS = 288, DISTANCES = 30, CODE_MAX = 15, MATCH_MAX = 258, STORED_MAX = 65535 };
enum { HASH_SIZE = 1 << 15, WINDOW_BITS = 15, UNPACKED_MAX = 128 << 20, PAST_MAX = 1 << 20 };

static const uint16_t length_base[29] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                         15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                         67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t distance_base[DISTANCES] = {
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
    193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t distance_extra[DISTANCES] = {0, 0, 0,  0,  1,  1,  2,  2,  3,  3,
                                                  4, 4, 5,  5,  6,  6,  7,  7,  8,  8,
                                                  9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

/* ---- pack ---- */

struct bits_out {
    struct bytes *out;
    uint32_t bits;
    unsigned count;
};

static void put_bits(struct bits_out *o, uint32_t value, unsigned count) {
    o->bits |= value << o->count;
    for (o->count += count; o->count >= 8; o->count -= 8, o->bits >>= 8)
        bytes_put(o->out, o->bits & 0xff);
}

static void put_code(struct bits_out *o, uint32_t code, unsigned count) { /* its top bit first */
    uint32_t turned = 0;
    for (unsigned i = 0; i < count; i++)
        turned |= (code >> i & 1) << (count - 1 - i);
    put_bits(o, turned, count);
}

static void put_symbol(struct bits_out *o, unsigned s) { /* RFC 1951 3.2.6 */
    if (s < 144)
        put_code(o, 0x30 + s, 8);
    else if (s < 256)
        put_code(o, 0x190 + s - 144, 9);
    else if (s < 280)
        put_code(o, s - 256, 7);
    else
        put_code(o, 0xc0 + s - 280, 8);
}

static void put_match(struct bits_out *o, size_t len, size_t distance) {
    unsigned l = 28, d = DISTANCES - 1;
    while (length_base[l] > len)
        l--;
    while (distance_base[d] > distance)
        d--;
    put_symbol(o, 257 + l);
    put_bits(o, (uint32_t)(len - length_base[l]), length_extra[l]);
    put_code(o, d, 5);
    put_bits(o, (uint32_t)(distance - distance_base[d]), distance_extra[d]);
}

static unsigned hash_of(const uint8_t *p) {
    return (p[0] << 10 ^ p[1] << 5 ^ p[2]) & (HASH_SIZE - 1);
}

static size_t match_len(const uint8_t *a, const uint8_t *b, size_t max) {
    size_t n = 0;
    while (n < max && n < MATCH_MAX && a[n] == b[n])
        n++;
    return n;
}

/* text[0 .. from-1] is the past. */
static void put_block(struct bits_out *o, const uint8_t *text, size_t from, size_t end,
                      size_t window) {
    uint32_t *last = weir__alloc_zero(HASH_SIZE * sizeof *last); /* place + 1 */
    if (last == NULL) {
        o->out->lost = true;
        return;
    }
    for (size_t i = 0; i + 3 <= from; i++)
        last[hash_of(text + i)] = (uint32_t)i + 1;
    for (size_t i = from; i < end;) {
        size_t at = 0, len = 0;
        if (i + 3 <= end) {
            unsigned h = hash_of(text + i);
            at = last[h];
            last[h] = (uint32_t)i + 1;
            len =
                at != 0 && i - (at - 1) <= window ? match_len(text + at - 1, text + i, end - i) : 0;
        }
        if (len >= 3) {
            put_match(o, len, i - (at - 1));
        } else {
            put_symbol(o, text[i]);
            len = 1;
        }
        i += len;
    }
    put_symbol(o, 256);
    weir__free(last);
}

static void put_stored(struct bits_out *o, const uint8_t *data, size_t len) {
    do {
        size_t n = len < STORED_MAX ? len : STORED_MAX;
        put_bits(o, 0, 3);
        put_bits(o, 0, (8 - o->count) & 7);
        put_bits(o, (uint32_t)n, 16);
        put_bits(o, (uint32_t)n ^ 0xffff, 16);
        bytes_add(o->out, data, n);
        data += n;
        len -= n;
    } while (len > 0);
}

void pack(struct packer *p, struct bytes *out, const uint8_t *data, size_t len,
          enum pack_form form) {
    struct bits_out o = {.out = out};
    size_t window = (size_t)1 << (p->window != 0 ? p->window : WINDOW_BITS), from = p->past.len;
    bytes_add(&p->past, data, len);
    if (p->past.lost) {
        out->lost = true;
        return;
    }
    if (form == PACK_STORED) {
        put_stored(&o, data, len);
    } else {
        put_bits(&o, form == PACK_FINAL ? 3 : 2, 3);
        put_block(&o, p->past.base, from, p->past.len, window);
        if (form == PACK_FINAL) /* that stream has ended: the next begins in a byte of its own */
            put_bits(&o, 0, (8 - o.count) & 7);
    }
    put_bits(&o, 0, 3); /* the empty block whose 00 00 ff ff is left out */
    put_bits(&o, 0, (8 - o.count) & 7);
    if (p->past.len > PAST_MAX)
        packer_forget(p);
}

void packer_forget(struct packer *p) {
    p->past.len = 0;
}

void packer_fini(struct packer *p) {
    bytes_free(&p->past);
}

/* ---- unpack ---- */

struct bits_in {
    const uint8_t *data;
    size_t len, at;
    uint32_t bits;
    unsigned count;
    bool short_;
};

static unsigned take_bits(struct bits_in *in, unsigned count) {
    while (in->count < count) {
        if (in->at >= in->len)
            in->short_ = true;
        in->bits |= (uint32_t)(in->at < in->len ? in->data[in->at] : 0) << in->count;
        in->at++;
        in->count += 8;
    }
    unsigned value = in->bits & ((1u << count) - 1);
    in->bits >>= count;
    in->count -= count;
    return value;
}

struct codes {
    uint16_t counts[CODE_MAX + 1], symbols[LITERALS];
};

static bool make_codes(struct codes *c, const uint8_t *lengths, unsigned count) {
    uint16_t offsets[CODE_MAX + 1] = {0};
    int left = 1;
    memset(c, 0, sizeof *c);
    for (unsigned i = 0; i < count; i++)
        c->counts[lengths[i]]++;
    c->counts[0] = 0;
    for (unsigned n = 1; n <= CODE_MAX; n++) {
        left = left * 2 - c->counts[n];
        if (left < 0)
            return false;
        if (n < CODE_MAX)
            offsets[n + 1] = (uint16_t)(offsets[n] + c->counts[n]);
    }
    for (unsigned i = 0; i < count; i++)
        if (lengths[i] != 0)
            c->symbols[offsets[lengths[i]]++] = (uint16_t)i;
    return true;
}

static int take_symbol(struct bits_in *in, const struct codes *c) {
    int code = 0, first = 0, index = 0;
    for (unsigned n = 1; n <= CODE_MAX && !in->short_; n++) {
        code |= (int)take_bits(in, 1);
        if (code - c->counts[n] < first)
            return c->symbols[index + code - first];
        index += c->counts[n];
        first = (first + c->counts[n]) << 1;
        code <<= 1;
    }
    return -1;
}

static const char *copy_match(struct unpacker *u, size_t len, size_t distance) {
    size_t window = (size_t)1 << (u->window != 0 ? u->window : WINDOW_BITS);
    if (distance > window)
        return "a match reaches further back than the agreed window";
    if (distance > u->past.len)
        return "a match reaches back before the beginning of the context";
    if (distance > u->reach)
        u->reach = distance;
    while (len-- > 0)
        bytes_put(&u->past, u->past.base[u->past.len - distance]);
    return NULL;
}

static const char *unpack_codes(struct unpacker *u, struct bits_in *in,
                                const struct codes *literals, const struct codes *distances) {
    for (;;) {
        int s = take_symbol(in, literals);
        if (s < 0 || in->short_)
            return "the compressed data ends too early, or has a code that stands for nothing";
        if (u->past.len > UNPACKED_MAX || u->past.lost)
            return "it unpacks to more than the suite takes";
        if (s == 256)
            return NULL;
        if (s < 256) {
            bytes_put(&u->past, (unsigned)s);
            continue;
        }
        if (s > 285)
            return "a length that is not defined";
        size_t len = length_base[s - 257] + take_bits(in, length_extra[s - 257]);
        int d = take_symbol(in, distances);
        if (d < 0 || d >= DISTANCES)
            return "a distance that is not defined";
        const char *wrong = copy_match(u, len, distance_base[d] + take_bits(in, distance_extra[d]));
        if (wrong != NULL)
            return wrong;
    }
}

static const char *unpack_fixed(struct unpacker *u, struct bits_in *in) {
    uint8_t lengths[LITERALS];
    struct codes literals, distances;
    memset(lengths, 8, sizeof lengths);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    make_codes(&literals, lengths, LITERALS);
    memset(lengths, 5, DISTANCES);
    make_codes(&distances, lengths, DISTANCES);
    return unpack_codes(u, in, &literals, &distances);
}

static bool take_lengths(struct bits_in *in, const struct codes *c, uint8_t *lengths,
                         unsigned wanted) {
    for (unsigned i = 0; i < wanted && !in->short_;) {
        int s = take_symbol(in, c);
        if (s < 0 || (s == 16 && i == 0))
            return false;
        if (s < 16) {
            lengths[i++] = (uint8_t)s;
            continue;
        }
        uint8_t value = s == 16 ? lengths[i - 1] : 0;
        unsigned times = s == 16   ? 3 + take_bits(in, 2)
                         : s == 17 ? 3 + take_bits(in, 3)
                                   : 11 + take_bits(in, 7);
        if (times > wanted - i)
            return false;
        memset(lengths + i, value, times);
        i += times;
    }
    return !in->short_;
}

static const char *unpack_dynamic(struct unpacker *u, struct bits_in *in) {
    static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                      11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LITERALS + 32] = {0};
    struct codes literals, distances;
    unsigned nlit = take_bits(in, 5) + 257, ndist = take_bits(in, 5) + 1, n = take_bits(in, 4) + 4;
    for (unsigned i = 0; i < n; i++)
        lengths[order[i]] = (uint8_t)take_bits(in, 3);
    if (nlit > 286 || ndist > 30 || !make_codes(&literals, lengths, 19))
        return "a bad head of a block";
    memset(lengths, 0, sizeof lengths);
    if (!take_lengths(in, &literals, lengths, nlit + ndist) ||
        !make_codes(&literals, lengths, nlit) || !make_codes(&distances, lengths + nlit, ndist))
        return "bad code lengths";
    return unpack_codes(u, in, &literals, &distances);
}

static const char *unpack_stored(struct unpacker *u, struct bits_in *in) {
    in->bits = 0;
    in->count = 0;
    unsigned len = take_bits(in, 16), inverse = take_bits(in, 16);
    if (in->short_ || (len ^ 0xffff) != inverse || len > in->len - in->at)
        return "a bad stored block";
    bytes_add(&u->past, in->data + in->at, len);
    in->at += len;
    return NULL;
}

static const char *unpack_blocks(struct unpacker *u, struct bits_in *in) {
    while (in->at < in->len) {
        unsigned final = take_bits(in, 1), type = take_bits(in, 2);
        const char *wrong = type == 0   ? unpack_stored(u, in)
                            : type == 1 ? unpack_fixed(u, in)
                            : type == 2 ? unpack_dynamic(u, in)
                                        : "a block of a type that is not defined";
        if (wrong != NULL)
            return wrong;
        if (final) /* a message may go on in the next byte (RFC 7692 7.2.3.4) */
            in->bits = in->count = 0;
    }
    return NULL;
}

const char *unpack(struct unpacker *u, struct bytes *out, const uint8_t *data, size_t len) {
    struct bytes whole = {0};
    size_t from = u->past.len;
    bytes_add(&whole, data, len);
    bytes_add(&whole, "\0\0\377\377", 4);
    struct bits_in in = {.data = whole.base, .len = whole.len};
    u->past.lost = u->past.lost || whole.lost;
    const char *wrong = u->past.lost ? "no memory" : unpack_blocks(u, &in);
    if (wrong == NULL)
        bytes_add(out, u->past.base + from, u->past.len - from);
    bytes_free(&whole);
    if (u->past.len > PAST_MAX) { /* keep a window of it */
        size_t keep = (size_t)1 << WINDOW_BITS;
        memmove(u->past.base, u->past.base + u->past.len - keep, keep);
        u->past.len = keep;
    }
    return wrong;
}

void unpacker_forget(struct unpacker *u) {
    u->past.len = 0;
}

void unpacker_fini(struct unpacker *u) {
    bytes_free(&u->past);
}
