/* SPDX-License-Identifier: MIT */
/* files - read a whole file, and its lines: no call blocks the loop. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

static int contents(const char *path) {
    void *bytes = NULL;
    size_t len = 0;
    int rc = weir_read_file(path, 0, &bytes, &len);
    if (rc == 0)
        printf("%zu bytes: %.5s ...\n", len, (const char *)bytes);
    free(bytes);
    return rc;
}

static int lines(const char *path) {
    WEIR_AUTO(weir_file_close) struct weir_file *f = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char line[64];
    ssize_t n = weir_file_open(path, O_RDONLY, 0, &f);
    if (n == 0)
        n = weir_file_stream(&f, &s);
    while (n >= 0 && (n = weir_read_until(s, '\n', line, sizeof line)) > 0)
        printf("line: %s", line);
    return (int)n;
}

static int in_folder(const char *folder) {
    char path[300];
    snprintf(path, sizeof path, "%s/filename", folder);
    int rc = weir_write_file(path, "first\nsecond\n", 13, 0600);
    if (rc == 0)
        rc = contents(path);
    if (rc == 0)
        rc = lines(path);
    weir_unlink(path);
    if (rc == 0 && (rc = contents(path)) == -ENOENT) {
        printf("gone: %s\n", weir_error_name(rc));
        rc = 0;
    }
    return rc;
}

static int program(void *arg) {
    char *folder = NULL;
    (void)arg;
    int rc = weir_temp_dir(NULL, &folder);
    if (rc < 0)
        return rc;
    rc = in_folder(folder);
    weir_rmdir(folder);
    free(folder);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
