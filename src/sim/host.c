/* SPDX-License-Identifier: MIT */
/* host.c - the map of a simulated world: names, addresses, links. Host n has the addresses
 * 10.x.y.z and fd00::n+1, its own loopback, and its own ports. Packets to an address that
 * no host has are dropped. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/time.h"
#include "sim/sim.h"

enum { LOSS_OF = 1000, JITTER_PARTS = 1024 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int weir__sim_host_find(const struct sim_world *w, const char *name) {
    for (int i = 0; i < w->host_count; i++)
        if (strcasecmp(w->hosts[i].name, name) == 0)
            return i;
    return -1;
}

int weir__sim_host_add(struct sim_world *w, const char *name) {
    int host = weir__sim_host_find(w, name);
    if (host >= 0)
        return host;
    WEIR_CHECK(strlen(name) <= WEIR__NAME_MAX && w->host_count < 65535);
    host = w->host_count++;
    w->hosts = weir__sim_realloc(w->hosts, (size_t)w->host_count * sizeof *w->hosts);
    struct sim_host *h = &w->hosts[host];
    memset(h, 0, sizeof *h);
    snprintf(h->name, sizeof h->name, "%s", name);
    h->next_port = (uint16_t)(32768 + weir__choose(w, SIM_PORT, 28232));
    return host;
}

static struct sim_link *find_link(const struct sim_world *w, int a, int b) {
    for (size_t i = 0; i < w->link_count; i++)
        if ((w->links[i].a == a && w->links[i].b == b) ||
            (w->links[i].a == b && w->links[i].b == a))
            return &w->links[i];
    return NULL;
}

void weir__sim_link_set(struct sim_world *w, int a, int b, weir_ns latency_ns) {
    struct sim_link *l = find_link(w, a, b);
    if (l == NULL) {
        w->links = weir__sim_realloc(w->links, (w->link_count + 1) * sizeof *w->links);
        l = &w->links[w->link_count++];
    }
    *l = (struct sim_link){.a = a, .b = b, .latency_ns = latency_ns};
}

bool weir__sim_path_whole(const struct sim_world *w, int from, int to) {
    if (from < 0 || to < 0)
        return false;
    return from == to || (!w->hosts[from].cut && !w->hosts[to].cut);
}

weir_ns weir__sim_path_latency(const struct sim_world *w, int from, int to) {
    const struct sim_link *l = find_link(w, from, to);
    if (l != NULL)
        return l->latency_ns;
    return from == to ? w->config.local_latency_ns : w->config.latency_ns;
}

bool weir__sim_path_loses(struct sim_world *w, int from, int to) {
    uint32_t loss = w->config.loss;
    return from != to && loss > 0 && weir__choose(w, SIM_LOSS, LOSS_OF) >= LOSS_OF - loss;
}

weir_ns weir__sim_path_arrival(struct sim_world *w, int from, int to) {
    weir_ns jitter_ns = w->config.jitter_ns;
    weir_ns at_ns = weir__deadline(w->now_ns, weir__sim_path_latency(w, from, to));
    if (jitter_ns <= 0)
        return at_ns;
    weir_ns part = weir__choose(w, SIM_JITTER, JITTER_PARTS + 1);
    return weir__deadline(at_ns, jitter_ns / JITTER_PARTS * part +
                                     jitter_ns % JITTER_PARTS * part / JITTER_PARTS);
}

/* ---- addresses ------------------------------------------------------------------------------- */

bool weir__sim_ip_from(const struct weir__addr *a, struct sim_ip *ret_ip, uint16_t *ret_port) {
    if (a->sa.sa_family == AF_INET && a->len >= sizeof a->in) {
        memcpy(ret_ip->byte, mapped, sizeof mapped);
        memcpy(ret_ip->byte + 12, &a->in.sin_addr, 4);
        *ret_port = ntohs(a->in.sin_port);
        return true;
    }
    if (a->sa.sa_family == AF_INET6 && a->len >= 24) {
        memcpy(ret_ip->byte, &a->in6.sin6_addr, 16);
        *ret_port = ntohs(a->in6.sin6_port);
        return true;
    }
    return false;
}

void weir__sim_addr_make(int family, const struct sim_ip *ip, uint16_t port,
                         struct weir__addr *ret) {
    memset(ret, 0, sizeof *ret);
    if (family == AF_INET) {
        ret->len = sizeof ret->in;
        ret->in.sin_family = AF_INET;
        ret->in.sin_port = htons(port);
        memcpy(&ret->in.sin_addr, ip->byte + 12, 4);
        return;
    }
    ret->len = sizeof ret->in6;
    ret->in6.sin6_family = AF_INET6;
    ret->in6.sin6_port = htons(port);
    memcpy(&ret->in6.sin6_addr, ip->byte, 16);
}

void weir__sim_unix_addr(const struct sim_name *n, struct weir__addr *ret) {
    memset(ret, 0, sizeof *ret);
    ret->un.sun_family = AF_UNIX;
    memcpy(ret->un.sun_path, n->text, n->len);
    ret->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n->len);
}

bool weir__sim_ip_is_v4(const struct sim_ip *ip) {
    return memcmp(ip->byte, mapped, sizeof mapped) == 0;
}

bool weir__sim_ip_is_any(const struct sim_ip *ip) {
    static const uint8_t zero[16];
    return memcmp(ip->byte + 12, zero, 4) == 0 &&
           (weir__sim_ip_is_v4(ip) || memcmp(ip->byte, zero, 12) == 0);
}

bool weir__sim_ip_is_loopback(const struct sim_ip *ip) {
    static const uint8_t one[16] = {[15] = 1};
    return weir__sim_ip_is_v4(ip) ? ip->byte[12] == 127 : memcmp(ip->byte, one, 16) == 0;
}

bool weir__sim_ip_equal(const struct sim_ip *a, const struct sim_ip *b) {
    return memcmp(a->byte, b->byte, 16) == 0;
}

void weir__sim_ip_of_host(int host, bool v4, struct sim_ip *ret) {
    int number = host + 1;
    memset(ret->byte, 0, 16);
    if (v4) {
        memcpy(ret->byte, mapped, sizeof mapped);
        ret->byte[12] = 10;
    } else {
        ret->byte[0] = 0xfd;
    }
    ret->byte[13] = (uint8_t)(number >> 16);
    ret->byte[14] = (uint8_t)(number >> 8);
    ret->byte[15] = (uint8_t)number;
}

int weir__sim_ip_host(const struct sim_world *w, int from, const struct sim_ip *ip) {
    if (weir__sim_ip_is_loopback(ip) || weir__sim_ip_is_any(ip))
        return from;
    int host = (ip->byte[13] << 16 | ip->byte[14] << 8 | ip->byte[15]) - 1;
    if (host < 0 || host >= w->host_count)
        return -1;
    struct sim_ip own;
    weir__sim_ip_of_host(host, weir__sim_ip_is_v4(ip), &own);
    return weir__sim_ip_equal(&own, ip) ? host : -1;
}

static int resolve_numeric(const char *text, uint16_t port, struct weir__addr *ret) {
    struct sim_ip ip;
    memcpy(ip.byte, mapped, sizeof mapped);
    if (inet_pton(AF_INET, text, ip.byte + 12) == 1)
        weir__sim_addr_make(AF_INET, &ip, port, ret);
    else if (inet_pton(AF_INET6, text, ip.byte) == 1)
        weir__sim_addr_make(AF_INET6, &ip, port, ret);
    else
        return 0;
    return 1;
}

int weir__sim_resolve(const struct sim_world *w, const char *name, uint16_t port,
                      struct weir__addr *ret) {
    if (resolve_numeric(name, port, ret) == 1)
        return 1;
    if (strcasecmp(name, "localhost") == 0)
        return resolve_numeric("::1", port, &ret[0]) + resolve_numeric("127.0.0.1", port, &ret[1]);
    int host = weir__sim_host_find(w, name);
    if (host < 0)
        return 0;
    struct sim_ip ip;
    weir__sim_ip_of_host(host, false, &ip);
    weir__sim_addr_make(AF_INET6, &ip, port, &ret[0]);
    weir__sim_ip_of_host(host, true, &ip);
    weir__sim_addr_make(AF_INET, &ip, port, &ret[1]);
    return 2;
}
