/* SPDX-License-Identifier: MIT */
/* A conversation with each shape of server, run again and again: the N-th allocation fails, the
 * N-th marked call is cancelled, or the N-th op is struck, for N = 1, 2, ... until a run has no
 * N-th. And under a hundred seeds. Nothing may be left, and an answer that looks whole must be
 * right. */
#include <weir/testing.h>
#include <weir/ws.h>

#include "http/http_test_util.h"

static enum shape shape;

static const char requests[] =
    GET("/hello") POST("/echo", 5, "hello")
    POST_CHUNKED("/by-bytes", "3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: t\r\n\r\n")
    GET("/pieces") GET("/slow") POST("/unread", 5, "hello") GET("/last");

static const char answers[] =
    HELLO "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nhello" TEXT_OK(8, "counted\n")
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n there\r\n0\r\n"
    "X-Sum: 11\r\n\r\n" TEXT_OK(5, "slow\n") TEXT_OK(11, "not wanted\n")
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
    "Connection: close\r\n\r\nlast\n";

static int send_all(struct weir_stream *s, const char *text, size_t step) {
    int rc = 0;
    for (size_t at = 0, len = strlen(text); at < len && rc == 0; at += step) {
        rc = weir_write(s, text + at, len - at < step ? len - at : step);
        if (rc == 0)
            rc = weir_sleep(MS(1));
    }
    return rc;
}

/* How the answers begin is how they must: nothing else may ever come, but an error answer. */
static void check_prefix(const char *got) {
    size_t n = 0;
    while (got[n] != '\0' && got[n] == answers[n])
        n++;
    bool is_error = got[n] == '\0';
    for (size_t at = n; at-- > 0 && !is_error;) /* the status of one differs: 404, 500, 503, ... */
        if (strncmp(got + at, "HTTP/1.1 ", 9) == 0)
            is_error = strncmp(got + at, "HTTP/1.1 200", 12) != 0 ||
                       strstr(got + at, "Connection: close") != NULL;
    if (!is_error)
        fail_msg("after %zu bytes: %s", n, got);
}

static int converse(struct world *w) {
    static char got[8192];
    struct weir_stream *s = NULL;
    int rc = weir_dial(w->url, NULL, &s);
    if (rc == 0)
        rc = send_all(s, requests, 100);
    ssize_t n = rc == 0 ? raw_read_all(s, got, sizeof got) : 0;
    weir_close(&s);
    if (rc == 0 && n >= 0)
        check_prefix(got);
    return rc < 0 ? rc : n < 0 ? (int)n : strcmp(got, answers) == 0 ? 0 : -EBADMSG;
}

static int story(void *arg) {
    struct world w = {.shape = shape, .o = {.size = sizeof w.o}};
    struct weir_scope bound; /* nobody answers if the server could not begin */
    int rc = world_open(&w);
    weir_scope_enter(&bound, WEIR_SECONDS(120));
    if (rc == 0)
        rc = converse(&w);
    rc = weir_scope_leave(&bound, rc);
    world_close(&w, false);
    return rc;
}

/* ---- requests that become WebSockets ---- */

static int ws_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static int ws_handler(struct weir_http_request *r) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    int rc = weir_http_ws_accept(r, NULL, &ws);
    if (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0)
        rc = weir_ws_send(ws, m.type, m.data.base, m.data.len);
    if (rc == 0)
        (void)weir_ws_receive(ws, &m);
    return rc;
}

static const struct weir_ws_reactive feed = {.size = sizeof feed, .message = ws_message};
static const struct weir_http_route routes[] = {
    {"GET", "/handled", ws_handler}, {NULL, "/feed", .ws = &feed}, {0}};

struct serve_routes_args {
    struct world *w;
};
static int serve_routes(void *args) {
    struct world *w = ((struct serve_routes_args *)args)->w;
    if (w->l == NULL)
        return 0; /* the story is over already */
    w->o.routes = routes;
    return weir_http_serve(w->l, &w->clients, &w->o);
}

static int ask_by_ws(struct world *w, const char *path) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    char url[64];
    snprintf(url, sizeof url, "ws://127.0.0.1:%d%s", weir_listener_port(w->l), path);
    int rc = weir_ws_dial(url, NULL, &ws);
    if (rc == 0)
        rc = weir_ws_send(ws, WEIR_WS_TEXT, "hello", 5);
    if (rc == 0 && (rc = weir_ws_receive(ws, &m)) == 0) {
        assert_int_equal(m.data.len, 5);
        assert_memory_equal(m.data.base, "hello", 5);
    }
    return rc == 0 ? weir_ws_close(ws, 1000, "") : rc;
}

static int upgrade_story(void *arg) {
    struct world w = {.o = {.size = sizeof w.o}};
    struct weir_scope bound;
    the_world = &w;
    weir_group_open(&w.clients, WEIR_INDEPENDENT);
    weir_group_open(&w.servers, WEIR_TOGETHER);
    weir_scope_enter(&bound, WEIR_SECONDS(120));
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &w.l);
    if (rc == 0)
        rc = weir_go(&w.servers, serve_routes, .w = &w);
    if (rc == 0)
        rc = ask_by_ws(&w, "/handled");
    if (rc == 0)
        rc = ask_by_ws(&w, "/feed");
    rc = weir_scope_leave(&bound, rc);
    world_close(&w, false);
    return rc;
}

static const struct weir_sim_options *options(void) {
    static const struct weir_sim_options o = {.size = sizeof o};
    return &o;
}

static void explore(int (*how)(const struct weir_story *story)) {
    for (shape = 0; shape <= SHAPES; shape++) {
        bool is_upgrade = shape == SHAPES;
        struct weir_story t = {.size = sizeof t,
                               .name = is_upgrade ? "upgrade" : shape_names[shape],
                               .fn = is_upgrade ? upgrade_story : story, .options = options()};
        assert_int_equal(how(&t), 0);
    }
}

static int cancels(const struct weir_story *t) {
    struct weir_explored e;
    int rc = weir_explore_cancels(t, &e);
    fprintf(stderr, "# %llu points\n", (unsigned long long)e.points);
    assert_true(e.points > 20);
    return rc;
}
static int allocations(const struct weir_story *t) {
    struct weir_explored e;
    int rc = weir_explore_allocations(t, &e);
    fprintf(stderr, "# %llu points\n", (unsigned long long)e.points);
    assert_true(e.points > 10);
    return rc;
}
static enum weir_fault_effect effect;
static int strikes(const struct weir_story *t) {
    struct weir_fault f = {.size = sizeof f, .effect = effect};
    return weir_explore_faults(t, &f, NULL);
}
static int seeds(const struct weir_story *t) {
    return weir_explore_seeds(t, NULL);
}

WEIR_TEST(a_conversation_survives_each_cancel) {
    explore(cancels);
}
WEIR_TEST(a_conversation_survives_each_failed_allocation) {
    explore(allocations);
}
WEIR_TEST(a_conversation_survives_each_op_that_fails) {
    effect = WEIR_FAULT_ERROR;
    explore(strikes);
}
WEIR_TEST(a_conversation_survives_each_op_cut_short) {
    effect = WEIR_FAULT_SHORT;
    explore(strikes);
}
WEIR_TEST(a_conversation_survives_each_op_that_is_late) {
    effect = WEIR_FAULT_LATE;
    explore(strikes);
}
WEIR_TEST(a_conversation_survives_each_op_that_never_ends) {
    effect = WEIR_FAULT_NEVER;
    explore(strikes);
}
WEIR_TEST(a_conversation_is_the_same_under_each_seed) {
    explore(seeds);
}

/* ---- sends that are pending ---- */

/* The client's writes are tries, which no fault strikes. */
static int ask_while_late(struct world *w) {
    static const char request[] = GET("/hello"), last[] = GET("/last");
    char got[2048];
    struct weir_stream *s = raw_dial(w);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(weir_try_write(s, request, strlen(request)), strlen(request));
        weir_sleep(MS(2));
    }
    raw_read_past(s, "hello\n", 4, got, sizeof got);
    assert_int_equal(weir_try_write(s, last, strlen(last)), strlen(last));
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    assert_string_equal(got, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                             "Content-Length: 5\r\nConnection: close\r\n\r\nlast\n");
    weir_close(&s);
    return 0;
}

WEIR_TEST(answers_keep_their_order_while_each_send_is_late) {
    static const struct weir_fault late = {.size = sizeof late, .kinds = WEIR_FAULT_SEND,
                                           .effect = WEIR_FAULT_LATE, .nth = 1, .every = true};
    for (enum shape each = 0; each < SHAPES; each++) {
        struct telling t = {NULL, ask_while_late, each};
        struct weir_sim_options o = {.size = sizeof o};
        weir_fault_arm(&late);
        assert_int_equal(weir_sim_run(tell, &t, &o), 0);
        if (each != ACCEPTS) /* whose answers never wait for others */
            assert_in_range(weir_fault_struck(), 1, 4);
        weir_fault_arm(NULL);
    }
}
