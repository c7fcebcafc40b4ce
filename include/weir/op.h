/* SPDX-License-Identifier: MIT */
/* op.h - ops and files: what a loop asks of its backend. A part of weir/backend.h, which has the
 * contract, and as UNSTABLE. */
#ifndef WEIR_OP_H
#define WEIR_OP_H

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
    WEIR__WALL_NOW,  /* result: ns since 1970 by the wall clock; u.wall.offset_ns: how far it is
                      * ahead of the monotonic clock */
    WEIR__WALL_OPEN, /* result: a descriptor for POLL, readable when the wall clock has reached
                      * u.wall.until_ns or was stepped */
    WEIR__WALL_END,  /* close it, u.wall.fd; result 0: the time was reached, 1: the clock was
                      * stepped before, -EAGAIN: neither */
    WEIR__BIND,     /* u.addr */
    WEIR__LISTEN,   /* u.number = backlog */
    WEIR__SETOPT,   /* u.option */
    WEIR__GETOPT,   /* u.option: value becomes what the option is */
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
    WEIR__SEND_SOON, /* one try to send u.bytes, which never waits for room: by a backend that
                      * `batches`, with the other sends of the turn. result n, -EAGAIN */
    WEIR__RECVMSG,   /* u.message, of an exact file; result: how many came, at least one. 0 bytes
                      * are a message (from a stream: the end). A descriptor comes close-on-exec,
                      * never 0, 1 or 2; -1 with MSG_CTRUNC if it could not be kept */
    WEIR__DETACH,    /* the file leaves the backend: result = its descriptor, from now on the
                      * caller's, and in u.detach what the backend had received; fd is -1. After an
                      * error or cancel all is as before. -EBUSY: another op is pending on it,
                      * WEIR_ETOOBIG: more than u.detach.max bytes had come, -ENOMEM, -EOPNOTSUPP */
    WEIR__POLL,      /* readiness of any descriptor, as poll(2) says it: u.poll; result = the POLL*
                      * bits true, never 0. -EPERM: a regular file and its like, which is always
                      * ready to read and to write, was asked for POLLPRI alone */
    WEIR__RESOLVE,   /* u.resolve; result = how many addresses. Cancel is done at once */
    WEIR__WORK,      /* u.work on a helper thread; result = fn's. cancel: done if not yet begun,
                      * else pending until fn returns (see u.work.abandon) */
    WEIR__SIGNAL,    /* u.number; result = that number when the process gets it; u.signal.count:
                      * how often. An op that its wake submits again misses none, and no -EPERM is
                      * its result, as it is that of a new op if every thread blocks the signal.
                      * u.signal.since: those that came before the submit do not count, though the
                      * loop has not yet looked at them */
    WEIR__CLOSE,     /* every op still pending on the file completes (its result, or -ECANCELED),
                      * what was lent stays valid until released, then this one; result 0.
                      * Afterwards the file's memory is the caller's. Never refused.
                      * A file that was never attached, or could not be: the descriptor in fd is
                      * closed, a connection is reset; nothing else is touched */
    WEIR__SPAWN,     /* a WORK that starts a program: u.work.arg, a struct weir__spawn */
    WEIR__FILE_OP,   /* u.call: a call on files (src/sys/verb.h), on a helper thread unless it need
                      * not wait; result: the call's. cancel: as WORK */
};

enum weir__option {
    WEIR__NODELAY,
    WEIR__KEEPALIVE, /* value: idle seconds, 0 off */
    WEIR__REUSEADDR,
    WEIR__REUSEPORT,
    WEIR__V6ONLY,
    WEIR__SNDBUF,
    WEIR__RCVBUF,
    WEIR__LINGER0, /* close sends a reset */
    WEIR__KEEPINTVL, /* seconds between probes */
    WEIR__KEEPCNT,
    WEIR__USER_TIMEOUT, /* milliseconds */
    WEIR__QUICKACK,
    WEIR__MARK,
    WEIR__PRIORITY,
    WEIR__BROADCAST, /* from here on: of sockets for datagrams */
    WEIR__TTL,
    WEIR__MULTICAST_LOOP,
    WEIR__JOIN, /* u.option.group; value: the number of the interface, 0: any */
    WEIR__LEAVE,
    WEIR__OPTIONS
};

enum { WEIR__ADDRS_MAX = 16, WEIR__NAME_MAX = 255 };

/* NONE: the backend has nothing of it in its tables, lists or the kernel's sets. */
enum weir__file_state { WEIR__FILE_NONE = 0, WEIR__FILE_KEPT };

struct weir__file {
    int fd;        /* descriptor, or the simulation's number; -1: none */
    uint8_t state; /* the backend's: enum weir__file_state */
    bool foreign;
    bool own;   /* of a foreign file: its open file description is ours alone, with O_NONBLOCK, so
                 * that READ_FD and WRITE_FD are plain calls; set before ATTACH */
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
            const struct weir__addr *group;
        } option;
        struct {
            struct weir__addr *ret;
            bool peer;
        } name;
        struct {
            struct weir__addr *ret_peer; /* may be NULL */
        } accept;
        struct {
            uint8_t *block; /* NULL, or weir__alloc'd: room free bytes, then len that had come */
            uint32_t len, room, max; /* room and max: the caller's */
            int end;    /* what comes behind these bytes: 1 more, 0 the end of the stream, or an
                         * error, which the kernel may not report again */
            bool whole; /* the caller's: with such an error, refuse and return it */
        } detach;
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
        struct weir__call *call; /* borrowed until the op is done */
        const struct weir__addr *addr;
        int number;
        struct {
            weir_ns until_ns, offset_ns;
            int fd;
        } wall;
        struct {
            int number; /* u.number */
            uint32_t count;
            bool since;
            bool taken; /* this and before are the backend's */
            uint32_t before;
        } signal;
    } u;
};

#ifdef __cplusplus
}
#endif

#endif
