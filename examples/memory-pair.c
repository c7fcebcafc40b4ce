/* SPDX-License-Identifier: MIT */
/* memory-pair - two tasks and a stream between them, without any socket: the writer is held back
 * while the reader is slow, and the end of the stream ends the reader. */
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

struct writer_args {
    struct weir_stream *out;
};

static int writer(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *out = ((struct writer_args *)args)->out;
    static const char *const lines[] = {"one\n", "two\n", "three\n"};
    int rc = 0;
    for (size_t i = 0; i < 3 && rc == 0; i++)
        rc = weir_write(out, lines[i], strlen(lines[i]));
    return rc;
}

static int reader(void *arg) {
    (void)arg;
    struct weir_group g;
    WEIR_AUTO(weir_close) struct weir_stream *in = NULL;
    struct weir_stream *out;
    char line[16];
    ssize_t n = 0;
    int rc = weir_memory_pair(4, &in, &out);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    if ((rc = weir_go(&g, writer, .out = out)) < 0)
        weir_close(&out);
    while (rc == 0 && (n = weir_read_until(in, '\n', line, sizeof line)) > 0)
        printf("read %s", line);
    return weir_group_close(&g, n < 0 ? (int)n : rc);
}

int main(void) {
    return weir_run(reader, NULL, NULL) < 0;
}
