/* SPDX-License-Identifier: MIT */
/* flate.h - raw deflate (RFC 1951), our own and small: a judge that shares no code with what it
 * judges. The packer's output is legal and simple (fixed codes, one match tried at each place); the
 * unpacker is strict and knows how far back a peer may reach. */
#ifndef WEIR_TORTURE_FLATE_H
#define WEIR_TORTURE_FLATE_H

#include "torture/bytes.h"

struct packer {
    struct bytes past; /* what was packed since the context began */
    int window;        /* bits; 0: 15 */
};

enum pack_form { PACK_FIXED, PACK_STORED, PACK_FINAL /* BFINAL set, then an empty block */ };

/* Append a message as RFC 7692 7.2.1 has it: packed, flushed, without 00 00 ff ff. */
void pack(struct packer *p, struct bytes *out, const uint8_t *data, size_t len,
          enum pack_form form);
void packer_forget(struct packer *p);
void packer_fini(struct packer *p);

struct unpacker {
    struct bytes past;
    int window;
    size_t reach; /* the furthest match so far */
};

/* Append the text of a message to out. Returns NULL, or what is wrong with it. */
const char *unpack(struct unpacker *u, struct bytes *out, const uint8_t *data, size_t len);
void unpacker_forget(struct unpacker *u);
void unpacker_fini(struct unpacker *u);

#endif
