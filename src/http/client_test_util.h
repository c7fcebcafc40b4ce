/* SPDX-License-Identifier: MIT */
/* client_test_util.h - a server that plays scripts, so that it can say what no server of ours
 * would. Tests only.
 *
 * A script is a list of texts, ended by NULL. The first byte of each says what it does:
 *   <  read a whole request, with its body, and keep its text in w->asked
 *   ?  read the head of a request only
 *   >  write the rest of the text
 *   :  the same, byte by byte
 *   ~  end our side of the stream
 *   !  reset the connection
 *   .  close it
 *   z  sleep a millisecond
 *   *  call w->hook, which may change the stream
 * At its end the server reads until the client closes. The n-th connection plays w->scripts[n];
 * those beyond play the last. */
#ifndef WEIR_HTTP_CLIENT_TEST_UTIL_H
#define WEIR_HTTP_CLIENT_TEST_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/http_client.h>
#include <weir/loop.h>
#include <weir/option.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "test/runner.h"

#define MS WEIR_MILLISECONDS

enum { SCRIPTS = 8, ASKED = 16, ASKED_TEXT = 4096 };

struct world {
    struct weir_listener *l;
    struct weir_group servers, peers;
    char url[64];
    const char *const *scripts[SCRIPTS];
    int (*hook)(struct world *w, struct weir_stream **s);
    struct weir_tls *tls; /* of the server's */
    int connections, gone; /* accepted; ended by the client */
    char asked[ASKED][ASKED_TEXT];
    size_t body_len[ASKED]; /* the body was counted, not kept, if it is long */
    int asked_count;
};

/* ---- the server ------------------------------------------------------------------------------ */

/* Peek until text is there. Returns up to where, 0 at the end of the stream, or an error. */
static inline ssize_t find_text(struct weir_stream *s, const char *text, struct weir_view *v) {
    for (size_t min = 1;; min = v->len + 1) {
        ssize_t n = weir_peek(s, min, v);
        if (n <= 0)
            return n == WEIR_EEOF ? 0 : n;
        const char *at = memmem(v->base, v->len, text, strlen(text));
        if (at != NULL)
            return at - (const char *)v->base + (ssize_t)strlen(text);
    }
}

static inline void keep_asked(struct world *w, const void *text, size_t len) {
    char *asked = w->asked[w->asked_count];
    size_t at = strlen(asked);
    if (len > ASKED_TEXT - 1 - at)
        len = ASKED_TEXT - 1 - at;
    memcpy(asked + at, text, len);
    asked[at + len] = '\0';
}

static inline int read_length(struct world *w, struct weir_stream *s, size_t left) {
    struct weir_view v;
    w->body_len[w->asked_count] = left;
    while (left > 0) {
        ssize_t n = weir_peek(s, 1, &v);
        if (n <= 0)
            return n < 0 ? (int)n : WEIR_EEOF;
        size_t len = v.len < left ? v.len : left;
        keep_asked(w, v.base, len);
        weir_consume(s, len);
        left -= len;
    }
    return 0;
}

static inline int read_chunks(struct world *w, struct weir_stream *s) {
    struct weir_view v;
    for (size_t size = 1; size > 0;) {
        ssize_t n = find_text(s, "\r\n", &v);
        if (n <= 0)
            return n < 0 ? (int)n : WEIR_EEOF;
        keep_asked(w, v.base, (size_t)n);
        size = strtoul((const char *)v.base, NULL, 16);
        weir_consume(s, (size_t)n);
        size_t total = w->body_len[w->asked_count];
        int rc = size > 0 ? read_length(w, s, size + 2) : 0;
        if (rc < 0)
            return rc;
        w->body_len[w->asked_count] = total + size;
    }
    for (ssize_t n = 3; n > 2;) { /* trailers */
        n = find_text(s, "\r\n", &v);
        if (n <= 0)
            return n < 0 ? (int)n : WEIR_EEOF;
        keep_asked(w, v.base, (size_t)n);
        weir_consume(s, (size_t)n);
    }
    return 0;
}

static inline int read_request(struct world *w, struct weir_stream *s, bool head_only) {
    struct weir_view v;
    ssize_t n = find_text(s, "\r\n\r\n", &v);
    if (n <= 0)
        return n < 0 ? (int)n : WEIR_EEOF;
    assert_in_range(w->asked_count, 0, ASKED - 1);
    w->asked[w->asked_count][0] = '\0';
    w->body_len[w->asked_count] = 0;
    keep_asked(w, v.base, (size_t)n);
    weir_consume(s, (size_t)n);
    const char *head = w->asked[w->asked_count], *length = strstr(head, "Content-Length: ");
    int rc = 0;
    if (!head_only && length != NULL)
        rc = read_length(w, s, strtoul(length + 16, NULL, 10));
    else if (!head_only && strstr(head, "Transfer-Encoding: chunked") != NULL)
        rc = read_chunks(w, s);
    w->asked_count++;
    return rc;
}

static inline int write_bytes(struct weir_stream *s, const char *text, bool one_by_one) {
    size_t len = strlen(text), piece = one_by_one ? 1 : len;
    int rc = 0;
    for (size_t at = 0; at < len && rc == 0; at += piece) {
        rc = weir_write(s, text + at, piece);
        if (rc == 0 && one_by_one)
            rc = weir_yield();
    }
    return rc;
}

/* Returns 1: the connection is over. */
static inline int play_step(struct world *w, struct weir_stream **stream, const char *step) {
    struct weir_stream *s = *stream;
    switch (step[0]) {
    case '<':
    case '?':
        return read_request(w, s, step[0] == '?');
    case '>':
    case ':':
        return write_bytes(s, step + 1, step[0] == ':');
    case '~':
        return weir_shutdown(s);
    case '!':
        return weir_stream_option(s, WEIR_STREAM_RESET, 1) < 0 ? -EIO : 1;
    case 'z':
        return weir_sleep(MS(1));
    case '*':
        return w->hook(w, stream);
    default:
        return 1;
    }
}

struct peer_args {
    struct world *w;
    struct weir_stream *s;
    const char *const *script;
};
static inline int peer(void *args) {
    struct peer_args *a = args;
    struct weir_view v;
    int rc = 0;
    for (const char *const *step = a->script; rc == 0 && step != NULL && *step != NULL; step++)
        rc = play_step(a->w, &a->s, *step);
    ssize_t n = rc == 0 && a->s != NULL ? 1 : 0;
    while (n > 0 && (n = weir_peek(a->s, 1, &v)) > 0)
        weir_consume(a->s, v.len);
    a->w->gone++;
    weir_close(&a->s);
    return 0;
}

struct server_args {
    struct world *w;
};
static inline int server(void *args) {
    struct world *w = ((struct server_args *)args)->w;
    struct weir_stream *s;
    int rc;
    while ((rc = w->l != NULL ? weir_accept(w->l, &s) : WEIR_ECLOSED) == 0) {
        int i = w->connections++;
        while (i > 0 && (i >= SCRIPTS || w->scripts[i] == NULL))
            i--;
        if (weir_go(&w->peers, peer, .w = w, .s = s, .script = w->scripts[i]) < 0)
            weir_close(&s);
    }
    return rc == WEIR_ECLOSED ? 0 : rc;
}

/* ---- the story ------------------------------------------------------------------------------- */

static inline int world_open(struct world *w) {
    struct weir_listen_options o = {.size = sizeof o, .tls = w->tls};
    int rc = weir_listen(w->tls != NULL ? "tls://127.0.0.1:0" : "tcp://127.0.0.1:0", &o, &w->l);
    if (rc < 0)
        return rc;
    snprintf(w->url, sizeof w->url, "http%s://127.0.0.1:%d", w->tls != NULL ? "s" : "",
             weir_listener_port(w->l));
    weir_group_open(&w->peers, WEIR_INDEPENDENT);
    weir_group_open(&w->servers, WEIR_INDEPENDENT);
    return weir_go(&w->servers, server, .w = w);
}

static inline void world_close(struct world *w) {
    if (w->url[0] == '\0')
        return; /* it was never open */
    weir_unlisten(&w->l);
    (void)weir_group_close(&w->servers, 0);
    weir_group_cancel(&w->peers, "the story ends");
    (void)weir_group_close(&w->peers, 0);
}

static struct weir_tls *server_tls; /* of the servers of this program */

static inline int tell(void *arg) {
    int (*story)(struct world *w) = *(int (**)(struct world *w))arg;
    static struct world w;
    w = (struct world){.tls = server_tls};
    assert_int_equal(world_open(&w), 0);
    int rc = story(&w);
    world_close(&w);
    return rc;
}

/* static int sentence_told(struct world *w) follows in braces and returns 0. */
#define HTTP_STORY(sentence)                                                                       \
    static int sentence##_told(struct world *w);                                                   \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        int (*story)(struct world *w) = sentence##_told;                                           \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        assert_int_equal(weir_run(tell, &story, &o), 0);                                           \
    }                                                                                              \
    static int sentence##_told(struct world *w)

/* Of string literals only. */
#define SCRIPT(w, n, ...)                                                                          \
    do {                                                                                           \
        static const char *const steps_[] = {__VA_ARGS__, NULL};                                   \
        (w)->scripts[n] = steps_;                                                                  \
    } while (0)

/* Until the client has so many connections, for five seconds. */
#define WAIT_CONNECTIONS(c, count)                                                                 \
    do {                                                                                           \
        for (int i_ = 0; counts_of(c).connections != (count) && i_ < 1000; i_++)                   \
            assert_int_equal(weir_sleep(MS(5)), 0);                                                \
        assert_int_equal(counts_of(c).connections, (count));                                       \
    } while (0)

/* ---- what a client does ---------------------------------------------------------------------- */

static inline const char *at(struct world *w, const char *path) {
    static char texts[4][512];
    static int next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "%s%s", w->url, path);
    return text;
}

/* Ask, expect this status and body. */
static inline void gets_by(struct weir_http_client *c, const char *url, int status,
                           const char *body) {
    struct weir_http_call call = {.size = sizeof call, .url = url};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    int rc = weir_http_fetch(c, &call, &r);
    if (rc < 0)
        fail_msg("%s: %s", url, weir_error_message(rc));
    assert_int_equal(weir_http_response_status(r), status);
    ssize_t n = weir_http_response_body(r, 0, &v);
    if (n < 0)
        fail_msg("%s: %s", url, weir_error_message((int)n));
    assert_int_equal(v.len, strlen(body));
    assert_string_equal(v.base, body);
    weir_http_response_close(&r);
}

static inline void gets(struct world *w, const char *path, int status, const char *body) {
    gets_by(NULL, at(w, path), status, body);
}

/* Ask, and expect this error from the fetch or from the body. part: of its text; NULL: any. */
static inline void fails(struct world *w, const char *path, int code, const char *part) {
    struct weir_http_response *r = NULL;
    int rc = weir_http_get(at(w, path), &r);
    if (rc != code)
        fail_msg("%s: %s (%s), not %s", path, weir_error_name(rc), weir_error_message(rc),
                 weir_error_name(code));
    if (part != NULL && strstr(weir_error_message(rc), part) == NULL)
        fail_msg("%s: \"%s\" says nothing of \"%s\"", path, weir_error_message(rc), part);
    assert_null(r);
}

static inline struct weir_http_client_counts counts_of(struct weir_http_client *c) {
    struct weir_http_client_counts counts = {.size = sizeof counts};
    weir_http_client_counts(c, &counts);
    return counts;
}

static inline bool has_asked(struct world *w, int i, const char *part) {
    return strstr(w->asked[i], part) != NULL;
}

#define OK(body_len) "HTTP/1.1 200 OK\r\nContent-Length: " #body_len "\r\n\r\n"

#endif
