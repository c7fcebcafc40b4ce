/* SPDX-License-Identifier: MIT */
/* out.h - a write line: whole units of bytes (frames, records, answers) on their way to a stream.
 * Whoever has a unit appends it and goes on. One write at a time is under way, begun by
 * weir__out_go; its end begins the next, without a task. WebSocket, TLS and HTTP write through it.
 *
 *   tail -> [unit unit unit] -> [unit ...........] -> back to the first     a ring of chunks
 *            the first chunk:    the last: has room
 *            from .. len not     for more, if it has
 *            yet written         its own bytes
 *
 * Invariants: a unit is in one chunk or in several that were appended together, and is written
 * whole, or the line has failed. Bytes of a write that is under way are never moved or changed. A
 * line with nothing to write has no memory but itself. doc/design/out.md. */
#ifndef WEIR_STREAM_OUT_H
#define WEIR_STREAM_OUT_H

#include "base/list.h"
#include "stream/stream.h"

enum {
    WEIR__OUT_VEC = 8,             /* pieces in one write */
    WEIR__OUT_SLICE = 128 << 10,   /* bytes in one write; larger ones save nothing */
    WEIR__OUT_CHUNK_MIN = 4096,    /* the size of a line's first chunk; the next are larger, ... */
    WEIR__OUT_CHUNK_MAX = 64 << 10, /* ... but not than this, unless a unit is */
    WEIR__OUT_CONTROL = 64 << 10,  /* control units may exceed a line's bound by so much */
    WEIR__OUT_SPARE = 256 << 10,   /* bytes of empty chunks that a thread keeps for its lines */
    WEIR__OUT_LINKS_MAX = UINT16_MAX, /* segments that one line can have */
    WEIR__OUT_CLOCK_PARTS = 8 /* the clock looks at a write so often in rest_ns. What left between
                               * two looks counts from the second, so a peer that takes nothing is
                               * given up after rest_ns and at most 2/8 more */
};

/* Bytes that any number of lines may have to write: counted, and never changed once they are in
 * one. Of one thread. */
struct weir__seg {
    uint32_t refs, len;
    uint8_t bytes[];
};

/* With one reference, which is the caller's; its bytes are not set. NULL: no memory. */
struct weir__seg *weir__seg_new(size_t len);
static inline void weir__seg_ref(struct weir__seg *g) {
    g->refs++;
}
void weir__seg_unref(struct weir__seg *g);

struct weir__chunk {
    struct weir__chunk *next; /* a ring: behind the last one is the first */
    struct weir__seg *seg;    /* NULL: the bytes are its own */
    uint32_t from, len, max;  /* from .. len is to be written; max: it has room up to there */
    uint8_t bytes[];
};

struct weir__flight; /* a write under way */

struct weir__out { /* all zero at first, then weir__out_init */
    struct weir__chunk *tail;    /* NULL: nothing is queued */
    struct weir__flight *flight; /* NULL: no write is under way */
    struct weir__waitq room;     /* weir__out_wait; or its owner's, if that has its own `moved` */
    uint32_t queued;             /* bytes appended and not yet taken by the stream */
    int16_t failed;              /* what ended the line: nothing more is written */
    uint16_t links;              /* chunks that have a segment */
};

/* What lines have in common: one for each line, or for all of a server. */
struct weir__out_owner {
    struct weir__loop *loop;
    const char *what; /* for error records: "ws send" */
    weir_ns rest_ns;  /* a line fails with WEIR_EKEEPALIVE if the peer takes nothing for so long */
    /* A write has ended: bytes have left (rc 0), or the line has failed (rc < 0, as o->failed). If
     * o->flight is NULL, nothing more is written by itself. May append and close the stream, must
     * not suspend; it may free o if o->flight is NULL. NULL: wakes the tasks in weir__out_wait. */
    void (*moved)(struct weir__out *o, int rc);
    struct weir__list flights; /* from here on the lines' */
    struct weir__timer clock;
    bool *gone; /* set by its fini, while the clock looks at the flights */
};

WEIR_API void weir__out_owner_init(struct weir__out_owner *by, struct weir__loop *l,
                                   const char *what, weir_ns rest_ns,
                                   void (*moved)(struct weir__out *o, int rc));
/* Change rest_ns, also of writes that are under way. */
static inline void weir__out_owner_rest(struct weir__out_owner *by, weir_ns rest_ns) {
    bool is_running = by->rest_ns != rest_ns && weir__timer_armed(&by->clock);
    by->rest_ns = rest_ns;
    if (__builtin_expect(is_running, 0)) /* it looks now, and then as often as rest_ns says */
        weir__timer_arm(by->loop->timers, &by->clock, weir__loop_now(by->loop));
}
WEIR_API void weir__out_owner_fini(struct weir__out_owner *by); /* no write is under way */

WEIR_API void weir__out_init(struct weir__out *o);
/* Drop what is queued. A write under way is ended; its stream must outlive this call. */
WEIR_API void weir__out_fini(struct weir__out *o);

/* ---- appending ---- */

/* Is there a chunk with room for more bytes? */
static inline bool weir__out_has_room(const struct weir__out *o, size_t more) {
    return o->tail != NULL && o->tail->max - o->tail->len >= more;
}

/* Make such a chunk from the spare ones of this thread. Returns false if none fits. What was
 * reserved must be added to before anything else happens to the line: no chunk is empty. */
bool weir__out_begin(struct weir__out *o, size_t more);

/* Make room for more bytes, at most 1 GiB. Returns 0 or -ENOMEM. */
int weir__out_reserve(struct weir__out *o, size_t more);

/* Where the next bytes go: the room that was reserved. Then add what was written there. */
static inline uint8_t *weir__out_end(struct weir__out *o) {
    return o->tail->bytes + o->tail->len;
}
static inline void weir__out_add(struct weir__out *o, size_t len) {
    o->tail->len += (uint32_t)len;
    o->queued += (uint32_t)len;
}

/* A copy of len bytes, in one piece. Returns 0 or -ENOMEM. */
WEIR_API int weir__out_append(struct weir__out *o, const void *data, size_t len);

/* All of g, which is not copied: the line takes a reference of its own. Returns 0 or -ENOMEM (also:
 * there are WEIR__OUT_LINKS_MAX). */
int weir__out_append_seg(struct weir__out *o, struct weir__seg *g);

/* May a control unit of len bytes pass those that wait for room within max? If not, the peer makes
 * us answer more than it takes: end the connection. */
static inline bool weir__out_control_fits(const struct weir__out *o, size_t len, size_t max) {
    return o->queued + len <= max + WEIR__OUT_CONTROL;
}

/* ---- writing ---- */

/* Begin to write what is queued to s, unless a write is under way. by->moved may be called before
 * this returns. Outside a task, too. */
WEIR_API void weir__out_go(struct weir__out *o, struct weir_stream *s, struct weir__out_owner *by);

/* Is a write under way? */
static inline bool weir__out_writes(const struct weir__out *o) {
    return o->flight != NULL;
}

/* End the line now, with rc, unless all is written: a unit may be cut in two, and the peer can use
 * nothing that follows. by->moved is called, at once or later. */
WEIR_API void weir__out_stop(struct weir__out *o, int rc);

/* Let the running task write to s by itself, while nothing is queued and no write is under way;
 * what others append waits. The clock cuts its waits short (weir__wait_cut). Returns 0; -ENOMEM. */
int weir__out_hold(struct weir__out *o, struct weir_stream *s, struct weir__out_owner *by);
void weir__out_let_go(struct weir__out *o);
/* It has written len bytes. */
void weir__out_held_moved(struct weir__out *o, size_t len);
/* Its wait was cut short. Returns 0 if that was the clock's doing and something has moved within
 * rest_ns; WEIR_EKEEPALIVE, with a record. */
int weir__out_held_moves(struct weir__out *o);

/* Put len bytes, a copy, before all that is queued: the rest of a unit that was begun while the
 * line was held. Returns 0 or -ENOMEM. */
int weir__out_push_front(struct weir__out *o, const struct iovec *vec, size_t count);

/* ---- waiting: for owners without a `moved` of their own ---- */

/* Wait, in turn, until len bytes fit into max, or nothing is queued; len SIZE_MAX: until then only.
 * Returns 0; o->failed; -ECANCELED, -ETIME. After 0 append before another task runs. */
int weir__out_wait(struct weir__out *o, size_t len, size_t max, const struct weir__what *what,
                   const void *on);

/* Grant the first that waits, if its unit fits. It wakes the next when it has run. */
void weir__out_wake_room(struct weir__out *o);

#endif
