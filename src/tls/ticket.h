/* SPDX-License-Identifier: MIT */
/* ticket.h - the keys with which a server encrypts tickets. All loops share them, so that a client
 * can resume on any of them. A key encrypts tickets for ticket_ns, and decrypts them for the same
 * time after that. The next handshake that makes or opens a ticket then erases it, so that an
 * attacker who comes later finds no key. While a server has no clients, the last keys stay. */
#ifndef WEIR_TLS_TICKET_H
#define WEIR_TLS_TICKET_H

#include <openssl/ssl.h>
#include <stdint.h>
#include <weir/base.h>

struct weir__tls_ticket_key {
    unsigned char name[16], aes[32], mac[32];
    weir_ns made_ns; /* 0: there is none */
};

struct weir__tls_tickets {
    struct weir__tls_ticket_key keys[2]; /* the one that makes tickets, and the one before */
};

struct weir_tls;

/* Let ctx make and open tickets by the keys of tls. */
int weir__tls_tickets_use(SSL_CTX *ctx, weir_ns lifetime);
/* Forget the keys: what they have made cannot be used any more. The caller holds the lock. */
void weir__tls_tickets_forget(struct weir__tls_tickets *t);

#endif
