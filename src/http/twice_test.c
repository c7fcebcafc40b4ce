/* SPDX-License-Identifier: MIT */
/* Two tasks on one request: while one is in a call that answers, and waits for a slow client, the
 * other can neither answer nor change the answer. In a world of small buffers. */
#include <weir/http_cors.h>
#include <weir/testing.h>

#include "http/route_rig.h"
#include "wire/deflate.h"

static const struct weir_sim_options small = {.size = sizeof small, .send_buffer = 70,
                                              .receive_buffer = 200};
static char text[HTTP_OUT_SIZE];
static int tried; /* calls of the other task */

/* ---- an answer waits for the one before it ---- */

struct tries_to_answer_args {
    struct weir_http_request *r;
};
static int tries_to_answer(void *args) {
    struct weir_http_request *r = ((struct tries_to_answer_args *)args)->r;
    struct weir_http_answer a = {.size = sizeof a, .status = 200};
    struct weir_ws *ws = NULL;
    assert_int_equal(weir_http_reply(r, 503, "busy\n"), -EALREADY);
    assert_int_equal(weir_http_begin(r, &a), -EALREADY);
    assert_int_equal(weir_http_add_header(r, "X-Late: 1"), -EALREADY);
    assert_int_equal(weir_http_ws_accept(r, NULL, &ws), -EALREADY);
    tried++;
    return 0;
}

static int answers_beside_another(struct weir_http_request *r) {
    struct weir_group g;
    if (asks_for(r, "/1"))
        return weir_http_reply(r, 200, text);
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, tries_to_answer, .r = r);
    if (rc == 0)
        rc = weir_http_reply(r, 200, text);
    return weir_group_close(&g, rc);
}

/* ---- the end of an answer in pieces waits ---- */

struct tries_to_write_args {
    struct weir_http_request *r;
};
static int tries_to_write(void *args) {
    struct weir_http_request *r = ((struct tries_to_write_args *)args)->r;
    struct weir_http_answer a = {.size = sizeof a, .status = 200};
    assert_int_equal(weir_http_begin(r, &a), -EALREADY);
    assert_int_equal(weir_http_write(r, "more", 4), -EBUSY);
    assert_int_equal(weir_http_end(r, NULL), -EBUSY);
    tried++;
    return 0;
}

/* Fill the block until its end needs another one. */
static int fill(struct weir_http_request *r, size_t rest) {
    struct weir_http *h = weir__http_request_of(r, "test")->http;
    int rc = 0;
    while (rc == 0 && h->out->size - h->out->len >= rest)
        rc = weir_http_write(r, "x", 1);
    return rc;
}

static int ends_beside_another(struct weir_http_request *r) {
    static const char *const plain[] = {"Content-Type: text/plain", NULL};
    static char long_line[HTTP_OUT_SIZE] = "X-Long: ";
    static const char *const trailers[] = {long_line, NULL};
    bool is_packed = asks_for(r, "/packed");
    struct weir_group g;
    memset(long_line + 8, 'y', sizeof long_line - 9);
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_http_begin(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 200, .headers = plain});
    if (rc == 0)
        rc = fill(r, is_packed ? HTTP_CHUNK_REST + 10 : HTTP_OUT_SIZE / 2);
    if (rc == 0)
        rc = weir_go(&g, tries_to_write, .r = r);
    if (rc == 0)
        rc = weir_http_end(r, is_packed ? NULL : trailers);
    return weir_group_close(&g, rc);
}

/* ---- told ---- */

static int beside_another(struct weir_http_request *r) {
    memset(text, 'a', sizeof text - 300);
    return asks_for(r, "/ends") || asks_for(r, "/packed") ? ends_beside_another(r)
                                                          : answers_beside_another(r);
}

static const struct weir_http_route routes[] = {{"GET", "/{x...}", beside_another}, {0}};

static void set(struct weir_http_server_options *o) {
    o->routes = routes;
    o->compress = weir__deflate_table != NULL;
}

/* The client reads nothing until the other task has tried. */
static void ask_slowly(struct world *w, const char *requests, char *got, size_t size) {
    struct weir_stream *s = raw_dial(w);
    tried = 0;
    assert_int_equal(weir_write(s, requests, strlen(requests)), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_int_equal(tried, 1);
    assert_true(raw_read_all(s, got, size) > 0);
    weir_close(&s);
}

static int answer_told(struct world *w) {
    static char got[3 * HTTP_OUT_SIZE];
    /* both come at once */
    ask_slowly(w, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n", got,
               sizeof got);
    const char *second = strstr(strstr(got, "HTTP/1.1 200") + 1, "HTTP/1.1 200");
    assert_non_null(second);
    assert_null(strstr(got, "HTTP/1.1 503"));
    assert_null(strstr(got, "X-Late"));
    assert_int_equal(strlen(body_of(second)), strlen(text));
    return 0;
}

static int end_told(struct world *w) {
    static char got[3 * HTTP_OUT_SIZE];
    ask_slowly(w, GET("/ends"), got, sizeof got);
    const char *last = strstr(got, "\r\n0\r\nX-Long: yyy");
    assert_non_null(last);
    assert_null(strstr(got, "more"));
    assert_string_equal(got + strlen(got) - 4, "\r\n\r\n");
    return 0;
}

static int packed_end_told(struct world *w) {
    static const char request[] = "GET /packed HTTP/1.1\r\nHost: x\r\n"
                                  "Accept-Encoding: gzip\r\n\r\n";
    struct weir_stream *s = raw_dial(w);
    static char got[3 * HTTP_OUT_SIZE];
    size_t len = 0;
    ssize_t n;
    tried = 0;
    assert_int_equal(weir_write(s, request, sizeof request - 1), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_int_equal(weir_sleep(MS(50)), 0);
    assert_int_equal(tried, 1);
    while ((n = weir_read(s, got + len, sizeof got - len)) > 0)
        len += (size_t)n;
    assert_memory_equal(got + len - 7, "\r\n0\r\n\r\n", 7);
    weir_close(&s);
    return 0;
}

static void tell_small(int (*story)(struct world *w)) {
    struct telling t = {set, story, SERVES};
    assert_int_equal(weir_sim_run(tell, &t, &small), 0);
}

WEIR_TEST(while_an_answer_waits_no_other_can_be_given) {
    tell_small(answer_told);
}

WEIR_TEST(while_the_end_of_an_answer_waits_nothing_can_be_written) {
    tell_small(end_told);
}

WEIR_TEST(while_the_end_of_a_compressed_answer_waits_nothing_can_be_written) {
    if (weir__deflate_table == NULL)
        runner_skip("built without zlib");
    tell_small(packed_end_told);
}
