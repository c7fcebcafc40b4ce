/* SPDX-License-Identifier: MIT */
/* http.c - see http.h. */
#include "torture/http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <weir/loop.h>

#include "base/time.h"
#include "torture/head.h"

enum { CHUNK_LINE = 1024 }; /* of a line so much is looked at */
enum { BYTES_MAX = 4096, LARGE_PIECE = 997 }; /* so many are written one at a time */
/* In this time nothing may come where nothing is due; twice that of an answer, if it is slower. */
static const weir_ns quiet_ns = WEIR_MILLISECONDS(200), quiet_max_ns = WEIR_SECONDS(2);

/* ---- bytes ---- */

static void add_text(struct bytes *out, const char *text) {
    bytes_add(out, text, strlen(text));
}

static size_t canary(const struct talk *t, struct bytes *out) {
    size_t from = out->len;
    add_text(out, "GET ");
    add_text(out, t->target);
    add_text(out, " HTTP/1.1\r\nHost: ");
    add_text(out, t->host);
    add_text(out, "\r\nX-Canary: yes\r\n\r\n");
    return out->len - from;
}

/* How many bytes the last line is shorter than len. */
static size_t missing(const struct bytes *out, size_t len) {
    const uint8_t *end = out->len != 0 ? memrchr(out->base, '\n', out->len) : NULL;
    size_t there = end != NULL ? out->len - (size_t)(end + 1 - out->base) : out->len;
    return there < len ? len - there : 0;
}

static void add_macro(struct talk *t, struct bytes *out, const char **at) {
    struct bytes song = {0};
    size_t len = strchr("CLX4", **at) != NULL ? canary(t, &song) : 0; /* of servers only */
    switch (**at) {
    case 'H':
        add_text(out, t->host);
        break;
    case 'S':
        add_text(out, t->scheme);
        break;
    case 'T':
        add_text(out, t->target);
        break;
    case 'C':
        bytes_add(out, song.base, song.len);
        break;
    case 'L':
        bytes_print(out, "%zu", len);
        break;
    case 'X':
        bytes_print(out, "%zx", len);
        break;
    case '4':
        bytes_print(out, "%04zx", len);
        break;
    case '0':
        bytes_put(out, 0);
        break;
    case 'f':
        bytes_fill(out, 'x', missing(out, strtoul(*at + 1, NULL, 10)));
        *at += strcspn(*at, ";");
        break;
    case 'x':
        bytes_fill(out, 'x', strtoul(*at + 1, NULL, 10));
        *at += strcspn(*at, ";");
        break;
    default:
        bytes_put(out, '$');
        --*at;
    }
    talk_free(t, &song);
}

/* The bytes of text up to its end or to $W. Returns what is behind $W, or NULL. */
static const char *make_bytes(struct talk *t, struct bytes *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (text[0] == '$' && text[1] == 'W')
            return text + 2;
        if (*text == '|') {
            bytes_add(out, "\r\n", 2);
        } else if (*text == '$' && text[1] != '\0') {
            text++;
            add_macro(t, out, &text);
        } else {
            bytes_put(out, (uint8_t)*text);
        }
    }
    return NULL;
}

static const char *send_text(struct talk *t, const char *text) {
    struct bytes out = {0};
    const char *rest = make_bytes(t, &out, text);
    size_t first = t->piece == 1 && out.len > BYTES_MAX ? BYTES_MAX : out.len;
    if (!out.lost)
        talk_write(t, out.base, first);
    if (!out.lost && first < out.len) {
        t->piece = LARGE_PIECE;
        talk_write(t, out.base + first, out.len - first);
        t->piece = 1;
    }
    talk_free(t, &out);
    return rest;
}

/* ---- answers ---- */

struct answer {
    int status;
    bool closes; /* the server says that it ends the connection */
};

/* Returns false if the end does not come in the time for one answer; nor is it one if we have
 * stopped reading. */
static bool await_end(struct talk *t) {
    weir_ns until = weir__deadline(weir_now(), t->patience_ns);
    for (weir_ns left = t->patience_ns; left > 0 && talk_wait(t, left); left = until - weir_now())
        ;
    return t->ended && t->end_rc != WEIR_ETOOBIG;
}

static const char *skip_to_end(struct talk *t) {
    bool ends = await_end(t);
    t->at = t->in.len;
    return ends ? NULL : "a body that lasts until the end, which does not come";
}

static const char *skip(struct talk *t, size_t len) {
    if (!talk_need(t, len, t->patience_ns))
        return "the body of the answer is shorter than its Content-Length";
    t->at += len;
    return NULL;
}

/* A line that ends in CR LF, or its beginning; NULL: none came. */
static const char *take_line(struct talk *t, char ret[CHUNK_LINE]) {
    for (size_t n = 0; n < HEAD_MAX; n++) {
        if (!talk_need(t, n + 2, t->patience_ns))
            return NULL;
        if (memcmp(t->in.base + t->at + n, "\r\n", 2) != 0)
            continue;
        size_t kept = n < CHUNK_LINE - 1 ? n : CHUNK_LINE - 1;
        memcpy(ret, t->in.base + t->at, kept);
        ret[kept] = '\0';
        t->at += n + 2;
        return ret;
    }
    return NULL;
}

/* A server that has begun an answer can only break the connection off, so that the client sees that
 * the answer is not whole. */
static const char broken_off[] = "the answer breaks off";

/* "5" or "5 ;name=value". Returns false if the line begins otherwise, or the size is more than
 * anybody sends. */
static bool read_chunk_size(const char *line, size_t *ret) {
    size_t digits = strspn(line, "0123456789abcdefABCDEF");
    const char *rest = line + digits;
    if (digits == 0 || digits - strspn(line, "0") > 15)
        return false;
    rest += rest[strspn(rest, " \t")] == ';' ? strspn(rest, " \t") : 0;
    *ret = strtoul(line, NULL, 16);
    return *rest == '\0' || *rest == ';';
}

static const char *skip_chunks(struct talk *t) {
    char line[CHUNK_LINE];
    for (;;) {
        bool is_whole = take_line(t, line) != NULL;
        size_t len;
        if (!is_whole && t->ended && t->at == t->in.len)
            return broken_off;
        if (!is_whole || !read_chunk_size(line, &len))
            return "the answer has a bad chunk line (9112 7.1)";
        if (len == 0)
            break;
        if (skip(t, len) != NULL || take_line(t, line) == NULL || *line != '\0')
            return "the answer has a bad chunk (9112 7.1)";
    }
    while (take_line(t, line) != NULL)
        if (*line == '\0')
            return NULL;
    return "the answer's trailer section does not end (9112 7.1)";
}

static const char *skip_body(struct talk *t, const struct head_text *h, bool is_head) {
    char length[HEAD_FIELD], coding[HEAD_FIELD];
    bool has_length = head_field(h, "Content-Length", 0, length) != NULL;
    bool has_coding = head_field(h, "Transfer-Encoding", 0, coding) != NULL;
    if (has_length && has_coding)
        return "the answer has Content-Length and Transfer-Encoding (9112 6.2)";
    if (head_field(h, "Content-Length", 1, length) != NULL)
        return "the answer has two Content-Length (9110 8.6)";
    if (has_length && (*length == '\0' || strspn(length, "0123456789") != strlen(length)))
        return "the answer's Content-Length is no number (9110 8.6)";
    if ((h->status < 200 || h->status == 204) && (has_length || has_coding))
        return "an answer 1xx or 204 has a length (9110 8.6, 9112 6.1)";
    if (is_head || h->status < 200 || h->status == 204 || h->status == 304)
        return NULL;
    if (has_coding)
        return strcasecmp(coding, "chunked") == 0 ? skip_chunks(t) : skip_to_end(t);
    return has_length ? skip(t, strtoul(length, NULL, 10)) : skip_to_end(t);
}

static const char *old_wrong(const struct head_text *h) {
    char coding[HEAD_FIELD];
    if (h->status < 200)
        return "an answer 1xx to HTTP/1.0 (9110 15.2)";
    return head_field(h, "Transfer-Encoding", 0, coding) != NULL
               ? "Transfer-Encoding in an answer to HTTP/1.0 (9112 6.1)"
               : NULL;
}

/* Take the next answer, interim or final. Returns as take_answer. */
static int take_one(struct talk *t, bool is_head, weir_ns budget_ns, struct answer *ret) {
    struct head_text h;
    const char *wrong = head_take(t, &h, budget_ns);
    if (h.base == NULL && t->in.len == t->at)
        return 0;
    if (wrong == NULL) {
        ret->status = h.status;
        ret->closes = head_has_word(&h, "Connection", "close");
        if (h.status < 100 || h.status > 599)
            wrong = "the answer has a bad status line (9112 4)";
        if (wrong == NULL && t->asked_old)
            wrong = old_wrong(&h);
        if (wrong == NULL && h.status == 101 && !t->asked_switch)
            wrong = "101 to a request without Upgrade (9110 7.8)";
        if (wrong == NULL)
            wrong = skip_body(t, &h, is_head);
    }
    bool has_head = h.base != NULL;
    head_free(&h);
    if (wrong == NULL)
        return 1;
    if (wrong != broken_off)
        talk_judge(t, TORTURE_FAILED, "%s", wrong);
    t->wrong |= has_head && wrong != broken_off; /* without a head it may be HTTP/0.9 */
    return wrong != broken_off ? -1 : 0;
}

/* is_first: of the connection. One behind it may have come with it, and says nothing of how quick
 * the peer is. */
static void note_time(struct talk *t, weir_ns took_ns, bool is_first) {
    t->answer_ns = took_ns;
    if (is_first && !t->asked_slowly && t->quickest_ns != NULL &&
        (*t->quickest_ns == 0 || took_ns < *t->quickest_ns))
        *t->quickest_ns = took_ns;
}

static weir_ns quiet_for(weir_ns answer_ns) {
    weir_ns max_ns = answer_ns < quiet_max_ns / 2 ? 2 * answer_ns : quiet_max_ns;
    return max_ns > quiet_ns ? max_ns : quiet_ns;
}

/* Take the next final answer. Returns 1; 0: none came, or not all of it; -1: it is wrong, and why
 * was said. Its body has the time for one answer more. */
static int take_answer(struct talk *t, bool is_head, weir_ns budget_ns, struct answer *ret) {
    struct weir_scope whole;
    weir_ns begun = weir_now();
    bool is_first = t->in.len == 0;
    int got;
    *ret = (struct answer){0};
    weir_scope_enter(&whole, budget_ns + t->patience_ns);
    do
        got = take_one(t, is_head, budget_ns, ret);
    while (got == 1 && ret->status < 200 && ret->status != 101);
    (void)weir_scope_leave(&whole, 0);
    t->asked_old = false;
    if (got == 1)
        note_time(t, weir_now() - begun, is_first);
    return got;
}

/* ---- verdicts ---- */

/* The server has read the request and found it wrong, or beyond what it can. */
static bool refuses(int status) {
    static const int statuses[] = {400, 408, 411, 413, 414, 417, 421, 426, 431, 500, 501, 505};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i] == status)
            return true;
    return false;
}

static int number_behind(const char *words, const char *name, int otherwise) {
    const char *at = strstr(words, name);
    return at != NULL ? atoi(at + strlen(name)) : otherwise;
}

/* Does nothing follow before the connection rests or ends? what: to say of a right answer; a wrong
 * one says it itself. */
static bool is_last(struct talk *t, const char *what) {
    struct answer a;
    int got = take_answer(t, false, quiet_for(t->answer_ns), &a);
    if (got == 1)
        talk_judge(t, TORTURE_FAILED, "%s", what);
    return got == 0;
}

static enum torture_verdict check_open(struct talk *t) {
    struct answer a;
    send_text(t, "GET $T HTTP/1.1|Host: $H||");
    if (take_answer(t, false, t->patience_ns, &a) == 1 && !refuses(a.status))
        return TORTURE_OK;
    return talk_judge(t, TORTURE_FAILED, "the connection does not go on behind the answer");
}

static enum torture_verdict check_closed(struct talk *t) {
    if (!await_end(t))
        return talk_judge(t, TORTURE_FAILED, "the connection was not closed");
    return t->in.len == t->at ? TORTURE_OK
                              : talk_judge(t, TORTURE_FAILED, "more came behind the last answer");
}

/* The server has said that it closes the connection, though more was to come. */
static enum torture_verdict close_early(struct talk *t) {
    enum torture_verdict v = check_closed(t);
    if (v != TORTURE_OK)
        return v;
    return talk_judge(t, TORTURE_NON_STRICT, "the connection ends with the answer");
}

/* "or-417" */
static bool may_refuse(const char *words, int status) {
    char text[16];
    snprintf(text, sizeof text, "or-%d", status);
    return strstr(words, text) != NULL;
}

static enum torture_verdict expect_accept(struct talk *t, const char *words) {
    int wanted = number_behind(words, "answers=", 1), status = number_behind(words, "status=", 0);
    struct answer a = {0};
    for (int i = 0; i < wanted; i++) {
        if (a.closes) /* 9112 9.3: it should go on, but need not */
            return close_early(t);
        int got = take_answer(t, i == 0 && strstr(words, "head") != NULL, t->patience_ns, &a);
        if (got == 0)
            return talk_judge(t, TORTURE_FAILED, "%d of %d requests answered", i, wanted);
        if (got < 0)
            return TORTURE_FAILED;
        if (refuses(a.status) && may_refuse(words, a.status))
            return talk_judge(t, TORTURE_INFORMATIONAL, "refused with status %d, as it may be",
                              a.status);
        if (refuses(a.status) && status != a.status)
            return talk_judge(t, TORTURE_FAILED, "refused with status %d", a.status);
    }
    if (strstr(words, "said") != NULL && !a.closes)
        return talk_judge(t, TORTURE_FAILED, "the answer does not say Connection: close");
    if (strstr(words, "open") != NULL)
        return a.closes ? close_early(t) : check_open(t);
    if (strstr(words, "close") != NULL)
        return check_closed(t);
    return is_last(t, "more answers than requests") ? TORTURE_OK : TORTURE_FAILED;
}

static bool is_listed(const char *words, int status) {
    char text[16];
    snprintf(text, sizeof text, " %d", status);
    return strstr(words, text) != NULL;
}

/* The answer came before the body was read, as is allowed. What is wrong there must end the
 * connection. */
static enum torture_verdict expect_late_reject(struct talk *t, int status) {
    struct answer a;
    int got = take_answer(t, false, t->patience_ns, &a);
    if (got < 0)
        return TORTURE_FAILED;
    if (got == 1 ? refuses(a.status) : t->ended)
        return talk_judge(t, TORTURE_NON_STRICT,
                          "answered with %d before the body, then refused it", status);
    return talk_judge(t, TORTURE_FAILED, "answered with status %d, and the connection goes on",
                      status);
}

/* The answer came before a body that never ends: then a request behind it is a part of the body. */
static enum torture_verdict expect_unread(struct talk *t, int status) {
    struct answer a;
    send_text(t, "GET $T HTTP/1.1|Host: $H||");
    int got = take_answer(t, false, quiet_for(t->answer_ns), &a);
    if (got < 0)
        return TORTURE_FAILED;
    if (got == 1 && !refuses(a.status))
        return talk_judge(t, TORTURE_FAILED,
                          "answered with status %d: the size was taken for another", status);
    if (got == 1)
        return talk_judge(t, TORTURE_NON_STRICT,
                          "answered with %d before the body, then refused it", status);
    return talk_judge(t, TORTURE_INFORMATIONAL, "answered with status %d before the body", status);
}

/* Does a SETTINGS frame of HTTP/2 (9113 6.5) lie there, of no stream? */
static bool is_settings(const struct talk *t) {
    static const uint8_t none[4];
    const uint8_t *p = t->in.base + t->at;
    return t->in.len - t->at >= 9 && p[3] == 4 && memcmp(p + 5, none, 4) == 0;
}

static enum torture_verdict expect_reject(struct talk *t, const char *words) {
    struct answer a;
    int got = take_answer(t, false, t->patience_ns, &a);
    bool waits = strstr(words, "or-wait") != NULL;
    if (got < 0 && strstr(words, "or-http2") != NULL && is_settings(t))
        return talk_judge(t, TORTURE_INFORMATIONAL, "the server speaks HTTP/2");
    if (got < 0)
        return TORTURE_FAILED;
    if (got == 0 && !t->ended) /* of a server that is alive: the caller looks */
        return talk_judge(t, waits ? TORTURE_INFORMATIONAL : TORTURE_FAILED,
                          "neither answered nor closed");
    if (got == 0)
        return talk_judge(t, TORTURE_NON_STRICT, "closed without an answer");
    if (waits && !refuses(a.status)) /* of the method, say: the size may be awaited all the same */
        return expect_unread(t, a.status);
    if (a.status < 400 && strstr(words, " body") != NULL)
        return expect_late_reject(t, a.status);
    if (a.status < 400 && !is_listed(words, a.status))
        return talk_judge(t, TORTURE_FAILED, "answered with status %d", a.status);
    if (!is_last(t, "answered again behind the refusal"))
        return TORTURE_FAILED;
    if (strstr(words, " closes") != NULL && refuses(a.status) && !await_end(t))
        return talk_judge(t, TORTURE_FAILED,
                          "refused with status %d, but the connection was not closed", a.status);
    if (is_listed(words, a.status))
        return TORTURE_OK;
    if (!refuses(a.status) && !t->ended)
        return talk_judge(t, TORTURE_FAILED,
                          "read as a request: status %d, and the connection goes on", a.status);
    return talk_judge(t, TORTURE_NON_STRICT, "refused with status %d", a.status);
}

static enum torture_verdict expect_either(struct talk *t) {
    struct answer a;
    int got = take_answer(t, false, t->patience_ns, &a);
    if (got < 0)
        return TORTURE_FAILED;
    if (got == 0 && !t->ended) /* of a server that is alive: the caller looks */
        return talk_judge(t, TORTURE_INFORMATIONAL, "not taken for a whole request: no answer");
    if (got == 0)
        return talk_judge(t, TORTURE_NON_STRICT, "closed without an answer");
    return is_last(t, "more than one answer") ? TORTURE_OK : TORTURE_FAILED;
}

static enum torture_verdict expect_canary(struct talk *t, const char *words) {
    struct answer a;
    int got = take_answer(t, false, t->patience_ns, &a);
    if (got < 0)
        return TORTURE_FAILED;
    if (got == 1 && strstr(words, "refused") != NULL && !refuses(a.status))
        return talk_judge(t, TORTURE_INFORMATIONAL, "not refused, but answered: %d", a.status);
    if (got == 1 && !is_last(t, "the hidden request was answered"))
        return strstr(words, "refused") == NULL || a.closes || t->wrong
                   ? TORTURE_FAILED
                   : talk_judge(t, TORTURE_NON_STRICT, "the request behind it was answered");
    if (got == 0 && !t->ended && strstr(words, "or-wait") == NULL)
        return talk_judge(t, TORTURE_NON_STRICT, "neither answered nor closed");
    return TORTURE_OK;
}

static enum torture_verdict expect_wait(struct talk *t, const char *words, const char *rest) {
    struct answer a;
    weir_ns quickest_ns = t->quickest_ns != NULL ? *t->quickest_ns : 0;
    if (take_answer(t, false, quiet_for(quickest_ns), &a) != 0)
        return talk_judge(t, TORTURE_FAILED, "answered before all was there");
    if (t->ended)
        return talk_judge(t, TORTURE_FAILED, "closed before all was there");
    send_text(t, rest);
    return expect_accept(t, words);
}

/* 100, or a final answer at once: the client waits for one of them. */
static enum torture_verdict expect_continue(struct talk *t, const char *rest) {
    struct answer a = {0};
    int got = take_one(t, false, t->patience_ns, &a);
    if (got < 0)
        return TORTURE_FAILED;
    if (got == 0)
        return talk_judge(t, TORTURE_FAILED, "neither 100 nor another answer: the client waits");
    if (a.status >= 200)
        return TORTURE_OK;
    send_text(t, rest);
    return expect_accept(t, "accept");
}

static bool is_old(const char *request) {
    size_t line = strcspn(request, "|");
    return line > 9 && strncmp(request + line - 9, " HTTP/1.0", 9) == 0;
}

enum torture_verdict http_case(struct talk *t, const char *edit, const char *script) {
    t->asked_old = is_old(edit);
    t->asked_switch = strstr(edit, "Upgrade:") != NULL;
    t->asked_slowly = t->piece != 0;
    const char *rest = send_text(t, edit);
    t->piece = 0;
    if (strncmp(script, "continue", 8) == 0)
        return expect_continue(t, rest);
    if (rest != NULL)
        return expect_wait(t, script, rest);
    if (strncmp(script, "accept", 6) == 0)
        return expect_accept(t, script);
    if (strncmp(script, "reject", 6) == 0)
        return expect_reject(t, script);
    if (strncmp(script, "canary", 6) == 0)
        return expect_canary(t, script);
    return expect_either(t);
}

bool http_is_alive(struct talk *t) {
    struct answer a;
    send_text(t, "GET $T HTTP/1.1|Host: $H|Connection: close||");
    return take_answer(t, false, t->patience_ns, &a) == 1;
}

/* ---- clients ---- */

enum torture_verdict http_answer(struct talk *t, const char *edit, const char *script) {
    struct head_text h;
    char host[HEAD_FIELD];
    const char *wrong = head_take(t, &h, t->patience_ns);
    if (wrong == NULL && strncmp(h.base, "GET /", 5) != 0)
        wrong = "the request is no GET";
    if (wrong == NULL && head_field(&h, "Host", 0, host) == NULL)
        wrong = "the request has no Host (9112 3.2)";
    if (wrong == NULL && t->client != NULL && strcmp(host, t->client->host) != 0)
        wrong = "the request's Host is not that of the URL (9112 3.2)";
    if (wrong == NULL && head_field(&h, "Host", 1, host) != NULL)
        wrong = "the request has two Hosts (9112 3.2)";
    if (wrong == NULL && head_field(&h, "Content-Length", 0, host) != NULL &&
        head_field(&h, "Transfer-Encoding", 0, host) != NULL)
        wrong = "the request has Content-Length and Transfer-Encoding (9112 6.2)";
    head_free(&h);
    if (wrong != NULL)
        return talk_judge(t, TORTURE_FAILED, "%s", wrong);
    send_text(t, edit);
    if (strstr(script, " close") != NULL)
        talk_half_close(t);
    return TORTURE_OK;
}

enum torture_verdict http_judge_client(struct talk *t, const char *script, int status,
                                       const void *printed, size_t len) {
    struct bytes body = {0};
    bool accept = strncmp(script, "accept", 6) == 0, refuse = strncmp(script, "refuse", 6) == 0;
    if (status < 0)
        return talk_judge(t, TORTURE_FAILED, "the client does not end");
    if (refuse)
        return status != 0 ? TORTURE_OK
                           : talk_judge(t, TORTURE_FAILED, "taken as an answer of %zu bytes", len);
    if (!accept)
        return TORTURE_OK;
    if (status != 0)
        return talk_judge(t, TORTURE_FAILED, "refused: the command's exit status is %d", status);
    const char *spec = script + strlen("accept");
    spec += *spec == ' ';
    char text[CHUNK_LINE];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(spec, " "), spec);
    (void)make_bytes(t, &body, strcmp(text, "-") == 0 ? "" : text);
    bool same = body.len == len && (len == 0 || memcmp(body.base, printed, len) == 0);
    size_t wanted = body.len;
    talk_free(t, &body);
    return same ? TORTURE_OK
                : talk_judge(t, TORTURE_FAILED, "a body of %zu bytes was printed, not the %zu sent",
                             len, wanted);
}
