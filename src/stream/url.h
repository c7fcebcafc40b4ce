/* SPDX-License-Identifier: MIT */
/* url.h - the parts of a URL that dial and listen need. Schemes that belong to other rooms or
 * libraries are refused with a message that says so. */
#ifndef WEIR_STREAM_URL_H
#define WEIR_STREAM_URL_H

#include "sys/addr.h"

struct weir__url {
    char host[WEIR__NAME_MAX + 1]; /* "*": all addresses (listen only) */
    uint16_t port;
    bool is_unix, is_tls;
    struct weir__addr path; /* if is_unix */
};

/* Returns 0; WEIR_EURL, with an error record. */
int weir__url_parse(const char *text, bool listening, struct weir__url *ret_url);

#endif
