/* SPDX-License-Identifier: MIT */
/* deferred_rig.h - for the tests of Deferreds: a story in words, and functions for chains. */
#ifndef WEIR_CALLBACK_DEFERRED_RIG_H
#define WEIR_CALLBACK_DEFERRED_RIG_H

#include "test/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/deferred.h>
#include <weir/task.h>

#include "task/failure.h"

static char story[256], logged[512];

static inline void says(const char *word) {
    size_t len = strlen(story);
    snprintf(story + len, sizeof story - len, "%s%s", len > 0 ? " " : "", word);
}

static inline void keep_line(enum weir_log_level level, const char *line, void *arg) {
    size_t len = strlen(logged);
    (void)level, (void)arg;
    snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

static inline void ledger_is_even(void) {
    assert_true(weir__ledger.raised == weir__ledger.settled
                && weir__ledger.raised_sum == weir__ledger.settled_sum);
}

static inline void run(int (*fn)(void *arg)) {
    weir_log_to(keep_line, NULL);
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
    weir_log_to(NULL, NULL);
    ledger_is_even();
}

static inline struct weir_deferred *make(void) {
    struct weir_deferred *d = NULL;
    assert_int_equal(weir_deferred_new(NULL, NULL, &d), 0);
    return d;
}

static inline struct weir_deferred *made_and_fired(char *value) {
    struct weir_deferred *d = make();
    assert_int_equal(weir_deferred_fire(d, value), 0);
    return d;
}

/* Say the result, and pass it on. */
static inline struct weir_result tells(struct weir_result r, void *arg) {
    char word[64];
    snprintf(word, sizeof word, "%s:%s", (const char *)arg,
             r.rc < 0 ? weir_error_name(r.rc) : r.value ? (const char *)r.value : "null");
    says(word);
    return r;
}

static inline struct weir_result changes(struct weir_result r, void *arg) {
    (void)r;
    return (struct weir_result){0, arg};
}

static inline struct weir_result breaks(struct weir_result r, void *arg) {
    (void)r;
    return (struct weir_result){weir_fail(WEIR_EUSER, "%s", (const char *)arg), NULL};
}

static inline void add(struct weir_deferred *d, weir_on_result *both, char *arg) {
    assert_int_equal(weir_deferred_add_both(d, both, arg), 0);
}

static inline void canceller(struct weir_deferred *d, void *arg) {
    says("canceller");
    if (arg != NULL)
        weir_deferred_fire(d, arg);
}

static inline void handled(struct weir_deferred *d) {
    weir_deferred_add_errback(d, tells, "error");
    weir_deferred_add_errback(d, changes, NULL);
}

#endif
