/* SPDX-License-Identifier: MIT */
/* process_test_util.h - programs for tests: of the system on epoll and io_uring, played in a
 * simulation. Tests only. */
#ifndef WEIR_PROCESS_TEST_UTIL_H
#define WEIR_PROCESS_TEST_UTIL_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/process.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SH(script) ARGV("/bin/sh", "-c", script)

/* static int sentence_run(void) follows: inside weir_run. */
#define PROCESS_STORY_ON(stamp, sentence)                                                          \
    static int sentence##_run(void *arg);                                                          \
    stamp(sentence) {                                                                              \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        int rc = strcmp(test_backend, "sim") == 0                                                  \
                     ? weir_sim_run(sentence##_run, NULL, NULL)                                    \
                     : weir_run(sentence##_run, NULL, &o);                                         \
        assert_int_equal(rc, 0);                                                                   \
        expect_no_child();                                                                         \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

#define PROCESS_STORY(sentence) PROCESS_STORY_ON(WEIR_TEST_BACKENDS, sentence)

/* The same for programs of the system only. */
#define REAL_STORY(sentence)                                                                       \
    static int sentence##_real(void);                                                              \
    PROCESS_STORY(sentence) {                                                                      \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("a simulation has no processes");                                          \
        return sentence##_real();                                                                  \
    }                                                                                              \
    static int sentence##_real(void)

/* Neither alive nor a zombie. */
static inline void expect_no_child(void) {
    siginfo_t info;
    assert_true(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD);
}

/* Does the process exist, and is no zombie? */
static inline bool is_alive(pid_t pid) {
    char path[64], state[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    size_t n = fread(state, 1, sizeof state - 1, f);
    fclose(f);
    return n > 0 && strstr(state, ") Z") == NULL;
}

/* ---- players: cat, sh, sleep ---- */

static inline int play_cat(struct weir_sim_process *p) {
    char buf[300];
    for (;;) {
        ssize_t n = weir_read(p->in, buf, sizeof buf);
        int rc = n > 0 ? weir_write(p->out, buf, (size_t)n) : (int)n;
        if (rc == 0 && n > 0)
            rc = weir_sleep(1000); /* so that deadlines fall in between */
        if (rc < 0 || n == 0)
            return rc;
    }
}

/* What the scripts of this file do: "exit N"; "say"; "sleep"; "stubborn". */
static inline int play_sh(struct weir_sim_process *p) {
    const char *script = p->argv[2];
    int rc = 0;
    if (strncmp(script, "exit ", 5) == 0)
        return atoi(script + 5);
    if (strncmp(script, "trap '' TERM", 12) == 0)
        p->ignored = 1 << SIGTERM;
    if (strstr(script, "echo out") != NULL)
        rc = weir_write(p->out, "out\n", 4);
    if (rc == 0 && strstr(script, "echo err") != NULL)
        rc = weir_write(p->err, "err\n", 4);
    if (rc == 0 && strstr(script, "sleep") != NULL)
        rc = weir_sleep(WEIR_SECONDS(60));
    return rc;
}

static inline void play_all(void) {
    if (weir_sim_program("cat", play_cat) == 0)
        assert_int_equal(weir_sim_program("/bin/sh", play_sh), 0);
}

#endif
