/* SPDX-License-Identifier: MIT */
/* What a run leaves open is counted in one line of the log. In child processes, because it leaves
 * memory and descriptors behind. */
#include "stream/stream_test_util.h"

static char said[1024];

static void run_it(void *fn) {
    weir_run(*(int (**)(void *arg))fn, NULL, NULL);
}

static const char *run_and_read(int (*fn)(void *arg)) {
    (void)runner_child(run_it, &fn, said, sizeof said);
    return said;
}

static int leaves_a_pair(void *arg) {
    struct weir_stream *a, *b;
    return weir_memory_pair(0, &a, &b);
}

static int leaves_one(void *arg) {
    struct weir_stream *a, *b;
    int rc = weir_memory_pair(0, &a, &b);
    weir_close(&a);
    return rc;
}

static int connects(struct weir_listener **ret_l, struct weir_stream **ret_a,
                    struct weir_stream **ret_b) {
    char url[64];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, ret_l);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", rc == 0 ? weir_listener_port(*ret_l) : 0);
    if (rc == 0)
        rc = weir_dial(url, NULL, ret_a);
    return rc == 0 ? weir_accept(*ret_l, ret_b) : rc;
}

static int leaves_sockets_and_their_listener(void *arg) {
    struct weir_listener *l;
    struct weir_stream *a, *b;
    return connects(&l, &a, &b);
}

static int closes_all(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_stream *a = NULL, *b = NULL, *c = NULL, *d = NULL;
    int rc = connects(&l, &a, &b);
    if (rc == 0)
        rc = weir_memory_pair(0, &c, &d);
    weir_unlisten(&l);
    weir_close(&a), weir_close(&b), weir_close(&c), weir_close(&d);
    (void)weir_dial("tcp://127.0.0.1:1", NULL, &a); /* what it opened on the way, it closed */
    (void)weir_listen("tcp://192.0.2.1:0", NULL, &l);
    return rc;
}

WEIR_TEST_BACKENDS(streams_and_listeners_left_open_are_counted_at_the_end_of_the_run) {
    const char *line = run_and_read(leaves_a_pair);
    assert_non_null(strstr(line, "loop 'main' ended: 2 objects (streams, files or the like) "
                                 "were never closed; WEIR_DEBUG=1 says which"));
    assert_non_null(strstr(run_and_read(leaves_one), "ended: 1 object (a stream, file or"));
    assert_non_null(strstr(run_and_read(leaves_sockets_and_their_listener), "ended: 3 objects"));
}

WEIR_TEST_BACKENDS(what_was_closed_is_not_counted) {
    assert_string_equal(run_and_read(closes_all), "");
}
