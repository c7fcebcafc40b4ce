/* SPDX-License-Identifier: MIT */
/* file_test_util.h - stories with files, on every backend: each has a folder of its own, in the
 * simulated world or in /tmp. */
#ifndef WEIR_FILE_FILE_TEST_UTIL_H
#define WEIR_FILE_FILE_TEST_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/dir.h>
#include <weir/file.h>
#include <weir/inotify.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

static char folder[64]; /* of the story that runs */

/* A path in it; four may be used at once. */
static inline const char *in(const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline bool is_sim(void) {
    return strcmp(test_backend, "sim") == 0;
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline void folder_begin(void) {
    snprintf(folder, sizeof folder, "/tmp/weir-file-XXXXXX");
    if (test_backend != NULL && !is_sim())
        assert_non_null(mkdtemp(folder));
}

static inline void folder_end(void) {
    if (test_backend != NULL && !is_sim())
        assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline int in_folder(int (*story)(void *), void *arg) {
    int rc = test_backend == NULL || is_sim() ? weir_mkdir(folder, 0700) : 0;
    return rc < 0 ? rc : story(arg);
}

static inline int told_in_folder(void *story) {
    return in_folder(*(int (**)(void *))story, NULL);
}

static inline void tell_in_folder(int (*story)(void *)) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    folder_begin();
    assert_int_equal(weir_run(told_in_folder, &story, &o), 0);
    folder_end();
}

/* On [sim], [epoll] and [uring]; the body follows, inside weir_run, and returns 0. */
#define FILE_STORY(sentence)                                                                       \
    static int sentence##_told(void *arg);                                                         \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        tell_in_folder(sentence##_told);                                                           \
    }                                                                                              \
    static int sentence##_told(void *arg __attribute__((unused)))

/* The same on [epoll] and [uring] only: what the simulation has not. */
#define REAL_FILE_STORY(sentence)                                                                  \
    static int sentence##_told(void *arg);                                                         \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        if (is_sim())                                                                              \
            runner_skip("the simulated file system has no such thing");                            \
        tell_in_folder(sentence##_told);                                                           \
    }                                                                                              \
    static int sentence##_told(void *arg __attribute__((unused)))

/* Make a file that contains text. */
static inline void put_text(const char *path, const char *text) {
    struct weir_file *f = NULL;
    assert_int_equal(weir_file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &f), 0);
    assert_int_equal(weir_file_write(f, text, strlen(text)), 0);
    weir_file_close(&f);
}

static inline void expect_text(const char *path, const char *text) {
    char buf[256];
    struct weir_file *f = NULL;
    assert_int_equal(weir_file_open(path, O_RDONLY, 0, &f), 0);
    assert_int_equal(weir_file_pread(f, buf, sizeof buf, 0), strlen(text));
    assert_memory_equal(buf, text, strlen(text));
    weir_file_close(&f);
}

/* Start a process that has a lease on a file (F_RDLCK, F_WRLCK) until somebody else opens that, if
 * its file system has such. The caller waits for its end. */
static inline pid_t lease(const char *path, int kind) {
    int tell[2];
    char could = 0;
    sigset_t break_;
    assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(5)), 0); /* what we closed is closed */
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_RDONLY);
        sigemptyset(&break_);
        sigaddset(&break_, SIGIO);
        sigprocmask(SIG_BLOCK, &break_, NULL);
        for (int i = 0; i < 1000 && !could; i++)
            could = fcntl(fd, F_SETLEASE, kind) == 0 || usleep(1000) != 0;
        if (write(tell[1], &could, 1) == 1 && could)
            sigwaitinfo(&break_, NULL);
        _exit(fcntl(fd, F_SETLEASE, F_UNLCK));
    }
    assert_int_equal(read(tell[0], &could, 1), 1);
    if (!could)
        fprintf(stderr, "# no lease: %s\n", path);
    close(tell[0]);
    close(tell[1]);
    return child;
}

/* The call has failed with code, and the error's text names what. */
static inline void expect_error(int64_t rc, int code, const char *what) {
    assert_int_equal(rc, code);
    const struct weir_error *e = weir_error(code);
    assert_non_null(e);
    if (strstr(e->text, what) == NULL)
        fail_msg("'%s' does not name '%s'", e->text, what);
}

#endif
