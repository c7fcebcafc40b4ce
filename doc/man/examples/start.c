/* SPDX-License-Identifier: MIT */
/* Shows: weir_start weir_started weir_go_start */
#include <stdio.h>
#include <weir/weir.h>

struct serve_args { int port; };

static int serve(void *args) {
    struct serve_args *a = args;
    struct weir_listener *l = NULL;
    char url[32];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", a->port);
    int rc = weir_listen(url, NULL, &l);
    if (rc < 0)
        return rc; /* what weir_start returns then */
    int port = weir_listener_port(l);
    weir_started(&port, sizeof port); /* from here on clients may come */
    rc = weir_sleep(WEIR_SECONDS(60));
    weir_unlisten(&l);
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    int port = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go_start(&g, serve, &port, .port = 0);
    if (rc == 0)
        printf("serving: %s\n", port > 0 ? "yes" : "no");
    weir_group_cancel(&g, "the example is over");
    return weir_group_close(&g, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
