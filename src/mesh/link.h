/* SPDX-License-Identifier: MIT */
/* link.h - a kept connection to one channel of one node: ask, wait for the answer, ask again.
 *
 * Window 1: whoever has the link's turn sends one item and gets its ack before the next. A task of
 * the mesh always reads, so that pings are answered and an end is noticed. An outage is met here:
 * dialled again as limits.h says, and what was not acked is sent again. It is the link's, not an
 * asker's: when its time is over, all who wait are told. */
#ifndef WEIR_MESH_LINK_H
#define WEIR_MESH_LINK_H

#include <stdbool.h>

#include "mesh/mesh.h"

struct weir__link;

/* Wait for the turn on the link to target's channel (target NULL: channel is a whole ws:// URL);
 * nothing is dialled yet. *ret_link is the caller's to leave. Suspends; a cancel point.
 * Returns 0; WEIR_ENONODE, WEIR_ENOLISTEN, WEIR_ETOOBIG (channel), WEIR_EUNREACH (who had the turn
 * tried in vain, for as long as an outage may last), -ECANCELED, -ETIME, -ENOMEM. */
int weir__link_take(struct weir_mesh *m, const char *target, const char *channel,
                    struct weir__link **ret_link);

/* Dial if it is not connected. As weir__link_ask. */
int weir__link_connect(struct weir__link *l);

/* Send one item and wait for its ack, which is lent until the next ask or leave.
 * Returns 0 (also for a nack: weir__is_nack); WEIR_EUNREACH (the time is over: recorded with what
 * failed last), WEIR_EWSCLOSED (the receiver closed because of this item: 1003, 1007 .. 1011),
 * WEIR_EPROTO, WEIR_EUTF8, WEIR_ETOOBIG (the receiver broke the protocol: recorded with what; the
 * last two also of data), WEIR_EHTTP (it refused the connection for good: 3xx, 4xx but 408, 425 and
 * 429), WEIR_EURL, WEIR_ENOTLS, WEIR_ECLOSED (a scope around the mesh has fired), -ECANCELED,
 * -ETIME, -ENOMEM. After a cancel the connection is dropped: its next ack would be taken for
 * another item's. */
int weir__link_ask(struct weir__link *l, enum weir_ws_type type, const void *data, size_t len,
                   struct weir_ws_message *ret_ack);

/* After a failed ask or connect, for people: where it went, whole (a record's text may have had to
 * cut it), and what failed last, with its name. Lent until the next of them, or leave. */
const char *weir__link_url(const struct weir__link *l);
const char *weir__link_why(const struct weir__link *l);

/* After an ask: make its ack's memory, from weir__alloc and with a NUL behind, the caller's. */
char *weir__link_ack_take(struct weir__link *l);

/* The ack has been used: its memory is given back now, not with the next ask or leave. */
void weir__link_done(struct weir__link *l);

/* Give the turn to the next. The connection stays. */
void weir__link_leave(struct weir__link *l);

/* Of weir__mesh_close: all readers have ended. */
void weir__links_free(struct weir_mesh *m);

/* Make an ack of a message. Returns 0; -ENOMEM. */
WEIR_API int weir__node_ack_copy(const struct weir_ws_message *m, struct weir_node_ack *ret_ack);

/* Is this ack a refusal: a text that begins with "nack: "? */
bool weir__is_nack(enum weir_ws_type type, struct weir_view ack);

#endif
