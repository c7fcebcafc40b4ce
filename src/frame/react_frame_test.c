/* SPDX-License-Identifier: MIT */
/* Frames in a reactive server: a framer in the state of each connection. The client writes its
 * bytes one by one, or all at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/frame.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

struct state {
    struct weir_framer lines;
    int count;
};

static int opened(struct weir_conn *c, void *state) {
    return weir_framer_open(&((struct state *)state)->lines, NULL);
}

static int message(struct weir_conn *c, void *state, struct weir_view in) {
    struct state *s = state;
    struct weir_view line;
    int rc;
    while ((rc = weir_framer_next(&s->lines, &in, &line)) == 1) {
        int written = weir_printf(weir_conn_stream(c), "%d:%.*s\n", ++s->count, (int)line.len,
                                  (const char *)line.base);
        if (written < 0)
            return written;
    }
    return rc;
}

static void closed(struct weir_conn *c, void *state, int rc) {
    weir_framer_close(&((struct state *)state)->lines);
}

static const struct weir_reactive server = {.size = sizeof server,
                                            .state_size = sizeof(struct state),
                                            .opened = opened,
                                            .message = message,
                                            .closed = closed};

struct serve_args {
    struct weir_listener *l;
    struct weir_group *g;
};

static int serve(void *args) {
    struct serve_args *a = args;
    return weir_react(a->l, a->g, &server);
}

static int speak(const char *url, size_t step) {
    static const char sent[] = "one\r\n\ntwo\nthree\n";
    char got[24];
    struct weir_stream *s = NULL;
    int rc = weir_dial(url, NULL, &s);
    for (size_t at = 0; rc == 0 && at < sizeof sent - 1; at += step) {
        size_t left = sizeof sent - 1 - at;
        rc = weir_write(s, sent + at, left < step ? left : step);
    }
    if (rc == 0)
        rc = weir_read_exactly(s, got, 20);
    if (rc == 0)
        assert_memory_equal(got, "1:one\n2:\n3:two\n4:thr", 20);
    weir_close(&s);
    return rc;
}

static int speaks(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_group connections, g;
    struct weir_scope scope; /* a cancelled task leaves the other alone */
    char url[64];
    weir_scope_enter(&scope, WEIR_SECONDS(5));
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return weir_scope_leave(&scope, rc);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&connections, WEIR_INDEPENDENT);
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, serve, .l = l, .g = &connections);
    if (rc == 0)
        rc = speak(url, 1);
    if (rc == 0)
        rc = speak(url, 100);
    weir_unlisten(&l);
    rc = weir_group_close(&g, rc);
    weir_group_cancel(&connections, "the test has ended");
    (void)weir_group_close(&connections, 0);
    return weir_scope_leave(&scope, rc);
}

WEIR_TEST_BACKENDS(a_reactive_server_finds_lines_however_their_bytes_come) {
    assert_int_equal(weir_run(speaks, NULL, NULL), 0);
}

WEIR_TEST(a_reactive_server_of_lines_leaves_nothing_behind_wherever_it_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "react lines", .fn = speaks};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}
