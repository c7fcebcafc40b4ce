/* SPDX-License-Identifier: MIT */
/* out.c - the write line: chunks in, one write at a time out. out.h says how it is used.
 *
 *   weir__out_go  -> fly  -> put_next   a put of the first chunks: done at once, or pending
 *   put_ended     ->  |        |
 *                     +<- landed        the bytes that were taken leave the line, and its owner
 *                                       hears of it; again, while there are chunks */
#include "stream/out.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/time.h"

#define CLOCK_MIN_NS WEIR_MILLISECONDS(1)
#define LAST_NS WEIR_SECONDS(20) /* the longest rest_ns once all tasks have ended */

enum { FLIGHT_SPARES = 64, LINK_SPARES = 4096 };

struct weir__flight {
    struct weir__put put;
    struct weir__out *out; /* NULL: the line is gone */
    struct weir_stream *stream; /* gone, if it was closed under a task that writes by itself */
    struct weir__loop *loop;
    struct weir__out_owner *by; /* gone, perhaps, if the line is */
    struct weir_task *task; /* which writes by itself; NULL: put does */
    struct weir__list link; /* in by->flights, once it is pending */
    struct weir__list of_loop; /* in its writes, likewise */
    weir_ns moved;   /* the last turn in which bytes are known to have left */
    int64_t unacked; /* bytes that had not reached the peer when the clock looked; -1: not yet */
    int16_t stop;    /* the code that ends it; 0: none */
    uint8_t looks;   /* how often in a row the clock has found it at rest */
    bool pending, cut;
    struct weir__chunk *chunks; /* of a line that is gone */
    struct weir__flight *next;  /* of the spare ones */
    struct iovec vec[WEIR__OUT_VEC];
};

/* What the lines of a thread share, while it has any. */
static __thread struct {
    size_t lines;
    struct weir__chunk *chunks; /* empty ones, with bytes of their own */
    size_t bytes;               /* room in them */
    struct weir__chunk *links;  /* empty ones, for a seg */
    struct weir__flight *flights;
    size_t link_count, flight_count;
} spare;

/* ---- memory ---- */

struct weir__seg *weir__seg_new(size_t len) {
    struct weir__seg *g = weir__alloc(sizeof *g + len);
    if (g != NULL)
        *g = (struct weir__seg){.refs = 1, .len = (uint32_t)len};
    return g;
}

void weir__seg_unref(struct weir__seg *g) {
    WEIR_CHECK(g->refs > 0);
    if (--g->refs == 0)
        weir__free(g);
}

static void spare_drop(void) {
    for (struct weir__chunk *c; (c = spare.chunks) != NULL; weir__free(c))
        spare.chunks = c->next;
    for (struct weir__chunk *c; (c = spare.links) != NULL; weir__free(c))
        spare.links = c->next;
    for (struct weir__flight *f; (f = spare.flights) != NULL; weir__free(f))
        spare.flights = f->next;
    spare.bytes = spare.link_count = spare.flight_count = 0;
}

/* The chunk that was written last lies in the cache, and is taken first. */
static void chunk_give(struct weir__chunk *c) {
    bool is_last = spare.lines == 0; /* its line is gone: it lay in the kernel's hands */
    if (c->seg != NULL) {
        weir__seg_unref(c->seg);
        if (spare.link_count >= LINK_SPARES || is_last) {
            weir__free(c);
            return;
        }
        spare.link_count++;
        c->next = spare.links;
        spare.links = c;
    } else if (spare.bytes + c->max > WEIR__OUT_SPARE || is_last) {
        weir__free(c);
    } else {
        spare.bytes += c->max;
        c->next = spare.chunks;
        spare.chunks = c;
    }
}

static struct weir__chunk *chunk_take(size_t more) {
    struct weir__chunk *c = spare.chunks;
    if (c == NULL || c->max < more)
        return NULL;
    spare.chunks = c->next;
    spare.bytes -= c->max;
    c->from = c->len = 0;
    return c;
}

static struct weir__chunk *chunk_new(const struct weir__out *o, size_t more) {
    size_t max = o->tail != NULL ? 2 * (size_t)o->tail->max : 0;
    if (max > WEIR__OUT_CHUNK_MAX)
        max = WEIR__OUT_CHUNK_MAX;
    if (max < WEIR__OUT_CHUNK_MIN)
        max = WEIR__OUT_CHUNK_MIN;
    if (max < more)
        max = (more + WEIR__OUT_CHUNK_MIN - 1) & ~(size_t)(WEIR__OUT_CHUNK_MIN - 1);
    struct weir__chunk *c = weir__alloc(sizeof *c + max);
    if (c != NULL)
        *c = (struct weir__chunk){.max = (uint32_t)max};
    return c;
}

static struct weir__flight *flight_take(void) {
    struct weir__flight *f = spare.flights;
    if (__builtin_expect(f == NULL, 0))
        return weir__alloc(sizeof *f);
    spare.flights = f->next;
    spare.flight_count--;
    return f;
}

static void flight_give(struct weir__flight *f) {
    if (spare.flight_count >= FLIGHT_SPARES || spare.lines == 0) {
        weir__free(f);
        return;
    }
    spare.flight_count++;
    f->next = spare.flights;
    spare.flights = f;
}

/* ---- the ring of chunks ---- */

static void add_last(struct weir__out *o, struct weir__chunk *c) {
    c->next = c;
    if (o->tail != NULL) {
        c->next = o->tail->next;
        o->tail->next = c;
    }
    o->tail = c;
}

static struct weir__chunk *take_first(struct weir__chunk **tail) {
    struct weir__chunk *c = (*tail)->next;
    if (c == *tail)
        *tail = NULL;
    else
        (*tail)->next = c->next;
    return c;
}

static void drop_all(struct weir__chunk **tail) {
    while (*tail != NULL)
        chunk_give(take_first(tail));
}

/* len bytes have been taken. */
static void advance(struct weir__out *o, size_t len) {
    o->queued -= (uint32_t)len;
    while (len > 0) {
        struct weir__chunk *c = o->tail->next;
        size_t left = c->len - c->from;
        if (len < left) {
            c->from += (uint32_t)len;
            return;
        }
        len -= left;
        take_first(&o->tail);
        if (c->seg != NULL)
            o->links--;
        chunk_give(c);
    }
}

/* ---- life ---- */

void weir__out_owner_init(struct weir__out_owner *by, struct weir__loop *l, const char *what,
                          weir_ns rest_ns, void (*moved)(struct weir__out *o, int rc)) {
    *by = (struct weir__out_owner){.loop = l, .what = what, .rest_ns = rest_ns, .moved = moved};
    weir__list_init(&by->flights);
    weir__timer_init(&by->clock, NULL);
}

void weir__out_owner_fini(struct weir__out_owner *by) {
    if (by->gone != NULL)
        *by->gone = true;
    else
        WEIR_CHECK(weir__list_empty(&by->flights));
    weir__timer_disarm(by->loop->timers, &by->clock);
}

void weir__out_init(struct weir__out *o) {
    *o = (struct weir__out){0};
    spare.lines++;
}

static void orphan(struct weir__out *o);

void weir__out_fini(struct weir__out *o) {
    if (o->flight != NULL)
        orphan(o);
    drop_all(&o->tail);
    WEIR_CHECK(spare.lines > 0 && weir__waitq_empty(&o->room));
    if (--spare.lines == 0)
        spare_drop();
}

/* ---- appending ---- */

bool weir__out_begin(struct weir__out *o, size_t more) {
    struct weir__chunk *c = chunk_take(more);
    if (c == NULL)
        return false;
    add_last(o, c);
    return true;
}

int weir__out_reserve(struct weir__out *o, size_t more) {
    if (weir__out_has_room(o, more) || weir__out_begin(o, more))
        return 0;
    struct weir__chunk *c = chunk_new(o, more);
    if (c == NULL)
        return -ENOMEM;
    add_last(o, c);
    return 0;
}

int weir__out_append(struct weir__out *o, const void *data, size_t len) {
    int rc = weir__out_reserve(o, len);
    if (rc < 0)
        return rc;
    memcpy(weir__out_end(o), data, len);
    weir__out_add(o, len);
    return 0;
}

int weir__out_append_seg(struct weir__out *o, struct weir__seg *g) {
    struct weir__chunk *c = spare.links;
    if (o->links == WEIR__OUT_LINKS_MAX)
        return -ENOMEM;
    if (c != NULL) {
        spare.links = c->next;
        spare.link_count--;
    } else if ((c = weir__alloc(sizeof *c)) == NULL) {
        return -ENOMEM;
    }
    *c = (struct weir__chunk){.seg = g, .len = g->len, .max = g->len};
    weir__seg_ref(g);
    add_last(o, c);
    o->queued += g->len;
    o->links++;
    return 0;
}

int weir__out_push_front(struct weir__out *o, const struct iovec *vec, size_t count) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += vec[i].iov_len;
    struct weir__chunk *c = weir__alloc(sizeof *c + len);
    if (c == NULL)
        return -ENOMEM;
    *c = (struct weir__chunk){.max = (uint32_t)len};
    for (size_t i = 0; i < count; c->len += (uint32_t)vec[i].iov_len, i++)
        memcpy(c->bytes + c->len, vec[i].iov_base, vec[i].iov_len);
    struct weir__chunk *tail = o->tail;
    add_last(o, c);
    if (tail != NULL)
        o->tail = tail; /* a ring: behind the last is before the first */
    o->queued += (uint32_t)len;
    return 0;
}

/* ---- the clock ---- */

/* A write is at rest while our kernel takes no byte of it and the peer's kernel acknowledges none.
 * Both are looked at, since our kernel makes room only in large steps when the peer reads slowly.
 * How far a put has come is known only when it is done. So the clock ends it a few times in
 * rest_ns, and the next put goes on from the byte where it stood. All lines of an owner share one
 * timer, armed while one of them writes: a write that does not rest costs a list entry. */
static weir_ns rest_step(const struct weir__out_owner *by) {
    weir_ns step = by->rest_ns / WEIR__OUT_CLOCK_PARTS;
    return step > CLOCK_MIN_NS ? step : CLOCK_MIN_NS;
}

/* Bytes have left. */
static void leaves(struct weir__flight *f) {
    f->moved = f->by->loop->turn_ns;
    f->looks = 0;
}

static void arm_rest(struct weir__out_owner *by);
static bool landed(struct weir__flight *f);
static void fly(struct weir__flight *f);

static void cut(struct weir__flight *f) {
    f->cut = true;
    if (f->task != NULL)
        weir__wait_cut(f->task);
    else if (weir__stream_unput(f->stream, &f->put) == WEIR__DONE && landed(f))
        fly(f);
}

/* A flight that is cut may end, others with it, and with the last one its owner. So those that have
 * been looked at are put behind a mark. */
static void look_for_rest(struct weir__timer *clock) {
    struct weir__out_owner *by = WEIR_CONTAINER(clock, struct weir__out_owner, clock);
    weir_ns now = weir__loop_now(by->loop), step = rest_step(by);
    struct weir__list mark;
    bool is_gone = false;
    by->gone = &is_gone;
    weir__list_init(&mark);
    weir__list_add_tail(&by->flights, &mark);
    for (struct weir__list *at; !is_gone && (at = by->flights.next) != &mark;) {
        struct weir__flight *f = WEIR_CONTAINER(at, struct weir__flight, link);
        weir__list_remove(at);
        weir__list_add_tail(&by->flights, at);
        if (now - f->moved >= step)
            cut(f);
    }
    if (is_gone)
        return;
    by->gone = NULL;
    weir__list_remove(&mark);
    if (!weir__list_empty(&by->flights))
        arm_rest(by);
}

static void arm_rest(struct weir__out_owner *by) {
    by->clock.fire = look_for_rest;
    weir__timer_arm(by->loop->timers, &by->clock,
                    weir__deadline(weir__loop_now(by->loop), rest_step(by)));
}

/* The clock has cut a write short. Returns 0 if something has moved within rest_ns. Time alone does
 * not say so: if our thread was held up, the clock comes late, and so may whatever moves the bytes.
 * So the clock must also have looked as often as it does in rest_ns. */
static int still_moves(struct weir__flight *f) {
    const struct weir__out_owner *by = f->by;
    int64_t unacked = weir__stream_unacked(f->stream);
    if (f->unacked >= 0 && unacked < f->unacked)
        leaves(f);
    f->unacked = unacked;
    if (f->looks < WEIR__OUT_CLOCK_PARTS)
        f->looks++;
    if (f->looks < by->rest_ns / rest_step(by) || by->loop->turn_ns - f->moved < by->rest_ns)
        return 0;
    return weir__failf(WEIR_EKEEPALIVE, by->what, weir_stream_peer(f->stream),
                       "the peer has taken nothing for %lld ms",
                       (long long)(by->rest_ns / 1000000));
}

/* All tasks have ended, so nobody will close an object that is still open. The writes of a closed
 * one end within a bounded time; an open one may have no such bound, and gets one here. Else the
 * run would never end. */
static void last_writes(struct weir__loop *l) {
    for (struct weir__list *at = l->writes.next; at != &l->writes; at = at->next) {
        struct weir__flight *f = WEIR_CONTAINER(at, struct weir__flight, of_loop);
        if (f->out != NULL && f->by->rest_ns > LAST_NS)
            weir__out_owner_rest(f->by, LAST_NS);
    }
}

/* ---- one write ---- */

static void set_pending(struct weir__flight *f) {
    if (f->pending)
        return;
    f->pending = true;
    leaves(f);
    f->unacked = -1;
    f->cut = false;
    weir__list_add_tail(&f->by->flights, &f->link);
    weir__list_add_tail(&f->loop->writes, &f->of_loop);
    f->loop->writes_last = last_writes;
    f->loop->hidden++; /* the run waits for it */
    if (!weir__timer_armed(&f->by->clock))
        arm_rest(f->by);
}

static void not_pending(struct weir__flight *f) {
    if (!f->pending)
        return;
    f->pending = false;
    weir__list_remove(&f->link);
    weir__list_remove(&f->of_loop);
    f->loop->hidden--;
}

static void moved(struct weir__out *o, struct weir__out_owner *by, int rc) {
    if (by->moved != NULL)
        by->moved(o, rc);
    else
        weir__out_wake_room(o);
}

static inline void ended(struct weir__flight *f, int rc) {
    struct weir__out *o = f->out;
    struct weir__out_owner *by = f->by;
    not_pending(f);
    rc = weir__stream_put_end(f->stream, rc);
    flight_give(f);
    if (o == NULL)
        return;
    o->flight = NULL;
    if (rc < 0 && o->failed == 0)
        o->failed = WEIR_SMALL_CODE(rc);
    moved(o, by, rc);
}

static void landed_orphan(struct weir__flight *f) {
    drop_all(&f->chunks);
    ended(f, -ECANCELED);
}

/* What is rare in the end of a put: the line is gone, an error, a cut, a second stream below, or
 * more is to be written. Returns as landed. */
static __attribute__((noinline)) bool landed_short(struct weir__flight *f) {
    struct weir__put *p = &f->put;
    struct weir__out *o = f->out;
    int rc = (int)p->result;
    bool was_cut = f->cut;
    f->cut = false;
    if (p->below != NULL) {
        rc = weir__stream_put_end(p->below, rc);
        p->below = NULL;
    }
    if (o == NULL) {
        landed_orphan(f);
        return false;
    }
    advance(o, p->done);
    if (p->done > 0)
        leaves(f);
    if (rc == -ECANCELED && was_cut && !f->stream->closed)
        rc = still_moves(f);
    if (f->stop != 0 && o->tail != NULL)
        rc = f->stop;
    if (rc == 0 && o->tail != NULL && p->done > 0)
        moved(o, f->by, 0);
    if (rc == 0 && o->tail != NULL && !f->stream->closed)
        return true;
    ended(f, rc);
    return false;
}

/* A put has ended. Returns true if the next is to follow; else the flight has ended. */
static inline bool landed(struct weir__flight *f) {
    struct weir__out *o = f->out;
    if (__builtin_expect(o == NULL || f->put.below != NULL || f->put.done != o->queued, 0))
        return landed_short(f);
    o->queued = 0; /* all was written, as most often */
    o->links = 0;
    drop_all(&o->tail);
    ended(f, (int)f->put.result);
    return false;
}

static void put_ended(struct weir__put *p) {
    struct weir__flight *f = WEIR_CONTAINER(p, struct weir__flight, put);
    if (landed(f))
        fly(f);
}

static struct iovec piece_of(const struct weir__chunk *c) {
    const uint8_t *base = c->seg != NULL ? c->seg->bytes : c->bytes;
    return (struct iovec){(uint8_t *)(uintptr_t)base + c->from, c->len - c->from};
}

static size_t fill_vec(struct weir__flight *f) {
    struct weir__chunk *c = f->out->tail->next;
    size_t n = 0, room = WEIR__OUT_SLICE;
    for (; n < WEIR__OUT_VEC && room > 0; c = c->next) {
        f->vec[n] = piece_of(c);
        if (f->vec[n].iov_len > room)
            f->vec[n].iov_len = room;
        room -= f->vec[n++].iov_len;
        if (c == f->out->tail)
            break;
    }
    return n;
}

static int put_next(struct weir__flight *f) {
    f->put.vec = f->vec;
    f->put.count = fill_vec(f);
    return weir__stream_put(f->stream, &f->put);
}

static void fly(struct weir__flight *f) {
    while (put_next(f) == WEIR__DONE)
        if (!landed(f))
            return;
    set_pending(f);
}

static void line_fails(struct weir__out *o, struct weir__out_owner *by, int rc) {
    o->failed = WEIR_SMALL_CODE(rc);
    moved(o, by, rc);
}

static int flight_begin(struct weir__out *o, struct weir_stream *s, struct weir__out_owner *by) {
    struct weir__flight *f = flight_take();
    if (f == NULL)
        return -ENOMEM;
    if (s->kind->rests != NULL)
        (void)s->kind->rests(s, by->rest_ns);
    f->out = o;
    f->stream = s;
    f->loop = by->loop;
    f->by = by;
    f->task = NULL;
    f->put.wake = put_ended;
    f->put.below = NULL;
    f->pending = f->cut = false;
    f->stop = 0, f->chunks = NULL;
    o->flight = f;
    return 0;
}

void weir__out_go(struct weir__out *o, struct weir_stream *s, struct weir__out_owner *by) {
    if (o->flight != NULL || o->tail == NULL || o->failed != 0)
        return;
    int rc = weir__stream_put_begin(s);
    if (rc == 0 && (rc = flight_begin(o, s, by)) < 0)
        rc = weir__stream_put_end(s, rc);
    if (__builtin_expect(rc < 0, 0))
        line_fails(o, by, rc);
    else
        fly(o->flight);
}

void weir__out_stop(struct weir__out *o, int rc) {
    struct weir__flight *f = o->flight;
    if (f == NULL || f->task != NULL || f->stop != 0)
        return;
    f->stop = WEIR_SMALL_CODE(rc);
    if (weir__stream_unput(f->stream, &f->put) == WEIR__DONE && landed(f))
        fly(f);
}

static void orphan(struct weir__out *o) {
    struct weir__flight *f = o->flight;
    WEIR_CHECK(f->task == NULL);
    o->flight = NULL;
    f->out = NULL;
    f->chunks = o->tail; /* the kernel may read them still */
    o->tail = NULL;
    WEIR_CHECK(f->pending);
    weir__list_remove(&f->link); /* the owner may be gone, too, when it ends */
    if (weir__stream_unput(f->stream, &f->put) == WEIR__DONE)
        landed_orphan(f);
}

/* ---- a task that writes by itself ---- */

int weir__out_hold(struct weir__out *o, struct weir_stream *s, struct weir__out_owner *by) {
    WEIR_CHECK(o->flight == NULL && o->tail == NULL);
    int rc = flight_begin(o, s, by);
    if (rc < 0)
        return rc;
    o->flight->task = weir_task_current();
    set_pending(o->flight);
    return 0;
}

void weir__out_let_go(struct weir__out *o) {
    struct weir__flight *f = o->flight;
    WEIR_CHECK(f->task != NULL);
    not_pending(f);
    flight_give(f);
    o->flight = NULL;
}

void weir__out_held_moved(struct weir__out *o, size_t len) {
    if (len > 0)
        leaves(o->flight);
}

int weir__out_held_moves(struct weir__out *o) {
    return still_moves(o->flight);
}
