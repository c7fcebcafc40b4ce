/* SPDX-License-Identifier: MIT */
/* Shows: weir_stdin weir_stdout weir_stderr */
#include <stdio.h>
#include <weir/weir.h>

/* Copies its input to its output, and counts its lines on stderr. */
static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *in = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *out = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *err = NULL;
    char line[4096], text[32];
    int lines = 0, rc = weir_stdin(&in);
    if (rc == 0)
        rc = weir_stdout(&out);
    if (rc == 0)
        rc = weir_stderr(&err);
    ssize_t n = rc;
    while (n >= 0 && (n = weir_read_until(in, '\n', line, sizeof line)) > 0) {
        if ((n = weir_write(out, line, (size_t)n)) == 0)
            lines++;
    }
    if (n < 0)
        return (int)n;
    int len = snprintf(text, sizeof text, "%d lines\n", lines);
    return weir_write(err, text, (size_t)len);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
