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

void weir__head_put_lines(struct weir__head *w, const char *lines) {
    const uint8_t *source = (const uint8_t *)lines;
    size_t len = strlen(lines), at = 0;
    while (at < len) {
        size_t end = weir__chars_line_end(source, at, len);
        if ((end == at || strncmp(lines + end, "\r\n", 2) != 0) && w->failed == 0)
            w->failed = -EINVAL;
        at = end + 2;
    }
    weir__head_put(w, lines, len);
}

ssize_t weir__head_len(const struct weir__head *w) {
    return w->failed < 0 ? w->failed : (ssize_t)w->len;
}

static const char *status_text(int status) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {421, "Misdirected Request"},
        {426, "Upgrade Required"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Refused";
}

ssize_t weir__http1_refusal_write(char *ret_text, size_t size, int status, const char *why) {
    struct weir__head w = {.text = ret_text, .size = size};
    char number[32];
    snprintf(number, sizeof number, "%03d ", status);
    weir__head_put_text(&w, "HTTP/1.1 ");
    weir__head_put_text(&w, number);
    weir__head_put_text(&w, status_text(status));
    weir__head_put_text(&w, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
    weir__head_put_field(&w, "Connection", status == 426 ? "Upgrade, close" : "close");
    if (status == 405)
        weir__head_put_field(&w, "Allow", "GET");
    if (status == 426) /* RFC 9110 15.5.22: it must name what to upgrade to */
        weir__head_put_text(&w, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    snprintf(number, sizeof number, "%zu", strlen(why) + 1);
    weir__head_put_field(&w, "Content-Length", number);
    weir__head_put_text(&w, "\r\n");
    weir__head_put_text(&w, why);
    weir__head_put_text(&w, "\n");
    return weir__head_len(&w);
}
