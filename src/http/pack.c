/* SPDX-License-Identifier: MIT */
/* pack.c - which answers are compressed. Where there is no memory for it they are sent as they
 * are. A whole answer is compressed by a compressor that all share, a streamed one by a smaller one
 * of its own: 64 KiB. */
#include "http/pack.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "http/accept.h"
#include "wire/http1_write.h"

enum {
    PACK_MIN = 1024,    /* bytes; of less nothing is gained: it is one packet anyway */
    PACK_MAX = 1 << 20, /* bytes; more would hold the loop for longer than 20 ms */
    LEVEL = 5,
    STREAM_WINDOW = 13, /* bits: 8 KiB */
    STREAM_MEMORY = 6,
};

/* ---- what is wanted ---- */

static bool ends_with(const char *text, size_t len, const char *end) {
    size_t n = strlen(end);
    return len >= n && strncasecmp(text + len - n, end, n) == 0;
}

/* value: of Content-Type. */
static bool type_packs(const char *value, size_t value_len) {
    static const char *const types[] = {"application/json", "application/javascript",
                                        "application/xml", "application/wasm",
                                        "application/jsonl", "application/yaml",
                                        "image/svg+xml", "font/ttf", "font/otf"};
    size_t len = 0;
    while (len < value_len && strchr("; \t", value[len]) == NULL)
        len++;
    if (len > 5 && strncasecmp(value, "text/", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (weir__chars_equal(value, len, types[i]))
            return true;
    return ends_with(value, len, "+json") || ends_with(value, len, "+xml");
}

struct facts { /* of the lines of a head */
    bool packs;   /* by its type, of which the first line counts */
    bool has_type;
    bool refuses; /* a strong entity tag promises the bytes as they are */
};

static bool has_item(const char *value, size_t len, const char *item) {
    struct weir__slice s;
    for (size_t at = 0; weir__chars_list_next((const uint8_t *)value, len, &at, &s);)
        if (weir__chars_equal(value + s.offset, s.len, item))
            return true;
    return false;
}

static void look_at(struct facts *f, const char *line, size_t len) {
    size_t name_len = (size_t)((const char *)memchr(line, ':', len) - line), at = name_len + 1;
    while (at < len && (line[at] == ' ' || line[at] == '\t'))
        at++;
    const char *value = line + at;
    size_t value_len = len - at;
    if (!f->has_type && weir__chars_equal(line, name_len, "Content-Type")) {
        f->has_type = true;
        f->packs = type_packs(value, value_len);
    }
    f->refuses |= weir__chars_equal(line, name_len, "Content-Encoding") ||
                  weir__chars_equal(line, name_len, "Content-Range") ||
                  (weir__chars_equal(line, name_len, "ETag") &&
                   (value_len < 2 || memcmp(value, "W/", 2) != 0)) ||
                  (weir__chars_equal(line, name_len, "Cache-Control") &&
                   has_item(value, value_len, "no-transform"));
}

/* Could the answer be sent in gzip? Its head has its own lines and those that were added. */
static bool may_pack(const struct http_request *r, const struct weir_http_answer *a) {
    struct facts f = {false, false, false};
    if (!r->http->config->o.compress || a->status == 206 ||
        !weir__http1_status_has_body(a->status))
        return false;
    for (const char *const *line = a->headers; line != NULL && *line != NULL; line++)
        look_at(&f, *line, strlen(*line));
    const char *at = r->added, *end = at + r->added_len;
    while (at < end) {
        const char *cr = memchr(at, '\r', (size_t)(end - at));
        look_at(&f, at, (size_t)(cr - at));
        at = cr + 2;
    }
    return f.packs && !f.refuses;
}

/* Say that other clients may get another answer. Returns whether this one takes gzip. */
static bool negotiate(struct http_request *r) {
    return weir__http_add_line(r, "Vary: Accept-Encoding") == 0 && r->is_whole &&
           weir__accept_gzip(&r->pub.head, r->pub.text);
}

/* ---- whole answers ---- */

static struct weir__deflater *shared_deflater(struct http_config *c) {
    static const struct weir__deflate_params params = {.format = WEIR__DEFLATE_GZIP,
                                                       .level = LEVEL};
    if (c->deflater != NULL)
        weir__deflate_table->deflater_reset(c->deflater);
    else
        c->deflater = weir__deflate_table->deflater_new(&params);
    return c->deflater;
}

void weir__http_pack_whole(struct http_request *r, struct weir_http_answer *a, void **ret_block) {
    if (a->len < PACK_MIN || a->len > PACK_MAX || !may_pack(r, a) || !negotiate(r))
        return;
    struct weir__deflater *d = shared_deflater(r->http->config);
    uint8_t *block = d != NULL ? weir__alloc(a->len) : NULL;
    struct weir__deflate_io io = {a->body, a->len, block, a->len};
    bool is_smaller = block != NULL &&
                      weir__deflate_table->deflate(d, &io, WEIR__DEFLATE_FINISH) &&
                      weir__http_add_line(r, "Content-Encoding: gzip") == 0;
    if (!is_smaller) {
        weir__free(block);
        return;
    }
    a->body = *ret_block = block;
    a->len -= io.out_len;
}

/* ---- streamed answers ---- */

static struct http_pack *pack_new(void) {
    static const struct weir__deflate_params params = {
        .format = WEIR__DEFLATE_GZIP, .level = LEVEL, .window_bits = STREAM_WINDOW,
        .memory_level = STREAM_MEMORY};
    struct http_pack *p = weir__alloc(sizeof *p);
    if (p == NULL)
        return NULL;
    p->deflater = weir__deflate_table->deflater_new(&params);
    if (p->deflater != NULL)
        return p;
    weir__free(p);
    return NULL;
}

void weir__http_pack_begin(struct http_request *r, const struct weir_http_answer *a) {
    if (a->len > 0 || !may_pack(r, a) || !negotiate(r))
        return;
    struct http_pack *p = pack_new();
    if (p == NULL || weir__http_add_line(r, "Content-Encoding: gzip") < 0) {
        weir__http_pack_free(p);
        return;
    }
    r->pack = p;
}
