/* SPDX-License-Identifier: MIT */
/* http_headers.h - header lines that a program gives us to send, "Name: value" each: are they what
 * they must be, and is none of them one that only the library can know? */
#ifndef WEIR_PROTO_HTTP_HEADERS_H
#define WEIR_PROTO_HTTP_HEADERS_H

#include <weir/base.h>

enum http_side { HTTP_ANSWERS, HTTP_ASKS };

/* headers ends with NULL; NULL: none. what is for the error's record.
 * Returns 0; -EINVAL, with a text that names the first bad one. */
WEIR_API int weir__http_headers_check(const char *what, const char *const *headers,
                                      enum http_side side);

#endif
