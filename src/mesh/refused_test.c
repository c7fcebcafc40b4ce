/* SPDX-License-Identifier: MIT */
/* What a mesh names when it refuses: the node that answered by HTTP, the channel that is none, the
 * place where a mesh was opened that is still open. */
#include <stdio.h>
#include <string.h>
#include <weir/http.h>
#include <weir/mesh.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/ws.h>

#include "test/runner.h"

static struct weir_listener *listener;
static struct weir_group clients;

static int is_not_here(struct weir_http_request *r, void *state) {
    return weir_http_reply(r, 404, NULL);
}

static int not_called(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return 0;
}

static int serve(void *args) {
    static const struct weir_ws_reactive fn = {
        .size = sizeof fn, .message = not_called, .request = is_not_here};
    return weir_ws_react(listener, &clients, &fn, NULL);
}

static void ask_the_refuser(struct weir_mesh *m) {
    assert_int_equal(weir_node_send(m, "there", "work", "x"), WEIR_EHTTP);
    const struct weir_error *e = weir_error(WEIR_EHTTP);
    assert_string_equal(e->on, "there");
    assert_int_equal(e->status, 404);
    assert_non_null(strstr(e->text, "reach there at ws://127.0.0.1:"));
    assert_non_null(strstr(e->text, "404 Not Found"));
    assert_int_equal(weir_node_send(m, "there", "a b", "x"), WEIR_EURL);
}

static int refused(void *arg) {
    char nodes[64];
    struct weir_mesh *m = NULL;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &listener), 0);
    snprintf(nodes, sizeof nodes, "there=127.0.0.1:%d", weir_listener_port(listener));
    weir_group_open(&clients, WEIR_INDEPENDENT);
    assert_int_equal(weir_go0(&clients, serve), 0);
    const struct weir_mesh_options o = {.size = sizeof o, .nodes = nodes};
    assert_int_equal(weir_mesh_open(&o, &m), 0);
    ask_the_refuser(m);
    assert_int_equal(weir_mesh_close(&m), 0);
    weir_unlisten(&listener);
    weir_group_drain(&clients, 0);
    return 0;
}

WEIR_TEST(a_refusal_by_http_names_the_node_and_a_blank_in_a_channel_is_an_error) {
    weir_log_level_set(WEIR_LOG_ERROR);
    assert_int_equal(weir_sim_run(refused, NULL, NULL), 0);
}

static int leave_open(void *arg) {
    struct weir_mesh *m = NULL;
    return weir_mesh_open(NULL, &m);
}

WEIR_TEST_ABORTS(a_mesh_left_open_names_the_place_of_its_open, "refused_test.c:") {
    (void)weir_sim_run(leave_open, NULL, NULL);
}
