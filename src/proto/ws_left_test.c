/* SPDX-License-Identifier: MIT */
/* A program never frees its reconnecting clients and topics, or frees one twice. */
#include "test/runner.h"

#include <string.h>
#include <weir/loop.h>
#include <weir/ws_client.h>
#include <weir/ws_topic.h>

static const char url[] = "ws://127.0.0.1:1/chat?key=secret";

static int forgets(void *arg) {
    struct weir_ws_client *freed = NULL, *left = NULL;
    struct weir_ws_topic *freed_topic = NULL, *left_topic = NULL;
    int rc = weir_ws_client_new(url, NULL, &freed);
    if (rc == 0)
        rc = weir_ws_client_new(url, NULL, &left);
    if (rc == 0)
        rc = weir_ws_topic_new(NULL, &freed_topic);
    if (rc == 0)
        rc = weir_ws_topic_new(NULL, &left_topic);
    weir_ws_client_drop(&freed);
    weir_ws_topic_free(&freed_topic);
    return rc;
}

static void run_debugged(void *story) {
    const struct weir_run_options o = {
        .size = sizeof o, .backend = test_backend, .debug = true, .slow_ns = WEIR_SECONDS(60)};
    weir_run(*(int (**)(void *))story, NULL, &o);
}

/* In a child process, because it leaves memory behind. */
WEIR_TEST_BACKENDS(a_client_and_a_topic_that_nobody_frees_are_named_with_their_places) {
    int (*story)(void *) = forgets;
    static char said[4096];
    assert_int_equal(runner_child(run_debugged, &story, said, sizeof said), 0);
    assert_non_null(strstr(said, ": 2 objects (streams, files or the like) were never closed"));
    assert_non_null(strstr(said, "never closed: WebSocket client of ws://127.0.0.1:1/chat, made "
                                 "by task 'main' at forgets+0x"));
    assert_non_null(strstr(said, "never closed: WebSocket topic, made by task 'main' at "
                                 "forgets+0x"));
    assert_null(strstr(said, "secret"));
}

static int drops_twice(void *arg) {
    struct weir_ws_client *c = NULL, *copy;
    int rc = weir_ws_client_new(url, NULL, &c);
    copy = c;
    weir_ws_client_drop(&c);
    weir_ws_client_drop(&copy);
    return rc;
}

static int frees_twice(void *arg) {
    struct weir_ws_topic *t = NULL, *copy;
    int rc = weir_ws_topic_new(NULL, &t);
    copy = t;
    weir_ws_topic_free(&t);
    weir_ws_topic_free(&copy);
    return rc;
}

WEIR_TEST_ABORTS(a_second_drop_of_a_client_names_the_first,
                 "was closed before, by task 'main' at drops_twice+0x") {
    int (*story)(void *) = drops_twice;
    run_debugged(&story);
}

WEIR_TEST_ABORTS(a_second_free_of_a_topic_names_the_first,
                 "the WebSocket topic was closed before, by task 'main' at frees_twice+0x") {
    int (*story)(void *) = frees_twice;
    run_debugged(&story);
}

static int makes_client(void *ret_client) {
    return weir_ws_client_new(url, NULL, ret_client);
}

/* It counts as left, and its memory can still be freed. */
WEIR_TEST_BACKENDS(a_client_that_is_dropped_after_its_run_is_only_freed) {
    struct weir_ws_client *c = NULL;
    assert_int_equal(weir_run(makes_client, &c, NULL), 0);
    weir_ws_client_drop(&c);
    assert_null(c);
}
