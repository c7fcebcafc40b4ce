/* SPDX-License-Identifier: MIT */
/* http1_write.h - heads of HTTP/1 as text: requests, answers, refusals. The writer remembers an
 * overflow or a byte that may not stand in its place, so that a head looks in the source as it will
 * look on the wire, and is checked once, when it is complete. Heads are parsed by http1.h. */
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
WEIR_API void weir__head_put_text(struct weir__head *w, const char *text);

/* Put text of the caller's: of these classes, or else visible ASCII and blanks (classes 0). */
WEIR_API void weir__head_put_foreign(struct weir__head *w, const char *bytes, size_t len,
                                     int classes);
WEIR_API void weir__head_put_field(struct weir__head *w, const char *name, const char *value);

/* Put the host and the port of a URL, without the zone that an IPv6 address may have: it names an
 * interface of this machine (RFC 6874 4). */
WEIR_API void weir__head_put_authority(struct weir__head *w, const char *text, size_t len);

/* Put header lines of the caller's, each "Name: value", without a line end, the last followed by
 * NULL; or NULL: none. They were found good by weir__http1_line_fault. */
WEIR_API void weir__head_put_lines(struct weir__head *w, const char *const *lines);
WEIR_API size_t weir__head_lines_len(const char *const *lines); /* bytes that they take */

/* The length of what was put; WEIR_ETOOBIG (size was too small), -EINVAL (a bad byte). */
WEIR_API ssize_t weir__head_len(const struct weir__head *w);

/* What keeps "Name: value" from being sent as a header line; NULL: nothing. Static text. */
WEIR_API const char *weir__http1_line_fault(const char *line);
/* Is that its name, without case? */
WEIR_API bool weir__http1_line_is(const char *line, const char *name);

/* The status's words (RFC 9110 15); for one that is not registered "Done", "Redirected" or
 * "Refused". Static. */
WEIR_API const char *weir__http1_status_text(int status);
WEIR_API bool weir__http1_status_has_body(int status); /* not 1xx, 204, 205, 304 */

/* The head of an answer whose connection is closed behind it. */
struct weir__http1_answer {
    int status;
    const char *const *lines; /* as weir__head_put_lines */
    size_t body_len;          /* 0 where the status has no body */
};

/* Write it. Returns its length; WEIR_ETOOBIG if size is too small
 * (256 + weir__head_lines_len is enough), -EINVAL if a line is not good. */
ssize_t weir__http1_answer_write(char *ret_text, size_t size, const struct weir__http1_answer *a);

/* Write a refusal with a one-line body, connection to be closed. 405 names GET and 426 version 13.
 * Returns its length; WEIR_ETOOBIG if size is too small (256 + strlen(why) is enough). */
ssize_t weir__http1_refusal_write(char *ret_text, size_t size, int status, const char *why);

#endif
