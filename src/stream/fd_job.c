/* SPDX-License-Identifier: MIT */
/* fd_job.c - see fd_job.h. The loop and the helper thread hold one reference to a job each; the
 * job is freed with the last. The thread reads or writes a duplicate of the descriptor, so the
 * stream may be closed while the thread waits. */
#include "stream/fd_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sys/fds.h"
#include "sys/foreign.h"

enum { PIECE = 4 << 10 }; /* what a terminal gives at once */

struct weir__fd_job {
    struct weir__op op;
    struct weir__fd_slot *slot; /* NULL: dropped */
    _Atomic int holders;
    int fd;
    bool writes, over, begun;
    size_t len, at; /* at: how many bytes of a read the calls have got so far */
    int64_t result;
    uint8_t bytes[PIECE];
};

static void let_go(struct weir__fd_job *j) {
    if (atomic_fetch_sub_explicit(&j->holders, 1, memory_order_acq_rel) > 1)
        return;
    close(j->fd);
    weir__free(j);
}

static int work(void *arg) { /* on the helper thread */
    struct weir__fd_job *j = arg;
    int64_t n;
    j->begun = true;
    do {
        if (j->writes)
            n = weir__foreign_write_waiting(j->fd, j->bytes, j->len);
        else
            n = (n = read(j->fd, j->bytes, j->len)) < 0 ? -errno : n;
    } while (n == -EINTR);
    if (n == -EIO && !j->writes && weir__foreign_in_background(j->fd))
        n = -EAGAIN; /* helper threads block SIGTTIN, as all signals */
    let_go(j);
    return (int)n;
}

static void ended(struct weir__op *op) {
    struct weir__fd_job *j = WEIR_CONTAINER(op, struct weir__fd_job, op);
    j->over = true;
    j->result = op->result;
    if (!j->begun)
        let_go(j); /* no thread ran it: drop the thread's reference too */
    if (j->slot != NULL) {
        weir__waitq_grant(&j->slot->waiting);
        return;
    }
    weir__loop()->hidden--;
    let_go(j);
}

static int begin(struct weir__fd_slot *slot, int fd, const void *bytes, size_t len) {
    struct weir__fd_job *j = weir__alloc(sizeof *j);
    if (j == NULL)
        return -ENOMEM;
    memset(j, 0, offsetof(struct weir__fd_job, bytes));
    j->fd = weir__fd_lift(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (j->fd < 0) {
        int rc = j->fd;
        weir__free(j);
        return rc;
    }
    j->writes = bytes != NULL;
    j->len = len < PIECE ? len : PIECE;
    if (j->writes)
        memcpy(j->bytes, bytes, j->len);
    char name[32];
    snprintf(name, sizeof name, "%s fd %d", j->writes ? "writing" : "reading", fd);
    const struct weir__work_by by = {.task = name};
    atomic_init(&j->holders, 2);
    j->op = (struct weir__op){.kind = WEIR__WORK,
                              .wake = ended,
                              .u.work = {.fn = work, .arg = j, .abandon = true, .is_file = true}};
    j->op.u.work.by = &by; /* until it is submitted */
    if (weir__submit(weir__loop()->backend, &j->op) == WEIR__DONE) { /* refused */
        int rc = (int)j->op.result;
        atomic_init(&j->holders, 1);
        let_go(j);
        return rc;
    }
    j->slot = slot;
    slot->job = j;
    return 0;
}

static int await(struct weir__fd_slot *slot, struct weir_stream *s, const struct weir__what *what) {
    while (slot->job != NULL && !slot->job->over) {
        int rc = (int)weir__waitq_wait(&slot->waiting, NULL, what, s);
        if (rc < 0)
            return rc;
    }
    return slot->job != NULL ? 0 : -ECANCELED; /* dropped: the stream was closed */
}

/* Take the job out of its slot. Returns whether a thread has run it, or still runs it. */
static bool drop(struct weir__fd_slot *slot) {
    struct weir__fd_job *j = slot->job;
    slot->job = NULL;
    j->slot = NULL;
    bool has_run = true;
    if (!j->over && weir__cancel(weir__loop()->backend, &j->op) == WEIR__PENDING) {
        weir__loop()->hidden++; /* it has just ended: the run waits for its wake, which frees it */
        return true;
    }
    if (!j->over && j->op.result != -EINPROGRESS) {
        has_run = false;
        let_go(j); /* no thread will run it: drop the thread's reference too */
    }
    let_go(j);
    return has_run;
}

int64_t weir__fd_job_taken(struct weir__fd_slot *slot, void *buf, size_t len) {
    struct weir__fd_job *j = slot->job;
    if (!j->over)
        return -EOPNOTSUPP;
    size_t left = j->result > 0 ? (size_t)j->result - j->at : 0, n = left < len ? left : len;
    memcpy(buf, j->bytes + j->at, n);
    j->at += n;
    int64_t rc = j->result > 0 ? (int64_t)n : j->result;
    if (n == left)
        drop(slot);
    return rc;
}

int weir__fd_job_begin(struct weir__fd_slot *slot, int fd, const void *buf, size_t len) {
    return begin(slot, fd, buf, len);
}

int64_t weir__fd_job_written(struct weir__fd_slot *slot) {
    if (slot->job == NULL)
        return -ECANCELED;
    int64_t n = slot->job->result;
    drop(slot);
    return n;
}

size_t weir__fd_job_leave(struct weir__fd_slot *slot) {
    size_t taken = slot->job != NULL ? slot->job->len : 0;
    return taken > 0 && drop(slot) ? taken : 0;
}

int64_t weir__fd_job_read(struct weir__fd_slot *slot, struct weir_stream *s, int fd, void *buf,
                          size_t len) {
    int64_t rc = slot->job == NULL ? begin(slot, fd, NULL, len) : 0;
    if (rc == 0)
        rc = await(slot, s, &weir__reads);
    if (rc < 0)
        return rc;
    return weir__fd_job_taken(slot, buf, len);
}

int64_t weir__fd_job_write(struct weir__fd_slot *slot, struct weir_stream *s, int fd,
                           const void *buf, size_t len, size_t *ret_taken) {
    *ret_taken = 0;
    int rc = begin(slot, fd, buf, len);
    if (rc < 0)
        return rc;
    size_t taken = slot->job->len;
    rc = await(slot, s, &weir__writes);
    if (rc == 0)
        return weir__fd_job_written(slot);
    if (slot->job == NULL || drop(slot))
        *ret_taken = taken;
    return rc;
}

void weir__fd_job_drop(struct weir__fd_slot *slot) {
    if (slot->job == NULL)
        return;
    drop(slot);
    weir__waitq_grant(&slot->waiting);
}
