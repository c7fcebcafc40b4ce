/* SPDX-License-Identifier: MIT */
/* Requests beside another parser: llhttp, built strict. What ours accepts as a whole request, with
 * its body, llhttp must have read as the same request: else what one of two servers in a row takes
 * for a body the other takes for the next request. Ours may refuse more. The input is the bytes of
 * a connection, with as many requests as it holds. */
#include <ctype.h>
#include <llhttp.h>

#include "fuzz.h"
#include "wire/chunked.h"
#include "wire/http1.h"

enum { TEXT_MAX = 8192, BODY_MAX = 100000 };

static const struct weir__http1_limits limits = {.head_size_max = 4000, .line_len_max = 2000,
                                                 .target_len_max = 1000, .headers_max = 30,
                                                 .body_len_max = BODY_MAX};

/* Requests as text: "METHOD TARGET\n", a line "NAME:VALUE\n" for each header, "\n", the body, a
 * byte 0 behind each request. */
struct sink {
    char text[TEXT_MAX];
    size_t len, ended; /* ended: behind the last whole request */
    bool full;
};

static void put(struct sink *s, const void *bytes, size_t len) {
    if (len > sizeof s->text - s->len) {
        s->full = true;
        return;
    }
    memcpy(s->text + s->len, bytes, len);
    s->len += len;
}

static void end(struct sink *s) {
    put(s, "", 1);
    if (!s->full)
        s->ended = s->len;
}

/* ---- ours ---- */

/* Returns how many bytes the body had; -1: it is not whole, or bad. *ret_last: it has trailers,
 * which llhttp obeys as if they were headers. */
static ssize_t chunks(struct sink *s, const uint8_t *text, size_t len, bool *ret_last) {
    struct weir__chunked c;
    struct weir__chunked_data d;
    size_t used = 0;
    weir__chunked_init(&c, BODY_MAX);
    while (used < len) {
        uint8_t *copy = fuzz_copy(text + used, len - used);
        int rc = weir__chunked_feed(&c, copy, len - used, &d);
        if (rc == WEIR__CHUNKED_DATA)
            put(s, d.data, d.len);
        else if (rc == WEIR__CHUNKED_TRAILER)
            *ret_last = true;
        used += d.used;
        free(copy);
        if (rc == WEIR__CHUNKED_END)
            return (ssize_t)used;
        if (rc < 0 || rc == WEIR__CHUNKED_MORE) /* trailers are not compared */
            return -1;
    }
    return -1;
}

static void put_head(struct sink *s, const struct weir__http1 *h, const char *text) {
    put(s, text + h->method.offset, h->method.len);
    put(s, " ", 1);
    put(s, text + h->target.offset, h->target.len);
    put(s, "\n", 1);
    for (uint32_t i = 0; i < h->headers_count; i++) {
        put(s, text + h->headers[i].name.offset, h->headers[i].name.len);
        put(s, ":", 1);
        put(s, text + h->headers[i].value.offset, h->headers[i].value.len);
        put(s, "\n", 1);
    }
    put(s, "\n", 1);
}

/* Returns how many bytes the request had; -1: it is not whole, or refused. *ret_last: what follows
 * is not HTTP, or llhttp would refuse it. */
static ssize_t one(struct sink *s, const uint8_t *text, size_t len, bool *ret_last) {
    static struct weir__http1_header headers[30];
    struct weir__http1 h;
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &limits);
    int head = weir__http1_parse(&h, text, len);
    if (head <= 0)
        return -1;
    put_head(s, &h, (const char *)text);
    *ret_last = h.minor == 0 || weir__http1_has_token(&h, text, "connection", "close")
                || weir__http1_has_token(&h, text, "connection", "upgrade")
                || h.target_form == WEIR__HTTP1_AUTHORITY;
    ssize_t body = 0;
    enum weir__http1_framing framing = weir__http1_framing(&h, false, false);
    if (framing == WEIR__HTTP1_BODY_CHUNKED) {
        body = chunks(s, text + head, len - (size_t)head, ret_last);
    } else if (framing == WEIR__HTTP1_BODY_LENGTH) {
        body = (size_t)h.body_len <= len - (size_t)head ? (ssize_t)h.body_len : -1;
        put(s, text + head, body > 0 ? (size_t)body : 0);
    }
    return body < 0 ? -1 : head + body;
}

static void ours(struct sink *s, const uint8_t *text, size_t len) {
    bool last = false;
    ssize_t used;
    for (size_t at = 0; at < len && !last; at += (size_t)used) {
        if ((used = one(s, text + at, len - at, &last)) < 0)
            break;
        end(s);
    }
}

/* ---- theirs ---- */

struct theirs {
    llhttp_t parser; /* first */
    struct sink sink;
    size_t value_at; /* where the open header value begins */
    bool in_body;    /* the head is whole: further fields are trailers */
};

static int on_method(llhttp_t *p, const char *at, size_t len) {
    put(&((struct theirs *)p)->sink, at, len);
    return 0;
}

static int on_method_complete(llhttp_t *p) {
    put(&((struct theirs *)p)->sink, " ", 1);
    return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t len) {
    put(&((struct theirs *)p)->sink, at, len);
    return 0;
}

static int on_line(llhttp_t *p) {
    put(&((struct theirs *)p)->sink, "\n", 1);
    return 0;
}

static int on_field(llhttp_t *p, const char *at, size_t len) {
    struct theirs *t = (struct theirs *)p;
    if (!t->in_body)
        put(&t->sink, at, len);
    return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t len) {
    put(&((struct theirs *)p)->sink, at, len);
    return 0;
}

static int on_field_complete(llhttp_t *p) {
    struct theirs *t = (struct theirs *)p;
    if (!t->in_body)
        put(&t->sink, ":", 1);
    t->value_at = t->sink.len;
    return 0;
}

/* White space behind a value is given with it. */
static int on_value_complete(llhttp_t *p) {
    struct theirs *t = (struct theirs *)p;
    if (t->in_body)
        return 0;
    while (t->sink.len > t->value_at
           && (t->sink.text[t->sink.len - 1] == ' ' || t->sink.text[t->sink.len - 1] == '\t'))
        t->sink.len--;
    return on_line(p);
}

static int on_head(llhttp_t *p) {
    ((struct theirs *)p)->in_body = true;
    return on_line(p);
}

static int on_message(llhttp_t *p) {
    ((struct theirs *)p)->in_body = false;
    end(&((struct theirs *)p)->sink);
    return 0;
}

static const llhttp_settings_t settings = {
    .on_method = on_method, .on_method_complete = on_method_complete, .on_url = on_url,
    .on_url_complete = on_line, .on_header_field = on_field,
    .on_header_field_complete = on_field_complete, .on_header_value = on_field,
    .on_header_value_complete = on_value_complete, .on_headers_complete = on_head,
    .on_body = on_body, .on_message_complete = on_message};

/* Does the place at which it failed lie within a chunk extension? */
static bool is_extension(const llhttp_t *p, const char *text) {
    const char *at = llhttp_get_error_pos(p), *line = at;
    while (line != NULL && line > text && line[-1] != '\n')
        line--;
    return line != NULL && memchr(line, ';', (size_t)(at - line)) != NULL;
}

/* It knows a list of methods and of versions, where ours takes any of the right form; one chunk
 * extension and no blanks there, where RFC 9112 7.1.1 allows both; and reads trailers as if they
 * were headers. */
static bool is_narrower(const struct theirs *t, llhttp_errno_t e, const char *text, size_t len) {
    const char *at = llhttp_get_error_pos(&t->parser);
    if (t->in_body && (e == HPE_INVALID_TRANSFER_ENCODING || e == HPE_INVALID_CONTENT_LENGTH
                       || e == HPE_UNEXPECTED_CONTENT_LENGTH))
        return true;
    if (e == HPE_INVALID_CONTENT_LENGTH && at < text + len && *at == '\t')
        return true; /* RFC 9110 5.6.3: a tab behind the value is white space */
    return e == HPE_INVALID_METHOD || e == HPE_INVALID_VERSION || e == HPE_INVALID_CONSTANT
           || (t->in_body && is_extension(&t->parser, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    static struct sink mine;
    static struct theirs t;
    memset(&mine, 0, sizeof mine);
    memset(&t, 0, sizeof t);
    uint8_t *copy = fuzz_copy(input, len);
    ours(&mine, copy, len);
    llhttp_init(&t.parser, HTTP_REQUEST, &settings);
    llhttp_errno_t e = llhttp_execute(&t.parser, (const char *)copy, len);
    bool is_told = mine.ended > 0 && !mine.full && !t.sink.full
                   && !is_narrower(&t, e, (const char *)copy, len);
    free(copy);
    if (!is_told)
        return 0;
    if (t.sink.ended < mine.ended || memcmp(mine.text, t.sink.text, mine.ended) != 0)
        fprintf(stderr, "llhttp: %s (%s)\nours:\n%.*s\ntheirs:\n%.*s\n", llhttp_errno_name(e),
                llhttp_get_error_reason(&t.parser), (int)mine.ended, mine.text, (int)t.sink.len,
                t.sink.text);
    FUZZ_SAME(t.sink.ended >= mine.ended && memcmp(mine.text, t.sink.text, mine.ended) == 0);
    return 0;
}
