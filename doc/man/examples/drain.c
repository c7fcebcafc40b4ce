/* SPDX-License-Identifier: MIT */
/* Shows: weir_group_drain */
#include <stdio.h>
#include <weir/weir.h>

struct serve_args { weir_ns takes; };

static int serve(void *args) {
    return weir_sleep(((struct serve_args *)args)->takes);
}

static int program(void *arg) {
    struct weir_group clients;
    weir_group_open(&clients, WEIR_INDEPENDENT);
    int rc = weir_go(&clients, serve, .takes = WEIR_MILLISECONDS(1));
    if (rc == 0)
        rc = weir_go(&clients, serve, .takes = WEIR_SECONDS(60));
    int late = weir_group_drain(&clients, WEIR_MILLISECONDS(20)); /* closes the group too */
    printf("%d had to be cancelled\n", late);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
