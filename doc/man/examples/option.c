/* SPDX-License-Identifier: MIT */
/* Shows: weir-option weir_stream_option weir_stream_option_get */
#include <stdio.h>
#include <weir/weir.h>

/* Notice within 90 s that the peer's machine is gone: 60 s idle, then 3 probes, 10 s apart. */
static int watch_peer(struct weir_stream *s) {
    int rc = weir_stream_option(s, WEIR_STREAM_KEEPALIVE, 60);
    if (rc == 0)
        rc = weir_stream_option(s, WEIR_STREAM_KEEPALIVE_INTERVAL, 10);
    return rc == 0 ? weir_stream_option(s, WEIR_STREAM_KEEPALIVE_COUNT, 3) : rc;
}

static int program(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char url[40];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l), bytes = 0;
    if (rc == 0) {
        snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
        rc = weir_dial(url, NULL, &s);
    }
    if (rc < 0 || (rc = watch_peer(s)) < 0)
        return rc;
    rc = weir_stream_option_get(s, WEIR_STREAM_RECEIVE_BUFFER, &bytes);
    printf("the kernel keeps %s\n", bytes > 0 ? "some bytes for us" : "nothing");
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
