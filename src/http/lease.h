/* SPDX-License-Identifier: MIT */
/* lease.h - a stream that stands for the connection of a request, for another protocol that takes
 * the connection over within the handler. */
#ifndef WEIR_HTTP_LEASE_H
#define WEIR_HTTP_LEASE_H

#include "http/http.h"

/* Make a stream that reads the window and then what comes, and writes to h's stream. h must live
 * until it is closed: see weir__http_lease_await. Returns 0; -ENOMEM. */
int weir__http_lease_new(struct weir_http *h, struct weir_stream **ret_stream);

/* Wait until the stream, if there is one, was closed. If the running task is cancelled, calls on
 * the stream return -ECANCELED, so that its owner closes it. Suspends. */
void weir__http_lease_await(struct weir_http *h);

#endif
