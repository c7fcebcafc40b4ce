/* SPDX-License-Identifier: MIT */
/* extension.h - the negotiation of permessage-deflate (RFC 7692 7.1) as pure functions: what stands
 * in Sec-WebSocket-Extensions of a handshake's request and answer. Strict: what breaks the grammar
 * of RFC 6455 9.1 breaks the handshake; an offer that breaks the rules of the extension is
 * declined, and such an answer fails. */
#ifndef WEIR_WIRE_EXTENSION_H
#define WEIR_WIRE_EXTENSION_H

#include "wire/http1_write.h"

/* What one side wants, what is offered, or what was agreed on. Bits: 8 .. 15, of the window of that
 * side's compressor; 0: not said. */
struct weir__ws_deflate_terms {
    uint8_t server_bits, client_bits;
    bool server_fresh, client_fresh; /* server_no_context_takeover, client_no_context_takeover */
    bool client_bits_named;          /* in an offer: the answer may limit the client's window */
    bool server_bits_named;          /* in an offer: the answer must limit the server's */
};

/* As a server: take the first offer of this whole request that can be had. own: what we want; both
 * its bits are set; NULL: no compression, but the grammar is checked (RFC 6455 9.1). Returns 1 and
 * *ret_terms, both bits set; 0: there is none; WEIR_EPROTO with *ret_why, a static text. */
int weir__ws_deflate_choose(const struct weir__http1 *h, const void *buf,
                            const struct weir__ws_deflate_terms *own,
                            struct weir__ws_deflate_terms *ret_terms, const char **ret_why);

/* As a client: read the answer to our offer own, whose client_bits is set. Returns as choose; any
 * answer that does not follow from the offer is WEIR_EPROTO. */
int weir__ws_deflate_agree(const struct weir__http1 *h, const void *buf,
                           const struct weir__ws_deflate_terms *own,
                           struct weir__ws_deflate_terms *ret_terms, const char **ret_why);

/* Write the line of a client's offer, and that of a server's answer. A window of 15 bits is not
 * mentioned, unless the answer must. */
void weir__ws_deflate_put_offer(struct weir__head *w, const struct weir__ws_deflate_terms *own);
void weir__ws_deflate_put_answer(struct weir__head *w, const struct weir__ws_deflate_terms *t);

#endif
