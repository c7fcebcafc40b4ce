/* SPDX-License-Identifier: MIT */
/* cached.c - see cached.h. */
#include "file/cached.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "file/file.h"

enum { LOOK = 16 << 10 };

static bool is_there(struct weir_file *f, int64_t at) {
    char byte;
    struct weir__call c = {.verb = WEIR__READ_AT, .fd = f->fd, .base = &byte, .len = 1, .at = at,
                           .never_waits = f->never_waits};
    return weir__verb_try(&c) >= 0;
}

/* The kernel also counts pages that are being read. They come in order, so the last byte is looked
 * at too. Not first: the look at a page that is missing begins to read it. */
bool weir__file_is_cached(struct weir_file *f, int64_t at, size_t len) {
    int all = len > 0 ? weir__verb_is_cached(f->fd, at, len) : 1;
    for (size_t i = 0; all < 0 && i < len; i += LOOK)
        if (!is_there(f, at + (int64_t)i))
            return false;
    return all != 0 && (len == 0 || is_there(f, at + (int64_t)len - 1));
}

/* sendfile(2) has no MSG_NOSIGNAL: a socket whose peer has gone would end the process by SIGPIPE.
 * On helper threads, which make it for a copy, all signals are blocked. */
int64_t weir__file_send(struct weir_file *f, int64_t at, size_t len, int socket) {
    static const struct timespec at_once = {0, 0};
    struct weir__call c = {.verb = WEIR__SENDFILE, .fd = f->fd, .to_fd = socket, .at = at,
                           .len = len};
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    int64_t n = weir__verb_call(&c);
    bool raised = n == -EPIPE && !sigismember(&before, SIGPIPE) && sigpending(&pending) == 0 &&
                  sigismember(&pending, SIGPIPE);
    while (raised && sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR)
        ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}
