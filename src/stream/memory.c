/* SPDX-License-Identifier: MIT */
/* memory.c - two streams joined in memory, which behave like TCP: they are bounded and can be shut
 * down on one side; a write to a stream whose other side was closed returns -EPIPE; a read returns
 * -ECONNRESET if the other side was closed with unread bytes.
 *
 * A way is a ring of bytes for one direction. A lent piece lies in the ring until it is released.
 * A second one may be lent behind it, and released first:
 *
 *   head | lent: the first piece | gone: released before the first | next: the second | unread |
 *
 * used counts all of these. */
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "stream/memory.h"
#include "task/soon.h"
#include "task/waitq.h"

enum { CAPACITY_DEFAULT = 64 << 10, CAPACITY_MAX = 1 << 30 };

/* So many bytes are copied at a time; then other tasks may run: a ring may be very large. */
enum { PIECE = 64 << 10 };

struct way {
    uint8_t *bytes;
    size_t size, head, used;
    size_t lent, gone, next;
    size_t given, taken;     /* bytes written, and read, since the last weir__breathe_bytes */
    bool ended;              /* the writer will send no more */
    bool broken;             /* the reader has closed */
    bool reset;              /* the writer has closed and had unread bytes itself */
    struct weir__waitq reader, writer;
};

struct pair {
    unsigned ends; /* streams that are not yet freed */
    struct way ways[2];
    uint8_t bytes[];
};

struct memory {
    struct weir_stream stream;
    struct pair *pair;
    struct way *in, *out;
    bool only_reads, only_writes; /* an end of a pipe */
    struct weir__op *asked;       /* pending; it waits in in->reader, and then for soon */
    struct weir__waiter waiter;
    struct weir__soon soon;
    struct weir__put *put;        /* pending; it waits in out->writer, and then for put_soon */
    struct weir__soon put_soon;
};

static struct memory *memory_of(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct memory, stream);
}

/* Let other tasks run, if many bytes were moved since the last time. Returns 0 or the felt code. */
static int breathe(size_t *moved) {
    size_t len = *moved;
    *moved = 0;
    return weir__breathe_bytes(len) ? weir_cancelled() : 0;
}

/* Lend the bytes that are there, as many as lie in one piece. Returns how many; 0 at end of stream;
 * -EAGAIN: there are none yet; an error. */
static int64_t lend(struct way *w, struct weir__lent *ret_lent) {
    size_t before = w->lent + w->gone, unread = w->used - before;
    WEIR_CHECK(w->next == 0);
    if (unread == 0)
        return w->reset ? -ECONNRESET : w->ended ? 0 : -EAGAIN;
    size_t at = (w->head + before) % w->size, straight = w->size - at;
    size_t len = unread < straight ? unread : straight;
    len = len < PIECE ? len : PIECE;
    *(w->lent == 0 ? &w->lent : &w->next) = len;
    *ret_lent = (struct weir__lent){w->bytes + at, (uint32_t)len, 1};
    return (int64_t)len;
}

static int64_t memory_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct way *w = memory_of(s)->in;
    int64_t rc = memory_of(s)->only_writes ? -EBADF : breathe(&w->taken);
    while (rc >= 0 && !s->closed) {
        if ((rc = lend(w, ret_lent)) != -EAGAIN)
            return rc;
        rc = weir__waitq_wait(&w->reader, NULL, &weir__reads, s);
    }
    return rc < 0 ? rc : -ECANCELED;
}

static void memory_release(struct weir_stream *s, struct weir__lent *lent) {
    struct way *w = memory_of(s)->in;
    bool is_first = lent->base == w->bytes + w->head;
    WEIR_CHECK(lent->len == (is_first ? w->lent : w->next));
    lent->token = 0;
    w->taken += lent->len;
    if (!is_first) {
        w->gone += w->next;
        w->next = 0;
        return;
    }
    size_t len = w->lent + w->gone;
    w->head = (w->head + len) % w->size;
    w->used -= len;
    w->lent = w->next;
    w->gone = w->next = 0;
    if (w->used == 0)
        w->head = 0;
    weir__waitq_grant(&w->writer);
}

/* ---- asking ---- */

/* The peer has written or closed, in a task: the ask's wake must not run on its stack. */
static void ask_granted(struct weir__waiter *waiter) {
    weir__soon_add(&WEIR_CONTAINER(waiter, struct memory, waiter)->soon);
}

static void ask_done(struct weir__soon *soon, bool dropped) {
    struct memory *m = WEIR_CONTAINER(soon, struct memory, soon);
    struct weir__op *ask = m->asked;
    bool is_closed = m->stream.closed;
    m->asked = NULL;
    ask->result = is_closed || dropped ? -ECANCELED : lend(m->in, &ask->u.lent);
    WEIR_CHECK(ask->result != -EAGAIN);
    ask->wake(ask);
    if (is_closed)
        weir__stream_gone(&m->stream);
}

static int memory_ask(struct weir_stream *s, struct weir__op *ask) {
    struct memory *m = memory_of(s);
    WEIR_CHECK(m->asked == NULL);
    ask->result = m->only_writes ? -EBADF : lend(m->in, &ask->u.lent);
    if (ask->result != -EAGAIN)
        return WEIR__DONE;
    m->asked = ask;
    m->waiter = (struct weir__waiter){.granted = ask_granted};
    weir__soon_prepare(&m->soon, ask_done);
    weir__waitq_add(&m->in->reader, &m->waiter);
    return WEIR__PENDING;
}

static int memory_unask(struct weir_stream *s, struct weir__op *ask) {
    struct memory *m = memory_of(s);
    WEIR_CHECK(m->asked == ask);
    m->asked = NULL;
    weir__waiter_remove(&m->waiter);
    weir__soon_remove(&m->soon);
    ask->result = -ECANCELED;
    return WEIR__DONE;
}

/* ---- writing ---- */

/* Copy as much as fits, at most a PIECE, into the ring, in two parts where it wraps. Returns how
 * much. */
static size_t copy_in(struct way *w, const uint8_t *buf, size_t len) {
    size_t room = w->size - w->used, tail = (w->head + w->used) % w->size;
    size_t n = len < room ? len : room;
    n = n < PIECE ? n : PIECE;
    size_t first = n < w->size - tail ? n : w->size - tail;
    memcpy(w->bytes + tail, buf, first);
    memcpy(w->bytes, buf + first, n - first);
    w->used += n;
    return n;
}

static int memory_send(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done) {
    struct way *w = memory_of(s)->out;
    *ret_done = 0;
    for (;;) {
        int rc = memory_of(s)->only_reads ? -EBADF : breathe(&w->given);
        if (rc < 0 || s->closed)
            return rc < 0 ? rc : -ECANCELED;
        if (w->broken)
            return -EPIPE;
        size_t n = copy_in(w, (const uint8_t *)buf + *ret_done, len - *ret_done);
        *ret_done += n;
        w->given += n;
        if (n > 0)
            weir__waitq_grant(&w->reader);
        if (*ret_done == len)
            return 0;
        rc = n > 0 ? 0 : (int)weir__waitq_wait(&w->writer, NULL, &weir__writes, s);
        if (rc < 0)
            return rc;
    }
}

/* Returns WEIR__DONE, or -EAGAIN: the ring is full. */
static int put_more(struct memory *m, struct weir__put *p) {
    struct way *w = m->out;
    for (;;) {
        p->result = m->only_reads ? -EBADF : m->stream.closed ? -ECANCELED : 0;
        if (p->result == 0 && w->broken)
            p->result = -EPIPE;
        if (p->result < 0 || p->count == 0)
            return WEIR__DONE;
        size_t n = copy_in(w, p->vec->iov_base, p->vec->iov_len);
        if (n == 0)
            return -EAGAIN;
        p->done += n;
        p->vec->iov_base = (uint8_t *)p->vec->iov_base + n;
        p->vec->iov_len -= n;
        if (p->vec->iov_len == 0)
            p->vec++, p->count--;
        weir__waitq_grant(&w->reader);
    }
}

/* The put holds the stream, so m stays until its wake. dropped or not: the run waits for it. */
static void put_goes_on(struct weir__soon *soon, bool dropped) {
    struct memory *m = WEIR_CONTAINER(soon, struct memory, put_soon);
    struct weir__put *p = m->put;
    if (put_more(m, p) != WEIR__DONE) {
        weir__waitq_add(&m->out->writer, &p->waiter);
        return;
    }
    m->put = NULL;
    p->wake(p);
}

/* The reader has given room back, in the middle of weir_consume, or one side was closed: the wake
 * must not run on that stack. When all tasks have ended nothing is called soon any more, and no
 * task is there to be surprised. */
static void put_has_room(struct weir__waiter *waiter) {
    struct weir__put *p = WEIR_CONTAINER(waiter, struct weir__put, waiter);
    struct memory *m = memory_of(p->stream);
    if (weir__run_is_ending())
        put_goes_on(&m->put_soon, false);
    else
        weir__soon_add(&m->put_soon);
}

static int memory_put(struct weir_stream *s, struct weir__put *p) {
    struct memory *m = memory_of(s);
    WEIR_CHECK(m->put == NULL);
    p->stream = s;
    p->done = 0;
    if (put_more(m, p) == WEIR__DONE)
        return WEIR__DONE;
    m->put = p;
    p->waiter = (struct weir__waiter){.granted = put_has_room};
    weir__soon_prepare(&m->put_soon, put_goes_on);
    weir__waitq_add(&m->out->writer, &p->waiter);
    return WEIR__PENDING;
}

static int memory_unput(struct weir_stream *s, struct weir__put *p) {
    struct memory *m = memory_of(s);
    WEIR_CHECK(m->put == p);
    m->put = NULL;
    weir__waiter_remove(&p->waiter);
    weir__soon_remove(&m->put_soon);
    p->result = -ECANCELED;
    return WEIR__DONE;
}

static int64_t memory_try_send(struct weir_stream *s, const void *buf, size_t len) {
    struct way *w = memory_of(s)->out;
    if (w->broken || memory_of(s)->only_reads)
        return w->broken ? -EPIPE : -EBADF;
    size_t n = copy_in(w, buf, len);
    if (n == 0)
        return -EAGAIN;
    weir__waitq_grant(&w->reader);
    return (int64_t)n;
}

static int memory_wait_room(struct weir_stream *s) {
    struct way *w = memory_of(s)->out;
    int rc = memory_of(s)->only_reads ? -EBADF : 0;
    while (rc >= 0 && !s->closed && !w->broken && w->used == w->size)
        rc = (int)weir__waitq_wait(&w->writer, NULL, &weir__writes, s);
    return rc;
}

static int memory_shutdown(struct weir_stream *s) {
    struct way *w = memory_of(s)->out;
    if (memory_of(s)->only_reads || memory_of(s)->only_writes)
        return -EOPNOTSUPP; /* as a pipe of the system */
    w->ended = true;
    weir__waitq_grant(&w->reader);
    return 0;
}

static void memory_close(struct weir_stream *s) {
    struct memory *m = memory_of(s);
    bool unread = s->left > 0 || m->in->used > m->in->lent + m->in->gone + m->in->next;
    weir__stream_drop(s);
    m->in->broken = true;
    m->out->ended = true;
    m->out->reset = unread;
    weir__waitq_grant(&m->in->reader); /* the tasks of this side, then those of the other side */
    weir__waitq_grant(&m->out->writer);
    weir__waitq_grant(&m->in->writer);
    weir__waitq_grant(&m->out->reader);
    if (m->asked == NULL)
        weir__stream_gone(s);
}

static void memory_fini(struct weir_stream *s) {
    struct memory *m = memory_of(s);
    if (--m->pair->ends == 0)
        weir__free(m->pair);
}

static void memory_address(struct weir_stream *s, bool peer, char *ret_text) {
    memcpy(ret_text, "memory", sizeof "memory");
}

static const struct weir__stream_kind memory_kind = {
    .name = "memory",
    .recv = memory_recv,
    .release = memory_release,
    .ask = memory_ask,
    .unask = memory_unask,
    .send = memory_send,
    .put = memory_put,
    .unput = memory_unput,
    .try_send = memory_try_send,
    .wait_room = memory_wait_room,
    .shutdown = memory_shutdown,
    .close = memory_close,
    .fini = memory_fini,
    .address = memory_address,
};

static struct memory *memory_new(struct weir__loop *l, struct pair *p, unsigned side) {
    struct memory *m = weir__alloc_zero(sizeof *m);
    if (m == NULL)
        return NULL;
    weir__stream_init(&m->stream, &memory_kind, l);
    m->pair = p;
    m->in = &p->ways[side];
    m->out = &p->ways[!side];
    return m;
}

/* pc: the return address of the public function. */
static int pair_new(size_t capacity, const char *call, const void *pc, struct memory **ret_a,
                    struct memory **ret_b) {
    struct weir__loop *l = weir__loop();
    if (l == NULL)
        return weir__no_loop(call);
    size_t size = capacity == 0 ? CAPACITY_DEFAULT : capacity;
    if (size > CAPACITY_MAX)
        return weir__fail(-ENOMEM, call, NULL);
    struct pair *p = weir__alloc(sizeof *p + 2 * size);
    struct memory *a = NULL, *b = NULL;
    if (p != NULL && (a = memory_new(l, p, 0)) != NULL)
        b = memory_new(l, p, 1);
    if (b == NULL) {
        weir__free(a);
        weir__free(p);
        return weir__fail(-ENOMEM, call, NULL);
    }
    *p = (struct pair){.ends = 2};
    for (int i = 0; i < 2; i++) {
        p->ways[i].bytes = p->bytes + (size_t)i * size;
        p->ways[i].size = size;
    }
    weir__stream_remember(&a->stream, pc);
    weir__stream_remember(&b->stream, pc);
    *ret_a = a;
    *ret_b = b;
    return 0;
}

int weir_memory_pair(size_t capacity, struct weir_stream **ret_a, struct weir_stream **ret_b) {
    struct memory *a, *b;
    int rc = pair_new(capacity, "memory pair", __builtin_return_address(0), &a, &b);
    if (rc < 0)
        return rc;
    weir__stream_give(&a->stream, ret_a);
    weir__stream_give(&b->stream, ret_b);
    return 0;
}

int weir__memory_pipe(const void *pc, struct weir_stream **ret_read,
                      struct weir_stream **ret_write) {
    struct memory *r, *w;
    int rc = pair_new(0, "pipe", pc, &r, &w);
    if (rc < 0)
        return rc;
    r->only_reads = w->only_writes = true;
    weir__stream_give(&r->stream, ret_read);
    weir__stream_give(&w->stream, ret_write);
    return 0;
}
