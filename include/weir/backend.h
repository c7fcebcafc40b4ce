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
 * A file is its caller's memory too (embedded in a stream or listener), all zero but fd and foreign
 * at first, and the backend keeps it from a successful WEIR__SOCKET or WEIR__ATTACH until its
 * WEIR__CLOSE is done. It has no memory and no kernel state for a file that it does not keep.
 * At most one reader (RECV, RECV_INTO, RECVMSG, ACCEPT) and one writer (SEND, SENDV, CONNECT) is
 * pending on it at a time. */
#ifndef WEIR_BACKEND_H
#define WEIR_BACKEND_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { WEIR__PENDING = 0, WEIR__DONE = 1 };

struct weir__addr {
    socklen_t len;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
};

/* A received piece that the backend lends: the receiver has it until weir__release. */
struct weir__lent {
    uint8_t *base; /* may be written (unmasking in place) */
    uint32_t len;
    uint32_t token; /* the backend's name for it; 0: nothing lent */
};

enum weir__op_kind {
    /* Always done at once. */
    WEIR__SOCKET,   /* open file: u.socket; result 0 */
    WEIR__ATTACH,   /* take the descriptor file->fd (from ACCEPT or a user) into care; result 0.
                     * file->foreign: the user closes it; the backend only waits for readiness */
    WEIR__BIND,     /* u.addr */
    WEIR__LISTEN,   /* u.number = backlog */
    WEIR__SETOPT,   /* u.option */
    WEIR__NAME,     /* u.name: own or peer address into *ret */
    WEIR__UNACKED,  /* result: bytes of a socket that were sent and did not yet reach the peer */
    WEIR__SHUTDOWN, /* u.number = SHUT_RD, SHUT_WR or SHUT_RDWR */
    WEIR__READ_FD,  /* one try, never blocks: u.bytes, at most a piece; any descriptor; result n,
                     * 0 at end of stream, -EAGAIN; -EOPNOTSUPP: this one cannot be tried without
                     * waiting */
    WEIR__WRITE_FD, /* likewise; no SIGPIPE */
    WEIR__TRY_SENDMSG, /* one try on any socket: u.message, how many were taken, at least one */
    WEIR__TRY_RECVMSG, /* likewise, as RECVMSG; -EAGAIN */
    /* Done at once or pending. */
    WEIR__CONNECT,   /* u.addr; result 0. A cancel leaves the file fit only for close */
    WEIR__ACCEPT,    /* result: the new descriptor, non-blocking, close-on-exec; peer in u.accept */
    WEIR__RECV,      /* lends: result n > 0 with u.lent, 0 at end of stream */
    WEIR__RECV_INTO, /* u.bytes: one piece into the caller's memory; result n, 0 at end of stream.
                      * Only with nothing lent or queued before it: pieces that the backend has
                      * already received come first, copied */
    WEIR__SEND,      /* u.bytes, all: result = len; cut short: the error, u.bytes.done counts */
    WEIR__SENDV,     /* u.vector: the same; the array is used up */
    WEIR__RECVMSG,   /* u.message, of an exact file; result: how many came, at least one. 0 bytes
                      * are a message (from a stream: the end). A descriptor comes close-on-exec,
                      * never 0, 1 or 2; -1 with MSG_CTRUNC if it could not be kept */
    WEIR__POLL,      /* readiness of any descriptor, as poll(2) says it: u.poll; result = the POLL*
                      * bits true, never 0. -EPERM: a regular file and its like, which is always
                      * ready to read and to write, was asked for POLLPRI alone */
    WEIR__RESOLVE,   /* u.resolve; result = how many addresses. Cancel is done at once */
    WEIR__WORK,      /* u.work on a helper thread; result = fn's. cancel: done if not yet begun,
                      * else pending until fn returns (see u.work.abandon) */
    WEIR__SIGNAL,    /* u.number; result = that number when the process gets it; u.signal.count:
                      * how often. An op that its wake submits again misses none. u.signal.since:
                      * those that came before the submit do not count, though the loop has not yet
                      * looked at them */
    WEIR__CLOSE,     /* every op still pending on the file completes (its result, or -ECANCELED),
                      * what was lent stays valid until released, then this one; result 0.
                      * Afterwards the file's memory is the caller's. Never refused.
                      * A file that was never attached, or could not be: the descriptor in fd is
                      * closed, a connection is reset; nothing else is touched */
};

enum weir__option {
    WEIR__NODELAY,
    WEIR__KEEPALIVE, /* value: idle seconds, 0 off */
    WEIR__REUSEADDR,
    WEIR__REUSEPORT,
    WEIR__V6ONLY,
    WEIR__SNDBUF,
    WEIR__RCVBUF,
    WEIR__LINGER0 /* close sends a reset */
};

enum { WEIR__ADDRS_MAX = 16, WEIR__NAME_MAX = 255 };

/* NONE: the backend has nothing of it in its tables, lists or the kernel's sets. */
enum weir__file_state { WEIR__FILE_NONE = 0, WEIR__FILE_KEPT };

struct weir__file {
    int fd;        /* descriptor, or the simulation's number; -1: none */
    uint8_t state; /* the backend's: enum weir__file_state */
    bool foreign;
    bool exact; /* nothing is received before an op asks: set before SOCKET or ATTACH */
    struct weir__op *reader, *writer; /* pending, else NULL; kept by the backend */
    uint64_t priv[8];                 /* the backend's */
};

struct weir__work_by { /* who submits a WORK */
    const char *task;
    const struct weir_site *site; /* of the call; NULL: not known */
};

struct weir__op {
    struct weir__op *next;             /* link, for the backend or the caller that has the op */
    void (*wake)(struct weir__op *op); /* called by the loop, once, after completion */
    void *waiter;                      /* for the wake function */
    struct weir__file *file;
    int64_t result;
    uint8_t kind;  /* enum weir__op_kind */
    uint8_t state; /* the backend's */
    bool cancelled;
    uint32_t priv; /* the backend's */
    union {
        struct weir__lent lent;
        struct {
            void *base;
            size_t len, done;
            struct weir__op *prev; /* the backend's */
        } bytes;
        struct {
            struct iovec *vec;
            size_t count, done;
            struct weir__op *prev; /* where bytes has it */
        } vector;
        struct {
            int family, type;
        } socket;
        struct {
            struct mmsghdr *messages; /* recvmmsg(2); the caller's */
            unsigned count;
            int flags; /* MSG_*, beside those that the backend needs */
        } message;
        struct {
            enum weir__option option;
            int value;
        } option;
        struct {
            struct weir__addr *ret;
            bool peer;
        } name;
        struct {
            struct weir__addr *ret_peer; /* may be NULL */
        } accept;
        struct {
            int fd;
            short events; /* POLLIN, POLLOUT, POLLPRI */
            short came;   /* the backend's */
        } poll;
        struct {
            const char *host; /* copied at submit */
            uint16_t port;
            struct weir__addr *ret; /* WEIR__ADDRS_MAX of them, written at completion */
        } resolve;
        struct {
            int (*fn)(void *);
            void *arg;
            bool abandon; /* a cancel lets a begun fn run on alone: done, result -EINPROGRESS */
            bool is_file; /* it reads or writes a file: a thread of the class for files runs it */
            const struct weir__work_by *by; /* copied at submit; NULL: not known */
        } work;
        const struct weir__addr *addr;
        int number;
        struct {
            int number; /* u.number */
            uint32_t count;
            bool since;
            uint32_t before; /* the backend's */
        } signal;
    } u;
};

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

/* Submit an op of a kind that is the same everywhere: SOCKET, ATTACH, BIND, LISTEN, SETOPT, NAME,
 * UNACKED, SHUTDOWN, READ_FD, WRITE_FD, TRY_SENDMSG, TRY_RECVMSG, RESOLVE, WORK, SIGNAL. And
 * CLOSE, when nothing is pending on the file any more: the descriptor is closed. A file gets a
 * non-blocking socket; reader, writer and priv are zero and it is WEIR__FILE_KEPT until its CLOSE.
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
