/* SPDX-License-Identifier: MIT */
/* pass.h - descriptors that travel beside the bytes of a connected unix socket. */
#ifndef WEIR_STREAM_PASS_H
#define WEIR_STREAM_PASS_H

#include <weir/stream.h>

enum { WEIR__PASS_MAX = 253 }; /* in one message: SCM_MAX_FD of the kernel */

/* Write all len bytes, at least one; count descriptors, at most WEIR__PASS_MAX, go with the first
 * of them. The peer gets duplicates; fds stay the caller's. Suspends; a cancel point.
 * Returns 0; as weir_write; -EINVAL (no byte, too many descriptors), -EOPNOTSUPP (no unix socket),
 * -EBADF, -ETOOMANYREFS. If done of the error is 0, no descriptor has left. */
int weir__stream_send_fds(struct weir_stream *s, const void *buf, size_t len, const int *fds,
                          size_t count);

/* Read at least 1 and at most len bytes, and what came with them: at most max descriptors are put
 * into ret_fds, close-on-exec, and are the caller's; others are closed. One call never returns the
 * bytes of two messages that both carry descriptors. Other reads (weir_read, weir_peek) take bytes
 * without what came with them, and may take more bytes than they return: they are safe only while
 * the peer cannot have sent descriptors yet. Suspends; a cancel point.
 * Returns as weir_read; -EINVAL (no room for a byte), -EOPNOTSUPP (no unix socket). *ret_count, and
 * *ret_lost (descriptors came that are not in ret_fds), are set when it returns >= 0. On error or
 * cancel nothing is consumed, and ret_fds has no open descriptor. */
ssize_t weir__stream_recv_fds(struct weir_stream *s, void *buf, size_t len, int *ret_fds,
                              size_t max, size_t *ret_count, bool *ret_lost);

#endif
