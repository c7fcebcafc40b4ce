/* SPDX-License-Identifier: MIT */
/* sha1.h - SHA-1 (FIPS 180-4) of a whole message. For Sec-WebSocket-Accept only: SHA-1 is no
 * protection any more. */
#ifndef WEIR_WIRE_SHA1_H
#define WEIR_WIRE_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum { WEIR__SHA1_LEN = 20 };

/* Write the digest of the message to ret_digest. */
void weir__sha1(const void *message, size_t len, uint8_t ret_digest[WEIR__SHA1_LEN]);

#endif
