/* SPDX-License-Identifier: MIT */
/* Shows: weir_read_file weir_write_file weir_copy_file weir_copy weir_copy_file_to_stream
 * weir_file_stream */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

/* A file goes through a pair of streams into another file. */
static int through(const char *to_path, const char *from_path) {
    WEIR_AUTO(weir_file_close) struct weir_file *from = NULL, *to = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL, *b = NULL;
    int rc = weir_file_open(from_path, O_RDONLY, 0, &from);
    if (rc == 0)
        rc = weir_file_open(to_path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &to);
    if (rc == 0)
        rc = weir_memory_pair(0, &a, &b);
    int64_t n = rc < 0 ? rc : weir_copy_file_to_stream(a, from, -1);
    if (n >= 0 && (rc = weir_shutdown(a)) == 0)
        n = weir_copy(to, b, n); /* calls weir_copy_stream_to_file */
    printf("copied %lld\n", (long long)n);
    return n < 0 ? (int)n : rc;
}

/* The lines of a file. */
static int lines(const char *path) {
    WEIR_AUTO(weir_file_close) struct weir_file *f = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char line[80];
    ssize_t n = weir_file_open(path, O_RDONLY, 0, &f);
    if (n == 0)
        n = weir_file_stream(&f, &s); /* s owns the file now */
    while (n >= 0 && (n = weir_read_until(s, '\n', line, sizeof line)) > 0)
        printf("line: %s", line);
    return (int)n;
}

static int program(void *arg) {
    char *folder = NULL, paths[2][300];
    void *bytes = NULL;
    size_t len = 0;
    int rc = weir_temp_dir(NULL, &folder);
    if (rc < 0)
        return rc;
    snprintf(paths[0], sizeof paths[0], "%s/a", folder);
    snprintf(paths[1], sizeof paths[1], "%s/b", folder);
    rc = weir_write_file(paths[0], "one\ntwo\n", 8, 0600); /* whole or not at all */
    if (rc == 0)
        rc = through(paths[1], paths[0]);
    if (rc == 0)
        rc = lines(paths[1]);
    if (rc == 0)
        rc = weir_copy_file(paths[0], paths[1]);
    if (rc == 0 && (rc = weir_read_file(paths[0], 1000, &bytes, &len)) == 0)
        printf("%zu bytes\n", len);
    free(bytes);
    weir_unlink(paths[0]);
    weir_unlink(paths[1]);
    weir_rmdir(folder);
    free(folder);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
