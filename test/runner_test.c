/* SPDX-License-Identifier: MIT */
/* Tests of the runner: each planted fault must be reported, with the expected words. The faults run
 * in a second run of this program, under the names `planted_*`, which the first run skips. */
#include "test/runner.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every planted fault does nothing unless this variable names it. */
#define PLANTED "RUNNER_TEST_PLANTED"

static int planted(const char *fault) {
    const char *asked = getenv(PLANTED);
    return asked && strcmp(asked, fault) == 0;
}

static void *sleep_for_ever(void *arg) {
    pause();
    return arg;
}

WEIR_TEST(planted_fd) {
    if (planted("planted_fd"))
        assert_true(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

WEIR_TEST(planted_close) {
    if (planted("planted_close"))
        close(0);
}

WEIR_TEST(planted_child) {
    if (planted("planted_child") && fork() == 0)
        pause();
}

WEIR_TEST(planted_thread) {
    pthread_t thread;
    if (planted("planted_thread"))
        assert_int_equal(pthread_create(&thread, NULL, sleep_for_ever, NULL), 0);
}

WEIR_TEST(planted_assertion) {
    if (planted("planted_assertion"))
        assert_int_equal(1, 2);
}

WEIR_TEST(planted_hang) {
    if (planted("planted_hang"))
        pause();
}

WEIR_TEST_ABORTS(planted_wrong_text, "the right words") {
    fputs(planted("planted_wrong_text") ? "other words" : "the right words", stderr);
    abort();
}

WEIR_TEST_ABORTS(planted_no_abort, "the right words") {
    fputs("the right words", stderr);
    if (!planted("planted_no_abort"))
        abort();
}

/* Runs this program again with the fault planted; the test must fail and say `words`. */
static void expect_told(const char *fault, const char *words) {
    char command[512], line[512];
    int told = 0, failed = 0;
    char self[256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    snprintf(command, sizeof command, "%s=%s WEIR_TEST_TIMEOUT_SCALE=0.1 '%s' %s 2>&1", PLANTED,
        fault, self, fault);
    FILE *out = popen(command, "re");
    assert_non_null(out);
    while (fgets(line, sizeof line, out)) {
        told |= line[0] == '#' && strstr(line, words) != NULL;
        failed |= strncmp(line, "not ok 1 - ", 11) == 0;
    }
    int status = pclose(out);
    if (!told || !failed || status == 0)
        fail_msg("%s: told %d, failed %d, status %d", fault, told, failed, status);
}

WEIR_TEST(an_open_descriptor_is_reported) {
    expect_told("planted_fd", "left open: /dev/null");
}

WEIR_TEST(a_closed_descriptor_is_reported) {
    expect_told("planted_close", "of the runner was closed");
}

WEIR_TEST(a_child_left_running_is_reported) {
    expect_told("planted_child", "a child process left running");
}

WEIR_TEST(a_thread_left_running_is_reported) {
    expect_told("planted_thread", "1 threads left running");
}

WEIR_TEST(a_failed_assertion_is_reported) {
    expect_told("planted_assertion", "0x1 != 0x2");
}

WEIR_TEST(a_hang_is_ended_and_reported) {
    expect_told("planted_hang", "no end after 2 seconds");
}

WEIR_TEST(an_abort_with_other_words_is_reported) {
    expect_told("planted_wrong_text", "aborted without saying 'the right words'");
}

WEIR_TEST(a_missing_abort_is_reported) {
    expect_told("planted_no_abort", "ended normally");
}

WEIR_TEST_FAILS(a_test_that_must_fail_may_fail) {
    fail_msg("as it should");
}

WEIR_TEST_ABORTS(a_segmentation_fault_counts_as_abort, "about to fault") {
    fputs("about to fault", stderr);
    raise(SIGSEGV);
}

WEIR_TEST_BACKENDS(a_stamped_story_knows_its_backend) {
    assert_non_null(test_backend);
    assert_string_equal(getenv("WEIR_BACKEND"), test_backend);
}

WEIR_TEST(a_test_begins_without_the_signals_that_make_leaves_ignored) {
    char line[256];
    unsigned long long ignored = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        sscanf(line, "SigIgn: %llx", &ignored);
    fclose(status);
    assert_int_equal(ignored >> 31 & 3, 0);
}

WEIR_TEST(a_skipped_test_gives_its_reason) {
    runner_skip("as planned");
}
