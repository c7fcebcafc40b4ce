/* SPDX-License-Identifier: MIT */
/* link.h - a kept connection to one channel of one node: ask, wait for the answer, ask again.
 *
 * Window 1: the task that has the link's turn (the asker) sends one item and gets its ack before
 * the next item is sent. A task of the mesh (the reader) always reads, so that pings are answered
 * and a closed connection is noticed. In an outage the asker dials again, as limits.h says, and
 * sends an item that was not acked again. The outage belongs to the link, not to one asker: when
 * its time is over, all tasks that wait for the link get the error. */
#ifndef WEIR_MESH_LINK_H
#define WEIR_MESH_LINK_H

#include <stdbool.h>

#include "mesh/mesh.h"

struct weir__link;

/* Wait for the turn on the link to target's channel (target NULL: channel is a whole ws:// URL);
 * nothing is dialled yet. The caller must leave *ret_link. Suspends; a cancel point.
 * Returns 0; WEIR_ENONODE, WEIR_ENOLISTEN, WEIR_ETOOBIG (channel), WEIR_EUNREACH (the task that had
 * the turn tried in vain, for as long as an outage may last), -ECANCELED, -ETIME, -ENOMEM. */
int weir__link_take(struct weir_mesh *m, const char *target, const char *channel,
                    struct weir__link **ret_link);

/* Dial if the link is not connected. Returns as weir__link_ask. */
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

/* After a failed ask or connect, for people: the whole URL (a record's text may have had to cut
 * it), and what failed last, with its name. Lent until the next ask or connect, or the leave. */
const char *weir__link_url(const struct weir__link *l);
const char *weir__link_why(const struct weir__link *l);

/* After an ask or connect that a scope cut short: had the item left, so that only its ack was
 * missing? Else *ret_failed is the code of the outage's last attempt; 0: none has failed. */
bool weir__link_has_left(const struct weir__link *l, int *ret_failed);

/* After an ask: pass the memory of its ack, from weir__alloc and with a NUL behind the text, to the
 * caller. */
char *weir__link_ack_take(struct weir__link *l);

/* Free the ack now, and not with the next ask or leave. */
void weir__link_done(struct weir__link *l);

/* Give the turn to the next task in line. The connection stays. */
void weir__link_leave(struct weir__link *l);

/* Called by weir__mesh_close, when all readers have ended. */
void weir__links_free(struct weir_mesh *m);

/* Make an ack of a message. Returns 0; -ENOMEM. */
WEIR_API int weir__node_ack_copy(const struct weir_ws_message *m, struct weir_node_ack *ret_ack);

/* Is this ack a refusal: a text that begins with "nack: "? */
bool weir__is_nack(enum weir_ws_type type, struct weir_view ack);

#endif
