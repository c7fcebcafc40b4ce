/* SPDX-License-Identifier: MIT */
/* passing.c - the calls of weir/unix.h. The room stream moves the descriptors. */
#include <errno.h>
#include <sys/socket.h>
#include <weir/unix.h>

#include "stream/pass.h"
#include "stream/socket.h"

int weir_send_fds(struct weir_stream *s, const void *buf, size_t len, const int *fds,
                  size_t count) {
    int rc = weir__suspend_enter("send descriptors");
    if (rc < 0)
        return rc;
    weir__not_null(s, "weir_send_fds");
    return weir__stream_send_fds(s, buf, len, fds, count);
}

ssize_t weir_recv_fds(struct weir_stream *s, void *buf, size_t len, struct weir_fds *ret_fds) {
    weir__argument_not_null(ret_fds, "weir_recv_fds", "struct weir_fds");
    ret_fds->count = 0;
    ret_fds->truncated = false;
    int rc = weir__suspend_enter("receive descriptors");
    if (rc < 0)
        return rc;
    weir__not_null(s, "weir_recv_fds");
    return weir__stream_recv_fds(s, buf, len, ret_fds->fds, ret_fds->max, &ret_fds->count,
                                 &ret_fds->truncated);
}

int weir_peer_credentials(struct weir_stream *s, struct weir_credentials *ret_credentials) {
    static const char what[] = "peer credentials";
    struct ucred c;
    socklen_t len = sizeof c;
    weir__not_null(s, "weir_peer_credentials");
    int rc = weir__loop_enter(s->loop, s, "weir_peer_credentials");
    if (rc < 0)
        return rc;
    const struct weir__file *file = weir__socket_unix(s);
    if (file == NULL)
        return weir__fail(-EOPNOTSUPP, what, s->kind->name);
    if (s->loop->backend->simulated)
        return weir__fail(WEIR_ESIMREFUSED, what, s->kind->name);
    if (getsockopt(file->fd, SOL_SOCKET, SO_PEERCRED, &c, &len) != 0)
        return weir__fail(-errno, what, s->kind->name);
    *ret_credentials = (struct weir_credentials){.pid = c.pid, .uid = c.uid, .gid = c.gid};
    return 0;
}
