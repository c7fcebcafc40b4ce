/* SPDX-License-Identifier: MIT */
/* Shows: weir_inotify_next weir-inotify */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <weir/weir.h>

/* Follow a file that grows, as tail -f does, for so many lines. */
static int follow(struct weir_inotify *in, struct weir_file *f, int count) {
    WEIR_AUTO(weir_framer_close) struct weir_framer lines = {0};
    struct weir_inotify_event e;
    char buf[4096];
    int rc = weir_framer_open(&lines, NULL);
    while (rc == 0) {
        ssize_t n = weir_file_read(f, buf, sizeof buf);
        struct weir_view rest = {buf, n > 0 ? (size_t)n : 0}, line;
        if (n < 0)
            return (int)n;
        while ((rc = weir_framer_next(&lines, &rest, &line)) == 1) {
            printf("line: %.*s\n", (int)line.len, (const char *)line.base);
            if (--count == 0)
                return 0;
        }
        if (n == 0 && rc == 0)
            rc = weir_inotify_next(in, &e); /* at the end: wait until it has grown */
    }
    return rc;
}

struct log_lines_args { const char *path; };

static int log_lines(void *args) {
    WEIR_AUTO(weir_file_close) struct weir_file *f = NULL;
    int rc = weir_file_open(((struct log_lines_args *)args)->path, O_WRONLY | O_APPEND, 0, &f);
    if (rc == 0)
        rc = weir_file_write(f, "one\ntw", 6);
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    return rc < 0 ? rc : weir_file_write(f, "o\n", 2);
}

static int program(void *arg) {
    WEIR_AUTO(weir_inotify_close) struct weir_inotify *in = NULL;
    WEIR_AUTO(weir_file_close) struct weir_file *f = NULL;
    struct weir_group g;
    char *folder = NULL, path[300];
    int rc = weir_temp_dir(NULL, &folder);
    if (rc < 0)
        return rc;
    snprintf(path, sizeof path, "%s/log", folder);
    rc = weir_file_open(path, O_RDONLY | O_CREAT, 0600, &f);
    if (rc == 0)
        rc = weir_inotify_open(&in);
    if (rc == 0 && (rc = weir_inotify_add(in, path, IN_MODIFY)) > 0) /* before the first read */
        rc = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go(&g, log_lines, .path = path);
    if (rc == 0)
        rc = follow(in, f, 2);
    rc = weir_group_close(&g, rc);
    weir_unlink(path);
    weir_rmdir(folder);
    free(folder);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
