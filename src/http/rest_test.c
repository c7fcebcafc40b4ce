/* SPDX-License-Identifier: MIT */
/* A client that reads slowly: what is still to be sent when its handler has returned. In a world of
 * small buffers, for servers of each shape. */
#include <weir/testing.h>

#include "http/http_test_util.h"

#define REST_STORY(sentence)                                                                       \
    static int sentence##_told(struct world *w);                                                   \
    WEIR_TEST(sentence) {                                                                          \
        tell_in_small_world(sentence##_told);                                                      \
    }                                                                                              \
    static int sentence##_told(struct world *w)

/* In the first, heads come in parts; in the others two may come at once. */
static const struct weir_sim_options worlds[] = {
    {.size = sizeof worlds[0], .deferred = true, .send_buffer = 70, .receive_buffer = 70,
     .piece_size = 16},
    {.size = sizeof worlds[0], .deferred = true, .send_buffer = 70, .receive_buffer = 200},
    {.size = sizeof worlds[0], .send_buffer = 70, .receive_buffer = 200},
};

static void tell_in_small_world(int (*story)(struct world *w)) {
    for (enum shape shape = 0; shape < SHAPES; shape++)
        for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
            struct telling t = {NULL, story, shape};
            fprintf(stderr, "# %s, in world %zu\n", shape_names[shape], i);
            assert_int_equal(weir_sim_run(tell, &t, &worlds[i]), 0);
        }
}

static void expect_all(const char *got) {
    const char *body = strstr(got, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strlen(body + 4), WORKS_ON_LEN);
}

/* The task that writes the rest is not the one that handled the request. */
REST_STORY(a_client_that_says_that_it_sends_no_more_gets_the_rest) {
    char got[4096];
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, GET("/works-on"), strlen(GET("/works-on"))), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    expect_all(got);
    weir_close(&s);
    return 0;
}

static int stop_while_it_is_sent(struct world *w, const char *request) {
    char got[4096];
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, request, strlen(request)), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    weir_unlisten(&w->l);
    assert_int_equal(weir_sleep(MS(50)), 0);
    if (w->shape == ACCEPTS) /* the connections are the user's, and are not stopped */
        assert_int_equal(weir_shutdown(s), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    expect_all(got);
    weir_close(&s);
    return 0;
}

REST_STORY(a_client_gets_the_rest_though_the_server_stops) {
    return stop_while_it_is_sent(w, GET("/works-on"));
}

/* Its answer is in the block of bytes to send, not yet in the hands of any task. */
REST_STORY(a_client_gets_what_its_handler_put_last_though_the_server_stops) {
    return stop_while_it_is_sent(w, GET("/works-off"));
}

/* Its handler waits behind the whole answer, and is cancelled. */
REST_STORY(a_client_that_counts_as_gone_gets_the_answer_that_was_ended_before) {
    char got[4096];
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, GET("/waits-behind"), strlen(GET("/waits-behind"))), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    expect_all(got);
    weir_close(&s);
    return 0;
}

/* Its handler has returned, and the body that it left unread is awaited. */
REST_STORY(a_client_that_leaves_within_an_unwanted_body_gets_the_answer) {
    static const char head[] = "POST /unread/watched HTTP/1.1\r\n" LOCAL
                               "Content-Length: 5\r\n\r\n";
    char got[4096];
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, head, strlen(head)), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    if (w->shape != REACTS) /* which answers otherwise */
        expect_all(got);
    weir_close(&s);
    return 0;
}

/* What it sends meanwhile is not read, and a close before that would be a reset. */
REST_STORY(a_client_that_sends_on_gets_the_rest_though_the_server_stops) {
    static const char works[] = GET("/works-off"), next[] = "GET /next HTTP/1.1\r\n";
    char got[4096];
    if (w->shape == ACCEPTS)
        return 0; /* the connections are the user's, and are not stopped */
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, works, strlen(works)), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    weir_unlisten(&w->l);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_int_equal(weir_write(s, next, strlen(next)), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    expect_all(got);
    weir_close(&s);
    return 0;
}

/* The second one waits until it may send its answer behind the first, and is cancelled there. */
static void write_two(struct weir_stream *s) {
    static const char two[] = GET("/works-off") GET("/works-off/watched");
    assert_int_equal(weir_write(s, two, strlen(two)), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
}

static void expect_first(struct weir_stream *s) {
    char got[4096];
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    const char *body = strstr(got, "\r\n\r\n");
    assert_non_null(body);
    assert_true(strlen(body + 4) >= WORKS_ON_LEN);
    weir_close(&s);
}

REST_STORY(a_client_gets_the_answer_before_one_that_the_stop_cuts_short) {
    if (w->shape == ACCEPTS)
        return 0;
    struct weir_stream *s = raw_dial(w);
    write_two(s);
    weir_unlisten(&w->l);
    assert_int_equal(weir_sleep(MS(50)), 0);
    expect_first(s);
    return 0;
}

REST_STORY(a_client_that_counts_as_gone_gets_the_answer_before_its_own) {
    struct weir_stream *s = raw_dial(w);
    write_two(s);
    assert_int_equal(weir_shutdown(s), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    expect_first(s);
    return 0;
}

/* Its last answer is on the way when the connection, which has no request, is closed. */
REST_STORY(a_client_that_sends_on_while_the_server_stops_gets_the_answer_before) {
    char got[4096];
    if (w->shape == ACCEPTS)
        return 0;
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, GET("/hello"), strlen(GET("/hello"))), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    weir_unlisten(&w->l);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_int_equal(weir_write(s, GET("/hello"), strlen(GET("/hello"))), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    assert_string_equal(got, HELLO);
    weir_close(&s);
    return 0;
}

/* ---- a cancel before the client was told to go on ---- */

static int reads_twice(struct weir_http_request *r) {
    struct weir_scope s;
    char piece[8];
    if (asks_for(r, "/works-off"))
        return reply_bytes(r, big_bytes(), WORKS_ON_LEN);
    weir_scope_enter(&s, MS(10));
    assert_int_equal(weir_scope_leave(&s, (int)weir_http_read(r, piece, sizeof piece)), -ETIME);
    assert_int_equal(weir_http_read(r, piece, sizeof piece), 5);
    return weir_http_reply(r, 200, "read\n");
}

static const struct weir_http_route readers[] = {{NULL, "/{x...}", reads_twice}, {0}};

static void set_readers(struct weir_http_server_options *o) {
    o->routes = readers;
}

static int expects_told(struct world *w) {
    static const char two[] = GET("/works-off") "PUT / HTTP/1.1\r\n" LOCAL
                              "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    char got[4096];
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, two, sizeof two - 1), 0); /* in one piece */
    assert_int_equal(weir_sleep(MS(50)), 0);
    raw_read_past(s, "HTTP/1.1 100 Continue\r\n\r\n", 1, got, sizeof got);
    assert_int_equal(weir_write(s, "hello", 5), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    assert_string_equal(got, TEXT_OK(5, "read\n"));
    weir_close(&s);
    return 0;
}

WEIR_TEST(a_client_is_told_to_go_on_though_the_first_read_was_cancelled) {
    static const struct weir_sim_options world = {.size = sizeof world, .send_buffer = 300,
                                                  .receive_buffer = 300};
    struct telling t = {set_readers, expects_told, SERVES};
    assert_int_equal(weir_sim_run(tell, &t, &world), 0);
}
