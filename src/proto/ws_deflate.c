/* SPDX-License-Identifier: MIT */
/* ws_deflate.c - messages are compressed when it is their turn to be queued, so that a compressor
 * with takeover sees them in the order in which the peer will. No other task runs meanwhile. */
#include <string.h>

#include "proto/ws_out.h"
#include "proto/ws_zip.h"

enum { TAIL = 4 }; /* 00 00 ff ff, which each flush writes and a message leaves out */

/* Compress into the scratch memory. A flush in the middle of a message ends with the tail. Returns
 * how many bytes there are, and *ret_bytes; -ENOMEM. */
static ssize_t compress(struct weir__deflater *d, const void *data, size_t len,
                        uint8_t **ret_bytes) {
    size_t size, room = WS_ZIP_MORE + len / 2, at = 0;
    struct weir__deflate_io io = {.in = data, .in_len = len};
    bool done = false;
    while (!done) {
        uint8_t *base = weir__ws_zip_scratch(room, at, &size);
        if (base == NULL)
            return -ENOMEM;
        io.out = base + at;
        io.out_len = size - at;
        done = weir__deflate_table->deflate(d, &io, WEIR__DEFLATE_SYNC);
        at = (size_t)(io.out - base);
        room = 2 * size;
        *ret_bytes = base;
    }
    return (ssize_t)at;
}

/* What the compressor has taken and the peer will not see must not be referred to: it begins anew,
 * which is always right. */
static int forget(struct weir_ws *ws, struct weir__deflater *d, int rc) {
    weir__deflate_table->deflater_reset(d);
    return rc == -ENOMEM ? weir__fail(rc, "ws send", weir_ws_peer(ws)) : rc;
}

/* Without takeover, nothing is lost by sending what does not become shorter as it is. */
static int send_compressed(struct weir_ws *ws, struct ws_zip *z, unsigned first_byte,
                           const void *data, size_t len) {
    uint8_t *bytes = NULL;
    struct weir__deflater *d = weir__ws_zip_out(z);
    if (d == NULL)
        return weir__fail(-ENOMEM, "ws send", weir_ws_peer(ws));
    ssize_t n = compress(d, data, len, &bytes);
    int rc = n < 0 ? (int)n : 0;
    if (rc == 0 && !z->out_takeover && (size_t)n - TAIL >= len)
        rc = weir__ws_queue(ws, first_byte, data, len);
    else if (rc == 0)
        rc = weir__ws_queue(ws, first_byte | WEIR__WS_RSV1, bytes, (size_t)n - TAIL);
    if (rc < 0)
        rc = forget(ws, d, rc);
    weir__ws_zip_scratch_done();
    weir__ws_zip_out_done(z);
    return rc;
}

int weir__ws_deflate_send(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    struct ws_zip *z = ws_zip_of(ws);
    return len < ws->config->zips->o.threshold || len == 0
               ? weir__ws_queue(ws, first_byte, data, len)
               : send_compressed(ws, z, first_byte, data, len);
}

int weir__ws_deflate_seg(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len,
                         struct weir__seg **ret_seg) {
    struct ws_zip *z = ws_zip_of(ws);
    uint8_t *bytes = NULL;
    struct weir__deflater *d = weir__ws_zip_out(z);
    if (d == NULL)
        return -ENOMEM;
    ssize_t n = compress(d, data, len, &bytes);
    int rc = n < 0 ? (int)n : 0;
    if (rc == 0 && (size_t)n - TAIL < len) {
        *ret_seg = weir__ws_seg(first_byte | WEIR__WS_RSV1, bytes, (size_t)n - TAIL);
        rc = *ret_seg != NULL ? 0 : -ENOMEM;
    }
    if (rc < 0)
        weir__deflate_table->deflater_reset(d);
    weir__ws_zip_scratch_done();
    weir__ws_zip_out_done(z);
    return rc;
}

/* Each part is flushed, so that the peer can read it when it comes. A last part that is empty is an
 * empty block, of which the tail is left out as always. */
int weir__ws_deflate_part(struct weir_ws *ws, unsigned first_byte, const void *data, size_t len) {
    struct ws_zip *z = ws_zip_of(ws);
    bool begins = !z->out_message, ends = first_byte & WEIR__WS_FIN;
    if (begins && ends)
        return weir__ws_deflate_send(ws, first_byte, data, len);
    uint8_t empty = 0, *bytes = &empty;
    struct weir__deflater *d = weir__ws_zip_out(z);
    if (d == NULL)
        return weir__fail(-ENOMEM, "ws send", weir_ws_peer(ws));
    ssize_t n = len > 0 ? compress(d, data, len, &bytes) : ends ? 1 + TAIL : 0;
    int rc = n < 0 ? (int)n : 0;
    if (rc == 0)
        rc = weir__ws_queue(ws, first_byte | (begins ? WEIR__WS_RSV1 : 0u), bytes,
                            (size_t)n - (ends ? TAIL : 0));
    if (rc < 0)
        rc = forget(ws, d, rc);
    weir__ws_zip_scratch_done();
    z->out_message = (rc < 0 && !begins) || (rc == 0 && !ends);
    if (!z->out_message)
        weir__ws_zip_out_done(z);
    return rc;
}
