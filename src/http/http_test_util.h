/* SPDX-License-Identifier: MIT */
/* http_test_util.h - an HTTP server of each shape, and a client of bytes, which can send what no
 * client of ours would. Tests only.
 *
 * What the server does stands in the path: see route_by_path. A story is told for each shape. */
#ifndef WEIR_HTTP_HTTP_TEST_UTIL_H
#define WEIR_HTTP_HTTP_TEST_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/http_events.h>
#include <weir/http_values.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "base/alloc.h"
#include "http/http.h"
#include "test/runner.h"

#define MS WEIR_MILLISECONDS

enum shape { SERVES, REACTS, ACCEPTS, SHAPES };
static const char *const shape_names[] = {"serve", "react", "accept"};

struct world {
    struct weir_listener *l;
    struct weir_group servers, clients;
    struct weir_http_server_options o;
    struct weir_http_reactive reactive;
    enum shape shape;
    char url[64];
    const struct weir_listen_options *listen; /* NULL: the defaults, and tcp */
    const struct weir_dial_options *dial;
    bool held;
    bool goes_on; /* shape ACCEPTS: an error of a request's function does not end its loop */
    int requests, done, done_rc, body_rc, write_rc, next_rc, served_rc;
    size_t written; /* by /fills */
    bool filled, stopping;
    size_t body_max; /* for weir_http_body */
    size_t body_len; /* of the last request */
    char trailer[32];
};

static struct world *the_world;

#define LOCAL "Host: localhost\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" LOCAL "\r\n"
#define POST(path, len, body) \
    "POST " path " HTTP/1.1\r\n" LOCAL "Content-Length: " #len "\r\n\r\n" body
#define POST_CHUNKED(path, chunks) \
    "POST " path " HTTP/1.1\r\n" LOCAL "Transfer-Encoding: chunked\r\n\r\n" chunks

/* ---- the server's program ---- */

static inline bool asks_for(const struct weir_http_request *r, const char *path) {
    return strncmp(weir_http_target(r), path, strlen(path)) == 0;
}

static inline int reply_bytes(struct weir_http_request *r, const void *body, size_t len) {
    static const char *const headers[] = {"X-Test: yes", NULL};
    return weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 200, .headers = headers,
        .body = body, .len = len});
}

static inline int begin(struct weir_http_request *r, int status, size_t len) {
    return weir_http_begin(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = status, .len = len});
}

static inline int answer_in_pieces(struct weir_http_request *r, size_t len) {
    static const char *const trailers[] = {"X-Sum: 11", NULL};
    int rc = begin(r, 200, len);
    if (rc == 0 && (rc = weir_http_write(r, "hello", 5)) == 0)
        rc = weir_sleep(MS(1));
    if (rc == 0 && (rc = weir_http_write(r, " there", 6)) == 0)
        rc = weir_http_end(r, trailers);
    return rc;
}

/* More than any kernel's buffers hold, or the simulation's. */
static inline size_t big_len(void) {
    return test_backend != NULL && strcmp(test_backend, "sim") != 0 ? 16 << 20 : 2 << 20;
}

static inline const char *big_bytes(void) {
    static char big[16 << 20];
    for (size_t i = 0; big[sizeof big - 1] == 0 && i < sizeof big; i++)
        big[i] = (char)('a' + i % 23);
    return big;
}

static inline int answer_big_in_pieces(struct weir_http_request *r) {
    int rc = begin(r, 200, 0);
    for (size_t at = 0; rc == 0 && at < big_len(); at += 100000)
        rc = weir_http_write(r, big_bytes() + at,
                             big_len() - at < 100000 ? big_len() - at : 100000);
    return rc;
}

static inline int hold(struct world *w) {
    int rc = 0;
    while (w->held && rc == 0)
        rc = weir_sleep(MS(1));
    return rc;
}

/* Write until the kernel takes no more, and then wait. */
static inline int fill_and_hold(struct weir_http_request *r) {
    struct weir_http *h = weir__http_request_of(r, "test")->http;
    struct world *w = the_world;
    int rc = begin(r, 200, 0);
    if (rc == 0)
        rc = weir_sleep(MS(1)); /* the head leaves */
    while (rc == 0 && http_unsent(h) == 0 && !h->writing) {
        rc = weir_http_write(r, big_bytes(), 5000);
        w->written += 5000;
        if (rc == 0)
            rc = weir_sleep(MS(1));
    }
    w->filled = true;
    return rc < 0 ? rc : hold(w);
}

/* Events, the next of which is hours away; then what the stop of the server leaves time for. */
static inline int stream_events(struct weir_http_request *r) {
    struct weir_http_event e = {.size = sizeof e, .data = "one"};
    struct weir_scope shield;
    int rc = weir_http_events_begin(r, 0);
    while (rc == 0 && (rc = weir_http_events_send(r, &e)) == 0)
        rc = weir_sleep(WEIR_SECONDS(3600));
    the_world->stopping = weir_http_stopping(r);
    if (asks_for(r, "/events/broken"))
        return -EIO;
    if (!the_world->stopping || !asks_for(r, "/events/bye"))
        return rc;
    e.data = "bye";
    weir_shield_enter(&shield, MS(100));
    int sent = weir_http_events_send(r, &e);
    weir_scope_leave(&shield, 0);
    return sent < 0 ? sent : rc;
}

enum { WORKS_ON_LEN = 1000 };

/* Go on for a while behind the answer. */
static inline int work_on(struct weir_http_request *r) {
    int rc = begin(r, 200, WORKS_ON_LEN);
    for (int i = 0; rc == 0 && i < WORKS_ON_LEN / 100; i++)
        rc = weir_http_write(r, big_bytes(), 100);
    return rc == 0 ? weir_sleep(MS(1)) : rc;
}

/* End the answer, and wait for something else behind it, as long as the client is there. */
static inline int wait_behind(struct weir_http_request *r) {
    weir_http_end_when_gone(r);
    int rc = begin(r, 200, WORKS_ON_LEN);
    if (rc == 0 && (rc = weir_http_write(r, big_bytes(), WORKS_ON_LEN)) == 0)
        rc = weir_http_end(r, NULL);
    return rc == 0 ? weir_sleep(WEIR_SECONDS(5)) : rc;
}

/* Wait for what never happens, before the answer begins. */
static inline int poll_long(struct weir_http_request *r) {
    weir_http_end_on_stop(r);
    if (asks_for(r, "/polls/watched"))
        weir_http_end_when_gone(r);
    int rc = weir_sleep(WEIR_SECONDS(3600));
    the_world->stopping = weir_http_stopping(r);
    return asks_for(r, "/polls/returns-0") ? 0 : rc;
}

/* body is what came, of every shape. */
static inline int route_by_path(struct weir_http_request *r, struct weir_view body) {
    struct world *w = the_world;
    if (asks_for(r, "/hello") || asks_for(r, "/ponders"))
        return weir_http_reply(r, 200, "hello\n");
    if (asks_for(r, "/echo"))
        return reply_bytes(r, body.base, body.len);
    if (asks_for(r, "/pieces/length"))
        return answer_in_pieces(r, 11);
    if (asks_for(r, "/pieces/short"))
        return answer_in_pieces(r, 12);
    if (asks_for(r, "/pieces/long"))
        return answer_in_pieces(r, 10);
    if (asks_for(r, "/pieces"))
        return answer_in_pieces(r, 0);
    if (asks_for(r, "/status/"))
        return weir_http_reply(r, atoi(weir_http_target(r) + 8), NULL);
    if (asks_for(r, "/begin/204"))
        return begin(r, 204, 0);
    if (asks_for(r, "/scheme"))
        return weir_http_reply(r, 200, weir_http_scheme(r));
    if (asks_for(r, "/param"))
        return weir_http_reply(r, 200, weir_http_param(r, "any") == NULL ? "none\n" : "some\n");
    if (asks_for(r, "/nothing"))
        return 0;
    if (asks_for(r, "/more"))
        return 7;
    if (asks_for(r, "/fails"))
        return weir_fail(-EIO, "the store is gone");
    if (asks_for(r, "/breaks"))
        return begin(r, 200, 0) < 0 || weir_http_write(r, "half", 4) < 0 ? -1 : -EIO;
    if (asks_for(r, "/slow")) {
        int rc = weir_sleep(MS(20));
        return rc < 0 ? rc : weir_http_reply(r, 200, "slow\n");
    }
    if (asks_for(r, "/held")) {
        int rc = hold(w);
        return rc < 0 ? rc : weir_http_reply(r, 200, "let go\n");
    }
    if (asks_for(r, "/events"))
        return stream_events(r);
    if (asks_for(r, "/polls"))
        return poll_long(r);
    if (asks_for(r, "/works-on"))
        return work_on(r);
    if (asks_for(r, "/waits-behind"))
        return wait_behind(r);
    if (asks_for(r, "/works-off/watched")) {
        weir_http_end_on_stop(r);
        weir_http_end_when_gone(r);
    }
    if (asks_for(r, "/works-off"))
        return reply_bytes(r, big_bytes(), WORKS_ON_LEN);
    if (asks_for(r, "/fills"))
        return fill_and_hold(r);
    if (asks_for(r, "/big/pieces"))
        return w->write_rc = answer_big_in_pieces(r);
    if (asks_for(r, "/big"))
        return w->write_rc = reply_bytes(r, big_bytes(), big_len());
    if (asks_for(r, "/last")) {
        weir_http_close_after(r);
        return weir_http_reply(r, 200, "last\n");
    }
    return 0;
}

static inline void note_body(struct weir_http_request *r, size_t len) {
    const char *trailer = weir_http_trailer(r, "X-Trailer");
    the_world->body_len = len;
    snprintf(the_world->trailer, sizeof the_world->trailer, "%s", trailer ? trailer : "");
}

static inline int handle_request(struct weir_http_request *r) {
    struct weir_view body = {NULL, 0};
    char piece[8];
    ssize_t n = 0;
    the_world->requests++;
    if (asks_for(r, "/unread/watched")) {
        weir_http_end_when_gone(r);
        return reply_bytes(r, big_bytes(), WORKS_ON_LEN);
    }
    if (asks_for(r, "/unread"))
        return weir_http_reply(r, 200, "not wanted\n");
    if (asks_for(r, "/by-bytes")) {
        size_t sum = 0;
        while ((n = weir_http_read(r, piece, sizeof piece)) > 0)
            sum += (size_t)n;
        note_body(r, sum);
    } else {
        n = weir_http_body(r, the_world->body_max, &body);
        note_body(r, body.len);
    }
    the_world->body_rc = (int)n;
    if (n < 0)
        return (int)n;
    if (asks_for(r, "/by-bytes"))
        return weir_http_reply(r, 200, "counted\n");
    return route_by_path(r, body);
}

struct gathered {
    size_t len;
    char bytes[4096];
};
static inline int react_request(struct weir_http_request *r, void *state) {
    the_world->requests++;
    return asks_for(r, "/unread") ? weir_http_reply(r, 200, "not wanted\n") : 0;
}
static inline int react_body(struct weir_http_request *r, void *state, struct weir_view v) {
    struct gathered *g = state;
    assert_true(v.len > 0);
    if (g->len + v.len <= sizeof g->bytes)
        memcpy(g->bytes + g->len, v.base, v.len);
    g->len += v.len;
    return asks_for(r, "/ponders") ? weir_sleep(WEIR_SECONDS(30)) : 0;
}
static inline int react_end(struct weir_http_request *r, void *state) {
    struct gathered *g = state;
    note_body(r, g->len);
    if (asks_for(r, "/unread"))
        return 0;
    if (asks_for(r, "/by-bytes"))
        return weir_http_reply(r, 200, "counted\n");
    return route_by_path(r, (struct weir_view){g->bytes, g->len});
}
static inline void react_done(struct weir_http_request *r, void *state, int rc) {
    the_world->done++;
    the_world->done_rc = rc;
}

static const struct weir_http_reactive test_reactive = {
    .size = sizeof test_reactive, .state_size = sizeof(struct gathered), .request = react_request,
    .body = react_body, .end = react_end, .done = react_done};

struct serve_stream_args {
    struct weir_stream *s;
};
static inline int serve_stream(void *args) {
    struct serve_stream_args *a = args;
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_request *r;
    int rc = weir_http_accept(&a->s, &the_world->o, &http);
    weir_close(&a->s);
    while (rc == 0 && (rc = weir_http_next(http, &r)) == 1)
        rc = handle_request(r) < 0 && !the_world->goes_on ? -EIO : 0;
    the_world->next_rc = rc;
    return 0;
}

struct serve_world_args {
    struct world *w;
};
static inline int serve_world(void *args) {
    struct world *w = ((struct serve_world_args *)args)->w;
    struct weir_stream *s;
    int rc;
    w->reactive = test_reactive;
    if (w->shape == REACTS)
        return w->served_rc = weir_http_react(w->l, &w->clients, &w->reactive, &w->o);
    w->o.handler = handle_request;
    if (w->shape == SERVES)
        return w->served_rc = weir_http_serve(w->l, &w->clients, &w->o);
    while ((rc = weir_accept(w->l, &s)) == 0)
        if (weir_go(&w->clients, serve_stream, .s = s) < 0)
            weir_close(&s);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static inline int world_open(struct world *w) {
    the_world = w;
    const char *scheme = w->listen != NULL ? "tls" : "tcp";
    snprintf(w->url, sizeof w->url, "%s://localhost:0", scheme);
    int rc = weir_listen(w->listen != NULL ? w->url : "tcp://127.0.0.1:0", w->listen, &w->l);
    weir_group_open(&w->clients, WEIR_INDEPENDENT);
    weir_group_open(&w->servers, WEIR_TOGETHER);
    if (rc < 0)
        return rc;
    snprintf(w->url, sizeof w->url, "%s://%s:%d", scheme,
             w->listen != NULL ? "localhost" : "127.0.0.1", weir_listener_port(w->l));
    rc = weir_go(&w->servers, serve_world, .w = w);
    return rc < 0 ? rc : weir_yield(); /* it listens */
}

static inline void world_close(struct world *w, bool undisturbed) {
    weir_unlisten(&w->l);
    int rc = weir_group_close(&w->servers, 0);
    weir_group_cancel(&w->clients, "the story ends");
    int clients = weir_group_close(&w->clients, 0);
    if (undisturbed)
        assert_true((rc == 0 || rc == -ECANCELED) && clients == 0);
}

struct telling {
    void (*set)(struct weir_http_server_options *o);
    int (*story)(struct world *w);
    enum shape shape;
};
static inline int tell(void *arg) {
    struct telling *t = arg;
    struct world w = {.shape = t->shape, .o = {.size = sizeof w.o}, .next_rc = 99};
    if (t->set != NULL)
        t->set(&w.o);
    assert_int_equal(world_open(&w), 0);
    int rc = t->story(&w);
    world_close(&w, true);
    return rc;
}

static inline void tell_each(void (*set)(struct weir_http_server_options *o),
                             int (*story)(struct world *w)) {
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct telling t = {set, story, shape};
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        fprintf(stderr, "# on %s, %s\n", test_backend, shape_names[shape]);
        assert_int_equal(weir_run(tell, &t, &o), 0);
    }
}

/* static int sentence_told(struct world *w) follows in braces and returns 0; before it the options
 * may be set: HTTP_STORY(sentence, o->idle_ns = 1) */
#define HTTP_STORY(sentence, ...)                                                                  \
    static void sentence##_set(struct weir_http_server_options *o) {                               \
        (void)o;                                                                                   \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    static int sentence##_told(struct world *w);                                                   \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        tell_each(sentence##_set, sentence##_told);                                                \
    }                                                                                              \
    static int sentence##_told(struct world *w)

/* ---- the client ---- */

static inline struct weir_stream *raw_dial(struct world *w) {
    struct weir_stream *s = NULL;
    assert_int_equal(weir_dial(w->url, w->dial, &s), 0);
    return s;
}

/* Read to the end of the stream; Date fields, which differ, are left out: of one that is cut short,
 * nothing is left. A NUL follows. Returns the length, or the error of the last read. */
static inline ssize_t raw_read_all(struct weir_stream *s, char *buf, size_t size) {
    size_t len = 0;
    ssize_t n;
    while ((n = weir_read(s, buf + len, size - 1 - len)) > 0 && len < size - 1)
        len += (size_t)n;
    buf[len] = '\0';
    for (char *date; (date = strstr(buf, "Date: ")) != NULL;) {
        char *end = strstr(date, "\r\n"), *rest = end != NULL ? end + 2 : strchr(date, '\0');
        memmove(date, rest, strlen(rest) + 1);
    }
    return n < 0 ? n : (ssize_t)strlen(buf);
}

/* Read until this text has come so many times, and a NUL behind it. */
static inline void raw_read_past(struct weir_stream *s, const char *text, int times, char *buf,
                                 size_t size) {
    size_t len = 0;
    for (const char *at = buf; times > 0;) {
        ssize_t n = weir_read(s, buf + len, size - 1 - len);
        assert_true(n > 0);
        buf[len += (size_t)n] = '\0';
        for (const char *found; times > 0 && (found = strstr(at, text)) != NULL; times--)
            at = found + strlen(text);
    }
}

/* Send text in pieces of at most step bytes, say that no more follows, and read all answers. */
static inline ssize_t raw_exchange(struct world *w, const char *text, size_t len, size_t step,
                                   char *buf, size_t size) {
    struct weir_stream *s = raw_dial(w);
    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        if (weir_write(s, text + at, n) < 0)
            break; /* it was refused: the answer is there */
        if (step < len)
            weir_yield();
    }
    (void)weir_shutdown(s);
    ssize_t n = raw_read_all(s, buf, size);
    weir_close(&s);
    return n;
}

/* The answers to what is sent are `want`, without the Date fields. */
#define expect_answers(w, text, want)                                                              \
    do {                                                                                           \
        char got_[8192];                                                                           \
        raw_exchange((w), (text), strlen(text), 1 << 20, got_, sizeof got_);                       \
        assert_string_equal(got_, (want));                                                         \
    } while (0)

/* The same sent at once, byte by byte, and in pieces of 7. */
#define expect_answers_cut(w, text, want)                                                          \
    do {                                                                                           \
        static const size_t steps_[] = {1 << 20, 1, 7};                                            \
        for (size_t i_ = 0; i_ < 3; i_++) {                                                        \
            char got_[8192];                                                                       \
            raw_exchange((w), (text), strlen(text), steps_[i_], got_, sizeof got_);                \
            assert_string_equal(got_, (want));                                                     \
        }                                                                                          \
    } while (0)

#define TEXT_OK(len, body)                                                                         \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " #len          \
    "\r\n\r\n" body
#define HELLO TEXT_OK(6, "hello\n")

static inline void settle(void) {
    assert_int_equal(weir_sleep(MS(5)), 0);
}

#endif
