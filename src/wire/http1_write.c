/* SPDX-License-Identifier: MIT */
/* http1_write.c - the text of heads, and the whole answer that refuses a request. */
#include "wire/http1_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/base.h>

void weir__head_put(struct weir__head *w, const char *bytes, size_t len) {
    if (w->failed == 0 && len > w->size - w->len)
        w->failed = WEIR_ETOOBIG;
    if (w->failed < 0 || len == 0)
        return;
    memcpy(w->text + w->len, bytes, len);
    w->len += len;
}

void weir__head_put_text(struct weir__head *w, const char *text) {
    weir__head_put(w, text, strlen(text));
}

void weir__head_put_foreign(struct weir__head *w, const char *bytes, size_t len, int classes) {
    const uint8_t *source = (const uint8_t *)bytes;
    bool good = classes ? weir__chars_span(source, len, classes) == len
                        : weir__chars_line_end(source, 0, len) == len;
    if (!good && w->failed == 0)
        w->failed = -EINVAL;
    weir__head_put(w, bytes, len);
}

void weir__head_put_field(struct weir__head *w, const char *name, const char *value) {
    weir__head_put_text(w, name);
    weir__head_put_text(w, ": ");
    weir__head_put_foreign(w, value, strlen(value), 0);
    weir__head_put_text(w, "\r\n");
}

void weir__head_put_authority(struct weir__head *w, const char *text, size_t len) {
    const char *end = len > 0 && text[0] == '[' ? memchr(text, ']', len) : NULL;
    const char *zone = end != NULL ? memchr(text, '%', (size_t)(end - text)) : NULL;
    size_t before = zone != NULL ? (size_t)(zone - text) : len;
    weir__head_put_foreign(w, text, before, WEIR__CHAR_TARGET);
    if (zone != NULL)
        weir__head_put_foreign(w, end, len - (size_t)(end - text), WEIR__CHAR_TARGET);
}

void weir__head_put_lines(struct weir__head *w, const char *const *lines) {
    for (; lines != NULL && *lines != NULL; lines++) {
        if (weir__http1_line_fault(*lines) != NULL && w->failed == 0)
            w->failed = -EINVAL;
        weir__head_put_text(w, *lines);
        weir__head_put_text(w, "\r\n");
    }
}

size_t weir__head_lines_len(const char *const *lines) {
    size_t len = 0;
    for (; lines != NULL && *lines != NULL; lines++)
        len += strlen(*lines) + 2;
    return len;
}

ssize_t weir__head_len(const struct weir__head *w) {
    return w->failed < 0 ? w->failed : (ssize_t)w->len;
}

/* ---- header lines of the caller's -------------------------------------------------------- */

static size_t name_len(const char *line) {
    return weir__chars_span((const uint8_t *)line, strlen(line), WEIR__CHAR_TOKEN);
}

const char *weir__http1_line_fault(const char *line) {
    const uint8_t *bytes = (const uint8_t *)line;
    size_t len = strlen(line), name = name_len(line);
    if (weir__chars_line_end(bytes, 0, len) < len)
        return "a control character in it";
    if (strchr(line, ':') == NULL)
        return "no colon behind its name";
    if (name == 0)
        return "no name before its colon";
    return line[name] == ':' ? NULL : "its name holds what no name may";
}

bool weir__http1_line_is(const char *line, const char *name) {
    size_t len = name_len(line);
    return line[len] == ':' && weir__chars_equal(line, len, name);
}

/* ---- answers ----------------------------------------------------------------------------- */

/* 200 .. 599 of RFC 9110 and of IANA's registry. */
const char *weir__http1_status_text(int status) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {208, "Already Reported"},
        {226, "IM Used"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {506, "Variant Also Negotiates"},
        {507, "Insufficient Storage"},
        {508, "Loop Detected"},
        {511, "Network Authentication Required"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return status < 300 ? "Done" : status < 400 ? "Redirected" : "Refused";
}

bool weir__http1_status_has_body(int status) {
    return status >= 200 && status != 204 && status != 205 && status != 304;
}

static void put_status(struct weir__head *w, int status) {
    char number[32];
    snprintf(number, sizeof number, "%03d ", status);
    weir__head_put_text(w, "HTTP/1.1 ");
    weir__head_put_text(w, number);
    weir__head_put_text(w, weir__http1_status_text(status));
    weir__head_put_text(w, "\r\n");
}

/* Put the last fields of the head and the empty line. A 204 has no Content-Length (RFC 9110 8.6),
 * and that of a 304 would be the one of the body that is not sent. */
static void put_framing(struct weir__head *w, int status, size_t body_len) {
    char number[32];
    weir__head_put_field(w, "Connection", status == 426 ? "Upgrade, close" : "close");
    if (status == 426) /* RFC 9110 15.5.22: it must name what to upgrade to */
        weir__head_put_text(w, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    snprintf(number, sizeof number, "%zu", body_len);
    if (status != 204 && status != 304)
        weir__head_put_field(w, "Content-Length", number);
    weir__head_put_text(w, "\r\n");
}

ssize_t weir__http1_answer_write(char *ret_text, size_t size, const struct weir__http1_answer *a) {
    struct weir__head w = {.text = ret_text, .size = size};
    put_status(&w, a->status);
    weir__head_put_lines(&w, a->lines);
    put_framing(&w, a->status, a->body_len);
    return weir__head_len(&w);
}

ssize_t weir__http1_refusal_write(char *ret_text, size_t size, int status, const char *why) {
    struct weir__head w = {.text = ret_text, .size = size};
    put_status(&w, status);
    weir__head_put_field(&w, "Content-Type", "text/plain; charset=utf-8");
    if (status == 405)
        weir__head_put_field(&w, "Allow", "GET");
    put_framing(&w, status, strlen(why) + 1);
    weir__head_put_text(&w, why);
    weir__head_put_text(&w, "\n");
    return weir__head_len(&w);
}
