/* SPDX-License-Identifier: MIT */
/* Shows: weir_read weir_read_exactly weir_write weir_shutdown */
#include <stdio.h>
#include <weir/weir.h>

struct send_report_args { struct weir_stream *to; };

static int send_report(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *to = ((struct send_report_args *)args)->to;
    int rc = weir_write(to, "HEAD", 4);
    if (rc == 0)
        rc = weir_write(to, "and the rest, of any length", 27); /* waits if the reader is slow */
    return rc < 0 ? rc : weir_shutdown(to); /* end of stream: all was written */
}

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *from = NULL;
    struct weir_stream *to = NULL;
    char head[4], piece[8];
    ssize_t n = weir_memory_pair(16, &from, &to);
    if (n == 0 && (n = weir_go(NULL, send_report, .to = to)) < 0)
        weir_close(&to);
    if (n == 0)
        n = weir_read_exactly(from, head, sizeof head);
    while (n >= 0 && (n = weir_read(from, piece, sizeof piece)) > 0)
        printf("%.*s|", (int)n, piece);
    printf("\n");
    return (int)n;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
