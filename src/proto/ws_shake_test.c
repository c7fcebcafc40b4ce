/* SPDX-License-Identifier: MIT */
/* The opening handshake: who is accepted, who is refused and with which reason, and its time
 * limit. */
#include <stdlib.h>

#include "proto/ws_test_util.h"
#include "stream/tls_table.h"

#define UPGRADE                                                                                    \
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"                                                \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define LOCAL "Host: localhost\r\n"

static const char *const some_origins[] = {"https://good.example", NULL};
static const char *const some_hosts[] = {"good.example", NULL};
static const char *const chat_names[] = {"chat.v2", "chat.v1", NULL};

/* Ask, expect status; a refused one is ended by the server. */
static int asks(struct world *w, const char *request, int status) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    assert_int_equal(raw_ask(s, request), status);
    if (status == 101) {
        frame_send(s, TEXT, "in");
        expect_frame(s, TEXT, "in");
        return 0;
    }
    char rest[512];
    while (weir_read(s, rest, sizeof rest) > 0) /* the body, then the end: no reset */
        ;
    assert_int_equal(weir_read(s, rest, 1), 0);
    return 0;
}

WS_STORY(a_foreign_origin_is_refused) {
    return asks(w, "GET / HTTP/1.1\r\n" LOCAL UPGRADE "Origin: https://evil.example\r\n\r\n", 403);
}

WS_STORY(a_listed_origin_is_let_in, o->origins = some_origins) {
    asks(w, "GET / HTTP/1.1\r\n" LOCAL UPGRADE "Origin: https://good.example\r\n\r\n", 101);
    return asks(w, "GET / HTTP/1.1\r\n" LOCAL UPGRADE "Origin: https://evil.example\r\n\r\n", 403);
}

WS_STORY(a_foreign_host_is_misdirected) {
    asks(w, "GET / HTTP/1.1\r\nHost: evil.example\r\n" UPGRADE "\r\n", 421);
    asks(w, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n" UPGRADE "\r\n", 101);
    asks(w, "GET / HTTP/1.1\r\nHost: 127.0.0.1:7\r\n" UPGRADE "\r\n", 101);
    return asks(w, "GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n" UPGRADE "\r\n", 421);
}

WS_STORY(a_listed_host_is_let_in_and_no_other, o->hosts = some_hosts) {
    asks(w, "GET / HTTP/1.1\r\nHost: Good.Example:8080\r\n" UPGRADE "\r\n", 101);
    return asks(w, "GET / HTTP/1.1\r\n" LOCAL UPGRADE "\r\n", 421);
}

/* Ask under that Host, with our port in the place of #. */
static void asks_host(struct world *w, const char *host, int status) {
    char request[512];
    const char *port = strchr(host, '#');
    int cut = port ? (int)(port - host) : (int)strlen(host);
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %.*s%s\r\n" UPGRADE "\r\n", cut,
             host, port ? strrchr(w->tcp_url, ':') + 1 : "");
    if (asks(w, request, status) != 0)
        fail_msg("%s", host);
}

WS_STORY(a_host_is_let_in_in_each_spelling) {
    static const char *const hosts[] = {
        "localhost", "localhost:", "localhost.", "localhost.:", "localhost:#", "localhost.:#",
        "LocalHost.:00080", "127.0.0.1:", "127.0.0.1.:#", "[::1]", "[::1]:", "[0:0:0:0:0:0:0:1]:#",
        "[0::0001]", "[::ffff:127.0.0.1]:#", "[::FFFF:7f00:1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        asks_host(w, hosts[i], 101);
    asks_host(w, "localhost.evil.example:", 421);
    asks_host(w, "evil.example.", 421);
    asks_host(w, "[::2]:", 421);
    asks_host(w, "127.0.0.2", 421);
    asks_host(w, "localhost..", 400);
    asks_host(w, "localhost:x", 400);
    return 0;
}

static const char *const named_hosts[] = {"Box.example.", "[fe80::1%lo]", "", NULL};

WS_STORY(a_name_that_was_given_is_let_in_beside_the_usual_ones, o->hosts = named_hosts) {
    static const char *const hosts[] = {"box.example", "BOX.EXAMPLE.:#", "box.example:",
                                        "[fe80::1]:", "localhost:", "127.0.0.1:#", "[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        asks_host(w, hosts[i], 101);
    asks_host(w, "other.example", 421);
    return 0;
}

static const char *const any[] = {"*", NULL};

WS_STORY(a_star_lets_in_every_page_and_each_host, o->origins = any, o->hosts = any) {
    asks(w, "GET / HTTP/1.1\r\nHost: evil.example:7\r\n" UPGRADE
            "Origin: https://evil.example\r\n\r\n", 101);
    asks(w, "GET / HTTP/1.1\r\n" LOCAL UPGRADE "Origin: null\r\n\r\n", 101);
    return asks(w, "GET / HTTP/1.1\r\nHost: a b\r\n" UPGRADE "\r\n", 400);
}

static void keep_line(enum weir_log_level level, const char *line, void *arg) {
    if (level == WEIR_LOG_WARNING)
        snprintf(arg, 200, "%s", line);
}

/* What its operator reads: in the log, or in the error of weir_ws_accept. */
static void refuses_and_says(struct world *w, const char *request, int status, const char *want) {
    char logged[200] = "";
    w->ended = 0;
    weir_log_to(keep_line, logged);
    asks(w, request, status);
    if (!w->reacts)
        wait_ended(w, 1);
    weir_log_to(NULL, NULL);
    const char *said = w->reacts ? logged : w->text, *after = strchr(said, ':');
    assert_int_equal(strncmp(said, "ws handshake 127.0.0.1:", 23), 0);
    assert_string_equal(strchr(after + 1, ':'), want);
}

WS_STORY(who_is_refused_by_a_list_is_named) {
    refuses_and_says(w, "GET / HTTP/1.1\r\n" LOCAL UPGRADE
                     "Origin: https://evil.example\r\n\r\n", 403,
                     ": this origin is not allowed: \"https://evil.example\" (origins of "
                     "weir_ws_options; answered 403)");
    refuses_and_says(w, "GET / HTTP/1.1\r\n" LOCAL UPGRADE
                     "Origin: https://\xe2\x80\xae/evil.example/evil.example.evil.example\r\n\r\n",
                     403,
                     ": this origin is not allowed: \"https://\\u202e/evil.example/"
                     "evil.example.ev\" (origins of weir_ws_options; answered 403)");
    refuses_and_says(w, "GET / HTTP/1.1\r\nHost: evil.example:80\r\n" UPGRADE "\r\n", 421,
                     ": not a name of this server: \"evil.example:80\" (hosts of weir_ws_options; "
                     "answered 421)");
    return 0;
}

static void refuses_lists(struct world *w, const char *origin, const char *host,
                          const char *want) {
    const char *const origins[] = {"https://good.example", origin, NULL};
    const char *const hosts[] = {"", host, NULL};
    struct weir_ws_options o = {.size = sizeof o, .origins = origins, .hosts = hosts};
    assert_int_equal(weir_ws_react(w->l, &w->clients, &test_reactive, &o), -EINVAL);
    assert_string_equal(weir_error_message(-EINVAL), want);
    WEIR_AUTO(weir_close) struct weir_stream *client = NULL;
    struct weir_stream *s = NULL;
    struct weir_ws *ws = NULL;
    assert_int_equal(weir_memory_pair(0, &s, &client), 0);
    assert_int_equal(weir_ws_accept(&s, &o, &ws), -EINVAL);
    assert_string_equal(weir_error_message(-EINVAL) + strlen("ws accept"),
                        want + strlen("ws react"));
    assert_null(s);
}

WS_STORY(an_entry_that_can_match_nothing_is_refused) {
    if (w->reacts)
        return 0;
    refuses_lists(w, "https://a.example/", "good.example",
                  "ws react: \"https://a.example/\" in origins of weir_ws_options is no origin: it "
                  "has no path: nothing stands behind host and port");
    refuses_lists(w, "a.example", "[::1]",
                  "ws react: \"a.example\" in origins of weir_ws_options is no origin: it is no "
                  "scheme://host[:port]");
    refuses_lists(w, "HTTPS://A.Example", "localhost:80",
                  "ws react: \"localhost:80\" in hosts of weir_ws_options lets nobody in: write "
                  "the host without a port, as \"example.org\"");
    refuses_lists(w, "file://", "[::1]:80",
                  "ws react: \"[::1]:80\" in hosts of weir_ws_options lets nobody in: write the "
                  "host without a port, as \"example.org\"");
    refuses_lists(w, "null", "https://a.example",
                  "ws react: \"https://a.example\" in hosts of weir_ws_options lets nobody in: "
                  "write a host alone, as \"example.org\"");
    return 0;
}

WS_STORY(what_is_no_handshake_is_answered_with_a_refusal) {
    asks(w, "GET / HTTP/1.1\r\n" LOCAL "\r\n", 426);
    asks(w, "POST / HTTP/1.1\r\n" LOCAL UPGRADE "\r\n", 405);
    asks(w, "GET / HTTP/1.1\r\n" LOCAL "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n", 400);
    asks(w, "\x16\x03\x01\x02\r\n\r\n", 400);
    return asks(w, "hello, is anybody there?\r\n\r\nbody that nobody reads", 400);
}

WS_STORY(a_head_above_the_limit_is_answered_431, o->head_max = 1000) {
    static char request[4000];
    int n = snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" LOCAL UPGRADE "X: ");
    memset(request + n, 'x', sizeof request - (size_t)n - 1);
    asks(w, request, 431);
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w); /* the same, in pieces */
    for (size_t i = 0; i < 1200; i += 100) {
        assert_int_equal(weir_write(s, request + i, 100), 0);
        settle();
    }
    assert_int_equal(raw_ask(s, ""), 431);
    return 0;
}

WS_STORY(a_head_that_comes_byte_by_byte_is_accepted) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    for (const char *c = plain_request; *c != '\0'; c++) {
        assert_int_equal(weir_write(s, c, 1), 0);
        weir_yield();
    }
    assert_int_equal(raw_ask(s, ""), 101);
    frame_send(s, TEXT, "late");
    expect_frame(s, TEXT, "late");
    return 0;
}

WS_STORY(frames_behind_the_head_are_not_lost) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    char bytes[512];
    size_t n = strlen(plain_request);
    memcpy(bytes, plain_request, n);
    n += frame_make((uint8_t *)bytes + n, TEXT, "eager", 5);
    assert_int_equal(weir_write(s, bytes, n), 0);
    assert_int_equal(raw_ask(s, ""), 101);
    expect_frame(s, TEXT, "eager");
    return 0;
}

/* Of a reactive server nobody else would hear of it. */
static int answered_late(struct world *w, size_t len) {
    char logged[200] = "";
    weir_log_to(keep_line, logged);
    weir_ns from = weir_now();
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    char line[128];
    ssize_t n;
    assert_int_equal(weir_write(s, plain_request, len), 0);
    assert_true(weir_read_until(s, '\n', line, sizeof line) > 0);
    assert_string_equal(line, "HTTP/1.1 408 Request Timeout\r\n");
    assert_true(weir_now() - from >= MS(19));
    while ((n = weir_read(s, line, sizeof line)) > 0)
        ;
    assert_int_equal(n, 0); /* no reset */
    weir_close(&s);
    weir_log_to(NULL, NULL);
    assert_true(!w->reacts || strstr(logged, "(answered 408)") != NULL);
    if (!w->reacts) {
        wait_ended(w, 1);
        assert_int_equal(w->rc, -ETIME);
        assert_non_null(strstr(w->text, "the handshake took longer than 20 ms"));
    }
    return 0;
}

WS_STORY(a_slow_handshake_is_answered_408, o->handshake_ns = MS(20)) {
    return answered_late(w, 30);
}

WS_STORY(a_handshake_without_a_byte_is_answered_408, o->handshake_ns = MS(20)) {
    return answered_late(w, 0);
}

WS_STORY(a_peer_that_vanishes_in_the_handshake_leaves_nothing) {
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, plain_request, 30), 0);
    settle();
    weir_close(&s);
    settle();
    if (!w->reacts) {
        wait_ended(w, 1);
        assert_int_equal(w->rc, WEIR_EEOF);
    }
    return asks(w, plain_request, 101);
}

WS_STORY(subprotocols_are_agreed, o->subprotocols = chat_names) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    assert_string_equal(weir_ws_subprotocol(ws), "chat.v2");
    assert_string_equal(weir_ws_path(ws), "/");
    asks(w, "GET / HTTP/1.1\r\n" LOCAL UPGRADE "Sec-WebSocket-Protocol: other\r\n\r\n", 101);
    asks(w, "GET / HTTP/1.1\r\n" LOCAL UPGRADE "Sec-WebSocket-Protocol: chat.v1\r\n\r\n", 101);
    return 0;
}

WS_STORY(each_end_knows_the_others_address) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_open(w);
    assert_string_equal(weir_ws_peer(ws), w->tcp_url + strlen("tcp://"));
    frame_send(s, TEXT, "lend");
    expect_frame(s, TEXT, "lend");
    assert_string_equal(weir_ws_peer(w->lent), weir_stream_local(s));
    return 0;
}

static int says_arg(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    const char *arg = weir_ws_arg(ws);
    return weir_ws_send(ws, m->type, arg, strlen(arg));
}

struct second_args { struct weir_listener *l; const struct weir_ws_reactive *r; struct world *w; };
static int second(void *args) {
    struct second_args *a = args;
    return weir_ws_react(a->l, &a->w->clients, a->r, &a->w->o);
}

/* One program, two doors: the functions are the same, the arg says whose connection it is. */
WS_STORY(reactive_servers_of_the_same_functions_have_each_their_arg) {
    static const char *const names[] = {"front", "back"};
    static struct weir_ws_reactive shape[2];
    for (int i = 0; i < 2; i++) {
        struct weir_ws_reactive *r = &shape[i];
        *r = (struct weir_ws_reactive){
            .size = sizeof *r, .message = says_arg, .arg = (void *)(uintptr_t)names[i]};
        struct weir_listener *l = NULL;
        struct weir_ws *ws = NULL;
        char url[64];
        assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
        snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(l));
        assert_int_equal(weir_go(&w->servers, second, .l = l, .r = r, .w = w), 0);
        assert_int_equal(weir_ws_dial(url, NULL, &ws), 0);
        assert_int_equal(ws_say(ws, "who are you?"), 0);
        expect_message(ws, names[i]);
        weir_ws_drop(&ws);
        weir_unlisten(&l);
        settle();
    }
    return 0;
}

WS_STORY(the_client_says_path_and_refusals_in_words) {
    struct weir_ws *ws = NULL;
    char url[128];
    struct weir_ws_options o = {.size = sizeof o, .origin = "https://evil.example"};
    snprintf(url, sizeof url, "%sa/b?c=d", w->ws_url);
    assert_int_equal(weir_ws_dial(url, NULL, &ws), 0);
    assert_string_equal(weir_ws_path(ws), "/a/b?c=d");
    weir_ws_drop(&ws);
    assert_int_equal(weir_ws_dial(url, &o, &ws), WEIR_EHTTP);
    assert_non_null(strstr(weir_error(WEIR_EHTTP)->text, "403"));
    const struct weir__tls_table *table = weir__tls_table;
    weir__tls_table = NULL; /* as without the library weir-tls */
    assert_int_equal(weir_ws_dial("wss://localhost/", NULL, &ws), WEIR_ENOTLS);
    weir__tls_table = table;
    assert_int_equal(weir_ws_dial("http://localhost/", NULL, &ws), WEIR_EURL);
    assert_int_equal(weir_ws_dial("localhost:80", NULL, &ws), WEIR_EURL);
    assert_non_null(strstr(weir_error(WEIR_EURL)->text, "no scheme: write ws://host:port/path"));
    assert_null(ws);
    return 0;
}

WS_STORY(connections_above_the_limit_are_answered_503, o->connections_max = 2) {
    if (!w->reacts)
        return 0; /* the server's own loop limits them */
    struct weir_stream *a = raw_open(w), *b = raw_open(w);
    asks(w, plain_request, 503);
    weir_close(&b);
    settle();
    asks(w, plain_request, 101);
    weir_close(&a);
    return 0;
}

/* ---- our client meets a server that is none ---- */

struct imposter {
    const char *says; /* to whoever connects; NULL: nothing */
    struct weir_listener *l;
};
struct imposter_args {
    struct imposter *i;
};
static int imposter(void *args) {
    struct imposter *i = ((struct imposter_args *)args)->i;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char buf[1000];
    int rc = weir_accept(i->l, &s);
    if (rc < 0 || weir_read(s, buf, sizeof buf) <= 0)
        return 0;
    if (i->says != NULL)
        (void)weir_write(s, i->says, strlen(i->says));
    while (weir_read(s, buf, sizeof buf) > 0)
        ;
    return 0;
}

static int dials_imposter(const char *says, weir_ns patience) {
    struct imposter i = {.says = says};
    struct weir_ws_options o = {.size = sizeof o, .handshake_ns = patience};
    struct weir_group g;
    struct weir_ws *ws = NULL;
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &i.l), 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(i.l));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, imposter, .i = &i), 0);
    weir__fail(-EIO, "read", url); /* what it is given lies where a failing dial writes */
    int rc = weir_ws_dial(weir_error(-EIO)->on, &o, &ws);
    assert_null(ws);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_unlisten(&i.l);
    return rc;
}

WS_STORY(our_client_believes_no_imposter) {
    if (w->reacts)
        return 0;
    assert_int_equal(dials_imposter("SSH-2.0-OpenSSH_9.2\r\n\r\n", MS(2000)), WEIR_EPROTO);
    assert_int_equal(dials_imposter("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", MS(2000)),
                     WEIR_EHTTP);
    assert_int_equal(dials_imposter("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n"
                                    "Connection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
                                    MS(2000)), WEIR_EPROTO);
    assert_int_equal(dials_imposter(NULL, MS(20)), -ETIME);
    assert_non_null(strstr(weir_error(-ETIME)->text, "ws dial ws://127.0.0.1:"));
    assert_non_null(strstr(weir_error(-ETIME)->text, "/: the handshake took longer than 20 ms"));
    return 0;
}

/* With a seed the answer may come in parts; then the error does not repeat its text. */
static void hears(const char *answer, const char *want, const char *want_if_cut) {
    assert_int_equal(dials_imposter(answer, MS(2000)), WEIR_EHTTP);
    const char *told = strstr(weir_error_message(WEIR_EHTTP), "/: ") + 3;
    if (getenv("WEIR_SEED") == NULL || strcmp(told, want_if_cut) != 0)
        assert_string_equal(told, want);
}

WS_STORY(our_client_repeats_what_a_refusal_says) {
    if (w->reacts)
        return 0;
    hears("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Content-Length: 30\r\n\r\nuse \x1bhttps:// here\r\nand no more",
          "the server answered 400 Bad Request, not 101: use \\x1bhttps:// here",
          "the server answered 400 Bad Request (text/plain), not 101");
    hears("HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n",
          "the server answered 403 Forbidden (text/plain), not 101", ""); /* it comes later */
    hears("HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>",
          "the server answered 403 Forbidden (text/html), not 101", "");
    hears("HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"
          "\r\n3\r\nabc\r\n0\r\n\r\n",
          "the server answered 403 Forbidden (text/plain), not 101", "");
    return 0;
}

WS_STORY(a_refused_connect_names_the_url_without_its_query) {
    struct weir_ws *ws = NULL;
    char url[300];
    if (w->reacts)
        return 0;
    assert_int_equal(weir_ws_dial("ws://127.0.0.1:1/a?token=t", NULL, &ws), -ECONNREFUSED);
    assert_string_equal(weir_error_message(-ECONNREFUSED), "ws dial ws://127.0.0.1:1/a: connect "
                        "127.0.0.1:1: connection refused (ECONNREFUSED)");
    assert_int_equal(weir_fail(-EIO, "ws://127.0.0.1:1/b"), -EIO); /* the URL lies in the record */
    assert_int_equal(weir_ws_dial(weir_error(-EIO)->text, NULL, &ws), -ECONNREFUSED);
    assert_non_null(strstr(weir_error_message(-ECONNREFUSED), "ws dial ws://127.0.0.1:1/b: "));
    snprintf(url, sizeof url, "ws://127.0.0.1:1/%0200d", 0);
    assert_int_equal(weir_ws_dial(url, NULL, &ws), -ECONNREFUSED);
    assert_non_null(strstr(weir_error_message(-ECONNREFUSED), "000...: connect 127.0.0.1:1: "
                           "connection refused (ECONNREFUSED)"));
    return 0;
}
