/* SPDX-License-Identifier: MIT */
/* stubs.c - the calls of http_server.h that are not here yet. */
#include <errno.h>

#include "http/http.h"

int weir_http_ws_accept(struct weir_http_request *r, const struct weir_ws_options *options,
                        struct weir_ws **ret_ws) {
    return -EOPNOTSUPP;
}

int weir__http_ws_route(struct weir_http_request *pub, const struct weir_http_route *route) {
    return weir_http_reply(pub, 501, NULL);
}
