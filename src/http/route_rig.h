/* SPDX-License-Identifier: MIT */
/* route_rig.h - stories with a server that has routes: what they answer, as text. Tests only. */
#ifndef WEIR_HTTP_ROUTE_RIG_H
#define WEIR_HTTP_ROUTE_RIG_H

#include "http/http_test_util.h"

static inline void tell_served(void (*set)(struct weir_http_server_options *o),
                               int (*story)(struct world *w)) {
    struct telling t = {set, story, SERVES};
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(tell, &t, &o), 0);
}

/* As HTTP_STORY, for weir_http_serve alone: ROUTE_STORY(sentence, o->routes = table) */
#define ROUTE_STORY(sentence, ...)                                                                 \
    static void sentence##_set(struct weir_http_server_options *o) {                               \
        (void)o;                                                                                   \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    static int sentence##_told(struct world *w);                                                   \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        tell_served(sentence##_set, sentence##_told);                                              \
    }                                                                                              \
    static int sentence##_told(struct world *w)

/* The answer to one request, with its head; Date is left out. Lent until the next call but one. */
static inline const char *answer_to(struct world *w, const char *request) {
    static char texts[2][256 << 10];
    static int next;
    char *text = texts[next++ % 2];
    assert_true(raw_exchange(w, request, strlen(request), 1 << 20, text, sizeof texts[0]) >= 0);
    return text;
}

/* A request without a body; fields end with CR LF each. */
static inline const char *ask(struct world *w, const char *method, const char *target,
                              const char *fields) {
    static char text[20000];
    int n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method,
                     target, fields);
    assert_true(n > 0 && (size_t)n < sizeof text);
    return answer_to(w, text);
}

static inline int status_of(const char *answer) {
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static inline const char *body_of(const char *answer) {
    const char *end = strstr(answer, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}

/* The value of a field of an answer's head; "-": it has none. */
static inline const char *field_of(const char *answer, const char *name) {
    static char values[4][512];
    static int next;
    char *value = values[next++ % 4];
    size_t len = strlen(name);
    const char *end = strstr(answer, "\r\n\r\n");
    for (const char *at = strstr(answer, "\r\n"); at != NULL && at < end;
         at = strstr(at + 2, "\r\n")) {
        if (strncasecmp(at + 2, name, len) != 0 || at[2 + len] != ':')
            continue;
        snprintf(value, sizeof values[0], "%.*s", (int)strcspn(at + 4 + len, "\r"), at + 4 + len);
        return value;
    }
    return "-";
}

#endif
