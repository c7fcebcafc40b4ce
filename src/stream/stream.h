/* SPDX-License-Identifier: MIT */
/* stream.h - the struct that every stream begins with, and the table of functions that a kind of
 * stream fills: kernel sockets, memory, descriptors, TLS and others.
 *
 * stream.c has what is the same for all kinds: the window of bytes received and not yet read, one
 * reader and one writer, and the states torn, ended and closed. A kind moves bytes and knows none
 * of these. Its functions that wait are called in a task, after weir__suspend_enter. */
#ifndef WEIR_STREAM_STREAM_H
#define WEIR_STREAM_STREAM_H

#include <errno.h>
#include <sys/uio.h>
#include <weir/stream.h>

#include "base/check.h"
#include "task/task.h"
#include "task/waitq.h"

enum {
    WEIR__PEEK_MAX = 1 << 20,  /* the most that peek joins into one piece: weir_peek's contract */
    WEIR__INTO_MIN = 64 << 10, /* a read of so much receives into the caller's memory: one copy less
                                * (what was measured: doc/design/stream.md) */
    WEIR__NAME_TEXT = 128      /* "unix:" and a whole sun_path: WEIR__ADDR_TEXT_MAX */
};

struct weir_detached;

/* One write that may begin and end outside a task. The caller's memory from put until its end, as
 * are vec and the bytes. One write at a time: the caller holds the stream by
 * weir__stream_put_begin. doc/design/out.md has the contract. */
struct weir__put {
    void (*wake)(struct weir__put *p); /* it has ended. Runs on any stack of the loop's thread, so
                                        * it must not suspend */
    struct iovec *vec; /* no empty pieces; the array is used up */
    size_t count;
    size_t done;    /* set at the end, also on error: the bytes that were taken */
    int64_t result; /* set at the end: 0, all were taken; an error */
    struct weir_stream *stream; /* from here on the kind's */
    struct weir_stream *below;  /* a stream that the kind writes to, held as the caller holds its */
    struct weir__op op;
    union {
        struct weir__waiter waiter;
        struct weir__timer timer;
    };
    unsigned tries;
    uint8_t put_wait;
};

struct weir__stream_kind {
    struct weir__place place; /* within the kind's struct; first: see WEIR__ON_STREAM */
    const char *name;
    bool goes_on; /* after an error of a read the next may succeed: datagrams */
    bool is_secret; /* nobody between the two ends can read it: TLS */
    /* Wait for the next piece and lend it. Returns its length, with *ret_lent set (token not 0); 0
     * at end of stream; an error. Called only when the piece before was released. A kind with
     * nothing better to do has weir__stream_recv here. */
    int64_t (*recv)(struct weir_stream *s, struct weir__lent *ret_lent);
    void (*release)(struct weir_stream *s, struct weir__lent *lent);
    /* The same without a task: see "Asking" below. */
    int (*ask)(struct weir_stream *s, struct weir__op *ask);
    int (*unask)(struct weir_stream *s, struct weir__op *ask);
    /* What must be done before the first byte is read or written: a handshake. Suspends. A reactive
     * server calls it in the connection's task, within a bound. NULL: nothing. */
    int (*begin)(struct weir_stream *s);
    /* Receive into the caller's memory. Called only while nothing is lent. NULL: not possible. */
    int64_t (*recv_into)(struct weir_stream *s, void *buf, size_t len);
    /* Wait until all bytes are taken. *ret_done counts the bytes taken, also on error. vec is
     * changed. */
    int (*send)(struct weir_stream *s, const void *buf, size_t len, size_t *ret_done);
    int (*sendv)(struct weir_stream *s, struct iovec *vec, size_t count, size_t *ret_done);
    /* Begin to write all of p->vec. WEIR__DONE: p->result and p->done are set, wake is not called.
     * WEIR__PENDING: wake will be called, once. Never suspends. */
    int (*put)(struct weir_stream *s, struct weir__put *p);
    /* End a write that is pending. WEIR__DONE: it has ended now, with -ECANCELED or as it had ended
     * before; wake is not called. WEIR__PENDING: wake comes. */
    int (*unput)(struct weir_stream *s, struct weir__put *p);
    /* A write line above begins to write, and fails if the peer takes nothing for rest_ns. A kind
     * with a write line of its own (TLS) takes that bound over, since it may hold bytes that count
     * as written above. Returns true if its line is writing, so that its clock runs. NULL: it has
     * no line. */
    bool (*rests)(struct weir_stream *s, weir_ns rest_ns);
    /* Take what can be taken without waiting. Returns the count, never 0; -EAGAIN; an error. */
    int64_t (*try_send)(struct weir_stream *s, const void *buf, size_t len);
    /* As try_send, but with the other sends of the turn: DONE: op->result is what try_send returns;
     * PENDING: op->wake will be called with it, in the next turn. The caller sets op->wake and
     * op->u.bytes, has called weir__stream_put_begin, and calls this only if the loop's backend
     * batches. NULL: not possible. */
    int (*send_soon)(struct weir_stream *s, struct weir__op *op);
    /* Wait until try_send may take something, or has an error to return. Returns 0 or an error. */
    int (*wait_room)(struct weir_stream *s);
    int (*shutdown)(struct weir_stream *s); /* never suspends */
    /* The descriptor, if the backend's files are such. NULL: this kind has none. */
    int (*fd)(const struct weir_stream *s);
    /* Bytes that were sent and did not yet reach the peer. NULL: this kind cannot know. */
    int64_t (*unacked)(struct weir_stream *s);
    /* Ask the kernel: has nothing arrived, neither bytes nor the end of the stream? If it returns
     * false, a byte may be lost: close the stream. NULL: the loop knows of all that has arrived. */
    bool (*is_quiet)(struct weir_stream *s);
    /* Wait until the file has left its backend: submit op, a DETACH, and return its result; and set
     * in d what is the kind's. NULL: not possible. */
    int64_t (*detach)(struct weir_stream *s, struct weir__op *op, struct weir_detached *d);
    /* Begin to close, without waiting: call weir__stream_drop, end the waits of tasks inside, close
     * the descriptor. When that is done, at once or in a wake, call weir__stream_gone. */
    void (*close)(struct weir_stream *s);
    /* In a fork child: close the child's copies of descriptors and do nothing else. NULL: there are
     * none. */
    void (*leave)(struct weir_stream *s);
    void (*fini)(struct weir_stream *s); /* before the memory is freed; NULL: nothing to do */
    /* The peer's or own address as text of at most WEIR__NAME_TEXT bytes with its NUL. */
    void (*address)(struct weir_stream *s, bool peer, char *ret_text);
    /* What the error rc of one of these means here; NULL: the text of its code. NULL: always. */
    const char *(*why)(struct weir_stream *s, int rc);
};

/* Asking. An ask is a RECV that the stream completes: a struct weir__op of the caller's, which the
 * stream may use as it likes until then, but for wake and waiter, which are the caller's. One ask
 * at a time, and none while a task reads.
 *   ask    DONE: ask->result is the length of the piece that ask->u.lent lends, 0 at end of stream,
 *          or an error. PENDING: the loop calls ask->wake when that is so. wake is never called
 *          inside ask, nor on a task's stack; it may ask again.
 *   unask  takes a pending ask back. DONE: wake is not called, and nothing is lost; the result is
 *          -ECANCELED, or that of a piece that has come. PENDING: wake is called soon.
 * Called also while the piece before is lent: so two pieces may be lent at once, and either may be
 * released first. When the stream is closed, a pending ask completes with -ECANCELED. */

/* kind->recv by kind->ask. */
WEIR_API int64_t weir__stream_recv(struct weir_stream *s, struct weir__lent *ret_lent);

struct weir__hold {
    uint32_t size;
    uint8_t bytes[];
};

struct weir__names {
    char peer[WEIR__NAME_TEXT], local[WEIR__NAME_TEXT]; /* "": not asked yet */
};

/* The window at[0 .. left-1] lies in lent or, if held, in hold. If held, lent (if it has a token)
 * is the piece behind the window. An idle stream has neither lent nor hold. */
struct weir_stream {
    const struct weir__stream_kind *kind;
    struct weir__loop *loop;
    uint8_t *at;
    struct weir__lent lent;
    struct weir__hold *hold;
    struct weir__names *names;
    uint32_t left;
    int16_t failed;  /* the error that a read returned: later reads return it too */
    bool held : 1;
    bool by_write : 1; /* no read but a write met failed: reads return it once the stream ends */
    bool ended : 1;   /* a read met the end of the stream */
    bool torn : 1;    /* a write was cut short after some bytes */
    bool shut : 1;    /* this side was shut down: nothing more is sent */
    bool reading : 1; /* a task is inside a read */
    bool writing : 1; /* a task is inside a write */
    bool closed : 1;  /* by its owner; freed when gone and when both tasks have left */
    bool gone : 1;    /* the kind holds nothing of it any more */
    bool given : 1;   /* to the user: the end of the run counts those that were not closed */
    bool owned : 1;   /* of a reactive connection: the user must not read or close it */
    bool lent_out : 1; /* by a process, which closes it: the user must not */
};

WEIR_API void weir__stream_init(struct weir_stream *s, const struct weir__stream_kind *kind,
                       struct weir__loop *l);

/* *ret_stream is the user's from now on. */
static inline void weir__stream_give(struct weir_stream *s, struct weir_stream **ret_stream) {
    s->given = true;
    s->loop->unclosed++;
    *ret_stream = s;
}

/* For debug mode, in the public call that has made s: pc is its return address. */
WEIR_API void weir__stream_remember(struct weir_stream *s, const void *pc);

/* Release the lent piece and free the hold, also with unread bytes. */
WEIR_API void weir__stream_drop(struct weir_stream *s);

/* The kind holds nothing of s any more: s is freed now, or when the last task inside leaves. */
WEIR_API void weir__stream_gone(struct weir_stream *s);

/* A task has left a stream that is closed: free it, if the kind is gone and no other is inside. */
WEIR_API void weir__stream_left(struct weir_stream *s);

/* Submit a CLOSE; when it completes, perhaps at once, done is called. The object must live until
 * then, and the run does not end before. done must begin with weir__close_done. */
void weir__close_submit(struct weir__loop *l, struct weir__op *op, struct weir__file *file,
                        void (*done)(struct weir__op *op));

static inline void weir__close_done(struct weir__loop *l) {
    l->hidden--;
}

/* As weir_peek; what: for the error's record. Suspends; a cancel point. */
WEIR_API ssize_t weir__stream_peek(struct weir_stream *s, size_t min, const char *what,
                                   struct weir_view *ret_view);

/* As weir_write, from several pieces of memory; vec is changed. Suspends; a cancel point. */
WEIR_API int weir__stream_writev(struct weir_stream *s, struct iovec *vec, size_t count);

/* Hold the stream for writes by put, as a task inside a write does: others get -EBUSY, and after a
 * close the memory stays until the end. Returns 0; -EBUSY, WEIR_ETORN, -EPIPE. No record. */
static inline int weir__stream_put_begin(struct weir_stream *s) {
    if (__builtin_expect(s->writing || s->torn || s->shut, 0))
        return s->writing ? -EBUSY : s->torn ? WEIR_ETORN : -EPIPE;
    s->writing = true;
    return 0;
}
/* rc: what ended the last put. Returns 0, rc, or WEIR_ECLOSED: s must not be touched again. */
static inline int weir__stream_put_end(struct weir_stream *s, int rc);
static inline int weir__stream_put(struct weir_stream *s, struct weir__put *p) {
    return s->kind->put(s, p);
}
static inline int weir__stream_unput(struct weir_stream *s, struct weir__put *p) {
    return s->kind->unput(s, p);
}
/* Would kind->send_soon save calls of the kernel? */
static inline bool weir__stream_batches(const struct weir_stream *s) {
    return s->kind->send_soon != NULL && s->loop->backend->batches;
}
/* Shut down this side, outside a task too: as weir_shutdown, but no cancel point, and no record. */
WEIR_API int weir__stream_shut(struct weir_stream *s);
/* The same for a stream whose last bytes are missing: the peer gets no sign that it has all (such
 * as close_notify), neither now nor from the close. Nothing can be written after it. */
WEIR_API int weir__stream_cut(struct weir_stream *s);
/* Does rc say what this machine lacks at the moment, and may have again? */
static inline bool weir__stream_lacks(int64_t rc) {
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS || rc == -ENOMEM || rc == -ENOSPC;
}

/* A write has returned rc: should reads know of it? */
WEIR_API void weir__stream_note_write(struct weir_stream *s, int rc);

static inline int weir__stream_put_end(struct weir_stream *s, int rc) {
    s->writing = false;
    if (__builtin_expect(s->closed, 0)) {
        weir__stream_left(s);
        return WEIR_ECLOSED;
    }
    if (__builtin_expect(rc < 0, 0))
        weir__stream_note_write(s, rc);
    return rc;
}

/* For writes and reads that only one kind of stream has: all that weir_write and weir_read do,
 * around a function of that kind, which waits. weir__stream_writes sets *ret_done as kind->send;
 * weir__stream_reads returns as weir_read, and is not called while the stream holds bytes: those
 * are copied to buf first. Suspend; a cancel point. */
typedef int weir__stream_writes(struct weir_stream *s, void *arg, size_t *ret_done);
typedef int64_t weir__stream_reads(struct weir_stream *s, void *arg);
int weir__stream_write_by(struct weir_stream *s, weir__stream_writes *fn, void *arg);
ssize_t weir__stream_read_by(struct weir_stream *s, void *buf, size_t len,
                             weir__stream_reads *fn, void *arg);

/* A read met the end of the stream. Returns 0, or the error if a write has met one that broke the
 * connection: the kernel reports it once, and then an end. */
static inline int weir__stream_end(const struct weir_stream *s) {
    return s->by_write ? s->failed : 0;
}

/* How many bytes were written and did not yet reach the peer's machine; < 0: not known. */
static inline int64_t weir__stream_unacked(struct weir_stream *s) {
    return s->kind->unacked != NULL && !s->closed ? s->kind->unacked(s) : -1;
}

/* Is nothing to be read, neither here nor in the kernel? If not, close it: it may miss bytes. */
static inline bool weir__stream_is_quiet(struct weir_stream *s) {
    return s->left == 0 && !s->closed && (s->kind->is_quiet == NULL || s->kind->is_quiet(s));
}

/* How many bytes peek(1) would show without waiting. */
static inline size_t weir__stream_at_hand(const struct weir_stream *s) {
    return s->left;
}

/* These bytes, if there are any: what peek shows, but this is no cancel point. */
static inline struct weir_view weir__stream_view(const struct weir_stream *s) {
    return (struct weir_view){s->at, s->left};
}

/* Consume len of these bytes, but not the last of them. */
static inline void weir__stream_skip(struct weir_stream *s, size_t len) {
    WEIR_CHECK(len < s->left);
    s->at += len;
    s->left -= (uint32_t)len;
}

/* Release the lent piece, if there is one. The window must not be used after this. */
static inline void weir__stream_release(struct weir_stream *s) {
    if (s->lent.token != 0)
        s->kind->release(s, &s->lent);
}

/* What a task waits for in a read, in a write and in a detach of any stream. */
extern const struct weir__what weir__reads, weir__writes, weir__detaches;

#endif
