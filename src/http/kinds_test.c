/* SPDX-License-Identifier: MIT */
/* The server over streams of other kinds than TCP, and what a request says of its connection. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/http_client.h>
#include <weir/http_cors.h>
#include <weir/http_file.h>
#include <weir/http_values.h>
#include <weir/ws.h>

#include "file/file_test_util.h"
#include "http/http_test_util.h"

static struct {
    char scheme[8], peer[64];
    int64_t length;
    bool is_stream;
} seen;

static int look(struct weir_http_request *r) {
    snprintf(seen.scheme, sizeof seen.scheme, "%s", weir_http_scheme(r));
    snprintf(seen.peer, sizeof seen.peer, "%s", weir_http_peer(r));
    seen.length = weir_http_body_length(r);
    seen.is_stream = strcmp(weir_stream_peer(weir_http_stream(r)), seen.peer) == 0;
    assert_ptr_equal(weir_http_arg(r), &seen);
    return weir_http_reply(r, 200, "hello\n");
}

struct serve_by_args {
    struct weir_listener *l;
    struct weir_group *g;
    const struct weir_http_server_options *o;
};
static int serve_by(void *args) {
    struct serve_by_args *a = args;
    return weir_http_serve(a->l, a->g, a->o);
}

static int talk_to(void *arg) {
    struct world w = {0};
    struct weir_group g, servers;
    struct weir_http_server_options o = {.size = sizeof o, .handler = look, .arg = &seen};
    snprintf(w.url, sizeof w.url, "%s", (const char *)arg);
    int rc = weir_listen(w.url, NULL, &w.l);
    assert_int_equal(rc, 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&servers, serve_by, .l = w.l, .g = &g, .o = &o), 0);
    weir_yield();
    expect_answers_cut(&w, GET("/hello") POST("/x", 3, "abc"), HELLO HELLO);
    assert_string_equal(seen.scheme, "http");
    assert_true(seen.is_stream);
    assert_int_equal(seen.length, 3);
    expect_answers(&w, POST_CHUNKED("/x", "0\r\n\r\n"), HELLO);
    assert_int_equal(seen.length, -1);
    weir_unlisten(&w.l);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    return weir_group_close(&g, 0);
}

static void run_on(const char *url) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(talk_to, (void *)(uintptr_t)url, &o), 0);
}

WEIR_TEST_BACKENDS(a_server_in_memory) {
    run_on("mem:shop");
    assert_string_equal(seen.peer, "memory");
}

WEIR_TEST_BACKENDS(a_server_on_a_unix_socket) {
    char url[64];
    snprintf(url, sizeof url, "unix:/tmp/weir-http-%d", (int)getpid());
    run_on(url);
    unlink(url + 5);
}

/* One end of a pair: the caller's own task takes the requests. */
static int talk_over_a_pair(void *arg) {
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_server_options o = {.size = sizeof o, .arg = &seen};
    struct weir_http_request *r;
    struct weir_stream *a, *b;
    char got[512];
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_http_accept(&a, &o, &http), 0);
    assert_null(a);
    assert_int_equal(weir_write(b, GET("/one") GET("/two"), 2 * strlen(GET("/one"))), 0);
    assert_int_equal(weir_shutdown(b), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_string_equal(weir_http_target(r), "/one");
    assert_int_equal(look(r), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_string_equal(weir_http_target(r), "/two"); /* not answered: 404 */
    assert_int_equal(weir_http_next(http, &r), 0);
    assert_int_equal(weir_http_next(http, &r), 0);
    weir_http_drop(&http);
    assert_true(raw_read_all(b, got, sizeof got) > 0);
    assert_non_null(strstr(got, HELLO "HTTP/1.1 404 "));
    weir_close(&b);
    return 0;
}

WEIR_TEST_BACKENDS(a_pair_in_memory) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(talk_over_a_pair, NULL, &o), 0);
}

/* ---- a cancel while an answer is sent ---- */

/* Its rest can never be sent, so the calls after it must say that this is the end: a server that
 * goes on after -ETIME would spin. */
static int cancel_an_answer(void *arg) {
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_request *r;
    struct weir_stream *a, *b;
    struct weir_scope s;
    assert_int_equal(weir_memory_pair(1000, &a, &b), 0);
    assert_int_equal(weir_http_accept(&a, NULL, &http), 0);
    assert_int_equal(weir_write(b, GET("/"), strlen(GET("/"))), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_int_equal(begin(r, 200, 0), 0);
    assert_int_equal(weir_http_write(r, big_bytes(), 8000), 0);
    assert_int_equal(weir_sleep(MS(1)), 0); /* it is full */
    weir_scope_enter(&s, MS(1));
    assert_int_equal(weir_scope_leave(&s, weir_http_next(http, &r)), -ETIME);
    assert_int_equal(weir_http_next(http, &r), -EPIPE);
    assert_int_equal(weir_http_next(http, &r), -EPIPE);
    weir_close(&b);
    return 0;
}

WEIR_TEST_BACKENDS(an_answer_that_a_cancel_has_cut_is_the_end) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(cancel_an_answer, NULL, &o), 0);
}

/* ---- a PROXY header for which there was no memory ---- */

/* Else the proxy would pass for the client, and what the client claims would be believed. */
static int lose_a_client(void *arg) {
    static const char *const proxies[] = {"unix", NULL}; /* and memory */
    static const char text[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n"
                               "GET / HTTP/1.1\r\n" LOCAL "X-Forwarded-For: 203.0.113.6\r\n\r\n";
    struct weir_http_server_options o = {.size = sizeof o, .proxies = proxies,
                                         .proxy_protocol = true};
    for (size_t n = 1; n < 8; n++) {
        WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
        struct weir_http_request *r;
        struct weir_http_sender sender;
        struct weir_stream *a, *b;
        assert_int_equal(weir_memory_pair(0, &a, &b), 0);
        assert_int_equal(weir_http_accept(&a, &o, &http), 0);
        assert_int_equal(weir_write(b, text, sizeof text - 1), 0);
        weir__alloc_fail_at(n);
        int rc = weir_http_next(http, &r);
        weir__alloc_fail_at(0);
        if (rc != 1)
            assert_int_equal(weir_http_next(http, &r), 1);
        weir_http_client_of(r, &sender);
        assert_string_equal(sender.address, "192.0.2.1");
        weir_close(&b);
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_proxy_never_passes_for_its_client) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(lose_a_client, NULL, &o), 0);
}

/* ---- a piece for which there was no memory ---- */

/* The handler goes on all the same: its client must not take the rest for the whole. */
static int lose_a_piece(void *arg) {
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_request *r;
    struct weir_stream *a, *b;
    char got[512];
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_http_accept(&a, NULL, &http), 0);
    assert_int_equal(weir_write(b, GET("/"), strlen(GET("/"))), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_int_equal(begin(r, 200, 0), 0);
    assert_int_equal(weir_http_write(r, "one ", 4), 0);
    assert_int_equal(weir_sleep(MS(1)), 0); /* it leaves */
    struct http_out *spare = weir__http_out_take(http->config, 0);
    weir__alloc_fail_at(1);
    assert_int_equal(weir_http_write(r, "two ", 4), -ENOMEM);
    weir__alloc_fail_at(0);
    weir__http_out_give(http->config, spare);
    (void)weir_http_write(r, "three", 5);
    assert_true(weir_http_next(http, &r) <= 0);
    weir_http_drop(&http);
    (void)raw_read_all(b, got, sizeof got);
    assert_non_null(strstr(got, "one "));
    assert_null(strstr(got, "\r\n0\r\n"));
    weir_close(&b);
    return 0;
}

WEIR_TEST_BACKENDS(an_answer_that_lost_a_piece_has_no_end) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(lose_a_piece, NULL, &o), 0);
}

/* A scope had fired before the call. */
static int be_late_for_a_piece(void *arg) {
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_request *r;
    struct weir_stream *a, *b;
    struct weir_scope s;
    char got[512];
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_http_accept(&a, NULL, &http), 0);
    assert_int_equal(weir_write(b, GET("/"), strlen(GET("/"))), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_int_equal(begin(r, 200, 0), 0);
    assert_int_equal(weir_http_write(r, "one ", 4), 0);
    weir_scope_enter(&s, MS(1));
    assert_int_equal(weir_sleep(MS(5)), -ETIME);
    assert_int_equal(weir_scope_leave(&s, weir_http_write(r, "two ", 4)), -ETIME);
    (void)weir_http_write(r, "three", 5);
    assert_true(weir_http_next(http, &r) <= 0);
    weir_http_drop(&http);
    (void)raw_read_all(b, got, sizeof got);
    assert_non_null(strstr(got, "one "));
    assert_null(strstr(got, "\r\n0\r\n"));
    weir_close(&b);
    return 0;
}

WEIR_TEST_BACKENDS(an_answer_that_a_scope_took_a_piece_of_has_no_end) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(be_late_for_a_piece, NULL, &o), 0);
}

/* ---- a connection that another program has accepted ---- */

/* Two ends of a TCP connection, of which the second keeps so much for its reader. */
static void tcp_pair(int fds[static 2], int kept) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof to;
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(l, (struct sockaddr *)&to, len), 0);
    assert_int_equal(listen(l, 1), 0);
    assert_int_equal(getsockname(l, (struct sockaddr *)&to, &len), 0);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &kept, sizeof kept), 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&to, len), 0);
    fds[0] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
    close(l);
}

struct slow_reader {
    int (*open)(int fd, struct weir_stream **ret_stream);
    int (*answer)(struct weir_http_request *r);
    size_t piece; /* it reads so much each 10 ms */
    int kept;     /* by the kernel, for the reader */
    int buffer;   /* of the sending kernel; 0: what that likes */
    weir_ns send_ns;
};

struct send_big_args {
    const struct slow_reader *to;
    struct weir_stream *s;
    int *ret_rc;
};
static int send_big(void *args) {
    struct send_big_args *a = args;
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_server_options o = {.size = sizeof o, .send_ns = a->to->send_ns};
    struct weir_http_request *r;
    assert_int_equal(weir_http_accept(&a->s, &o, &http), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    *a->ret_rc = a->to->answer(r);
    return 0;
}

/* The kernel reports room only when a third of a full buffer has left, which takes longer than
 * send_ns. */
static int read_slowly(void *arg) {
    static char piece[16 << 10];
    const struct slow_reader *reader = arg;
    struct weir_group g;
    struct weir_stream *s;
    int fds[2], rc = 1;
    tcp_pair(fds, reader->kept);
    if (reader->buffer > 0)
        assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &reader->buffer, sizeof(int)),
                         0);
    assert_int_equal(reader->open(fds[0], &s), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, send_big, .to = reader, .s = s, .ret_rc = &rc), 0);
    assert_int_equal(write(fds[1], GET("/"), strlen(GET("/"))), (ssize_t)strlen(GET("/")));
    for (int i = 0; i < 150 && rc == 1; i++) {
        assert_int_equal(weir_sleep(MS(10)), 0);
        (void)recv(fds[1], piece, reader->piece, MSG_DONTWAIT);
    }
    assert_int_equal(rc, 1); /* it still sends */
    close(fds[1]);
    return weir_group_close(&g, 0);
}

static void tell_slow_reader(struct slow_reader *reader) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (is_sim())
        runner_skip("the simulation has no descriptors");
    assert_int_equal(weir_run(read_slowly, reader, &o), 0);
}

static int answer_bytes(struct weir_http_request *r) {
    return reply_bytes(r, big_bytes(), 16 << 20);
}

WEIR_TEST_BACKENDS(a_slow_reader_of_a_descriptor_is_waited_for) {
    tell_slow_reader(&(struct slow_reader){.open = weir_stream_from_fd, .answer = answer_bytes,
                                           .piece = 16 << 10, .kept = 64 << 10,
                                           .send_ns = MS(300)});
}

/* Of the file the kernel has the first half in its memory: it fills the socket, and a helper thread
 * goes on. */
static int answer_half_cold(struct weir_http_request *r) {
    enum { HALF = 512 << 10 };
    static char bytes[HALF];
    struct weir_http_files *files = NULL;
    struct weir_file *f = NULL;
    assert_int_equal(weir_file_open(in("half"), O_RDWR | O_CREAT, 0600, &f), 0);
    assert_int_equal(weir_file_write(f, big_bytes(), (size_t)2 * HALF), 0);
    assert_int_equal(weir_file_sync(f), 0);
    assert_int_equal(posix_fadvise(weir_file_fd(f), 0, 0, POSIX_FADV_DONTNEED), 0);
    assert_int_equal(posix_fadvise(weir_file_fd(f), 0, 0, POSIX_FADV_RANDOM), 0);
    assert_int_equal(weir_file_pread(f, bytes, HALF, 0), HALF);
    weir_file_close(&f);
    assert_int_equal(weir_http_files_open(folder, NULL, &files), 0);
    int rc = weir_http_file(r, files, "half");
    weir_http_files_close(&files);
    return rc;
}

WEIR_TEST_BACKENDS(a_slow_reader_of_a_file_that_is_not_in_memory_is_waited_for) {
    folder_begin();
    tell_slow_reader(&(struct slow_reader){.open = weir_stream_from_socket,
                                           .answer = answer_half_cold, .piece = 1 << 10,
                                           .kept = 4 << 10, .buffer = 256 << 10,
                                           .send_ns = WEIR_SECONDS(1)});
    folder_end();
}

/* ---- misuse ---- */

static int serve_nothing(void *arg) {
    struct weir_listener *l;
    struct weir_group g;
    assert_int_equal(weir_listen("mem:none", NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_http_serve(l, &g, NULL), -EINVAL);
    struct weir_http_server_options o = {.size = sizeof o, .handler = look, .headers_max = 1001};
    assert_int_equal(weir_http_serve(l, &g, &o), -EINVAL);
    o = (struct weir_http_server_options){.size = sizeof o, .handler = look, .head_max = 2 << 20};
    assert_int_equal(weir_http_serve(l, &g, &o), -EINVAL);
    static const struct weir_ws_reactive silent = {.size = sizeof silent};
    static const struct weir_http_route routes[] = {{"GET", "/a", .ws = &silent}, {0}};
    o = (struct weir_http_server_options){.size = sizeof o, .routes = routes};
    assert_int_equal(weir_http_serve(l, &g, &o), -EINVAL);
    assert_string_equal(weir_error_message(-EINVAL),
                        "http route /a: its ws has no function message");
    o = (struct weir_http_server_options){.size = sizeof o, .handler = look};
    static const struct weir_http_reactive f = {.size = sizeof f, .request = react_request};
    assert_int_equal(weir_http_react(l, &g, &f, &o), -EINVAL);
    static const struct weir_http_cors cors = {.size = sizeof cors};
    o = (struct weir_http_server_options){.size = sizeof o, .cors = &cors};
    assert_int_equal(weir_http_react(l, &g, &f, &o), -EINVAL); /* else it would be ignored */
    weir_unlisten(&l);
    return weir_group_close(&g, 0);
}

WEIR_TEST(a_server_without_a_handler_does_not_begin) {
    assert_int_equal(weir_run(serve_nothing, NULL, NULL), 0);
}

static int misuse_handler(struct weir_http_request *r) {
    struct weir_http_answer a = {.size = sizeof a, .status = 200, .body = "x", .len = 1};
    static const char *const bad[] = {"Content-Length: 3", NULL};
    static const char *const trailers[] = {"no colon", NULL};
    assert_int_equal(weir_http_write(r, "x", 1), -EINVAL);
    assert_int_equal(weir_http_end(r, NULL), -EINVAL);
    assert_int_equal(weir_http_begin(r, &a), -EINVAL);
    a = (struct weir_http_answer){.size = sizeof a, .status = 200, .headers = bad};
    assert_int_equal(weir_http_begin(r, &a), -EINVAL);
    a = (struct weir_http_answer){.size = sizeof a, .status = 99};
    assert_int_equal(weir_http_begin(r, &a), -EINVAL);
    assert_int_equal(begin(r, 200, 0), 0);
    assert_int_equal(begin(r, 200, 0), -EALREADY);
    assert_int_equal(weir_http_reply(r, 200, NULL), -EALREADY);
    assert_int_equal(weir_http_end(r, trailers), -EINVAL);
    assert_int_equal(weir_http_write(r, "ok", 2), 0);
    assert_int_equal(weir_http_end(r, NULL), 0);
    assert_int_equal(weir_http_end(r, NULL), -EINVAL);
    assert_int_equal(weir_http_write(r, "x", 1), -EINVAL);
    return 0;
}

static int misuse(void *arg) {
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_request *r;
    struct weir_stream *a, *b;
    struct weir_view v;
    char byte, got[256];
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_http_accept(&a, NULL, &http), 0);
    assert_int_equal(weir_write(b, POST("/", 2, "ab"), strlen(POST("/", 2, "ab"))), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_int_equal(weir_http_read(r, &byte, 1), 1);
    assert_int_equal(weir_http_body(r, 0, &v), -EALREADY);
    assert_int_equal(misuse_handler(r), 0);
    weir_yield();
    ssize_t n = weir_read(b, got, sizeof got - 1);
    assert_true(n > 0);
    got[n] = '\0';
    assert_non_null(strstr(got, "\r\n\r\n2\r\nok\r\n0\r\n\r\n"));
    weir_close(&b);
    return 0;
}

struct serve_alone_args {
    struct weir_listener *l;
    struct weir_scope *s;
    const struct weir_http_server_options *o;
};

static int serve_alone(void *args) {
    struct serve_alone_args *a = args;
    weir_scope_enter(a->s, WEIR_NEVER);
    return weir_scope_leave(a->s, weir_http_serve(a->l, NULL, a->o));
}

static int serve_one(void *arg) {
    struct world w = {.url = "mem:alone"};
    struct weir_http_server_options o = {.size = sizeof o, .handler = look, .arg = &seen};
    struct weir_scope s;
    struct weir_group servers;
    assert_int_equal(weir_listen(w.url, NULL, &w.l), 0);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&servers, serve_alone, .l = w.l, .s = &s, .o = &o), 0);
    weir_yield();
    expect_answers(&w, GET("/hello"), HELLO);
    weir_scope_cancel(&s, "enough");
    int rc = weir_group_close(&servers, 0);
    weir_unlisten(&w.l);
    return rc;
}

WEIR_TEST(a_server_without_a_group_serves_until_a_scope_fires) {
    assert_int_equal(weir_run(serve_one, NULL, NULL), WEIR_ESTOPPED);
}

static int send_nothing_of_five(void *arg) {
    struct weir_http_call c = {.size = sizeof c, .url = "http://localhost/", .len = 5};
    struct weir_http_response *r;
    return weir_http_fetch(NULL, &c, &r);
}

WEIR_TEST_ABORTS(a_body_that_is_not_there_is_a_bug,
                 "weir_http_fetch: the body of len bytes is NULL") {
    weir_run(send_nothing_of_five, NULL, NULL);
}

WEIR_TEST(calls_out_of_order_are_refused) {
    assert_int_equal(weir_run(misuse, NULL, NULL), 0);
}

/* ---- what the library's log tells ---- */

static char logged[512];

static void note_line(enum weir_log_level level, const char *line, void *arg) {
    snprintf(logged, sizeof logged, "%s", line);
}

static int fail_request(struct weir_http_request *r) {
    if (asks_for(r, "/left")) { /* a flush has met that its client is gone */
        weir__http_request_of(r, "test")->http->unsent = -EPIPE;
        return weir_http_reply(r, 200, NULL);
    }
    if (asks_for(r, "/minus") || (asks_for(r, "/half/minus") && begin(r, 200, 5) == 0))
        return -1;
    if (asks_for(r, "/short") && asks_for(r, "/short/end") && begin(r, 200, 5) == 0)
        return weir_http_write(r, "abc", 3) < 0 ? -1 : weir_http_end(r, NULL);
    if (asks_for(r, "/short") && begin(r, 200, 5) == 0)
        return weir_http_write(r, "ab", 2);
    return weir_fail(-EIO, "the store is gone");
}

static void expect_line(struct world *w, const char *request, const char *line) {
    char got[512];
    logged[0] = '\0';
    raw_exchange(w, request, strlen(request), 1000, got, sizeof got);
    assert_non_null(strstr(logged, line));
}

static int fail_one(void *arg) {
    struct world w = {0};
    struct weir_group g, servers;
    struct weir_http_server_options o = {.size = sizeof o, .handler = fail_request};
    char got[512];
    snprintf(w.url, sizeof w.url, "mem:fails");
    assert_int_equal(weir_listen(w.url, NULL, &w.l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go(&servers, serve_by, .l = w.l, .g = &g, .o = &o), 0);
    weir_yield();
    weir_log_to(note_line, NULL);
    const char *text = GET("/pay?token=secret");
    raw_exchange(&w, text, strlen(text), 1000, got, sizeof got);
    char before[sizeof logged];
    memcpy(before, logged, sizeof before);
    raw_exchange(&w, GET("/left"), strlen(GET("/left")), 1000, got, sizeof got);
    assert_string_equal(logged, before); /* any client could write lines else */
    assert_non_null(strstr(logged, "GET /pay: the store is gone (answered 500)"));
    expect_line(&w, GET("/minus"), "GET /minus: the handler returned -1 (EPERM) (answered 500)");
    expect_line(&w, GET("/half/minus"), "GET /half/minus: the handler returned -1 (EPERM) (the ");
    expect_line(&w, GET("/short?a=b"), "GET /short: 2 bytes were sent of 5 that the answer "
                                       "announced (the answer breaks off)");
    expect_line(&w, GET("/short/end"), "GET /short/end: 3 bytes were sent of 5 that ");
    logged[0] = '\0';
    raw_exchange(&w, "HEAD /short HTTP/1.0\r\n\r\n", 24, 1000, got, sizeof got);
    assert_string_equal(logged, ""); /* it needs no body */
    weir_log_to(NULL, NULL);
    weir_unlisten(&w.l);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(the_log_of_failures_has_no_query_and_no_client_that_left) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(fail_one, NULL, &o), 0);
}
