/* SPDX-License-Identifier: MIT */
/* Heads that are unusual but legal (RFC 9110, 9112, 6455), from clients and from servers. Each is
 * sent whole and byte by byte, and the connection that it opens must carry a message. */
#include "proto/ws_test_util.h"
#include "wire/handshake.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define WITH_KEY "Sec-WebSocket-Key: " KEY "\r\n"
#define LOCAL "Host: localhost\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define TEN(line) line line line line line line line line line line

enum { STEP_BYTE = 1, STEP_WHOLE = 1 << 20, STEP_AGAIN };

/* The peer takes up each byte before the next one leaves. */
static void write_in_steps(struct weir_stream *s, const char *bytes, size_t len, size_t step) {
    for (size_t at = 0, n; at < len; at += n) {
        n = len - at < step ? len - at : step;
        assert_int_equal(weir_write(s, bytes + at, n), 0);
        if (step == STEP_BYTE)
            weir_yield();
    }
}

/* ---- odd clients ---- */

static void is_let_in(struct world *w, const char *head, size_t step) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    write_in_steps(s, head, strlen(head), step);
    int status = raw_ask(s, "");
    if (status != 101)
        fail_msg("%d: %s", status, head);
    frame_send(s, TEXT, "in");
    expect_frame(s, TEXT, "in");
}

static const char *const odd_requests[] = {
    "GET / HTTP/1.1\r\nHOST: localhost\r\nUPGRADE: WEBSOCKET\r\nCONNECTION: UPGRADE\r\n"
    "SEC-WEBSOCKET-KEY: " KEY "\r\nSEC-WEBSOCKET-VERSION: 13\r\n\r\n",
    "GET / HTTP/1.1\r\nsec-websocket-version:13\r\nsec-websocket-key:" KEY
    "\r\nconnection:upgrade\r\nupgrade:websocket\r\nhost:localhost\r\n\r\n",
    "GET / HTTP/1.1\r\nHost:\t localhost \t\r\nUpgrade: \twebsocket\t \r\n"
    "Connection:\tUpgrade\t\r\n"
    "Sec-WebSocket-Key:\t" KEY "\t\r\nSec-WebSocket-Version: \t 13 \r\n\r\n",
    "GET / HTTP/1.1\r\n" LOCAL UPGRADE V13 WITH_KEY "X-Empty:\r\nX-Blank: \t \r\nCookie:\r\n\r\n",
    "GET / HTTP/1.1\r\n" LOCAL V13 WITH_KEY
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
    "GET / HTTP/1.1\r\n" LOCAL V13 WITH_KEY
    "Upgrade: h2c,, websocket ,\r\nConnection: ,\t,keep-alive\t, ,UPGRADE,,\r\n\r\n",
    "GET / HTTP/1.1\r\n" LOCAL V13 WITH_KEY "Connection: keep-alive\r\nUpgrade: h2c\r\n"
    "Connection:\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n",
    "GET / HTTP/1.1\r\n" LOCAL UPGRADE V13 WITH_KEY
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-frame\r\n"
    "Sec-WebSocket-Extensions: foo; a=\"b\\c\"\r\nSec-WebSocket-Extensions:\r\n\r\n",
    "GET / HTTP/1.1\r\n" LOCAL UPGRADE V13 WITH_KEY
    "Sec-WebSocket-Protocol: a,, b\r\nX: y\r\nSec-WebSocket-Protocol:\r\n"
    "sec-websocket-protocol: c ,\td\r\n\r\n",
    "GET / HTTP/1.1\r\n" LOCAL UPGRADE V13 WITH_KEY
    "X-Text: caf\xe9 \xff\x80 \xc3\xa9\r\nUser-Agent: a \"quoted\" (comment) \t b\r\n\r\n",
    "GET / HTTP/1.1\r\n" LOCAL UPGRADE V13 WITH_KEY "Content-Length: 0\r\n\r\n",
    "GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n" UPGRADE V13 WITH_KEY "\r\n",
    "GET ws://LocalHost.:/?q HTTP/1.1\r\nHost:\r\n" UPGRADE V13 WITH_KEY "\r\n",
    "GET //a//?b=[c]|{d}^`\\ HTTP/1.1\r\n" LOCAL UPGRADE V13 WITH_KEY "\r\n",
    "GET / HTTP/1.9\r\n" LOCAL UPGRADE V13 WITH_KEY "\r\n",
    "GET / HTTP/1.1\r\n" LOCAL UPGRADE V13 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB==\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\n" LOCAL UPGRADE V13 WITH_KEY "\r\n",
    "GET / HTTP/1.1\r\n" TEN(TEN("!#$%&'*+-.^_`|~0aZ: v\r\n") /* and no more than 100 in all */
    ) LOCAL UPGRADE V13 WITH_KEY "\r\n",
};

/* The last one has a field more than are taken: cut to what is. */
static const char *request_of(size_t i, char *buf, size_t size) {
    const char *text = odd_requests[i];
    static const char filler[] = "!#$%&'*+-.^_`|~0aZ: v\r\n";
    const char *first = strstr(text, filler);
    if (first == NULL)
        return text;
    snprintf(buf, size, "%.*s%s", (int)(first - text), text, first + 5 * (sizeof filler - 1));
    return buf;
}

static int odd_clients(struct world *w, size_t step) {
    static char buf[8192];
    for (size_t i = 0; i < sizeof odd_requests / sizeof odd_requests[0]; i++)
        is_let_in(w, request_of(i, buf, sizeof buf), step);
    return 0;
}

WS_STORY(an_odd_but_legal_request_is_let_in) {
    return odd_clients(w, STEP_WHOLE);
}

WS_STORY(an_odd_but_legal_request_is_let_in_byte_by_byte) {
    return odd_clients(w, STEP_BYTE);
}

static const char *const spoken[] = {"d", "b", NULL};

WS_STORY(subprotocols_are_found_on_whichever_line_they_stand, o->subprotocols = spoken) {
    WEIR_AUTO(weir_close) struct weir_stream *s = raw_dial(w);
    char line[512], found[64] = "";
    assert_int_equal(weir_write(s, odd_requests[8], strlen(odd_requests[8])), 0);
    while (weir_read_until(s, '\n', line, sizeof line) > 2)
        sscanf(line, "Sec-WebSocket-Protocol: %63[^\r]", found);
    assert_string_equal(found, "b"); /* the client's order counts */
    return 0;
}

/* ---- odd servers ---- */

/* What a server says, in the place of % the answer to our key; then it greets. */
struct odd {
    const char *says;
    size_t step;
    struct weir_listener *l;
};
struct odd_server_args {
    struct odd *odd;
};

static void key_of(struct weir_stream *s, char key[WEIR__WS_KEY_LEN]) {
    static const char name[] = "Sec-WebSocket-Key: ";
    char line[512];
    bool found = false;
    while (weir_read_until(s, '\n', line, sizeof line) > 2)
        if (strncmp(line, name, sizeof name - 1) == 0) {
            memcpy(key, line + sizeof name - 1, WEIR__WS_KEY_LEN);
            found = true;
        }
    assert_true(found);
}

static int odd_server(void *args) {
    struct odd *odd = ((struct odd_server_args *)args)->odd;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char key[WEIR__WS_KEY_LEN], accept[WEIR__WS_ACCEPT_LEN], byte;
    static char text[70000];
    assert_int_equal(weir_accept(odd->l, &s), 0);
    key_of(s, key);
    weir__ws_accept_write(accept, key);
    const char *hole = strchr(odd->says, '%');
    int n = hole == NULL ? snprintf(text, sizeof text, "%s", odd->says)
                         : snprintf(text, sizeof text, "%.*s%.*s%s", (int)(hole - odd->says),
                                    odd->says, (int)sizeof accept, accept, hole + 1);
    if (weir_write(s, text, odd->step == STEP_BYTE ? 0 : (size_t)n) < 0)
        return 0;
    for (int i = 0; odd->step == STEP_BYTE && i < n; i++)
        if (weir_write(s, text + i, 1) < 0 || weir_yield() < 0)
            return 0;
    while (odd->step == STEP_AGAIN)
        if (weir_sleep(MS(1)) < 0 || weir_write(s, text, (size_t)n) < 0)
            return 0;
    (void)weir_write(s, "\x81\x02hi", 4);
    while (weir_read(s, &byte, 1) > 0)
        ;
    return 0;
}

/* What dialling such a server gives; on success its greeting must come. */
static int dial_odd(struct world *w, const char *says, size_t step,
                    const struct weir_ws_options *options) {
    struct odd odd = {.says = says, .step = step};
    struct weir_group g;
    struct weir_ws *ws = NULL;
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &odd.l), 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", weir_listener_port(odd.l));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, odd_server, .odd = &odd), 0);
    int rc = weir_ws_dial(url, options, &ws);
    if (rc == 0)
        expect_message(ws, "hi");
    weir_ws_drop(&ws);
    weir_group_cancel(&g, "dialled");
    (void)weir_group_close(&g, 0);
    weir_unlisten(&odd.l);
    return rc;
}

#define SWITCHED "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %\r\n\r\n"

static const char *const odd_answers[] = {
    "HTTP/1.1 101 \r\n" SWITCHED,
    "HTTP/1.1 101\r\n" SWITCHED,
    "HTTP/1.1 101 Umschalten f\xfcr \xc3\xa4lle \t!\r\n" SWITCHED,
    "HTTP/1.7 101 S\r\n" SWITCHED,
    "HTTP/1.1 101 S\r\nsec-websocket-accept:%\r\nCONNECTION:UPGRADE\r\nupgrade:WebSocket\r\n\r\n",
    "HTTP/1.1 101 S\r\nUpgrade:\twebsocket \t\r\nConnection: \t Upgrade\t\r\n"
    "Sec-WebSocket-Accept:\t%\t \r\n\r\n",
    "HTTP/1.1 101 S\r\nConnection: keep-alive,\t,upgrade,\r\nUpgrade: , websocket\r\n"
    "Sec-WebSocket-Accept: %\r\n\r\n",
    "HTTP/1.1 101 S\r\nConnection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: %\r\n\r\n",
    "HTTP/1.1 101 S\r\nServer:\r\nX: caf\xe9\r\nDate: \t\r\nContent-Length: 0\r\n" SWITCHED,
    "HTTP/1.1 101 S\r\n" TEN("Set-Cookie: a=b; c=\"d, e\"\r\n") SWITCHED,
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 S\r\n" SWITCHED,
    "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n"
    "HTTP/1.1 102 \r\nX:\r\n\r\nHTTP/1.1 199\r\n\r\nHTTP/1.0 100 Go on\r\n\r\n"
    "HTTP/1.1 101 S\r\n" SWITCHED,
    TEN(TEN("HTTP/1.1 102 Processing\r\n\r\n")) "HTTP/1.1 101 S\r\n" SWITCHED,
};

static int odd_servers(struct world *w, size_t step) {
    if (w->reacts)
        return 0; /* the server of the story has no part in it */
    for (size_t i = 0; i < sizeof odd_answers / sizeof odd_answers[0]; i++) {
        int rc = dial_odd(w, odd_answers[i], step, &w->o);
        if (rc < 0)
            fail_msg("%s: %s", weir_error(rc)->text, odd_answers[i]);
    }
    return 0;
}

WS_STORY(an_odd_but_legal_answer_is_believed) {
    return odd_servers(w, STEP_WHOLE);
}

WS_STORY(an_odd_but_legal_answer_is_believed_byte_by_byte) {
    return odd_servers(w, STEP_BYTE);
}

/* ---- interim answers are bounded ---- */

WS_STORY(interim_answers_count_against_the_size_of_the_head, o->head_max = 400) {
    for (size_t step = w->reacts ? STEP_WHOLE + 1 : STEP_BYTE; step <= STEP_WHOLE;
         step += STEP_WHOLE - STEP_BYTE) {
        assert_int_equal(dial_odd(w, TEN("HTTP/1.1 100 C\r\n\r\n") "HTTP/1.1 101 S\r\n" SWITCHED,
                                  step, &w->o), 0);
        assert_int_equal(dial_odd(w, TEN("HTTP/1.1 100 Continue, please\r\n\r\n")
                                  "HTTP/1.1 101 S\r\n" SWITCHED, step, &w->o), WEIR_ETOOBIG);
        assert_int_equal(dial_odd(w, TEN(TEN("HTTP/1.1 100 Continue\r\n\r\n")), step, &w->o),
                         WEIR_ETOOBIG);
    }
    return 0;
}

WS_STORY(interim_answers_do_not_stretch_the_time_of_the_handshake, o->handshake_ns = MS(30)) {
    if (w->reacts)
        return 0;
    struct weir_ws_options o = w->o;
    o.head_max = 1 << 20;
    assert_int_equal(dial_odd(w, "HTTP/1.1 102 Processing\r\n\r\n", STEP_AGAIN, &o), -ETIME);
    return 0;
}

WS_STORY(a_refusal_behind_interim_answers_is_a_refusal) {
    if (w->reacts)
        return 0;
    int rc = dial_odd(w, "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 404 Gone fishing\r\n\r\n", STEP_WHOLE,
                      &w->o);
    assert_int_equal(rc, WEIR_EHTTP);
    assert_non_null(strstr(weir_error(rc)->text, "404 Gone fishing"));
    rc = dial_odd(w, "HTTP/1.1 100 C\r\n\r\nnonsense\r\n\r\n", STEP_BYTE, &w->o);
    assert_int_equal(rc, WEIR_EPROTO);
    return 0;
}

/* ---- long URLs ---- */

WS_STORY(a_url_may_be_as_long_as_a_server_takes, o->head_max = 16384) {
    static char url[8192 + 2], origin[3000];
    struct weir_ws *ws = NULL;
    struct weir_ws_options o = w->o;
    size_t n = (size_t)snprintf(url, sizeof url, "%s", w->ws_url);
    memset(url + n, 'x', 8192 - n);
    url[8192] = '\0';
    memset(origin, 'o', sizeof origin - 1);
    const char *const origins[] = {"*", NULL}; /* an entry could not be as long */
    o.origin = origin;
    w->o.origins = origins;
    if (w->reacts) /* its options were copied: without an origin there */
        o.origin = NULL;
    assert_int_equal(weir_ws_dial(url, &o, &ws), 0);
    assert_int_equal(strlen(weir_ws_path(ws)), 8192 - n + 1);
    assert_int_equal(ws_say(ws, "far"), 0);
    expect_message(ws, "far");
    weir_ws_drop(&ws);
    settle();
    url[8192] = 'x';
    assert_int_equal(weir_ws_dial(url, &o, &ws), WEIR_EURL);
    assert_non_null(strstr(weir_error(WEIR_EURL)->text, "longer than 8192 bytes"));
    return 0;
}

WS_STORY(a_url_that_fills_the_head_of_a_server_is_taken) {
    static char url[8001];
    struct weir_ws *ws = NULL;
    size_t n = (size_t)snprintf(url, sizeof url, "%s", w->ws_url);
    memset(url + n, 'x', sizeof url - 1 - n);
    assert_int_equal(weir_ws_dial(url, &w->o, &ws), 0);
    weir_ws_drop(&ws);
    return 0;
}
