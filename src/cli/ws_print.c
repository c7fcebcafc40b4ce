/* SPDX-License-Identifier: MIT */
/* ws_print.c - see ws_print.h. A message is built whole and written by one call, so that lines do
 * not mix. What comes from the server never reaches a terminal unescaped. */
#include "cli/ws_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/stream.h>
#include <weir/tty.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/escape.h"
#include "cli/ws_line.h"
#include "wire/base64.h"

int ws_print_open(struct ws_print *p, bool is_json, enum output_color color) {
    const char *no_color = getenv("NO_COLOR");
    *p = (struct ws_print){.is_json = is_json, .is_terminal = isatty(STDOUT_FILENO) == 1};
    p->is_colored = color == OUTPUT_ALWAYS
                    || (color == OUTPUT_AUTO && p->is_terminal
                        && (no_color == NULL || no_color[0] == '\0'));
    return weir_stdout(&p->out);
}

void ws_print_close_stream(struct ws_print *p) {
    weir__free(p->line);
    weir_close(&p->out);
}

/* Room for so many bytes more. */
static int reserve(struct ws_print *p, size_t more) {
    if (p->size - p->len >= more)
        return 0;
    size_t size = p->len + more + 256;
    char *line = weir__alloc(size);
    if (line == NULL)
        return -ENOMEM;
    if (p->len > 0)
        memcpy(line, p->line, p->len);
    weir__free(p->line);
    p->line = line;
    p->size = size;
    return 0;
}

static void put(struct ws_print *p, const char *bytes, size_t len) {
    WEIR_CHECK(p->size - p->len >= len);
    if (len > 0)
        memcpy(p->line + p->len, bytes, len);
    p->len += len;
}

static void put_text(struct ws_print *p, const char *text) {
    put(p, text, strlen(text));
}

static void put_escaped(struct ws_print *p, const char *text, size_t len) {
    char one[WEIR__ESCAPE_MAX];
    for (size_t at = 0, n; at < len; put(p, one, n))
        at += weir__escape_one(text + at, len - at, one, &n);
}

/* The text is UTF-8; RFC 8259 7 wants quotes, backslashes and control characters escaped. What else
 * could steer a terminal is escaped too: a reader of JSON gets the same text. */
static void put_json(struct ws_print *p, const char *text, size_t len) {
    char one[WEIR__ESCAPE_MAX];
    put_text(p, "\"");
    for (size_t i = 0, n; i < len;) {
        const char *at = text + i;
        i += weir__escape_one(at, len - i, one, &n);
        if (*at == '"' || *at == '\\') {
            put(p, (char[]){'\\', *at}, 2);
        } else if (one[0] == '\\' && one[1] == 'x') {
            put_text(p, "\\u00");
            put(p, one + 2, 2);
        } else {
            put(p, one, n);
        }
    }
    put_text(p, "\"");
}

static void put_base64(struct ws_print *p, const void *data, size_t len) {
    put_text(p, "\"");
    p->len += weir__base64_encode(p->line + p->len, data, len);
    put_text(p, "\"");
}

static int print_line(struct ws_print *p) {
    ws_line_hide();
    int rc = weir_write(p->out, p->line, p->len);
    ws_line_show();
    p->len = 0;
    return rc;
}

static int build_json(struct ws_print *p, const struct weir_ws_message *m) {
    bool is_text = m->type == WEIR_WS_TEXT;
    int rc = reserve(p, 6 * m->data.len + 128);
    if (rc < 0)
        return rc;
    put_text(p, is_text ? "{\"type\":\"text\",\"data\":" : "{\"type\":\"binary\",\"base64\":");
    if (is_text)
        put_json(p, m->data.base, m->data.len);
    else
        put_base64(p, m->data.base, m->data.len);
    put_text(p, "}\n");
    return 0;
}

/* A pipe gets a text and a newline, or the bytes alone. */
static int build_plain(struct ws_print *p, const struct weir_ws_message *m) {
    bool is_text = m->type == WEIR_WS_TEXT;
    int rc = reserve(p, WEIR__ESCAPE_MAX * m->data.len + 128);
    if (rc < 0)
        return rc;
    if (!p->is_terminal) {
        put(p, m->data.base, m->data.len);
        put_text(p, is_text ? "\n" : "");
        return 0;
    }
    put_text(p, p->is_colored ? (is_text ? "\033[32m" : "\033[35m") : "");
    put_text(p, is_text ? "< " : "< binary: ");
    put_escaped(p, m->data.base, m->data.len);
    put_text(p, p->is_colored ? "\033[0m\n" : "\n");
    return 0;
}

int ws_print_message(struct ws_print *p, const struct weir_ws_message *m) {
    int rc = p->is_json ? build_json(p, m) : build_plain(p, m);
    return rc < 0 ? rc : print_line(p);
}

int ws_print_close(struct ws_print *p, int code, const char *reason) {
    char number[16];
    int rc = reserve(p, 6 * strlen(reason) + 128);
    if (rc < 0)
        return rc;
    snprintf(number, sizeof number, "%d", code);
    put_text(p, "{\"type\":\"close\",\"code\":");
    put_text(p, number);
    put_text(p, ",\"reason\":");
    put_json(p, reason, strlen(reason));
    put_text(p, "}\n");
    return print_line(p);
}
