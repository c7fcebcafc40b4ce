/* SPDX-License-Identifier: MIT */
/* backend.h - the contract between a loop and its backend, for those who write a backend of their
 * own. UNSTABLE: any version may change it, without notice and without keeping its ABI. So
 * weir/weir.h does not include it, a backend is compiled against the version that it runs with, and
 * the names begin with weir__, as inside the library. doc/design/sys.md says which parts a backend
 * must have; examples/backend-poll.c is a whole one.
 *
 * An op is its caller's memory. submit() takes it and answers
 *   WEIR__DONE     op->result is set; the caller has the op again; wake is not called;
 *   WEIR__PENDING  the backend holds the op until turn() returns it, exactly once.
 * A refusal (second reader: -EBUSY, no memory: -ENOMEM) is WEIR__DONE with that result.
 * submit() and cancel() never run a wake. result: >= 0 per kind, or a negative errno or WEIR_E*.
 *
 * A file is its caller's memory too (embedded in a stream or listener), all zero but fd, foreign,
 * own and exact at first, and the backend keeps it from a successful WEIR__SOCKET or WEIR__ATTACH
 * until its WEIR__CLOSE or WEIR__DETACH is done. It has no memory and no kernel state for a file
 * that it does not keep. At most one reader (RECV, RECV_INTO, RECVMSG, ACCEPT, DETACH) and one
 * writer (SEND, SENDV, SEND_SOON, CONNECT) is pending on it at a time. */
#ifndef WEIR_BACKEND_H
#define WEIR_BACKEND_H

#include <weir/op.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir__backend;

struct weir__backend_ops {
    const char *name; /* "uring", "epoll", "sim" */
    int (*submit)(struct weir__backend *b, struct weir__op *op);
    /* WEIR__DONE: result is -ECANCELED, or the result that won the race; no wake will come.
     * WEIR__PENDING: it will come, with -ECANCELED or the result that won. Cancelling twice is
     * harmless. */
    int (*cancel)(struct weir__backend *b, struct weir__op *op);
    /* Send what was submitted, wait until something completes, a wake, or until_ns (absolute;
     * <= now: do not wait; WEIR_NEVER). Returns the completed ops, linked by next, in order. A
     * turn is bounded in bytes and connections, and does not wait while the backend has work of
     * its own: completed ops not yet returned, pieces to receive, writers that can go on. The
     * loop knows of none of these. */
    struct weir__op *(*turn)(struct weir__backend *b, weir_ns until_ns);
    void (*release)(struct weir__backend *b, struct weir__lent *lent); /* as it was lent;
                                                                         * token becomes 0 */
    void (*wake)(struct weir__backend *b); /* any thread, async-signal-safe: turn returns soon */
    weir_ns (*now)(struct weir__backend *b);
    void (*random)(struct weir__backend *b, void *buf, size_t len); /* fit for keys */
    const char *(*explain)(struct weir__backend *b); /* why this one, what was probed; one line */
    void (*close)(struct weir__backend *b);          /* nothing is pending any more */
    /* For a foreign loop that waits in turn's place; both NULL where there is no descriptor.
     * descriptor: it is ready to read when the next turn would not have to wait, except for time.
     * Returns it, or -EMFILE, -ENOMEM. arm: that wait comes now: hand on what was submitted, and
     * have wake make the descriptor ready. Returns false if the next turn has work already. */
    int (*descriptor)(struct weir__backend *b);
    bool (*arm)(struct weir__backend *b);
};

struct weir__latch; /* by which other threads end a wait; weir_backend_common_open makes it */

/* How a simulation chooses which ready task runs next. */
struct weir__order {
    size_t (*choose)(struct weir__order *o, size_t count); /* 0 .. count-1; NULL: the first */
    void (*resumes)(struct weir__order *o, const void *task); /* that one runs now */
};

struct weir__backend {
    const struct weir__backend_ops *ops;
    struct weir__latch *latch; /* ops->wake rings it; a thread that may ring it later holds a ref */
    bool simulated;            /* the numbers of its files are no descriptors */
    bool batches;              /* it gathers the sends of a turn, and knows SEND_SOON */
    struct weir__order *order; /* NULL: first in, first out */
    bool quiet; /* set by turn: nothing can ever complete again (only a simulation knows) */
};

/* Let the name `name` in weir_run_options.backend, and in WEIR_BACKEND, open a backend of the
 * program's own. open makes one, sets ops and latch, and returns 0; or a negative errno or
 * WEIR_EBACKEND, with *ret_why set to a text that says why (static or thread-local). ops->name must
 * be `name`. The registration lasts as long as the process. name is copied, at most 31 bytes.
 * Returns 0; -EINVAL (no name, or too long), -EEXIST (it is registered, or the library's own),
 * -ENOSPC (16 are registered). Any thread. */
WEIR_API int weir_backend_register(const char *name,
                                   int (*open)(struct weir__backend **ret_backend,
                                               const char **ret_why));

/* What backends that wait in the kernel do alike: the latch by which other threads end a wait, the
 * ops that helper threads and signal handlers complete, and those that one system call does. */
struct weir_backend_common;

/* Open the common part of b, and set b->latch. The functions below are the loop thread's only, but
 * for weir_backend_common_wake.
 * Returns 0; -ENOMEM, -EMFILE. */
WEIR_API int weir_backend_common_open(struct weir__backend *b,
                                      struct weir_backend_common **ret_common);

/* Close it, when no op is pending any more; *take_common becomes NULL. NULL and *NULL are fine. */
WEIR_API void weir_backend_common_close(struct weir_backend_common **take_common);

/* Submit an op of a kind that is the same everywhere: SOCKET, ATTACH, BIND, LISTEN, SETOPT, GETOPT,
 * NAME, UNACKED, SHUTDOWN, READ_FD, WRITE_FD, TRY_SENDMSG, TRY_RECVMSG, RESOLVE, WORK, SPAWN,
 * FILE_OP, SIGNAL; when nothing is pending on the file any more: CLOSE, DETACH. A file gets a
 * non-blocking socket; reader, writer and priv are zero and it is WEIR__FILE_KEPT until one of
 * these two.
 * Returns WEIR__DONE or WEIR__PENDING; WEIR__DONE with -EOPNOTSUPP for all other kinds. */
WEIR_API int weir_backend_common_submit(struct weir_backend_common *c, struct weir__op *op);

/* Cancel an op that weir_backend_common_submit answered with WEIR__PENDING.
 * Returns WEIR__DONE or WEIR__PENDING, as ops->cancel. */
WEIR_API int weir_backend_common_cancel(struct weir_backend_common *c, struct weir__op *op);

/* Try ACCEPT, RECV_INTO, RECVMSG, SEND, SENDV or CONNECT once, without waiting. One try moves at
 * most 512 KiB, or as many messages as the op has room for; of a SEND or SENDV the op counts what
 * was sent.
 * Returns the op's result; -EINPROGRESS: try again when the descriptor can be read (ACCEPT,
 * RECV_INTO, RECVMSG) or written; -EOPNOTSUPP for other kinds. */
WEIR_API int64_t weir_backend_try(struct weir__op *op);

/* Call before a wait that may block, and wait for the descriptor that this returns too: a wake
 * makes it readable. Neither read nor close it.
 * Returns the descriptor; -EAGAIN: do not block, a wake has come already. */
WEIR_API int weir_backend_common_sleep(struct weir_backend_common *c);

/* Call in each turn after the wait, before the turn returns. Ends what weir_backend_common_sleep
 * began. Returns the ops of weir_backend_common_submit that have completed, linked by next; NULL if
 * none has. */
WEIR_API struct weir__op *weir_backend_common_collect(struct weir_backend_common *c);

/* End the wait of b, as ops->wake must; may itself be ops->wake. Any thread, any signal handler. */
WEIR_API void weir_backend_common_wake(struct weir__backend *b);

#ifdef __cplusplus
}
#endif

#endif
