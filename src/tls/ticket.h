/* SPDX-License-Identifier: MIT */
/* ticket.h - the keys with which a server encrypts tickets. All loops share them, so that a client
 * resumes wherever it comes. A key makes tickets for the time that a ticket lives, and opens them
 * for that time again: then it is gone, and with it what an attacker could read later. */
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
