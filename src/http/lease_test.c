/* SPDX-License-Identifier: MIT */
/* A WebSocket that a handler has made is dropped or closed: whatever is under way on the stream of
 * its request ends, and so the HTTP connection does. */
#include <weir/testing.h>
#include <weir/ws.h>

#include "http/http_test_util.h"
#include "stream/pair_test_util.h"

#define UPGRADE                                                                                    \
    "GET /feed HTTP/1.1\r\n" LOCAL "Upgrade: websocket\r\nConnection: Upgrade\r\n"                 \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

struct upgraded {
    struct weir_http *http;
    struct weir_stream *client;
    struct weir_ws *ws;
    struct weir_group g;
    struct weir_task *task; /* waits */
    int next, received, tried; /* what the calls below returned */
};

struct waits_args {
    struct upgraded *u;
};

/* The task of the HTTP connection, which waits until the WebSocket is gone. */
static int waits(void *args) {
    struct upgraded *u = ((struct waits_args *)args)->u;
    struct weir_http_request *r;
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(10));
    u->next = weir_scope_leave(&s, weir_http_next(u->http, &r));
    weir_http_drop(&u->http);
    return 0;
}

struct receives_args {
    struct upgraded *u;
    struct weir_ws *ws;
};
static int receives(void *args) {
    struct receives_args *a = args;
    struct weir_ws_message m;
    a->u->received = weir_ws_receive(a->ws, &m);
    return 0;
}

static void upgrade(struct upgraded *u, bool in_memory, const struct weir_ws_options *o) {
    struct weir_http_request *r;
    struct weir_stream *s = NULL;
    *u = (struct upgraded){.next = 1, .received = 1, .tried = 1};
    pair_of(in_memory, &s, &u->client);
    assert_int_equal(weir_http_accept(&s, NULL, &u->http), 0);
    assert_int_equal(weir_write(u->client, UPGRADE, strlen(UPGRADE)), 0);
    assert_int_equal(weir_http_next(u->http, &r), 1);
    assert_int_equal(weir_http_ws_accept(r, o, &u->ws), 0);
    weir_group_open(&u->g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go_task(&u->g, waits, &u->task, .u = u), 0);
}

static void downgrade(struct upgraded *u) {
    weir_task_release(&u->task);
    weir_close(&u->client);
    assert_int_equal(weir_group_close(&u->g, 0), 0);
}

/* ---- the client takes nothing ---- */

/* Nothing but the end of the stream ends the write: the line waits for ever, and no byte leaves. */
static const struct weir_ws_options patient = {.size = sizeof patient, .queue_max = 32 << 20,
                                               .pong_ns = WEIR_NEVER,
                                               .close_ns = MS(20)};

static void fill(struct weir_ws *ws) {
    for (int waiting = 0; waiting < 3; waiting++) {
        if (weir_ws_queued(ws) == 0) {
            assert_int_equal(weir_ws_try_send(ws, WEIR_WS_BINARY, big_bytes(), 1 << 20), 0);
            waiting = 0;
        }
        settle();
    }
}

static int end_with_a_queue(void *closes) {
    for (int in_memory = 0; in_memory <= 1; in_memory++) {
        struct upgraded u;
        upgrade(&u, in_memory, &patient);
        assert_int_equal(weir_go(&u.g, receives, .u = &u, .ws = u.ws), 0);
        fill(u.ws);
        if (closes != NULL)
            assert_int_equal(weir_ws_close(u.ws, 1000, NULL), WEIR_EEOF);
        weir_ws_drop(&u.ws);
        for (int i = 0; i < 2000 && u.next != 0; i++)
            assert_int_equal(weir_sleep(MS(1)), 0);
        assert_int_equal(u.next, 0);
        assert_int_equal(u.received, closes != NULL ? WEIR_EEOF : WEIR_ECLOSED);
        downgrade(&u);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_drop_under_a_receive_ends_what_the_client_does_not_take) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(end_with_a_queue, NULL, &o), 0);
}

WEIR_TEST_BACKENDS(a_close_that_is_late_ends_what_the_client_does_not_take) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(end_with_a_queue, &o, &o), 0);
}

WEIR_TEST(a_drop_ends_what_the_client_does_not_take_and_cancels_come_late) {
    struct weir_sim_options o = {.size = sizeof o, .deferred = true};
    assert_int_equal(weir_sim_run(end_with_a_queue, NULL, &o), 0);
    assert_int_equal(weir_sim_run(end_with_a_queue, &o, &o), 0);
}

/* ---- a task that lets others run within its call, and waits for nothing yet ---- */

enum how { DROPS_WS, DROPS_WS_UNDER_A_SEND, CANCELS_HTTP, CANCELS_HTTP_UNDER_A_SEND, HOWS };
enum { CALLS = 70 }; /* more than a task may make before others run */

struct enters_args {
    struct upgraded *u;
    int before; /* calls before the one that is tried */
    bool sends, *entered;
};
static int enters(void *args) {
    struct enters_args *a = args;
    struct weir_ws_message m;
    struct weir_scope s;
    struct weir_ws *ws = a->u->ws;
    weir_scope_enter(&s, WEIR_SECONDS(20));
    for (int i = 0; i < a->before; i++)
        weir__breathe();
    *a->entered = true;
    int rc = a->sends ? weir_ws_send(ws, WEIR_WS_BINARY, big_bytes(), 100000)
                      : weir_ws_receive(ws, &m);
    a->u->tried = weir_scope_leave(&s, rc);
    return 0;
}

static void cut_within_a_call(enum how how, int before) {
    struct upgraded u;
    bool entered = false, sends = how == DROPS_WS_UNDER_A_SEND || how == CANCELS_HTTP_UNDER_A_SEND;
    bool cancels = how >= CANCELS_HTTP;
    int expected = !cancels ? WEIR_ECLOSED : sends ? -EPIPE : -ECANCELED;
    upgrade(&u, true, &patient);
    if (how == DROPS_WS_UNDER_A_SEND)
        assert_int_equal(weir_go(&u.g, receives, .u = &u, .ws = u.ws), 0);
    settle();
    assert_int_equal(weir_go(&u.g, enters, .u = &u, .before = before, .entered = &entered,
                             .sends = sends), 0);
    if (cancels)
        weir_task_cancel(u.task, "the server stops");
    while (!entered)
        assert_int_equal(weir_yield(), 0);
    if (!cancels)
        weir_ws_drop(&u.ws);
    for (int i = 0; i < 2000 && u.tried == 1; i++)
        assert_int_equal(weir_sleep(MS(1)), 0);
    if (u.tried != expected)
        fail_msg("%d, after %d calls: %s", how, before,
                 u.tried == 1 ? "it waits" : weir_error_name(u.tried));
    weir_ws_drop(&u.ws);
    downgrade(&u);
}

static int cut_within_calls(void *arg) {
    for (int how = 0; how < HOWS; how++)
        for (int before = 0; before < CALLS; before++)
            cut_within_a_call((enum how)how, before);
    return 0;
}

WEIR_TEST_BACKENDS(a_call_that_lets_others_run_learns_that_its_websocket_is_over) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(cut_within_calls, NULL, &o), 0);
}
