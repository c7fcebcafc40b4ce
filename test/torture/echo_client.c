/* SPDX-License-Identifier: MIT */
/* echo_client.c - our WebSocket client as the suite for clients wants it: sends each message back
 * until the connection ends, and offers compression. echo-client URL */
#include <weir/weir.h>

static const struct weir_ws_deflate deflate = {
    .size = sizeof deflate, .server_takeover = true, .client_takeover = true, .threshold = 1};
static const struct weir_ws_options options = {
    .size = sizeof options, .deflate = WEIR_HAVE_ZLIB ? &deflate : NULL};

static int client(void *url) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    int rc = weir_ws_dial(url, &options, &ws);
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = weir_ws_send(ws, m.type, m.data.base, m.data.len);
    return rc == WEIR_EWSCLOSED || rc == WEIR_EEOF ? 0 : rc;
}

int main(int argc, char **argv) {
    weir_log_level_set(WEIR_LOG_ERROR);
    return argc != 2 || weir_run(client, argv[1], NULL) < 0;
}
