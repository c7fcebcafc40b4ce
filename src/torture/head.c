/* SPDX-License-Identifier: MIT */
/* head.c - see head.h. */
#include "torture/head.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <weir/loop.h>

#include "base/alloc.h"
#include "base/time.h"
#include "wire/chars.h"

static const uint8_t *find_end(const struct talk *t) {
    size_t there = t->in.len - t->at;
    return there == 0 ? NULL : memmem(t->in.base + t->at, there, "\r\n\r\n", 4);
}

/* "HTTP/1.1 200 OK"; the second blank stands there without a reason too (9112 4). */
static int read_status(const char *line) {
    if (strncmp(line, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)line[7]) || line[8] != ' ')
        return 0;
    for (int i = 9; i < 12; i++)
        if (!isdigit((unsigned char)line[i]))
            return 0;
    return line[12] == ' ' ? atoi(line + 9) : 0;
}

/* Look at the lines of a head, each behind which CR LF stands. */
static const char *lines_wrong(const char *text, size_t len) {
    for (size_t at = 0, line_len; at < len; at += line_len + 2) {
        const char *line = text + at, *end = memmem(line, len - at, "\r\n", 2);
        line_len = (size_t)(end - line);
        for (size_t i = 0; i < line_len; i++)
            if (line[i] == '\r' || line[i] == '\n' || line[i] == '\0')
                return "the peer's head has a bare CR, a bare LF or a NUL (9112 2.2, 9110 5.5)";
            else if (((uint8_t)line[i] < ' ' && line[i] != '\t') || line[i] == 127)
                return "the peer's head has a control character (9110 5.5, 9112 4)";
        if (at == 0)
            continue; /* the first line is no field */
        if (*line == ' ' || *line == '\t')
            return "the peer's head has a folded line (9112 5.2)";
        size_t name = weir__chars_span((const uint8_t *)line, line_len, WEIR__CHAR_TOKEN);
        if (name == 0 || name == line_len || line[name] != ':')
            return "the peer's head has a line that is no field (9112 5)";
    }
    return NULL;
}

const char *head_take(struct talk *t, struct head_text *ret, weir_ns budget_ns) {
    weir_ns until = weir__deadline(weir_now(), budget_ns);
    const uint8_t *end;
    *ret = (struct head_text){0};
    while ((end = find_end(t)) == NULL) {
        weir_ns left = until - weir_now();
        if (t->in.len - t->at > HEAD_MAX)
            return "a head of more than 64 KiB";
        if (left <= 0 || !talk_wait(t, left))
            return !t->ended            ? "no whole head came in time"
                   : t->in.len == t->at ? "the connection ended without an answer"
                                        : "the connection ended within a head";
    }
    size_t len = (size_t)(end - (t->in.base + t->at)) + 2;
    ret->base = weir__alloc(len + 1);
    if (ret->base == NULL) {
        t->lost = true;
        return "no memory";
    }
    memcpy(ret->base, t->in.base + t->at, len);
    ret->base[len] = '\0';
    ret->len = len;
    t->at += len + 2;
    const char *wrong = lines_wrong(ret->base, len);
    for (size_t i = 0; i + 1 < len; i++)
        if (ret->base[i] == '\r' && ret->base[i + 1] == '\n')
            ret->base[i] = ret->base[i + 1] = '\0';
    ret->status = read_status(ret->base);
    return wrong;
}

void head_free(struct head_text *h) {
    weir__free(h->base);
    *h = (struct head_text){0};
}

const char *head_field(const struct head_text *h, const char *name, unsigned n,
                       char ret[static HEAD_FIELD]) {
    size_t name_len = strlen(name);
    for (size_t at = strlen(h->base) + 2; at < h->len; at += strlen(h->base + at) + 2) {
        const char *line = h->base + at;
        if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':' || n-- > 0)
            continue;
        line += name_len + 1;
        line += strspn(line, " \t");
        size_t len = strlen(line);
        while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
            len--;
        if (len >= HEAD_FIELD)
            len = HEAD_FIELD - 1;
        memcpy(ret, line, len);
        ret[len] = '\0';
        return ret;
    }
    return NULL;
}

bool head_has_word(const struct head_text *h, const char *name, const char *word) {
    char value[HEAD_FIELD];
    for (unsigned n = 0; head_field(h, name, n, value) != NULL; n++) {
        for (const char *at = value; *at != '\0';) {
            at += strspn(at, ", \t");
            size_t len = strcspn(at, ", \t");
            if (len == strlen(word) && strncasecmp(at, word, len) == 0)
                return true;
            at += len;
        }
    }
    return false;
}
