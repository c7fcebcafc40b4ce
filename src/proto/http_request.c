/* SPDX-License-Identifier: MIT */
/* http_request.c - reading a request and answering it. */
#include "proto/http_request.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "proto/http_headers.h"
#include "stream/stream.h"
#include "task/task.h"
#include "wire/http1_write.h"

enum { HEAD_REST = 256 }; /* of an answer, beside the user's headers: what wire asks for */

/* ---- its life ---- */

static const char closed; /* self points to it */
static_assert(offsetof(struct weir_http_request, ops) == WEIR__HTTP_REQUEST_KEPT, "self and arg");

void weir__http_request_close(struct weir_http_request *r, const char *pattern) {
    r->self = &closed;
    r->arg = (void *)(uintptr_t)pattern;
}

/* r is NULL, or was closed, or its memory is that of something else now. */
void weir__http_request_refuse(const struct weir_http_request *r, const char *call) {
    weir__not_null(r, call);
    const char *pattern = r->self == &closed ? r->arg : NULL;
    WEIR_BUG("%s: the request is over%s%s%s: it is lent until its handler returns, or until the "
             "next weir_http_next", call, pattern != NULL ? " (of the route \"" : "",
             pattern != NULL ? pattern : "", pattern != NULL ? "\")" : "");
}

/* Behind each part stands a byte that no part needs: a space, the colon, white space or CR. */
static void part_end(char *text, struct weir__slice part) {
    text[part.offset + part.len] = '\0';
}

void weir__http_request_cut(struct weir_http_request *r) {
    part_end(r->text, r->head.method);
    part_end(r->text, r->head.target);
    for (uint32_t i = 0; i < r->head.headers_count; i++) {
        part_end(r->text, r->head.headers[i].name);
        part_end(r->text, r->head.headers[i].value);
    }
}

static void part_join(char *text, struct weir__slice part, char end) {
    text[part.offset + part.len] = end;
}

void weir__http_request_join(struct weir_http_request *r) {
    part_join(r->text, r->head.method, ' ');
    part_join(r->text, r->head.target, ' ');
    for (uint32_t i = 0; i < r->head.headers_count; i++) {
        struct weir__slice value = r->head.headers[i].value;
        bool ends_line = r->text[value.offset + value.len + 1] == '\n';
        part_join(r->text, r->head.headers[i].name, ':');
        part_join(r->text, value, ends_line ? '\r' : ' ');
    }
}

struct weir_http_request *weir__http_request_new(struct weir_stream *s, void *arg,
                                                 const struct weir__http1 *head, const void *base,
                                                 size_t len) {
    size_t headers_size = head->headers_count * sizeof head->headers[0];
    size_t spare_size = HTTP_SPARE_ROOM((size_t)head->target.len);
    struct weir_http_request *r = weir__alloc(sizeof *r + headers_size + len + spare_size);
    if (r == NULL)
        return NULL;
    *r = (struct weir_http_request){.self = r, .arg = arg, .stream = s, .head = *head};
    r->head.headers = (struct weir__http1_header *)(void *)(r + 1);
    r->text = (char *)(r + 1) + headers_size;
    memcpy(r->head.headers, head->headers, headers_size);
    r->spare = r->text + len;
    memcpy(r->text, base, len);
    weir__http_request_cut(r);
    return r;
}

/* ---- reading ---- */

const char *weir_http_method(const struct weir_http_request *r) {
    weir__http_request_check(r, "weir_http_method");
    return r->text + r->head.method.offset;
}

const char *weir_http_target(const struct weir_http_request *r) {
    weir__http_request_check(r, "weir_http_target");
    return r->text + r->head.target.offset;
}

const char *weir_http_peer(const struct weir_http_request *r) {
    weir__http_request_check(r, "weir_http_peer");
    return weir_stream_peer(r->stream);
}

const char *weir_http_header(const struct weir_http_request *r, const char *name) {
    weir__http_request_check(r, "weir_http_header");
    weir__not_null(name, "weir_http_header");
    int i = weir__http1_find(&r->head, r->text, name, 0);
    return i < 0 ? NULL : r->text + r->head.headers[i].value.offset;
}

int weir_http_header_at(const struct weir_http_request *r, size_t i, const char **ret_name,
                        const char **ret_value) {
    weir__http_request_check(r, "weir_http_header_at");
    if (i >= r->head.headers_count)
        return 0;
    *ret_name = r->text + r->head.headers[i].name.offset;
    *ret_value = r->text + r->head.headers[i].value.offset;
    return 1;
}

void *weir_http_arg(const struct weir_http_request *r) {
    weir__http_request_check(r, "weir_http_arg");
    return r->arg;
}

bool weir_http_wants_websocket(const struct weir_http_request *r) {
    weir__http_request_check(r, "weir_http_wants_websocket");
    return weir__http1_has_token(&r->head, r->text, "Upgrade", "websocket");
}

/* ---- answering ---- */

const char *const weir__http_text_lines[] = {"Content-Type: text/plain; charset=utf-8", NULL};

int weir__http_answer_check(const struct weir_http_request *r, const struct weir_http_answer *a) {
    if (r->reply != HTTP_UNANSWERED)
        return weir__failf(-EALREADY, "http reply", weir_stream_peer(r->stream),
                           "the request is answered already");
    if (a->status < 200 || a->status > 599)
        return weir__failf(-EINVAL, "http reply", weir_stream_peer(r->stream),
                           "%d is no status of an answer", a->status);
    if (a->len > 0 && !weir__http1_status_has_body(a->status))
        return weir__failf(-EINVAL, "http reply", weir_stream_peer(r->stream),
                           "an answer %d has no body", a->status);
    return 0;
}

static int answer_send(struct weir_http_request *r, const struct weir_http_answer *a) {
    struct weir__http1_answer head = {a->status, a->headers, a->len};
    size_t size = HEAD_REST + weir__head_lines_len(a->headers);
    bool is_head = strcmp(weir_http_method(r), "HEAD") == 0;
    char *text = weir__alloc(size);
    if (text == NULL)
        return weir__fail(-ENOMEM, "http reply", NULL);
    ssize_t n = weir__http1_answer_write(text, size, &head);
    WEIR_CHECK(n > 0); /* it was checked, and has room */
    struct iovec parts[2] = {{text, (size_t)n}, {(void *)(uintptr_t)a->body, a->len}};
    r->reply = HTTP_ANSWERING;
    r->status = (uint16_t)a->status;
    r->body_len = is_head ? 0 : a->len;
    int rc = weir__stream_writev(r->stream, parts, r->body_len == 0 ? 1 : 2);
    weir__free(text);
    r->failed = rc;
    if (rc == 0)
        r->reply = HTTP_ANSWERED;
    return rc;
}

/* ours: the headers need no check. */
static int reply(struct weir_http_request *r, const struct weir_http_answer *a, bool ours) {
    int rc = weir__http_answer_check(r, a);
    if (rc == 0 && !ours)
        rc = weir__http_headers_check("http reply", a->headers, HTTP_ANSWERS);
    if (rc < 0)
        return rc;
    return r->ops != NULL ? r->ops->answer(r, a) : answer_send(r, a);
}

int weir_http_reply(struct weir_http_request *r, int status, const char *text) {
    char phrase[64];
    int rc = weir__suspend_enter("http reply");
    if (rc < 0)
        return rc;
    weir__http_request_check(r, "weir_http_reply");
    bool has_body = weir__http1_status_has_body(status);
    if (text == NULL)
        snprintf(phrase, sizeof phrase, "%s\n", weir__http1_status_text(status));
    const char *body = text != NULL ? text : has_body ? phrase : "";
    struct weir_http_answer a = {.size = sizeof a, .status = status,
                                 .headers = has_body ? weir__http_text_lines : NULL, .body = body,
                                 .len = strlen(body)};
    return reply(r, &a, true);
}

int weir_http_reply_with(struct weir_http_request *r, const struct weir_http_answer *answer) {
    struct weir_http_answer a = {0};
    int rc = weir__suspend_enter("http reply");
    if (rc < 0)
        return rc;
    weir__http_request_check(r, "weir_http_reply_with");
    weir__argument_not_null(answer, "weir_http_reply_with", "answer");
    if (answer->len > 0)
        weir__argument_not_null(answer->body, "weir_http_reply_with", "body of len bytes");
    memcpy(&a, answer, answer->size != 0 && answer->size < sizeof a ? answer->size : sizeof a);
    return reply(r, &a, false);
}

/* ---- answers of one line ---- */

static bool is_redirect(int status) {
    return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

/* What may stand in a reference (RFC 3986), with the % of its escapes. A backslash may not:
 * browsers read it as a slash. */
static bool stands_in_url(char c) {
    return weir__char_is((uint8_t)c, WEIR__CHAR_PATH) || strchr("%#[]", c) != NULL;
}

/* "Location: ..."; NULL: no memory. */
static char *location_line(const char *location) {
    static const char begin[] = "Location: ", hex[] = "0123456789ABCDEF";
    char *line = weir__alloc(sizeof begin + 3 * strlen(location)), *to = line;
    if (line == NULL)
        return NULL;
    to = stpcpy(to, begin);
    for (; *location != '\0'; location++) {
        uint8_t c = (uint8_t)*location;
        bool is_plain = stands_in_url(*location);
        *to++ = is_plain ? *location : '%';
        if (is_plain)
            continue;
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    *to = '\0';
    return line;
}

int weir_http_redirect(struct weir_http_request *r, int status, const char *location) {
    char phrase[64];
    int rc = weir__suspend_enter("http redirect");
    if (rc < 0)
        return rc;
    weir__http_request_check(r, "weir_http_redirect");
    weir__argument_not_null(location, "weir_http_redirect", "location");
    if (!is_redirect(status) || *location == '\0')
        return weir__failf(-EINVAL, "http redirect", weir_stream_peer(r->stream), "%s",
                           *location == '\0' ? "the location is empty"
                                             : "the status is not 301, 302, 303, 307 or 308");
    char *line = location_line(location);
    if (line == NULL)
        return weir__fail(-ENOMEM, "http redirect", NULL);
    const char *headers[] = {line, weir__http_text_lines[0], NULL};
    snprintf(phrase, sizeof phrase, "%s\n", weir__http1_status_text(status));
    rc = reply(r, &(struct weir_http_answer){.size = sizeof(struct weir_http_answer),
                                             .status = status, .headers = headers, .body = phrase,
                                             .len = strlen(phrase)}, true);
    weir__free(line);
    return rc;
}

int weir_http_reply_json(struct weir_http_request *r, int status, const char *text) {
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    int rc = weir__suspend_enter("http reply");
    if (rc < 0)
        return rc;
    weir__http_request_check(r, "weir_http_reply_json");
    weir__argument_not_null(text, "weir_http_reply_json", "text");
    return reply(r, &(struct weir_http_answer){.size = sizeof(struct weir_http_answer),
                                               .status = status, .headers = headers, .body = text,
                                               .len = strlen(text)}, true);
}
