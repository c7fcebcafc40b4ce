/* SPDX-License-Identifier: MIT */
/* ws_inflate.c - compressed messages are decompressed as their bytes come, into the buffer that
 * also gathers what is not compressed. It never grows beyond message_max. */
#include <string.h>

#include "proto/ws_gather.h"
#include "proto/ws_zip.h"

static int fault(struct ws_fault *f, int rc, int code, const char *why) {
    *f = (struct ws_fault){code, why};
    return rc;
}

static int no_memory(struct ws_fault *f) {
    return fault(f, -ENOMEM, WEIR__WS_INTERNAL, "out of memory");
}

/* What has come out since the length was before. */
static int take_output(struct weir_ws *ws, struct ws_zip *z, struct ws_gather *g, size_t before,
                       struct ws_fault *f) {
    size_t n = g->len - before;
    z->total += n;
    if (z->total > ws->config->o.message_max)
        return fault(f, WEIR_ETOOBIG, WEIR__WS_TOO_BIG, "message too big");
    if (z->is_text && weir__utf8_feed(&z->text, g->base + before, n) < n)
        return fault(f, WEIR_EUTF8, WEIR__WS_INVALID_DATA, "text is not utf-8");
    return 0;
}

static int inflate_piece(struct weir_ws *ws, struct ws_zip *z, const uint8_t *data, size_t len,
                      struct ws_fault *f) {
    struct ws_gather *g = ws->gather;
    struct weir__deflate_io io = {.in = data, .in_len = len};
    int rc = WEIR__INFLATE_FULL;
    while (rc == WEIR__INFLATE_FULL) {
        size_t before = g->len;
        if (weir__ws_gather_room(g, WS_ZIP_RATIO * len, ws->config->o.message_max) < 0)
            return no_memory(f);
        io.out = g->base + g->len;
        io.out_len = g->max - g->len;
        rc = weir__deflate_table->inflate(z->in, &io);
        if (rc == -ENOMEM)
            return no_memory(f);
        if (rc < 0)
            return fault(f, rc, WEIR__WS_PROTOCOL_ERROR, "bad compressed data");
        g->len = (size_t)(io.out - g->base);
        int bad = take_output(ws, z, g, before, f);
        if (bad < 0)
            return bad;
    }
    return 0;
}

static void message_begins(struct ws_zip *z, const struct weir__ws_event *ev,
                           struct ws_gather *g) {
    g->len = g->empties = 0;
    z->is_text = ev->opcode == WEIR__WS_TEXT;
    z->text = (struct weir__utf8){0};
    z->in_message = true;
    z->ends = z->tail_is_in = false;
    z->rest_len = 0;
    z->total = 0;
}

/* RFC 7692 7.2.2: the last four bytes were left out. */
static const uint8_t tail[] = {0x00, 0x00, 0xff, 0xff};

/* Behind the tail no block is open. */
static int message_ends(struct ws_zip *z, struct ws_fault *f) {
    if (!weir__deflate_table->inflater_is_between(z->in))
        return fault(f, WEIR_EPROTO, WEIR__WS_PROTOCOL_ERROR, "compressed data is cut short");
    if (z->is_text && !weir__utf8_done(&z->text))
        return fault(f, WEIR_EUTF8, WEIR__WS_INVALID_DATA, "text ends inside a character");
    weir__ws_zip_in_done(z);
    return 1;
}

/* Returns 0 or a failure. */
static int event_begins(struct weir_ws *ws, struct ws_zip *z, const struct weir__ws_event *ev,
                        struct ws_fault *f) {
    struct ws_gather *g = weir__ws_gather(ws);
    if (g == NULL)
        return no_memory(f);
    if (ev->first)
        message_begins(z, ev, g);
    bool is_empty = ev->len == 0 && ev->frame_left == 0 && !ev->last;
    if (is_empty && ++g->empties > WS_EMPTY_MAX)
        return fault(f, WEIR_EPROTO, WEIR__WS_POLICY, "too many empty fragments");
    return weir__ws_zip_in(z) == NULL ? no_memory(f) : 0;
}

int weir__ws_inflate(struct weir_ws *ws, const struct weir__ws_event *ev, struct ws_fault *f) {
    struct ws_zip *z = ws_zip_of(ws);
    int rc = event_begins(ws, z, ev, f);
    if (rc == 0 && ev->len > 0)
        rc = inflate_piece(ws, z, ev->data, ev->len, f);
    if (rc == 0 && ev->last && (rc = inflate_piece(ws, z, tail, sizeof tail, f)) == 0)
        rc = message_ends(z, f);
    return rc;
}

/* ---- in parts ---- */

int weir__ws_inflate_take(struct weir_ws *ws, const struct weir__ws_event *ev,
                          struct ws_fault *f) {
    struct ws_zip *z = ws_zip_of(ws);
    int rc = event_begins(ws, z, ev, f);
    z->rest = ev->data;
    z->rest_len = ev->len;
    z->ends = ev->last;
    return rc;
}

/* The buffer may have grown beyond a part, in a receive that was cancelled. */
static size_t part_room(const struct ws_gather *g) {
    return (g->max < WS_ZIP_PART ? g->max : WS_ZIP_PART) - g->len;
}

/* Decompress what is at hand into the room that there is. Returns 1: all of it was; 0. */
static int inflate_rest(struct weir_ws *ws, struct ws_zip *z, struct ws_fault *f) {
    struct ws_gather *g = ws->gather;
    size_t before = g->len;
    struct weir__deflate_io io = {z->rest, z->rest_len, g->base + g->len, part_room(g)};
    int rc = weir__deflate_table->inflate(z->in, &io);
    if (rc == -ENOMEM)
        return no_memory(f);
    if (rc < 0)
        return fault(f, rc, WEIR__WS_PROTOCOL_ERROR, "bad compressed data");
    g->len = (size_t)(io.out - g->base);
    z->rest = io.in;
    z->rest_len = io.in_len;
    int bad = take_output(ws, z, g, before, f);
    return bad < 0 ? bad : rc == WEIR__INFLATE_MORE;
}

int weir__ws_inflate_part(struct weir_ws *ws, bool *ret_last, struct ws_fault *f) {
    struct ws_zip *z = ws_zip_of(ws);
    struct ws_gather *g = ws->gather;
    *ret_last = false;
    g->len = 0;
    if (weir__ws_gather_room(g, WS_ZIP_PART, WS_ZIP_PART) < 0)
        return no_memory(f);
    int rc = inflate_rest(ws, z, f);
    if (rc == 1 && z->ends && !z->tail_is_in) {
        z->rest = tail;
        z->rest_len = sizeof tail;
        z->tail_is_in = true;
        rc = part_room(g) > 0 ? inflate_rest(ws, z, f) : 0;
    }
    if (rc == 1 && z->ends) {
        *ret_last = true;
        z->ends = false;
        return message_ends(z, f);
    }
    return rc < 0 ? rc : rc == 0 || g->len > 0;
}
