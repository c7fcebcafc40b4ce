/* SPDX-License-Identifier: MIT */
/* frame.c - see frame.h. */
#include "torture/frame.h"

#include <stdio.h>
#include <string.h>
#include <weir/error.h>
#include <weir/loop.h>

#include "base/time.h"
#include "wire/utf8.h"

enum { CONTROL_MAX = 125, CLOSE_NONE = 1005 };

/* ---- out ---- */

static void put_length(struct bytes *out, const struct frame *f, unsigned mask_bit) {
    enum length_form form = f->form;
    uint64_t len = f->len;
    if (form == LENGTH_SHORTEST)
        form = len < 126 ? LENGTH_SHORTEST : len < 65536 ? LENGTH_16 : LENGTH_64;
    if (form == LENGTH_TOP_BIT)
        len |= (uint64_t)1 << 63;
    if (form == LENGTH_HUGE)
        len = (uint64_t)1 << 62;
    if (form == LENGTH_SHORTEST) {
        bytes_put(out, mask_bit | (unsigned)len);
        return;
    }
    bytes_put(out, mask_bit | (form == LENGTH_16 ? 126u : 127u));
    for (int shift = form == LENGTH_16 ? 8 : 56; shift >= 0; shift -= 8)
        bytes_put(out, (unsigned)(len >> shift) & 0xff);
}

void frame_write(struct bytes *out, const struct frame *f, bool masked) {
    uint8_t mask[4] = {0};
    uint64_t drawn = weir_random();
    if (f->wrong_mask)
        masked = !masked;
    if (!f->zero_mask)
        memcpy(mask, &drawn, sizeof mask);
    bytes_put(out, (f->more ? 0u : 0x80u) | f->rsv << 4 | f->opcode);
    put_length(out, f, masked ? 0x80 : 0);
    size_t at = out->len + (masked ? sizeof mask : 0);
    if (masked)
        bytes_add(out, mask, sizeof mask);
    bytes_add(out, f->payload, f->len);
    for (size_t i = 0; masked && !out->lost && i < f->len; i++)
        out->base[at + i] ^= mask[i & 3];
}

/* ---- in ---- */

struct head {
    unsigned first, opcode, rsv;
    bool fin, masked;
    uint64_t len;
    uint8_t mask[4];
    size_t size;
};

static struct got wrong(struct talk *t, const char *why, unsigned n) {
    t->wrong = true;
    talk_judge(t, TORTURE_FAILED, why, n);
    return (struct got){.kind = GOT_WRONG};
}

/* Which counts by the level of the case: a peer may answer a wrong code with the same one. */
static struct got wrong_close(struct talk *t, const char *why, unsigned n) {
    talk_judge(t, TORTURE_FAILED, why, n);
    return (struct got){.kind = GOT_WRONG};
}

/* Returns NULL, or what is wrong with the head that lies at t->at; h->size 0: not all is there. */
static const char *read_head(const struct talk *t, struct head *h) {
    const uint8_t *p = t->in.base + t->at;
    size_t there = t->in.len - t->at, extra;
    *h = (struct head){0};
    if (there < 2)
        return NULL;
    *h = (struct head){.first = p[0],
                       .opcode = p[0] & 15,
                       .rsv = p[0] >> 4 & 7,
                       .fin = p[0] >> 7,
                       .masked = p[1] >> 7,
                       .len = p[1] & 127};
    extra = h->len == 126 ? 2 : h->len == 127 ? 8 : 0;
    size_t size = 2 + extra + (h->masked ? 4 : 0);
    if (there < size)
        return NULL;
    if (extra != 0)
        h->len = 0;
    for (size_t i = 0; i < extra; i++)
        h->len = h->len << 8 | p[2 + i];
    if (h->masked)
        memcpy(h->mask, p + 2 + extra, 4);
    h->size = size;
    if ((extra == 2 && h->len < 126) || (extra == 8 && h->len < 65536))
        return "the peer wrote a length in a longer form than needed (6455 5.2)";
    if (h->masked != t->serving)
        return h->masked ? "the server masked a frame (6455 5.1)"
                         : "the client did not mask a frame (6455 5.1)";
    if (h->len > TALK_IN_MAX)
        return "the peer announced a frame of more than the suite takes";
    return NULL;
}

static const char *check_head(const struct talk *t, const struct head *h) {
    bool control = h->opcode >= 8, in_message = t->message_opcode != 0;
    bool packed = h->rsv == 4 && t->deflate && !control && h->opcode != OP_CONT;
    if (h->rsv != 0 && !packed)
        return "the peer set reserved bits in a frame that has opcode %u (6455 5.2)";
    if (h->opcode > OP_PONG || (h->opcode > OP_BINARY && !control))
        return "the peer sent the reserved opcode %u (6455 5.2)";
    if (control && (!h->fin || h->len > CONTROL_MAX))
        return "the peer's control frame %u is fragmented or longer than 125 bytes (6455 5.5)";
    if (!control && (h->opcode == OP_CONT) != in_message)
        return "the peer's frame with opcode %u is out of order (6455 5.4)";
    if (t->got_close)
        return "the peer sent a frame with opcode %u behind its Close frame (6455 5.5.1)";
    return NULL;
}

static void note_mask(struct talk *t, const struct head *h) {
    uint32_t mask;
    memcpy(&mask, h->mask, sizeof mask);
    if (t->masks++ == 0)
        t->first_mask = mask;
    else if (mask != t->first_mask)
        t->masks_differ = true;
}

static struct got end_message(struct talk *t, struct bytes *unpacked) {
    struct got g = {.kind = GOT_MESSAGE,
                    .opcode = t->message_opcode,
                    .data = t->message.base,
                    .len = t->message.len};
    t->message_opcode = 0;
    if (t->message_packed) {
        t->packed_messages++;
        unpacked->len = 0;
        if (t->in_no_takeover)
            unpacker_forget(&t->unpacker);
        t->unpacker.window = t->in_window;
        const char *why = unpack(&t->unpacker, unpacked, g.data, g.len);
        if (why != NULL) {
            t->wrong = true;
            talk_judge(t, TORTURE_FAILED, "the peer's compressed message: %s (7692 7.2)", why);
            return (struct got){.kind = GOT_WRONG};
        }
        talk_free(t, &t->message);
        t->message = *unpacked;
        *unpacked = (struct bytes){0};
        g.data = t->message.base;
        g.len = t->message.len;
    }
    if (g.opcode == OP_TEXT && !weir__utf8_valid(g.data, g.len))
        return wrong(t, "the peer's text (opcode %u) is not UTF-8 (6455 8.1)", g.opcode);
    return g;
}

static struct got take_close(struct talk *t, const uint8_t *data, size_t len) {
    struct got g = {.kind = GOT_CLOSE, .code = CLOSE_NONE, .data = data, .len = len};
    t->got_close = true;
    if (len == 0)
        return g;
    if (len == 1)
        return wrong_close(t, "the peer's Close frame has %u byte of payload (6455 5.5.1)", 1);
    g.code = data[0] << 8 | data[1];
    g.data += 2;
    g.len -= 2;
    if (g.code < 1000 || g.code == 1004 || g.code == 1005 || g.code == 1006 ||
        (g.code >= 1015 && g.code < 3000) || g.code > 4999)
        return wrong_close(t, "the peer closed with %u, which may not travel (6455 7.4)",
                     (unsigned)g.code);
    if (!weir__utf8_valid(g.data, g.len))
        return wrong_close(t, "the reason of the peer's Close frame %u is not UTF-8 (6455 5.5.1)",
                     (unsigned)g.code);
    return g;
}

/* The frame lies whole at t->at. True: *ret is something to look at. */
static bool take_frame(struct talk *t, const struct head *h, struct got *ret) {
    uint8_t *data = t->in.base + t->at + h->size;
    for (size_t i = 0; h->masked && i < h->len; i++)
        data[i] ^= h->mask[i & 3];
    t->at += h->size + (size_t)h->len;
    if (h->masked)
        note_mask(t, h);
    if (h->opcode == OP_CLOSE) {
        *ret = take_close(t, data, (size_t)h->len);
        return true;
    }
    if (h->opcode >= 8) {
        *ret = (struct got){.kind = h->opcode == OP_PING ? GOT_PING : GOT_PONG,
                            .opcode = h->opcode,
                            .data = data,
                            .len = (size_t)h->len};
        return true;
    }
    if (h->opcode != OP_CONT) {
        t->message.len = 0;
        t->message_opcode = h->opcode;
        t->message_packed = h->rsv != 0;
    }
    bytes_add(&t->message, data, (size_t)h->len);
    if (!h->fin)
        return false;
    struct bytes unpacked = {0};
    *ret = end_message(t, &unpacked);
    talk_free(t, &unpacked);
    return true;
}

struct got frame_next(struct talk *t, weir_ns budget_ns) {
    weir_ns until = weir__deadline(weir_now(), budget_ns);
    for (;;) {
        struct head h;
        struct got g;
        const char *why = read_head(t, &h);
        if (why == NULL && h.size != 0)
            why = check_head(t, &h);
        if (why != NULL)
            return wrong(t, why, h.opcode);
        if (h.size != 0 && t->in.len - t->at - h.size >= h.len) {
            if (take_frame(t, &h, &g))
                return g;
            continue;
        }
        weir_ns left = until - weir_now();
        if (left > 0 && talk_wait(t, left))
            continue;
        if (t->end_rc == WEIR_ETOOBIG)
            return wrong(t, "the peer sent more than %u MiB", TALK_IN_MAX >> 20);
        return (struct got){.kind = t->ended ? GOT_END : GOT_NOTHING};
    }
}

const char *got_name(const struct got *g) {
    switch (g->kind) {
    case GOT_MESSAGE:
        return g->opcode == OP_TEXT ? "a text" : "a binary message";
    case GOT_PING:
        return "a ping";
    case GOT_PONG:
        return "a pong";
    case GOT_CLOSE:
        return "a Close frame";
    case GOT_END:
        return "the end of the connection";
    case GOT_NOTHING:
        return "nothing in time";
    default:
        return "a protocol error";
    }
}
