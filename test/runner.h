/* SPDX-License-Identifier: MIT */
/* The test runner: a test is a named function that registers itself. Each test runs in a child
 * process with a time limit. When the function has returned, the runner checks that no descriptor,
 * child process, thread or allocation is left. The output is TAP; the output of a failed test goes
 * to stderr.
 *
 *   prog [--list] [--no-fork] [SUBSTRING...]        (--no-fork: for a debugger)
 *
 * Assertions are cmocka's; a failed one prints and aborts.
 * WEIR_TEST_TIMEOUT_SCALE multiplies the time limit (sanitizers, valgrind). */
#ifndef WEIR_TEST_RUNNER_H
#define WEIR_TEST_RUNNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum runner_kind { RUNNER_PASSES, RUNNER_ABORTS, RUNNER_FAILS, RUNNER_BACKENDS };

struct runner_case {
    const char *name;
    void (*body)(void);
    enum runner_kind kind;
    const char *text; /* RUNNER_ABORTS: what stderr must contain */
    struct runner_case *next;
};

/* A story that passes if its body returns and leaves nothing behind. */
#define WEIR_TEST(sentence) RUNNER_CASE_(sentence, RUNNER_PASSES, NULL)

/* Passes only if the process dies of SIGABRT or SIGSEGV and its stderr contains `needle`. */
#define WEIR_TEST_ABORTS(sentence, needle) RUNNER_CASE_(sentence, RUNNER_ABORTS, needle)

/* Passes only if the story fails (an assertion, or something left behind). */
#define WEIR_TEST_FAILS(sentence) RUNNER_CASE_(sentence, RUNNER_FAILS, NULL)

/* Three tests, `sentence [sim]`, `[epoll]`, `[uring]`: the body reads `test_backend`, and the
 * variable WEIR_BACKEND is set to it. uring is skipped, with its reason, where there is none. */
#define WEIR_TEST_BACKENDS(sentence) RUNNER_CASE_(sentence, RUNNER_BACKENDS, NULL)

/* "sim", "epoll" or "uring" in a stamped story, else NULL. */
extern const char *test_backend;

/* From a constructor: stamp the stories of this program on this backend only, a registered one. */
void runner_stand_in(const char *backend);

/* Ends the test as skipped. Does not return. */
void runner_skip(const char *reason) __attribute__((noreturn));

/* Let the simulated worlds that this test opens from now on run in the plain order, whatever
 * WEIR_SEED says: for a test that asserts in which order tasks run, how bytes are cut into pieces,
 * or a time to the nanosecond. A seed may change these. */
void runner_plain_order(void);

/* The same for each test of a file. */
#define RUNNER_PLAIN_ORDER \
    __attribute__((constructor)) static void plain_order_of_this_file(void) \
    { \
        runner_plain_order(); \
    }

/* Call fn(arg) in a child process, which ends when it returns. Returns the status of waitpid; said
 * is what it wrote to its standard error, cut to size. For tables of what must abort. */
int runner_child(void (*fn)(void *arg), void *arg, char *said, size_t size);

/* Used by the macros above only. */
void runner_add(struct runner_case *c);

#define RUNNER_CASE_(sentence, kind_, text_) \
    static void sentence##_story(void); \
    static struct runner_case sentence##_case = { #sentence, sentence##_story, kind_, text_, \
        NULL }; \
    __attribute__((constructor)) static void sentence##_add(void) \
    { \
        runner_add(&sentence##_case); \
    } \
    static void sentence##_story(void)

#endif
