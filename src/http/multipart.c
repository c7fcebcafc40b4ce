/* SPDX-License-Identifier: MIT */
/* multipart.c - what may be a delimiter stays in the buffer until it is known to be one or not. */
#include "http/multipart.h"

#include <string.h>
#include <weir/base.h>

#include "wire/chars.h"

enum state {
    START, /* the first delimiter, with or without a line end before it */
    MARK,  /* behind a delimiter: CR LF, or "--" */
    HEAD,
    BODY,
    DONE,
};

enum { GO_ON = WEIR__MULTIPART_END + 1 }; /* of a step that has no event */

static int refused(struct weir__multipart *m, int code, const char *why) {
    m->why = why;
    m->failed = code;
    return code;
}

/* ---- parameters ---- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* A quoted string from the quote at *at on. A backslash quotes a quote or a backslash; before other
 * characters it is one, since browsers send paths of Windows so. */
static int64_t quoted_take(const char *value, size_t len, size_t *at, char *text) {
    int64_t n = 0;
    for (size_t i = *at + 1; i < len; i++) {
        if (value[i] == '"') {
            *at = i + 1;
            return n;
        }
        bool escapes = value[i] == '\\' && i + 1 < len &&
                       (value[i + 1] == '"' || value[i + 1] == '\\');
        i += escapes;
        text[n++] = value[i];
    }
    return WEIR_EPROTO;
}

static int64_t token_take(const char *value, size_t len, size_t *at, char *text) {
    size_t n = weir__chars_span((const uint8_t *)value + *at, len - *at, WEIR__CHAR_TOKEN);
    memmove(text, value + *at, n);
    *at += n;
    return n > 0 ? (int64_t)n : WEIR_EPROTO;
}

struct parameter {
    const char *name;
    char *text; /* NULL: it is not there; else with a NUL behind it */
    size_t len;
};

static struct parameter *parameter_of(struct parameter *wanted, size_t count, const char *name,
                                      size_t len) {
    for (size_t i = 0; i < count; i++)
        if (weir__chars_equal(name, len, wanted[i].name))
            return &wanted[i];
    return NULL;
}

/* Take what is wanted of the parameters of a field such as Content-Type, which begin at `at`, a ";"
 * or the end. Each value is unquoted in place: it moves to where the parameter began, so it has
 * room for its NUL before what comes next. Returns 0; WEIR_EPROTO: a fault, or one of the wanted is
 * there twice. */
static int parameters_take(char *value, size_t len, size_t at, struct parameter *wanted,
                           size_t count) {
    for (;;) {
        while (at < len && is_blank(value[at]))
            at++;
        if (at == len)
            return 0;
        if (value[at++] != ';')
            return WEIR_EPROTO;
        while (at < len && is_blank(value[at]))
            at++;
        char *text = value + at;
        size_t n = weir__chars_span((const uint8_t *)text, len - at, WEIR__CHAR_TOKEN);
        struct parameter *p = parameter_of(wanted, count, text, n);
        at += n;
        if (n == 0 || at == len || value[at++] != '=' || (p != NULL && p->text != NULL))
            return WEIR_EPROTO;
        int64_t size = at < len && value[at] == '"' ? quoted_take(value, len, &at, text)
                                                    : token_take(value, len, &at, text);
        if (size < 0)
            return WEIR_EPROTO;
        text[size] = '\0';
        if (p != NULL)
            *p = (struct parameter){p->name, text, (size_t)size};
    }
}

/* bchars of RFC 2046, no blank last. */
static bool boundary_valid(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!weir__char_is((uint8_t)text[i], WEIR__CHAR_ALPHA | WEIR__CHAR_DIGIT) &&
            (text[i] == '\0' || strchr("'()+_,-./:=? ", text[i]) == NULL))
            return false;
    return len > 0 && len <= WEIR__MULTIPART_BOUNDARY_MAX && text[len - 1] != ' ';
}

int weir__multipart_init(struct weir__multipart *m, const char *content_type, size_t len,
                         uint32_t head_max) {
    static const char type[] = "multipart/form-data";
    struct parameter boundary = {.name = "boundary"};
    char field[1024];
    *m = (struct weir__multipart){.head_max = head_max};
    if (len < sizeof type - 1 || !weir__chars_equal(content_type, sizeof type - 1, type))
        return refused(m, WEIR_EPROTO, "the body is not multipart/form-data");
    if (len > sizeof field)
        return refused(m, WEIR_EPROTO, "the field Content-Type is too long");
    memcpy(field, content_type, len);
    int rc = parameters_take(field, len, sizeof type - 1, &boundary, 1);
    if (rc < 0 || boundary.text == NULL || !boundary_valid(boundary.text, boundary.len))
        return refused(m, WEIR_EPROTO, "multipart/form-data without a usable boundary");
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.text, boundary.len);
    m->delimiter_len = 4 + (uint32_t)boundary.len;
    return 0;
}

/* ---- the head of a part ---- */

static int disposition_take(struct weir__multipart *m, char *value, size_t len,
                            struct weir__multipart_event *ret) {
    static const char form_data[] = "form-data";
    enum { LEN = sizeof form_data - 1 };
    if (ret->name != NULL)
        return refused(m, WEIR_EPROTO, "a part has two Content-Disposition");
    if (len < LEN || !weir__chars_equal(value, LEN, form_data))
        return refused(m, WEIR_EPROTO, "a part is not form-data");
    struct parameter wanted[] = {{.name = "name"}, {.name = "filename"}};
    int rc = parameters_take(value, len, LEN, wanted, 2);
    if (rc < 0 || wanted[0].text == NULL)
        return refused(m, WEIR_EPROTO, "a part has a bad Content-Disposition, or no name");
    ret->name = wanted[0].text;
    ret->filename = wanted[1].text;
    return 0;
}

static int encoding_check(struct weir__multipart *m, const char *value, size_t len) {
    bool plain = weir__chars_equal(value, len, "7bit") || weir__chars_equal(value, len, "8bit") ||
                 weir__chars_equal(value, len, "binary");
    return plain ? 0 : refused(m, WEIR_EPROTO, "a part has a Content-Transfer-Encoding");
}

static int header_take(struct weir__multipart *m, char *line, size_t len,
                       struct weir__multipart_event *ret) {
    size_t n = weir__chars_span((const uint8_t *)line, len, WEIR__CHAR_TOKEN), from = n + 1;
    if (n == 0 || n == len || line[n] != ':')
        return refused(m, WEIR_EPROTO, "a part has a bad header line");
    if (weir__chars_line_end((const uint8_t *)line, 0, len) != len)
        return refused(m, WEIR_EPROTO, "a part has a control character in its head");
    while (from < len && is_blank(line[from]))
        from++;
    while (len > from && is_blank(line[len - 1]))
        len--;
    if (weir__chars_equal(line, n, "Content-Disposition"))
        return disposition_take(m, line + from, len - from, ret);
    if (weir__chars_equal(line, n, "Content-Transfer-Encoding"))
        return encoding_check(m, line + from, len - from);
    if (!weir__chars_equal(line, n, "Content-Type"))
        return 0;
    if (ret->type != NULL)
        return refused(m, WEIR_EPROTO, "a part has two Content-Type");
    line[len] = '\0'; /* a blank, or the CR */
    ret->type = line + from;
    return 0;
}

/* The empty line that ends the head, and the bytes up to and with it; 0: it has not come. */
static size_t head_whole(const char *buf, size_t len) {
    if (len >= 2 && buf[0] == '\r' && buf[1] == '\n')
        return 2;
    const char *end = memmem(buf, len, "\r\n\r\n", 4);
    return end != NULL ? (size_t)(end - buf) + 4 : 0;
}

static int head_next(struct weir__multipart *m, char *buf, size_t len,
                     struct weir__multipart_event *ret) {
    size_t whole = head_whole(buf, len), lines = 0;
    if (whole > m->head_max || (whole == 0 && len >= m->head_max))
        return refused(m, WEIR_ETOOBIG, "the head of a part is too long");
    if (whole == 0)
        return WEIR__MULTIPART_MORE;
    for (size_t from = 0; from + 2 < whole;) {
        size_t size = (size_t)((char *)memmem(buf + from, whole - from, "\r\n", 2) - buf) - from;
        if (++lines > WEIR__MULTIPART_HEADERS_MAX)
            return refused(m, WEIR_ETOOBIG, "a part has too many headers");
        int rc = header_take(m, buf + from, size, ret);
        if (rc < 0)
            return rc;
        from += size + 2;
    }
    if (ret->name == NULL)
        return refused(m, WEIR_EPROTO, "a part has no Content-Disposition");
    ret->used = whole;
    m->state = BODY;
    return WEIR__MULTIPART_PART;
}

/* ---- delimiters ---- */

/* Where the first delimiter begins, or what may be one once more has come; len: nowhere. */
static size_t delimiter_find(const struct weir__multipart *m, const char *buf, size_t len,
                             bool *ret_whole) {
    *ret_whole = false;
    for (size_t at = 0; at < len; at++) {
        const char *cr = memchr(buf + at, '\r', len - at);
        if (cr == NULL)
            return len;
        at = (size_t)(cr - buf);
        size_t there = len - at < m->delimiter_len ? len - at : m->delimiter_len;
        if (memcmp(cr, m->delimiter, there) == 0) {
            *ret_whole = there == m->delimiter_len;
            return at;
        }
    }
    return len;
}

static int body_next(struct weir__multipart *m, char *buf, size_t len,
                     struct weir__multipart_event *ret) {
    bool whole;
    size_t at = delimiter_find(m, buf, len, &whole);
    if (at > 0) {
        ret->data = buf;
        ret->len = ret->used = at;
        return WEIR__MULTIPART_DATA;
    }
    if (!whole)
        return WEIR__MULTIPART_MORE;
    ret->used = m->delimiter_len;
    m->state = MARK;
    return WEIR__MULTIPART_PART_END;
}

static int start_next(struct weir__multipart *m, char *buf, size_t len,
                      struct weir__multipart_event *ret) {
    size_t skip = len > 0 && buf[0] == '-' ? 2 : 0, whole = m->delimiter_len - skip;
    size_t there = len < whole ? len : whole;
    if (memcmp(buf, m->delimiter + skip, there) != 0)
        return refused(m, WEIR_EPROTO, "a form does not begin with its boundary");
    if (there < whole)
        return WEIR__MULTIPART_MORE;
    ret->used = whole;
    m->state = MARK;
    return GO_ON;
}

static int mark_next(struct weir__multipart *m, char *buf, size_t len,
                     struct weir__multipart_event *ret) {
    if (len > 0 && buf[0] != '-' && buf[0] != '\r')
        return refused(m, WEIR_EPROTO, "a line in a form begins with its boundary");
    if (len < 2)
        return WEIR__MULTIPART_MORE;
    if (buf[1] != (buf[0] == '-' ? '-' : '\n'))
        return refused(m, WEIR_EPROTO, "a line in a form begins with its boundary");
    ret->used = 2;
    m->state = buf[0] == '-' ? DONE : HEAD;
    return GO_ON;
}

static int done_next(struct weir__multipart *m, char *buf, size_t len,
                     struct weir__multipart_event *ret) {
    return WEIR__MULTIPART_END;
}

int weir__multipart_next(struct weir__multipart *m, char *buf, size_t len,
                         struct weir__multipart_event *ret) {
    static int (*const steps[])(struct weir__multipart *, char *, size_t,
                                struct weir__multipart_event *) = {
        [START] = start_next, [MARK] = mark_next, [HEAD] = head_next, [BODY] = body_next,
        [DONE] = done_next};
    size_t at = 0;
    int rc = m->failed != 0 ? m->failed : GO_ON;
    *ret = (struct weir__multipart_event){0};
    while (rc == GO_ON) {
        ret->used = 0;
        rc = steps[m->state](m, buf + at, len - at, ret);
        at += ret->used;
    }
    ret->used = at;
    return rc;
}
