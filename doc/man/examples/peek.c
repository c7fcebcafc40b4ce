/* SPDX-License-Identifier: MIT */
/* Shows: weir_peek weir_consume weir_view weir_stream */
#include <stdio.h>
#include <weir/weir.h>

/* A frame is one byte of length, then so many bytes. Nothing is copied, nothing taken too early. */
static ssize_t frame(struct weir_stream *s, struct weir_view *ret_body) {
    struct weir_view v;
    ssize_t n = weir_peek(s, 1, &v);
    if (n <= 0)
        return n;
    size_t len = *(const unsigned char *)v.base;
    if ((n = weir_peek(s, 1 + len, &v)) < 0)
        return n; /* WEIR_EEOF: it ends in the middle of a frame */
    *ret_body = (struct weir_view){(const char *)v.base + 1, len};
    return (ssize_t)(1 + len); /* to consume, once the caller is done with the body */
}

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *b = NULL;
    struct weir_view body;
    ssize_t n = weir_memory_pair(0, &a, &b);
    if (n == 0)
        n = weir_write(a, "\5hello\3all", 10);
    if (n == 0)
        n = weir_shutdown(a);
    for (; n >= 0 && (n = frame(b, &body)) > 0; weir_consume(b, (size_t)n))
        printf("%.*s\n", (int)body.len, (const char *)body.base);
    return (int)n;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
