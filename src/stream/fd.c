/* SPDX-License-Identifier: MIT */
/* fd.c - any descriptor: wait for it, or make a stream of it.
 *
 * The descriptor may be blocking, and its flags may be shared with other processes (a terminal), so
 * they are left alone. Each read or write is first tried in a way that never blocks; if nothing can
 * be had, readiness is awaited. For some descriptors there is no such try: a helper thread waits
 * for them. For the backend the file is foreign (it only waits for readiness) until it is
 * closed. */
#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/time.h"
#include "stream/detached.h"
#include "stream/fd_inside.h"
#include "sys/fds.h"
#include "sys/verb.h"
#include "sys/foreign.h"
#include "sys/modes.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

enum {
    IN_VAIN_MS = 5,   /* see try_later */
    BACKGROUND_MS = 200
};

static const struct weir__what waits_fd = {.text = "wait_fd", .kind = WEIR__ON_FD};

int weir_wait_fd(int fd, int events) {
    int rc = weir__suspend_enter("wait_fd");
    if (rc < 0)
        return rc;
    if (events == 0 || (events & ~(POLLIN | POLLOUT | POLLPRI)) != 0)
        return weir__failf(-EINVAL, "wait for a descriptor", NULL, "no event to wait for");
    struct weir__op op = {.kind = WEIR__POLL, .u.poll = {fd, (short)events}};
    int64_t n = weir__op_await(&op, &waits_fd, &fd);
    if (n >= 0 && (n & POLLNVAL) != 0)
        n = -EBADF;
    return n < 0 ? weir__fail((int)n, "wait for a descriptor", NULL) : (int)n;
}

/* Wait until poll reports one of events. Returns 0 or an error. */
static int ready(struct descriptor *d, short events) {
    int rc = weir_cancelled();
    if (rc < 0)
        return rc;
    if (d->stream.closed)
        return -ECANCELED;
    struct weir__op op = {
        .kind = WEIR__POLL, .file = &d->file, .u.poll = {d->file.fd, events}};
    int64_t n = weir__op_await(&op, events == POLLIN ? &weir__reads : &weir__writes, &d->stream);
    return n < 0 ? (int)n : d->stream.closed ? -ECANCELED : 0;
}

/* The tries-th try in a row failed with EAGAIN: wait until the descriptor is ready. If poll
 * reported it as ready and the next try failed again, that may go on for long (no helper thread
 * could be started, or an eventfd has room, but not for this number): then wait a moment first, or
 * the loop would do nothing else. No signal says that a program in the background of its terminal
 * has come to the foreground: so it looks every BACKGROUND_MS. */
static int try_later(struct descriptor *d, short events, unsigned tries) {
    int pause_ms = tries < 2 ? 0 : IN_VAIN_MS;
    if (pause_ms > 0 && events == POLLIN && weir__foreign_in_background(d->file.fd)) {
        pause_ms = BACKGROUND_MS;
        if (tries == 2)
            weir__log(WEIR_LOG_WARNING,
                      "the program is in the background of its terminal: what is typed there is "
                      "read when it comes to the foreground");
    }
    int rc = pause_ms > 0 ? weir_sleep(WEIR_MILLISECONDS(pause_ms)) : 0;
    return rc < 0 ? rc : ready(d, events);
}

/* A descriptor that is always ready (a file, a pipe with a fast peer) never waits, so other tasks
 * could not run: count its bytes instead. Returns 0 or an error. */
static int breathe(struct descriptor *d, size_t *moved) {
    size_t len = *moved;
    *moved = 0;
    if (!weir__breathe_bytes(len))
        return 0;
    int rc = weir_cancelled();
    return rc == 0 && d->stream.closed ? -ECANCELED : rc;
}

static int64_t call_file(struct descriptor *d, bool writes, void *buf, size_t len) {
    struct weir__call c = weir__descriptor_call(d, writes, buf, len);
    struct weir__op op = {.kind = WEIR__FILE_OP, .u.call = &c};
    if (d->stream.closed)
        return -ECANCELED;
    d->calls++;
    int64_t n = weir__op_await(&op, writes ? &weir__writes : &weir__reads, &d->stream);
    if (--d->calls == 0 && d->stream.closed)
        weir__descriptor_close_file(d);
    return n;
}

static int64_t try_once(struct descriptor *d, enum weir__op_kind kind, void *buf, size_t len) {
    bool writes = kind == WEIR__WRITE_FD;
    if (d->access == (writes ? O_RDONLY : O_WRONLY))
        return -EBADF;
    int rc = breathe(d, &d->moved[writes]);
    if (rc < 0)
        return rc;
    struct weir__op op = {
        .kind = (uint8_t)kind, .file = &d->file, .u.bytes = {.base = buf, .len = len}};
    int64_t n = d->is_file ? call_file(d, writes, buf, len) : weir__op_now(d->stream.loop, &op);
    d->moved[writes] += n > 0 ? (size_t)n : 0;
    return weir__descriptor_meant(d, writes, n);
}

static int64_t read_once(struct descriptor *d, void *buf, size_t len) {
    struct weir__fd_slot *slot = &d->slots[0];
    int64_t n = slot->job == NULL ? try_once(d, WEIR__READ_FD, buf, len) : -EOPNOTSUPP;
    return n == -EOPNOTSUPP ? weir__fd_job_read(slot, &d->stream, d->file.fd, buf, len) : n;
}

static int64_t descriptor_recv_into(struct weir_stream *s, void *buf, size_t len) {
    struct descriptor *d = descriptor_of(s);
    for (unsigned tries = 1;; tries++) {
        int64_t n = read_once(d, buf, len);
        if (n != -EAGAIN)
            return n;
        int rc = try_later(d, POLLIN, tries);
        if (rc < 0)
            return rc;
    }
}

/* The piece is allocated only while it has bytes: an idle descriptor has no buffer. */
static int64_t descriptor_recv(struct weir_stream *s, struct weir__lent *ret_lent) {
    struct descriptor *d = descriptor_of(s);
    for (unsigned tries = 1;; tries++) {
        uint8_t *piece = weir__alloc(DESCRIPTOR_PIECE);
        if (piece == NULL)
            return -ENOMEM;
        int64_t n = read_once(d, piece, DESCRIPTOR_PIECE);
        if (n > 0) {
            *ret_lent = (struct weir__lent){piece, (uint32_t)n, 1};
            return n;
        }
        weir__free(piece);
        if (n != -EAGAIN)
            return n;
        int rc = try_later(d, POLLIN, tries);
        if (rc < 0)
            return rc;
    }
}

static void descriptor_release(struct weir_stream *s, struct weir__lent *lent) {
    weir__free(lent->base);
    lent->token = 0;
}

static int descriptor_send(struct weir_stream *s, const void *buf, size_t len,
                           size_t *ret_done) {
    struct descriptor *d = descriptor_of(s);
    *ret_done = 0;
    for (unsigned tries = 1;; tries++) {
        char *rest = (char *)(uintptr_t)buf + *ret_done;
        size_t taken = 0;
        int64_t n = try_once(d, WEIR__WRITE_FD, rest, len - *ret_done);
        if (n == -EOPNOTSUPP)
            n = weir__fd_job_write(&d->slots[1], s, d->file.fd, rest, len - *ret_done, &taken);
        *ret_done += taken;
        if (n < 0 && n != -EAGAIN)
            return (int)n;
        *ret_done += n > 0 ? (size_t)n : 0;
        tries = n > 0 ? 0 : tries;
        if (*ret_done == len)
            return 0;
        int rc = n > 0 ? 0 : try_later(d, POLLOUT, tries);
        if (rc < 0)
            return rc;
    }
}

/* ---- writes outside a task ---- */

/* How a put goes on: each try moves what it can. If it can move nothing, one of these ends that
 * wait, and the next try follows:
 *   the op POLL                 the descriptor is ready
 *   the op FILE_OP              a call on a file has ended, with a count of its own
 *   the timer, then the POLL    poll was wrong (see try_later)
 *   the waiter, in slots[1]     a job on a helper thread has ended */
enum put_wait { PUT_POLLS, PUT_CALLS, PUT_SLEEPS, PUT_JOBS };

static int put_goes_on(struct descriptor *d, struct weir__put *p);

static void put_took(struct weir__put *p, size_t n) {
    p->done += n;
    p->tries = 0;
    p->vec->iov_base = (uint8_t *)p->vec->iov_base + n;
    p->vec->iov_len -= n;
    if (p->vec->iov_len == 0)
        p->vec++, p->count--;
}

static int put_ends(struct weir__put *p, int64_t rc) {
    p->result = rc;
    return WEIR__DONE;
}

static void put_next(struct weir__put *p) {
    if (put_goes_on(descriptor_of(p->stream), p) == WEIR__DONE)
        p->wake(p);
}

/* A call on a file, or a wait, has returned n. */
static int put_came(struct descriptor *d, struct weir__put *p, int64_t n) {
    bool is_call = p->op.kind == WEIR__FILE_OP;
    if (is_call && --d->calls == 0 && d->stream.closed)
        weir__descriptor_close_file(d);
    n = is_call ? weir__descriptor_meant(d, true, n) : n;
    if (n < 0)
        return put_ends(p, n);
    if (is_call)
        put_took(p, (size_t)n);
    return WEIR__PENDING;
}

static void put_op_ended(struct weir__op *op) {
    struct weir__put *p = WEIR_CONTAINER(op, struct weir__put, op);
    if (put_came(descriptor_of(p->stream), p, op->result) == WEIR__DONE)
        p->wake(p);
    else
        put_next(p);
}

/* Returns WEIR__DONE if it has ended at once: the next try may follow. */
static int put_polls(struct descriptor *d, struct weir__put *p) {
    p->put_wait = PUT_POLLS;
    p->op = (struct weir__op){.kind = WEIR__POLL,
                              .file = &d->file,
                              .wake = put_op_ended,
                              .u.poll = {d->file.fd, POLLOUT}};
    return weir__submit(d->stream.loop->backend, &p->op);
}

static void put_slept(struct weir__timer *t) {
    struct weir__put *p = WEIR_CONTAINER(t, struct weir__put, timer);
    struct descriptor *d = descriptor_of(p->stream);
    if (d->stream.closed)
        p->wake(p);
    else if (put_polls(d, p) == WEIR__DONE)
        put_op_ended(&p->op);
}

/* The try has failed with EAGAIN: see try_later. */
static int put_waits(struct descriptor *d, struct weir__put *p) {
    if (++p->tries < 3)
        return put_polls(d, p);
    struct weir__loop *l = d->stream.loop;
    p->put_wait = PUT_SLEEPS;
    p->result = -ECANCELED; /* if the stream is closed meanwhile */
    weir__timer_init(&p->timer, put_slept);
    weir__timer_arm(l->timers, &p->timer,
                    weir__deadline(weir__loop_now(l), WEIR_MILLISECONDS(IN_VAIN_MS)));
    return WEIR__PENDING;
}

static int put_calls(struct descriptor *d, struct weir__put *p) {
    d->put_call = weir__descriptor_call(d, true, p->vec->iov_base, p->vec->iov_len);
    p->put_wait = PUT_CALLS;
    p->op = (struct weir__op){
        .kind = WEIR__FILE_OP, .wake = put_op_ended, .u.call = &d->put_call};
    d->calls++;
    return weir__submit(d->stream.loop->backend, &p->op);
}

static void put_job_ended(struct weir__waiter *w) {
    struct weir__put *p = WEIR_CONTAINER(w, struct weir__put, waiter);
    int64_t n = weir__fd_job_written(&descriptor_of(p->stream)->slots[1]);
    if (n < 0 && n != -EAGAIN)
        put_ends(p, n);
    else if (n > 0)
        put_took(p, (size_t)n);
    if (n < 0 && n != -EAGAIN)
        p->wake(p);
    else
        put_next(p);
}

/* Returns WEIR__DONE, p has ended: the job could not be begun. */
static int put_jobs(struct descriptor *d, struct weir__put *p) {
    int rc = weir__fd_job_begin(&d->slots[1], d->file.fd, p->vec->iov_base, p->vec->iov_len);
    if (rc < 0)
        return put_ends(p, rc);
    p->put_wait = PUT_JOBS;
    p->waiter = (struct weir__waiter){.granted = put_job_ended};
    weir__waitq_add(&d->slots[1].waiting, &p->waiter);
    return WEIR__PENDING;
}

/* One try, without waiting. */
static int64_t put_try(struct descriptor *d, struct weir__put *p) {
    struct weir__op op = {.kind = WEIR__WRITE_FD,
                          .file = &d->file,
                          .u.bytes = {.base = p->vec->iov_base, .len = p->vec->iov_len}};
    return weir__descriptor_meant(d, true, weir__op_now(d->stream.loop, &op));
}

/* Until all is written, something must be waited for, or an error ends it. */
static int put_goes_on(struct descriptor *d, struct weir__put *p) {
    while (p->count > 0) {
        if (d->stream.closed)
            return put_ends(p, -ECANCELED);
        int state = WEIR__DONE;
        int64_t n = d->is_file ? 0 : put_try(d, p);
        if (n == -EOPNOTSUPP)
            return put_jobs(d, p);
        if (n < 0 && n != -EAGAIN)
            return put_ends(p, n);
        if (n > 0)
            put_took(p, (size_t)n);
        else
            state = d->is_file ? put_calls(d, p) : put_waits(d, p);
        if (state == WEIR__PENDING)
            return state;
        if (n <= 0 && put_came(d, p, p->op.result) == WEIR__DONE)
            return WEIR__DONE;
    }
    return put_ends(p, 0);
}

static int descriptor_put(struct weir_stream *s, struct weir__put *p) {
    struct descriptor *d = descriptor_of(s);
    p->stream = s;
    p->done = 0;
    p->tries = 0;
    return d->access == O_RDONLY ? put_ends(p, -EBADF) : put_goes_on(d, p);
}

static int descriptor_unput(struct weir_stream *s, struct weir__put *p) {
    struct descriptor *d = descriptor_of(s);
    if (p->put_wait == PUT_SLEEPS) {
        weir__timer_disarm(s->loop->timers, &p->timer);
    } else if (p->put_wait == PUT_JOBS) {
        weir__waiter_remove(&p->waiter);
        p->done += weir__fd_job_leave(&d->slots[1]);
    } else if (weir__cancel(s->loop->backend, &p->op) == WEIR__PENDING) {
        return WEIR__PENDING;
    } else if (put_came(d, p, p->op.result) == WEIR__DONE) {
        return WEIR__DONE;
    }
    return put_ends(p, p->count == 0 ? 0 : -ECANCELED);
}

static int64_t descriptor_try_send(struct weir_stream *s, const void *buf, size_t len) {
    struct descriptor *d = descriptor_of(s);
    struct weir__op op = {.kind = WEIR__WRITE_FD,
                          .file = &d->file,
                          .u.bytes = {.base = (void *)(uintptr_t)buf, .len = len}};
    if (d->access == O_RDONLY)
        return -EBADF;
    return weir__descriptor_meant(d, true, weir__op_now(s->loop, &op));
}

static int descriptor_wait_room(struct weir_stream *s) {
    struct descriptor *d = descriptor_of(s);
    return d->access == O_RDONLY ? -EBADF : ready(d, POLLOUT);
}

/* Of a socket. The kernel has no such number of a pipe. */
static int64_t descriptor_unacked(struct weir_stream *s) {
    struct weir__op op = {.kind = WEIR__UNACKED, .file = &descriptor_of(s)->file};
    return weir__op_now(s->loop, &op);
}

static int descriptor_fd(const struct weir_stream *s) {
    return ((const struct descriptor *)(const void *)s)->file.fd;
}

/* Only sockets have a half-close. */
static int descriptor_shutdown(struct weir_stream *s) {
    struct weir__op op = {
        .kind = WEIR__SHUTDOWN, .file = &descriptor_of(s)->file, .u.number = SHUT_WR};
    int rc = (int)weir__op_now(s->loop, &op);
    return rc == -ENOTSOCK ? -EOPNOTSUPP : rc;
}

/* A read or write that was cancelled may still go on, on a helper thread. A terminal in raw mode,
 * and a kind with a state of its own, have something to undo at close: they stay. */
static int64_t descriptor_detach(struct weir_stream *s, struct weir__op *op,
                                 struct weir_detached *d) {
    struct descriptor *x = descriptor_of(s);
    if (x->slots[0].job != NULL || x->slots[1].job != NULL)
        return -EBUSY;
    if (x->tty != 0 || x->of->state_size > 0 || x->of->closing != NULL)
        return -EOPNOTSUPP;
    d->of = x->of;
    op->file = &x->file;
    return weir__detach_await(s, op);
}

static void descriptor_close(struct weir_stream *s) {
    struct descriptor *d = descriptor_of(s);
    weir__stream_drop(s);
    weir__fd_job_drop(&d->slots[0]);
    weir__fd_job_drop(&d->slots[1]);
    weir__descriptor_ask_closed(d);
    if (d->tty != 0)
        weir__tty_restore(d->tty);
    if (d->of->closing != NULL)
        d->of->closing(d->state, d->file.fd);
    if (d->calls == 0)
        weir__descriptor_close_file(d);
}

static void descriptor_leave(struct weir_stream *s) {
    weir__fd_close_copy(descriptor_of(s)->file.fd, false);
}

static void descriptor_address(struct weir_stream *s, bool peer, char *ret_text) {
    struct descriptor *d = descriptor_of(s);
    if (d->of->describe != NULL)
        d->of->describe(d->state, ret_text);
    else if (d->of->name != NULL)
        snprintf(ret_text, WEIR__NAME_TEXT, "%s", d->of->name);
    else
        snprintf(ret_text, WEIR__NAME_TEXT, "fd:%d", d->file.fd);
}

static const struct weir__stream_kind descriptor_kind = {
    .place = {.fd_at = offsetof(struct descriptor, file.fd)},
    .name = "descriptor",
    .recv = descriptor_recv,
    .release = descriptor_release,
    .ask = weir__descriptor_ask,
    .unask = weir__descriptor_unask,
    .recv_into = descriptor_recv_into,
    .send = descriptor_send,
    .put = descriptor_put,
    .unput = descriptor_unput,
    .try_send = descriptor_try_send,
    .wait_room = descriptor_wait_room,
    .shutdown = descriptor_shutdown,
    .unacked = descriptor_unacked,
    .fd = descriptor_fd,
    .detach = descriptor_detach,
    .close = descriptor_close,
    .leave = descriptor_leave,
    .address = descriptor_address,
};

static int open_descriptor(struct weir__loop *l, int fd, const struct weir__fd_kind *kind,
                           struct weir_stream **ret_stream) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -EBADF;
    struct descriptor *d = weir__alloc_zero(sizeof *d + kind->state_size);
    if (d == NULL)
        return -ENOMEM;
    weir__stream_init(&d->stream, &descriptor_kind, l);
    d->file.fd = fd;
    d->file.foreign = true;
    d->file.own = kind->is_own;
    d->access = flags & O_ACCMODE;
    d->is_file = !l->backend->simulated && weir__verb_is_on_disk(fd);
    d->direct = (flags & O_DIRECT) != 0;
    d->syncs = (flags & (O_SYNC | O_DSYNC)) != 0;
    d->of = kind;
    struct weir__op op = {.kind = WEIR__ATTACH, .file = &d->file};
    int rc = (int)weir__op_now(l, &op);
    if (rc < 0) {
        weir__free(d);
        return rc;
    }
    *ret_stream = &d->stream;
    return 0;
}

int weir__descriptor_again(struct weir__loop *l, const struct weir_detached *d,
                           struct weir_stream **ret_stream) {
    return open_descriptor(l, d->fd, d->of, ret_stream);
}

int weir__stream_of_fd(int fd, const struct weir__fd_kind *kind, const char *call, const void *pc,
                       struct weir_stream **ret_stream) {
    struct weir__loop *l = weir__loop();
    struct weir_stream *s;
    if (l == NULL)
        return weir__no_loop(call);
    int rc = open_descriptor(l, fd, kind, &s);
    if (rc < 0) {
        char text[WEIR__NAME_TEXT];
        snprintf(text, sizeof text, "fd:%d", fd);
        return weir__fail(rc, call, text);
    }
    weir__stream_give(s, ret_stream);
    weir__stream_remember(s, pc);
    return 0;
}

void *weir__stream_fd_state(struct weir_stream *s, const struct weir__fd_kind *kind) {
    bool is_such = s->kind == &descriptor_kind && descriptor_of(s)->of == kind;
    return is_such ? descriptor_of(s)->state : NULL;
}

int *weir__stream_fd_tty(struct weir_stream *s) {
    return s->kind == &descriptor_kind ? &descriptor_of(s)->tty : NULL;
}

int weir_stream_from_fd(int fd, struct weir_stream **ret_stream) {
    static const struct weir__fd_kind any = {0};
    return weir__stream_of_fd(fd, &any, "stream from a descriptor", __builtin_return_address(0),
                              ret_stream);
}
