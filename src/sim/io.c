/* SPDX-License-Identifier: MIT */
/* io.c - ops on simulated sockets: one try each, and going on when the socket has changed. */
#include <poll.h>

#include "base/alloc.h"
#include "base/check.h"
#include "sim/door.h"

/* ---- lists of ops ---------------------------------------------------------------------------- */

void weir__sim_ops_init(struct sim_ops *l) {
    l->head = NULL;
    l->tail = &l->head;
}

void weir__sim_ops_add(struct sim_ops *l, struct weir__op *op) {
    op->next = NULL;
    *l->tail = op;
    l->tail = &op->next;
}

void weir__sim_ops_remove(struct sim_ops *l, struct weir__op *op) {
    struct weir__op **at = &l->head;
    while (*at != NULL && *at != op)
        at = &(*at)->next;
    WEIR_CHECK(*at == op);
    *at = op->next;
    if (l->tail == &op->next)
        l->tail = at;
    op->next = NULL;
}

void weir__sim_complete(struct sim *b, struct weir__op *op, int64_t result) {
    op->result = result;
    op->state = READY;
    weir__sim_ops_add(&b->ready, op);
}

bool weir__sim_ops_have(const struct sim_ops *l, const struct weir__file *file) {
    for (const struct weir__op *op = l->head; op != NULL; op = op->next)
        if (op->file == file)
            return true;
    return false;
}

/* ---- ops on sockets -------------------------------------------------------------------------- */

struct sim_sock *weir__sim_sock_of(const struct sim *b, const struct weir__op *op) {
    struct sim_sock *s = weir__sim_sock_by_id(b->world, op->file->priv[0]);
    return s != NULL && s->file == op->file ? s : NULL;
}

static int64_t try_accept(struct sim_sock *s, struct weir__op *op) {
    struct sim_sock *child;
    int rc = weir__sim_accept(s, &child);
    if (rc < 0)
        return rc;
    if (op->u.accept.ret_peer != NULL && child->family == AF_UNIX)
        weir__sim_unix_addr(&child->peer_name, op->u.accept.ret_peer);
    else if (op->u.accept.ret_peer != NULL)
        weir__sim_addr_make(child->family, &child->peer_ip, child->peer_port,
                            op->u.accept.ret_peer);
    return weir__sim_sock_fd(child);
}

/* A read that takes bytes alone: descriptors that came with them are closed. */
int64_t weir__sim_read(struct sim_sock *s, void *buf, size_t len) {
    return weir__sim_recv(s, buf, weir__sim_unix_read(s, len));
}

/* Lend a piece of what has come. -ENOBUFS: all pieces are lent. */
static int64_t try_recv(struct sim *b, struct sim_sock *s, struct weir__op *op) {
    if (s->in.len == 0)
        return weir__sim_recv(s, NULL, 0);
    if (b->free_count == 0)
        return -ENOBUFS;
    uint32_t token = b->free_pieces[--b->free_count];
    uint8_t *base = b->pieces + (token - 1) * b->world->config.piece_size;
    int64_t n = weir__sim_read(s, base, b->world->config.piece_size);
    op->u.lent = (struct weir__lent){.base = base, .len = (uint32_t)n, .token = token};
    return n;
}

static int64_t try_send(struct sim_sock *s, struct weir__op *op) {
    do {
        int64_t n = weir__sim_send(s, (uint8_t *)op->u.bytes.base + op->u.bytes.done,
                                   op->u.bytes.len - op->u.bytes.done);
        if (n < 0)
            return n;
        op->u.bytes.done += (size_t)n;
    } while (op->u.bytes.done < op->u.bytes.len);
    return (int64_t)op->u.bytes.len;
}

static int64_t try_sendv(struct sim_sock *s, struct weir__op *op) {
    while (op->u.vector.count > 0) {
        struct iovec *v = op->u.vector.vec;
        int64_t n = weir__sim_send(s, v->iov_base, v->iov_len);
        if (n < 0)
            return n;
        op->u.vector.done += (size_t)n;
        v->iov_base = (uint8_t *)v->iov_base + n;
        v->iov_len -= (size_t)n;
        if (v->iov_len == 0) {
            op->u.vector.vec++;
            op->u.vector.count--;
        }
    }
    return (int64_t)op->u.vector.done;
}

int weir__sim_bind_to(struct sim_sock *s, const struct weir__addr *a) {
    bool fresh = !s->bound && s->state == SIM_FRESH && s->name.len == 0;
    if (s->family == AF_UNIX)
        return fresh ? weir__sim_unix_bind(s, a) : -EINVAL;
    return weir__sim_bind(s, a);
}

static void leaves(struct sim_sock *s) {
    weir__sim_dgram_drop(s);
    weir__sim_unix_drop(s);
}

int weir__sim_setopt(struct sim_sock *s, const struct weir__op *op) {
    enum weir__option option = op->u.option.option;
    if (option == WEIR__JOIN || option == WEIR__LEAVE)
        return weir__sim_dgram_group(s, op->u.option.group, option == WEIR__LEAVE);
    int rc = weir__sim_option(s, option, op->u.option.value);
    if (rc == 0 && option == WEIR__KEEPALIVE)
        weir__sim_keepalive_set(s);
    return rc;
}

/* One message of either kind of socket. */
static int64_t receive(struct sim_sock *s, struct mmsghdr *m, int flags) {
    int64_t n = s->type == SOCK_DGRAM ? weir__sim_dgram_recv(s, &m->msg_hdr, flags)
                                      : weir__sim_unix_recv(s, &m->msg_hdr);
    m->msg_len = n > 0 ? (unsigned)n : 0;
    return n;
}

static bool has_messages(const struct sim_sock *s) {
    return s->type == SOCK_DGRAM || s->family == AF_UNIX;
}

int64_t weir__sim_recvmsg(struct sim_sock *s, struct weir__op *op) {
    unsigned count = 0;
    if (!has_messages(s))
        return WEIR_ESIMREFUSED;
    while (count < op->u.message.count) {
        int64_t n = receive(s, &op->u.message.messages[count], op->u.message.flags);
        if (n < 0 && count == 0)
            return n;
        if (n < 0 || (++count > 0 && s->type != SOCK_DGRAM))
            break;
    }
    return count;
}

int64_t weir__sim_sendmsg(struct sim_sock *s, struct weir__op *op) {
    unsigned count = 0;
    if (!has_messages(s))
        return WEIR_ESIMREFUSED;
    while (count < op->u.message.count) {
        struct mmsghdr *m = &op->u.message.messages[count];
        int64_t n = s->type == SOCK_DGRAM ? weir__sim_dgram_send(s, &m->msg_hdr)
                                          : weir__sim_unix_send(s, &m->msg_hdr);
        if (n < 0)
            return count > 0 ? count : n;
        m->msg_len = (unsigned)n;
        count++;
    }
    return count;
}

int64_t weir__sim_try(struct sim *b, struct sim_sock *s, struct weir__op *op) {
    switch (op->kind) {
    case WEIR__CONNECT:
        return s->type == SOCK_DGRAM ? 0 : weir__sim_connected(s);
    case WEIR__ACCEPT:
        return try_accept(s, op);
    case WEIR__RECV:
        return try_recv(b, s, op);
    case WEIR__RECVMSG:
        return weir__sim_recvmsg(s, op);
    case WEIR__RECV_INTO:
        return op->u.bytes.len == 0 ? 0 : weir__sim_read(s, op->u.bytes.base, op->u.bytes.len);
    case WEIR__SEND:
        return try_send(s, op);
    case WEIR__SEND_SOON:
        return weir__sim_send(s, op->u.bytes.base, op->u.bytes.len);
    default:
        return try_sendv(s, op);
    }
}

/* Receive len bytes into a block. */
static int receive_all(struct sim_sock *s, struct weir__op *op, size_t len) {
    uint8_t *block = len > 0 ? weir__alloc(op->u.detach.room + len) : NULL;
    if (len > 0 && block == NULL)
        return -ENOMEM;
    op->u.detach.block = block;
    op->u.detach.len = (uint32_t)len;
    int64_t n = len > 0 ? weir__sim_recv(s, block + op->u.detach.room, len) : 0;
    WEIR_CHECK(n == (int64_t)len);
    return 0;
}

int64_t weir__sim_detach(struct sim *b, struct weir__op *op, unsigned part) {
    struct sim_sock *s = weir__sim_sock_of(b, op);
    if (has_messages(s)) /* nothing is received ahead of a read */
        part = 0;
    size_t len = part > 0 ? s->in.len / part : 0;
    if (op->file->writer != NULL || weir__sim_ops_have(&b->polls, op->file))
        return -EBUSY;
    if (part == 1 && s->error != 0 && !s->fin_rcvd && op->u.detach.whole)
        return -s->error;
    if (len > op->u.detach.max)
        return WEIR_ETOOBIG;
    int rc = receive_all(s, op, len);
    if (rc < 0)
        return rc;
    op->u.detach.end = 1;
    if (part == 1 && s->in.len == 0) {
        int64_t end = weir__sim_recv(s, NULL, 0);
        op->u.detach.end = end == -EAGAIN ? 1 : (int)end;
    }
    s->file = NULL;
    op->file->fd = -1;
    op->file->priv[0] = 0;
    op->file->state = WEIR__FILE_NONE;
    return weir__sim_sock_fd(s);
}

struct weir__op **weir__sim_place_of(const struct weir__op *op) {
    bool writes = op->kind == WEIR__SEND || op->kind == WEIR__SENDV ||
                  op->kind == WEIR__SEND_SOON || op->kind == WEIR__CONNECT;
    return writes ? &op->file->writer : &op->file->reader;
}

void weir__sim_go_on(struct sim *b, struct sim_sock *s, struct weir__op *op) {
    if (op == NULL || op->state != HELD)
        return;
    int64_t result = weir__sim_try(b, s, op);
    if (result == -ENOBUFS) {
        op->state = STARVED;
        weir__sim_ops_add(&b->starved, op);
    } else if (result != -EAGAIN) {
        *weir__sim_place_of(op) = NULL;
        b->held--;
        weir__sim_complete(b, op, result);
    }
}

short weir__sim_poll_bits(const struct sim_sock *s, short events) {
    short bits = 0;
    if (s->state == SIM_DEAD)
        bits |= (short)(POLLHUP | (s->error ? POLLERR : 0));
    bool messages = s->type == SOCK_DGRAM;
    if (messages && s->error != 0)
        bits |= POLLERR;
    if ((events & POLLIN) && (messages ? s->box != NULL : weir__sim_readable(s)))
        bits |= POLLIN;
    if ((events & POLLOUT) && (messages ? weir__sim_dgram_writable(s) : weir__sim_writable(s)))
        bits |= POLLOUT;
    return bits;
}

static void check_polls(struct sim *b, const struct sim_sock *s) {
    for (struct weir__op *op = b->polls.head, *next; op != NULL; op = next) {
        next = op->next;
        if (op->u.poll.fd != weir__sim_sock_fd(s))
            continue;
        short bits = weir__sim_poll_bits(s, op->u.poll.events);
        if (bits == 0)
            continue;
        weir__sim_ops_remove(&b->polls, op);
        b->held--;
        weir__sim_complete(b, op, bits);
    }
}

static void changed(struct sim_sock *s) {
    if (s->file != NULL) {
        weir__sim_go_on(s->owner, s, s->file->reader);
        weir__sim_go_on(s->owner, s, s->file->writer);
    }
    if (s->owner != NULL)
        check_polls(s->owner, s);
}

void weir__sim_hook(struct sim_world *w) {
    w->changed = changed;
    w->leaves = leaves;
}
