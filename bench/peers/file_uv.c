/* SPDX-License-Identifier: MIT */
/* file_uv.c - libuv beside bench-file: 4 KiB reads at random offsets, and a copy of 1 GiB.
 *
 *   peer-uv-file FOLDER     reads FOLDER/file, if it is there, else makes it; likewise large */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum { PAGE = 4096, READS = 20000, DIRECT_READS = 2000, FILE_SIZE = 64 << 20, ROUNDS = 5 };

static struct reading {
    uv_fs_t request;
    uv_buf_t buf;
    uv_file fd;
    int i, count;
} r;

static char *in(const char *folder, const char *name) {
    static char paths[2][512];
    static int next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void make(const char *path, long long size) {
    static char block[1 << 20];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    memset(block, 'w', sizeof block);
    for (long long at = 0; at < size; at += (long long)sizeof block)
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block)
            exit(1);
    fsync(fd);
    close(fd);
}

static void read_next(uv_fs_t *request) {
    if (request != NULL && request->result != PAGE)
        exit(1);
    uv_fs_req_cleanup(&r.request);
    if (r.i == r.count)
        return;
    long long at = (long long)((unsigned)r.i++ * 2654435761u % (FILE_SIZE / PAGE)) * PAGE;
    uv_fs_read(uv_default_loop(), &r.request, r.fd, &r.buf, 1, at, read_next);
}

static double reads(const char *path, int flags, int count) {
    r.fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    r.i = 0;
    r.count = count;
    uint64_t begin = uv_hrtime();
    read_next(NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    double took = (double)(uv_hrtime() - begin) / 1e3 / count;
    close(r.fd);
    return took;
}

static void copied(uv_fs_t *request) {
    if (request->result < 0)
        exit(1);
    uv_fs_req_cleanup(request);
}

static double copy(const char *to, const char *from) {
    uv_fs_t request;
    uint64_t begin = uv_hrtime();
    uv_fs_copyfile(uv_default_loop(), &request, from, to, 0, copied);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return (double)(uv_hrtime() - begin) / 1e6;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double v[ROUNDS]) {
    qsort(v, ROUNDS, sizeof *v, by_value);
    return v[ROUNDS / 2];
}

int main(int argc, char **argv) {
    double cached[ROUNDS], direct[ROUNDS], copies[ROUNDS];
    if (argc != 2)
        return 2;
    r.buf = uv_buf_init(aligned_alloc(PAGE, PAGE), PAGE);
    make(in(argv[1], "file"), FILE_SIZE);
    make(in(argv[1], "large"), 1LL << 30);
    for (int i = 0; i < ROUNDS; i++) {
        cached[i] = reads(in(argv[1], "file"), 0, READS);
        direct[i] = reads(in(argv[1], "file"), O_DIRECT, DIRECT_READS);
        copies[i] = copy(in(argv[1], "copy"), in(argv[1], "large"));
        unlink(in(argv[1], "copy"));
    }
    unlink(in(argv[1], "file"));
    unlink(in(argv[1], "large"));
    printf("libuv: cached %.2f us, direct %.2f us, copy %.0f ms\n", median(cached), median(direct),
           median(copies));
    return 0;
}
