/* SPDX-License-Identifier: MIT */
/* Shows: weir_file_open_beneath */
#include <fcntl.h>
#include <stdio.h>
#include <weir/dir.h>
#include <weir/error.h>
#include <weir/file.h>
#include <weir/loop.h>

static int shows(void *arg) {
    static const char *const names[] = {"passwd", "../bin/sh", "/etc/passwd"};
    struct weir_dir *etc = NULL;
    int rc = weir_dir_open("/etc", &etc);
    for (int i = 0; i < 3 && rc == 0; i++) {
        struct weir_file *f = NULL;
        int opened = weir_file_open_beneath(etc, names[i], O_RDONLY, 0, &f);
        printf("%s: %s\n", names[i], opened == 0 ? "open" : weir_error_text(opened));
        weir_file_close(&f);
    }
    weir_dir_close(&etc);
    return rc;
}

int main(void) {
    return weir_run(shows, NULL, NULL) < 0;
}
