/* SPDX-License-Identifier: MIT */
/* Shows: weir_dir weir_dir_open weir_dir_next weir_dir_close weir_dir_entry weir_temp_dir
 * weir_rename weir_unlink weir_mkdir weir_rmdir weir_stat weir_lstat weir_link weir_symlink
 * weir_readlink weir_truncate weir_chmod weir_access weir-dir */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

/* Remove all names in a folder, and the folder. */
static int clear(const char *folder) {
    struct weir_dir *d = NULL;
    struct weir_dir_entry e;
    char path[512];
    int rc = weir_dir_open(folder, &d);
    while (rc == 0 && (rc = weir_dir_next(d, &e)) == 1) {
        snprintf(path, sizeof path, "%s/%s", folder, e.name);
        rc = weir_unlink(path);
    }
    weir_dir_close(&d);
    return rc < 0 ? rc : weir_rmdir(folder);
}

static int play(const char *a, const char *b, const char *soft) {
    struct stat st, link;
    char target[512];
    int rc = weir_write_file(a, "water", 5, 0600);
    if (rc == 0)
        rc = weir_link(a, b); /* one file, two names */
    if (rc == 0)
        rc = weir_symlink(b, soft);
    if (rc == 0)
        rc = weir_truncate(soft, 2);
    if (rc == 0)
        rc = weir_chmod(a, 0400);
    if (rc == 0)
        rc = weir_access(a, R_OK);
    if (rc == 0 && (rc = weir_stat(soft, &st)) == 0 && (rc = weir_lstat(soft, &link)) == 0)
        printf("%lld bytes, %d names, %s\n", (long long)st.st_size, (int)st.st_nlink,
               S_ISLNK(link.st_mode) ? "and a link" : "?");
    ssize_t n = rc < 0 ? rc : weir_readlink(soft, target, sizeof target);
    return n < 0 ? (int)n : weir_rename(a, b);
}

static int program(void *arg) {
    char *folder = NULL, paths[3][300];
    int rc = weir_temp_dir(NULL, &folder);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 3; i++)
        snprintf(paths[i], sizeof paths[i], "%s/%c", folder, "abs"[i]);
    rc = play(paths[0], paths[1], paths[2]);
    int cleared = clear(folder);
    if (cleared == 0 && (cleared = weir_mkdir(folder, 0700)) == 0)
        cleared = weir_rmdir(folder);
    free(folder);
    return rc < 0 ? rc : cleared;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
