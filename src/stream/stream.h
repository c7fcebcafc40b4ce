/* SPDX-License-Identifier: MIT */
/* stream.h - what stands in front of every stream, and the table that a kind of stream fills:
 * kernel sockets, memory, descriptors; TLS and the user's own later.
 *
 * stream.c holds all that is the same for each: the window of bytes received and not yet read,
 * one reader and one writer, torn, ended, closed. A kind moves bytes and knows nothing of these.
 * A kind's functions that wait are called in a task, after weir__suspend_enter. */
#ifndef WEIR_STREAM_STREAM_H
#define WEIR_STREAM_STREAM_H

#include <sys/uio.h>
#include <weir/stream.h>

#include "task/task.h"

enum {
    WEIR__PEEK_MAX = 1 << 20,  /* the most that peek joins into one piece: weir_peek's contract */
    WEIR__INTO_MIN = 64 << 10, /* a read of this much goes past the lent pieces: one copy less
                                * (what was measured: doc/design/stream.md) */
    WEIR__NAME_TEXT = 128      /* "unix:" and a whole sun_path: WEIR__ADDR_TEXT_MAX */
};

struct weir__stream_kind {
    const char *name;
    /* Wait for the next piece and lend it: n > 0 and *ret_lent (its token not 0); 0 at the end;
     * an error. At most one piece is out at a time. */
    int64_t (*recv)(struct weir_stream *s, struct weir__lent *ret_lent);
    void (*release)(struct weir_stream *s, struct weir__lent *lent);
    /* The same into the caller's memory, while nothing is lent. NULL: cannot. */
    int64_t (*recv_into)(struct weir_stream *s, void *buf, size_t len);
    /* Wait until all is taken. *ret_done counts the bytes taken, also on error. vec is used up. */
    int (*send)(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done);
    int (*sendv)(struct weir_stream *s, struct iovec *vec, size_t count, size_t *ret_done);
    int (*shutdown)(struct weir_stream *s);
    /* Bytes that were sent and did not yet reach the peer. NULL: cannot be known. */
    int64_t (*unacked)(struct weir_stream *s);
    /* Begin to close: weir__stream_drop, end what is parked inside, let go; never waits. Ends
     * with weir__stream_gone, at once or from a wake. */
    void (*close)(struct weir_stream *s);
    /* In a fork child: close the copies of descriptors, nothing else. NULL: there are none. */
    void (*leave)(struct weir_stream *s);
    void (*fini)(struct weir_stream *s); /* before the memory is freed; NULL: nothing to do */
    /* The peer's or own address as text of at most WEIR__NAME_TEXT bytes with its NUL. */
    void (*address)(struct weir_stream *s, bool peer, char *ret_text);
};

struct weir__hold {
    uint32_t size;
    uint8_t bytes[];
};

struct weir__names {
    char peer[WEIR__NAME_TEXT], local[WEIR__NAME_TEXT]; /* "": not asked yet */
};

/* The window at[0 .. left-1] lies in lent, or, if held, in hold; then lent, if any, is the piece
 * that follows. An idle stream has neither. */
struct weir_stream {
    const struct weir__stream_kind *kind;
    struct weir_loop *loop;
    uint8_t *at;
    struct weir__lent lent;
    struct weir__hold *hold;
    struct weir__names *names;
    uint32_t left;
    int16_t failed;  /* the error that reading met; it stays */
    bool held : 1;
    bool ended : 1;   /* the peer's end was read */
    bool torn : 1;    /* a write was cut short */
    bool shut : 1;    /* our end was sent */
    bool reading : 1; /* a task is inside */
    bool writing : 1;
    bool closed : 1; /* by its owner; lives on until gone and left by both tasks */
    bool gone : 1;   /* the kind has let go */
    bool owned : 1;  /* a reactive connection's: not the user's to read or close */
};

void weir__stream_init(struct weir_stream *s, const struct weir__stream_kind *kind,
                       struct weir_loop *l);

/* Give back what is lent and held, read or not. */
void weir__stream_drop(struct weir_stream *s);

/* The kind has let go: the memory is freed now, or when the last task inside leaves. */
void weir__stream_gone(struct weir_stream *s);

/* Submit a CLOSE and call done, perhaps at once. The object lives on, hidden, until then; the run
 * waits for it. done begins with weir__close_done. */
void weir__close_submit(struct weir_loop *l, struct weir__op *op, struct weir__file *file,
                        void (*done)(struct weir__op *op));

static inline void weir__close_done(struct weir_loop *l) {
    l->hidden--;
}

/* As weir_peek; what: for the error's record. Suspends; a cancel point. */
ssize_t weir__stream_peek(struct weir_stream *s, size_t min, const char *what,
                          struct weir_view *ret_view);

/* As weir_write, from several places at once; vec is used up. Suspends; a cancel point. */
int weir__stream_writev(struct weir_stream *s, struct iovec *vec, size_t count);

/* Bytes that were written and did not yet reach the peer's machine; < 0: not known. */
static inline int64_t weir__stream_unacked(struct weir_stream *s) {
    return s->kind->unacked != NULL && !s->closed ? s->kind->unacked(s) : -1;
}

/* Bytes that peek(1) would give without waiting. */
static inline size_t weir__stream_at_hand(const struct weir_stream *s) {
    return s->left;
}

/* Release the lent piece behind the window, which must lie in it. */
static inline void weir__stream_release(struct weir_stream *s) {
    if (s->lent.token != 0)
        s->kind->release(s, &s->lent);
}

/* Park, unless the scope has fired since the call was entered. For waits in a loop. */
int64_t weir__stream_park(struct weir__park *p);

/* One slot that a task waits in; whoever has news clears it and unparks. */
struct weir__wait {
    struct weir__park park;
    struct weir__wait **slot;
};

/* Wait in *slot until weir__wait_notify. Returns 0, -ECANCELED or -ETIME. */
int weir__wait_in(struct weir__wait **slot, const char *what, const void *on);
void weir__wait_notify(struct weir__wait **slot);

#endif
