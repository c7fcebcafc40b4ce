/* SPDX-License-Identifier: MIT */
/* head.c - the head of a request: it is gathered, parsed, and says how the connection and the body
 * go on. wire/http1.c has the rules of the text; here is what an HTTP server makes of them. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "http/http.h"
#include "http/peers.h"
#include "http/proxy_line.h"
#include "wire/uri.h"

void weir__http_init(struct weir_http *h, struct weir_stream *s, struct http_config *c,
                     const struct http_driver *driver) {
    *h = (struct weir_http){.stream = s, .config = c, .driver = driver};
    weir__list_init(&h->flush.link);
    weir__http_out_init(h);
    const char *peer = c->o.proxy_protocol ? weir_stream_peer(s) : "";
    h->wants_proxy = c->o.proxy_protocol && weir__peer_listed(c->o.proxies, peer, strlen(peer));
    c->refs++;
}

void weir__http_fini(struct weir_http *h) {
    weir__list_remove(&h->flush.link);
    if (h->stream != NULL && http_unsent(h) > 0)
        h->stream->torn = true;
    if (h->request != NULL)
        weir__http_request_give(h->config, h->request);
    if (h->first != NULL)
        weir__http_out_leave(h);
    if (h->out != NULL)
        weir__http_out_give(h->config, h->out);
    h->request = NULL;
    h->out = NULL;
    weir__free(h->client);
    weir__http_config_unref(h->config);
}

/* ---- what a head means ---- */

static bool equals(const struct weir_http_request *r, struct weir__slice s, const char *text) {
    return weir__chars_equal(r->text + s.offset, s.len, text);
}

static bool has_token(const struct weir_http_request *r, struct weir__slice value,
                      const char *token) {
    struct weir__slice item;
    const uint8_t *text = (const uint8_t *)r->text + value.offset;
    for (size_t at = 0; weir__chars_list_next(text, value.len, &at, &item);)
        if (weir__chars_equal(text + item.offset, item.len, token))
            return true;
    return false;
}

static int refuse(struct http_request *r, int status, const char *why) {
    r->refusal = (uint16_t)status;
    r->why = why;
    return WEIR_EPROTO;
}

/* RFC 9110 10.1.1: of an HTTP/1.0 client the expectation is ignored. */
static int take_expect(struct http_request *r, struct weir__slice value) {
    if (r->pub.head.minor == 0)
        return 0;
    if (!equals(&r->pub, value, "100-continue"))
        return refuse(r, 417, "an expectation other than 100-continue");
    r->expects = true;
    return 0;
}

static bool host_is(const char *text, struct weir__slice host, const char *name) {
    size_t len = host.len;
    const char *base = weir__uri_host_bare(text + host.offset, &len);
    len -= len > 1 && base[len - 1] == '.';
    return weir__chars_equal(base, len, name);
}

/* RFC 9110 7.4: a request for another host is not answered as if it were for ours. */
static int check_host(struct http_request *r) {
    const char *const *names = r->http->config->o.hosts;
    const struct weir__http1 *head = &r->pub.head;
    bool is_absolute = head->target_form == WEIR__HTTP1_ABSOLUTE; /* it outranks the Host field */
    struct weir__slice host = is_absolute ? head->authority : head->host;
    const char *text = r->pub.text + host.offset;
    struct weir__uri u;
    if (names == NULL)
        return 0;
    if (weir__uri_parse_authority(&u, text, host.len) == 0)
        for (; *names != NULL; names++)
            if (host_is(text, u.host, *names))
                return 0;
    return refuse(r, 421, "not a name of this server");
}

static int take_fields(struct http_request *r, struct http_connection *c) {
    const struct weir__http1 *head = &r->pub.head;
    int rc = 0;
    *c = (struct http_connection){0};
    for (uint32_t i = 0; i < head->headers_count && rc == 0; i++) {
        struct weir__http1_header f = head->headers[i];
        if (f.name.len == 10 && equals(&r->pub, f.name, "connection")) {
            c->closes |= has_token(&r->pub, f.value, "close");
            c->keeps |= has_token(&r->pub, f.value, "keep-alive");
        } else if (f.name.len == 6 && equals(&r->pub, f.name, "expect")) {
            c->expects = true;
            rc = take_expect(r, f.value);
        }
    }
    return rc;
}

static void begin_body(struct http_request *r) {
    const struct weir__http1 *head = &r->pub.head;
    switch (weir__http1_framing(head, false, false)) {
    case WEIR__HTTP1_BODY_LENGTH:
        r->body = HTTP_BODY_LENGTH;
        r->body_left = (uint64_t)head->body_len;
        break;
    case WEIR__HTTP1_BODY_CHUNKED:
        r->body = HTTP_BODY_CHUNKS;
        weir__chunked_init(&r->chunks, r->http->config->o.body_max);
        break;
    default:
        r->body = HTTP_BODY_ENDED;
        r->expects = false; /* there is nothing to wait for */
    }
}

/* Most requests have the Host of the one before. */
static void remember_host(struct http_config *c, const struct weir_http_request *r) {
    struct weir__slice host = r->head.host;
    const char *text = r->text + host.offset;
    bool is_known = host.len == c->host_len && memcmp(c->host, text, host.len) == 0;
    if (is_known || host.len > sizeof c->host)
        return;
    memcpy(c->host, text, host.len);
    c->host_len = host.len;
}

/* Most clients send the same fields each time. Where many clients take turns, each with its own,
 * not every request pays for that. An expectation means another thing in HTTP/1.0. */
static void remember(struct http_config *c, const struct http_request *r,
                     struct http_connection says) {
    if (says.expects || c->unknown++ % HTTP_UNKNOWN_SHARE != 0)
        return;
    if (weir__http1_remember(&r->pub.head, r->pub.text, r->text_len, &c->known))
        c->known_says = says;
}

/* What the body is coded with, for a server that decompresses. */
static int take_coding(struct http_request *r) {
    const struct weir__http1 *head = &r->pub.head;
    int i = weir__http1_find(head, r->pub.text, "Content-Encoding", 0);
    if (i < 0 || equals(&r->pub, head->headers[i].value, "identity"))
        return 0;
    bool is_only = weir__http1_find(head, r->pub.text, "Content-Encoding", i + 1) < 0;
    r->packed = is_only && (equals(&r->pub, head->headers[i].value, "gzip") ||
                            equals(&r->pub, head->headers[i].value, "x-gzip"));
    return r->packed ? 0 : refuse(r, 415, "a content coding other than gzip");
}

/* Of any route: weir__http_route knows the bound of its own. */
static int check_length(struct http_request *r) {
    if (r->body != HTTP_BODY_LENGTH || r->body_left <= r->http->config->body_max)
        return 0;
    (void)refuse(r, 413, "content-length above the limit");
    return WEIR_ETOOBIG;
}

/* What is known changes with the requests of other connections, also between two pieces of a
 * head. */
static int parse(struct http_config *c, struct weir__http1 *head, const void *text, size_t len) {
    head->host_known = c->host_len > 0 ? c->host : NULL;
    head->host_known_len = c->host_len;
    head->known = &c->known;
    return weir__http1_parse(head, text, len);
}

static bool is_head(const struct weir__http1 *head, const void *first) {
    return head->method.len == 4 &&
           memcmp((const char *)first + head->method.offset, "HEAD", 4) == 0;
}

/* The head is whole and lies in r's text. Returns its size, or WEIR_EPROTO with the refusal. */
static int begin(struct weir_http *h, struct http_request *r, int size) {
    struct http_connection c = h->config->known_says; /* if by_known */
    r->text_len = (size_t)size;
    r->has_head = true;
    r->is_head = is_head(&r->pub.head, r->pub.text);
    int rc = r->pub.head.by_known ? 0 : take_fields(r, &c);
    if (rc == 0 && !r->pub.head.by_known)
        remember(h->config, r, c);
    bool is_last = ++h->served >= h->config->o.requests_max;
    if (c.closes || is_last || h->is_last || (r->pub.head.minor == 0 && !c.keeps))
        h->close = true;
    if (rc == 0 && r->pub.head.target_form == WEIR__HTTP1_AUTHORITY)
        rc = refuse(r, 501, "this server is no proxy");
    if (rc == 0)
        rc = check_host(r);
    begin_body(r);
    if (rc == 0 && r->body != HTTP_BODY_ENDED && h->config->o.decompress)
        rc = take_coding(r);
    if (rc == 0)
        rc = check_length(r);
    remember_host(h->config, &r->pub);
    weir__http_request_cut(&r->pub);
    r->is_whole = true;
    return rc < 0 ? rc : size;
}

/* ---- gathering ---- */

static int reserve(struct http_request *r, size_t size) {
    if (size <= r->text_size)
        return 0;
    size_t next = r->text_size * 2 > HTTP_TEXT_SIZE ? r->text_size * 2 : HTTP_TEXT_SIZE;
    char *text = weir__realloc(r->pub.text, next > size ? next : size);
    if (text == NULL)
        return weir__fail(-ENOMEM, "http request", NULL);
    r->pub.text = text;
    r->text_size = next > size ? next : size;
    return 0;
}

static void skip(struct weir_http *h, size_t len) {
    h->at += len;
    h->left -= len;
}

/* A client that speaks TLS to a plain port gets words that help its owner. */
static int refused(struct http_request *r, const uint8_t *first, int rc) {
    bool is_tls = first[0] == 0x16 && r->pub.head.scanned == 0;
    r->is_head = is_head(&r->pub.head, first);
    r->why = is_tls ? "TLS on a port that speaks plain HTTP" : r->pub.head.why;
    r->refusal = r->pub.head.answer;
    return rc;
}

/* Mostly a head comes whole: it is parsed where it lies, and copied once. */
static int feed_first(struct weir_http *h, struct http_request *r) {
    int size = parse(h->config, &r->pub.head, h->at, h->left);
    if (size < 0)
        return refused(r, h->at, size);
    size_t used = size > 0 ? (size_t)size : h->left;
    int rc = reserve(r, used + HTTP_SPARE_ROOM(r->pub.head.target.len));
    if (rc < 0) { /* the parser remembers bytes that r does not have: begin again */
        weir__http_request_give(h->config, r);
        h->request = NULL;
        return rc;
    }
    memcpy(r->pub.text, h->at, used);
    r->text_len = used;
    skip(h, used);
    return size > 0 ? begin(h, r, size) : 0;
}

static int feed_more(struct weir_http *h, struct http_request *r) {
    size_t before = r->text_len, max = h->config->o.head_max;
    size_t used = h->left < max - before ? h->left : max - before, whole = before + used;
    size_t target = whole < h->config->o.line_max ? whole : h->config->o.line_max;
    int rc = reserve(r, whole + HTTP_SPARE_ROOM(target)); /* the parser cannot begin again */
    if (rc < 0)
        return rc;
    memcpy(r->pub.text + before, h->at, used);
    int size = parse(h->config, &r->pub.head, r->pub.text, before + used);
    if (size < 0)
        return refused(r, (uint8_t *)r->pub.text, size);
    if (size > 0)
        used = (size_t)size - before;
    r->text_len = before + used;
    skip(h, used);
    return size > 0 ? begin(h, r, size) : 0;
}

/* Keep the address that a PROXY header names. */
static int take_client(struct weir_http *h, const char *client) {
    size_t size = strlen(client) + 1;
    h->nameless = size == 1;
    if (h->nameless)
        return 0;
    h->client = weir__alloc(size);
    if (h->client == NULL)
        return weir__fail(-ENOMEM, "http request", NULL);
    memcpy(h->client, client, size);
    return 0;
}

/* Use the window for a PROXY header, which is gathered where the head will be. Returns as
 * weir__http_head_feed. */
static int feed_proxy(struct weir_http *h, struct http_request *r) {
    struct weir__proxy_line p;
    size_t before = r->text_len, room = WEIR__PROXY_LINE_MAX - before;
    size_t used = h->left < room ? h->left : room;
    int rc = reserve(r, before + used);
    if (rc < 0)
        return rc;
    memcpy(r->pub.text + before, h->at, used);
    int size = weir__proxy_line_parse(&p, r->pub.text, before + used);
    if (size < 0)
        return refuse(r, 400, p.why);
    if (size > 0 && (rc = take_client(h, p.client)) < 0)
        return rc; /* nothing was used: the proxy must never pass for the client */
    r->text_len = size > 0 ? 0 : before + used;
    h->wants_proxy = size == 0;
    skip(h, size > 0 ? (size_t)size - before : used);
    return size;
}

int weir__http_head_feed(struct weir_http *h) {
    struct http_request *r = h->request;
    if (h->left == 0)
        return 0;
    if (r == NULL) {
        r = h->request = weir__http_request_take(h->config);
        if (r == NULL)
            return weir__fail(-ENOMEM, "http request", NULL);
        r->http = h;
        r->pub.stream = h->stream;
    }
    if (!weir__http_head_has_begun(h)) /* an empty line may have come long before */
        r->began = h->config->loop->turn_ns;
    int size = h->wants_proxy ? feed_proxy(h, r) : 1;
    if (size <= 0 || h->left == 0)
        return size < 0 ? size : 0;
    return r->text_len == 0 ? feed_first(h, r) : feed_more(h, r);
}

bool weir__http_head_has_begun(const struct weir_http *h) {
    const struct http_request *r = h->request;
    return r != NULL && r->text_len > 0 && !(r->text_len <= 2 && r->pub.text[0] == '\r');
}
