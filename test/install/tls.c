/* SPDX-License-Identifier: MIT */
/* A stranger's program that speaks TLS: to a port that nobody listens on. */
#include <stdio.h>
#include <weir/weir.h>

static int dials(void *arg) {
    struct weir_stream *s;
    (void)arg;
    int rc = weir_dial("tls://127.0.0.1:1", NULL, &s);
    printf("%s\n", weir_error_name(rc));
    if (rc == WEIR_ENOTLS)
        printf("%s\n", weir_error_message(rc));
    return 0;
}

int main(void) {
    return weir_run(dials, NULL, NULL) < 0;
}
