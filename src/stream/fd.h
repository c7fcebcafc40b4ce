/* SPDX-License-Identifier: MIT */
/* fd.h - streams of descriptors for the rooms above: what a descriptor is (a pipe, a terminal, a
 * serial port) decides its name, and what its errors mean. */
#ifndef WEIR_STREAM_FD_H
#define WEIR_STREAM_FD_H

#include "stream/stream.h"

struct weir__fd_kind {
    const char *name; /* what weir_stream_peer and _local say, if there is no address */
    /* The open file description is the stream's alone, and has O_NONBLOCK: so the descriptor is
     * read and written plainly. Else its flags may be shared, and are left alone. */
    bool is_own;
    size_t state_size; /* of the kind's own state, zeroed */
    /* What a read or a write returns in the place of n < 0, or of n = 0, which is an end of stream.
     * NULL: n. */
    int64_t (*result)(void *state, bool writes, int64_t n);
    /* The stream closes; fd is still open. NULL: nothing to do. */
    void (*closing)(void *state, int fd);
    void (*describe)(void *state, char *ret_text); /* of at most WEIR__NAME_TEXT bytes; or NULL */
};

/* Make a stream of fd, which it owns from then on; on error it stays the caller's. call names the
 * public function, and pc is its return address.
 * Returns 0; -EBADF, -ENOMEM, WEIR_ESIMREFUSED, WEIR_ENOLOOP. */
int weir__stream_of_fd(int fd, const struct weir__fd_kind *kind, const char *call, const void *pc,
                       struct weir_stream **ret_stream);

/* The state of a stream that is of this kind; NULL: it is of another. */
void *weir__stream_fd_state(struct weir_stream *s, const struct weir__fd_kind *kind);

/* Where a stream of a descriptor keeps the slot (sys/modes.h) of a terminal that it has set raw, or
 * 0. Its close restores the mode. NULL: s is no stream of a descriptor. */
int *weir__stream_fd_tty(struct weir_stream *s);

#endif
