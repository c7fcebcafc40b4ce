/* SPDX-License-Identifier: MIT */
/* http1_write.h - heads of HTTP/1 as text: requests, answers, refusals. The writer remembers an
 * overflow or a byte that may not stand in its place, so that a head reads in the source as it will
 * look, and is checked once, at its end. Heads are parsed by http1.h. */
#ifndef WEIR_WIRE_HTTP1_WRITE_H
#define WEIR_WIRE_HTTP1_WRITE_H

#include <sys/types.h>

#include "wire/http1.h"

struct weir__head {
    char *text;
    size_t len, size;
    int failed;
};

/* Put bytes that are ours. */
void weir__head_put(struct weir__head *w, const char *bytes, size_t len);
void weir__head_put_text(struct weir__head *w, const char *text);

/* Put text of the caller's: of these classes, or else visible ASCII and blanks (classes 0). */
void weir__head_put_foreign(struct weir__head *w, const char *bytes, size_t len, int classes);
void weir__head_put_field(struct weir__head *w, const char *name, const char *value);

/* Put whole header lines of the caller's: each ends in CRLF, none is empty. */
void weir__head_put_lines(struct weir__head *w, const char *lines);

/* The length of what was put; WEIR_ETOOBIG (size was too small), -EINVAL (a bad byte). */
ssize_t weir__head_len(const struct weir__head *w);

/* Write a refusal with a one-line body, connection to be closed. 405 names GET and 426 version 13.
 * Returns its length; WEIR_ETOOBIG if size is too small (256 + strlen(why) is enough). */
ssize_t weir__http1_refusal_write(char *ret_text, size_t size, int status, const char *why);

#endif
