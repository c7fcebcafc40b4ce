/* SPDX-License-Identifier: MIT */
/* Shows: WEIR_AUTO weir_memory_pair weir_close */
#include <stdio.h>
#include <weir/weir.h>

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL; /* initialised: it may never be opened */
    WEIR_AUTO(weir_close) struct weir_stream *b = NULL;
    char text[5];
    int rc = weir_memory_pair(0, &a, &b);
    if (rc == 0)
        rc = weir_write(a, "hello", 5);
    if (rc == 0)
        rc = weir_read_exactly(b, text, sizeof text);
    if (rc == 0)
        printf("%.5s\n", text);
    return rc; /* both are closed here */
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
