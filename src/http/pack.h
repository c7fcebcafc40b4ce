/* SPDX-License-Identifier: MIT */
/* pack.h - answers in gzip, for clients that take it, of a server that may (options->compress).
 * Called by answer.c. The compressor itself is the library weir-zlib's (wire/deflate.h). */
#ifndef WEIR_HTTP_PACK_H
#define WEIR_HTTP_PACK_H

#include "http/http.h"
#include "wire/deflate.h"

enum { HTTP_PACK_OUT = 8 << 10 };

/* A streamed answer's. */
struct http_pack {
    struct weir__deflater *deflater;
    uint8_t out[HTTP_PACK_OUT];
};

/* Compress a whole answer, if that is wanted and makes it smaller: *a gets another body, which the
 * caller frees (*ret_block), and r header lines. */
void weir__http_pack_whole(struct http_request *r, struct weir_http_answer *a, void **ret_block);

/* An answer of unknown length begins: make r->pack if it is to be compressed, and add the header
 * lines. */
void weir__http_pack_begin(struct http_request *r, const struct weir_http_answer *a);

void weir__http_pack_free(struct http_pack *p); /* NULL is fine */

#endif
