/* SPDX-License-Identifier: MIT */
/* fd_job.h - a read or a write that may block, on a helper thread: for descriptors that the backend
 * cannot read or write without the risk of blocking (sys/foreign.h). If the call is cancelled, the
 * job goes on, and the next call gets what it has read. */
#ifndef WEIR_STREAM_FD_JOB_H
#define WEIR_STREAM_FD_JOB_H

#include "stream/stream.h"
#include "task/waitq.h"

struct weir__fd_slot { /* in the stream, one for each direction; zero at first */
    struct weir__fd_job *job;
    struct weir__waitq waiting;
};

/* Read or write by the job in the slot; without one, begin one. Suspends. s: named in messages.
 * Returns a count, 0 at end of stream, an error of the descriptor, -ECANCELED (also: the stream was
 * closed), -ETIME, -ENOMEM, -EAGAIN, -EMFILE. *ret_taken, if a write is cut short: how many bytes
 * the job may have written, or may still write. */
int64_t weir__fd_job_read(struct weir__fd_slot *slot, struct weir_stream *s, int fd, void *buf,
                          size_t len);
int64_t weir__fd_job_write(struct weir__fd_slot *slot, struct weir_stream *s, int fd,
                           const void *buf, size_t len, size_t *ret_taken);

/* A read outside a task: begin the job with buf NULL. Take what it has read. Returns a count, with
 * the bytes in buf; 0 at end of stream; an error; -EOPNOTSUPP: it has not ended. */
int64_t weir__fd_job_taken(struct weir__fd_slot *slot, void *buf, size_t len);

/* A write outside a task. Begin the job, of the first bytes of buf, which are copied; its end
 * grants slot->waiting. Returns 0; -ENOMEM, -EAGAIN, -EMFILE. Then take its result: a count, or an
 * error; -ECANCELED if the stream was closed. Or leave it: returns how many bytes it may have
 * written, or may still write. */
int weir__fd_job_begin(struct weir__fd_slot *slot, int fd, const void *buf, size_t len);
int64_t weir__fd_job_written(struct weir__fd_slot *slot);
size_t weir__fd_job_leave(struct weir__fd_slot *slot);

/* The stream is closed: give up the job, if there is one, finished or not. A call that waits for it
 * returns. */
void weir__fd_job_drop(struct weir__fd_slot *slot);

#endif
