/* SPDX-License-Identifier: MIT */
/* dgram.c - datagrams of a simulated world. Each is on its way for itself: it may be lost, overtake
 * another, or arrive twice, as the seed decides. Where nobody has the port, an error comes back
 * to a connected sender. Datagrams between unix sockets keep their order and are never lost: their
 * sender waits while the receiver has as many as it may have. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/time.h"
#include "sim/sim.h"

enum { SIZE_MAX_UDP = 65507, UNIX_QUEUE_MAX = 11, TWICE_OF = 1000 };

struct sim_datagram {
    struct sim_event event; /* first: see weir__sim_world_free */
    struct sim_datagram *next;
    uint64_t from_id, to_id; /* to_id: of a unix socket */
    int from_host, to_host;
    bool counted; /* in the sender's flying */
    struct sim_ip from_ip, to_ip;
    uint16_t from_port, to_port;
    struct sim_name from_name;
    size_t len;
    uint8_t payload[];
};

struct sim_group {
    struct sim_group *next;
    struct sim_ip ip;
};

/* ---- groups --------------------------------------------------------------------------------- */

static bool is_group(const struct sim_ip *ip) {
    return weir__sim_ip_is_v4(ip) ? (ip->byte[12] & 0xf0) == 0xe0 : ip->byte[0] == 0xff;
}

static struct sim_group **find_group(struct sim_sock *s, const struct sim_ip *ip) {
    struct sim_group **at = &s->groups;
    while (*at != NULL && !weir__sim_ip_equal(&(*at)->ip, ip))
        at = &(*at)->next;
    return at;
}

int weir__sim_dgram_group(struct sim_sock *s, const struct weir__addr *group, bool leave) {
    struct sim_ip ip;
    uint16_t port;
    if (s->type != SOCK_DGRAM || !weir__sim_ip_from(group, &ip, &port) || !is_group(&ip))
        return -EINVAL;
    struct sim_group **at = find_group(s, &ip), *found = *at;
    if (leave && found != NULL) {
        *at = found->next;
        free(found);
        return 0;
    }
    if (leave || found != NULL)
        return leave ? -EADDRNOTAVAIL : -EADDRINUSE;
    *at = weir__sim_alloc(sizeof **at);
    (*at)->ip = ip;
    return 0;
}

/* ---- arriving ------------------------------------------------------------------------------- */

static void changed(struct sim_sock *s) {
    if (s->open)
        s->world->changed(s);
}

/* The sender's buffer has room for it again. */
static void landed(struct sim_world *w, struct sim_datagram *d) {
    struct sim_sock *from = weir__sim_sock_by_id(w, d->from_id);
    if (from == NULL || !d->counted)
        return;
    d->counted = false;
    from->flying -= d->len;
    changed(from);
}

/* Put d, or what has no room there is dropped. */
static void deliver(struct sim_sock *s, struct sim_datagram *d) {
    if (s->family != AF_UNIX && s->box_bytes + d->len > s->in_max && s->box_count > 0) {
        s->world->lost++;
        free(d);
        return;
    }
    d->next = NULL;
    *s->box_end = d;
    s->box_end = &d->next;
    s->box_bytes += d->len;
    s->box_count++;
    changed(s);
}

/* How well s fits, 0: not at all. A connected socket receives from its peer only. */
static int fit(const struct sim_sock *s, const struct sim_datagram *d) {
    if (s == NULL || s->type != SOCK_DGRAM || s->family == AF_UNIX || !s->open || !s->bound ||
        s->host != d->to_host || s->port != d->to_port)
        return 0;
    int score = weir__sim_fit(s, &d->to_ip);
    if (s->state != SIM_CONNECTED || score == 0)
        return score;
    bool is_peer = weir__sim_ip_equal(&s->peer_ip, &d->from_ip) && s->peer_port == d->from_port;
    return is_peer ? score + 4 : 0;
}

static struct sim_sock *receiver_of(struct sim_world *w, const struct sim_datagram *d) {
    struct sim_sock *found = NULL;
    int best = 1;
    uint32_t equals = 0;
    for (size_t i = 0; i < w->sock_cap; i++) {
        struct sim_sock *s = w->socks[i];
        int score = fit(s, d);
        if (score < best)
            continue;
        equals = score > best || found == NULL ? 1 : equals + 1;
        best = score;
        if (equals == 1 || weir__choose(w, SIM_LISTENER, equals) == 0)
            found = s;
    }
    return found;
}

/* The answer that nobody has the port: only a connected socket learns of it. */
static void refused(struct sim_world *w, struct sim_event *e) {
    struct sim_datagram *d = WEIR_CONTAINER(e, struct sim_datagram, event);
    struct sim_sock *s = weir__sim_sock_by_id(w, d->from_id);
    bool whole = weir__sim_path_whole(w, d->to_host, d->from_host);
    bool to_peer = s != NULL && s->state == SIM_CONNECTED && s->peer_port == d->to_port &&
                   weir__sim_ip_equal(&s->peer_ip, &d->to_ip);
    if (whole && to_peer) {
        s->error = ECONNREFUSED;
        changed(s);
    }
    free(d);
}

static void arrive(struct sim_world *w, struct sim_event *e) {
    struct sim_datagram *d = WEIR_CONTAINER(e, struct sim_datagram, event);
    landed(w, d);
    if (!weir__sim_path_whole(w, d->from_host, d->to_host)) {
        w->lost++;
        free(d);
        return;
    }
    struct sim_sock *s = receiver_of(w, d);
    if (s != NULL) {
        deliver(s, d);
        return;
    }
    d->event.fire = refused;
    weir__sim_event_arm(w, &d->event, weir__sim_path_arrival(w, d->to_host, d->from_host));
}

/* The members of a group on one host: each has a copy of its own. */
static void arrive_at_group(struct sim_world *w, struct sim_event *e) {
    struct sim_datagram *d = WEIR_CONTAINER(e, struct sim_datagram, event);
    landed(w, d);
    bool whole = weir__sim_path_whole(w, d->from_host, d->to_host);
    w->lost += !whole;
    for (size_t i = 0; whole && i < w->sock_cap; i++) {
        struct sim_sock *s = w->socks[i];
        bool member = fit(s, d) > 0 && *find_group(s, &d->to_ip) != NULL;
        if (!member)
            continue;
        struct sim_datagram *copy = weir__sim_alloc(sizeof *copy + d->len);
        memcpy(copy, d, sizeof *copy + d->len);
        copy->event = (struct sim_event){0};
        deliver(s, copy);
    }
    free(d);
}

/* ---- sending -------------------------------------------------------------------------------- */

static size_t length_of(const struct msghdr *m) {
    size_t len = 0;
    for (size_t i = 0; i < m->msg_iovlen; i++)
        len += m->msg_iov[i].iov_len;
    return len;
}

static struct sim_datagram *datagram_new(const struct sim_sock *s, const struct msghdr *m) {
    size_t len = length_of(m), at = 0;
    struct sim_datagram *d = weir__sim_alloc(sizeof *d + len);
    d->from_id = s->id;
    d->from_host = s->host;
    d->from_port = s->port;
    d->from_name = s->name;
    d->len = len;
    for (size_t i = 0; i < m->msg_iovlen; i++) {
        const struct iovec *v = &m->msg_iov[i];
        if (v->iov_len > 0)
            memcpy(d->payload + at, v->iov_base, v->iov_len);
        at += v->iov_len;
    }
    return d;
}

/* Send d to one host, and free it. */
static void post(struct sim_sock *s, struct sim_datagram *d) {
    struct sim_world *w = s->world;
    w->segments++;
    if (!weir__sim_path_whole(w, d->from_host, d->to_host) ||
        weir__sim_path_loses(w, d->from_host, d->to_host)) {
        w->lost++;
        free(d);
        return;
    }
    uint32_t twice = w->config.duplicates;
    bool again = twice > 0 && d->from_host != d->to_host &&
                 weir__choose(w, SIM_TWICE, TWICE_OF) >= TWICE_OF - twice;
    d->event.fire = is_group(&d->to_ip) ? arrive_at_group : arrive;
    if (again) {
        struct sim_datagram *twin = weir__sim_alloc(sizeof *twin + d->len);
        memcpy(twin, d, sizeof *twin + d->len);
        weir__sim_event_arm(w, &twin->event, weir__sim_path_arrival(w, d->from_host, d->to_host));
    }
    d->counted = true;
    s->flying += d->len;
    weir__sim_event_arm(w, &d->event, weir__sim_path_arrival(w, d->from_host, d->to_host));
}

static void post_to_group(struct sim_sock *s, const struct sim_datagram *first) {
    for (int host = 0; host < s->world->host_count; host++) {
        if (s->no_loop && host == s->host)
            continue;
        struct sim_datagram *d = weir__sim_alloc(sizeof *d + first->len);
        memcpy(d, first, sizeof *d + first->len);
        d->to_host = host;
        post(s, d);
    }
}

static int64_t send_to(struct sim_sock *s, const struct msghdr *m, const struct sim_ip *ip,
                       uint16_t port) {
    size_t len = length_of(m);
    if (len > SIZE_MAX_UDP)
        return -EMSGSIZE;
    if (port == 0)
        return -EINVAL;
    if (s->flying > 0 && s->flying + len > s->out_max)
        return -EAGAIN;
    int rc = s->bound ? 0 : weir__sim_bind_ephemeral(s);
    if (rc < 0)
        return rc == -EADDRINUSE ? -EAGAIN : rc;
    struct sim_datagram *d = datagram_new(s, m);
    d->to_ip = *ip;
    d->to_port = port;
    weir__sim_source(s, ip, &d->from_ip);
    d->to_host = weir__sim_ip_host(s->world, s->host, ip);
    if (is_group(ip)) {
        post_to_group(s, d);
        free(d);
    } else {
        post(s, d);
    }
    return (int64_t)len;
}

static int64_t send_udp(struct sim_sock *s, const struct msghdr *m) {
    struct weir__addr a = {.len = 0};
    struct sim_ip ip;
    uint16_t port;
    if (m->msg_name == NULL)
        return s->state == SIM_CONNECTED ? send_to(s, m, &s->peer_ip, s->peer_port)
                                         : -EDESTADDRREQ;
    a.len = m->msg_namelen;
    memcpy(&a.sa, m->msg_name, a.len <= sizeof a.un ? a.len : sizeof a.un);
    if (!weir__sim_ip_from(&a, &ip, &port))
        return -EAFNOSUPPORT;
    if (s->family == AF_INET && !weir__sim_ip_is_v4(&ip))
        return -EAFNOSUPPORT;
    return send_to(s, m, &ip, port);
}

/* ---- unix ----------------------------------------------------------------------------------- */

static void arrive_unix(struct sim_world *w, struct sim_event *e) {
    struct sim_datagram *d = WEIR_CONTAINER(e, struct sim_datagram, event);
    struct sim_sock *s = weir__sim_sock_by_id(w, d->to_id);
    if (s == NULL) { /* closed meanwhile */
        free(d);
        return;
    }
    s->coming--;
    deliver(s, d);
}

static struct sim_sock *unix_target(struct sim_sock *s, const struct msghdr *m) {
    struct weir__addr a = {.len = m->msg_namelen};
    struct sim_name name;
    if (m->msg_name == NULL)
        return weir__sim_sock_by_id(s->world, s->peer_id);
    memcpy(&a.sa, m->msg_name, a.len <= sizeof a.un ? a.len : sizeof a.un);
    weir__sim_unix_name(&a, &name);
    return weir__sim_unix_find(s->world, SOCK_DGRAM, &name);
}

static bool is_full(const struct sim_sock *s) {
    return s->box_count + s->coming >= UNIX_QUEUE_MAX;
}

static int64_t send_unix(struct sim_sock *s, const struct msghdr *m) {
    struct sim_sock *to = unix_target(s, m);
    size_t len = length_of(m);
    if (m->msg_name == NULL && s->state != SIM_CONNECTED)
        return -ENOTCONN;
    if (to == NULL || !to->open)
        return -ECONNREFUSED;
    if (m->msg_controllen > 0)
        return WEIR_ESIMREFUSED; /* descriptors go with the bytes of streams only */
    if (len > s->out_max)
        return -EMSGSIZE;
    if (is_full(to))
        return -EAGAIN;
    struct sim_datagram *d = datagram_new(s, m);
    d->to_id = to->id;
    d->event.fire = arrive_unix;
    to->coming++;
    weir__sim_sock_expect(s->world, to->id, &d->event,
                          weir__sim_path_arrival(s->world, s->host, s->host));
    return (int64_t)len;
}

/* Room in the box of s: its senders may go on. */
static void tell_senders(const struct sim_sock *s) {
    struct sim_world *w = s->world;
    for (size_t i = 0; s->family == AF_UNIX && i < w->sock_cap; i++)
        if (w->socks[i] != NULL && w->socks[i]->type == SOCK_DGRAM &&
            w->socks[i]->peer_id == s->id)
            changed(w->socks[i]);
}

/* ---- the calls ------------------------------------------------------------------------------ */

int weir__sim_dgram_connect(struct sim_sock *s, const struct weir__addr *a) {
    struct sim_ip ip;
    uint16_t port;
    if (s->family == AF_UNIX)
        return weir__sim_unix_connect(s, a);
    if (a->sa.sa_family != s->family || !weir__sim_ip_from(a, &ip, &port))
        return -EAFNOSUPPORT;
    int rc = s->bound ? 0 : weir__sim_bind_ephemeral(s);
    if (rc < 0)
        return rc;
    weir__sim_source(s, &ip, &s->ip);
    s->peer_ip = weir__sim_ip_is_any(&ip) ? s->ip : ip;
    s->peer_port = port;
    s->state = SIM_CONNECTED;
    return 0;
}

static int64_t pending_error(struct sim_sock *s) {
    int error = s->error;
    s->error = 0;
    return -error;
}

int64_t weir__sim_dgram_send(struct sim_sock *s, const struct msghdr *m) {
    if (s->error != 0)
        return pending_error(s);
    return s->family == AF_UNIX ? send_unix(s, m) : send_udp(s, m);
}

bool weir__sim_dgram_writable(const struct sim_sock *s) {
    const struct sim_sock *peer = weir__sim_sock_by_id(s->world, s->peer_id);
    if (s->family == AF_UNIX)
        return peer == NULL || !is_full(peer);
    return s->flying == 0 || s->flying < s->out_max / 2;
}

static void name_sender(const struct sim_sock *s, const struct sim_datagram *d,
                        struct msghdr *m) {
    struct weir__addr a;
    if (m->msg_name == NULL)
        return;
    if (s->family == AF_UNIX)
        weir__sim_unix_addr(&d->from_name, &a);
    else
        weir__sim_addr_make(s->family, &d->from_ip, d->from_port, &a);
    memcpy(m->msg_name, &a.sa, a.len < m->msg_namelen ? a.len : m->msg_namelen);
    m->msg_namelen = a.len;
}

int64_t weir__sim_dgram_recv(struct sim_sock *s, struct msghdr *m, int flags) {
    struct sim_datagram *d = s->box;
    size_t at = 0;
    if (s->error != 0)
        return pending_error(s);
    if (d == NULL)
        return -EAGAIN;
    for (size_t i = 0; i < m->msg_iovlen && at < d->len; i++) {
        size_t n = m->msg_iov[i].iov_len < d->len - at ? m->msg_iov[i].iov_len : d->len - at;
        if (n > 0)
            memcpy(m->msg_iov[i].iov_base, d->payload + at, n);
        at += n;
    }
    weir__sim_note_bytes(s->world, d->payload, at);
    name_sender(s, d, m);
    m->msg_controllen = 0;
    m->msg_flags = at < d->len ? MSG_TRUNC : 0;
    int64_t result = (int64_t)(flags & MSG_TRUNC ? d->len : at);
    if (flags & MSG_PEEK)
        return result;
    s->box = d->next;
    if (s->box == NULL)
        s->box_end = &s->box;
    s->box_bytes -= d->len;
    s->box_count--;
    free(d);
    tell_senders(s);
    return result;
}

void weir__sim_dgram_drop(struct sim_sock *s) {
    while (s->box != NULL) {
        struct sim_datagram *d = s->box;
        s->box = d->next;
        free(d);
    }
    while (s->groups != NULL) {
        struct sim_group *g = s->groups;
        s->groups = g->next;
        free(g);
    }
}
