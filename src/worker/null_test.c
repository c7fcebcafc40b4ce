/* SPDX-License-Identifier: MIT */
/* Every public call that takes an object, called with NULL: it aborts with a message that says so.
 * The test is in this room because it calls all rooms below. Calls that accept NULL are the last
 * part. */
#include "test/runner.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/worker.h>
#include <weir/ws.h>

#define CALL(name, statement)                                                                      \
    static int name(void *arg) {                                                                   \
        (void)arg;                                                                                 \
        statement;                                                                                 \
        return 0;                                                                                  \
    }

static struct weir_stream *stream;
static struct weir_listener *listener;
static struct weir_conn *conn;
static struct weir_ws *ws;
static struct weir_view view;
static struct weir_ws_message message;
static char byte;

static int nothing(void *args) {
    (void)args;
    return 0;
}

static int on_bytes(struct weir_conn *c, void *state, struct weir_view v) {
    (void)c, (void)state, (void)v;
    return 0;
}

static int on_message(struct weir_ws *w, void *state, const struct weir_ws_message *m) {
    (void)w, (void)state, (void)m;
    return 0;
}

static void react(struct weir_listener *l) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_react(l, &g, &(struct weir_reactive){.message = on_bytes});
}

static void ws_react(struct weir_listener *l) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_ws_react(l, &g, &(struct weir_ws_reactive){.message = on_message}, NULL);
}

CALL(peek, weir_peek(stream, 1, &view))
CALL(consume, weir_consume(stream, 0))
CALL(read_some, weir_read(stream, &byte, 1))
CALL(read_none, weir_read(stream, &byte, 0))
CALL(read_exactly, weir_read_exactly(stream, &byte, 1))
CALL(read_until, weir_read_until(stream, 'x', &byte, 1))
CALL(write_all, weir_write(stream, "x", 1))
CALL(write_none, weir_write(stream, "", 0))
CALL(try_write, weir_try_write(stream, "x", 1))
CALL(wait_writable, weir_wait_writable(stream))
CALL(stream_fd, weir_stream_fd(stream))
CALL(shut, weir_shutdown(stream))
CALL(peer, weir_stream_peer(stream))
CALL(local, weir_stream_local(stream))
CALL(listener_port, weir_listener_port(listener))
CALL(dial, weir_dial(NULL, NULL, &stream))
CALL(listens, weir_listen(NULL, NULL, &listener))
CALL(accept_one, weir_accept(listener, &stream))
CALL(reacts, react(listener))
CALL(conn_stream, weir_conn_stream(conn))
CALL(conn_group, weir_conn_group(conn))
CALL(conn_close, weir_conn_close(conn))
CALL(conn_arg, weir_conn_arg(conn))
CALL(ws_dial, weir_ws_dial(NULL, NULL, &ws))
CALL(ws_accept, weir_ws_accept(&stream, NULL, &ws))
CALL(ws_accept_nothing, weir_ws_accept(NULL, NULL, &ws))
CALL(ws_path, weir_ws_path(ws))
CALL(ws_subprotocol, weir_ws_subprotocol(ws))
CALL(ws_peer, weir_ws_peer(ws))
CALL(ws_receive, weir_ws_receive(ws, &message))
CALL(ws_send, weir_ws_send(ws, WEIR_WS_TEXT, "x", 1))
CALL(ws_try_send, weir_ws_try_send(ws, WEIR_WS_TEXT, "x", 1))
CALL(ws_send_part, weir_ws_send_part(ws, WEIR_WS_TEXT, "x", 1, true))
CALL(ws_flush, weir_ws_flush(ws))
CALL(ws_queued, weir_ws_queued(ws))
CALL(ws_close, weir_ws_close(ws, 1000, NULL))
CALL(ws_close_code, weir_ws_close_code(ws))
CALL(ws_close_reason, weir_ws_close_reason(ws))
CALL(ws_reacts, ws_react(listener))
CALL(ws_end, weir_ws_begin_close(ws, 1000, NULL))
CALL(ws_group, weir_ws_group(ws))
CALL(ws_arg, weir_ws_arg(ws))
CALL(spawn_nothing, weir_spawn(NULL, WEIR_SITE(nothing), NULL, NULL, 0, NULL, NULL))
CALL(spawn_nowhere, weir_spawn(NULL, NULL, nothing, NULL, 0, NULL, NULL))
CALL(run_nothing, weir_run(NULL, NULL, NULL))
CALL(stack_use, weir_stack_use(0, NULL))
CALL(post_nothing, weir_post(weir_loop_current(), NULL, NULL))
CALL(offload_nothing, weir_offload(NULL, NULL))
CALL(offload_detached_nothing, weir_offload_detached(NULL, NULL, 0))
CALL(scope_enter, weir_scope_enter(NULL, 1))
CALL(auto_leave, weir_scope_auto_leave(NULL))
CALL(shield_enter, weir_shield_enter(NULL, 1))
CALL(group_open, weir_group_open(NULL, WEIR_TOGETHER))
CALL(await_nowhere, weir_await(NULL, NULL, 0))
CALL(param_text, weir_param_text(NULL, "x", "", &(const char *){NULL}))
CALL(param_int, weir_param_int(NULL, "x", 1, &(int64_t){0}))
CALL(param_double, weir_param_double(NULL, "x", 1, &(double){0}))
CALL(ack_text, weir_ack_text(NULL, "x"))
CALL(ack_bytes, weir_ack_bytes(NULL, "x", 1))
CALL(worker_main, weir_worker_main(NULL, 0, NULL))
CALL(source_main, weir_source_main(NULL, 0, NULL))
CALL(mesh_open, weir_mesh_open(NULL, NULL))
CALL(node_add, weir_node_add(NULL, NULL))
CALL(node_find, weir_node_find(NULL, NULL, NULL))
CALL(node_at, weir_node_at(NULL, 0, NULL))
CALL(node_connect, weir_node_connect(NULL, NULL, ""))
CALL(node_ask, weir_node_ask(NULL, NULL, "", NULL, NULL))
CALL(node_send, weir_node_send(NULL, "buzzer", "", NULL))
CALL(node_stream, weir_node_stream(NULL, NULL, "", NULL, 0, NULL))

static const struct call {
    const char *name;
    int (*fn)(void *arg);
} calls[] = {
#define ROW(fn) {#fn, fn}
    ROW(peek), ROW(consume), ROW(read_some), ROW(read_none), ROW(read_exactly), ROW(read_until),
    ROW(write_all), ROW(write_none), ROW(try_write), ROW(wait_writable), ROW(stream_fd), ROW(shut),
    ROW(peer), ROW(local), ROW(listener_port), ROW(accept_one), ROW(reacts), ROW(conn_stream),
    ROW(conn_group), ROW(conn_close), ROW(conn_arg), ROW(ws_accept), ROW(ws_accept_nothing),
    ROW(ws_path), ROW(ws_subprotocol), ROW(ws_peer), ROW(ws_receive), ROW(ws_send),
    ROW(ws_try_send), ROW(ws_send_part), ROW(ws_flush), ROW(ws_queued), ROW(ws_close),
    ROW(ws_close_code), ROW(ws_close_reason), ROW(ws_reacts), ROW(ws_end), ROW(ws_group),
    ROW(ws_arg), ROW(spawn_nothing), ROW(spawn_nowhere), ROW(run_nothing), ROW(stack_use),
    ROW(post_nothing), ROW(offload_nothing), ROW(offload_detached_nothing), ROW(scope_enter),
    ROW(shield_enter), ROW(group_open), ROW(await_nowhere), ROW(param_text), ROW(param_int),
    ROW(param_double), ROW(ack_text), ROW(ack_bytes), ROW(worker_main), ROW(dial), ROW(listens),
    ROW(ws_dial), ROW(auto_leave), ROW(source_main), ROW(mesh_open), ROW(node_add), ROW(node_find),
    ROW(node_at), ROW(node_connect), ROW(node_ask), ROW(node_send), ROW(node_stream),
};

static void run_call(void *c) {
    weir_run(((const struct call *)c)->fn, NULL, NULL);
}

static void expect_abort(const struct call *c) {
    char said[1024];
    int status = runner_child(run_call, (void *)(uintptr_t)c, said, sizeof said);
    const char *words = strncmp(c->name, "ws_", 3) == 0 ? "bug: " : "bug: weir_";
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strstr(said, "NULL") == NULL ||
        strstr(said, words) == NULL)
        fail_msg("%s: no abort that names the call and says NULL, but: %s", c->name, said);
}

WEIR_TEST_BACKENDS(each_call_that_takes_an_object_says_that_it_is_null) {
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        expect_abort(&calls[i]);
}

WEIR_TEST(what_gives_back_or_closes_takes_null) {
    struct weir_task *task = NULL;
    struct weir_loop *loop = NULL;
    struct weir_mesh *mesh = NULL;
    weir_close(NULL), weir_close(&stream);
    weir_unlisten(NULL), weir_unlisten(&listener);
    weir_ws_drop(NULL), weir_ws_drop(&ws);
    weir_task_release(NULL), weir_task_release(&task);
    weir_loop_unref(NULL), weir_loop_unref(&loop);
    weir_node_ack_free(NULL), weir_node_ack_free(&(struct weir_node_ack){.data = NULL});
    weir_mesh_close(NULL), weir_mesh_close(&mesh);
}
