/* SPDX-License-Identifier: MIT */
/* The client's functions against the server's, and each against handshakes that the other must not
 * send. */
#include "wire/handshake.h"

#include <string.h>
#include <weir/base.h>

#include "test/runner.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];

static void parse(struct weir__http1 *h, enum weir__http1_kind kind, const char *text) {
    weir__http1_init(h, kind, headers, &weir__http1_limits_default);
    assert_int_equal(weir__http1_parse(h, text, strlen(text)), strlen(text));
}

static void assert_slice(const char *text, struct weir__slice s, const char *expected) {
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(text + s.offset, expected, s.len);
}

WEIR_TEST(accept_is_that_of_rfc_6455) {
    char accept[WEIR__WS_ACCEPT_LEN], key[WEIR__WS_KEY_LEN];
    weir__ws_accept_write(accept, KEY);
    assert_memory_equal(accept, ACCEPT, sizeof accept);
    weir__ws_key_write(key, (const uint8_t *)"the sample nonce");
    assert_memory_equal(key, KEY, sizeof key);
}

WEIR_TEST(a_client_and_a_server_of_ours_agree) {
    char request[400], response[400];
    struct weir__http1 h;
    struct weir__ws_request r;
    struct weir__ws_response a;
    static const char *const names[] = {"weir.v1", "chat"};
    static const char *const lines[] = {"X-A: b", "X-C:", NULL};
    struct weir__ws_request_options o = {.host = "localhost:8765", .host_len = 14,
                                         .path = "?x", .path_len = 2, .origin = "http://o",
                                         .protocols = "mqtt, weir.v1, chat",
                                         .headers = lines};
    ssize_t len = weir__ws_request_write(request, sizeof request - 1, &o, KEY);
    assert_true(len > 0);
    request[len] = '\0';
    parse(&h, WEIR__HTTP1_REQUEST, request);
    assert_int_equal(weir__ws_request_check(&h, request, &r), 0);
    assert_slice(request, r.path, "/?x");
    assert_slice(request, r.host, "localhost:8765");
    assert_slice(request, r.origin, "http://o");
    assert_slice(request, r.key, KEY);
    assert_int_equal(r.protocols_count, 3);
    assert_int_equal(weir__ws_protocol_select(&r, request, names, 2), 0);
    assert_slice(request, h.headers[weir__http1_find(&h, request, "x-a", 0)].value, "b");
    assert_slice(request, h.headers[weir__http1_find(&h, request, "x-c", 0)].value, "");
    len = weir__ws_response_write(response, sizeof response - 1, KEY, names[0], NULL);
    assert_true(len > 0);
    response[len] = '\0';
    parse(&h, WEIR__HTTP1_RESPONSE, response);
    assert_int_equal(weir__ws_response_check(&h, response, KEY, o.protocols, NULL, &a), 0);
    assert_slice(response, a.protocol, "weir.v1");
}

#define LINES "Host: h\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define WITH_KEY "Sec-WebSocket-Key: " KEY "\r\n"

WEIR_TEST(handshakes_that_are_none_get_the_right_answer) {
    static const struct {
        const char *text;
        int answer;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 426},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 426},
        {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n" V13 WITH_KEY "\r\n", 400},
        {"POST / HTTP/1.1\r\n" LINES V13 WITH_KEY "\r\n", 405},
        {"GET / HTTP/1.0\r\n" LINES V13 WITH_KEY "\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 WITH_KEY "Content-Length: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 WITH_KEY "Transfer-Encoding: chunked\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES WITH_KEY "\r\n", 426},
        {"GET / HTTP/1.1\r\n" LINES "Sec-WebSocket-Version: 8\r\n" WITH_KEY "\r\n", 426},
        {"GET / HTTP/1.1\r\n" LINES V13 V13 WITH_KEY "\r\n", 426},
        {"GET / HTTP/1.1\r\n" LINES V13 "\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 WITH_KEY WITH_KEY "\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 "Sec-WebSocket-Key: AAAA\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=!\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 WITH_KEY "Origin: a\r\nOrigin: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 WITH_KEY "Sec-WebSocket-Protocol: a, b,a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 WITH_KEY "Sec-WebSocket-Protocol: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 WITH_KEY
         "Sec-WebSocket-Protocol: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" LINES V13 WITH_KEY "\r\n", 0},
        {"GET / HTTP/1.2\r\n" LINES V13 WITH_KEY "\r\n", 0},
        {"GET / HTTP/1.1\r\n" LINES V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZZ==\r\n\r\n", 0},
        {"GET http://other:1/x HTTP/1.1\r\n" LINES V13 WITH_KEY "\r\n", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__http1 h;
        struct weir__ws_request r;
        parse(&h, WEIR__HTTP1_REQUEST, cases[i].text);
        int rc = weir__ws_request_check(&h, cases[i].text, &r);
        if (rc != (cases[i].answer ? WEIR_EPROTO : 0) || r.answer != cases[i].answer)
            fail_msg("%s: %d %d", cases[i].text, rc, r.answer);
        assert_int_equal(r.why != NULL, rc < 0);
        if (cases[i].text[4] == 'h') /* the target outranks the Host field */
            assert_slice(cases[i].text, r.host, "other:1");
    }
}

#define UPGRADED "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"

WEIR_TEST(answers_that_do_not_fit_are_refused) {
    static const struct {
        const char *text;
        int rc;
    } cases[] = {
        {UPGRADED "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", 0},
        {UPGRADED "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: b\r\n\r\n", 0},
        {UPGRADED "\r\n", WEIR_EPROTO},
        {UPGRADED "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", WEIR_EPROTO},
        {UPGRADED "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
         WEIR_EPROTO},
        {UPGRADED "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: B\r\n\r\n",
         WEIR_EPROTO},
        {UPGRADED "Sec-WebSocket-Accept: " ACCEPT
         "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", WEIR_EPROTO},
        {"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
         WEIR_EPROTO},
        {"HTTP/1.1 101 S\r\nConnection: upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
         WEIR_EPROTO},
        {"HTTP/1.0 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", WEIR_EPROTO},
        {"HTTP/1.1 200 OK\r\n\r\n", WEIR_EHTTP},
        {"HTTP/1.1 403 No\r\n\r\n", WEIR_EHTTP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__http1 h;
        struct weir__ws_response r;
        parse(&h, WEIR__HTTP1_RESPONSE, cases[i].text);
        int rc = weir__ws_response_check(&h, cases[i].text, KEY, "a, b", NULL, &r);
        if (rc != cases[i].rc)
            fail_msg("%s: %d", cases[i].text, rc);
        assert_int_equal(r.why != NULL, rc < 0);
    }
}

WEIR_TEST(a_zone_is_not_sent) {
    static const char url[] = "[fe80::1%eth0]:81";
    const struct weir__ws_request_options o = {.host = url, .host_len = strlen(url)};
    char text[512];
    ssize_t len = weir__ws_request_write(text, sizeof text - 1, &o, KEY);
    assert_true(len > 0);
    text[len] = '\0';
    assert_non_null(strstr(text, "\r\nHost: [fe80::1]:81\r\n"));
}

WEIR_TEST(nothing_is_written_past_the_end) {
    static const struct weir__ws_request_options o = {.host = "h", .host_len = 1};
    char text[512];
    ssize_t request = weir__ws_request_write(text, sizeof text, &o, KEY);
    ssize_t response = weir__ws_response_write(text, sizeof text, KEY, "p", NULL);
    ssize_t refusal = weir__http1_refusal_write(text, sizeof text, 426, "why");
    assert_true(request > 0 && response > 0 && refusal > 0);
    for (ssize_t size = 0; size < 512; size++) {
        size_t room = (size_t)size;
        memset(text, '~', sizeof text);
        assert_int_equal(weir__ws_request_write(text, room, &o, KEY),
                         size < request ? WEIR_ETOOBIG : request);
        assert_int_equal(weir__ws_response_write(text, room, KEY, "p", NULL),
                         size < response ? WEIR_ETOOBIG : response);
        assert_int_equal(weir__http1_refusal_write(text, room, 426, "why"),
                         size < refusal ? WEIR_ETOOBIG : refusal);
        assert_int_equal(text[size], '~');
    }
}

WEIR_TEST(texts_of_the_caller_cannot_break_out) {
    struct weir__ws_request_options o = {.host = "h", .host_len = 1};
    char text[512];
    o.path = "/a b", o.path_len = 4;
    assert_int_equal(weir__ws_request_write(text, sizeof text, &o, KEY), -EINVAL);
    o.path_len = 0;
    o.host = "h\r\n", o.host_len = 3;
    assert_int_equal(weir__ws_request_write(text, sizeof text, &o, KEY), -EINVAL);
    o.host_len = 1;
    o.origin = "x\r\nEvil: y";
    assert_int_equal(weir__ws_request_write(text, sizeof text, &o, KEY), -EINVAL);
    o.origin = NULL;
    static const char *const bad[] = {"A: b\r\nEvil: y", NULL};
    o.headers = bad;
    assert_int_equal(weir__ws_request_write(text, sizeof text, &o, KEY), -EINVAL);
    assert_int_equal(weir__ws_response_write(text, sizeof text, KEY, "a,b", NULL), -EINVAL);
}
