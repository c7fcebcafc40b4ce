/* SPDX-License-Identifier: MIT */
/* ws_spare.h - what all connections of a thread share. */
#ifndef WEIR_PROTO_WS_SPARE_H
#define WEIR_PROTO_WS_SPARE_H

#include "proto/weir_ws.h"

void weir__ws_spare_hold(void); /* while a connection lives on this thread */
void weir__ws_spare_unhold(void);

void weir__ws_spare_mask(struct weir__backend *b, uint8_t mask[4]);

#endif
