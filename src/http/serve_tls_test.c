/* SPDX-License-Identifier: MIT */
/* The server of each shape behind TLS: https; and static files, which are then not sent by the
 * kernel but encrypted. */
#include <weir/http_file.h>
#include <weir/http_values.h>
#include <weir/option.h>
#include <weir/ws.h>

#include "file/file_test_util.h"
#include "http/route_rig.h"
#include "tls/tls_rig.h"

static struct rig rig;

static int converse(struct world *w) {
    expect_answers_cut(w, GET("/hello") POST("/echo", 5, "hello") GET("/scheme"),
                       HELLO "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nhello"
                       TEXT_OK(5, "https"));
    expect_answers(w, GET("/pieces") GET("/last"),
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                   "6\r\n there\r\n0\r\nX-Sum: 11\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                   "Content-Length: 5\r\nConnection: close\r\n\r\nlast\n");
    char got[1024];
    raw_exchange(w, "GET / HTTP/1.1\nHost: a\n\n", 24, 100, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 400 ", 13), 0);
    /* a large answer, whose reader waits */
    struct weir_stream *s = raw_dial(w);
    size_t size = big_len() + (1 << 20);
    char *all = weir__alloc(size);
    assert_int_equal(weir_write(s, GET("/big"), strlen(GET("/big"))), 0);
    weir_sleep(MS(5));
    assert_int_equal(weir_shutdown(s), 0);
    assert_true(raw_read_all(s, all, size) > (ssize_t)big_len());
    assert_memory_equal(strstr(all, "\r\n\r\n") + 4, big_bytes(), big_len());
    weir__free(all);
    weir_close(&s);
    return 0;
}

static int over_tls(enum shape shape, const struct weir_http_route *routes,
                    int (*story)(struct world *w)) {
    struct weir_tls *server = rig_server(&rig), *client = rig_client(&rig);
    struct weir_listen_options lo = {.size = sizeof lo, .tls = server};
    struct weir_dial_options po = {.size = sizeof po, .tls = client};
    struct world w = {.shape = shape, .o = {.size = sizeof w.o, .routes = routes},
                      .listen = &lo, .dial = &po};
    int rc = world_open(&w);
    assert_int_equal(rc, 0);
    rc = story(&w);
    world_close(&w, true);
    weir_tls_unref(&server);
    weir_tls_unref(&client);
    return rc;
}

/* 2 KB each second: a block of records takes longer than send_ns. */
static int reads_slowly(struct world *w) {
    struct weir_stream *s = raw_dial(w);
    char got[1000];
    size_t sum = 0;
    ssize_t n = 1;
    assert_int_equal(weir_write(s, GET("/big"), strlen(GET("/big"))), 0);
    while (sum < 300000 && (n = weir_read(s, got, sizeof got)) > 0) {
        sum += (size_t)n;
        assert_int_equal(weir_sleep(MS(500)), 0);
    }
    assert_true(n > 0);
    assert_int_equal(weir_sleep(WEIR_SECONDS(60)), 0); /* now it takes nothing */
    while ((n = weir_read(s, got, sizeof got)) > 0)
        sum += (size_t)n;
    assert_true(n < 0 && sum < big_len());
    weir_close(&s);
    return 0;
}

static int tell_slowly(void *arg) {
    return over_tls(*(enum shape *)arg, NULL, reads_slowly);
}

WEIR_TEST(a_client_over_tls_is_cut_off_when_it_takes_nothing_and_not_when_it_takes_little) {
    rig_open(&rig);
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        fprintf(stderr, "# %s\n", shape_names[shape]);
        assert_int_equal(weir_sim_run(tell_slowly, &shape, NULL), 0);
    }
    rig_close(&rig);
}

static int tell_over_tls(void *arg) {
    return over_tls(*(enum shape *)arg, NULL, converse);
}

WEIR_TEST_BACKENDS(each_shape_serves_https) {
    rig_open(&rig);
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        fprintf(stderr, "# %s\n", shape_names[shape]);
        assert_int_equal(weir_run(tell_over_tls, &shape, &o), 0);
    }
    rig_close(&rig);
}

/* ---- what breaks off ---- */

/* After an answer without a length, close_notify would tell the client that it has all of it. */
static int breaks_off(struct world *w) {
    static const char whole[] = "GET /pieces HTTP/1.0\r\n\r\n";
    static const char breaks[] = "GET /breaks HTTP/1.0\r\n\r\n";
    static const char is_short[] = "GET /pieces/short HTTP/1.1\r\n" LOCAL "\r\n";
    char got[1024];
    assert_true(raw_exchange(w, whole, strlen(whole), 100, got, sizeof got) > 0);
    assert_non_null(strstr(got, "\r\n\r\nhello there"));
    ssize_t n = raw_exchange(w, breaks, strlen(breaks), 100, got, sizeof got);
    if (w->shape == ACCEPTS) { /* its task drops the connection, with what is unsent */
        assert_true(n == WEIR_EEOF || n == -ECONNRESET);
    } else {
        assert_int_equal(n, WEIR_EEOF);
        assert_non_null(strstr(got, "\r\n\r\nhalf"));
    }
    w->goes_on = true;
    assert_int_equal(raw_exchange(w, is_short, strlen(is_short), 100, got, sizeof got), WEIR_EEOF);
    assert_non_null(strstr(got, "\r\n\r\nhello there"));
    return 0;
}

static int break_off_over_tls(void *arg) {
    return over_tls(*(enum shape *)arg, NULL, breaks_off);
}

WEIR_TEST_BACKENDS(an_answer_that_breaks_off_has_no_close_notify) {
    rig_open(&rig);
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        fprintf(stderr, "# %s\n", shape_names[shape]);
        assert_int_equal(weir_run(break_off_over_tls, &shape, &o), 0);
    }
    rig_close(&rig);
}

/* ---- who leaves ---- */

static int leaver_rc;

static int waits_for_leaving(struct weir_http_request *r) {
    weir_http_end_when_gone(r);
    int rc = begin(r, 200, 0);
    for (int i = 0; i < 3 && rc == 0; i++) /* records leave while the connection reads ahead */
        if ((rc = weir_http_write(r, "half", 4)) == 0)
            rc = weir_sleep(MS(1));
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(1000));
    return leaver_rc = rc;
}

static const struct weir_http_route leavers[] = {{"GET", "/", waits_for_leaving}, {0}};

static int leaves(struct world *w) {
    for (int resets = 0; resets <= 1; resets++) {
        struct weir_stream *s = raw_dial(w);
        leaver_rc = 0;
        assert_int_equal(weir_write(s, GET("/"), strlen(GET("/"))), 0);
        assert_int_equal(weir_sleep(MS(20)), 0);
        assert_int_equal(leaver_rc, 0);
        if (resets)
            (void)weir_stream_option(s, WEIR_STREAM_RESET, 1);
        weir_close(&s);
        for (int i = 0; i < 200 && leaver_rc == 0; i++)
            settle();
        assert_int_equal(leaver_rc, -ECANCELED);
    }
    return 0;
}

static int leave_over_tls(void *arg) {
    return over_tls(SERVES, leavers, leaves);
}

WEIR_TEST_BACKENDS(a_client_that_leaves_over_tls_is_seen) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    rig_open(&rig);
    assert_int_equal(weir_run(leave_over_tls, NULL, &o), 0);
    rig_close(&rig);
}

/* ---- plain HTTP to this port ---- */

static const char speaks_https[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 57\r\nConnection: close\r\n\r\n"
    "This port speaks HTTPS: use https:// in place of http://\n";

static void expect_400(struct world *plain, const char *text, size_t len, size_t step) {
    char got[1024];
    raw_exchange(plain, text, len, step, got, sizeof got);
    assert_string_equal(got, speaks_https);
}

static int speaks_plainly(struct world *w) {
    struct world plain = {0};
    char *post = weir__alloc(300000), got[16];
    snprintf(plain.url, sizeof plain.url, "tcp://localhost:%d", weir_listener_port(w->l));
    expect_400(&plain, GET("/hello"), strlen(GET("/hello")), 1000);
    expect_400(&plain, GET("/hello"), strlen(GET("/hello")), 1);
    memset(post, 'x', 300000); /* more than is read in one piece: its rest must be read too */
    memcpy(post, "POST / HTTP/1.1\r\n", 17);
    expect_400(&plain, post, 300000, 300000);
    raw_exchange(&plain, "EHLO me\r\n", 9, 9, got, sizeof got);
    assert_string_equal(got, "");
    weir__free(post);
    expect_answers(w, GET("/hello"), HELLO);
    return 0;
}

static int speak_plainly_to_tls(void *arg) {
    return over_tls(*(enum shape *)arg, NULL, speaks_plainly);
}

WEIR_TEST_BACKENDS(plain_http_to_a_port_of_tls_is_told_so) {
    rig_open(&rig);
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        fprintf(stderr, "# %s\n", shape_names[shape]);
        assert_int_equal(weir_run(speak_plainly_to_tls, &shape, &o), 0);
    }
    rig_close(&rig);
}

/* ---- files ---- */

static struct weir_http_files *files;

static int sends(struct weir_http_request *r) {
    return weir_http_file(r, files, weir_http_param(r, "path"));
}

static const struct weir_http_route routes[] = {{"GET", "/{path...}", sends}, {0}};

static void put_big(const char *path) {
    struct weir_file *f = NULL;
    assert_int_equal(weir_file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &f), 0);
    assert_int_equal(weir_file_write(f, big_bytes(), big_len()), 0);
    weir_file_close(&f);
}

/* A file of many records arrives whole, and behind it the answer to the next request. */
static void expect_big(struct world *w) {
    static const char requests[] = GET("/big.bin") GET("/a.txt");
    struct weir_stream *s = raw_dial(w);
    size_t size = big_len() + (1 << 20);
    char *all = weir__alloc(size);
    assert_int_equal(weir_write(s, requests, sizeof requests - 1), 0);
    assert_int_equal(weir_shutdown(s), 0);
    ssize_t len = raw_read_all(s, all, size);
    assert_true(len > (ssize_t)big_len());
    assert_memory_equal(strstr(all, "\r\n\r\n") + 4, big_bytes(), big_len());
    assert_memory_equal(all + len - 14, "\r\n\r\n0123456789", 14);
    weir__free(all);
    weir_close(&s);
}

static int gets_files(struct world *w) {
    const char *answer = ask(w, "GET", "/a.txt", "");
    assert_int_equal(status_of(answer), 200);
    assert_string_equal(body_of(answer), "0123456789");
    answer = ask(w, "GET", "/a.txt", "Range: bytes=2-4\r\n");
    assert_int_equal(status_of(answer), 206);
    assert_string_equal(body_of(answer), "234");
    assert_int_equal(status_of(ask(w, "GET", "/none", "")), 404);
    expect_big(w);
    return 0;
}

static int tell_of_files(void *arg) {
    folder_begin();
    if (is_sim())
        assert_int_equal(weir_mkdir(folder, 0700), 0);
    put_text(in("a.txt"), "0123456789");
    put_big(in("big.bin"));
    assert_int_equal(weir_http_files_open(in(""), NULL, &files), 0);
    int rc = over_tls(SERVES, routes, gets_files);
    weir_http_files_close(&files);
    folder_end();
    return rc;
}

WEIR_TEST_BACKENDS(files_are_served_over_tls) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    rig_open(&rig);
    assert_int_equal(weir_run(tell_of_files, NULL, &o), 0);
    rig_close(&rig);
}

/* ---- an upgraded connection whose client takes nothing ---- */

static int ws_rc;

/* What the kernel does not take of the message has all been encrypted. */
static int sends_much(struct weir_http_request *r) {
    static const char big[131000];
    struct weir_ws_message m;
    struct weir_ws *ws;
    int rc = weir_http_ws_accept(r, NULL, &ws);
    if (rc < 0)
        return rc;
    rc = weir_ws_try_send(ws, WEIR_WS_BINARY, big, sizeof big);
    while (rc == 0)
        rc = weir_ws_receive(ws, &m);
    weir_ws_drop(&ws);
    ws_rc = rc;
    return 0;
}

static const struct weir_http_route upgrades[] = {{"GET", "/", sends_much}, {0}};

static int takes_nothing(struct world *w) {
    static const char hello[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, hello, sizeof hello - 1), 0);
    ws_rc = 0;
    for (int i = 0; i < 60 && ws_rc == 0; i++) {
        assert_int_equal(weir_sleep(WEIR_SECONDS(1)), 0);
        (void)weir_write(s, "\x81\x81\0\0\0\0x", 7);
    }
    weir_close(&s);
    assert_int_equal(ws_rc, WEIR_EKEEPALIVE);
    return 0;
}

static int tell_of_upgrades(void *arg) {
    return over_tls(SERVES, upgrades, takes_nothing);
}

WEIR_TEST(an_upgraded_client_over_tls_that_takes_nothing_is_given_up) {
    rig_open(&rig);
    assert_int_equal(weir_sim_run(tell_of_upgrades, NULL, NULL), 0);
    rig_close(&rig);
}
