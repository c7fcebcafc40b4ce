/* SPDX-License-Identifier: MIT */
/* detached.h - a stream that belongs to no loop, as the files of the room see it. */
#ifndef WEIR_STREAM_DETACHED_H
#define WEIR_STREAM_DETACHED_H

#include <weir/detach.h>

#include "stream/socket.h"

struct weir__fd_kind;

/* The bytes at[0 .. left-1] lie in hold. */
struct weir_detached {
    int fd;
    struct weir__hold *hold; /* NULL: no unread bytes */
    uint8_t *at;
    uint32_t left;
    int16_t failed; /* as of a stream */
    bool by_write, ended, shut;
    bool is_socket, exact; /* else a descriptor of any kind; as of the file */
    const struct weir__fd_kind *of; /* of a descriptor that is no socket */
    bool simulated;
    struct weir__file file; /* to close one that is simulated */
    struct weir__op op;
    struct weir__peer peer;
    char peer_text[WEIR__NAME_TEXT];
};

/* Close the descriptor and free d. Any thread. With is_copy another process has the connection too:
 * it must not notice. */
void weir__detached_drop(struct weir_detached *d, bool is_copy);

/* Submit op, a DETACH, and wait for it: for the kinds. */
static inline int64_t weir__detach_await(struct weir_stream *s, struct weir__op *op) {
    return weir__op_await(op, &weir__detaches, s);
}

/* As weir_detach; what: for the error's record. Suspends; the caller has called
 * weir__suspend_enter. */
int weir__stream_leave(struct weir_stream **take_stream, const char *what,
                       struct weir_detached **ret_detached);

/* s changes its owner: no task may be inside, and it may not be torn. All its unread bytes lie in
 * the hold from now on. Returns 0; -EBUSY, WEIR_ETORN, -ENOMEM. */
int weir__stream_settle(struct weir_stream *s, const char *what);

/* Make a copy of these bytes the window of s, which has none. Returns 0; -ENOMEM. */
int weir__stream_hold(struct weir_stream *s, const void *bytes, size_t len);

/* Give s what was unread and what is behind it, and free d. The descriptor is s's already. */
void weir__detached_into(struct weir_detached *d, struct weir_stream *s);

/* A new stream over d's descriptor, which it owns on success. d is not changed.
 * Returns 0; -ENOMEM, -ENOSPC, ... */
int weir__socket_enter(struct weir__socket *k, const struct weir_detached *d);
int weir__socket_again(struct weir__loop *l, const struct weir_detached *d,
                       struct weir_stream **ret_stream);
int weir__descriptor_again(struct weir__loop *l, const struct weir_detached *d,
                           struct weir_stream **ret_stream);

#endif
