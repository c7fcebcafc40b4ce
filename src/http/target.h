/* SPDX-License-Identifier: MIT */
/* target.h - the target of a request taken apart: the segments of its path and the pairs of its
 * query, with the escapes decoded. Pure: no I/O and no allocation. Used by routes.h and by the
 * calls of weir/http_server.h.
 *
 * Invariant: an escaped slash (%2F) never separates two segments, and no decoded text has a NUL
 * inside. */
#ifndef WEIR_HTTP_TARGET_H
#define WEIR_HTTP_TARGET_H

#include <sys/types.h>

#include "wire/chars.h"

enum { WEIR__TARGET_SEGMENTS = 64 };

struct weir__target {
    char *text; /* the caller's: each segment decoded, a NUL behind it */
    struct weir__slice segments[WEIR__TARGET_SEGMENTS]; /* of text */
    uint32_t count;
    uint64_t slashed; /* bit i: segment i has a slash, which was escaped */
    const char *why;  /* after a failure: static text */
};

/* Take a path apart. path begins with "/", and has no query: "/" has one empty segment, "/a/" has
 * "a" and an empty one. text is the caller's and has room for len + 1 bytes.
 * Returns 0; WEIR_EPROTO (answer 400): a bad escape, %00, or a segment "." or ".." however it is
 * escaped; WEIR_ETOOBIG (answer 414): more than 64 segments. t->why says which. */
int weir__target_split(struct weir__target *t, const char *path, size_t len, char *text);

/* Join segment i and all behind it with slashes, in place: "a/b/c". From then on segment i is all
 * of them. Returns 0; WEIR_EPROTO if one of them has a slash of its own. */
int weir__target_join(struct weir__target *t, uint32_t i);

/* Where the query of a target begins, behind its "?"; len if there is none. A path of *ret_path_len
 * bytes stands before it. */
size_t weir__target_query(const char *target, size_t len, size_t *ret_path_len);

#define WEIR__PAIRS_ROOM(len) ((len) + (len) / 2 + 3)

/* One pair "name=value" of a query or of an urlencoded form, decoded, a NUL behind both. */
struct weir__pair {
    const char *name, *value;
    size_t name_len, value_len;
};

/* Decode the pair at *at of an urlencoded text behind the *used bytes of text; both move. text has
 * room for WEIR__PAIRS_ROOM(len) bytes in all: "a&b" becomes "a", "", "b", "", each with a NUL. A
 * "+" is a space. An escape that is none stays as it is, as in browsers. Empty pairs ("&&") are
 * skipped. A pair without "=" has an empty value.
 * Returns 1; 0 when there is none left. */
int weir__pair_next(const char *encoded, size_t len, size_t *at, char *text, size_t *used,
                    struct weir__pair *ret);

/* Decode the escapes of len bytes to text (room for len). Returns the length; -1: an escape is
 * none. */
ssize_t weir__percent_decode(char *text, const char *encoded, size_t len);

#endif
