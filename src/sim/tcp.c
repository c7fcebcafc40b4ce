/* SPDX-License-Identifier: MIT */
/* tcp.c - what travels between simulated sockets: a small TCP. Segments arrive in order, after
 * the latency of their link; they are lost where a host is cut off, and sent again with doubling
 * pauses until they arrive or the sender gives up. The counts and times are those of Linux.
 *
 *   state       on RST received               on giving up
 *   SYN_SENT    ECONNREFUSED                  ETIMEDOUT, after 127 s
 *   SYN_RCVD    forgotten                     forgotten
 *   CONNECTED   ECONNRESET; EPIPE if the      ETIMEDOUT, after 924.6 s and more (latency)
 *               peer's end had come and ours
 *               was not sent */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/time.h"
#include "sim/sim.h"

enum { SYN = 1, ACK = 2, FIN = 4, RST = 8, PROBE = 16 };
enum { SYN_RETRIES = 6, SYNACK_RETRIES = 5, RETRIES = 15, ORPHAN_RETRIES = 8 };
enum { CUT_MAX = 65536 };

static const weir_ns syn_pause_ns = WEIR_SECONDS(1);
static const weir_ns pause_min_ns = WEIR_MILLISECONDS(200);
static const weir_ns pause_max_ns = WEIR_SECONDS(120);
static const weir_ns last_wait_ns = WEIR_SECONDS(60); /* TIME_WAIT, FIN_WAIT2 of an orphan */

struct segment {
    struct sim_event event; /* first: see weir__sim_world_free */
    uint64_t from_id, to_id;
    int from_host, to_host, flags;
    uint64_t seq, ack, limit;
    struct sim_ip from_ip, to_ip;
    uint16_t from_port, to_port;
    size_t len;
    uint8_t payload[];
};

static void arrive(struct sim_world *w, struct sim_event *e);
static void retry(struct sim_world *w, struct sim_event *e);
static void alive(struct sim_world *w, struct sim_event *e);

/* ---- sending --------------------------------------------------------------------------------- */

static size_t room_in(const struct sim_sock *s) {
    return s->in.len < s->in_max ? s->in_max - s->in.len : 0;
}

static uint64_t out_start(const struct sim_sock *s) {
    return s->snd_una > 0 ? s->snd_una : 1;
}

static void emit(struct sim_sock *s, int flags, uint64_t seq, size_t len) {
    struct sim_world *w = s->world;
    uint64_t limit = s->rcv_nxt + room_in(s);
    s->advertised = limit > s->advertised ? limit : s->advertised;
    w->segments++;
    if (!weir__sim_path_whole(w, s->host, s->peer_host)) {
        w->lost++;
        return;
    }
    if (weir__sim_path_loses(w, s->host, s->peer_host)) {
        weir__sim_sock_unheard(s);
        return;
    }
    struct segment *g = weir__sim_alloc(sizeof *g + len);
    *g = (struct segment){.event.fire = arrive,
                          .from_id = s->id,
                          .to_id = s->peer_id,
                          .from_host = s->host,
                          .to_host = s->peer_host,
                          .flags = flags,
                          .seq = seq,
                          .ack = s->rcv_nxt,
                          .limit = s->advertised,
                          .from_ip = s->ip,
                          .to_ip = s->peer_ip,
                          .from_port = s->port,
                          .to_port = s->peer_port,
                          .len = len};
    if (len > 0)
        weir__sim_ring_peek(&s->out, seq - out_start(s), g->payload, len);
    weir__sim_sock_expect(w, g->to_id, &g->event,
                          weir__sim_path_arrival(w, g->from_host, g->to_host));
}

static void answer_reset(struct sim_world *w, const struct segment *to) {
    if ((to->flags & RST) || !weir__sim_path_whole(w, to->to_host, to->from_host))
        return;
    w->segments++;
    if (weir__sim_path_loses(w, to->to_host, to->from_host)) {
        w->lost++;
        return;
    }
    struct segment *g = weir__sim_alloc(sizeof *g);
    *g = (struct segment){.event.fire = arrive,
                          .to_id = to->from_id,
                          .from_host = to->to_host,
                          .to_host = to->from_host,
                          .flags = RST};
    weir__sim_sock_expect(w, g->to_id, &g->event,
                          weir__sim_path_arrival(w, g->from_host, g->to_host));
}

/* Is a probe of s sure to be answered, and not by RST? */
static bool peer_reachable(const struct sim_sock *s) {
    const struct sim_sock *peer = weir__sim_sock_by_id(s->world, s->peer_id);
    return peer != NULL && peer->state != SIM_DEAD &&
           weir__sim_path_whole(s->world, s->host, s->peer_host);
}

/* How many segments in a row may have no answer, before s gives up. */
static unsigned retries_max(const struct sim_sock *s) {
    if (s->state == SIM_SYN_SENT || s->state == SIM_SYN_RCVD)
        return s->state == SIM_SYN_SENT ? SYN_RETRIES : SYNACK_RETRIES;
    return s->open || s->queued ? RETRIES : ORPHAN_RETRIES;
}

/* Something sent is not acknowledged yet. */
static bool outstanding(const struct sim_sock *s) {
    return s->snd_nxt > s->snd_una;
}

/* Is the probe of a full window sure to change nothing? Not while the peer has more room than s
 * knows of: that is said once, and may be lost, by chance or to a host that was cut off. Nor where
 * s gives up instead of one more. */
static bool probe_idles(const struct sim_sock *s) {
    const struct sim_sock *peer = weir__sim_sock_by_id(s->world, s->peer_id);
    if (outstanding(s) || !peer_reachable(s) || s->unanswered >= retries_max(s))
        return false;
    return peer->rcv_nxt + room_in(peer) <= s->snd_limit;
}

/* The same of keepalive. */
static bool keepalive_idles(const struct sim_sock *s) {
    return peer_reachable(s) && s->probes < (unsigned)s->options[WEIR__KEEPCNT];
}

static void arm_retry(struct sim_sock *s) {
    struct sim_world *w = s->world;
    bool blocked = s->state == SIM_CONNECTED && s->snd_nxt < s->snd_end;
    if (!outstanding(s) && !blocked) {
        weir__sim_event_disarm(w, &s->retry);
        return;
    }
    if (s->retry.position != 0) { /* what was a probe may send bytes again next time */
        weir__sim_event_idle(w, &s->retry, probe_idles(s));
        return;
    }
    weir_ns pause_ns = s->state == SIM_CONNECTED ? pause_min_ns : syn_pause_ns;
    weir_ns latency_ns = weir__sim_path_latency(w, s->host, s->peer_host);
    pause_ns = weir__deadline(pause_ns, weir__deadline(latency_ns, latency_ns));
    for (unsigned i = 0; i < s->retries && pause_ns < pause_max_ns; i++)
        pause_ns *= 2;
    s->retry.fire = retry;
    pause_ns = pause_ns < pause_max_ns ? pause_ns : pause_max_ns;
    weir__sim_event_arm(w, &s->retry, weir__deadline(w->now_ns, pause_ns));
    weir__sim_event_idle(w, &s->retry, probe_idles(s));
}

/* Send as many bytes as the peer has room for, and after the last one the FIN, if it is wanted. */
static void output(struct sim_sock *s) {
    if (s->state != SIM_CONNECTED)
        return;
    while (s->snd_nxt < s->snd_end && s->snd_nxt < s->snd_limit) {
        uint64_t len = s->snd_end - s->snd_nxt;
        len = len < s->snd_limit - s->snd_nxt ? len : s->snd_limit - s->snd_nxt;
        len = len < s->world->config.segment_max ? len : s->world->config.segment_max;
        if (weir__choose(s->world, SIM_CUT, 4) == 3)
            len = 1 + weir__choose(s->world, SIM_CUT, len < CUT_MAX ? (uint32_t)len : CUT_MAX);
        emit(s, ACK, s->snd_nxt, len);
        s->snd_nxt += len;
    }
    if (s->fin_wanted && s->snd_nxt == s->snd_end) {
        s->closed_first |= !s->fin_rcvd;
        emit(s, FIN | ACK, s->snd_nxt, 0);
        s->snd_nxt++;
    }
    arm_retry(s);
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* s may be readable or writable now: try its pending ops again. */
static void changed(struct sim_sock *s) {
    if (s->open) /* else its owner may be gone */
        s->world->changed(s);
}

static struct sim_sock *parent_of(const struct sim_sock *s) {
    return weir__sim_sock_by_id(s->world, s->parent_id);
}

static void forget_embryo(struct sim_sock *s) {
    struct sim_sock *parent = parent_of(s);
    if (parent != NULL)
        parent->embryos--;
    weir__sim_sock_free(s);
}

/* The connection has failed with error: pending ops get it. */
static void fail(struct sim_sock *s, int error) {
    if (s->state == SIM_SYN_RCVD) {
        forget_embryo(s);
        return;
    }
    s->state = SIM_DEAD;
    s->error = error;
    weir__sim_sock_stir_peer(s); /* RST answers what it sends */
    weir__sim_ring_clear(&s->out);
    s->snd_una = s->snd_nxt = s->snd_end;
    weir__sim_event_disarm(s->world, &s->retry);
    weir__sim_event_disarm(s->world, &s->alive);
    if (!s->open && !s->queued)
        weir__sim_sock_free(s);
    else
        changed(s);
}

/* An orphan, closed by its user, goes when both ends have been sent and acknowledged. */
static void finish(struct sim_sock *s) {
    if (s->open || s->queued || s->state != SIM_CONNECTED || s->snd_una <= s->snd_end)
        return;
    if (s->fin_rcvd && !s->closed_first) {
        weir__sim_sock_free(s);
        return;
    }
    if (s->fin_rcvd)
        s->state = SIM_TIME_WAIT;
    s->alive.fire = alive;
    weir__sim_event_arm(s->world, &s->alive, weir__deadline(s->world->now_ns, last_wait_ns));
    weir__sim_event_idle(s->world, &s->alive, true);
}

static void retry(struct sim_world *w, struct sim_event *e) {
    struct sim_sock *s = WEIR_CONTAINER(e, struct sim_sock, retry);
    (void)w;
    s->retries++;
    if (++s->unanswered > retries_max(s)) {
        fail(s, ETIMEDOUT);
        return;
    }
    if (s->state == SIM_SYN_SENT || s->state == SIM_SYN_RCVD) {
        emit(s, s->state == SIM_SYN_SENT ? SYN | PROBE : SYN | ACK, 0, 0);
        arm_retry(s);
    } else if (outstanding(s)) {
        s->snd_nxt = s->snd_una;
        output(s);
    } else {
        emit(s, PROBE | ACK, s->snd_nxt, 0);
        arm_retry(s);
    }
}

void weir__sim_keepalive_set(struct sim_sock *s) {
    struct sim_world *w = s->world;
    if (s->state != SIM_CONNECTED || !s->open)
        return;
    if (s->keepalive_s == 0) {
        weir__sim_event_disarm(w, &s->alive);
        return;
    }
    s->alive.fire = alive;
    int pause_s = s->probes ? s->options[WEIR__KEEPINTVL] : s->keepalive_s;
    weir_ns pause_ns = WEIR_SECONDS(pause_s);
    weir__sim_event_arm(w, &s->alive, weir__deadline(w->now_ns, pause_ns));
    weir__sim_event_idle(w, &s->alive, keepalive_idles(s));
}

static void alive(struct sim_world *w, struct sim_event *e) {
    struct sim_sock *s = WEIR_CONTAINER(e, struct sim_sock, alive);
    (void)w;
    if (!s->open) {
        weir__sim_sock_free(s);
        return;
    }
    if (!outstanding(s)) {
        if (++s->probes > (unsigned)s->options[WEIR__KEEPCNT]) {
            fail(s, ETIMEDOUT);
            return;
        }
        emit(s, PROBE | ACK, s->snd_nxt, 0);
    }
    weir__sim_keepalive_set(s);
}

void weir__sim_host_cut(struct sim_world *w, int host, bool cut) {
    w->hosts[host].cut = cut;
    for (size_t i = 0; i < w->sock_cap; i++) {
        struct sim_sock *s = w->socks[i];
        if (s == NULL || s->state != SIM_CONNECTED)
            continue;
        weir__sim_event_idle(w, &s->retry, probe_idles(s));
        weir__sim_event_idle(w, &s->alive, !s->open || keepalive_idles(s));
    }
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* A SYN sent again: its child may be waiting for the answer to its own SYN. */
static bool has_child_of(const struct sim_world *w, uint64_t peer_id) {
    for (size_t i = 0; i < w->sock_cap; i++)
        if (w->socks[i] != NULL && w->socks[i]->peer_id == peer_id)
            return true;
    return false;
}

static void on_syn(struct sim_world *w, const struct segment *g) {
    struct sim_sock *l = weir__sim_listener_for(w, g->to_host, &g->to_ip, g->to_port);
    if (l == NULL) {
        answer_reset(w, g);
        return;
    }
    if (l->queue_len + l->embryos > l->backlog)
        return; /* it will come again */
    if ((g->flags & PROBE) && has_child_of(w, g->from_id))
        return;
    struct sim_sock *s = weir__sim_sock_new(w, l->owner, l->family, SOCK_STREAM, g->to_host);
    s->state = SIM_SYN_RCVD;
    s->ip = g->to_ip;
    s->port = g->to_port;
    s->peer_ip = g->from_ip;
    s->peer_port = g->from_port;
    s->peer_host = g->from_host;
    s->peer_id = g->from_id;
    s->parent_id = l->id;
    s->bound = true;
    s->reuse_addr = l->reuse_addr;
    s->reuse_port = l->reuse_port;
    s->v6only = l->v6only;
    s->name = l->name;
    s->keepalive_s = l->keepalive_s;
    memcpy(s->options, l->options, sizeof s->options);
    s->in_max = l->in_max;
    s->out_max = l->out_max;
    s->snd_limit = g->limit;
    s->rcv_nxt = 1;
    weir__sim_host_port(s, true);
    l->embryos++;
    emit(s, SYN | ACK, 0, 0);
    s->snd_nxt = 1;
    arm_retry(s);
}

static void on_reset(struct sim_sock *s) {
    bool fin_sent = s->snd_nxt > s->snd_end;
    switch (s->state) {
    case SIM_SYN_SENT:
        fail(s, ECONNREFUSED);
        break;
    case SIM_SYN_RCVD:
        forget_embryo(s);
        break;
    case SIM_CONNECTED:
        fail(s, s->fin_rcvd && !fin_sent ? EPIPE : ECONNRESET);
        break;
    case SIM_FRESH:
    case SIM_LISTEN:
    case SIM_DEAD:
    case SIM_TIME_WAIT:
        break;
    }
}

/* Returns whether s is connected now and g goes on to be read. */
static bool on_handshake(struct sim_sock *s, const struct segment *g) {
    if (s->state == SIM_SYN_SENT && (g->flags & SYN)) {
        s->state = SIM_CONNECTED;
        s->peer_id = g->from_id;
        s->rcv_nxt = 1;
    } else if (s->state == SIM_SYN_RCVD && !(g->flags & SYN)) {
        struct sim_sock *parent = parent_of(s);
        s->state = SIM_CONNECTED;
        s->queued = true;
        parent->embryos--;
        parent->queue_len++;
        weir__list_add_tail(&parent->queue, &s->queue);
        changed(parent);
    } else if (s->state != SIM_CONNECTED) {
        return false;
    }
    if (g->flags & SYN)
        emit(s, ACK, s->snd_nxt > 0 ? s->snd_nxt : 1, 0);
    return true;
}

/* A peer that answers is there; only one that has taken or will take bytes shortens the pauses. */
static void on_ack(struct sim_sock *s, const struct segment *g) {
    bool opens = g->limit > s->snd_limit;
    s->unanswered = 0;
    s->probes = 0;
    if (opens)
        s->snd_limit = g->limit;
    if (opens || g->ack > s->snd_una)
        s->retries = 0;
    if (opens && !outstanding(s)) /* what is sent now has a pause of its own */
        weir__sim_event_disarm(s->world, &s->retry);
    if (g->ack <= s->snd_una)
        return;
    uint64_t upto = g->ack < s->snd_end ? g->ack : s->snd_end;
    if (upto > out_start(s))
        weir__sim_ring_drop(&s->out, upto - out_start(s));
    s->snd_una = g->ack;
    if (s->snd_nxt < s->snd_una)
        s->snd_nxt = s->snd_una;
    weir__sim_event_disarm(s->world, &s->retry);
}

/* Take the bytes of segment g that are new. Returns false if s is gone. */
static bool on_data(struct sim_sock *s, const struct segment *g) {
    uint64_t end = g->seq + g->len;
    if (g->len > 0 && g->seq <= s->rcv_nxt && end > s->rcv_nxt) {
        if (!s->open && !s->queued) { /* no op will read it any more */
            emit(s, RST, s->snd_nxt, 0);
            weir__sim_sock_free(s);
            return false;
        }
        size_t known = s->rcv_nxt - g->seq, take = g->len - known;
        take = take < room_in(s) ? take : room_in(s);
        weir__sim_ring_put(&s->in, g->payload + known, take);
        s->rcv_nxt += take;
    }
    if ((g->flags & FIN) && end == s->rcv_nxt && !s->fin_rcvd) {
        s->fin_rcvd = true;
        s->rcv_nxt++;
    }
    if (g->len > 0 || (g->flags & (FIN | PROBE)))
        emit(s, ACK, s->snd_nxt, 0);
    return true;
}

static void on_segment(struct sim_sock *s, const struct segment *g) {
    if (g->flags & RST) {
        on_reset(s);
        return;
    }
    if (s->state == SIM_DEAD || s->state == SIM_TIME_WAIT) {
        if (s->state == SIM_TIME_WAIT && (g->flags & FIN))
            emit(s, ACK, s->snd_nxt, 0);
        else if (s->state == SIM_DEAD)
            answer_reset(s->world, g);
        return;
    }
    if (!on_handshake(s, g))
        return;
    on_ack(s, g);
    if (!on_data(s, g))
        return;
    output(s);
    weir__sim_keepalive_set(s);
    if (s->open || s->queued)
        changed(s);
    else
        finish(s);
}

static void arrive(struct sim_world *w, struct sim_event *e) {
    struct segment *g = WEIR_CONTAINER(e, struct segment, event);
    struct sim_sock *s = weir__sim_sock_by_id(w, g->to_id);
    if (!weir__sim_path_whole(w, g->from_host, g->to_host))
        w->lost++;
    else if ((g->flags & (SYN | ACK)) == SYN)
        on_syn(w, g);
    else if (s != NULL)
        on_segment(s, g);
    else
        answer_reset(w, g);
    free(g);
}

/* ---- the calls ------------------------------------------------------------------------------- */

static int connect_addresses(struct sim_sock *s, const struct weir__addr *a) {
    struct sim_ip ip;
    uint16_t port;
    bool fits = a->sa.sa_family == s->family || s->family == AF_UNIX;
    if (!fits || !weir__sim_ip_from(a, &ip, &port))
        return -EAFNOSUPPORT;
    if (s->family == AF_INET6 && s->v6only && weir__sim_ip_is_v4(&ip))
        return -ENETUNREACH;
    s->peer_host = weir__sim_ip_host(s->world, s->host, &ip);
    weir__sim_source(s, &ip, &s->ip);
    s->peer_ip = weir__sim_ip_is_any(&ip) ? s->ip : ip;
    s->peer_port = port;
    return s->bound ? 0 : weir__sim_bind_ephemeral(s);
}

int weir__sim_connect(struct sim_sock *s, const struct weir__addr *a) {
    if (s->state == SIM_CONNECTED || s->state == SIM_LISTEN)
        return -EISCONN;
    if (s->state != SIM_FRESH)
        return s->state == SIM_SYN_SENT ? -EALREADY : -ECONNABORTED;
    int rc = connect_addresses(s, a);
    if (rc < 0)
        return rc == -EADDRINUSE ? -EADDRNOTAVAIL : rc;
    s->state = SIM_SYN_SENT;
    emit(s, SYN, 0, 0);
    s->snd_nxt = 1;
    arm_retry(s);
    return 0;
}

int64_t weir__sim_recv(struct sim_sock *s, void *buf, size_t len) {
    if (s->in.len > 0) {
        size_t n = len < s->in.len ? len : s->in.len;
        weir__sim_ring_peek(&s->in, 0, buf, n);
        weir__sim_note_bytes(s->world, buf, n);
        weir__sim_ring_drop(&s->in, n);
        size_t step = s->in_max / 2 < s->world->config.segment_max ? s->in_max / 2
                                                                  : s->world->config.segment_max;
        uint64_t gain = s->rcv_nxt + room_in(s) - s->advertised;
        if (s->state == SIM_CONNECTED && !s->fin_rcvd && gain > 0 &&
            (gain >= step || s->in.len == 0))
            emit(s, ACK, s->snd_nxt, 0);
        return (int64_t)n;
    }
    if (s->fin_rcvd)
        return 0; /* even if an error came after it: that is for who sends */
    if (s->error != 0) {
        int error = s->error;
        s->error = 0;
        return -error;
    }
    if (s->state == SIM_FRESH || s->state == SIM_LISTEN)
        return -ENOTCONN;
    return s->shut_rd || s->state == SIM_DEAD ? 0 : -EAGAIN;
}

int64_t weir__sim_send(struct sim_sock *s, const void *buf, size_t len) {
    if (s->error != 0) {
        int error = s->error;
        s->error = 0;
        return -error;
    }
    if (s->state == SIM_SYN_SENT)
        return -EAGAIN;
    if (s->state != SIM_CONNECTED || s->fin_wanted)
        return -EPIPE;
    size_t room = s->out.len < s->out_max ? s->out_max - s->out.len : 0;
    size_t n = len < room ? len : room;
    if (n == 0)
        return len == 0 ? 0 : -EAGAIN;
    weir__sim_ring_put(&s->out, buf, n);
    s->snd_end += n;
    output(s);
    return (int64_t)n;
}

int weir__sim_shutdown(struct sim_sock *s, int how) {
    if (s->state == SIM_LISTEN && how != SHUT_WR) {
        s->state = SIM_DEAD;
        weir__list_remove(&s->listening);
        changed(s);
        return 0;
    }
    if (s->state != SIM_CONNECTED)
        return -ENOTCONN;
    if (how != SHUT_RD && !s->fin_wanted) {
        s->fin_wanted = true;
        output(s);
    }
    if (how != SHUT_WR)
        s->shut_rd = true;
    changed(s);
    return 0;
}

static void reset_children(struct sim_sock *l) {
    struct sim_world *w = l->world;
    for (size_t i = 0; l->queue_len + l->embryos > 0 && i < w->sock_cap; i++) {
        struct sim_sock *s = w->socks[i];
        bool waits = s != NULL && (s->queued || s->state == SIM_SYN_RCVD);
        if (!waits || s->parent_id != l->id)
            continue;
        if (s->state != SIM_DEAD)
            emit(s, RST, s->snd_nxt, 0);
        weir__sim_sock_free(s);
    }
}

void weir__sim_close(struct sim_sock *s) {
    s->world->open--;
    s->open = false;
    s->file = NULL;
    reset_children(s);
    if (s->state != SIM_CONNECTED) {
        weir__sim_sock_free(s);
    } else if (s->linger0 || s->in.len > 0) {
        emit(s, RST, s->snd_nxt, 0);
        weir__sim_sock_free(s);
    } else {
        s->fin_wanted = true;
        s->retries = s->unanswered = 0;
        weir__sim_event_disarm(s->world, &s->alive);
        output(s);
        finish(s);
    }
}
