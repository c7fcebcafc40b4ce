/* SPDX-License-Identifier: MIT */
/* resolve.h - from names to addresses, by a resolver that weir-dns may replace. */
#ifndef WEIR_STREAM_RESOLVE_H
#define WEIR_STREAM_RESOLVE_H

#include "sys/backend.h"

struct weir__resolver {
    const char *name; /* "system" */
    /* Wait for the addresses of host: at most WEIR__ADDRS_MAX into ret_addrs, best first. Returns
     * their count; WEIR_ENONAME, WEIR_ERESOLVE, -ECANCELED, -ETIME, -ENOMEM. */
    int (*resolve)(const char *host, uint16_t port, struct weir__addr *ret_addrs);
};

/* getaddrinfo on the backend's pool, or the simulated hosts. */
extern const struct weir__resolver weir__resolver_system;

/* The resolver in use; at first the system's. */
extern const struct weir__resolver *weir__resolver;

/* The addresses of host, which may be a number. Suspends. Returns as resolve. */
int weir__resolve(const char *host, uint16_t port, struct weir__addr *ret_addrs);

#endif
