/* SPDX-License-Identifier: MIT */
/* ws_dial.c - how a client comes to its server: the URL, the stream, the handshake. */
#include "proto/ws_dial.h"

#include <stdio.h>
#include <string.h>

#include "proto/ws_shake.h"
#include "stream/stream.h"
#include "task/task.h"

int weir__ws_url_check(const char *url, struct weir__uri *ret_uri) {
    if (weir__uri_parse(ret_uri, url, strlen(url), "no scheme: write ws://host:port/path") < 0)
        return weir__failf(WEIR_EURL, "ws dial", url, "%s", ret_uri->why);
    if (ret_uri->scheme == WEIR__URI_WSS)
        return weir__fail(WEIR_ENOTLS, "ws dial", url);
    if (ret_uri->scheme != WEIR__URI_WS)
        return weir__failf(WEIR_EURL, "ws dial", url, "the scheme must be ws");
    return 0;
}

static int dial_tcp(const char *url, const struct weir__uri *u, struct weir_stream **ret_stream) {
    char tcp[320];
    bool six = u->host_kind == WEIR__URI_IPV6;
    int n = snprintf(tcp, sizeof tcp, "tcp://%s%.*s%s:%u", six ? "[" : "", (int)u->host.len,
                     url + u->host.offset, six ? "]" : "", u->port);
    if (n < 0 || (size_t)n >= sizeof tcp)
        return weir__failf(WEIR_EURL, "ws dial", url, "the host is too long");
    return weir_dial(tcp, NULL, ret_stream);
}

int weir__ws_dial(struct weir_ws *ws, const char *url, const struct weir__uri *u) {
    int rc = dial_tcp(url, u, &ws->stream);
    if (rc < 0)
        return rc;
    return weir__ws_shake_client(ws, url + u->authority.offset, u->authority.len,
                                 url + u->path.offset, u->path.len);
}
