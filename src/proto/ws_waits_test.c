/* SPDX-License-Identifier: MIT */
/* The text of what a task waits for on a WebSocket (task/what.h). */
#include "proto/ws_test_util.h"

#include "task/what.h"

struct waiter_args {
    struct weir_ws *ws;
};

static int sends_for_ever(void *args) {
    static const char bytes[60000];
    int rc;
    while ((rc = weir_ws_send(((struct waiter_args *)args)->ws, WEIR_WS_BINARY, bytes,
                              sizeof bytes)) == 0)
        ;
    return rc;
}

static int closes(void *args) {
    return weir_ws_close(((struct waiter_args *)args)->ws, 1000, "");
}

/* Start fn, and check for what it waits once it does. */
static struct weir_task *look_at(struct weir_group *g, int (*fn)(void *), struct weir_ws *ws,
                                 const char *call) {
    struct waiter_args a = {ws};
    struct weir_task *t = NULL;
    char wanted[WEIR__WHAT_TEXT], text[WEIR__WHAT_TEXT], buf[WEIR__WHAT_TEXT];
    int fd = -1;
    assert_int_equal(weir_spawn(g, WEIR_SITE(fn), fn, &a, sizeof a, NULL, &t), 0);
    for (int i = 0; i < 2000; i++) {
        settle();
        snprintf(text, sizeof text, "%s", weir__task_waits_text(t, buf));
        if (strncmp(text, call, strlen(call)) == 0)
            break;
    }
    const char *number = strstr(text, " (fd ");
    if (number != NULL)
        sscanf(number, " (fd %d", &fd);
    snprintf(wanted, sizeof wanted, "%s %s (fd %d)", call, weir_ws_peer(ws), fd);
    assert_string_equal(text, wanted);
    assert_true(fd > 0);
    return t;
}

/* The server does not read while it holds a message. The first task that closes reads what the peer
 * still sends; another waits for the close. */
WS_STORY(the_text_of_a_send_and_of_a_close_names_the_peer_and_the_descriptor) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_group g;
    assert_int_equal(weir_ws_dial(w->ws_url, &w->o, &ws), 0);
    w->held = true;
    assert_int_equal(weir_ws_send(ws, WEIR_WS_TEXT, "hold", 4), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    struct weir_task *sender = look_at(&g, sends_for_ever, ws, "ws send to");
    struct weir_task *closer = look_at(&g, closes, ws, "read from");
    struct weir_task *another = look_at(&g, closes, ws, "ws close with");
    weir_group_cancel(&g, "seen");
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_task_release(&sender);
    weir_task_release(&closer);
    weir_task_release(&another);
    w->held = false;
    return 0;
}
