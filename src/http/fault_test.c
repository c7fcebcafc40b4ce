/* SPDX-License-Identifier: MIT */
/* A conversation with each shape of server, run again and again: the N-th allocation fails, the
 * N-th marked call is cancelled, or the N-th op is struck, for N = 1, 2, ... until a run has no
 * N-th. And under a hundred seeds. Nothing may be left, and an answer that looks whole must be right. */
#include <weir/testing.h>

#include "http/http_test_util.h"

static int shape;

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

static const struct weir_sim_options *options(void) {
    static const struct weir_sim_options o = {.size = sizeof o};
    return &o;
}

static void explore(int (*how)(const struct weir_story *story)) {
    for (shape = 0; shape < SHAPES; shape++) {
        struct weir_story t = {.size = sizeof t, .name = shape_names[shape], .fn = story,
                               .options = options()};
        assert_int_equal(how(&t), 0);
    }
}

static int cancels(const struct weir_story *t) {
    struct weir_explored e;
    int rc = weir_explore_cancels(t, &e);
    fprintf(stderr, "# %llu points\n", (unsigned long long)e.points);
    assert_true(e.points > 30);
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
