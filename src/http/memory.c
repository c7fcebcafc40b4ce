/* SPDX-License-Identifier: MIT */
/* memory.c - what the connections of a server share, and what serves again: requests and blocks of
 * bytes to send; what hangs on a request; the text of the time. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <weir/wall.h>

#include "base/alloc.h"
#include "base/time.h"
#include "http/http.h"
#include "http/pack.h"
#include "proto/http_headers.h"
#include "stream/ahead.h"

void weir__http_pack_free(struct http_pack *p) {
    if (p != NULL)
        weir__deflate_table->deflater_free(p->deflater);
    weir__free(p);
}

void weir__http_unpack_free(struct http_unpack *u) {
    if (u != NULL)
        weir__deflate_table->inflater_free(u->inflater);
    weir__free(u);
}

static void upgrades_close(struct http_config *c) {
    for (size_t i = 0; i < c->upgrades_count; i++)
        if (c->upgrades[i] != NULL)
            weir__react_server_unref(c->upgrades[i]);
    weir__free(c->upgrades);
}

static void request_free(struct http_request *r) {
    char *block = (char *)r - r->steps * HTTP_STEP;
    weir__free(r->pub.text);
    weir__free(r->whole);
    weir__free(r->trailers);
    memset(block, 0, HTTP_STEPS * HTTP_STEP); /* the patterns may be freed next */
    weir__free(block);
}

void weir__http_config_unref(struct http_config *c) {
    if (--c->refs > 0)
        return;
    while (c->spare != NULL) {
        struct http_request *r = c->spare;
        c->spare = r->next;
        request_free(r);
    }
    while (c->spare_out != NULL) {
        struct http_out *o = c->spare_out;
        c->spare_out = o->next;
        weir__free(o);
    }
    weir__routes_free(c->routes);
    upgrades_close(c);
    if (c->deflater != NULL)
        weir__deflate_table->deflater_free(c->deflater);
    weir__free(c);
}

/* ---- memory that serves again ---- */

/* The compiler does not know it: else it stores word by word, which takes twice as long. */
static const volatile size_t request_size = sizeof(struct http_request);

/* Programs keep requests longer than they are lent. So that a late call meets no other request, the
 * next one in the same memory begins a step behind; where the last one began, what
 * weir__http_request_close has left stays:
 *
 *   | closed | closed | request ... headers ... state |     |
 *     0        1        2 = steps                             HTTP_STEPS, then at 0 again
 *
 * A late call aborts unless the memory has served a multiple of HTTP_STEPS requests since. */
static_assert((int)HTTP_STEP >= (int)WEIR__HTTP_REQUEST_KEPT, "a step leaves that");
static_assert((int)HTTP_STEP % (int)HTTP_STATE_ALIGN == 0, "a step keeps states aligned");

static struct http_request *request_at(void *block, uint32_t steps) {
    return (struct http_request *)(void *)((char *)block + steps * HTTP_STEP);
}

/* The allocator may give back the memory of a request before: not each begins at 0. */
static struct http_request *request_new(const struct http_config *c) {
    static __thread uint32_t made;
    size_t headers = c->o.headers_max * sizeof(struct weir__http1_header);
    char *block = weir__alloc(HTTP_STEPS * HTTP_STEP + sizeof(struct http_request) + headers +
                              HTTP_STATE_ALIGN + c->state_size);
    if (block == NULL)
        return NULL;
    uint32_t steps = made++ % HTTP_STEPS;
    struct http_request *r = request_at(block, steps);
    *r = (struct http_request){.steps = steps};
    return r;
}

/* All but the memory that r holds begins anew; the headers are written by the parser. */
static struct http_request *request_init(struct http_config *c, struct http_request *r) {
    uint32_t steps = (r->steps + 1) % HTTP_STEPS;
    char *text = r->pub.text;
    uint8_t *whole = r->whole;
    size_t text_size = r->text_size, whole_size = r->whole_size;
    r = request_at((char *)r - r->steps * HTTP_STEP, steps);
    memset(r, 0, request_size);
    r->steps = steps;
    r->pub.self = &r->pub;
    r->pub.ops = c->ops;
    r->pub.arg = c->o.arg;
    r->pub.text = text;
    r->text_size = text_size;
    r->whole = whole;
    r->whole_size = whole_size;
    weir__http1_init(&r->pub.head, WEIR__HTTP1_REQUEST, r->headers, &c->limits);
    if (c->state_size > 0)
        memset(http_state_of(c, r), 0, c->state_size);
    return r;
}

struct http_request *weir__http_request_take(struct http_config *c) {
    struct http_request *r = c->spare;
    if (r != NULL) {
        c->spare = r->next;
        c->spares--;
    } else {
        r = request_new(c);
        if (r == NULL)
            return NULL;
    }
    return request_init(c, r);
}

/* Free what few requests have. */
static __attribute__((noinline)) void request_strip(struct http_request *r) {
    weir__free(r->trailers);
    weir__free(r->added);
    weir__http_pack_free(r->pack);
    weir__http_unpack_free(r->unpack);
    r->pack = NULL;
    r->unpack = NULL;
    r->trailers = r->added = NULL;
}

void weir__http_request_give(struct http_config *c, struct http_request *r) {
    const struct weir_http_route *routes = c->o.routes;
    weir__http_request_close(&r->pub, r->match.route != NULL ? routes[r->match.number].pattern
                                                             : NULL);
    if (r->trailers != NULL || r->added != NULL || r->pack != NULL || r->unpack != NULL)
        request_strip(r);
    if (c->spares >= HTTP_SPARES_MAX) {
        request_free(r);
        return;
    }
    if (r->text_size > HTTP_TEXT_KEPT) {
        weir__free(r->pub.text);
        r->pub.text = NULL;
        r->text_size = 0;
    }
    if (r->whole_size > HTTP_TEXT_KEPT) {
        weir__free(r->whole);
        r->whole = NULL;
        r->whole_size = 0;
    }
    r->next = c->spare;
    c->spare = r;
    c->spares++;
}

struct http_out *weir__http_out_take(struct http_config *c, size_t room) {
    size_t size = room > HTTP_OUT_SIZE ? room : HTTP_OUT_SIZE;
    struct http_out *o = c->spare_out;
    if (o != NULL && size == HTTP_OUT_SIZE) {
        c->spare_out = o->next;
        c->spare_outs--;
        return o;
    }
    o = weir__alloc(sizeof *o + size);
    if (o != NULL)
        *o = (struct http_out){.size = (uint32_t)size};
    return o;
}

/* The block that was sent last lies in the cache, and is taken first. */
void weir__http_out_give(struct http_config *c, struct http_out *o) {
    if (o->size != HTTP_OUT_SIZE || c->spare_outs >= HTTP_SPARES_MAX) {
        weir__free(o);
        return;
    }
    o->from = o->len = 0;
    o->next = c->spare_out;
    c->spare_out = o;
    c->spare_outs++;
}

/* ---- header lines ---- */

int weir__http_add_line(struct http_request *r, const char *line) {
    const char *const lines[] = {line, NULL};
    int rc = weir__http_headers_check("http header", lines, HTTP_ANSWERS);
    if (rc < 0)
        return rc;
    size_t len = strlen(line), size = r->added_len + len + 2;
    if (size > HTTP_ADDED_MAX)
        return weir__failf(WEIR_ETOOBIG, "http header", NULL, "more than 64 KiB were added");
    char *added = weir__realloc(r->added, size);
    if (added == NULL)
        return weir__fail(-ENOMEM, "http header", NULL);
    memcpy(added + r->added_len, line, len);
    memcpy(added + r->added_len + len, "\r\n", 2);
    r->added = added;
    r->added_len = (uint32_t)size;
    return 0;
}

bool weir__http_adds(const struct http_request *r, const char *name) {
    const char *at = r->added, *end = at + r->added_len;
    while (at < end) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        if (weir__chars_equal(at, (size_t)(colon - at), name))
            return true;
        at = (const char *)memchr(colon, '\n', (size_t)(end - colon)) + 1;
    }
    return false;
}

/* ---- the time ---- */

/* Written anew in the first turn of each second. */
const char *weir__http_date(struct http_config *c) {
    weir_ns now = c->loop->turn_ns;
    if (__builtin_expect(now < c->date_until, 1))
        return c->date;
    c->text_head_len = 0;
    weir_ns wall = weir_wall_now();
    weir__date_write(wall / WEIR_SECONDS(1), c->date);
    c->date_until = weir__deadline(now, WEIR_SECONDS(1) - wall % WEIR_SECONDS(1));
    return c->date;
}
