/* SPDX-License-Identifier: MIT */
/* Shows: weir_try_write weir_wait_writable */
#include <stdio.h>
#include <weir/weir.h>

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *b = NULL;
    char buf[8];
    ssize_t n = weir_memory_pair(8, &a, &b);
    if (n == 0)
        n = weir_try_write(a, "0123456789", 10); /* what there is room for */
    printf("%zd taken\n", n);
    if (weir_try_write(a, "89", 2) == -EAGAIN)
        printf("a sample is dropped: the reader is slow\n");
    if (n > 0 && (n = weir_read(b, buf, sizeof buf)) > 0)
        n = weir_wait_writable(a); /* to go on when there is room again */
    return n < 0 ? (int)n : 0;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
