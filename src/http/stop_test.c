/* SPDX-License-Identifier: MIT */
/* The stop of a server ends event streams and long polls at once, and leaves other requests their
 * time. In virtual time, for servers of both shapes. */
#include <weir/testing.h>

#include "http/http_test_util.h"

enum { CUT_AT_ONCE_MS = 10 };

/* On the simulated backend, for the shapes that stop. */
#define STOP_STORY(sentence, ...)                                                                  \
    static void sentence##_set(struct weir_http_server_options *o) {                               \
        (void)o;                                                                                   \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    static int sentence##_told(struct world *w);                                                   \
    WEIR_TEST(sentence) {                                                                          \
        tell_stopping(sentence##_set, sentence##_told);                                            \
    }                                                                                              \
    static int sentence##_told(struct world *w)

static void tell_stopping(void (*set)(struct weir_http_server_options *o),
                          int (*story)(struct world *w)) {
    for (enum shape shape = SERVES; shape <= REACTS; shape++) {
        struct telling t = {set, story, shape};
        struct weir_sim_options o = {.size = sizeof o};
        fprintf(stderr, "# %s\n", shape_names[shape]);
        assert_int_equal(weir_sim_run(tell, &t, &o), 0);
    }
}

static struct weir_stream *ask_for(struct world *w, const char *request) {
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, request, strlen(request)), 0);
    settle();
    return s;
}

/* Stop the server, read what s gets until its end, and wait for the server. Returns how long it
 * took to stop. */
static weir_ns stop(struct world *w, struct weir_stream *s, char *got, size_t size) {
    weir_ns since = weir_now();
    weir_unlisten(&w->l);
    assert_true(raw_read_all(s, got, size) >= 0);
    weir_close(&s);
    assert_int_equal(weir_group_close(&w->servers, 0), 0);
    weir_group_open(&w->servers, WEIR_TOGETHER);
    assert_int_equal(w->served_rc, 0);
    return weir_now() - since;
}

#define EVENTS_HEAD                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"                       \
    "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ONE_EVENT "3\r\n:\n\n\r\n" "b\r\ndata: one\n\n\r\n"

STOP_STORY(an_event_stream_ends_when_its_server_stops) {
    char got[1024];
    struct weir_stream *s = ask_for(w, GET("/events"));
    assert_true(stop(w, s, got, sizeof got) < MS(CUT_AT_ONCE_MS));
    assert_string_equal(got, EVENTS_HEAD ONE_EVENT "0\r\n\r\n");
    assert_true(w->stopping);
    return 0;
}

STOP_STORY(an_event_stream_may_say_good_bye) {
    char got[1024];
    struct weir_stream *s = ask_for(w, GET("/events/bye"));
    assert_true(stop(w, s, got, sizeof got) < MS(CUT_AT_ONCE_MS));
    assert_string_equal(got, EVENTS_HEAD ONE_EVENT "b\r\ndata: bye\n\n\r\n0\r\n\r\n");
    return 0;
}

STOP_STORY(an_event_stream_whose_handler_fails_at_the_stop_breaks_off) {
    char got[1024];
    struct weir_stream *s = ask_for(w, GET("/events/broken"));
    assert_true(stop(w, s, got, sizeof got) < MS(CUT_AT_ONCE_MS));
    assert_string_equal(got, EVENTS_HEAD ONE_EVENT);
    return 0;
}

/* A client that sends on does not lose the end of the stream to a reset. */
STOP_STORY(an_event_stream_ends_whole_for_a_client_that_has_sent_more) {
    char got[1024];
    struct weir_stream *s = ask_for(w, GET("/events"));
    assert_int_equal(weir_write(s, GET("/hello"), strlen(GET("/hello"))), 0);
    settle();
    assert_true(stop(w, s, got, sizeof got) < MS(CUT_AT_ONCE_MS));
    assert_string_equal(got, EVENTS_HEAD ONE_EVENT "0\r\n\r\n");
    assert_int_equal(w->requests, 1);
    return 0;
}

/* Its head came in part before the stop: it ends as soon as it has begun. */
STOP_STORY(an_event_stream_that_begins_while_the_server_stops_ends_at_once) {
    char got[1024];
    struct weir_stream *s = ask_for(w, "GET /events HTTP/1.1\r\n");
    weir_unlisten(&w->l);
    settle();
    weir_ns since = weir_now();
    assert_int_equal(weir_write(s, LOCAL "\r\n", strlen(LOCAL "\r\n")), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    assert_true(weir_now() - since < MS(CUT_AT_ONCE_MS));
    assert_int_equal(strncmp(got, "HTTP/1.1 200 ", 13), 0);
    assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n0\r\n\r\n");
    weir_close(&s);
    return 0;
}

static void expect_503(struct world *w, const char *request) {
    char got[1024];
    struct weir_stream *s = ask_for(w, request);
    assert_true(stop(w, s, got, sizeof got) < MS(CUT_AT_ONCE_MS));
    assert_int_equal(strncmp(got, "HTTP/1.1 503 ", 13), 0);
    assert_non_null(strstr(got, "Connection: close\r\n"));
    assert_true(w->stopping);
}

STOP_STORY(a_long_poll_gets_503_when_its_server_stops) {
    expect_503(w, GET("/polls"));
    return 0;
}

STOP_STORY(a_long_poll_gets_503_also_if_its_handler_returns_0) {
    expect_503(w, GET("/polls/returns-0"));
    return 0;
}

/* It has the time to read the end, but not all of drain_ns. */
STOP_STORY(a_client_of_events_that_does_not_close_is_waited_for_a_second) {
    struct weir_stream *s = ask_for(w, GET("/events"));
    weir_ns since = weir_now();
    weir_unlisten(&w->l);
    assert_int_equal(weir_group_close(&w->servers, 0), 0);
    assert_true(weir_now() - since <= WEIR_SECONDS(1) + MS(CUT_AT_ONCE_MS));
    weir_group_open(&w->servers, WEIR_TOGETHER);
    weir_close(&s);
    return 0;
}

/* ---- explored ---- */

static enum shape shape;

/* What comes is the whole answer or less, never something else. */
static int ask_and_stop(struct world *w) {
    static const char all[] = EVENTS_HEAD ONE_EVENT "0\r\n\r\n";
    static char got[1024];
    struct weir_stream *s = NULL;
    int rc = weir_dial(w->url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, GET("/events"), strlen(GET("/events")));
    if (rc == 0)
        rc = weir_sleep(MS(5));
    weir_unlisten(&w->l);
    ssize_t n = rc == 0 ? raw_read_all(s, got, sizeof got) : 0;
    weir_close(&s);
    if (rc == 0 && n >= 0 && strncmp(got, "HTTP/1.1 200 ", 13) == 0)
        assert_memory_equal(got, all, (size_t)n);
    return rc < 0 ? rc : n < 0 ? (int)n : strcmp(got, all) == 0 ? 0 : -EBADMSG;
}

static int stop_story(void *arg) {
    struct world w = {.shape = shape, .o = {.size = sizeof w.o}};
    struct weir_scope bound; /* nobody answers if the server could not begin */
    int rc = world_open(&w);
    weir_scope_enter(&bound, WEIR_SECONDS(120));
    if (rc == 0)
        rc = ask_and_stop(&w);
    rc = weir_scope_leave(&bound, rc);
    world_close(&w, false);
    return rc;
}

static void explore(int (*how)(const struct weir_story *story)) {
    static const struct weir_sim_options o = {.size = sizeof o};
    for (shape = SERVES; shape <= REACTS; shape++) {
        struct weir_story t = {.size = sizeof t, .name = shape_names[shape], .fn = stop_story,
                               .options = &o};
        assert_int_equal(how(&t), 0);
    }
}

static int cancels(const struct weir_story *t) {
    return weir_explore_cancels(t, NULL);
}
static int allocations(const struct weir_story *t) {
    return weir_explore_allocations(t, NULL);
}
static int strikes(const struct weir_story *t) {
    static const enum weir_fault_effect effects[] = {WEIR_FAULT_ERROR, WEIR_FAULT_SHORT,
                                                     WEIR_FAULT_LATE, WEIR_FAULT_NEVER};
    int rc = 0;
    for (size_t i = 0; i < sizeof effects / sizeof effects[0] && rc == 0; i++) {
        struct weir_fault f = {.size = sizeof f, .effect = effects[i]};
        rc = weir_explore_faults(t, &f, NULL);
    }
    return rc;
}
static int seeds(const struct weir_story *t) {
    return weir_explore_seeds(t, NULL);
}

WEIR_TEST(the_end_of_an_event_stream_survives_each_cancel) {
    explore(cancels);
}
WEIR_TEST(the_end_of_an_event_stream_survives_each_failed_allocation) {
    explore(allocations);
}
WEIR_TEST(the_end_of_an_event_stream_survives_each_fault) {
    explore(strikes);
}
WEIR_TEST(the_end_of_an_event_stream_is_the_same_under_each_seed) {
    explore(seeds);
}
