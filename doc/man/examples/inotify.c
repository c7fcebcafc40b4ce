/* SPDX-License-Identifier: MIT */
/* Shows: weir_inotify weir_inotify_event weir_inotify_open weir_inotify_add weir_inotify_remove
 * weir_inotify_close */
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <weir/weir.h>

static int watch(struct weir_inotify *in, const char *folder) {
    struct weir_inotify_event e;
    char path[300];
    int number = weir_inotify_add(in, folder, IN_CREATE | IN_MOVED_TO), rc = number;
    snprintf(path, sizeof path, "%s/news", folder);
    if (rc > 0)
        rc = weir_mkdir(path, 0700);
    if (rc == 0)
        rc = weir_inotify_next(in, &e);
    if (rc == 0 && e.watch < 0)
        printf("events were lost: look at the folder anew\n");
    else if (rc == 0)
        printf("new in the folder: %s\n", e.name);
    if (rc == 0)
        rc = weir_inotify_remove(in, number);
    weir_rmdir(path);
    return rc;
}

static int program(void *arg) {
    WEIR_AUTO(weir_inotify_close) struct weir_inotify *in = NULL;
    char *folder = NULL;
    int rc = weir_temp_dir(NULL, &folder);
    if (rc == 0 && (rc = weir_inotify_open(&in)) == 0)
        rc = watch(in, folder);
    if (folder != NULL)
        weir_rmdir(folder);
    free(folder);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
