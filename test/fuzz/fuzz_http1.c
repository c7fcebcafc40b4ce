/* SPDX-License-Identifier: MIT */
/* Heads and chunked bodies: whole, cut in two, byte by byte. The first byte of the input chooses
 * request, response or chunked body, the second places the cut. A head that is accepted is also
 * shown to the handshake checks, which must not read outside it. */
#include "fuzz.h"
#include "wire/chunked.h"
#include "wire/handshake.h"

static const struct weir__http1_limits limits = {.head_size_max = 2000, .line_len_max = 500,
                                                 .target_len_max = 200, .headers_max = 20,
                                                 .body_len_max = 100000};

struct head {
    struct weir__http1 h;
    struct weir__http1_header headers[20];
    int rc;
};

static void look(struct head *o, const uint8_t *text, size_t len) {
    uint8_t *copy = fuzz_copy(text, len);
    o->rc = weir__http1_parse(&o->h, copy, len);
    if (o->rc > 0) {
        struct weir__ws_request request;
        struct weir__ws_response response;
        FUZZ_SAME((size_t)o->rc <= len);
        weir__http1_framing(&o->h, false, false);
        if (o->h.kind == WEIR__HTTP1_REQUEST)
            weir__ws_request_check(&o->h, copy, &request);
        else
            weir__ws_response_check(&o->h, copy, "dGhlIHNhbXBsZSBub25jZQ==", "a, b", NULL,
                                    &response);
    }
    free(copy);
}

/* See the first `from` bytes, then step more each time. */
static void parse(struct head *o, enum weir__http1_kind kind, const uint8_t *text, size_t len,
                  size_t from, size_t step) {
    memset(o, 0, sizeof *o);
    weir__http1_init(&o->h, kind, o->headers, &limits);
    for (size_t at = from; o->rc == 0; at += step) {
        look(o, text, at < len ? at : len);
        if (at >= len)
            break;
    }
}

static void heads_same(const struct head *a, const struct head *b) {
    FUZZ_SAME(a->rc == b->rc && a->h.why == b->h.why && a->h.answer == b->h.answer);
    FUZZ_SAME(a->h.headers_count == b->h.headers_count && a->h.body_len == b->h.body_len);
    FUZZ_SAME(memcmp(a->headers, b->headers, sizeof a->headers) == 0);
    FUZZ_SAME(memcmp(&a->h.target, &b->h.target, sizeof a->h.target) == 0);
    FUZZ_SAME(memcmp(&a->h.host, &b->h.host, sizeof a->h.host) == 0);
}

static void fuzz_head(enum weir__http1_kind kind, const uint8_t *text, size_t len, size_t cut) {
    static struct head whole, two, bytes;
    parse(&whole, kind, text, len, len, 1);
    parse(&two, kind, text, len, cut, 1 + len);
    parse(&bytes, kind, text, len, 0, 1);
    heads_same(&whole, &two);
    heads_same(&whole, &bytes);
}

struct body {
    int rc;
    size_t used, len;
    uint32_t sum; /* of the body bytes, by their order */
    const char *why;
};

static void body_add(struct body *o, const struct weir__chunked_data *d) {
    for (size_t i = 0; i < d->len; i++)
        o->sum = o->sum * 31 + d->data[i];
    o->len += d->len;
}

static struct body decode(const uint8_t *text, size_t len, size_t cut, size_t step) {
    struct body o = {0};
    struct weir__chunked c;
    weir__chunked_init(&c, 3000);
    while (o.rc >= 0 && o.rc != WEIR__CHUNKED_END && o.used < len) {
        size_t rest = len - o.used;
        size_t piece = o.used < cut ? cut - o.used : rest < step ? rest : step;
        struct weir__chunked_data d;
        uint8_t *copy = fuzz_copy(text + o.used, piece);
        o.rc = weir__chunked_feed(&c, copy, piece, &d);
        FUZZ_SAME(d.used > 0 && d.used <= piece);
        if (o.rc == WEIR__CHUNKED_DATA)
            body_add(&o, &d);
        o.used += d.used;
        free(copy);
    }
    if (o.rc == WEIR__CHUNKED_DATA || o.rc == WEIR__CHUNKED_TRAILER)
        o.rc = WEIR__CHUNKED_MORE;
    o.why = c.why;
    return o;
}

static void fuzz_body(const uint8_t *text, size_t len, size_t cut) {
    struct body whole = decode(text, len, 0, len), two = decode(text, len, cut, len);
    struct body bytes = decode(text, len, 0, 1);
    FUZZ_SAME(whole.rc == two.rc && whole.why == two.why && whole.used == two.used);
    FUZZ_SAME(whole.rc == bytes.rc && whole.why == bytes.why && whole.used == bytes.used);
    FUZZ_SAME(whole.len == two.len && whole.sum == two.sum);
    FUZZ_SAME(whole.len == bytes.len && whole.sum == bytes.sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    if (len < 2)
        return 0;
    const uint8_t *text = input + 2;
    size_t text_len = len - 2, cut = input[1] < text_len ? input[1] : 0;
    enum weir__http1_kind kind = input[0] == 'r' ? WEIR__HTTP1_RESPONSE : WEIR__HTTP1_REQUEST;
    if (input[0] == 'c')
        fuzz_body(text, text_len, cut);
    else
        fuzz_head(kind, text, text_len, cut);
    return 0;
}
