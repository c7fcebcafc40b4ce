/* SPDX-License-Identifier: MIT */
/* A program's own text of an error in a reactive server: closed finds it, also if that runs in
 * another task, and where there is no closed the log has it. */
#include "stream/stream_test_util.h"

#include <limits.h>

static int no_buzzer = WEIR_EUSER - 90000;

static bool opens, leaves_a_child;
static char text[160], logged[1024];
static int closed_rc;

static int nap(void *args) {
    return weir_sleep(WEIR_SECONDS(60));
}

static int opened(struct weir_conn *c, void *state) {
    return opens ? 0 : weir_fail(no_buzzer, "no buzzer at all");
}

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    if (leaves_a_child) /* closed waits for it, and this task does not */
        assert_int_equal(weir_go0(weir_conn_group(c), nap), 0);
    return weir_fail(no_buzzer, "no buzzer for %.*s", (int)v.len, (const char *)v.base);
}

static void closed(struct weir_conn *c, void *state, int rc) {
    closed_rc = rc;
    snprintf(text, sizeof text, "%s", weir_error_message(rc));
}

static void see_log(enum weir_log_level level, const char *line, void *arg) {
    size_t used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%s\n", line);
}

struct serve_args {
    struct weir_listener *l;
    struct weir_group *g;
    const struct weir_reactive *r;
};

static int serve(void *args) {
    struct serve_args *a = args;
    return weir_react(a->l, a->g, a->r);
}

/* One connection that says "me", to its end. */
static void connect_once(const struct weir_reactive *r) {
    struct weir_listener *l = NULL;
    struct weir_group servers, clients;
    struct weir_stream *s = NULL;
    char url[64], byte;
    closed_rc = 0;
    text[0] = logged[0] = '\0';
    weir_log_to(see_log, NULL);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&servers, WEIR_TOGETHER);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&servers, serve, .l = l, .g = &clients, .r = r), 0);
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    (void)weir_write(s, "me", 2);
    (void)weir_read(s, &byte, 1); /* the end, or a reset */
    weir_close(&s);
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&clients, 0), 0);
    assert_int_equal(weir_group_close(&servers, 0), 0);
    weir_log_to(NULL, NULL);
}

static const struct weir_reactive told = {
    .size = sizeof told, .opened = opened, .message = message, .closed = closed};
static const struct weir_reactive untold = {
    .size = sizeof untold, .opened = opened, .message = message};

static void expect_told(const char *words) {
    assert_int_equal(closed_rc, no_buzzer);
    assert_string_equal(text, words);
}

LOOP_STORY(closed_has_the_text_of_opened_and_of_message) {
    opens = false;
    connect_once(&told);
    expect_told("no buzzer at all");
    opens = true;
    connect_once(&told);
    expect_told("no buzzer for me");
    return 0;
}

LOOP_STORY(closed_has_the_text_also_if_it_had_to_wait_for_a_child) {
    opens = leaves_a_child = true;
    connect_once(&told);
    expect_told("no buzzer for me");
    return 0;
}

LOOP_STORY(without_closed_the_text_is_logged) {
    opens = false;
    connect_once(&untold);
    assert_non_null(strstr(logged, " failed: no buzzer at all\n"));
    opens = leaves_a_child = true;
    connect_once(&untold);
    assert_non_null(strstr(logged, " failed: no buzzer for me\n"));
    return 0;
}

LOOP_STORY(closed_has_any_code_of_the_programs_own) {
    static const int own[] = {-65536, -131072, -40000, INT_MIN};
    int before = no_buzzer;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        no_buzzer = own[i];
        opens = leaves_a_child = false;
        connect_once(&told);
        expect_told("no buzzer at all");
        opens = true;
        connect_once(&told);
        expect_told("no buzzer for me");
        leaves_a_child = true;
        connect_once(&told);
        expect_told("no buzzer for me");
    }
    no_buzzer = before;
    return 0;
}

/* ---- a record of an earlier message ---- */

static int pieces;

static int handles_one(struct weir_conn *c, void *state, struct weir_view v) {
    if (++pieces > 1)
        return no_buzzer;
    assert_int_equal(weir_fail(no_buzzer, "of the first message"), no_buzzer);
    return weir_sleep(WEIR_MILLISECONDS(5)); /* meanwhile the next piece comes */
}

static int handles_it_when_opened(struct weir_conn *c, void *state) {
    pieces = 1;
    assert_int_equal(weir_fail(no_buzzer, "of opened"), no_buzzer);
    return weir_sleep(WEIR_MILLISECONDS(5));
}

/* Two pieces, both of which the connection's first task handles. */
static void connect_twice(const struct weir_reactive *r) {
    struct weir_listener *l = NULL;
    struct weir_group servers, clients;
    struct weir_stream *s = NULL;
    char url[64], byte;
    pieces = 0;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&servers, WEIR_TOGETHER);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&servers, serve, .l = l, .g = &clients, .r = r), 0);
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    assert_int_equal(weir_write(s, "1", 1), 0);
    while (pieces == 0)
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
    (void)weir_write(s, "2", 1);
    (void)weir_read(s, &byte, 1);
    weir_close(&s);
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&clients, 0), 0);
    assert_int_equal(weir_group_close(&servers, 0), 0);
}

static const struct weir_reactive bare = {
    .size = sizeof bare, .message = handles_one, .closed = closed};
static const struct weir_reactive opens_bare = {
    .size = sizeof bare, .opened = handles_it_when_opened, .message = handles_one,
    .closed = closed};

LOOP_STORY(a_bare_code_gets_no_words_of_an_earlier_message) {
    connect_twice(&bare);
    expect_told(weir_error_text(no_buzzer));
    connect_twice(&opens_bare);
    expect_told(weir_error_text(no_buzzer));
    return 0;
}
