/* SPDX-License-Identifier: MIT */
/* unix.c - unix sockets of a simulated world: names, and descriptors beside the bytes of a stream.
 * Behind its name a unix socket has an address on the loopback of its host, so its stream is that
 * of tcp.c, and nothing of it is lost. A name lasts as long as its socket: there are no files.
 *
 * A descriptor that is sent is one more of the same socket. It has the number of the first, and can
 * be attached when that is not attached (any more). */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/sim.h"

/* Descriptors that came with the bytes [at, end) of a stream. */
struct sim_rights {
    struct sim_rights *next;
    uint64_t at, end;
    size_t count;
    uint64_t ids[];
};

/* ---- names ---------------------------------------------------------------------------------- */

static const size_t path_at = offsetof(struct sockaddr_un, sun_path);

void weir__sim_unix_name(const struct weir__addr *a, struct sim_name *ret) {
    *ret = (struct sim_name){0};
    if (a->len <= path_at || a->sa.sa_family != AF_UNIX)
        return;
    size_t len = a->len - path_at;
    len = len < sizeof ret->text ? len : sizeof ret->text;
    if (a->un.sun_path[0] != '\0')
        len = strnlen(a->un.sun_path, len) + 1;
    ret->len = len < sizeof ret->text ? len : sizeof ret->text;
    memcpy(ret->text, a->un.sun_path, ret->len);
}

struct sim_sock *weir__sim_unix_find(const struct sim_world *w, int type,
                                     const struct sim_name *n) {
    for (size_t i = 0; n->len > 0 && i < w->sock_cap; i++) {
        struct sim_sock *s = w->socks[i];
        bool bound = s != NULL && s->family == AF_UNIX && s->type == type && s->open &&
                     s->parent_id == 0;
        if (bound && s->name.len == n->len && memcmp(s->name.text, n->text, n->len) == 0)
            return s;
    }
    return NULL;
}

/* The kernel's autobind: an abstract name of five digits. */
static void name_any(struct sim_sock *s) {
    static const char digits[] = "0123456789abcdef";
    s->name.len = 6;
    s->name.text[0] = '\0';
    for (unsigned i = 0; i < 5; i++)
        s->name.text[5 - i] = digits[s->id >> (32 + 4 * i) & 15];
}

int weir__sim_unix_bind(struct sim_sock *s, const struct weir__addr *a) {
    struct sim_name name;
    if (a->sa.sa_family != AF_UNIX)
        return -EINVAL;
    weir__sim_unix_name(a, &name);
    if (weir__sim_unix_find(s->world, SOCK_STREAM, &name) != NULL ||
        weir__sim_unix_find(s->world, SOCK_DGRAM, &name) != NULL)
        return -EADDRINUSE;
    if (name.len > 0)
        s->name = name;
    else
        name_any(s);
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    memcpy(s->ip.byte + 12, loopback, sizeof loopback);
    return s->type == SOCK_STREAM ? weir__sim_bind_ephemeral(s) : 0;
}

int weir__sim_unix_connect(struct sim_sock *s, const struct weir__addr *a) {
    struct sim_name name;
    struct weir__addr behind;
    weir__sim_unix_name(a, &name);
    struct sim_sock *to = weir__sim_unix_find(s->world, s->type, &name);
    if (to == NULL)
        return name.len > 0 && name.text[0] != '\0' ? -ENOENT : -ECONNREFUSED;
    if (s->type == SOCK_STREAM && to->state != SIM_LISTEN)
        return -ECONNREFUSED;
    s->peer_name = name;
    if (s->type == SOCK_DGRAM) {
        s->peer_id = to->id;
        s->state = SIM_CONNECTED;
        return 0;
    }
    weir__sim_addr_make(AF_INET, &to->ip, to->port, &behind);
    return weir__sim_connect(s, &behind);
}

/* ---- descriptors beside the bytes ----------------------------------------------------------- */

static uint64_t read_at(const struct sim_sock *s) {
    return s->rcv_nxt - s->fin_rcvd - s->in.len;
}

/* The socket of that id is closed: who waits for room in its box waits no more. */
static void tell_senders(struct sim_world *w, uint64_t id) {
    for (size_t i = 0; i < w->sock_cap; i++) {
        struct sim_sock *s = w->socks[i];
        bool sends = s != NULL && s->type == SOCK_DGRAM && s->peer_id == id;
        if (sends && s->open && s->owner != NULL) /* else its loop may be gone */
            w->changed(s);
    }
}

void weir__sim_let_go(struct sim_sock *s) {
    struct sim_world *w = s->world;
    bool has_senders = s->type == SOCK_DGRAM && s->family == AF_UNIX;
    uint64_t id = s->id;
    if (s->copies > 0) {
        s->copies--;
        return;
    }
    if (s->type == SOCK_DGRAM)
        s->state = SIM_FRESH; /* the network is told nothing */
    weir__sim_unix_drop(s);
    weir__sim_close(s);
    if (has_senders)
        tell_senders(w, id);
}

static void close_one(struct sim_world *w, uint64_t id) {
    struct sim_sock *s = weir__sim_sock_by_id(w, id);
    if (s != NULL)
        weir__sim_let_go(s);
}

static struct sim_rights *take_rights(struct sim_sock *s) {
    struct sim_rights *r = s->rights;
    s->rights = r->next;
    return r;
}

/* One of them may be of s itself: it must not find them here again. */
static void close_first(struct sim_sock *s) {
    struct sim_world *w = s->world;
    struct sim_rights *r = take_rights(s);
    for (size_t i = 0; i < r->count; i++)
        close_one(w, r->ids[i]);
    free(r);
}

/* A read of len bytes ends with the first message that has descriptors. */
static size_t cut(const struct sim_sock *s, size_t len) {
    const struct sim_rights *r = s->rights;
    uint64_t at = read_at(s);
    size_t there = len < s->in.len ? len : s->in.len;
    return r != NULL && r->at < at + there && r->end < at + len ? (size_t)(r->end - at) : len;
}

static bool comes_with(const struct sim_sock *s, size_t len) {
    size_t there = len < s->in.len ? len : s->in.len;
    return s->rights != NULL && s->rights->at < read_at(s) + there;
}

size_t weir__sim_unix_read(struct sim_sock *s, size_t len) {
    len = cut(s, len);
    if (comes_with(s, len))
        close_first(s);
    return len;
}

/* Returns how many descriptors m carries, or an error. */
static int64_t count_sent(const struct sim_sock *s, const struct msghdr *m) {
    const struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (c == NULL)
        return 0;
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return WEIR_ESIMREFUSED;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        if (fd >= 0 && fd < SIM_FD_BASE)
            return WEIR_ESIMREFUSED; /* a real one */
        if (weir__sim_sock_by_fd(s->world, fd) == NULL)
            return -EBADF;
    }
    return (int64_t)count;
}

static void send_rights(struct sim_sock *s, const struct msghdr *m, size_t count, uint64_t at,
                        uint64_t end) {
    struct sim_sock *peer = weir__sim_sock_by_id(s->world, s->peer_id);
    const struct cmsghdr *c = CMSG_FIRSTHDR(m);
    struct sim_rights *r = weir__sim_alloc(sizeof *r + count * sizeof r->ids[0]);
    *r = (struct sim_rights){.at = at, .end = end, .count = count};
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        struct sim_sock *sent = weir__sim_sock_by_fd(s->world, fd);
        sent->copies++;
        r->ids[i] = sent->id;
    }
    struct sim_rights **last = &peer->rights;
    while (*last != NULL)
        last = &(*last)->next;
    *last = r;
}

int64_t weir__sim_unix_send(struct sim_sock *s, const struct msghdr *m) {
    int64_t count = count_sent(s, m), sum = 0;
    if (count < 0)
        return count;
    if (m->msg_name != NULL)
        return -EISCONN;
    uint64_t at = s->snd_end;
    for (size_t i = 0; i < m->msg_iovlen; i++) {
        int64_t n = weir__sim_send(s, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
        if (n < 0 && sum == 0)
            return n;
        sum += n > 0 ? n : 0;
        if (n < (int64_t)m->msg_iov[i].iov_len)
            break;
    }
    const struct sim_sock *peer = weir__sim_sock_by_id(s->world, s->peer_id);
    bool takes = peer != NULL && (peer->open || peer->queued || peer->state == SIM_SYN_RCVD);
    if (count > 0 && sum > 0 && takes)
        send_rights(s, m, (size_t)count, at, at + (uint64_t)sum);
    return sum;
}

/* The descriptors that m has room for; the others are closed. */
static void take_first(struct sim_sock *s, struct msghdr *m) {
    struct sim_rights *r = take_rights(s);
    size_t head = CMSG_LEN(0), size = m->msg_control != NULL ? m->msg_controllen : 0;
    size_t room = size > head ? (size - head) / sizeof(int) : 0, kept = 0;
    m->msg_controllen = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct sim_sock *sent = weir__sim_sock_by_id(s->world, r->ids[i]);
        if (kept == room || sent == NULL) {
            close_one(s->world, r->ids[i]);
            m->msg_flags |= MSG_CTRUNC;
            continue;
        }
        struct cmsghdr *c = m->msg_control;
        int fd = weir__sim_sock_fd(sent);
        memcpy(CMSG_DATA(c) + kept++ * sizeof fd, &fd, sizeof fd);
    }
    if (kept > 0) {
        struct cmsghdr *c = m->msg_control;
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(kept * sizeof(int));
        m->msg_controllen = c->cmsg_len;
    }
    free(r);
}

int64_t weir__sim_unix_recv(struct sim_sock *s, struct msghdr *m) {
    struct iovec *v = m->msg_iov;
    if (m->msg_iovlen != 1)
        return WEIR_ESIMREFUSED;
    size_t len = cut(s, v->iov_len);
    bool rights = comes_with(s, len);
    int64_t n = weir__sim_recv(s, v->iov_base, len);
    if (n < 0)
        return n;
    m->msg_flags = 0;
    m->msg_namelen = 0;
    if (rights)
        take_first(s, m);
    else
        m->msg_controllen = 0;
    return n;
}

void weir__sim_unix_drop(struct sim_sock *s) {
    while (s->rights != NULL)
        close_first(s);
}
