/* SPDX-License-Identifier: MIT */
/* ws_spare.h - what all connections of a thread share. */
#ifndef WEIR_PROTO_WS_SPARE_H
#define WEIR_PROTO_WS_SPARE_H

#include "proto/weir_ws.h"

void weir__ws_spare_hold(void); /* while a connection lives on this thread */
void weir__ws_spare_unhold(void);

struct ws_queue *weir__ws_spare_take(size_t len); /* empty, for len bytes; NULL: there is none */
void weir__ws_spare_give(struct ws_queue *q);     /* it was written: keep or free it */

void weir__ws_spare_mask(struct weir__backend *b, uint8_t mask[4]);

#endif
