/* SPDX-License-Identifier: MIT */
/* extension.c - one cursor over the value of one Sec-WebSocket-Extensions field:
 *
 *   list      = extension *( "," extension )           empty elements are skipped
 *   extension = token *( ";" token [ "=" value ] )
 *   value     = token, or a token in quotes, where a backslash may stand before any byte
 *
 * Extensions of other names are read too, since their grammar must be right. */
#include "wire/extension.h"

#include <stdio.h>
#include <string.h>
#include <weir/base.h>

enum { VALUE_MAX = 8 }; /* no value of ours is longer than "15" */

struct cursor {
    const uint8_t *at, *end;
    const char *why;
};

struct param {
    struct weir__slice name; /* from the field's first byte on */
    bool has_value;
    uint8_t value_len; /* VALUE_MAX: longer than any good one */
    char value[VALUE_MAX];
};

enum element { END, OTHER, DECLINED, OFFER };

static int fail(struct cursor *c, const char *why) {
    c->why = why;
    return WEIR_EPROTO;
}

static void skip_blanks(struct cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
        c->at++;
}

/* Is the next byte this one? Then it and the blanks around it are taken. */
static bool accept_byte(struct cursor *c, char byte) {
    skip_blanks(c);
    if (c->at == c->end || *c->at != (uint8_t)byte)
        return false;
    c->at++;
    skip_blanks(c);
    return true;
}

static bool token(struct cursor *c, const uint8_t **ret_text, size_t *ret_len) {
    *ret_text = c->at;
    *ret_len = weir__chars_span(c->at, (size_t)(c->end - c->at), WEIR__CHAR_TOKEN);
    c->at += *ret_len;
    return *ret_len > 0;
}

static void value_add(struct param *p, uint8_t byte) {
    if (p->value_len < VALUE_MAX)
        p->value[p->value_len++] = (char)byte;
}

/* Behind the opening quote. RFC 6455 9.1: without its quotes and backslashes it is a token too. */
static int quoted(struct cursor *c, struct param *p) {
    size_t len = 0;
    for (; c->at < c->end && *c->at != '"'; c->at++, len++) {
        if (*c->at == '\\' && ++c->at == c->end)
            break;
        if (!weir__char_is(*c->at, WEIR__CHAR_TOKEN))
            return fail(c, "a quoted value of an extension is no token");
        value_add(p, *c->at);
    }
    if (c->at == c->end)
        return fail(c, "no closing quote in an extension");
    c->at++;
    return len > 0 ? 0 : fail(c, "an empty value in an extension");
}

static int param_read(struct cursor *c, struct param *p) {
    size_t len;
    const uint8_t *text;
    *p = (struct param){0};
    if (!token(c, &text, &len))
        return fail(c, "no name of a parameter in an extension");
    p->name = (struct weir__slice){0, (uint32_t)len};
    if (!accept_byte(c, '='))
        return 0;
    p->has_value = true;
    if (c->at < c->end && *c->at == '"') {
        c->at++;
        return quoted(c, p);
    }
    if (!token(c, &text, &len))
        return fail(c, "no value behind = in an extension");
    for (size_t i = 0; i < len; i++)
        value_add(p, text[i]);
    return 0;
}

/* 8 .. 15, without leading zeros; else 0. */
static uint8_t bits_of(const struct param *p) {
    int64_t bits = weir__chars_decimal((const uint8_t *)p->value, p->value_len, 15);
    return bits < 8 || p->value[0] == '0' ? 0 : (uint8_t)bits;
}

/* Take one parameter into t. Returns false if it is unknown, has a bad value, or came before. In
 * an offer the client's bits may come without a value. */
static bool param_apply(struct weir__ws_deflate_terms *t, const uint8_t *name,
                        const struct param *p, bool is_offer) {
    size_t len = p->name.len;
    bool *fresh = weir__chars_equal(name, len, "server_no_context_takeover") ? &t->server_fresh
                  : weir__chars_equal(name, len, "client_no_context_takeover")
                      ? &t->client_fresh
                      : NULL;
    bool is_clients = weir__chars_equal(name, len, "client_max_window_bits");
    if (fresh != NULL) {
        bool good = !*fresh && !p->has_value;
        *fresh = true;
        return good;
    }
    if (!is_clients && !weir__chars_equal(name, len, "server_max_window_bits"))
        return false;
    uint8_t *bits = is_clients ? &t->client_bits : &t->server_bits;
    if (*bits != 0 || (is_clients && t->client_bits_named))
        return false;
    t->client_bits_named |= is_clients;
    if (is_clients && is_offer && !p->has_value)
        return true;
    *bits = p->has_value ? bits_of(p) : 0;
    return *bits != 0;
}

/* Read the next extension. Returns an enum element; WEIR_EPROTO with c->why. DECLINED: it is
 * permessage-deflate, but breaks its rules. */
static int element_read(struct cursor *c, struct weir__ws_deflate_terms *t, bool is_offer) {
    const uint8_t *name;
    size_t len;
    skip_blanks(c);
    while (c->at < c->end && *c->at == ',') {
        c->at++;
        skip_blanks(c);
    }
    if (c->at == c->end)
        return END;
    *t = (struct weir__ws_deflate_terms){0};
    if (!token(c, &name, &len))
        return fail(c, "no name of an extension");
    bool is_ours = weir__chars_equal(name, len, "permessage-deflate"), is_good = true;
    while (accept_byte(c, ';')) {
        struct param p;
        const uint8_t *param_name = c->at;
        int rc = param_read(c, &p);
        if (rc < 0)
            return rc;
        if (is_ours && !param_apply(t, param_name, &p, is_offer))
            is_good = false;
    }
    skip_blanks(c);
    if (c->at < c->end && *c->at != ',')
        return fail(c, "bad character in an extension");
    return !is_ours ? OTHER : is_good ? OFFER : DECLINED;
}

/* ---- server ---- */

static uint8_t smaller(uint8_t a, uint8_t b) {
    return a < b ? a : b;
}

/* The windows: what we want, and no more than the offer allows. A client that did not name its own
 * cannot be asked to keep it small. */
static void accept_offer(const struct weir__ws_deflate_terms *own,
                         const struct weir__ws_deflate_terms *offer,
                         struct weir__ws_deflate_terms *ret) {
    uint8_t server_max = offer->server_bits ? offer->server_bits : 15;
    uint8_t client_max = offer->client_bits ? offer->client_bits : 15;
    ret->server_bits = smaller(own->server_bits, server_max);
    ret->client_bits = offer->client_bits_named ? smaller(own->client_bits, client_max) : 15;
    ret->client_bits_named = offer->client_bits_named;
    ret->server_bits_named = offer->server_bits != 0;
    ret->server_fresh = own->server_fresh || offer->server_fresh;
    ret->client_fresh = own->client_fresh || offer->client_fresh;
}

static struct cursor cursor_of(const struct weir__http1 *h, const void *buf, int i) {
    const uint8_t *text = (const uint8_t *)buf + h->headers[i].value.offset;
    return (struct cursor){.at = text, .end = text + h->headers[i].value.len};
}

static const char field[] = "Sec-WebSocket-Extensions";

int weir__ws_deflate_choose(const struct weir__http1 *h, const void *buf,
                            const struct weir__ws_deflate_terms *own,
                            struct weir__ws_deflate_terms *ret_terms, const char **ret_why) {
    int chosen = 0;
    for (int i = -1; (i = weir__http1_find(h, buf, field, i + 1)) >= 0;) {
        struct cursor c = cursor_of(h, buf, i);
        struct weir__ws_deflate_terms offer;
        int kind;
        while ((kind = element_read(&c, &offer, true)) > END) {
            if (kind != OFFER || own == NULL)
                continue;
            if (!chosen)
                accept_offer(own, &offer, ret_terms);
            chosen = 1;
        }
        if (kind < 0) {
            *ret_why = c.why;
            return kind;
        }
    }
    return chosen;
}

/* ---- client ---- */

static const char *answer_fault(const struct weir__ws_deflate_terms *own,
                                const struct weir__ws_deflate_terms *t) {
    if (own->server_fresh && !t->server_fresh)
        return "the server keeps its context, which the offer forbids";
    if (own->server_bits != 0 && own->server_bits < 15 &&
        (t->server_bits == 0 || t->server_bits > own->server_bits))
        return "the server's window is larger than the offer allows";
    if (t->client_bits > own->client_bits)
        return "the server wants a larger window of the client than was offered";
    return NULL;
}

int weir__ws_deflate_agree(const struct weir__http1 *h, const void *buf,
                           const struct weir__ws_deflate_terms *own,
                           struct weir__ws_deflate_terms *ret_terms, const char **ret_why) {
    int agreed = 0;
    for (int i = -1; (i = weir__http1_find(h, buf, field, i + 1)) >= 0;) {
        struct cursor c = cursor_of(h, buf, i);
        struct weir__ws_deflate_terms t;
        int kind;
        while ((kind = element_read(&c, &t, false)) > END) {
            *ret_why = kind == OTHER      ? "the server chose an extension that was not offered"
                       : kind == DECLINED ? "bad parameters of permessage-deflate in the answer"
                       : agreed           ? "the server chose permessage-deflate twice"
                                          : answer_fault(own, &t);
            if (*ret_why != NULL)
                return WEIR_EPROTO;
            *ret_terms = t;
            agreed = 1;
        }
        if (kind < 0) {
            *ret_why = c.why;
            return kind;
        }
    }
    if (!agreed)
        return 0;
    ret_terms->server_bits = ret_terms->server_bits ? ret_terms->server_bits : 15;
    ret_terms->client_bits = ret_terms->client_bits ? ret_terms->client_bits : own->client_bits;
    ret_terms->client_fresh |= own->client_fresh; /* a hint in the offer, which we keep */
    return 1;
}

/* ---- both ---- */

static void put_bits(struct weir__head *w, const char *name, unsigned bits) {
    char text[48];
    snprintf(text, sizeof text, "; %s=%u", name, bits);
    weir__head_put_text(w, text);
}

static void put_begin(struct weir__head *w, const struct weir__ws_deflate_terms *t) {
    weir__head_put_text(w, "Sec-WebSocket-Extensions: permessage-deflate");
    if (t->server_fresh)
        weir__head_put_text(w, "; server_no_context_takeover");
    if (t->client_fresh)
        weir__head_put_text(w, "; client_no_context_takeover");
    if (t->server_bits_named || (t->server_bits != 0 && t->server_bits < 15))
        put_bits(w, "server_max_window_bits", t->server_bits);
}

void weir__ws_deflate_put_offer(struct weir__head *w, const struct weir__ws_deflate_terms *own) {
    put_begin(w, own);
    if (own->client_bits < 15)
        put_bits(w, "client_max_window_bits", own->client_bits);
    else
        weir__head_put_text(w, "; client_max_window_bits");
    weir__head_put_text(w, "\r\n");
}

void weir__ws_deflate_put_answer(struct weir__head *w, const struct weir__ws_deflate_terms *t) {
    put_begin(w, t);
    if (t->client_bits < 15)
        put_bits(w, "client_max_window_bits", t->client_bits);
    weir__head_put_text(w, "\r\n");
}
