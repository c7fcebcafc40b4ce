/* SPDX-License-Identifier: MIT */
/* framer.c - finds frames in bytes that come piece by piece. A frame that lies in one piece is
 * shown there. One that spans pieces is put together in memory of the framer, without the bytes
 * behind it. So after a whole frame the framer keeps nothing. */
#include "frame/framer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "task/task.h"

enum {
    ROOM_MIN = 256,
    ROOM_IDLE = 16 << 10 /* a larger buffer is freed when its frame has been shown */
};

static_assert(sizeof(struct weir__framer) <= sizeof(struct weir_framer), "opaque_ is too small");

static struct weir__framer *of(struct weir_framer *f, const char *call) {
    weir__not_null(f, call);
    return (struct weir__framer *)f;
}

int weir__framer_open(struct weir__framer *f, const struct weir_framing *framing,
                      const char *call) {
    *f = (struct weir__framer){0};
    int rc = weir__cut_init(&f->cut, framing, call);
    f->open = rc == 0;
    return rc;
}

void weir__framer_close(struct weir__framer *f) {
    weir__free(f->kept);
    *f = (struct weir__framer){0};
}

/* The frame that was shown last is over. */
static void forget_shown(struct weir__framer *f) {
    if (!f->shown)
        return;
    f->shown = false;
    f->len = 0;
    if (f->room > ROOM_IDLE) {
        weir__free(f->kept);
        f->kept = NULL;
        f->room = 0;
    }
}

static __attribute__((cold, noinline)) int broken(struct weir__framer *f, int rc, const char *on) {
    f->failed = rc;
    if (rc == WEIR_ETOOBIG)
        return weir__failf(rc, "frame", on, "a frame is longer than the %zu bytes allowed",
                           f->cut.max);
    return weir__failf(rc, "frame", on, "the length of a frame is less than its own size");
}

/* Memory grows with the bytes that have come, whatever length a peer has announced. */
static int keep(struct weir__framer *f, const void *bytes, size_t len) {
    if (len > f->room - f->len) {
        size_t room = f->room > 0 ? 2 * f->room : ROOM_MIN;
        if (room < f->len + len)
            room = f->len + len;
        uint8_t *kept = weir__realloc(f->kept, room);
        if (kept == NULL)
            return weir__fail(-ENOMEM, "frame", NULL);
        f->kept = kept;
        f->room = room;
    }
    memcpy(f->kept + f->len, bytes, len);
    f->len += len;
    return 0;
}

static void advance(struct weir_view *in, size_t len) {
    *in = (struct weir_view){(const uint8_t *)in->base + len, in->len - len};
}

/* The frame has no byte yet: it may lie in this piece as a whole. */
static int find_in_piece(struct weir__framer *f, struct weir_view *in, struct weir_view *ret) {
    struct weir__found found;
    int rc = weir__cut_find(&f->cut, in->base, in->len, &found);
    if (rc == 1) {
        *ret = (struct weir_view){(const uint8_t *)in->base + found.begin, found.len};
        advance(in, found.end);
    } else if (rc == 0 && in->len > 0) {
        rc = keep(f, in->base, in->len);
        if (rc == 0)
            advance(in, in->len);
    }
    return rc;
}

static int find_in_kept(struct weir__framer *f, struct weir_view *in, struct weir_view *ret) {
    struct weir__found found;
    int rc = 0;
    while (rc == 0 && in->len > 0) {
        size_t n = weir__cut_next(&f->cut, f->kept, f->len, *in);
        rc = keep(f, in->base, n);
        if (rc < 0)
            break;
        advance(in, n);
        rc = weir__cut_find_last(&f->cut, f->kept, f->len, &found);
    }
    if (rc != 1)
        return rc;
    f->shown = true;
    *ret = (struct weir_view){f->kept + found.begin, found.len};
    return 1;
}

static int enter(struct weir__framer *f, const char *on) {
    if (!f->open)
        return weir__fail(WEIR_ECLOSED, "frame", on);
    if (f->failed != 0)
        return broken(f, f->failed, on);
    forget_shown(f);
    return 0;
}

int weir__framer_next(struct weir__framer *f, struct weir_view *in, const char *on,
                      struct weir_view *ret_frame) {
    int rc = enter(f, on);
    if (rc < 0)
        return rc;
    rc = f->len == 0 ? find_in_piece(f, in, ret_frame) : find_in_kept(f, in, ret_frame);
    return rc == WEIR_ETOOBIG || rc == WEIR_EPROTO ? broken(f, rc, on) : rc;
}

int weir__framer_end(struct weir__framer *f, const char *on, struct weir_view *ret_frame) {
    int rc = enter(f, on);
    if (rc < 0 || f->len == 0)
        return rc;
    if (f->cut.kind != WEIR_FRAME_LINE)
        return weir__fail(WEIR_EEOF, "frame", on);
    if (f->len > f->cut.max)
        return broken(f, WEIR_ETOOBIG, on);
    f->shown = true;
    *ret_frame = (struct weir_view){f->kept, f->len};
    return 1;
}

int weir_framer_open(struct weir_framer *f, const struct weir_framing *framing) {
    return weir__framer_open(of(f, "weir_framer_open"), framing, "weir_framer_open");
}

int weir_framer_next(struct weir_framer *f, struct weir_view *in, struct weir_view *ret_frame) {
    return weir__framer_next(of(f, "weir_framer_next"), in, NULL, ret_frame);
}

int weir_framer_end(struct weir_framer *f, struct weir_view *ret_frame) {
    return weir__framer_end(of(f, "weir_framer_end"), NULL, ret_frame);
}

void weir_framer_close(struct weir_framer *f) {
    weir__framer_close(of(f, "weir_framer_close"));
}
