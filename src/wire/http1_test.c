/* SPDX-License-Identifier: MIT */
/* Every head of this file is parsed whole, byte by byte and cut in two at every place, each time
 * against an unmapped page; and so again when its fields, or those of another head, are known. The
 * outcomes must be the same. */
#include "wire/http1.h"

#include <string.h>
#include <weir/base.h>

#include "test/runner.h"
#include "wire/wire_test_util.h"

static struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];

static const struct weir__http1_limits tight = {
    .head_size_max = 400, .line_len_max = 120, .target_len_max = 50, .headers_max = 4,
    .body_len_max = 1000};

static struct guard guard;
static const struct weir__http1_known *known; /* for the heads that are parsed */

static int look(struct weir__http1 *h, const char *text, size_t len) {
    return weir__http1_parse(h, guard_at_end(&guard, text, len), len);
}

/* cut 0: byte by byte; else the first cut bytes, then all. *ret_at: how many bytes decided. */
static int parse_cut(struct weir__http1 *h, enum weir__http1_kind kind, const char *text,
                     size_t len, size_t cut, const struct weir__http1_limits *limits,
                     size_t *ret_at) {
    int rc = 0;
    weir__http1_init(h, kind, headers, limits);
    h->known = known;
    if (cut > 0) {
        rc = look(h, text, cut);
        *ret_at = cut;
        if (rc == 0 && cut < len)
            rc = look(h, text, len);
        return rc;
    }
    for (*ret_at = 1; *ret_at <= len; ++*ret_at)
        if ((rc = look(h, text, *ret_at)) != 0)
            break;
    return rc;
}

/* Parse in all ways; the outcome of the whole stays in *h and `headers`. */
static int parse_all_cuts(struct weir__http1 *h, enum weir__http1_kind kind, const char *text,
                          size_t len, const struct weir__http1_limits *limits) {
    static struct weir__http1_header first[WEIR__HTTP1_HEADERS_MAX];
    struct weir__http1 other;
    size_t at = 0;
    guard_open(&guard, len);
    int rc = parse_cut(h, kind, text, len, len, limits, &at);
    memcpy(first, headers, sizeof first);
    for (size_t cut = 0; cut < len; cut++) {
        int again = parse_cut(&other, kind, text, len, cut, limits, &at);
        assert_int_equal(again, rc);
        assert_int_equal(other.answer, h->answer);
        assert_ptr_equal(other.why, h->why);
        assert_int_equal(other.headers_count, h->headers_count);
        assert_memory_equal(headers, first, h->headers_count * sizeof first[0]);
        assert_memory_equal(&other.target, &h->target, sizeof h->target);
        assert_memory_equal(&other.host, &h->host, sizeof h->host);
        assert_int_equal(other.body_len, h->body_len);
        if (cut == 0 && rc > 0)
            assert_int_equal(at, rc);
    }
    guard_close(&guard);
    return rc;
}

/* *h and `headers` are of the parse without known fields. */
static int parse_n(struct weir__http1 *h, enum weir__http1_kind kind, const char *text, size_t len,
                   const struct weir__http1_limits *limits) {
    static struct weir__http1_known fields;
    static const struct weir__http1_limits *fields_limits;
    struct weir__http1 again;
    known = NULL;
    int rc = parse_all_cuts(h, kind, text, len, limits);
    if (kind == WEIR__HTTP1_RESPONSE)
        return rc;
    if (limits != fields_limits)
        fields.len = 0;
    fields_limits = limits;
    if (rc > 0)
        weir__http1_remember(h, text, (size_t)rc, &fields);
    known = &fields;
    assert_int_equal(parse_all_cuts(&again, kind, text, len, limits), rc);
    assert_int_equal(again.chunked, h->chunked);
    assert_int_equal(again.has_host, h->has_host);
    assert_memory_equal(&again.host, &h->host, sizeof h->host);
    assert_int_equal(again.body_len, h->body_len);
    assert_int_equal(again.headers_count, h->headers_count);
    assert_string_equal(again.why != NULL ? again.why : "", h->why != NULL ? h->why : "");
    return rc;
}

static int parse(struct weir__http1 *h, enum weir__http1_kind kind, const char *text) {
    return parse_n(h, kind, text, strlen(text), &weir__http1_limits_default);
}

static void assert_slice(const char *text, struct weir__slice s, const char *expected) {
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(text + s.offset, expected, s.len);
}

WEIR_TEST(request_head_is_taken_apart) {
    static const char text[] = "GET /datafeed?x=[1]|2 HTTP/1.1\r\nHost: localhost:8765\r\n"
                               "Upgrade: websocket\r\nConnection: keep-alive,\tUpgrade\r\n"
                               "Empty:\r\nX-Text: \t a \t b\xc3\xa9 \t\r\n\r\nbody";
    struct weir__http1 h;
    assert_int_equal(parse(&h, WEIR__HTTP1_REQUEST, text), sizeof text - 1 - 4);
    assert_slice(text, h.method, "GET");
    assert_slice(text, h.target, "/datafeed?x=[1]|2");
    assert_slice(text, h.path, "/datafeed?x=[1]|2");
    assert_slice(text, h.host, "localhost:8765");
    assert_int_equal(h.minor, 1);
    assert_int_equal(h.headers_count, 5);
    assert_slice(text, h.headers[3].name, "Empty");
    assert_slice(text, h.headers[3].value, "");
    assert_slice(text, h.headers[4].value, "a \t b\xc3\xa9");
    assert_int_equal(weir__http1_find(&h, text, "upgrade", 0), 1);
    assert_int_equal(weir__http1_find(&h, text, "upgrade", 2), -1);
    assert_int_equal(weir__http1_count(&h, text, "X-TEXT"), 1);
    assert_true(weir__http1_has_token(&h, text, "connection", "upgrade"));
    assert_false(weir__http1_has_token(&h, text, "connection", "grade"));
    assert_int_equal(weir__http1_framing(&h, false, false), WEIR__HTTP1_BODY_NONE);
}

WEIR_TEST(response_head_is_taken_apart) {
    static const char text[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81";
    struct weir__http1 h;
    assert_int_equal(parse(&h, WEIR__HTTP1_RESPONSE, text), sizeof text - 2);
    assert_int_equal(h.status, 101);
    assert_slice(text, h.reason, "Switching Protocols");
    assert_int_equal(parse(&h, WEIR__HTTP1_RESPONSE, "HTTP/1.0 200 \r\n\r\n"), 17);
    assert_int_equal(h.reason.len, 0);
    assert_int_equal(parse(&h, WEIR__HTTP1_RESPONSE, "HTTP/1.1 404\r\n\r\n"), 16);
    assert_int_equal(h.status, 404);
}

WEIR_TEST(a_later_minor_version_is_understood_as_1_1) {
    struct weir__http1 h;
    char text[64];
    for (int minor = 0; minor <= 9; minor++) {
        snprintf(text, sizeof text, "GET / HTTP/1.%d\r\nHost: h\r\n\r\n", minor);
        assert_int_equal(parse(&h, WEIR__HTTP1_REQUEST, text), strlen(text));
        assert_int_equal(h.minor, minor > 0);
        snprintf(text, sizeof text, "HTTP/1.%d 101 S\r\n\r\n", minor);
        assert_int_equal(parse(&h, WEIR__HTTP1_RESPONSE, text), strlen(text));
        assert_int_equal(h.minor, minor > 0);
    }
    assert_int_equal(parse(&h, WEIR__HTTP1_REQUEST, "GET / HTTP/1.2\r\n\r\n"), WEIR_EPROTO);
    assert_string_equal(h.why, "no host"); /* as on 1.1 */
}

WEIR_TEST(request_targets_come_in_four_forms) {
    static const struct {
        const char *line;
        int form;
        const char *authority, *path;
    } cases[] = {
        {"GET / HTTP/1.1", WEIR__HTTP1_ORIGIN, "", "/"},
        {"GET //x HTTP/1.1", WEIR__HTTP1_ORIGIN, "", "//x"},
        {"GET http://h:1/a?b HTTP/1.1", WEIR__HTTP1_ABSOLUTE, "h:1", "/a?b"},
        {"GET HTTPS://h HTTP/1.1", WEIR__HTTP1_ABSOLUTE, "h", ""},
        {"GET ws://[::1]?q HTTP/1.1", WEIR__HTTP1_ABSOLUTE, "[::1]", "?q"},
        {"CONNECT h:443 HTTP/1.1", WEIR__HTTP1_AUTHORITY, "h:443", ""},
        {"OPTIONS * HTTP/1.1", WEIR__HTTP1_ASTERISK, "", ""},
        {"OPTIONS /x HTTP/1.1", WEIR__HTTP1_ORIGIN, "", "/x"},
        {"GET * HTTP/1.1", -1, "", ""},
        {"GET h:443 HTTP/1.1", -1, "", ""},
        {"GET x HTTP/1.1", -1, "", ""},
        {"GET http:// HTTP/1.1", -1, "", ""},
        {"GET http:/// HTTP/1.1", -1, "", ""},
        {"GET http://u@h/ HTTP/1.1", -1, "", ""},
        {"GET ftp://h/ HTTP/1.1", -1, "", ""},
        {"CONNECT / HTTP/1.1", -1, "", ""},
        {"CONNECT h HTTP/1.1", -1, "", ""},
        {"CONNECT http://h:1/ HTTP/1.1", -1, "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__http1 h;
        char text[100];
        snprintf(text, sizeof text, "%s\r\nHost: h\r\n\r\n", cases[i].line);
        int rc = parse(&h, WEIR__HTTP1_REQUEST, text);
        if ((rc > 0) != (cases[i].form >= 0))
            fail_msg("%s: %d", cases[i].line, rc);
        if (rc < 0)
            continue;
        assert_int_equal(h.target_form, cases[i].form);
        assert_slice(text, h.authority, cases[i].authority);
        assert_slice(text, h.path, cases[i].path);
    }
}

#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"

/* Heads that smuggle requests, split responses or confuse the next parser, and the status of
 * each. */
static const struct hostile {
    const char *text;
    int answer;
    const char *why;
} hostiles[] = {
    {GET "\rX", 400, "bare CR"},
    {"GET / HTTP/1.1\rHost: h\r\n\r\n", 400, "bare CR"},
    {GET "A: b\rC: d\r\n\r\n", 400, "bare CR"},
    {GET "A: b\r\r\n\r\n", 400, "bare CR"},
    {"GET / HTTP/1.1\nHost: h\n\n", 400, "bare LF"},
    {GET "A: b\n\r\n", 400, "bare LF"},
    {GET "A: b\nContent-Length: 5\r\n\r\n", 400, "bare LF"},
    {GET "Content-Length : 5\r\n\r\n", 400, "space before colon"},
    {GET "Content-Length\t: 5\r\n\r\n", 400, "space before colon"},
    {GET "A: b\r\n Content-Length: 5\r\n\r\n", 400, "header line starts with a blank"},
    {GET "A: b\r\n\tc\r\n\r\n", 400, "header line starts with a blank"},
    {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400, "header line starts with a blank"},
    {GET ": b\r\n\r\n", 400, "empty header name"},
    {GET "A\r\n\r\n", 400, "bad character in a header name"},
    {GET "A B: c\r\n\r\n", 400, "space before colon"},
    {GET "A(: c\r\n\r\n", 400, "bad character in a header name"},
    {GET "\xc3\xa9: c\r\n\r\n", 400, "bad character in a header name"},
    {GET "A: \x01\r\n\r\n", 400, "control character"},
    {GET "A: \x7f\r\n\r\n", 400, "control character"},
    {GET "A\x0b: b\r\n\r\n", 400, "control character"},
    {"GET / HTTP/1.1\r\n\r\n", 400, "no host"},
    {GET "Host: h\r\n\r\n", 400, "more than one host"},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad host"},
    {"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400, "bad host"},
    {"GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", 400, "bad host"},
    {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "bad host"},
    {"GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n", 400, "bad host"},
    {POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     "both transfer-encoding and content-length"},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400,
     "both transfer-encoding and content-length"},
    {POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, "more than one content-length"},
    {POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400, "more than one content-length"},
    {POST "Content-Length: 5, 5\r\n\r\n", 400, "content-length is not a number"},
    {POST "Content-Length: +5\r\n\r\n", 400, "content-length is not a number"},
    {POST "Content-Length: -5\r\n\r\n", 400, "content-length is not a number"},
    {POST "Content-Length: 0x5\r\n\r\n", 400, "content-length is not a number"},
    {POST "Content-Length: 5 5\r\n\r\n", 400, "content-length is not a number"},
    {POST "Content-Length:\r\n\r\n", 400, "content-length is not a number"},
    {POST "Content-Length: 9223372036854775808\r\n\r\n", 413, "content-length above the limit"},
    {POST "Transfer-Encoding: identity\r\n\r\n", 400,
     "transfer-encoding does not end in one chunked"},
    {POST "Transfer-Encoding: xchunked\r\n\r\n", 400,
     "transfer-encoding does not end in one chunked"},
    {POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 400,
     "transfer-encoding does not end in one chunked"},
    {POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400,
     "transfer-encoding does not end in one chunked"},
    {POST "Transfer-Encoding:\r\n\r\n", 400, "transfer-encoding does not end in one chunked"},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     "more than one transfer-encoding"},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "transfer coding not supported"},
    {POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n", 400, "control character"},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     "transfer-encoding in HTTP/1.0"},
    {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "HTTP version is not 1.x"},
    {"GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505, "HTTP version is not 1.x"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP version is not 1.x"},
    {"GET / http/1.1\r\nHost: h\r\n\r\n", 400, "not an HTTP version"},
    {"GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400, "not an HTTP version"},
    {"GET / HTTP/1\r\nHost: h\r\n\r\n", 400, "not an HTTP version"},
    {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400, "not an HTTP version"},
    {"GET /\r\n\r\n", 400, "bad character in the request line"},
    {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad character in the request line"},
    {"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400, "not an HTTP version"},
    {"GET /\t HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad character in the request line"},
    {"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad character in the request line"},
    {"GET /# HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad character in the request line"},
    {" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad method"},
    {"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad method"},
    {"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad method"},
    {"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad method"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\n\r\n", 501, "method too long"},
    {"\x16\x03\x01\x02", 400, "TLS and not HTTP: only one side uses https:// or wss://"},
    {"\x15\x03\x03\x02", 400, "TLS and not HTTP: only one side uses https:// or wss://"},
};

WEIR_TEST(hostile_requests_are_refused_with_a_reason) {
    for (size_t i = 0; i < sizeof hostiles / sizeof hostiles[0]; i++) {
        struct weir__http1 h;
        int rc = parse(&h, WEIR__HTTP1_REQUEST, hostiles[i].text);
        if (rc >= 0 || h.answer != hostiles[i].answer || strcmp(h.why, hostiles[i].why) != 0)
            fail_msg("%s: %d %d %s", hostiles[i].text, rc, h.answer, h.why ? h.why : "");
        assert_int_equal(weir__http1_parse(&h, hostiles[i].text, 400), rc);
    }
}

WEIR_TEST(nul_bytes_are_refused_everywhere) {
    char text[] = GET "A: b\r\n\r\n";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        struct weir__http1 h;
        char c = text[i];
        text[i] = '\0';
        assert_int_equal(parse_n(&h, WEIR__HTTP1_REQUEST, text, sizeof text - 1,
                                 &weir__http1_limits_default), WEIR_EPROTO);
        text[i] = c;
    }
}

WEIR_TEST(odd_but_legal_requests_are_accepted) {
    static const char *const texts[] = {
        "GET / HTTP/1.0\r\n\r\n",
        "\r\n" GET "\r\n",
        "GET / HTTP/1.1\r\nhOsT:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:[::1]:80\r\n\r\n",
        "!#$%&'*+-.^_`|~09 / HTTP/1.1\r\nHost: h\r\n\r\n",
        GET "A:::\r\nB: \"\\\"\r\n\r\n",
        POST "Content-Length: 007\r\n\r\n",
        POST "Transfer-Encoding: ChUnKeD\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct weir__http1 h;
        int rc = parse(&h, WEIR__HTTP1_REQUEST, texts[i]);

        assert_int_equal(rc, strlen(texts[i]));
    }
}

WEIR_TEST(bad_status_lines_are_refused) {
    static const char *const texts[] = {
        "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",   "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 1x0 OK\r\n\r\n",  "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",    "HTTP/2.0 200 OK\r\n\r\n",  "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 +20 OK\r\n\r\n",  "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 O\x01K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct weir__http1 h;
        assert_int_equal(parse(&h, WEIR__HTTP1_RESPONSE, texts[i]), WEIR_EPROTO);
    }
}

WEIR_TEST(an_answer_may_repeat_its_length_if_it_is_the_same) {
    static const struct {
        const char *fields;
        int rc;
    } heads[] = {{"Content-Length: 5\r\nContent-Length: 5\r\n", 1},
                 {"Content-Length: 5, 5\r\n", 1},
                 {"Content-Length: 5,5\r\ncontent-length: 05\r\n", 1},
                 {"Content-Length: 5\r\nContent-Length: 6\r\n", WEIR_EPROTO},
                 {"Content-Length: 5, 6\r\n", WEIR_EPROTO},
                 {"Content-Length: 5;5\r\n", WEIR_EPROTO},
                 {"Content-Length: ,\r\n", WEIR_EPROTO},
                 {"Content-Length:\r\n", WEIR_EPROTO}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct weir__http1 h;
        char text[200];
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s\r\n", heads[i].fields);
        int rc = parse(&h, WEIR__HTTP1_RESPONSE, text);
        assert_int_equal(rc < 0 ? rc : 1, heads[i].rc);
        if (rc > 0)
            assert_int_equal(h.body_len, 5);
    }
}

/* A head whose request line, one header and header count are given. */
static size_t build(char *text, int target_len, int value_len, int headers_count) {
    size_t len = (size_t)sprintf(text, "GET /%0*d HTTP/1.1\r\nHost: h\r\nV: %0*d\r\n",
                                 target_len - 1, 0, value_len, 0);
    for (int i = 2; i < headers_count; i++)
        len += (size_t)sprintf(text + len, "N: v\r\n");
    return len + (size_t)sprintf(text + len, "\r\n");
}

WEIR_TEST(limits_hold_at_their_byte) {
    static const struct {
        int target_len, value_len, headers_count, answer;
    } cases[] = {
        {50, 115, 4, 0}, {51, 10, 2, 414}, {110, 10, 2, 414}, {10, 116, 2, 431}, {10, 10, 5, 431}};
    struct weir__http1 h;
    char text[2000];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = build(text, cases[i].target_len, cases[i].value_len, cases[i].headers_count);
        int rc = parse_n(&h, WEIR__HTTP1_REQUEST, text, len, &tight);
        assert_int_equal(rc, cases[i].answer ? WEIR_ETOOBIG : (int)len);
        assert_int_equal(h.answer, cases[i].answer);
    }
    size_t len = build(text, 50, 115, 2);
    struct weir__http1_limits exact = tight;
    exact.head_size_max = (uint32_t)len;
    assert_int_equal(parse_n(&h, WEIR__HTTP1_REQUEST, text, len, &exact), len);
    exact.head_size_max--;
    assert_int_equal(parse_n(&h, WEIR__HTTP1_REQUEST, text, len, &exact), WEIR_ETOOBIG);
    assert_string_equal(h.why, "head too large");
    memset(text, 'A', sizeof text);
    assert_int_equal(parse_n(&h, WEIR__HTTP1_REQUEST, text, 500, &tight), WEIR_ETOOBIG);
    assert_int_equal(h.answer, 414);
    len = (size_t)sprintf(text, POST "Content-Length: 1001\r\n\r\n");
    assert_int_equal(parse_n(&h, WEIR__HTTP1_REQUEST, text, len, &tight), WEIR_ETOOBIG);
    assert_int_equal(h.answer, 413);
}

WEIR_TEST(body_framing_follows_rfc_9112) {
    static const struct {
        const char *text;
        bool to_head, to_connect;
        int framing;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", 0, 0, WEIR__HTTP1_BODY_UNTIL_CLOSE},
        {"HTTP/1.1 200 OK\r\n\r\n", 0, 1, WEIR__HTTP1_BODY_NONE},
        {"HTTP/1.1 404 No\r\n\r\n", 0, 1, WEIR__HTTP1_BODY_UNTIL_CLOSE},
        {"HTTP/1.1 204 No\r\n\r\n", 0, 0, WEIR__HTTP1_BODY_NONE},
        {"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", 0, 0, WEIR__HTTP1_BODY_NONE},
        {"HTTP/1.1 101 No\r\n\r\n", 0, 0, WEIR__HTTP1_BODY_NONE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 0, 0, WEIR__HTTP1_BODY_LENGTH},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 1, 0, WEIR__HTTP1_BODY_NONE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 0, WEIR__HTTP1_BODY_NONE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 0, WEIR__HTTP1_BODY_CHUNKED},
    };
    struct weir__http1 h;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(parse(&h, WEIR__HTTP1_RESPONSE, cases[i].text) > 0);
        assert_int_equal(weir__http1_framing(&h, cases[i].to_head, cases[i].to_connect),
                         cases[i].framing);
    }
    assert_true(parse(&h, WEIR__HTTP1_REQUEST, POST "Content-Length: 5\r\n\r\n") > 0);
    assert_int_equal(weir__http1_framing(&h, true, true), WEIR__HTTP1_BODY_LENGTH);
}

WEIR_TEST(fields_that_are_known_are_taken_at_any_place) {
    static const char fields[] = "Host: a\r\nContent-Length: 7\r\nX:  y \r\n\r\n";
    struct weir__http1_known k = {0};
    struct weir__http1 h;
    char text[200];
    known = NULL;
    sprintf(text, "GET / HTTP/1.1\r\n%s", fields);
    int rc = parse(&h, WEIR__HTTP1_REQUEST, text);
    weir__http1_remember(&h, text, (size_t)rc, &k);
    sprintf(text, "\r\nPUT /longer?than=before HTTP/1.1\r\n%sbody", fields);
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &weir__http1_limits_default);
    h.known = &k;
    assert_int_equal(weir__http1_parse(&h, text, strlen(text)), strlen(text) - 4);
    assert_true(h.by_known);
    assert_int_equal(h.headers_count, 3);
    assert_memory_equal(text + headers[2].name.offset, "X:", 2);
    assert_memory_equal(text + headers[2].value.offset, "y ", 2);
    assert_int_equal(headers[2].value.len, 1);
    assert_memory_equal(text + h.host.offset, "a\r", 2);
    assert_int_equal(h.body_len, 7);
}

WEIR_TEST(a_head_that_grows_beyond_its_limit_is_refused_though_its_fields_are_known) {
    struct weir__http1_known k = {0};
    struct weir__http1 h;
    char text[200];
    struct weir__http1_limits exact = tight;
    int len = sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    exact.head_size_max = (uint32_t)len;
    assert_int_equal(parse_n(&h, WEIR__HTTP1_REQUEST, text, (size_t)len, &exact), len);
    weir__http1_remember(&h, text, (size_t)len, &k);
    len = sprintf(text, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &exact);
    h.known = &k;
    assert_int_equal(weir__http1_parse(&h, text, (size_t)len), WEIR_ETOOBIG);
    assert_int_equal(h.answer, 431);
}
