/* SPDX-License-Identifier: MIT */
/* file.c - files: what a read, a copy and a list of names cost beside the plain calls.
 *
 *   bench-file FOLDER [SECTION]      sections: read direct copy names
 *
 * read    4 KiB at random offsets of a file that is in memory; direct: with O_DIRECT
 * copy    1 GiB, which is in memory, to a new file
 * names   100,000 names of one folder
 * The plain calls and ours run in turn, five times; printed are medians. WEIR_BACKEND chooses. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

enum { ROUNDS = 5, PAGE = 4096, READS = 20000, DIRECT_READS = 2000, NAMES = 100000 };
enum { FILE_SIZE = 64 << 20 };
static const int64_t COPY_SIZE = (int64_t)1 << 30;

static const char *folder;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static const char *in(const char *name) {
    static char paths[2][512];
    static int next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double v[ROUNDS]) {
    qsort(v, ROUNDS, sizeof *v, by_value);
    return v[ROUNDS / 2];
}

static void make(const char *name, int64_t size) {
    static char block[1 << 20];
    int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    memset(block, 'w', sizeof block);
    for (int64_t at = 0; fd >= 0 && at < size; at += (int64_t)sizeof block)
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block)
            fail("write");
    if (fd < 0 || fsync(fd) != 0)
        fail("make");
    close(fd);
}

static int64_t offset(int i) {
    return (int64_t)((unsigned)i * 2654435761u % (FILE_SIZE / PAGE)) * PAGE;
}

/* ---- reads ----------------------------------------------------------------------------------- */

static double plain_reads(int flags, int count) {
    char *buf = aligned_alloc(PAGE, PAGE);
    int fd = open(in("file"), O_RDONLY | O_CLOEXEC | flags);
    double begin = now();
    for (int i = 0; i < count; i++)
        if (pread(fd, buf, PAGE, offset(i)) != PAGE)
            fail("pread");
    double took = now() - begin;
    close(fd);
    free(buf);
    return took / count * 1e6;
}

static double our_reads(int flags, int count) {
    char *buf = aligned_alloc(PAGE, PAGE);
    struct weir_file *f = NULL;
    if (weir_file_open(in("file"), O_RDONLY | flags, 0, &f) < 0)
        fail("open");
    double begin = now();
    for (int i = 0; i < count; i++)
        if (weir_file_pread(f, buf, PAGE, offset(i)) != PAGE)
            fail("weir_file_pread");
    double took = now() - begin;
    weir_file_close(&f);
    free(buf);
    return took / count * 1e6;
}

static void reads(const char *name, int flags, int count) {
    double plain[ROUNDS], ours[ROUNDS];
    make("file", FILE_SIZE);
    for (int i = 0; i < ROUNDS; i++) {
        plain[i] = plain_reads(flags, count);
        ours[i] = our_reads(flags, count);
    }
    printf("%s 4 KiB: pread %.2f us, weir %.2f us\n", name, median(plain), median(ours));
}

/* ---- copies ---------------------------------------------------------------------------------- */

static double plain_copy(void) {
    int from = open(in("large"), O_RDONLY | O_CLOEXEC);
    int to = open(in("copy"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    double begin = now();
    ssize_t n;
    while ((n = copy_file_range(from, NULL, to, NULL, (size_t)COPY_SIZE, 0)) > 0)
        continue;
    double took = now() - begin;
    close(from);
    close(to);
    if (n < 0)
        fail("copy_file_range");
    return took;
}

static double our_copy(void) {
    struct weir_file *from = NULL, *to = NULL;
    if (weir_file_open(in("large"), O_RDONLY, 0, &from) < 0
        || weir_file_open(in("copy"), O_WRONLY | O_CREAT | O_TRUNC, 0600, &to) < 0)
        fail("open");
    double begin = now();
    if (weir_copy(to, from, -1) != COPY_SIZE)
        fail("weir_copy");
    double took = now() - begin;
    weir_file_close(&from);
    weir_file_close(&to);
    return took;
}

static void copies(void) {
    double plain[ROUNDS], ours[ROUNDS];
    make("large", COPY_SIZE);
    for (int i = 0; i < ROUNDS; i++) {
        plain[i] = plain_copy();
        unlink(in("copy"));
        ours[i] = our_copy();
        unlink(in("copy"));
    }
    unlink(in("large"));
    printf("copy 1 GiB: copy_file_range %.0f ms, weir %.0f ms\n", median(plain) * 1e3,
           median(ours) * 1e3);
}

/* ---- names ----------------------------------------------------------------------------------- */

static double plain_names(void) {
    double begin = now();
    DIR *d = opendir(in("names"));
    int count = 0;
    while (d != NULL && readdir(d) != NULL)
        count++;
    double took = now() - begin;
    if (d == NULL || count != NAMES + 2)
        fail("readdir");
    closedir(d);
    return took;
}

static double our_names(void) {
    struct weir_dir *d = NULL;
    struct weir_dir_entry e;
    double begin = now();
    int rc = weir_dir_open(in("names"), &d), count = 0;
    while (rc >= 0 && (rc = weir_dir_next(d, &e)) == 1)
        count++;
    double took = now() - begin;
    if (rc < 0 || count != NAMES)
        fail("weir_dir_next");
    weir_dir_close(&d);
    return took;
}

static void names(void) {
    double plain[ROUNDS], ours[ROUNDS];
    char name[32];
    if (mkdir(in("names"), 0700) != 0)
        fail("mkdir");
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "names/file-%06d", i);
        close(open(in(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    for (int i = 0; i < ROUNDS; i++) {
        plain[i] = plain_names();
        ours[i] = our_names();
    }
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "names/file-%06d", i);
        unlink(in(name));
    }
    rmdir(in("names"));
    printf("100,000 names: readdir %.1f ms, weir %.1f ms\n", median(plain) * 1e3,
           median(ours) * 1e3);
}

static int program(void *arg) {
    const char *only = arg;
    if (only == NULL || strcmp(only, "read") == 0)
        reads("cached", 0, READS);
    if (only == NULL || strcmp(only, "direct") == 0)
        reads("direct", O_DIRECT, DIRECT_READS);
    if (only == NULL || strcmp(only, "copy") == 0)
        copies();
    if (only == NULL || strcmp(only, "names") == 0)
        names();
    unlink(in("file"));
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    folder = argv[1];
    return weir_run(program, argc > 2 ? argv[2] : NULL, NULL) < 0;
}
