/* SPDX-License-Identifier: MIT */
/* worker_test_util.h - one program in a simulated world, the lines that it has printed, and a
 * client. Tests only. */
#ifndef WEIR_WORKER_WORKER_TEST_UTIL_H
#define WEIR_WORKER_WORKER_TEST_UTIL_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/testing.h>
#include <weir/ws.h>

#include "task/task.h"
#include "test/runner.h"
#include "worker/line.h"
#include "worker/source.h"
#include "worker/worker.h"

/* ---- what was printed ---- */

static char lines[32768];

static inline void see(const char *line, void *arg) {
    (void)arg;
    assert_true(strlen(lines) + strlen(line) + 1 < sizeof lines);
    strcat(strcat(lines, line), "\n");
}

static inline void expect_lines(const char *expected) {
    if (strcmp(lines, expected) != 0)
        fail_msg("these lines:\n%s---- are not:\n%s", lines, expected);
}

/* Wait for a line, in virtual time. */
static inline int await_line(const char *needle) {
    int rc = 0;
    for (int i = 0; strstr(lines, needle) == NULL && rc == 0; i++) {
        if (i == 100000)
            fail_msg("'%s' never came:\n%s", needle, lines);
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    }
    return rc;
}

#define MESH                                                                                       \
    "[ mesh ] registering new node: clock\n"                                                       \
    "[ mesh ] registering new node: blink\n"                                                       \
    "[ mesh ] registering new node: buzzer\n"

/* ---- a world of one program ---- */

struct world {
    const struct weir_worker *worker; /* NULL: source, or body instead */
    const struct weir_source *source;
    int (*body)(struct weir__program *p);
    int (*story)(void); /* of the others */
    const char *params[4];
    int expected; /* result of the program */
    int port;     /* 0: 8765; less: none is given */
};

static struct weir__counters counted; /* by the program, at its end */

struct program_main_args {
    struct weir__program *program;
    int *ret;
};

static inline int program_main(void *args) {
    struct program_main_args *a = args;
    *a->ret = weir__program_task(a->program);
    return 0;
}

static inline int play(void *arg) {
    struct world *w = arg;
    struct weir__worker worker;
    struct weir__source source;
    struct weir_group g;
    int result = -1, rc = 0;
    struct weir__program *p = weir__program_new("test");
    assert_non_null(p);
    assert_int_equal(weir__grid_init(&p->grid), 0);
    for (size_t i = 0; i < 4 && w->params[i] != NULL; i++)
        assert_int_equal(weir__params_give(&p->params, w->params[i]), 0);
    p->port = w->port != 0 ? w->port : 8765;
    p->host = w->port < 0 ? NULL : "localhost";
    p->title = "clock";
    p->body = w->body;
    if (w->worker != NULL)
        assert_int_equal(weir__worker_init(&worker, p, w->worker), 0);
    if (w->source != NULL)
        assert_int_equal(weir__source_init(&source, p, w->source), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, program_main, .program = p, .ret = &result);
    if (rc == 0 && w->story != NULL)
        rc = w->story();
    rc = weir_group_close(&g, rc);
    if (w->worker != NULL)
        weir__worker_fini(&worker);
    if (w->source != NULL)
        weir__source_fini(&source);
    counted = p->counters;
    weir__program_free(p);
    assert_int_equal(result, w->expected);
    return rc;
}

static inline void run_world(struct world w) {
    weir_out_to(see, NULL);
    lines[0] = '\0';
    weir_log_level_set(WEIR_LOG_ERROR);
    assert_int_equal(weir_sim_run(play, &w, NULL), 0);
}

/* ---- a client ---- */

static struct weir_ws *ws;

static inline int dial(const char *url) {
    return weir_ws_dial(url, NULL, &ws);
}

static inline void expect_ack(const char *sent, const char *expected) {
    struct weir_ws_message m;
    assert_int_equal(weir_ws_send(ws, WEIR_WS_TEXT, sent, strlen(sent)), 0);
    assert_int_equal(weir_ws_receive(ws, &m), 0);
    if (m.data.len != strlen(expected) || memcmp(m.data.base, expected, m.data.len) != 0)
        fail_msg("'%.*s' is not '%s'", (int)m.data.len, (const char *)m.data.base, expected);
}

static inline int hang_up(void) {
    int rc = weir_ws_close(ws, 1000, "");
    weir_ws_drop(&ws);
    return rc;
}

static inline int stop(int signal) {
    return weir_sim_raise(signal) == 1 ? 0 : -ESRCH;
}

#endif
