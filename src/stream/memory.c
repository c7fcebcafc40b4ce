/* SPDX-License-Identifier: MIT */
/* memory.c - two streams joined in memory, which behave like TCP: they are bounded and can be shut
 * down on one side; a write to a stream whose other side was closed returns -EPIPE; a read returns
 * -ECONNRESET if the other side was closed with unread bytes.
 *
 * A way is a ring of bytes for one direction. A lent piece lies in the ring until it is
 * released. */
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "stream/memory.h"
#include "task/waitq.h"

enum { CAPACITY_DEFAULT = 64 << 10, CAPACITY_MAX = 1 << 30 };

/* So many bytes are copied at a time; then other tasks may run: a ring may be very large. */
enum { PIECE = 64 << 10 };

struct way {
    uint8_t *bytes;
    size_t size, head, used; /* used counts lent bytes too */
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

static int64_t memory_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct way *w = memory_of(s)->in;
    int rc = memory_of(s)->only_writes ? -EBADF : breathe(&w->taken);
    while (rc >= 0 && !s->closed) {
        if (w->used > 0) {
            size_t straight = w->size - w->head;
            size_t len = w->used < straight ? w->used : straight;
            len = len < PIECE ? len : PIECE;
            *ret_lent = (struct weir__lent){w->bytes + w->head, (uint32_t)len, 1};
            return (int64_t)len;
        }
        if (w->reset || w->ended)
            return w->reset ? -ECONNRESET : 0;
        rc = (int)weir__waitq_wait(&w->reader, NULL, &weir__reads, s);
    }
    return rc < 0 ? rc : -ECANCELED;
}

static void memory_release(struct weir_stream *s, struct weir__lent *lent) {
    struct way *w = memory_of(s)->in;
    WEIR_CHECK(lent->len <= w->used);
    w->head = (w->head + lent->len) % w->size;
    w->used -= lent->len;
    w->taken += lent->len;
    if (w->used == 0)
        w->head = 0;
    lent->token = 0;
    weir__waitq_grant(&w->writer);
}

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

/* Returns WEIR__DONE, or -EAGAIN: the ring is full. A reader without a task runs inside the grant,
 * and may close either side. */
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

/* Called by what the reader does: it has given room back, or one side was closed. */
static void put_has_room(struct weir__waiter *waiter) {
    struct weir__put *p = WEIR_CONTAINER(waiter, struct weir__put, waiter);
    struct memory *m = memory_of(p->stream);
    if (put_more(m, p) == WEIR__DONE)
        p->wake(p);
    else
        weir__waitq_add(&m->out->writer, waiter);
}

static int memory_put(struct weir_stream *s, struct weir__put *p) {
    p->stream = s;
    p->done = 0;
    if (put_more(memory_of(s), p) == WEIR__DONE)
        return WEIR__DONE;
    p->waiter = (struct weir__waiter){.granted = put_has_room};
    weir__waitq_add(&memory_of(s)->out->writer, &p->waiter);
    return WEIR__PENDING;
}

static int memory_unput(struct weir_stream *s, struct weir__put *p) {
    weir__waiter_remove(&p->waiter);
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
    bool unread = s->left > 0 || m->in->used > 0;
    weir__stream_drop(s);
    m->in->broken = true;
    m->out->ended = true;
    m->out->reset = unread;
    weir__waitq_grant(&m->in->reader); /* the tasks of this side, then those of the other side */
    weir__waitq_grant(&m->out->writer);
    weir__waitq_grant(&m->in->writer);
    weir__waitq_grant(&m->out->reader);
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
