/* SPDX-License-Identifier: MIT */
/* socket.h - a stream over a kernel socket (tcp or unix; in a simulation the simulated one):
 * dialled, accepted, or embedded in a reactive connection. */
#ifndef WEIR_STREAM_SOCKET_H
#define WEIR_STREAM_SOCKET_H

#include "stream/stream.h"
#include "sys/peer.h"

struct weir__socket {
    struct weir_stream stream; /* first: a stream pointer is a socket pointer */
    struct weir__file file;
    /* The RECV of an idle reactive connection, and later the CLOSE of any socket. Ops of tasks that
     * wait lie in their frames. */
    struct weir__op op;
    struct weir__peer peer; /* kept, because after a reset the kernel has forgotten it */
};

struct weir__socket_options {
    bool delay; /* keep Nagle's algorithm */
    int keepalive_s;
};

void weir__socket_init(struct weir__socket *k, struct weir__loop *l);

/* Make the accepted descriptor fd the stream's. peer may be unknown (len 0).
 * Returns 0; on error fd is still the caller's. */
int weir__socket_adopt(struct weir__socket *k, int fd, const struct weir__addr *peer);

/* The file of a stream over a socket; NULL: s is of another kind. */
struct weir__file *weir__socket_file(struct weir_stream *s);

/* Is s a connected unix socket, over which descriptors can pass? Its file, or NULL. */
struct weir__file *weir__socket_unix(struct weir_stream *s);

/* A new stream with an open socket of family, not yet connected. Returns 0; -EMFILE, ... */
int weir__socket_open(struct weir__loop *l, int family, const struct weir__socket_options *options,
                      struct weir__socket **ret_socket);

/* Give up the window and close the descriptor. When the backend holds nothing of k any more,
 * perhaps at once, done is called. */
void weir__socket_close(struct weir__socket *k, void (*done)(struct weir__op *op));

int weir__socket_option(struct weir__loop *l, struct weir__file *file, enum weir__option option,
                        int value);
int weir__socket_options(struct weir__loop *l, struct weir__file *file,
                         const struct weir__socket_options *options);

/* The own or the peer's address of an open file; ret_addr->len is 0 if it has none. */
void weir__socket_name(struct weir__loop *l, struct weir__file *file, bool peer,
                       struct weir__addr *ret_addr);

#endif
