/* SPDX-License-Identifier: MIT */
/* epoll_backend.h - what the files of the epoll backend share. Not for other rooms. (Without
 * _backend in its name it would hide the system's <sys/epoll.h>, because of -Isrc.) */
#ifndef WEIR_SYS_EPOLL_BACKEND_H
#define WEIR_SYS_EPOLL_BACKEND_H

#include <sys/epoll.h>

#include "sys/direct.h"
#include "sys/helpers.h"
#include "sys/writers.h"

enum { WEIR__EPOLL_EVENTS = 128 }; /* in one call: 1.5 KiB, and enough to make the call cheap */

struct epoll_backend {
    struct weir__backend base;
    int epfd;
    bool no_pwait2;
    unsigned turns_unpolled;
    struct weir__fifo done;
    struct weir__direct direct;
    struct weir__writers writers;
    struct weir__slots sources; /* struct epoll_source, by epoll_event.data */
    struct weir__helpers helpers;
    struct epoll_event events[WEIR__EPOLL_EVENTS];
    char why[160];
};

struct epoll_source {
    bool is_poll; /* a struct poll_wait; else a struct epoll_file */
};

struct epoll_file { /* lives in weir__file.priv */
    struct epoll_source source;
    bool registered, room, has_polls; /* room: registered for it too */
    uint64_t handle;
    struct weir__direct_file direct;
};

_Static_assert(sizeof(struct epoll_file) <= sizeof(((struct weir__file *)0)->priv),
               "an epoll file must fit into weir__file");

static inline struct epoll_file *weir__epoll_file(struct weir__file *file) {
    return (struct epoll_file *)(void *)file->priv;
}

int weir__epoll_open_because(const char *because, struct weir__backend **ret_backend,
                             const char **ret_why);

/* epoll_poll.c: the op POLL. */
int weir__epoll_poll_submit(struct epoll_backend *b, struct weir__op *op);
void weir__epoll_poll_event(struct epoll_backend *b, struct epoll_source *s, uint32_t events);
/* An edge of a descriptor of our own. */
void weir__epoll_own_event(struct epoll_backend *b, struct weir__file *file, uint32_t events);
int weir__epoll_poll_cancel(struct epoll_backend *b, struct weir__op *op);
bool weir__epoll_poll_has(const struct epoll_backend *b, const struct weir__file *file);
void weir__epoll_poll_close(struct epoll_backend *b, struct weir__file *file);

#endif
