/* SPDX-License-Identifier: MIT */
/* Does libweir have what a library beside it gives? A server says so before it accepts anybody. */
#include <stdio.h>
#include <weir/weir.h>

static int ask(void *arg) {
    (void)arg;
    static const struct weir_ws_deflate deflate = {.size = sizeof deflate};
    struct weir_ws_options o = {.size = sizeof o, .deflate = &deflate};
    struct weir_ws *ws = NULL;
    int rc = weir_ws_dial("ws://127.0.0.1:1/", &o, &ws);
    weir_ws_drop(&ws);
    printf("weir-zlib: %s\n", rc == WEIR_ENOZLIB ? "no" : "yes");
    return 0;
}

int main(void) {
    return weir_run(ask, NULL, NULL) < 0;
}
