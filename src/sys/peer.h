/* SPDX-License-Identifier: MIT */
/* peer.h - the short form of an address that a stream keeps: 24 bytes instead of 116, since an
 * idle connection is small. */
#ifndef WEIR_SYS_PEER_H
#define WEIR_SYS_PEER_H

#include <string.h>

#include "sys/addr.h"

struct weir__peer {
    uint8_t ip[16]; /* IPv4: the first four */
    uint32_t scope;
    uint16_t port;
    uint16_t family; /* AF_UNSPEC: not known, or of a kind that has no short form (unix) */
};

static inline void weir__peer_of(const struct weir__addr *addr, struct weir__peer *ret_peer) {
    *ret_peer = (struct weir__peer){.family = AF_UNSPEC, .port = weir__addr_port(addr)};
    if (addr->len == 0)
        return;
    if (addr->sa.sa_family == AF_INET) {
        memcpy(ret_peer->ip, &addr->in.sin_addr, 4);
        ret_peer->family = AF_INET;
    } else if (addr->sa.sa_family == AF_INET6) {
        /* A dual-stack listener sees IPv4 peers as mapped IPv6 addresses: show them as IPv4. */
        bool mapped = IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr);
        memcpy(ret_peer->ip, addr->in6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
        ret_peer->scope = addr->in6.sin6_scope_id;
        ret_peer->family = mapped ? AF_INET : AF_INET6;
    }
}

static inline void weir__peer_addr(const struct weir__peer *peer, struct weir__addr *ret_addr) {
    memset(ret_addr, 0, sizeof *ret_addr);
    ret_addr->sa.sa_family = peer->family;
    if (peer->family == AF_INET) {
        ret_addr->len = sizeof ret_addr->in;
        memcpy(&ret_addr->in.sin_addr, peer->ip, 4);
    } else {
        ret_addr->len = sizeof ret_addr->in6;
        memcpy(&ret_addr->in6.sin6_addr, peer->ip, 16);
        ret_addr->in6.sin6_scope_id = peer->scope;
    }
    weir__addr_set_port(ret_addr, peer->port);
}

#endif
