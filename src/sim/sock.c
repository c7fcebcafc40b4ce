/* SPDX-License-Identifier: MIT */
/* sock.c - the sockets of a simulated world: their table, ports, options, names, accept
 * queues, what they are ready for. What travels between them is tcp.c's. Error numbers are those of
 * Linux. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/sim.h"

enum { EPHEMERAL_FIRST = 32768, EPHEMERAL_COUNT = 28232, BACKLOG_MAX = 4096 };

/* ---- bytes ----------------------------------------------------------------------------------- */

void weir__sim_ring_put(struct sim_ring *r, const void *from, size_t len) {
    if (r->len + len > r->cap) {
        size_t cap = r->cap ? r->cap : 64;
        while (cap < r->len + len)
            cap *= 2;
        uint8_t *base = weir__sim_alloc(cap);
        weir__sim_ring_peek(r, 0, base, r->len);
        free(r->base);
        *r = (struct sim_ring){.base = base, .cap = cap, .len = r->len};
    }
    size_t at = (r->head + r->len) & (r->cap - 1);
    size_t first = len < r->cap - at ? len : r->cap - at;
    if (first > 0)
        memcpy(r->base + at, from, first);
    if (len > first)
        memcpy(r->base, (const uint8_t *)from + first, len - first);
    r->len += len;
}

void weir__sim_ring_peek(const struct sim_ring *r, size_t at, void *to, size_t len) {
    if (len == 0)
        return;
    WEIR_CHECK(at + len <= r->len);
    at = (r->head + at) & (r->cap - 1);
    size_t first = len < r->cap - at ? len : r->cap - at;
    memcpy(to, r->base + at, first);
    if (len > first)
        memcpy((uint8_t *)to + first, r->base, len - first);
}

void weir__sim_ring_drop(struct sim_ring *r, size_t len) {
    WEIR_CHECK(len <= r->len);
    if (len > 0)
        r->head = (r->head + len) & (r->cap - 1);
    r->len -= len;
}

void weir__sim_ring_clear(struct sim_ring *r) {
    free(r->base);
    *r = (struct sim_ring){0};
}

/* ---- the table ------------------------------------------------------------------------------- */

static size_t free_slot(struct sim_world *w) {
    for (size_t i = w->sock_len; i < w->sock_cap; i++) /* sock_len: no free slot below it */
        if (w->socks[i] == NULL)
            return i;
    size_t old = w->sock_cap;
    w->sock_cap = old ? 2 * old : 16;
    w->socks = weir__sim_realloc(w->socks, w->sock_cap * sizeof(struct sim_sock *));
    for (size_t i = old; i < w->sock_cap; i++)
        w->socks[i] = NULL;
    return old;
}

struct sim_sock *weir__sim_sock_new(struct sim_world *w, struct sim *owner, int family, int type,
                                    int host) {
    struct sim_sock *s = weir__sim_alloc(sizeof *s);
    s->world = w;
    s->owner = owner;
    s->family = family;
    s->type = type;
    s->box_end = &s->box;
    s->host = host;
    s->peer_host = -1;
    s->slot = free_slot(w);
    s->id = (uint64_t)++w->generation << 32 | s->slot;
    s->out_max = w->config.send_buffer;
    s->in_max = w->config.receive_buffer;
    s->options[WEIR__KEEPINTVL] = 75;
    s->options[WEIR__KEEPCNT] = 9;
    s->options[WEIR__QUICKACK] = 1;
    s->snd_end = 1;
    weir__list_init(&s->listening);
    weir__list_init(&s->queue);
    if (family != AF_INET6) /* any, as mapped */
        s->ip.byte[10] = s->ip.byte[11] = 0xff;
    w->socks[s->slot] = s;
    w->sock_len = s->slot + 1;
    return s;
}

void weir__sim_sock_free(struct sim_sock *s) {
    struct sim_world *w = s->world;
    weir__sim_event_disarm(w, &s->retry);
    weir__sim_event_disarm(w, &s->alive);
    weir__list_remove(&s->listening);
    weir__list_remove(&s->queue);
    weir__sim_host_port(s, false);
    weir__sim_ring_clear(&s->in);
    weir__sim_ring_clear(&s->out);
    w->open -= s->open;
    w->socks[s->slot] = NULL;
    if (s->slot < w->sock_len)
        w->sock_len = s->slot;
    w->leaves(s); /* what goes with it may name it, and finds it no more */
    free(s);
}

struct sim_sock *weir__sim_sock_by_id(const struct sim_world *w, uint64_t id) {
    size_t slot = id & UINT32_MAX;
    struct sim_sock *s = slot < w->sock_cap ? w->socks[slot] : NULL;
    return s != NULL && s->id == id ? s : NULL;
}

struct sim_sock *weir__sim_sock_by_fd(const struct sim_world *w, int fd) {
    size_t slot = (size_t)fd - SIM_FD_BASE;
    if (fd < SIM_FD_BASE || slot >= w->sock_cap || w->socks[slot] == NULL)
        return NULL;
    return w->socks[slot]->open ? w->socks[slot] : NULL;
}

int weir__sim_sock_fd(const struct sim_sock *s) {
    return SIM_FD_BASE + (int)s->slot;
}

/* ---- what is on its way to a socket --------------------------------------------------------- */

void weir__sim_sock_expect(struct sim_world *w, uint64_t id, struct sim_event *e, weir_ns at_ns) {
    struct sim_sock *s = weir__sim_sock_by_id(w, id);
    if (s != NULL && at_ns <= s->heard_ns) {
        weir__sim_event_arm_behind(w, e, s->heard_ns, s->heard_tie);
        return;
    }
    weir__sim_event_arm(w, e, at_ns);
    if (s != NULL) {
        s->heard_ns = at_ns;
        s->heard_tie = e->tie;
    }
}

void weir__sim_sock_unheard(struct sim_sock *s) {
    s->world->lost++;
    weir__sim_sock_stir_peer(s);
}

void weir__sim_sock_stir_peer(struct sim_sock *s) {
    struct sim_sock *peer = weir__sim_sock_by_id(s->world, s->peer_id);
    if (peer == NULL)
        return;
    weir__sim_event_idle(s->world, &peer->retry, false);
    if (peer->open) /* else it waits for the end of a state */
        weir__sim_event_idle(s->world, &peer->alive, false);
}

/* ---- ports ----------------------------------------------------------------------------------- */

void weir__sim_host_port(struct sim_sock *s, bool take) {
    struct sim_host *h = &s->world->hosts[s->host];
    if (s->counted == take)
        return;
    if (h->ports == NULL)
        h->ports = weir__sim_alloc(65536 * sizeof *h->ports);
    h->ports[s->port] = (uint16_t)(h->ports[s->port] + (take ? 1 : -1));
    s->counted = take;
}

/* Whether one address that a can receive is one that b can. */
static bool overlap(const struct sim_sock *a, const struct sim_sock *b) {
    bool a_any = weir__sim_ip_is_any(&a->ip), b_any = weir__sim_ip_is_any(&b->ip);
    bool a_v4 = weir__sim_ip_is_v4(&a->ip), b_v4 = weir__sim_ip_is_v4(&b->ip);
    if (a_v4 != b_v4) {
        const struct sim_sock *six = a_v4 ? b : a;
        return !six->v6only && weir__sim_ip_is_any(&six->ip);
    }
    return a_any || b_any || weir__sim_ip_equal(&a->ip, &b->ip);
}

/* The rule of Linux: sharing needs SO_REUSEPORT on both, or SO_REUSEADDR on both and that the other
 * does not listen. */
static bool port_taken(const struct sim_sock *s, bool listening) {
    const struct sim_world *w = s->world;
    const struct sim_host *h = &w->hosts[s->host];
    if (h->ports == NULL || h->ports[s->port] == (s->counted ? 1 : 0))
        return false;
    for (size_t i = 0; i < w->sock_cap; i++) {
        const struct sim_sock *o = w->socks[i];
        if (o == NULL || o == s || !o->counted || o->host != s->host ||
            o->port != s->port || o->type != s->type)
            continue;
        bool share = (s->reuse_addr && o->reuse_addr && o->state != SIM_LISTEN) ||
                     (s->reuse_port && o->reuse_port);
        if (!share && overlap(s, o) && (!listening || o->state == SIM_LISTEN))
            return true;
    }
    return false;
}

int weir__sim_bind_ephemeral(struct sim_sock *s) {
    struct sim_host *h = &s->world->hosts[s->host];
    for (int tried = 0; tried < EPHEMERAL_COUNT; tried++) {
        if (h->next_port < EPHEMERAL_FIRST || h->next_port >= EPHEMERAL_FIRST + EPHEMERAL_COUNT)
            h->next_port = EPHEMERAL_FIRST;
        s->port = h->next_port++;
        if (h->ports == NULL || h->ports[s->port] == 0) {
            weir__sim_host_port(s, true);
            s->bound = true;
            return 0;
        }
    }
    s->port = 0;
    return -EADDRINUSE;
}

int weir__sim_bind(struct sim_sock *s, const struct weir__addr *a) {
    struct sim_ip ip;
    uint16_t port;
    if (s->bound || s->state != SIM_FRESH)
        return -EINVAL;
    if (a->sa.sa_family != s->family || !weir__sim_ip_from(a, &ip, &port))
        return -EAFNOSUPPORT;
    int host = weir__sim_ip_host(s->world, s->host, &ip);
    if (host < 0)
        return -EADDRNOTAVAIL;
    struct sim_ip old_ip = s->ip;
    int old_host = s->host;
    s->ip = ip;
    s->host = host; /* a loop speaks for every host: binding says which */
    s->port = port;
    int rc = port == 0 ? weir__sim_bind_ephemeral(s) : port_taken(s, false) ? -EADDRINUSE : 0;
    if (rc < 0) {
        s->ip = old_ip;
        s->host = old_host;
        s->port = 0;
        return rc;
    }
    weir__sim_host_port(s, true);
    s->bound = true;
    return 0;
}

int weir__sim_listen(struct sim_sock *s, int backlog) {
    if (s->state != SIM_FRESH && s->state != SIM_LISTEN)
        return -EINVAL;
    int rc = s->bound ? 0 : weir__sim_bind_ephemeral(s);
    if (rc == 0 && s->state == SIM_FRESH && port_taken(s, true))
        rc = -EADDRINUSE;
    if (rc < 0)
        return rc;
    s->backlog = backlog < 0 || backlog > BACKLOG_MAX ? BACKLOG_MAX : (unsigned)backlog;
    if (s->state == SIM_FRESH)
        weir__list_add_tail(&s->world->listeners, &s->listening);
    s->state = SIM_LISTEN;
    return 0;
}

void weir__sim_source(struct sim_sock *s, const struct sim_ip *ip, struct sim_ip *ret) {
    struct sim_ip own = s->ip;
    if (weir__sim_ip_is_any(&own) && weir__sim_ip_is_loopback(ip))
        own = *ip;
    else if (weir__sim_ip_is_any(&own))
        weir__sim_ip_of_host(s->host, weir__sim_ip_is_v4(ip), &own);
    *ret = own;
}

/* The exact one goes before any, its own family before a listener for both. */
int weir__sim_fit(const struct sim_sock *l, const struct sim_ip *ip) {
    if (weir__sim_ip_equal(&l->ip, ip))
        return 3;
    if (!weir__sim_ip_is_any(&l->ip))
        return 0;
    if (weir__sim_ip_is_v4(&l->ip) == weir__sim_ip_is_v4(ip))
        return 2;
    return l->family == AF_INET6 && !l->v6only ? 1 : 0;
}

struct sim_sock *weir__sim_listener_for(struct sim_world *w, int host, const struct sim_ip *ip,
                                        uint16_t port) {
    struct sim_sock *found = NULL;
    int best = 0;
    uint64_t equals = 0;
    for (struct weir__list *i = w->listeners.next; i != &w->listeners; i = i->next) {
        struct sim_sock *l = WEIR_CONTAINER(i, struct sim_sock, listening);
        int score = l->host == host && l->port == port ? weir__sim_fit(l, ip) : 0;
        if (score == 0 || score < best)
            continue;
        equals = score > best ? 1 : equals + 1;
        best = score;
        if (equals == 1 || weir__choose(w, SIM_LISTENER, (uint32_t)equals) == 0)
            found = l;
    }
    return found;
}

/* ---- options and names ----------------------------------------------------------------------- */

/* Here nothing waits to be sent in one segment, nothing waits to be acknowledged, and there is one
 * way to each host: NODELAY, QUICKACK, MARK and PRIORITY change nothing. */
static int option_set(struct sim_sock *s, enum weir__option option, int value) {
    switch (option) {
    case WEIR__NODELAY:
    case WEIR__QUICKACK:
    case WEIR__MARK:
    case WEIR__PRIORITY:
        return 0;
    case WEIR__KEEPINTVL:
        return value < 1 || value > 32767 ? -EINVAL : 0;
    case WEIR__KEEPCNT:
        return value < 1 || value > 127 ? -EINVAL : 0;
    case WEIR__KEEPALIVE:
        if (value < 0 || value > 32767)
            return -EINVAL;
        s->keepalive_s = value; /* tcp.c reads it: weir__sim_keepalive_set */
        return 0;
    case WEIR__REUSEADDR:
        s->reuse_addr = value != 0;
        return 0;
    case WEIR__REUSEPORT:
        s->reuse_port = value != 0;
        return 0;
    case WEIR__V6ONLY:
        if (s->family != AF_INET6)
            return -ENOPROTOOPT;
        if (s->bound)
            return -EINVAL;
        s->v6only = value != 0;
        return 0;
    case WEIR__SNDBUF:
        s->out_max = value > 0 ? (size_t)value : 1;
        return 0;
    case WEIR__RCVBUF:
        s->in_max = value > 0 ? (size_t)value : 1;
        weir__sim_sock_stir_peer(s); /* more room is told to who asks, and only then */
        return 0;
    case WEIR__LINGER0:
        s->linger0 = value != 0;
        return 0;
    case WEIR__BROADCAST:
    case WEIR__TTL:
        return 0;
    case WEIR__MULTICAST_LOOP:
        s->no_loop = value == 0;
        return 0;
    case WEIR__JOIN:
    case WEIR__LEAVE:
        break; /* sim.c: they have an address */
    case WEIR__USER_TIMEOUT:
        return WEIR_ESIMREFUSED;
    case WEIR__OPTIONS:
        break;
    }
    return -ENOPROTOOPT;
}

static bool is_for_tcp(enum weir__option option) {
    return option == WEIR__NODELAY || option == WEIR__KEEPINTVL || option == WEIR__KEEPCNT
           || option == WEIR__QUICKACK || option == WEIR__USER_TIMEOUT;
}

static bool is_tcp(const struct sim_sock *s) {
    return s->type != SOCK_DGRAM && s->family != AF_UNIX;
}

int weir__sim_option(struct sim_sock *s, enum weir__option option, int value) {
    if (is_for_tcp(option) && !is_tcp(s))
        return -EOPNOTSUPP;
    int rc = option_set(s, option, value);
    if (rc == 0)
        s->options[option] = value;
    return rc;
}

int weir__sim_option_get(const struct sim_sock *s, enum weir__option option, int *ret_value) {
    if (is_for_tcp(option) && !is_tcp(s))
        return -EOPNOTSUPP;
    if (option == WEIR__USER_TIMEOUT)
        return WEIR_ESIMREFUSED;
    if (option >= WEIR__OPTIONS)
        return -ENOPROTOOPT;
    *ret_value = option == WEIR__SNDBUF   ? (int)s->out_max
                 : option == WEIR__RCVBUF ? (int)s->in_max
                                          : s->options[option];
    return 0;
}

int weir__sim_name(const struct sim_sock *s, bool peer, struct weir__addr *ret) {
    if (peer && s->state != SIM_CONNECTED)
        return -ENOTCONN;
    if (s->family == AF_UNIX)
        weir__sim_unix_addr(peer ? &s->peer_name : &s->name, ret);
    else if (peer)
        weir__sim_addr_make(s->family, &s->peer_ip, s->peer_port, ret);
    else
        weir__sim_addr_make(s->family, &s->ip, s->port, ret);
    return 0;
}

int weir__sim_accept(struct sim_sock *s, struct sim_sock **ret_child) {
    struct sim_world *w = s->world;
    if (s->state != SIM_LISTEN)
        return -EINVAL;
    if (weir__list_empty(&s->queue))
        return -EAGAIN;
    if (w->open >= w->config.descriptors_max)
        return -EMFILE;
    struct sim_sock *child = WEIR_CONTAINER(s->queue.next, struct sim_sock, queue);
    weir__list_remove(&child->queue);
    child->queued = false;
    child->open = true;
    child->owner = s->owner;
    s->queue_len--;
    w->open++;
    *ret_child = child;
    return 0;
}

/* ---- what a socket can do -------------------------------------------------------------------- */

int weir__sim_connected(struct sim_sock *s) {
    if (s->state == SIM_SYN_SENT)
        return -EAGAIN;
    int error = s->error;
    s->error = 0;
    return s->state == SIM_CONNECTED ? 0 : error != 0 ? -error : -ECONNABORTED;
}

bool weir__sim_readable(const struct sim_sock *s) {
    if (s->state == SIM_LISTEN)
        return !weir__list_empty(&s->queue);
    return s->in.len > 0 || s->error != 0 || s->fin_rcvd || s->shut_rd || s->state == SIM_FRESH ||
           s->state == SIM_DEAD;
}

bool weir__sim_writable(const struct sim_sock *s) {
    if (s->state == SIM_SYN_SENT)
        return false;
    return s->state != SIM_CONNECTED || s->error != 0 || s->fin_wanted || s->out.len < s->out_max;
}
