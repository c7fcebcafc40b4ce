/* SPDX-License-Identifier: MIT */
/* direct.c - see direct.h. */
#include "sys/direct.h"

#include <errno.h>

#include "sys/limits.h"
#include "sys/message.h"
#include "sys/plain.h"

int weir__direct_init(struct weir__direct *d) {
    weir__list_init(&d->ready);
    d->turn_bytes = weir__sys_limits.turn_bytes;
    d->spill_size = weir__sys_limits.spill_size;
    return weir__bufs_init(&d->bufs);
}

void weir__direct_fini(struct weir__direct *d) {
    weir__bufs_fini(&d->bufs);
}

void weir__direct_attach(struct weir__direct_file *f, struct weir__file *file, bool steady) {
    weir__list_init(&f->link);
    f->file = file;
    f->in = false;
    f->steady = steady;
    f->short_reads = 0;
}

bool weir__direct_is_tcp(int fd) {
    int protocol = 0;
    socklen_t len = sizeof protocol;
    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0
           && protocol == IPPROTO_TCP;
}

/* Update in and short_reads by the result of a read. drained: it may have emptied the socket. */
static inline int64_t learn(struct weir__direct *d, struct weir__direct_file *f, int64_t n,
                            size_t asked, bool drained) {
    if (n >= (int64_t)d->spill_size)
        f->short_reads = 0;
    else if (n > 0 && f->short_reads < UINT8_MAX)
        f->short_reads++;
    if (n == -EAGAIN || (n > 0 && (size_t)n < asked && f->steady && drained))
        f->in = false;
    return n;
}

static __attribute__((noinline)) int64_t read_exact(struct weir__direct *d,
                                                    struct weir__direct_file *f, void *buf,
                                                    size_t asked) {
    bool drained;
    int64_t n = weir__message_read(f->file->fd, buf, asked, &drained);
    return learn(d, f, n, asked, drained);
}

/* Of a TCP socket this is a part of each turn: inline, and all that is not TCP out of line. */
static inline __attribute__((always_inline)) int64_t read_some(struct weir__direct *d,
                                                               struct weir__direct_file *f,
                                                               void *buf, size_t asked) {
    if (__builtin_expect(f->file->exact, 0))
        return read_exact(d, f, buf, asked);
    return learn(d, f, weir__plain_recv(f->file->fd, buf, asked), asked, true);
}

/* The kernel's buffer may hold very many bytes: one call takes at most as many as a turn may
 * send. */
static int64_t into_caller(struct weir__direct *d, struct weir__direct_file *f,
                           struct weir__op *op) {
    size_t max = weir__sys_limits.turn_sent, len = op->u.bytes.len < max ? op->u.bytes.len : max;
    return read_some(d, f, op->u.bytes.base, len);
}

static int64_t into_lent(struct weir__direct *d, struct weir__direct_file *f,
                         struct weir__op *op, bool starved) {
    struct weir__lent lent;
    int rc = starved ? weir__bufs_heap(&d->bufs, d->spill_size, &lent)
                     : weir__bufs_take(&d->bufs, &lent);
    if (rc != 0)
        return rc;
    int64_t n = read_some(d, f, lent.base, lent.len);
    if (n <= 0) {
        weir__bufs_put(&d->bufs, &lent);
        return n;
    }
    weir__bufs_shrink(&d->bufs, &lent, (uint32_t)n);
    op->u.lent = lent;
    return n;
}

static int64_t accept_one(struct weir__direct_file *f, struct weir__op *op) {
    int64_t n = weir__plain_accept(f->file->fd, op->u.accept.ret_peer, SOCK_NONBLOCK);
    if (n == -EAGAIN)
        f->in = false;
    return n;
}

/* Fewer messages than there was room for: the kernel found no more, or an error, which it reports
 * at the next call. An error is an event that makes the file unsteady (the backends see to that),
 * until a call has read the socket empty. */
static __attribute__((noinline)) int64_t messages(struct weir__direct_file *f,
                                                  struct weir__op *op) {
    int64_t n = weir__message_recv(op);
    if (n == -EAGAIN || (n > 0 && n < op->u.message.count && f->steady))
        f->in = false;
    f->steady |= n == -EAGAIN;
    return n;
}

int64_t weir__direct_message(struct weir__direct_file *f, struct weir__op *op) {
    return f->in ? messages(f, op) : -EAGAIN;
}

void weir__direct_begin(struct weir__direct *d) {
    d->accepts_left = weir__sys_limits.turn_accepts;
}

int64_t weir__direct_accept(struct weir__direct *d, struct weir__direct_file *f,
                            struct weir__op *op) {
    if (!f->in || d->accepts_left == 0)
        return -EAGAIN;
    d->accepts_left--;
    return accept_one(f, op);
}

static int64_t serve(struct weir__direct *d, struct weir__direct_file *f, struct weir__op *op,
                     bool starved) {
    if (__builtin_expect(op->kind == WEIR__RECV, 1))
        return into_lent(d, f, op, starved);
    switch (op->kind) {
    case WEIR__RECV_INTO:
        return into_caller(d, f, op);
    case WEIR__RECVMSG:
        return messages(f, op);
    default:
        return accept_one(f, op);
    }
}

static int64_t bytes_of(const struct weir__op *op, int64_t n) {
    if (n <= 0)
        return 0;
    if (__builtin_expect(op->kind == WEIR__RECV, 1))
        return n;
    if (op->kind == WEIR__ACCEPT)
        return 0;
    return op->kind == WEIR__RECVMSG ? (int64_t)weir__message_bytes(op, n) : n;
}

/* If a turn begins without a free buffer, although every task has run since the last turn, slow
 * users hold all buffers. Then pieces are received into small buffers on the heap, one for each
 * file. */
void weir__direct_turn(struct weir__direct *d, struct weir__fifo *done) {
    bool starved = d->bufs.free_count == 0;
    int64_t bytes = 0;
    uint32_t calls = d->bufs.count;
    while (!weir__list_empty(&d->ready) && bytes < d->turn_bytes && calls-- > 0) {
        struct weir__direct_file *f =
            WEIR_CONTAINER(d->ready.next, struct weir__direct_file, link);
        struct weir__op *op = f->file->reader;
        WEIR_CHECK(op != NULL);
        int64_t n = serve(d, f, op, starved);
        if (n == -ENOBUFS)
            return; /* the file keeps its place in the list */
        weir__list_remove(&f->link);
        if (n == -EAGAIN)
            continue; /* the next event puts it into the list again */
        f->file->reader = NULL;
        weir__op_complete(done, op, n);
        bytes += bytes_of(op, n);
    }
}
