/* SPDX-License-Identifier: MIT */
/* Shows: weir_file weir_file_open weir_file_from_fd weir_file_fd weir_file_close weir_file_read
 * weir_file_write weir_file_pread weir_file_pwrite weir_file_sync weir_file_sync_data
 * weir_file_truncate weir_file_allocate weir_file_stat weir_file_seek weir_temp_file weir-file */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static int fill(struct weir_file *f) {
    int rc = weir_file_allocate(f, 0, 4096); /* now the disk cannot become full below */
    if (rc == 0 || rc == -EOPNOTSUPP)
        rc = weir_file_write(f, "one two", 7);
    if (rc == 0)
        rc = weir_file_pwrite(f, "TWO", 3, 4);
    if (rc == 0)
        rc = weir_file_truncate(f, 7);
    if (rc == 0)
        rc = weir_file_sync_data(f); /* the bytes are on the disk */
    return rc < 0 ? rc : weir_file_sync(f); /* and the times too */
}

static int program(void *arg) {
    WEIR_AUTO(weir_file_close) struct weir_file *f = NULL, *own = NULL, *null = NULL;
    char word[8] = "", all[8] = "";
    struct stat st;
    int rc = weir_temp_file(NULL, &f);
    if (rc == 0)
        rc = fill(f);
    if (rc < 0)
        return rc;
    ssize_t n = weir_file_seek(f, 4, SEEK_SET) == 4 ? weir_file_read(f, word, 3) : -EIO;
    if (n >= 0)
        n = weir_file_pread(f, all, 7, 0);
    if (n >= 0 && (rc = weir_file_stat(f, &st)) == 0)
        printf("%s %s %lld\n", word, all, (long long)st.st_size);

    int fd = dup(weir_file_fd(f));
    if (fd >= 0 && (rc = weir_file_from_fd(fd, &own)) < 0)
        close(fd); /* on error it stays ours */
    if (rc == 0)
        rc = weir_file_open("/dev/null", O_WRONLY, 0, &null);
    return n < 0 ? (int)n : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
