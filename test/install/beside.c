/* SPDX-License-Identifier: MIT */
/* Does libweir have what a library beside it gives? A server says so before it accepts anybody. */
#include <stdio.h>
#include <weir/weir.h>

#ifdef TLS
static int ask(void *arg) {
    (void)arg;
    struct weir_stream *s = NULL;
    int rc = weir_dial("tls://127.0.0.1:1", NULL, &s);
    printf("weir-tls: %s\n", rc == WEIR_ENOTLS ? "no" : "yes");
    return 0;
}
#else
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
#endif

int main(void) {
    return weir_run(ask, NULL, NULL) < 0;
}
