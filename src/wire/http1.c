/* SPDX-License-Identifier: MIT */
/* http1.c - line by line: a scan finds the line's CRLF and refuses every byte that no line may have
 * (so bare CR, bare LF and NUL are refused before anything is parsed); then the whole line is
 * parsed. Nothing is decided from half a line, so it does not matter how the bytes were cut into
 * pieces.
 *
 * A request target may hold any visible ASCII but " < > and #: browsers send [ ] { } | \ ^ ` raw
 * in queries, and none of them is a delimiter. */
#include "wire/http1.h"

#include <string.h>
#include <weir/base.h>

#include "base/check.h"
#include "wire/uri.h"

const struct weir__http1_limits weir__http1_limits_default = {
    .head_size_max = 16 * 1024,
    .line_len_max = 8 * 1024 + 64, /* RFC 9112 3: at least 8000 bytes for the request line */
    .target_len_max = 8 * 1024,
    .headers_max = WEIR__HTTP1_HEADERS_MAX,
    .body_len_max = INT64_MAX,
};

enum { METHOD_LEN_MAX = 24 }; /* the longest registered one, UPDATEREDIRECTREF, has 17 */

static struct weir__slice slice(size_t from, size_t to) {
    return (struct weir__slice){(uint32_t)from, (uint32_t)(to - from)};
}

static int fail(struct weir__http1 *h, int rc, int answer, const char *why) {
    h->failed = rc;
    h->answer = (uint16_t)answer;
    h->why = why;
    return rc;
}

static int bad(struct weir__http1 *h, const char *why) {
    return fail(h, WEIR_EPROTO, 400, why);
}

void weir__http1_init(struct weir__http1 *h, enum weir__http1_kind kind,
                      struct weir__http1_header *headers, const struct weir__http1_limits *limits) {
    WEIR_CHECK(limits->head_size_max <= INT32_MAX);
    *h = (struct weir__http1){
        .kind = kind, .headers = headers, .limits = limits, .body_len = -1};
}

/* ---- the first line ---------------------------------------------------------------------- */

/* HTTP/1.x: the name has capital letters, the digits are two. A minor version above ours is to be
 * understood as ours (RFC 9110 2.5). */
static int version(struct weir__http1 *h, const uint8_t *p, size_t from, size_t end) {
    const uint8_t *v = p + from;
    if (end - from != 8 || memcmp(v, "HTTP/", 5) != 0 || !weir__char_is(v[5], WEIR__CHAR_DIGIT) ||
        v[6] != '.' || !weir__char_is(v[7], WEIR__CHAR_DIGIT))
        return bad(h, "not an HTTP version");
    if (v[5] != '1')
        return fail(h, WEIR_EPROTO, 505, "HTTP version is not 1.x");
    h->minor = v[7] > '0';
    return 0;
}

static int target_absolute(struct weir__http1 *h, const uint8_t *p, size_t from, size_t end) {
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
    size_t at = 0;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && at == 0; i++) {
        size_t len = strlen(schemes[i]);
        if (end - from > len && weir__chars_equal(p + from, len, schemes[i]))
            at = from + len;
    }
    if (at == 0)
        return bad(h, "request target in no known form");
    size_t path = at;
    while (path < end && p[path] != '/' && p[path] != '?')
        path++;
    h->target_form = WEIR__HTTP1_ABSOLUTE;
    h->authority = slice(at, path);
    h->path = slice(path, end);
    return 0;
}

/* The form that may stand with each method (RFC 9112 3.2):
 *   CONNECT         authority
 *   OPTIONS         origin, absolute, asterisk
 *   any other       origin, absolute */
static int target(struct weir__http1 *h, const uint8_t *p) {
    const uint8_t *method = p + h->method.offset;
    size_t from = h->target.offset, end = from + h->target.len;
    struct weir__uri uri;
    int rc = 0;
    if (h->method.len == 7 && memcmp(method, "CONNECT", 7) == 0) {
        h->target_form = WEIR__HTTP1_AUTHORITY;
        h->authority = h->target;
    } else if (p[from] == '/') {
        h->target_form = WEIR__HTTP1_ORIGIN;
        h->path = h->target;
    } else if (end - from == 1 && p[from] == '*') {
        h->target_form = WEIR__HTTP1_ASTERISK;
        if (h->method.len != 7 || memcmp(method, "OPTIONS", 7) != 0)
            return bad(h, "request target * without OPTIONS");
    } else {
        rc = target_absolute(h, p, from, end);
    }
    if (rc < 0 || h->authority.len == 0)
        return rc < 0 || h->target_form != WEIR__HTTP1_ABSOLUTE ? rc : bad(h, "target has no host");
    const char *authority = (const char *)p + h->authority.offset;
    if (weir__uri_parse_authority(&uri, authority, h->authority.len) < 0)
        return bad(h, "bad host or port in the request target");
    if (h->target_form == WEIR__HTTP1_AUTHORITY && !uri.has_port)
        return bad(h, "no port in the request target");
    return 0;
}

/* method SP target SP version, with exactly these two spaces. */
static int request_line(struct weir__http1 *h, const uint8_t *p, size_t from, size_t end) {
    size_t method = weir__chars_span(p + from, end - from, WEIR__CHAR_TOKEN);
    size_t at = from + method;
    if (method == 0 || at == end || p[at] != ' ')
        return bad(h, "bad method");
    if (method > METHOD_LEN_MAX)
        return fail(h, WEIR_EPROTO, 501, "method too long");
    h->method = slice(from, at);
    at++;
    size_t len = weir__chars_span(p + at, end - at, WEIR__CHAR_TARGET);
    if (len > h->limits->target_len_max)
        return fail(h, WEIR_ETOOBIG, 414, "request target too long");
    if (len == 0 || at + len == end || p[at + len] != ' ')
        return bad(h, "bad character in the request line");
    h->target = slice(at, at + len);
    int rc = version(h, p, at + len + 1, end);
    return rc < 0 ? rc : target(h, p);
}

/* version SP 3DIGIT SP reason. The second space may be missing with the reason: many servers
 * leave it out, and nothing can be read in two ways. 600 to 999 count as 5xx (RFC 9110 15). */
static int status_line(struct weir__http1 *h, const uint8_t *p, size_t from, size_t end) {
    if (end - from < 12 || p[from + 8] != ' ')
        return bad(h, "not an HTTP status line");
    int rc = version(h, p, from, from + 8);
    if (rc < 0)
        return rc;
    int64_t status = weir__chars_decimal(p + from + 9, 3, 999);
    if (status < 100)
        return bad(h, "bad status code");
    if (end - from > 12 && p[from + 12] != ' ')
        return bad(h, "no space after the status code");
    h->status = (uint16_t)status;
    h->reason = slice(end - from > 12 ? from + 13 : end, end);
    return 0;
}

static int first_line(struct weir__http1 *h, const uint8_t *p, size_t from, size_t end) {
    bool request = h->kind == WEIR__HTTP1_REQUEST;
    if (from == end && request && !h->skipped_line) {
        h->skipped_line = true; /* RFC 9112 2.2: one empty line before a request is ignored */
        return 0;
    }
    h->started = true;
    return request ? request_line(h, p, from, end) : status_line(h, p, from, end);
}

/* ---- header fields ----------------------------------------------------------------------- */

static int field_host(struct weir__http1 *h, const uint8_t *p, struct weir__slice value) {
    struct weir__uri uri;
    if (h->has_host)
        return bad(h, "more than one host");
    h->has_host = true;
    h->host = value;
    if (h->host_known != NULL && value.len == h->host_known_len &&
        memcmp(p + value.offset, h->host_known, value.len) == 0)
        return 0;
    if (value.len > 0 && /* empty: "the target has no authority" */
        weir__uri_parse_authority(&uri, (const char *)p + value.offset, value.len) < 0)
        return bad(h, "bad host");
    return 0;
}

/* Digits only. */
static int length_value(struct weir__http1 *h, const uint8_t *digits, size_t len) {
    int64_t before = h->body_len;
    if (!weir__chars_all(digits, len, WEIR__CHAR_DIGIT))
        return bad(h, "content-length is not a number");
    h->body_len = weir__chars_decimal(digits, len, h->limits->body_len_max);
    if (h->body_len < 0)
        return fail(h, WEIR_ETOOBIG, 413, "content-length above the limit");
    return before < 0 || before == h->body_len ? 0 : bad(h, "more than one content-length");
}

/* One field in a request. A repeated one is refused even if it has the same value (RFC 9112 6.3
 * allows that): two such fields mean that the head was changed on the way. An answer may repeat
 * its length, in two fields or in a list, if all values are equal (RFC 9110 8.6): servers behind
 * proxies do so, and there is only one way to read it. */
static int field_length(struct weir__http1 *h, const uint8_t *p, struct weir__slice value) {
    const uint8_t *text = p + value.offset;
    struct weir__slice item;
    size_t at = 0;
    int rc = 0;
    if (h->kind == WEIR__HTTP1_REQUEST && h->body_len >= 0)
        return bad(h, "more than one content-length");
    if (h->kind == WEIR__HTTP1_REQUEST || memchr(text, ',', value.len) == NULL)
        return length_value(h, text, value.len);
    while (rc == 0 && weir__chars_list_next(text, value.len, &at, &item))
        rc = length_value(h, text + item.offset, item.len);
    return rc == 0 && h->body_len < 0 ? bad(h, "content-length is not a number") : rc;
}

/* Exactly "chunked", once. Other codings that end in chunked are legal but not ours: 501. */
static int field_coding(struct weir__http1 *h, const uint8_t *p, struct weir__slice value) {
    const uint8_t *text = p + value.offset;
    if (h->chunked)
        return bad(h, "more than one transfer-encoding");
    if (weir__chars_equal(text, value.len, "chunked")) {
        h->chunked = true;
        return 0;
    }
    struct weir__slice coding;
    size_t at = 0;
    bool last_chunked = false, again = false;
    while (weir__chars_list_next(text, value.len, &at, &coding)) {
        again = last_chunked;
        last_chunked = weir__chars_equal(text + coding.offset, coding.len, "chunked");
    }
    if (!last_chunked || again)
        return bad(h, "transfer-encoding does not end in one chunked");
    return fail(h, WEIR_EPROTO, 501, "transfer coding not supported");
}

/* A letter's cases differ in bit 5, and no other byte becomes one of these letters by it. */
static bool is_host(const uint8_t *name) {
    return (name[0] | 0x20) == 'h' && (name[1] | 0x20) == 'o' && (name[2] | 0x20) == 's' &&
           (name[3] | 0x20) == 't';
}

static int field_meaning(struct weir__http1 *h, const uint8_t *p, struct weir__http1_header f) {
    const uint8_t *name = p + f.name.offset;
    switch (f.name.len) {
    case 4:
        return is_host(name) ? field_host(h, p, f.value) : 0;
    case 14:
        return weir__chars_equal(name, 14, "content-length") ? field_length(h, p, f.value) : 0;
    case 17:
        return weir__chars_equal(name, 17, "transfer-encoding") ? field_coding(h, p, f.value) : 0;
    default:
        return 0;
    }
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

/* name ":" blanks value blanks; the bytes of the value were checked by the line scan. */
static int field(struct weir__http1 *h, const uint8_t *p, size_t from, size_t end) {
    if (is_blank(p[from]))
        return bad(h, "header line starts with a blank");
    size_t colon = from + weir__chars_span(p + from, end - from, WEIR__CHAR_TOKEN);
    if (colon == end || p[colon] != ':')
        return bad(h, colon < end && is_blank(p[colon]) ? "space before colon"
                                                        : "bad character in a header name");
    if (colon == from)
        return bad(h, "empty header name");
    if (h->headers_count == h->limits->headers_max)
        return fail(h, WEIR_ETOOBIG, 431, "too many headers");
    size_t value = colon + 1;
    while (value < end && is_blank(p[value]))
        value++;
    while (end > value && is_blank(p[end - 1]))
        end--;
    struct weir__http1_header f = {slice(from, colon), slice(value, end)};
    h->headers[h->headers_count++] = f;
    return field_meaning(h, p, f);
}

/* What the fields say together:
 *   Host               none  one       Transfer-Encoding  no            yes
 *   request 1.1        400   ok        Content-Length no  no body       chunked (1.0: refused)
 *   1.0, response      ok    ok        Content-Length yes that length   refused */
static int finish(struct weir__http1 *h) {
    if (h->kind == WEIR__HTTP1_REQUEST && h->minor == 1 && !h->has_host)
        return bad(h, "no host");
    if (h->chunked && h->body_len >= 0)
        return bad(h, "both transfer-encoding and content-length");
    if (h->chunked && h->minor == 0)
        return bad(h, "transfer-encoding in HTTP/1.0");
    return 0;
}

/* ---- lines ------------------------------------------------------------------------------- */

static int line_too_long(struct weir__http1 *h, bool head) {
    if (!h->started && h->kind == WEIR__HTTP1_REQUEST)
        return fail(h, WEIR_ETOOBIG, 414, "request line too long");
    return fail(h, WEIR_ETOOBIG, 431, head ? "head too large" : "header line too long");
}

/* A line holds what is no text. The first byte of TLS is that of a handshake or of an alert. */
static int no_text(struct weir__http1 *h, const uint8_t *p, size_t at) {
    if (at == 0 && (p[0] == 0x16 || p[0] == 0x15))
        return bad(h, "TLS and not HTTP: only one side uses https:// or wss://");
    return bad(h, p[at] == '\n' ? "bare LF" : "control character");
}

/* Find the CRLF of the open line. Returns 1 with *ret_end on its CR, 0 if it has not come. The
 * search never looks past the limits, so that a limit is seen at the same byte in any pieces. */
static int line_find(struct weir__http1 *h, const uint8_t *p, size_t len, size_t *ret_end) {
    size_t line_max = (size_t)h->line_from + h->limits->line_len_max;
    size_t head_max = h->limits->head_size_max;
    size_t end_max = line_max < head_max ? line_max : head_max;
    size_t end = len < end_max ? len : end_max;
    size_t at = weir__chars_line_end(p, h->scanned, end);
    if (at + 1 < end && p[at] == '\r' && p[at + 1] == '\n') {
        *ret_end = at;
        return 1;
    }
    h->scanned = (uint32_t)at;
    if (at < end && p[at] != '\r')
        return no_text(h, p, at);
    if (at + 1 < end)
        return bad(h, "bare CR");
    return end == end_max ? line_too_long(h, end_max == head_max) : 0;
}

/* ---- fields that are known ---------------------------------------------------------------- */

static struct weir__slice shifted(struct weir__slice s, uint32_t by) {
    return (struct weir__slice){s.offset + by, s.len};
}

/* Take the fields, if they are those that are known. */
static bool fields_known(struct weir__http1 *h, const uint8_t *p, size_t len) {
    const struct weir__http1_known *k = h->known;
    uint32_t from = h->line_from;
    if (k == NULL || k->len == 0 || k->len > len - from || memcmp(p + from, k->bytes, k->len) != 0)
        return false;
    if (from + k->len > h->limits->head_size_max || k->headers_count > h->limits->headers_max)
        return false; /* it is found where the limit is */
    for (uint32_t i = 0; i < k->headers_count; i++)
        h->headers[i] = (struct weir__http1_header){shifted(k->headers[i].name, from),
                                                    shifted(k->headers[i].value, from)};
    h->headers_count = k->headers_count;
    h->has_host = k->has_host;
    h->host = k->has_host ? shifted(k->host, from) : h->host;
    h->body_len = k->body_len;
    h->chunked = k->chunked;
    h->by_known = true;
    h->line_from = h->scanned = from + k->len;
    return true;
}

bool weir__http1_remember(const struct weir__http1 *h, const void *buf, size_t size,
                          struct weir__http1_known *ret_known) {
    struct weir__http1_known *k = ret_known;
    uint32_t from = h->target.offset + h->target.len + 11; /* " HTTP/1.1" CR LF */
    if (size - from > sizeof k->bytes || h->headers_count > WEIR__HTTP1_KNOWN_HEADERS)
        return false;
    memcpy(k->bytes, (const uint8_t *)buf + from, size - from);
    k->len = (uint32_t)(size - from);
    k->headers_count = h->headers_count;
    for (uint32_t i = 0; i < h->headers_count; i++)
        k->headers[i] = (struct weir__http1_header){shifted(h->headers[i].name, -from),
                                                    shifted(h->headers[i].value, -from)};
    k->has_host = h->has_host;
    k->host = h->has_host ? shifted(h->host, -from) : k->host;
    k->body_len = h->body_len;
    k->chunked = h->chunked;
    return true;
}

/* ---- the head ---------------------------------------------------------------------------- */

int weir__http1_parse(struct weir__http1 *h, const void *buf, size_t len) {
    const uint8_t *p = buf;
    size_t end = 0;
    int rc = h->failed;
    WEIR_CHECK(len >= h->scanned);
    while (rc == 0 && (rc = line_find(h, p, len, &end)) == 1) {
        size_t from = h->line_from;
        h->line_from = h->scanned = (uint32_t)end + 2;
        if (!h->started) {
            rc = first_line(h, p, from, end);
            if (rc == 0 && h->started && fields_known(h, p, len))
                return (rc = finish(h)) < 0 ? rc : (int)h->line_from;
        } else if (from < end) {
            rc = field(h, p, from, end);
        } else {
            rc = finish(h);
            return rc < 0 ? rc : (int)h->line_from;
        }
    }
    return rc;
}

/* ---- reading the result ------------------------------------------------------------------ */

enum weir__http1_framing weir__http1_framing(const struct weir__http1 *h, bool to_head,
                                             bool to_connect) {
    bool response = h->kind == WEIR__HTTP1_RESPONSE;
    if (response && (to_head || h->status < 200 || h->status == 204 || h->status == 304 ||
                     (to_connect && h->status < 300)))
        return WEIR__HTTP1_BODY_NONE;
    if (h->chunked)
        return WEIR__HTTP1_BODY_CHUNKED;
    if (h->body_len >= 0)
        return h->body_len > 0 ? WEIR__HTTP1_BODY_LENGTH : WEIR__HTTP1_BODY_NONE;
    return response ? WEIR__HTTP1_BODY_UNTIL_CLOSE : WEIR__HTTP1_BODY_NONE;
}

int weir__http1_find(const struct weir__http1 *h, const void *buf, const char *name, int from) {
    const uint8_t *p = buf;
    for (uint32_t i = (uint32_t)from; i < h->headers_count; i++)
        if (weir__chars_equal(p + h->headers[i].name.offset, h->headers[i].name.len, name))
            return (int)i;
    return -1;
}

int weir__http1_count(const struct weir__http1 *h, const void *buf, const char *name) {
    int count = 0;
    for (int i = -1; (i = weir__http1_find(h, buf, name, i + 1)) >= 0;)
        count++;
    return count;
}

bool weir__http1_has_token(const struct weir__http1 *h, const void *buf, const char *name,
                           const char *token) {
    const uint8_t *p = buf;
    for (int i = -1; (i = weir__http1_find(h, buf, name, i + 1)) >= 0;) {
        struct weir__slice value = h->headers[i].value, item;
        size_t at = 0;
        while (weir__chars_list_next(p + value.offset, value.len, &at, &item))
            if (weir__chars_equal(p + value.offset + item.offset, item.len, token))
                return true;
    }
    return false;
}

