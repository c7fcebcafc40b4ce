/* SPDX-License-Identifier: MIT */
/* Shows: weir_pipe */
#include <stdio.h>
#include <weir/weir.h>

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *in = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *out = NULL;
    char word[8] = "";
    int rc = weir_pipe(&in, &out);
    if (rc == 0)
        rc = weir_write(out, "water", 5);
    if (rc == 0)
        rc = weir_read_exactly(in, word, 5);
    printf("%s\n", word);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
