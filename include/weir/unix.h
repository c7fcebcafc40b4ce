/* SPDX-License-Identifier: MIT */
/* unix.h - what only unix sockets can do: pass descriptors to another process, and tell which
 * process the peer is. Loop thread only. */
#ifndef WEIR_UNIX_H
#define WEIR_UNIX_H

#include <stdbool.h>
#include <sys/types.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_stream;

enum { WEIR_FDS_MAX = 253 }; /* descriptors in one call: the kernel's limit */

/* Write all len bytes, at least one, to a connected unix socket, and send count descriptors with
 * the first of them. The peer gets duplicates; fds stay the caller's. In a simulation they are
 * descriptors of the simulation (weir_accept_fd).
 * Returns 0; -EINVAL (no byte, or too many descriptors), -EBADF, -ETOOMANYREFS (too many are on
 * their way), -EOPNOTSUPP (s is no unix socket), WEIR_ESIMREFUSED (a real descriptor in a
 * simulation), or an error as weir_write. After an error or cancel weir_error(rc)->done counts the
 * bytes that were taken; if it is 0, no descriptor was sent. buf and fds are borrowed until
 * return. */
WEIR_SUSPENDS int weir_send_fds(struct weir_stream *s, const void *buf, size_t len, const int *fds,
                                size_t count);

/* The descriptors that came with some bytes. */
struct weir_fds {
    int *fds;       /* the caller's memory, with room for max of them */
    size_t max;
    size_t count;   /* how many came; they are the caller's, who must close them */
    bool truncated; /* more came than there was room for: those are closed */
};

/* Read at least 1 and at most len bytes from a connected unix socket, and the descriptors that came
 * with them, which are close-on-exec. One call never returns bytes of two messages that both carry
 * descriptors. buf is borrowed until return.
 * weir_read and weir_peek close the descriptors that come with their bytes, and may take more bytes
 * than they return. So from the moment at which the peer may send descriptors, read by this call
 * only.
 * Returns the count; 0 at end of stream; -EINVAL (len is 0), -EOPNOTSUPP (s is no unix socket), or
 * an error as weir_read. On error or cancel nothing is consumed, and ret_fds->count is 0. */
WEIR_SUSPENDS ssize_t weir_recv_fds(struct weir_stream *s, void *buf, size_t len,
                                    struct weir_fds *ret_fds);

/* The process at the other end of a unix socket. */
struct weir_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* Get the process that made the peer of a connected unix socket by connect, listen or socketpair,
 * as the kernel knows it. It may have ended, and another process may have its pid.
 * Returns 0; -EOPNOTSUPP (s is no unix socket), WEIR_ESIMREFUSED (in a simulation), WEIR_EFORKED.
 * On error *ret_credentials is untouched. */
WEIR_API int weir_peer_credentials(struct weir_stream *s,
                                   struct weir_credentials *ret_credentials);

#ifdef __cplusplus
}
#endif
#endif
