/* SPDX-License-Identifier: MIT */
/* events.c - server-sent events: each is written to one block of lines and sent at once, so that a
 * cancel cuts none in two. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/http_events.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "http/http.h"
#include "wire/utf8.h"

/* A client that asks for the head alone would be handed events for ever, and its next request never
 * answered. */
static int end_at_head(struct weir_http_request *r) {
    int rc = weir_http_end(r, NULL);
    return rc < 0 ? rc : weir__failf(-EPIPE, "http events", weir_http_peer(r),
                                     "a HEAD request gets no events");
}

int weir_http_events_begin(struct weir_http_request *r, weir_ns retry_ns) {
    static const char *const headers[] = {"Content-Type: text/event-stream; charset=utf-8",
                                          "Cache-Control: no-store",
                                          "X-Accel-Buffering: no", /* nginx would wait for more */
                                          NULL};
    char text[48];
    int rc = weir__suspend_enter("http events");
    if (rc < 0)
        return rc;
    if (retry_ns < 0)
        return weir__failf(-EINVAL, "http events", NULL, "retry_ns is less than 0");
    rc = weir_http_begin(r, &(struct weir_http_answer){.size = sizeof(struct weir_http_answer),
                                                       .status = 200, .headers = headers});
    int n = retry_ns > 0 ? snprintf(text, sizeof text, "retry: %lld\n\n",
                                    (long long)(retry_ns / WEIR_MILLISECONDS(1)))
                         : snprintf(text, sizeof text, ":\n\n"); /* the head leaves with it */
    if (rc < 0)
        return rc;
    if (weir__http_request_of(r, "weir_http_events_begin")->is_head)
        return end_at_head(r);
    weir_http_end_on_stop(r);
    return weir_http_write(r, text, (size_t)n);
}

const char *weir_http_last_event_id(const struct weir_http_request *r) {
    return weir_http_header(r, "Last-Event-ID");
}

/* ---- one event ---- */

static bool is_utf8(const char *text, size_t len) {
    return weir__utf8_valid(text, len);
}

/* NULL: it can be sent as one line. */
static const char *line_fault(const char *text) {
    return text != NULL && strpbrk(text, "\r\n") != NULL ? "a line end in a text of one line"
                                                         : NULL;
}

static char *line_put(char *to, const char *name, const char *text, size_t len) {
    to = stpcpy(stpcpy(to, name), ": ");
    memcpy(to, text, len);
    to[len] = '\n';
    return to + len + 1;
}

/* CR LF, LF and CR end a line (WHATWG HTML 9.2.6). */
static char *data_put(char *to, const char *data) {
    for (;;) {
        size_t len = strcspn(data, "\r\n");
        to = line_put(to, "data", data, len);
        data += len;
        if (*data == '\0')
            return to;
        data += data[0] == '\r' && data[1] == '\n' ? 2 : 1;
    }
}

static size_t lines_of(const char *text) {
    size_t n = 1;
    for (; *text != '\0'; text++)
        n += *text == '\n' || *text == '\r';
    return n;
}

static int texts_check(const struct weir_http_event *e) {
    const char *texts[] = {e->data, e->type, e->id};
    const char *fault = line_fault(e->type) != NULL ? line_fault(e->type) : line_fault(e->id);
    if (fault != NULL)
        return weir__failf(-EINVAL, "http events", NULL, "%s", fault);
    for (int i = 0; i < 3; i++)
        if (texts[i] != NULL && !is_utf8(texts[i], strlen(texts[i])))
            return weir__failf(WEIR_EUTF8, "http events", NULL, "an event is not UTF-8");
    return 0;
}

static size_t size_of(const char *text) {
    return text != NULL ? strlen(text) : 0;
}

int weir_http_events_send(struct weir_http_request *r, const struct weir_http_event *event) {
    struct weir_http_event e;
    int rc = weir__suspend_enter("http events");
    if (rc < 0)
        return rc;
    weir__argument_not_null(event, "weir_http_events_send", "event");
    WEIR_OPTIONS_COPY(struct weir_http_event, id, &e, event);
    const char *data = e.data != NULL ? e.data : "";
    if ((rc = texts_check(&e)) < 0)
        return rc;
    char *text = weir__alloc(size_of(e.type) + size_of(e.id) + strlen(data) +
                             lines_of(data) * sizeof "data: " + 32);
    if (text == NULL)
        return weir__fail(-ENOMEM, "http events", NULL);
    char *to = text;
    if (e.type != NULL)
        to = line_put(to, "event", e.type, strlen(e.type));
    if (e.id != NULL)
        to = line_put(to, "id", e.id, strlen(e.id));
    to = data_put(to, data);
    *to++ = '\n';
    rc = weir_http_write(r, text, (size_t)(to - text));
    weir__free(text);
    return rc;
}

int weir_http_events_comment(struct weir_http_request *r, const char *text) {
    char line[512];
    int rc = weir__suspend_enter("http events");
    if (rc < 0)
        return rc;
    if (line_fault(text) != NULL || size_of(text) > sizeof line - 8)
        return weir__failf(-EINVAL, "http events", NULL, "a comment is one line of 500 bytes");
    if (text != NULL && !is_utf8(text, strlen(text)))
        return weir__failf(WEIR_EUTF8, "http events", NULL, "a comment is not UTF-8");
    int n = snprintf(line, sizeof line, ": %s\n\n", text != NULL ? text : "");
    return weir_http_write(r, line, (size_t)n);
}
