/* SPDX-License-Identifier: MIT */
/* fd_inside.h - a stream of a descriptor, as fd.c, which reads and writes in tasks, and the files
 * below it know it. */
#ifndef WEIR_STREAM_FD_INSIDE_H
#define WEIR_STREAM_FD_INSIDE_H

#include "stream/fd.h"
#include "stream/fd_job.h"
#include "sys/verb.h"

enum { DESCRIPTOR_PIECE = 16 << 10 }; /* a read of a pipe gives at most 64 KiB, of a terminal 4 */

/* A pending ask; see fd_ask.c. */
struct fd_ask {
    struct weir__op *pending; /* the caller's; NULL: none */
    struct weir__op op;
    struct weir__timer timer;
    struct weir__waiter waiter;
    struct weir__call call;
    uint8_t *piece; /* for a call on a file that runs */
    uint8_t tries, wait;
    bool taken_back; /* by unask, whose answer was PENDING */
};

struct descriptor {
    struct weir_stream stream;
    struct weir__file file;
    struct weir__op op; /* CLOSE */
    size_t moved[2];    /* bytes read, and written, since the last weir__breathe_bytes */
    struct weir__fd_slot slots[2]; /* for reads, for writes: the job where no try can be made */
    struct weir__call put_call; /* of a put to a file */
    struct fd_ask asked;
    unsigned calls;     /* on a file: while one runs, the descriptor must stay open */
    bool is_file, direct, syncs; /* a regular file, whose disk may take long: O_DIRECT, O_SYNC */
    int access;         /* O_RDONLY, O_WRONLY, O_RDWR: the other direction would wait for ever */
    int tty; /* slot of sys/modes.h, or 0 */
    const struct weir__fd_kind *of;
    uint8_t state[] __attribute__((aligned(16)));
};

static inline struct descriptor *descriptor_of(struct weir_stream *s) {
    return WEIR_CONTAINER(s, struct descriptor, stream);
}

/* What a result of a call means for this kind. */
int64_t weir__descriptor_meant(struct descriptor *d, bool writes, int64_t n);

/* A call that reads or writes a file at its position. */
struct weir__call weir__descriptor_call(struct descriptor *d, bool writes, void *buf, size_t len);

/* fd_ask.c: the kind's functions of these names, and the part of close. */
int weir__descriptor_ask(struct weir_stream *s, struct weir__op *ask);
int weir__descriptor_unask(struct weir_stream *s, struct weir__op *ask);
void weir__descriptor_ask_closed(struct descriptor *d);

/* The stream was closed, and no call on it runs any more. */
void weir__descriptor_close_file(struct descriptor *d);

#endif
