/* SPDX-License-Identifier: MIT */
/* ws_admit.h - whom a server lets in, by the lists of its options. */
#ifndef WEIR_PROTO_WS_ADMIT_H
#define WEIR_PROTO_WS_ADMIT_H

#include "proto/weir_ws.h"

/* Can each entry of the lists let somebody in? Returns 0; -EINVAL, and the text names one that
 * cannot. */
int weir__ws_lists_check(const char *what, const struct weir_ws_options *o);

/* Does a list have this value of an Origin header? */
bool weir__ws_knows_origin(const struct weir_ws *ws, const char *base, size_t len);
/* Is the host of this authority ("host", "host:port"), in buf, a name of the server? */
bool weir__ws_knows_host(struct weir_ws *ws, const char *buf, struct weir__slice authority);

#endif
