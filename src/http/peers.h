/* SPDX-License-Identifier: MIT */
/* peers.h - addresses of clients and proxies: a list of addresses and networks, and who the client
 * is by the Forwarded (RFC 7239) or X-Forwarded-For fields of proxies that are on such a list.
 * Pure. */
#ifndef WEIR_HTTP_PEERS_H
#define WEIR_HTTP_PEERS_H

#include "wire/http1.h"

/* An IP address; an IPv4 one as IPv6 has it, ::ffff:a.b.c.d. */
struct weir__ip {
    uint8_t bytes[16];
};

/* Read an address as proxies write it: with or without a port, an IPv6 address with or without
 * brackets, without a zone. Returns false if it is none. */
bool weir__ip_parse(struct weir__ip *ret, const char *text, size_t len);

/* Write it, without port and brackets. Returns text. */
enum { WEIR__IP_MAX = 46 };
const char *weir__ip_write(const struct weir__ip *ip, char text[static WEIR__IP_MAX]);

/* What is wrong with an entry of such a list: "10.0.0.0/8", "::1", "unix"; NULL: nothing. */
const char *weir__peer_fault(const char *entry);

/* A peer as weir_stream_peer shows it, without what differs between its connections: an IP address
 * without port and zone; "unix" for "unix:NAME"; else as it is. Returns text. */
enum { WEIR__PEER_MAX = 64 };
const char *weir__peer_write(const char *peer, char text[static WEIR__PEER_MAX]);

/* Is a peer on the list? peer is what weir_stream_peer returns. An IP address is compared without
 * its zone. The entry "unix" matches "unix:NAME" and "memory"; no entry matches any other name. The
 * list ends with NULL; a list that is NULL is empty. */
bool weir__peer_listed(const char *const *list, const char *peer, size_t len);

/* Who sent a request, as far as the proxies on the list are to be believed. */
struct weir__client {
    struct weir__slice address; /* in buf; {0, 0}: the peer itself */
    struct weir__slice scheme, host; /* in buf; empty: no proxy has said it */
};

/* Follow the proxies from the peer on, the last entry first, until an address that is not on the
 * list. by_forwarded: they write Forwarded, else X-Forwarded-For, -Proto and -Host; the other
 * fields are anybody's and not looked at. An entry that is no address ends the search: the client
 * is then the proxy before it. */
void weir__client_find(struct weir__client *ret, const struct weir__http1 *head, const void *buf,
                       const char *const *list, bool by_forwarded, const char *peer);

#endif
