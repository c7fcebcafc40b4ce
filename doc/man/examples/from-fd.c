/* SPDX-License-Identifier: MIT */
/* Shows: weir_stream_from_fd */
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char word[8] = "";
    int ends[2];
    if (pipe(ends) < 0)
        return -errno;
    int rc = weir_stream_from_fd(ends[0], &s);
    if (rc < 0)
        close(ends[0]); /* on error it stays ours */
    if (write(ends[1], "water", 5) != 5)
        rc = -EIO;
    close(ends[1]);
    ssize_t n = rc < 0 ? rc : weir_read(s, word, sizeof word - 1);
    printf("%s\n", word);
    return n < 0 ? (int)n : 0;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
