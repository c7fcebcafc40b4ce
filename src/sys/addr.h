/* SPDX-License-Identifier: MIT */
/* addr.h - socket addresses as values: text, equality, port. No look-ups, nothing blocks. */
#ifndef WEIR_SYS_ADDR_H
#define WEIR_SYS_ADDR_H

#include "sys/backend.h"

enum { WEIR__ADDR_TEXT_MAX = 128 }; /* enough for every address, with the final zero */

/* "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80", "unix:/path", "unix:@abstract", "unix:" (unnamed).
 * Cut to size, always ended. Returns buf. */
char *weir__addr_format(const struct weir__addr *a, char *buf, size_t size);

/* Parse an IPv4 or IPv6 address without port or brackets; "%2" or "%lo" names a scope.
 * Returns 0 or -EINVAL. */
int weir__addr_parse_numeric(const char *host, uint16_t port, struct weir__addr *ret_addr);

/* A path, or "@name" for the abstract kind. Returns 0, -EINVAL (empty) or -ENAMETOOLONG. */
int weir__addr_unix(const char *path, struct weir__addr *ret_addr);

bool weir__addr_equal(const struct weir__addr *a, const struct weir__addr *b);

void weir__addr_set_port(struct weir__addr *a, uint16_t port);
uint16_t weir__addr_port(const struct weir__addr *a); /* 0 if the family has none */

#endif
