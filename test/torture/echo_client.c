/* SPDX-License-Identifier: MIT */
/* echo_client.c - our WebSocket client as the suite for clients wants it: sends each message back
 * until the connection ends. echo-client URL */
#include <weir/weir.h>

static int client(void *url) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    int rc = weir_ws_dial(url, NULL, &ws);
    while (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = weir_ws_send(ws, m.type, m.data.base, m.data.len);
    return rc == WEIR_EWSCLOSED || rc == WEIR_EEOF ? 0 : rc;
}

int main(int argc, char **argv) {
    weir_log_level_set(WEIR_LOG_ERROR);
    return argc != 2 || weir_run(client, argv[1], NULL) < 0;
}
