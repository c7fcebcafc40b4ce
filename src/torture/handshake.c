/* SPDX-License-Identifier: MIT */
/* handshake.c - see handshake.h. */
#include "torture/handshake.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <weir/loop.h>

#include "base/time.h"
#include "torture/frame.h"
#include "torture/head.h"
#include "torture/script.h"
#include "wire/base64.h"
#include "wire/sha1.h"

enum { LINES_MAX = 16, LINE = 512, KEY = 24, ACCEPT = 28, SWITCHING = 101 };

/* So long a client may take to echo, before our side ends. */
static const weir_ns echo_ns = WEIR_MILLISECONDS(200);

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

struct draft { /* the head that we send */
    struct talk *t;
    char lines[LINES_MAX][LINE];
    size_t count;
    char key[KEY + 1], accept[ACCEPT + 1];
    struct bytes more; /* what does not fit, ready */
    const char *line_end;
};

static void make_accept(const char *key, char ret[ACCEPT + 1]) {
    char text[128];
    uint8_t digest[WEIR__SHA1_LEN];
    int len = snprintf(text, sizeof text, "%.60s%s", key, guid);
    weir__sha1(text, (size_t)len, digest);
    weir__base64_encode(ret, digest, sizeof digest);
    ret[ACCEPT] = '\0';
}

/* ---- edits ---- */

static void add_text(struct draft *d, struct bytes *out, const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        if (c[0] == '^') {
            bytes_put(out, '\n');
        } else if (c[0] == '$' && c[1] == 'x') {
            bytes_fill(out, 'x', strtoul(c + 2, NULL, 10));
            c += strcspn(c, ";");
        } else if (c[0] == '$' && c[1] != '\0' && strchr("SHTKA", c[1]) != NULL) {
            c++;
            const char *value = *c == 'S'   ? d->t->scheme
                                : *c == 'H' ? d->t->host
                                : *c == 'T' ? d->t->target
                                : *c == 'K' ? d->key
                                            : d->accept;
            bytes_add(out, value, strlen(value));
        } else {
            bytes_put(out, *c == '~' ? ' ' : (uint8_t)*c);
        }
    }
}

static size_t name_len(const char *line) {
    return strcspn(line, ":");
}

static void drop_field(struct draft *d, const char *name, size_t len) {
    for (size_t i = 1; i < d->count; i++) {
        if (name_len(d->lines[i]) != len || strncasecmp(d->lines[i], name, len) != 0)
            continue;
        memmove(d->lines[i], d->lines[i + 1], (--d->count - i) * LINE);
        i--;
    }
}

static void add_line(struct draft *d, size_t at, const char *line) {
    if (d->count == LINES_MAX)
        return;
    memmove(d->lines[at + 1], d->lines[at], (d->count++ - at) * LINE);
    snprintf(d->lines[at], LINE, "%s", line);
}

static void edit_line(struct draft *d, const char *line) {
    if (strncmp(line, "0:", 2) == 0) {
        snprintf(d->lines[0], LINE, "%s", line + 2);
    } else if (strcmp(line, "LF") == 0) {
        d->line_end = "\n";
    } else if (*line == '-') {
        drop_field(d, line + 1, strlen(line + 1));
    } else if (*line == '+') {
        add_line(d, d->count, line + 1);
    } else if (*line == '<') {
        add_line(d, 1, line + 1);
    } else if (*line == '*') {
        for (long n = strtol(line + 1, NULL, 10); n > 0; n--) {
            add_text(d, &d->more, line + strcspn(line, ":") + 1);
            bytes_add(&d->more, "\r\n", 2);
        }
    } else if (strncmp(line, "deflate", 7) == 0) {
        char field[LINE];
        snprintf(field, sizeof field, "Sec-WebSocket-Extensions: permessage-%.400s", line);
        add_line(d, d->count, field);
    } else if (*line != '\0') {
        drop_field(d, line, name_len(line));
        add_line(d, d->count, line);
    }
}

static void send_draft(struct draft *d, const char *edit) {
    char line[LINE];
    struct bytes out = {0};
    while (*edit != '\0') {
        size_t len = strcspn(edit, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, edit);
        edit_line(d, line);
        edit += len + (edit[len] == '\n');
    }
    for (size_t i = 0; i < d->count; i++) {
        add_text(d, &out, d->lines[i]);
        bytes_add(&out, d->line_end, strlen(d->line_end));
    }
    bytes_add(&out, d->more.base, d->more.len);
    bytes_add(&out, d->line_end, strlen(d->line_end));
    if (!out.lost)
        talk_write(d->t, out.base, out.len);
    talk_free(d->t, &out);
    talk_free(d->t, &d->more);
}

static void draft_begin(struct draft *d, struct talk *t, const char *const *lines, size_t count) {
    *d = (struct draft){.t = t, .count = count, .line_end = "\r\n"};
    for (size_t i = 0; i < count; i++)
        snprintf(d->lines[i], LINE, "%s", lines[i]);
}

/* ---- what was agreed ---- */

static int window_of(const char *extension, const char *name) {
    const char *at = strstr(extension, name);
    if (at == NULL)
        return 0;
    at += strlen(name);
    at += strspn(at, " =\"");
    return atoi(at);
}

static int smaller_window(int a, int b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* ours: the side whose no_context_takeover and window bind what we send. A client keeps to the
 * window that it has offered, whatever the answer says (7692 7.1.2.2). */
static void agree(struct talk *t, const char *offered, const char *extension) {
    bool server_none = strstr(extension, "server_no_context_takeover") != NULL;
    bool client_none = strstr(extension, "client_no_context_takeover") != NULL;
    int server_window = window_of(extension, "server_max_window_bits");
    int client_window = window_of(extension, "client_max_window_bits");
    t->deflate = true;
    t->in_no_takeover = t->serving ? client_none : server_none;
    t->out_no_takeover = t->serving ? server_none : client_none;
    t->in_window = t->serving ? client_window : server_window;
    t->out_window = t->serving ? server_window
                               : smaller_window(client_window,
                                                window_of(offered, "client_max_window_bits"));
}

/* "server_max_window_bits=10": the name and, in *ret, its value, or NULL. Cuts the text. */
static char *cut_parameter(char *text, char **ret) {
    char *equals = strchr(text, '=');
    *ret = NULL;
    text += strspn(text, " \t");
    if (equals != NULL) {
        *equals = '\0';
        *ret = equals + 1 + strspn(equals + 1, " \t\"");
        (*ret)[strcspn(*ret, " \t\"")] = '\0';
    }
    text[strcspn(text, " \t")] = '\0';
    return text;
}

/* The parameters of an answer, without the name: each known, once, and with the value it needs. */
static bool are_legal(const char *parameters) {
    static const char *const names[] = {"server_no_context_takeover", "client_no_context_takeover",
                                        "server_max_window_bits", "client_max_window_bits"};
    unsigned seen = 0;
    for (const char *at = parameters; *at == ';';) {
        char text[HEAD_FIELD], *value;
        size_t len = strcspn(at + 1, ";");
        snprintf(text, sizeof text, "%.*s", (int)len, at + 1);
        const char *name = cut_parameter(text, &value);
        unsigned i = 0;
        while (i < 4 && strcasecmp(name, names[i]) != 0)
            i++;
        if (i == 4 || (seen & 1u << i) != 0 || (value != NULL) != (i >= 2))
            return false;
        if (value != NULL && strcmp(value, "8") != 0 && strcmp(value, "9") != 0 &&
            (value[0] != '1' || value[1] < '0' || value[1] > '5' || value[2] != '\0'))
            return false;
        seen |= 1u << i;
        at += 1 + len;
    }
    return true;
}

static const char *parameters_wrong(const char *offered, const char *agreed) {
    int window = window_of(agreed, "server_max_window_bits");
    int asked = window_of(offered, "server_max_window_bits");
    int own = window_of(agreed, "client_max_window_bits");
    if (strncmp(agreed, "permessage-deflate", 18) != 0 || strchr(agreed, ',') != NULL)
        return "the answer agrees to an extension that was not offered (6455 9.1)";
    if (!are_legal(agreed + strcspn(agreed, ";")))
        return "the answer's parameters are not those of RFC 7692 (7692 7.1)";
    if (own != 0 && strstr(offered, "client_max_window_bits") == NULL)
        return "client_max_window_bits in the answer, but not in the offer (7692 7.1.2.2)";
    int own_max = window_of(offered, "client_max_window_bits");
    if (own_max != 0 && strchr(offered, ',') == NULL && own > own_max)
        return "client_max_window_bits in the answer is larger than offered (7692 7.1.2.2)";
    if (asked != 0 && strchr(offered, ',') == NULL && (window == 0 || window > asked))
        return "the answer's server_max_window_bits is larger than asked (7692 7.1.2.1)";
    if (strstr(offered, "server_no_context_takeover") != NULL && strchr(offered, ',') == NULL &&
        strstr(agreed, "server_no_context_takeover") == NULL)
        return "server_no_context_takeover was asked for and not granted (7692 7.1.1.1)";
    return NULL;
}

static const char *check_extensions(struct talk *t, const char *offered,
                                    const struct head_text *h) {
    char agreed[HEAD_FIELD];
    if (head_field(h, "Sec-WebSocket-Extensions", 0, agreed) == NULL || *agreed == '\0')
        return NULL;
    char more[HEAD_FIELD];
    if (*offered == '\0' || head_field(h, "Sec-WebSocket-Extensions", 1, more) != NULL)
        return "the answer has an extension that was not offered (6455 9.1)";
    const char *wrong = parameters_wrong(offered, agreed);
    if (wrong == NULL)
        agree(t, strchr(offered, ',') == NULL ? offered : "", agreed);
    return wrong;
}

static const char *check_switch(struct draft *d, const struct head_text *h) {
    char value[HEAD_FIELD];
    if (!head_has_word(h, "Upgrade", "websocket"))
        return "the answer has no Upgrade: websocket (6455 4.2.2)";
    if (!head_has_word(h, "Connection", "upgrade"))
        return "the answer has no Connection: Upgrade (6455 4.2.2)";
    if (head_field(h, "Sec-WebSocket-Accept", 0, value) == NULL)
        return "the answer has no Sec-WebSocket-Accept (6455 4.2.2)";
    if (strcmp(value, d->accept) != 0)
        return "the answer's Sec-WebSocket-Accept is wrong (6455 4.2.2)";
    if (head_field(h, "Sec-WebSocket-Accept", 1, value) != NULL)
        return "the answer has two Sec-WebSocket-Accept (6455 11.3.3)";
    if (head_field(h, "Content-Length", 0, value) != NULL ||
        head_field(h, "Transfer-Encoding", 0, value) != NULL)
        return "an answer 101 has a length (9110 8.6, 9112 6.1)";
    return NULL;
}

/* The value of our field of that name, as it was sent; "" if there was none. */
static const char *sent_field(const struct draft *d, const char *name) {
    for (size_t i = 1; i < d->count; i++)
        if (name_len(d->lines[i]) == strlen(name) &&
            strncasecmp(d->lines[i], name, strlen(name)) == 0)
            return d->lines[i] + strlen(name) + 1 + strspn(d->lines[i] + strlen(name) + 1, " ");
    return "";
}

/* ---- we are the client ---- */

static void ask(struct draft *d, struct talk *t, const char *edit) {
    static const char *const lines[] = {
        "GET $T HTTP/1.1",       "Host: $H",
        "Upgrade: websocket",    "Connection: Upgrade",
        "Sec-WebSocket-Key: $K", "Sec-WebSocket-Version: 13",
    };
    uint64_t random[2] = {weir_random(), weir_random()};
    draft_begin(d, t, lines, sizeof lines / sizeof *lines);
    weir__base64_encode(d->key, random, sizeof random);
    send_draft(d, edit);
    const char *key = sent_field(d, "Sec-WebSocket-Key");
    make_accept(strcmp(key, "$K") == 0 ? d->key : key, d->accept);
}

/* The head of the final answer: others may come before it (9110 15.2). */
static const char *take_final(struct talk *t, struct head_text *ret) {
    weir_ns until = weir__deadline(weir_now(), t->patience_ns);
    for (;;) {
        const char *wrong = head_take(t, ret, until - weir_now());
        if (wrong == NULL && (ret->status < 100 || ret->status > 599))
            wrong = "the answer has a bad status line (9112 4)";
        t->wrong = t->wrong || (wrong != NULL && ret->base != NULL);
        if (wrong != NULL || ret->status >= 200 || ret->status == SWITCHING)
            return wrong;
        head_free(ret);
    }
}

static enum torture_verdict open_as_client(struct talk *t, const char *edit) {
    struct draft d;
    struct head_text h;
    ask(&d, t, edit);
    const char *wrong = take_final(t, &h);
    if (wrong == NULL && h.status != SWITCHING)
        wrong = "the answer to a plain handshake is not 101";
    if (wrong == NULL)
        wrong = check_switch(&d, &h);
    if (wrong == NULL)
        wrong = check_extensions(t, sent_field(&d, "Sec-WebSocket-Extensions"), &h);
    head_free(&h);
    if (wrong != NULL)
        return talk_judge(t, TORTURE_FAILED, "%s", wrong);
    if (strncmp(edit, "deflate", 7) == 0 && !t->deflate)
        return talk_judge(t, TORTURE_INFORMATIONAL, "the server does not agree to this offer");
    return TORTURE_OK;
}

static bool is_among(const char *list, const char *word) {
    for (size_t len; *list != '\0'; list += len + (list[len] == ',')) {
        len = strcspn(list, ",");
        if (len == strlen(word) && strncmp(list, word, len) == 0)
            return true;
    }
    return false;
}

static enum torture_verdict check_words(struct talk *t, const char *words,
                                        const struct head_text *h) {
    char value[HEAD_FIELD], wanted[64];
    const char *at;
    if (strstr(words, "extensions=none") != NULL && t->deflate)
        return talk_judge(t, TORTURE_FAILED, "an offer that is not legal was agreed to");
    if ((at = strstr(words, "subprotocol=")) != NULL) {
        at += strlen("subprotocol=");
        snprintf(wanted, sizeof wanted, "%.*s", (int)strcspn(at, " "), at);
        bool there = head_field(h, "Sec-WebSocket-Protocol", 0, value) != NULL;
        if (there && strcmp(wanted, "none") == 0)
            return talk_judge(t, TORTURE_FAILED, "a subprotocol that was not asked for: %s", value);
        if (there && !is_among(wanted, value))
            return talk_judge(t, TORTURE_FAILED, "the subprotocol is %s, asked for was %s", value,
                              wanted);
        if (head_field(h, "Sec-WebSocket-Protocol", 1, value) != NULL)
            return talk_judge(t, TORTURE_FAILED, "two Sec-WebSocket-Protocol (6455 11.3.4)");
    }
    return TORTURE_OK;
}

static enum torture_verdict judge_refusal(struct talk *t, const char *words,
                                          const struct head_text *h) {
    char value[HEAD_FIELD];
    int best = strncmp(words, "refused ", 8) == 0 ? atoi(words + 8) : 0;
    bool is_plain = h->status >= 200 && h->status < 300;
    if (is_plain && strstr(words, "or-plain") != NULL)
        return talk_judge(t, TORTURE_INFORMATIONAL, "answered as plain HTTP, with status %d",
                          h->status);
    if (is_plain && strstr(words, "plain") != NULL)
        return TORTURE_OK;
    if (h->status < 300)
        return talk_judge(t, TORTURE_FAILED, "answered with status %d", h->status);
    if (strstr(words, "version=13") != NULL &&
        head_field(h, "Sec-WebSocket-Version", 0, value) == NULL)
        return talk_judge(t, TORTURE_NON_STRICT,
                          "refused with %d, without naming its version "
                          "(6455 4.4)",
                          h->status);
    char text[16];
    snprintf(text, sizeof text, " %d", h->status);
    return best == 0 || strstr(words, text) != NULL
               ? TORTURE_OK
               : talk_judge(t, TORTURE_NON_STRICT, "refused with %d, best is %d", h->status, best);
}

static enum torture_verdict case_as_client(struct talk *t, const char *edit, const char *words) {
    struct draft d;
    struct head_text h;
    enum torture_verdict v;
    t->piece = strstr(words, "bytes") != NULL;
    ask(&d, t, edit);
    t->piece = 0;
    const char *wrong = take_final(t, &h);
    bool accept = strncmp(words, "accepted", 8) == 0, refuse = strncmp(words, "refused", 7) == 0;
    if (h.base == NULL && t->ended && t->in.len == t->at && !accept) {
        v = talk_judge(t, TORTURE_NON_STRICT, "dropped without an answer");
    } else if (t->in.len == 0 && !accept && !refuse) { /* the caller looks if it is alive */
        v = talk_judge(t, TORTURE_INFORMATIONAL, "not taken for a whole request: no answer");
    } else if (wrong != NULL) {
        v = talk_judge(t, TORTURE_FAILED, "%s", wrong);
    } else if (h.status != SWITCHING) {
        v = accept ? talk_judge(t, TORTURE_FAILED, "refused with status %d", h.status)
                   : judge_refusal(t, words, &h);
    } else if (refuse) {
        v = talk_judge(t, TORTURE_FAILED, "the handshake was accepted");
    } else if ((wrong = check_switch(&d, &h)) != NULL ||
               (wrong = check_extensions(t, sent_field(&d, "Sec-WebSocket-Extensions"), &h))) {
        v = talk_judge(t, TORTURE_FAILED, "%s", wrong);
    } else if ((v = check_words(t, words, &h)) == TORTURE_OK) {
        v = script_echo_and_close(t);
    }
    head_free(&h);
    return v;
}

/* ---- we are the server ---- */

static const char *check_request(struct talk *t, const struct head_text *h, char *key) {
    char value[HEAD_FIELD];
    uint8_t random[16 + 1];
    size_t len = strlen(h->base);
    if (strncmp(h->base, "GET ", 4) != 0 || len < 14 || strcmp(h->base + len - 9, " HTTP/1.1") != 0)
        return "the request is no GET of HTTP/1.1 (6455 4.1)";
    if (head_field(h, "Host", 0, value) == NULL || *value == '\0')
        return "the request has no Host (6455 4.1)";
    if (t->client != NULL && strcmp(value, t->client->host) != 0)
        return "the request's Host is not that of the URL (6455 4.1)";
    if (!head_has_word(h, "Upgrade", "websocket") || !head_has_word(h, "Connection", "upgrade"))
        return "the request has no Upgrade: websocket and Connection: Upgrade (6455 4.1)";
    if (head_field(h, "Sec-WebSocket-Version", 0, value) == NULL || strcmp(value, "13") != 0)
        return "the request's Sec-WebSocket-Version is not 13 (6455 4.1)";
    if (head_field(h, "Sec-WebSocket-Key", 1, value) != NULL)
        return "the request has two Sec-WebSocket-Key (6455 11.3.1)";
    if (head_field(h, "Sec-WebSocket-Key", 0, value) == NULL || strlen(value) != KEY ||
        weir__base64_decode(random, sizeof random, value, KEY) != 16)
        return "the request's Sec-WebSocket-Key is not 16 bytes (6455 4.1)";
    if (strcmp(value, t->last_key) == 0)
        return "the request has the Sec-WebSocket-Key of the one before (6455 4.1)";
    snprintf(t->last_key, TALK_KEY_SIZE, "%s", value);
    memcpy(key, value, KEY + 1);
    return NULL;
}

/* What to agree to: the row's parameters, and beside them what the client's first offer demands of
 * each answer (7692 7.1.1.1, 7.1.2.1). False: it makes no offer, or none that the row's fit. */
static bool agreement(const struct head_text *h, const char *edit, char offered[static HEAD_FIELD],
                      char ret[static LINE]) {
    static const char none[] = "server_no_context_takeover", bits[] = "server_max_window_bits";
    char field[HEAD_FIELD], window[64] = "";
    if (head_field(h, "Sec-WebSocket-Extensions", 0, field) == NULL)
        return false;
    const char *first = strstr(field, "permessage-deflate");
    if (first == NULL)
        return false;
    snprintf(offered, HEAD_FIELD, "%.*s", (int)strcspn(first, ","), first);
    bool adds_none = strstr(offered, none) != NULL && strstr(edit, none) == NULL;
    if (window_of(offered, bits) != 0 && strstr(edit, bits) == NULL)
        snprintf(window, sizeof window, "; %s=%d", bits, window_of(offered, bits));
    snprintf(ret, LINE, "permessage-%.300s%s%s%s", edit, adds_none ? "; " : "",
             adds_none ? none : "", window);
    return parameters_wrong(offered, ret) == NULL;
}

/* Read the request, answer with the edit. Returns what is wrong with the request, or NULL. */
static const char *answer(struct talk *t, const char *edit) {
    static const char *const lines[] = {"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket",
                                        "Connection: Upgrade", "Sec-WebSocket-Accept: $A"};
    struct draft d;
    struct head_text h;
    char offered[HEAD_FIELD], agreed[LINE];
    bool packing = strncmp(edit, "deflate", 7) == 0;
    draft_begin(&d, t, lines, sizeof lines / sizeof *lines);
    const char *wrong = head_take(t, &h, t->patience_ns);
    if (wrong == NULL)
        wrong = check_request(t, &h, d.key);
    if (wrong == NULL) {
        bool agrees = packing && agreement(&h, edit, offered, agreed);
        make_accept(d.key, d.accept);
        if (agrees)
            agree(t, offered, agreed);
        send_draft(&d, agrees ? agreed + strlen("permessage-") : packing ? "" : edit);
    }
    head_free(&h);
    return wrong;
}

static enum torture_verdict open_as_server(struct talk *t, const char *edit) {
    const char *wrong = answer(t, edit);
    if (wrong != NULL)
        return talk_judge(t, TORTURE_FAILED, "%s", wrong);
    if (strncmp(edit, "deflate", 7) == 0 && !t->deflate) {
        script_echo_and_close(t);
        return talk_judge(t, TORTURE_INFORMATIONAL, "the client does not offer this");
    }
    return TORTURE_OK;
}

static struct got next_but_pings(struct talk *t, weir_ns until) {
    struct got g;
    do
        g = frame_next(t, until - weir_now());
    while (g.kind == GOT_PING && weir_now() < until);
    return g;
}

/* A client that was given a bad answer must leave, and echo nothing. Where the answer is no 101, it
 * may read a body first, which lasts until our end (9112 6.3). One that took it for 101 might drop
 * its echo because of that end, so the echo has some time to come before. */
static enum torture_verdict await_leaving(struct talk *t, bool switched) {
    if (!t->broken)
        talk_write(t,
                   "\x81\x05"
                   "alive",
                   7);
    weir_ns until = weir__deadline(weir_now(), t->patience_ns);
    weir_ns end_ns = weir__deadline(weir_now(), echo_ns);
    struct got g = next_but_pings(t, !switched && end_ns < until ? end_ns : until);
    if (g.kind == GOT_NOTHING && !switched) {
        talk_half_close(t);
        g = next_but_pings(t, until);
    }
    if (g.kind == GOT_END)
        return TORTURE_OK;
    if (g.kind == GOT_CLOSE)
        return talk_judge(t, TORTURE_NON_STRICT, "the client sent a Close frame to no WebSocket");
    return talk_judge(t, TORTURE_FAILED, "the client took the answer: wanted it to leave, got %s",
                      got_name(&g));
}

static enum torture_verdict case_as_server(struct talk *t, const char *edit, const char *words) {
    t->piece = strstr(words, "bytes") != NULL;
    t->holding = strstr(words, "together") != NULL; /* until the first message was added */
    const char *wrong = answer(t, edit);
    t->piece = 0;
    if (wrong != NULL)
        return talk_judge(t, TORTURE_FAILED, "%s", wrong);
    if (strncmp(words, "refused", 7) == 0)
        return await_leaving(t, strncmp(edit, "0:", 2) != 0);
    enum torture_verdict v = script_echo_and_close(t);
    if (v == TORTURE_FAILED && strncmp(words, "either", 6) == 0 && t->ended && !t->wrong)
        return talk_judge(t, TORTURE_OK, "the client left");
    return v;
}

enum torture_verdict handshake_open(struct talk *t, const char *edit) {
    return t->serving ? open_as_server(t, edit) : open_as_client(t, edit);
}

enum torture_verdict handshake_case(struct talk *t, const char *edit, const char *script) {
    return t->serving ? case_as_server(t, edit, script) : case_as_client(t, edit, script);
}
