/* SPDX-License-Identifier: MIT */
/* accept.h - what a client prefers (RFC 9110 12.4.2, 12.5.3): weights, and may the answer be
 * gzip? Pure. */
#ifndef WEIR_HTTP_ACCEPT_H
#define WEIR_HTTP_ACCEPT_H

#include "wire/http1.h"

/* Take an item of a list with a weight, "gzip;q=0.5". *ret_len is the length of the name alone.
 * Other parameters are skipped. Returns the weight in thousandths, 0 .. 1000; -1: it is none. */
int weir__accept_weight(const char *item, size_t len, size_t *ret_len);

/* Does a request take an answer in gzip, and like it no less than an answer as it is? False without
 * Accept-Encoding. */
bool weir__accept_gzip(const struct weir__http1 *head, const void *buf);

#endif
