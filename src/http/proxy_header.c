/* SPDX-License-Identifier: MIT */
/* proxy_header.c - a PROXY header at the start of a stream that is not yet an HTTP server's. */
#include <errno.h>
#include <string.h>
#include <weir/http_server.h>
#include <weir/stream.h>

#include "base/check.h"
#include "http/proxy_line.h"
#include "task/task.h"

int weir_http_proxy_header(struct weir_stream *s, char ret_client[64]) {
    struct weir__proxy_line p;
    int rc = weir__suspend_enter("proxy header");
    if (rc < 0)
        return rc;
    weir__not_null(s, "weir_http_proxy_header");
    for (size_t have = 0;;) {
        struct weir_view v;
        ssize_t n = weir_peek(s, have + 1, &v);
        if (n < 0)
            return (int)n;
        if (n == 0 || v.len <= have)
            return weir__failf(WEIR_EEOF, "proxy header", weir_stream_peer(s),
                               "the stream ended within a PROXY header");
        have = v.len;
        int size = weir__proxy_line_parse(&p, v.base, v.len);
        if (size < 0)
            return weir__failf(size, "proxy header", weir_stream_peer(s), "%s", p.why);
        if (size == 0)
            continue;
        weir_consume(s, (size_t)size);
        if (p.client[0] == '\0')
            return 0;
        memcpy(ret_client, p.client, sizeof p.client);
        return 1;
    }
}
