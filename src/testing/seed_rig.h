/* SPDX-License-Identifier: MIT */
/* seed_rig.h - programs that write down in which order they ran, for the tests of seeds. */
#ifndef WEIR_TESTING_SEED_RIG_H
#define WEIR_TESTING_SEED_RIG_H

#include <string.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

enum { TASKS = 6, ROUNDS = 5, TRACE = 512, FAN = 4, BLOCK = 40000 };

static char trace[TRACE];
static size_t traced;
static const struct weir_site here = {"seed", __FILE__, "seed_test", 1};

RUNNER_PLAIN_ORDER /* these tests choose their seeds themselves */

static inline void write_down(char c) {
    if (traced < TRACE - 1)
        trace[traced++] = c;
    trace[traced] = '\0';
}

/* Run it with that seed, and keep its trace. */
static inline int run(int (*fn)(void *), struct weir_sim_options o, uint64_t seed) {
    o.size = sizeof o;
    o.seed = seed;
    traced = 0;
    trace[0] = '\0';
    return weir_sim_run(fn, NULL, &o);
}

struct letters_args { char letter; };
static inline int letters(void *args) {
    char letter = ((struct letters_args *)args)->letter;
    int rc = 0;
    for (int i = 0; rc == 0 && i < ROUNDS; i++) {
        write_down(letter);
        rc = weir_sleep(WEIR_MILLISECONDS(1)); /* all wake at one instant */
    }
    return rc;
}

static inline int six_tasks(void *arg) {
    struct weir_group g;
    int rc = 0;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; rc == 0 && i < TASKS; i++)
        rc = weir_go(&g, letters, .letter = (char)('a' + i));
    return weir_group_close(&g, rc);
}

static char first_letter = 'a';
static bool disturbed; /* somebody may be cancelled: bytes may be missing at the end */

static inline uint8_t pattern(size_t i) {
    return (uint8_t)(i * 31 >> 3 ^ i);
}

/* Read them all; they must be in order. */
struct reader_args { struct weir_stream *s; size_t len; };
static inline int reader(void *args) {
    struct reader_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = a->s;
    uint8_t buf[1000];
    size_t have = 0;
    ssize_t n;
    while ((n = weir_read(s, buf, sizeof buf)) > 0)
        for (ssize_t i = 0; i < n; i++, have++)
            if (have == 0)
                write_down((char)buf[i]);
            else
                assert_int_equal(buf[i], pattern(have));
    if (!disturbed)
        assert_int_equal(n < 0 ? (size_t)-n : have, a->len);
    return (int)n;
}

struct writer_args { char letter; size_t len; };
static inline int writer(void *args) {
    struct writer_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    static uint8_t bytes[BLOCK];
    int rc = weir_dial("tcp://far:7", NULL, &s);
    for (size_t i = 0; i < a->len; i++)
        bytes[i] = pattern(i);
    if (rc == 0)
        rc = weir_write(s, &a->letter, 1);
    if (rc == 0 && a->len > 1)
        rc = weir_write(s, bytes + 1, a->len - 1);
    return rc == 0 ? weir_shutdown(s) : rc;
}

static inline int accept_all(struct weir_group *g, struct weir_listener *l, int count, size_t len) {
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        struct reader_args a = {NULL, len};
        rc = weir_accept(l, &a.s);
        if (rc == 0)
            rc = weir_spawn(g, &here, reader, &a, sizeof a, NULL, NULL);
    }
    return rc;
}

static inline int converse(int count, size_t len) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group g;
    weir_sim_host("far");
    int rc = weir_listen("tcp://far:7", NULL, &l);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = weir_go(&g, writer,
                     .letter = (char)(first_letter + i), .len = len);
    if (rc == 0)
        rc = accept_all(&g, l, count, len);
    return weir_group_close(&g, rc);
}

static inline int fan(void *arg) {
    (void)arg;
    int rc = converse(2 * FAN, 1);
    return rc < 0 ? rc : converse(2 * FAN, 1);
}

static inline int job_written_down(void *arg) {
    write_down((char)(uintptr_t)arg);
    return 0;
}

struct offloads_args { char letter; };
static inline int offloads(void *args) {
    return weir_offload(job_written_down,
                        (void *)(uintptr_t)((struct offloads_args *)args)->letter);
}

static inline int three_jobs(void *arg) {
    struct weir_group g;
    int rc = 0;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    for (char c = 'a'; rc == 0 && c <= 'c'; c++)
        rc = weir_go(&g, offloads, .letter = c);
    return weir_group_close(&g, rc);
}

static const struct weir_task *first_task;

static inline int all_of_it(void *arg) {
    first_task = weir_task_current();
    int rc = six_tasks(arg);
    rc = rc < 0 ? rc : three_jobs(arg);
    return rc < 0 ? rc : fan(arg);
}

#endif
