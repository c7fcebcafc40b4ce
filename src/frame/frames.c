/* SPDX-License-Identifier: MIT */
/* frames.c - read frames from a stream, and write them. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "frame/framer.h"
#include "stream/stream.h"

struct frames {
    struct weir_stream *s; /* NULL: closed */
    size_t shown; /* bytes of the stream that the last frame has used: consumed by the next call */
    struct weir__framer framer;
};

static_assert(sizeof(struct frames) <= sizeof(struct weir_frames), "opaque_ is too small");

static struct frames *of(struct weir_frames *r, const char *call) {
    weir__not_null(r, call);
    return (struct frames *)r;
}

int weir_frames_open(struct weir_frames *r, struct weir_stream *s,
                     const struct weir_framing *framing) {
    struct frames *f = of(r, "weir_frames_open");
    *f = (struct frames){0};
    weir__not_null(s, "weir_frames_open");
    int rc = weir__framer_open(&f->framer, framing, "weir_frames_open");
    f->s = rc == 0 ? s : NULL;
    return rc;
}

void weir_frames_close(struct weir_frames *r) {
    struct frames *f = of(r, "weir_frames_close");
    if (f->shown > 0)
        weir_consume(f->s, f->shown);
    weir__framer_close(&f->framer);
    *f = (struct frames){0};
}

/* Take the next frame from the bytes that the stream shows. Those that were put together are
 * consumed; a frame that lies in the stream is consumed by the next call. */
static int take(struct frames *f, struct weir_view shown, struct weir_view *ret_frame) {
    struct weir_view in = shown;
    int rc = weir__framer_next(&f->framer, &in, weir_stream_peer(f->s), ret_frame);
    size_t used = shown.len - in.len;
    if (rc == 1 && !f->framer.shown)
        f->shown = used;
    else
        weir_consume(f->s, used);
    return rc;
}

/* Closed, or a frame was refused. A cancel point, as every return of a call that suspends. */
static int over(struct frames *f, struct weir_view *ret_frame) {
    int rc = weir__suspend_enter("frame");
    if (rc < 0)
        return rc;
    return weir__framer_end(&f->framer, f->s != NULL ? weir_stream_peer(f->s) : NULL, ret_frame);
}

int weir_frames_next(struct weir_frames *r, struct weir_view *ret_frame) {
    struct frames *f = of(r, "weir_frames_next");
    struct weir_view v;
    int rc = 0;
    if (f->s == NULL || f->framer.failed != 0)
        return over(f, ret_frame);
    if (f->shown > 0) {
        weir_consume(f->s, f->shown);
        f->shown = 0;
    }
    while (rc == 0) {
        ssize_t n = weir_peek(f->s, 1, &v);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return weir__framer_end(&f->framer, weir_stream_peer(f->s), ret_frame);
        rc = take(f, v, ret_frame);
    }
    return rc;
}

/* ---- writing ---- */

/* Would the bytes be read as this frame? The delimiter behind them must be the first. Only the last
 * bytes can make another one together with it. */
static bool has_delimiter(const struct weir__cut *c, const uint8_t *bytes, size_t len) {
    uint8_t seam[2 * WEIR__CUT_DELIMITER];
    size_t d = c->delimiter_len, n = len < d - 1 ? len : d - 1;
    if (c->kind == WEIR_FRAME_LINE && len > 0 && bytes[len - 1] == '\r')
        return true;
    if (len > 0 && memmem(bytes, len, c->delimiter, d) != NULL)
        return true;
    if (n > 0)
        memcpy(seam, bytes + len - n, n);
    memcpy(seam + n, c->delimiter, d);
    return memmem(seam, n + d, c->delimiter, d) != seam + n;
}

static int refuse(struct weir_stream *s, int rc, const char *why) {
    return weir__failf(rc, "write frame", weir_stream_peer(s), "%s", why);
}

static int refuse_long(struct weir_stream *s, size_t len, size_t max) {
    return weir__failf(WEIR_ETOOBIG, "write frame", weir_stream_peer(s),
                       "the frame has %zu bytes, and %zu are allowed", len, max);
}

int weir_frame_write(struct weir_stream *s, const struct weir_framing *framing, const void *buf,
                     size_t len) {
    struct weir__cut c;
    uint8_t number[WEIR__CUT_NUMBER];
    weir__not_null(s, "weir_frame_write");
    int rc = weir__suspend_enter("write frame");
    if (rc == 0)
        rc = weir__cut_init(&c, framing, "weir_frame_write");
    if (rc < 0)
        return rc;
    if (c.kind == WEIR_FRAME_FIXED && len != c.max)
        return refuse(s, -EINVAL, "the frame does not have the fixed size");
    if (len > c.max)
        return refuse_long(s, len, c.max);
    if (weir__cut_marks(&c) && has_delimiter(&c, buf, len))
        return refuse(s, -EINVAL, "the frame contains its delimiter");
    size_t head = c.number_len > 0 ? weir__cut_number(&c, len, number) : 0;
    if (c.number_len > 0 && head == 0)
        return refuse(s, WEIR_ETOOBIG, "the length does not fit into its bytes");
    const char *end = c.crlf ? "\r\n" : (const char *)c.delimiter;
    struct iovec vec[3] = {{number, head}, {(void *)buf, len},
                           {(void *)end, c.crlf ? 2 : c.delimiter_len}};
    return weir__stream_writev(s, vec, 3);
}
