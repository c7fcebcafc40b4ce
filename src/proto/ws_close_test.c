/* SPDX-License-Identifier: MIT */
/* A close to which the server gives no answer, and what becomes of those who receive. */
#include "proto/ws_test_util.h"

struct reader {
    struct weir_ws *ws;
    int rc;
    bool over;
};
struct reads_args {
    struct reader *r;
};
static int reads(void *args) {
    struct reader *r = ((struct reads_args *)args)->r;
    struct weir_ws_message m;
    r->rc = weir_ws_receive(r->ws, &m);
    r->over = true;
    return 0;
}

WS_STORY(a_close_without_an_answer_lets_go_of_the_task_that_receives, o->close_ns = MS(20)) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct reader reader = {.ws = ws, .rc = 1};
    if (w->reacts)
        return 0; /* that reads on while its function is suspended */
    w->held = true;
    assert_int_equal(weir_go(NULL, reads, .r = &reader), 0);
    assert_int_equal(ws_say(ws, "hold"), 0);
    settle();
    assert_int_equal(weir_ws_close(ws, 1000, NULL), WEIR_EEOF);
    settle();
    assert_true(reader.over);
    assert_int_equal(reader.rc, WEIR_EEOF);
    assert_true(strncmp(weir_ws_peer(ws), "127.0.0.1:", 10) == 0);
    w->held = false;
    return 0;
}

WS_STORY(a_receive_after_a_cancelled_close_is_bounded, o->close_ns = MS(20)) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    struct weir_ws_message m;
    struct weir_scope s;
    w->held = true;
    assert_int_equal(ws_say(ws, "hold"), 0);
    settle();
    weir_scope_enter(&s, MS(1));
    int rc = weir_scope_leave(&s, weir_ws_close(ws, 1000, NULL));
    assert_true(rc == -ETIME || w->reacts); /* that reads on */
    weir_scope_enter(&s, MS(2000));
    rc = weir_scope_leave(&s, weir_ws_receive(ws, &m));
    assert_int_equal(rc, w->reacts ? WEIR_EWSCLOSED : WEIR_EEOF);
    w->held = false;
    return 0;
}
