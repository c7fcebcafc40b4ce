/* SPDX-License-Identifier: MIT */
/* tls_stream.h - the kind of stream that encrypts what goes through another. */
#ifndef WEIR_TLS_TLS_STREAM_H
#define WEIR_TLS_TLS_STREAM_H

#include "stream/out.h"
#include "stream/stream.h"
#include "task/soon.h"
#include "tls/context.h"

/* A stream over `below`, which it owns. */
struct weir__tls {
    struct weir_stream stream;
    struct weir_stream *below; /* NULL once closed */
    struct weir__tls_engine engine;
    struct weir__tls_seat *seat;
    struct weir__out out;          /* ciphertext on its way */
    uint32_t answers;              /* bytes of it that the peer has asked for */
    weir_ns until_ns;              /* when the handshake of a server must be done; 0: not begun */
    weir_ns stepped_ns;            /* the turn in which the engine's steps are counted */
    struct weir__out_owner by;
    struct weir__waitq line;       /* tasks that wait for out to be written, or for a handshake */
    struct weir__put *put;         /* of a line above: waits until out is written */
    struct weir__op *asked;        /* of whoever asks this stream; NULL: nobody does */
    struct weir__op op;            /* by which this stream asks `below` */
    struct weir__soon soon;        /* completes asked after a close */
    struct weir__timer linger;     /* bounds the time after a close in which out is written */
    struct weir__soon resume;      /* writing goes on: the rest of a message was read */
    bool is_shaking, lingers;
    bool is_asking;  /* op is pending below; for nobody, if asked is NULL */
    bool taken_back; /* by unask, whose answer was PENDING: `asked` ends with what comes next */
    bool is_feeding; /* the engine has answers, which go to the line: it must not be called */
    bool looks;      /* a writer waits for op, to see what the peer said last */
    bool has_looked; /* it has waited, or need not */
    bool is_halted; /* nothing can be encrypted before more was read */
    bool ends_late; /* shut down while halted: close_notify follows */
    bool ends_below; /* shut `below` down once out is written */
};

/* Make one; the handshake is not done. host NULL: a server. On success *take_stream is NULL, else
 * it stays. Returns 0; -ENOMEM, -EINVAL, with a record. */
int weir__tls_new(struct weir_stream **take_stream, struct weir_tls *tls, const char *host,
                  struct weir__tls **ret_tls);

/* Give `below` back and free the rest: the handshake has failed. No task is inside. */
void weir__tls_undo(struct weir__tls *t, struct weir_stream **ret_below);

/* Do the handshake, or wait while another task does it. Suspends; its caller has passed a cancel
 * point. Returns 0 or an error, without a record. */
int weir__tls_shake(struct weir__tls *t);

/* The record of such an error. */
int weir__tls_failed(struct weir__tls *t, int rc, const char *what) __attribute__((cold));

/* Start the line. */
void weir__tls_go(struct weir__tls *t);
/* Let those go on that were halted. */
void weir__tls_resume(struct weir__tls *t) __attribute__((cold));
static inline bool weir__tls_is_written(const struct weir__tls *t) {
    return t->out.queued == 0 || t->out.failed != 0;
}
/* What a task waits for here. */
extern const struct weir__what weir__tls_waits;
/* Wait until the line has less than max bytes, 0: is written. Suspends. Returns 0, what the line
 * or the engine has failed with, or the felt code. */
int weir__tls_wait_line(struct weir__tls *t, uint32_t max);

/* ---- receiving: tls_ask.c ---- */

int64_t weir__tls_recv(struct weir_stream *s, struct weir__lent *ret_lent);
void weir__tls_release(struct weir_stream *s, struct weir__lent *lent);
int weir__tls_ask(struct weir_stream *s, struct weir__op *ask);
int weir__tls_unask(struct weir_stream *s, struct weir__op *ask);
/* The stream is closed: take the ask back that is pending below. */
void weir__tls_ask_close(struct weir__tls *t);
/* The engine has failed: let whoever asks know. Not on a task's stack; t may be closed by it. */
void weir__tls_ask_fail(struct weir__tls *t);
/* If writing is halted and nobody reads, ask for the rest of the message, take that and nothing
 * behind it, and resume. */
void weir__tls_read_rest(struct weir__tls *t) __attribute__((cold));
/* The connection is broken: what has come may say why. Then the engine's code is set. What is no
 * alert stays for the reader. If is_asking is true afterwards, more may come in this turn. */
void weir__tls_look(struct weir__tls *t) __attribute__((cold));
/* It is closed, and an ask has completed: is the stream gone now? In tls_stream.c. */
void weir__tls_maybe_gone(struct weir__tls *t);

/* NULL: s is no TLS stream. */
struct weir__tls *weir__tls_of(struct weir_stream *s, const char *call);
/* NULL: nor if its handshake is not done. */
SSL *weir__tls_ssl(struct weir_stream *s, const char *call);

#endif
