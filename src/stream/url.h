/* SPDX-License-Identifier: MIT */
/* url.h - what a URL given to dial or listen means for streams. Schemes that other rooms or
 * libraries serve are refused by name. */
#ifndef WEIR_STREAM_URL_H
#define WEIR_STREAM_URL_H

#include "sys/addr.h"

struct weir__url {
    char host[WEIR__NAME_MAX + 1]; /* "*": all addresses (listen only) */
    uint16_t port;
    bool is_unix;
    struct weir__addr path; /* if is_unix */
};

/* Returns 0; WEIR_EURL or WEIR_ENOTLS, recorded. */
int weir__url_parse(const char *text, bool listening, struct weir__url *ret_url);

#endif
