/* SPDX-License-Identifier: MIT */
/* address.h - struct weir_addr and the backend's addresses have the same bytes. */
#ifndef WEIR_DATAGRAM_ADDRESS_H
#define WEIR_DATAGRAM_ADDRESS_H

#include <weir/net.h>

#include "sys/addr.h"

_Static_assert(sizeof(struct weir__addr) <= sizeof(struct weir_addr), "an address must fit");

static inline struct weir__addr *weir__addr_in(struct weir_addr *a) {
    return (struct weir__addr *)(void *)a->opaque;
}

static inline const struct weir__addr *weir__addr_of(const struct weir_addr *a) {
    return (const struct weir__addr *)(const void *)a->opaque;
}

/* A whole weir_addr, so that no byte of it is left over from another. */
static inline void weir__addr_give(const struct weir__addr *from, struct weir_addr *ret_addr) {
    *ret_addr = (struct weir_addr){{0}};
    *weir__addr_in(ret_addr) = *from;
}

/* Split "HOST:PORT", "[HOST]:PORT". Returns 0 or -EINVAL. */
int weir__addr_split(const char *text, char host[WEIR__NAME_MAX + 1], uint16_t *ret_port);

/* As weir_addr_parse. */
int weir__addr_parse(const char *text, struct weir__addr *ret_addr);

/* A socket of IPv6 sends to IPv4 by mapped addresses, and shows senders so. */
static inline bool weir__addr_is_mapped(const struct weir__addr *a) {
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
}

#endif
