/* SPDX-License-Identifier: MIT */
/* script.c - see script.h. */
#include "torture/script.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/loop.h>

#include "base/time.h"
#include "torture/frame.h"
#include "wire/chars.h"

enum { CODE_NONE = 1005, ANY_END = -1, WORD_MAX = 4096 };
enum { FAST = 5 }; /* to fail fast is to fail in this part of the time for one answer */

/* ---- payloads ---- */

static size_t number(const char *text) {
    char *end;
    size_t n = strtoul(text, &end, 10);
    return *end == 'K' ? n << 10 : *end == 'M' ? n << 20 : n;
}

static void add_letters(struct bytes *out, size_t count) {
    uint32_t state = 12345;
    for (size_t i = 0; i < count; i++) {
        state = state * 1103515245 + 12345;
        bytes_put(out, 'a' + (state >> 16) % 26);
    }
}

static void add_part(struct bytes *out, const char *part, size_t len) {
    if (len > 0 && *part == '*') {
        bytes_fill(out, '*', number(part + 1));
    } else if (len > 0 && *part == '&') {
        add_letters(out, number(part + 1));
    } else if (len > 0 && *part == '%') {
        for (size_t i = 0, n = number(part + 1); i < n; i++)
            bytes_put(out, (unsigned)(i * 7 + i / 256) & 0xff);
    } else if (len > 0 && *part == '#') {
        for (size_t i = 1; i + 1 < len; i += 2)
            bytes_put(out,
                      weir__char_hex((uint8_t)part[i]) << 4 | weir__char_hex((uint8_t)part[i + 1]));
    } else {
        for (size_t i = 0; i < len; i++)
            bytes_put(out, part[i] == '~' ? ' ' : (uint8_t)part[i]);
    }
}

void script_payload(struct bytes *out, const char *spec, size_t len) {
    while (len > 0) {
        const char *plus = memchr(spec, '+', len);
        size_t n = plus != NULL ? (size_t)(plus - spec) : len;
        add_part(out, spec, n);
        spec += n + (plus != NULL);
        len -= n + (plus != NULL);
    }
}

static void close_payload(struct bytes *out, const char *spec, size_t len) {
    if (len > 0 && isdigit((unsigned char)*spec)) {
        unsigned code = (unsigned)atoi(spec);
        size_t digits = strspn(spec, "0123456789");
        bytes_put(out, code >> 8 & 0xff);
        bytes_put(out, code & 0xff);
        digits += spec[digits] == ',';
        spec += digits;
        len -= digits;
    }
    script_payload(out, spec, len);
}

/* ---- sending ---- */

struct word {
    struct frame frame;
    bool packed;
    enum pack_form form;
    size_t cut;
};

static const struct {
    const char *name;
    unsigned opcode;
} names[] = {{"text", OP_TEXT},   {"bin", OP_BINARY}, {"cont", OP_CONT},
             {"close", OP_CLOSE}, {"ping", OP_PING},  {"pong", OP_PONG}};

static bool take_name(struct word *w, const char **at) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i].name);
        if (strncmp(*at, names[i].name, len) == 0) {
            w->frame.opcode = names[i].opcode;
            *at += len;
            return true;
        }
    }
    if (strncmp(*at, "op", 2) != 0 || !isxdigit((unsigned char)(*at)[2]))
        return false;
    w->frame.opcode = weir__char_hex((uint8_t)(*at)[2]);
    *at += 3;
    return true;
}

static void take_flags(struct word *w, const char **at) {
    while (**at == '/') {
        const char *f = *at + 1;
        size_t len = strcspn(f, "/=");
        if (strncmp(f, "16", len) == 0)
            w->frame.form = LENGTH_16;
        else if (strncmp(f, "64", len) == 0)
            w->frame.form = LENGTH_64;
        else if (strncmp(f, "top", len) == 0)
            w->frame.form = LENGTH_TOP_BIT;
        else if (strncmp(f, "huge", len) == 0)
            w->frame.form = LENGTH_HUGE;
        else if (strncmp(f, "u", len) == 0)
            w->frame.wrong_mask = true;
        else if (strncmp(f, "m0", len) == 0)
            w->frame.zero_mask = true;
        else if (strncmp(f, "cut", 3) == 0)
            w->cut = number(f + 3);
        *at = f + len;
    }
}

static bool take_word(struct talk *t, struct word *w, const char **at) {
    *w = (struct word){0};
    for (;; ++*at) {
        if (**at == '-')
            w->frame.more = true;
        else if (**at >= '1' && **at <= '3')
            w->frame.rsv |= 4u >> (**at - '1');
        else if (**at == 'n')
            packer_forget(&t->packer);
        else if (**at == 'z' || **at == 's' || **at == 'f') {
            w->packed = true;
            w->form = **at == 'z' ? PACK_FIXED : **at == 's' ? PACK_STORED : PACK_FINAL;
        } else {
            break;
        }
    }
    if (!take_name(w, at))
        return false;
    take_flags(w, at);
    *at += **at == '=';
    return true;
}

static void write_frame(struct talk *t, const struct frame *f, size_t cut) {
    struct bytes out = {0};
    frame_write(&out, f, !t->serving);
    if (!out.lost)
        talk_write(t, out.base, cut != 0 && cut < out.len ? cut : out.len);
    talk_free(t, &out);
}

static void write_fragments(struct talk *t, const struct frame *whole) {
    struct frame f = *whole;
    size_t at = 0, n;
    do {
        n = whole->len - at < t->fragments ? whole->len - at : t->fragments;
        f.payload = whole->payload + at;
        f.len = n;
        at += n;
        f.more = at < whole->len || whole->more;
        write_frame(t, &f, 0);
        f.opcode = OP_CONT;
        f.rsv = 0;
    } while (at < whole->len);
}

static void send_payload(struct talk *t, struct word *w, const struct bytes *payload) {
    struct bytes packed = {0};
    w->frame.payload = payload->base;
    w->frame.len = payload->len;
    if (w->packed) {
        if (t->out_no_takeover)
            packer_forget(&t->packer);
        t->packer.window = t->out_window;
        pack(&t->packer, &packed, payload->base, payload->len, w->form);
        w->frame.payload = packed.base;
        w->frame.len = packed.len;
        w->frame.rsv |= 4;
    }
    if (t->fragments != 0 && w->frame.opcode < 8)
        write_fragments(t, &w->frame);
    else
        write_frame(t, &w->frame, w->cut);
    talk_free(t, &packed);
}

static enum torture_verdict send_word(struct talk *t, const char *text) {
    struct word w;
    struct bytes payload = {0};
    const char *at = text;
    if (!take_word(t, &w, &at))
        return talk_judge(t, TORTURE_FAILED, "the suite's own mistake: unknown word '%s'", text);
    if (w.frame.opcode == OP_CLOSE)
        close_payload(&payload, at, strlen(at));
    else
        script_payload(&payload, at, strlen(at));
    send_payload(t, &w, &payload);
    if (w.frame.opcode == OP_CLOSE)
        t->sent_close = true;
    talk_free(t, &payload);
    return TORTURE_OK;
}

/* ---- what comes ---- */

static weir_ns left_until(weir_ns until) {
    weir_ns left = until - weir_now();
    return left > 0 ? left : 0;
}

/* The next thing that the script speaks of: the peer's own pings are answered on the way, and win
 * it no time. */
static struct got next_until(struct talk *t, weir_ns until) {
    for (;;) {
        struct got g = frame_next(t, left_until(until));
        if (g.kind != GOT_PING)
            return g;
        if (left_until(until) == 0)
            return (struct got){.kind = GOT_NOTHING};
        write_frame(t, &(struct frame){.opcode = OP_PONG, .payload = g.data, .len = g.len}, 0);
    }
}

static struct got next_but_pongs(struct talk *t, weir_ns budget_ns) {
    weir_ns until = weir__deadline(weir_now(), budget_ns);
    struct got g;
    do
        g = next_until(t, until);
    while (g.kind == GOT_PONG);
    return g;
}

static enum torture_verdict unexpected(struct talk *t, const struct got *g, const char *wanted) {
    if (g->kind == GOT_WRONG)
        return TORTURE_FAILED; /* why was said */
    if (g->kind == GOT_CLOSE)
        return talk_judge(t, TORTURE_FAILED, "wanted %s, got a Close frame: %d %.*s", wanted,
                          g->code, (int)(g->len < 100 ? g->len : 100), (const char *)g->data);
    if (g->kind == GOT_MESSAGE || g->kind == GOT_PONG)
        return talk_judge(t, TORTURE_FAILED, "wanted %s, got %s of %zu bytes", wanted, got_name(g),
                          g->len);
    return talk_judge(t, TORTURE_FAILED, "wanted %s, got %s", wanted, got_name(g));
}

enum torture_verdict script_await_end(struct talk *t) {
    weir_ns until = weir__deadline(weir_now(), t->patience_ns);
    if (t->serving) /* a server closes first (6455 7.1.1) */
        talk_half_close(t);
    for (;;) {
        struct got g = next_until(t, until);
        if (g.kind == GOT_END) {
            t->over = true;
            return TORTURE_OK;
        }
        if (g.kind == GOT_NOTHING)
            return talk_judge(t, TORTURE_FAILED, "the peer did not close the connection");
        if (g.kind == GOT_WRONG || g.kind == GOT_MESSAGE)
            return unexpected(t, &g, "the end of the connection");
    }
}

static void answer_close(struct talk *t, int code) {
    uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    if (t->sent_close)
        return;
    t->sent_close = true;
    t->holding = false;
    write_frame(
        t,
        &(struct frame){.opcode = OP_CLOSE, .payload = payload, .len = code == CODE_NONE ? 0 : 2},
        0);
}

/* code 0: any; ANY_END: and no Close frame is right too. */
static enum torture_verdict expect_fail(struct talk *t, int code, weir_ns budget_ns) {
    struct got g = next_but_pongs(t, budget_ns);
    t->over = g.kind == GOT_END;
    if (t->over && code == ANY_END)
        return TORTURE_OK;
    if (t->over)
        return talk_judge(t, TORTURE_NON_STRICT,
                          "dropped without a Close frame; %d was due (6455 7.1.7)", code);
    if (g.kind != GOT_CLOSE)
        return unexpected(t, &g, "the connection to fail");
    int got = g.code;
    answer_close(t, got);
    if (script_await_end(t) != TORTURE_OK)
        return TORTURE_FAILED;
    return got == code || code <= 0
               ? TORTURE_OK
               : talk_judge(t, TORTURE_NON_STRICT, "closed with %d instead of %d", got, code);
}

static enum torture_verdict expect_close(struct talk *t, int code) {
    struct got g = next_but_pongs(t, t->patience_ns);
    if (g.kind != GOT_CLOSE)
        return unexpected(t, &g, "a Close frame");
    int got = g.code;
    answer_close(t, got);
    if (script_await_end(t) != TORTURE_OK)
        return TORTURE_FAILED;
    return code == 0 || got == code || got == CODE_NONE /* it "typically" comes back */
               ? TORTURE_OK
               : talk_judge(t, TORTURE_NON_STRICT, "closed with %d, not with %d (6455 5.5.1)", got,
                            code);
}

static bool same(const struct got *g, const struct bytes *payload) {
    return g->len == payload->len && (g->len == 0 || memcmp(g->data, payload->base, g->len) == 0);
}

/* A pong may overtake the echo of a message (6455 5.5.3): keep it for the pong's turn. */
static void keep_pong(struct talk *t, const struct got *g) {
    bytes_put(&t->pongs, (uint8_t)g->len);
    bytes_add(&t->pongs, g->data, g->len);
}

static bool had_pong(struct talk *t, const struct bytes *payload) {
    struct bytes *p = &t->pongs;
    for (size_t at = 0; at < p->len; at += 1 + p->base[at]) {
        size_t len = p->base[at];
        if (len != payload->len || (len != 0 && memcmp(p->base + at + 1, payload->base, len) != 0))
            continue;
        p->len -= at + 1 + len; /* and those before it */
        memmove(p->base, p->base + at + 1 + len, p->len);
        return true;
    }
    return false;
}

/* word: "text", "bin", "pong", each with "|CODE" behind it where that is allowed. Pongs may come at
 * any time (6455 5.5.3), and win the peer no time. */
static enum torture_verdict expect_payload(struct talk *t, const char *word,
                                           const struct bytes *payload) {
    const char *bar = strchr(word, '|');
    bool pong = strncmp(word, "pong", 4) == 0;
    unsigned opcode = strncmp(word, "text", 4) == 0 ? OP_TEXT : OP_BINARY;
    weir_ns until = weir__deadline(weir_now(), t->patience_ns);
    struct got g;
    if (pong && had_pong(t, payload))
        return TORTURE_OK;
    for (;;) {
        g = next_until(t, until);
        bool as_wanted = pong ? g.kind == GOT_PONG : g.kind == GOT_MESSAGE && g.opcode == opcode;
        if (as_wanted && same(&g, payload))
            return TORTURE_OK;
        if (g.kind != GOT_PONG)
            break;
        keep_pong(t, &g);
    }
    if (bar != NULL && g.kind == GOT_CLOSE && g.code == atoi(bar + 1)) {
        answer_close(t, g.code);
        if (script_await_end(t) != TORTURE_OK)
            return TORTURE_FAILED;
        return talk_judge(t, TORTURE_INFORMATIONAL, "refused with %s: a limit of the peer",
                          bar + 1);
    }
    t->over = bar != NULL && g.kind == GOT_END;
    if (t->over)
        return talk_judge(t, TORTURE_NON_STRICT, "dropped without a Close frame: a limit?");
    char wanted[64];
    snprintf(wanted, sizeof wanted, "a %.*s of %zu bytes", (int)strcspn(word, "|"), word,
             payload->len);
    return unexpected(t, &g, wanted);
}

static enum torture_verdict expect(struct talk *t, const char *text) {
    const char *equals = strchr(text, '=');
    const char *spec = equals != NULL ? equals + 1 : "";
    if (strncmp(text, "fastfail", 8) == 0)
        return expect_fail(t, atoi(spec), t->patience_ns / FAST);
    if (strncmp(text, "fail", 4) == 0)
        return expect_fail(t, atoi(spec), t->patience_ns);
    if (strcmp(text, "drop") == 0)
        return expect_fail(t, ANY_END, t->patience_ns);
    if (strncmp(text, "close", 5) == 0)
        return expect_close(t, atoi(spec));
    if (strcmp(text, "end") == 0)
        return script_await_end(t);
    if (strcmp(text, "masks") == 0)
        return t->masks > 1 && t->masks_differ
                   ? TORTURE_OK
                   : talk_judge(t, TORTURE_FAILED, "%u frames came, all with the same mask",
                                t->masks);
    if (strcmp(text, "packed") == 0)
        return t->message_packed
                   ? TORTURE_OK
                   : talk_judge(t, TORTURE_INFORMATIONAL, "the peer did not compress the message");
    if (strcmp(text, "unpacked") == 0)
        return !t->message_packed ? TORTURE_OK
                                  : talk_judge(t, TORTURE_FAILED, "the message was compressed");
    char word[32];
    struct bytes payload = {0};
    snprintf(word, sizeof word, "%.*s", (int)strcspn(text, "="), text);
    script_payload(&payload, spec, strlen(spec));
    enum torture_verdict v =
        strcmp(word, "nopong") != 0 ? expect_payload(t, word, &payload)
        : !had_pong(t, &payload)    ? TORTURE_OK
                                    : talk_judge(t, TORTURE_FAILED, "a pong was answered");
    talk_free(t, &payload);
    return v;
}

/* ---- words ---- */

static bool set_mode(struct talk *t, const char *word) {
    if (strcmp(word, "bytes") == 0) {
        t->piece = 1;
    } else if (strncmp(word, "pieces:", 7) == 0) {
        t->piece = number(word + 7);
    } else if (strcmp(word, "whole") == 0) {
        t->piece = 0;
    } else if (strncmp(word, "fragments:", 10) == 0) {
        t->fragments = number(word + 10);
    } else if (strcmp(word, "hold") == 0) {
        t->holding = true;
    } else if (strcmp(word, "go") == 0) {
        t->holding = false;
        if (t->held.len != 0)
            talk_write(t, t->held.base, t->held.len);
        t->held.len = 0;
    } else if (strcmp(word, "half") == 0) {
        talk_half_close(t);
    } else {
        return false;
    }
    return true;
}

static enum torture_verdict run_word(struct talk *t, const char *word) {
    enum torture_verdict worst = TORTURE_OK;
    size_t times = 1;
    if (*word == 'x' && isdigit((unsigned char)word[1]) && strchr(word, ':') != NULL) {
        times = number(word + 1);
        word = strchr(word, ':') + 1;
    }
    if (set_mode(t, word))
        return TORTURE_OK;
    for (size_t i = 0; i < times && worst != TORTURE_FAILED; i++) {
        enum torture_verdict v = *word == '<' ? expect(t, word + 1) : send_word(t, word);
        if (v > worst)
            worst = v;
    }
    return worst;
}

static enum torture_verdict run_words(struct talk *t, const char *script) {
    enum torture_verdict worst = TORTURE_OK;
    char word[WORD_MAX];
    while (*script != '\0' && worst != TORTURE_FAILED) {
        size_t len = strcspn(script, " ");
        snprintf(word, sizeof word, "%.*s", (int)len, script);
        script += len + (script[len] == ' ');
        if (strcmp(word, "context") == 0 && !t->out_no_takeover)
            continue;
        if (strcmp(word, "context") == 0)
            return talk_judge(t, TORTURE_INFORMATIONAL, "the peer keeps no context of ours");
        enum torture_verdict v = run_word(t, word);
        if (v > worst)
            worst = v;
    }
    return worst;
}

enum torture_verdict script_echo_and_close(struct talk *t) {
    return run_words(t, "text=alive go <text=alive close=1000 <close=1000");
}

enum torture_verdict script_run(struct talk *t, const char *script) {
    enum torture_verdict v = run_words(t, "text=alive <text=alive");
    if (v != TORTURE_OK)
        return v;
    t->alive = true;
    v = run_words(t, script);
    if (v == TORTURE_FAILED || t->over)
        return v;
    if (t->sent_close) {
        enum torture_verdict end = run_words(t, "<close");
        return end > v ? end : v;
    }
    t->piece = t->fragments = 0;
    enum torture_verdict end = run_words(t, "close=1000 <close=1000");
    return end > v ? end : v;
}
