/* SPDX-License-Identifier: MIT */
/* ws_react.h - what the rest of the room asks of a reactive connection. */
#ifndef WEIR_PROTO_WS_REACT_H
#define WEIR_PROTO_WS_REACT_H

#include "proto/weir_ws.h"

/* End it now, also if its task is parked; not the user's function. */
void weir__ws_conn_cut(struct weir_ws *ws);
void weir__ws_conn_ending(struct weir_ws *ws); /* our close frame is queued: bound the wait */
void weir__ws_conn_suspended(struct weir_ws *ws); /* the user's function is: read on */

#endif
