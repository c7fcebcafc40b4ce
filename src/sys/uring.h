/* SPDX-License-Identifier: MIT */
/* uring.h - what the files of the io_uring backend share. Not for other rooms.
 *
 * user_data is the address of an op or a file with a tag in its low bits. It stays valid: an op is
 * held, and a file not closed, until the last completion that names it has come. */
#ifndef WEIR_SYS_URING_H
#define WEIR_SYS_URING_H

#include "sys/direct.h"
#include "sys/helpers.h"
#include "sys/uring_abi.h"
#include "sys/writers.h"

enum uring_tag {
    URING_OP,     /* struct weir__op: send, connect, poll, calls on files */
    URING_RECV,   /* struct weir__file: its multishot receive */
    URING_POLL,   /* struct weir__file: its readiness, for direct receives and accepts */
    URING_LATCH,
    URING_IGNORE, /* a cancel request: the cancelled request has a completion of its own */
    URING_TAGS = 7
};

enum { URING_GROUP = 0 };

/* A received piece that waits in an inbox. */
struct uring_piece {
    struct uring_piece *next;
    struct weir__lent lent;
};

/* The ring of provided buffers. Every buffer is with the kernel, free, or out (lent, or in an
 * inbox). The kernel uses buffers in the order in which it gets them. So that the same few are used
 * again soon and stay in the cache, it gets only as many as it needs (target), the last returned
 * first. */
struct uring_bufs {
    struct io_uring_buf_ring *ring;
    uint8_t *memory;
    size_t stride;
    uint32_t size, count;
    uint32_t with_kernel, free_count, target;
    bool ran_out; /* the kernel had no buffer left, since the last refill */
    uint32_t hot_bytes, mean_len; /* mean_len: moving average of received pieces */
    uint16_t *free; /* a stack */
    struct uring_piece *pieces;
};

struct uring_backend {
    struct weir__backend base;
    struct io_uring ring;
    bool ring_open;
    unsigned enter_flags;
    bool latch_armed;
    unsigned turns_unpolled;
    uint32_t tries_left; /* small sends that may be tried at once before the next turn */
    struct weir__fifo done;
    struct weir__direct direct;
    struct weir__writers writers;
    struct uring_bufs bufs;
    struct weir__list starved; /* files whose receive waits for buffers */
    struct weir__slots polls;  /* ops POLL that the kernel holds, by op->priv */
    struct weir__slots slots;  /* files in the ring's table */
    uint32_t slots_max;        /* 0: no table */
    uint32_t verbs;            /* bits: the calls on files that the ring knows */
    bool slots_tried;
    struct weir__helpers helpers;
    struct msghdr *msgs; /* of SENDV: one belongs to each entry of the submission queue */
    int outer_fd, event_fd; /* uring_outer.c: -1 until a foreign loop asks */
    char why[200];
};

enum uring_live { /* requests of a file that the kernel holds, and whether they were cancelled */
    URING_RECV_LIVE = 1,
    URING_RECV_ENDING = 2,
    URING_POLL_LIVE = 4,
    URING_POLL_ENDING = 8,
    URING_HAS_POLLS = 16, /* ops POLL name this file */
    URING_CLOSING = 32
};

/* How a file receives:
 *   STREAM  multishot receive into the ring's buffers: small messages need no system call
 *   LEAVING as STREAM, but the multishot receive was cancelled; BULK follows
 *   BULK    the ring reports readiness, then recv into a large hot buffer: otherwise a message of
 *           100 KiB would be seven pieces, which are in no cache. An exact file begins so and
 *           stays so: nothing is received ahead
 * LISTENER  the ring reports readiness, then accept4; set by the first ACCEPT. No multishot accept:
 *           it takes the whole backlog at once, and if no descriptor is free it fails although no
 *           connection waits */
enum uring_mode { URING_STREAM, URING_LEAVING, URING_BULK, URING_LISTENER };

struct uring_file { /* lives in weir__file.priv */
    struct weir__direct_file direct; /* its link: in direct.ready (BULK), or starved (STREAM) */
    struct uring_piece *inbox;
    union {
        struct uring_piece **inbox_end;
        struct weir__op *closer; /* once closing: the inbox is gone */
    };
    uint32_t slot;     /* in the ring's table of files, from 1; 0: none */
    uint32_t sends;    /* through the ring, while it has no slot */
    uint16_t inflight; /* requests that the kernel has not ended */
    int16_t end;       /* what follows the inbox: 0 more bytes, 1 end of stream, else the error */
    uint8_t live, mode, inbox_count;
    bool wants_bulk;
};

_Static_assert(sizeof(struct uring_file) <= sizeof(((struct weir__file *)0)->priv),
               "an io_uring file must fit into weir__file");

static inline struct uring_file *weir__uring_file(struct weir__file *file) {
    return (struct uring_file *)(void *)file->priv;
}

/* uring_ring.c: submission, waiting.
 *
 * Ask for an entry of the submission queue. If the queue is full it is submitted first, and the
 * kernel takes every entry that was given out before. So the function that asked for an entry must
 * fill it in before it calls anything that may ask for another. And memory that the kernel reads at
 * submission must belong to the entry (weir__uring_msg), so that it lives as long as the entry.
 * tools/submits.py checks the first, and that full_ring_test.c runs each function that asks, and
 * each that leads to one, with the queue full. */
#define weir__uring_sqe(b, who, tag) weir__uring_sqe_for(b, who, tag, __func__)
#define weir__uring_cancel(b, who, tag) weir__uring_cancel_for(b, who, tag, __func__)
struct io_uring_sqe *weir__uring_sqe_for(struct uring_backend *b, const void *who,
                                         enum uring_tag tag, const char *asker);
void weir__uring_cancel_for(struct uring_backend *b, const void *who, enum uring_tag tag,
                            const char *asker);
/* If a test has set it: called before each entry is given out. */
extern void (*weir__uring_asked)(struct uring_backend *b, const char *asker);
/* The message header of this entry. */
struct msghdr *weir__uring_msg(struct uring_backend *b, const struct io_uring_sqe *sqe);
/* Submit what is queued; wait: 0, a duration, or WEIR_NEVER. */
void weir__uring_enter(struct uring_backend *b, weir_ns wait);
bool weir__uring_idle(const struct uring_backend *b); /* nothing to submit */
bool weir__uring_quiet(const struct uring_backend *b); /* and nothing to fetch */

/* uring_bufs.c: the provided-buffer ring. */
int weir__uring_bufs_init(struct uring_backend *b);
void weir__uring_bufs_fini(struct uring_backend *b);
void weir__uring_bufs_refill(struct uring_bufs *r);
void weir__uring_bufs_starved(struct uring_bufs *r); /* the kernel has no buffer left */
/* The kernel has filled a buffer: the piece is out now. */
struct uring_piece *weir__uring_bufs_filled(struct uring_bufs *r, uint32_t id, uint32_t len);
void weir__uring_bufs_put(struct uring_bufs *r, struct weir__lent *lent);
static inline bool weir__uring_bufs_scarce(const struct uring_bufs *r) {
    return r->count - r->with_kernel - r->free_count > r->count / 2;
}

/* uring_recv.c: RECV, RECV_INTO, RECVMSG, ACCEPT, READ_FD, DETACH. */
int weir__uring_accept_submit(struct uring_backend *b, struct weir__op *op);
int weir__uring_recv_submit(struct uring_backend *b, struct weir__op *op);
int weir__uring_message_submit(struct uring_backend *b, struct weir__op *op);
int64_t weir__uring_read_fd(struct uring_backend *b, struct weir__op *op);
void weir__uring_recv_event(struct uring_backend *b, struct weir__file *file,
                            const struct io_uring_cqe *cqe);
void weir__uring_ready_event(struct uring_backend *b, struct weir__file *file,
                             const struct io_uring_cqe *cqe);
void weir__uring_recv_drop(struct uring_backend *b, struct weir__file *file); /* at close */
int weir__uring_detach_submit(struct uring_backend *b, struct weir__op *op);
void weir__uring_recv_rearm(struct uring_backend *b); /* starved files, as buffers allow */

/* uring_send.c: SEND, SENDV, SEND_SOON, CONNECT. */
int weir__uring_send_submit(struct uring_backend *b, struct weir__op *op);
int weir__uring_soon_submit(struct uring_backend *b, struct weir__op *op);
int weir__uring_connect_submit(struct uring_backend *b, struct weir__op *op);
void weir__uring_write_event(struct uring_backend *b, struct weir__op *op,
                             const struct io_uring_cqe *cqe);
/* WEIR__DONE: the kernel did not hold the op; its result is -ECANCELED. */
int weir__uring_write_cancel(struct uring_backend *b, struct weir__op *op);
void weir__uring_writer_full(struct uring_backend *b, struct weir__op *op); /* wait for room */

/* uring_fixed.c: the ring's table of files. */
void weir__uring_fix(struct uring_backend *b, struct weir__file *file);
void weir__uring_unfix(struct uring_backend *b, struct weir__file *file);

/* uring_file.c: SOCKET, ATTACH, and the last step of a close. */
int64_t weir__uring_socket(struct weir__op *op);
int64_t weir__uring_attach(struct weir__op *op);
/* A request on the file has had its last completion. */
void weir__uring_settled(struct uring_backend *b, struct weir__file *file);
/* Close it now: the kernel holds no request on it. */
void weir__uring_close_now(struct uring_backend *b, struct weir__file *file);

/* uring_poll.c: POLL. */
int weir__uring_poll_submit(struct uring_backend *b, struct weir__op *op);
void weir__uring_poll_event(struct uring_backend *b, struct weir__op *op,
                            const struct io_uring_cqe *cqe);
void weir__uring_poll_cancel(struct uring_backend *b, struct weir__op *op);
bool weir__uring_polls_have(const struct uring_backend *b, const struct weir__file *file);
void weir__uring_polls_end(struct uring_backend *b, struct weir__file *file); /* cancel them */

/* uring_verb.c: FILE_OP. */
void weir__uring_verbs_probe(struct uring_backend *b, const struct io_uring_probe *probe);
int weir__uring_verb_submit(struct uring_backend *b, struct weir__op *op);
int weir__uring_verb_cancel(struct uring_backend *b, struct weir__op *op);
void weir__uring_verb_event(struct uring_backend *b, struct weir__op *op,
                            const struct io_uring_cqe *cqe);

/* uring_close.c: CLOSE. */
int weir__uring_close_file(struct uring_backend *b, struct weir__op *op);

/* uring_outer.c: a foreign loop waits in the ring's place. */
int weir__uring_outer_open(struct uring_backend *b);
void weir__uring_outer_fetch(struct uring_backend *b); /* the turn is about to ask the kernel */
void weir__uring_outer_close(struct uring_backend *b);

/* uring.c */
extern const struct weir__backend_ops weir__uring_ops;
void weir__uring_latch_arm(struct uring_backend *b);
void weir__uring_close(struct weir__backend *base);

#endif
