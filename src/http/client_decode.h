/* SPDX-License-Identifier: MIT */
/* client_decode.h - takes gzip or deflate off the body of an answer. Bytes in, bytes out; it never
 * writes more than it has room for, so a bomb costs its reader what the reader asks for. */
#ifndef WEIR_HTTP_CLIENT_DECODE_H
#define WEIR_HTTP_CLIENT_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_decoder;

enum { HTTP_DECODE_IN = 16 << 10 }; /* what it takes at once */

/* Can anything be decoded here? Not without libweir-zlib. */
bool weir__http_can_decode(void);

/* A decoder for the value of a Content-Encoding header. *ret is NULL for a coding that we did not
 * ask for: the body is handed out as it is. Returns 0, -ENOMEM. */
int weir__http_decoder_new(const char *coding, struct http_decoder **ret);
void weir__http_decoder_free(struct http_decoder *d); /* NULL is fine */

/* Where the next bytes of the body go, at most HTTP_DECODE_IN of them; NULL: there are some left
 * to be decoded. Then say how many came; 0: the body has ended. */
uint8_t *weir__http_decoder_room(struct http_decoder *d);
void weir__http_decoder_put(struct http_decoder *d, size_t len);

/* Decode into buf. Returns how many bytes; 0: more is needed, or all has come out if the body has
 * ended; WEIR_EPROTO, WEIR_EEOF (the body ended, the data did not), -ENOMEM. */
int64_t weir__http_decode(struct http_decoder *d, uint8_t *buf, size_t len);

#endif
