/* SPDX-License-Identifier: MIT */
/* datagram.h - the socket behind weir/datagram.h, as the files of this room share it.
 *
 * After close the object lives until the backend has let go of its file and all tasks inside have
 * left. */
#ifndef WEIR_DATAGRAM_DATAGRAM_H
#define WEIR_DATAGRAM_DATAGRAM_H

#include <sys/uio.h>
#include <weir/datagram.h>

#include "task/task.h"

struct weir_dgram {
    struct weir__loop *loop;
    struct weir__file file;
    struct weir__op op; /* CLOSE */
    uint16_t family;
    bool receiving, closed, gone, given;
    unsigned inside; /* tasks in calls */
};

/* A receive of one datagram. */
struct weir__dgram_one {
    struct iovec v;
    struct mmsghdr m;
    struct weir__op op;
};

/* The same without a task. o->op.wake is set; it is called by the loop when PENDING was returned.
 * Then, or at once after DONE, weir__dgram_asked says what has come: its length, or an error. A
 * pending ask keeps d, also when it is closed. Unask as weir__cancel. */
int weir__dgram_ask(struct weir_dgram *d, struct weir__dgram_one *o, void *buf, size_t size,
                    void (*wake)(struct weir__op *op));
int64_t weir__dgram_asked(struct weir_dgram *d, struct weir__dgram_one *o);
int weir__dgram_unask(struct weir_dgram *d, struct weir__dgram_one *o);

extern const struct weir__what weir__dgram_reads, weir__dgram_writes;

/* The cancel point, and the checks of a call that may wait. Returns 0 or an error. If it is 0, the
 * call ends with weir__dgram_leave. */
int weir__dgram_enter(struct weir_dgram *d, const char *what);
/* rc, or WEIR_ECLOSED if d was closed meanwhile: then d may be gone. */
ssize_t weir__dgram_leave(struct weir_dgram *d, int64_t rc, const char *what);

/* Wait for room after the tries-th send in a row that found none. Returns 0 or an error. */
int weir__dgram_wait_room(struct weir_dgram *d, unsigned tries);

/* The receiver of a datagram as the socket wants it: *mapped is used for an address of IPv4 on a
 * socket of IPv6. And a sender as the program wants it. */
void weir__dgram_name(const struct weir_dgram *d, const struct weir_addr *to,
                      struct sockaddr_in6 *mapped, struct msghdr *m);
void weir__dgram_sender(struct weir_addr *from, socklen_t len);

#endif
