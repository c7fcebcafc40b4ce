/* SPDX-License-Identifier: MIT */
/* handshake.c - heads are written by http1_write.h, so that each looks in the source as it will
 * look on the wire, and is checked once, when it is complete. */
#include "wire/handshake.h"

#include <string.h>
#include <weir/base.h>

#include "wire/base64.h"
#include "wire/sha1.h"

static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */

void weir__ws_accept_write(char ret_accept[WEIR__WS_ACCEPT_LEN],
                           const char key[WEIR__WS_KEY_LEN]) {
    char text[WEIR__WS_KEY_LEN + sizeof magic - 1];
    uint8_t digest[WEIR__SHA1_LEN];
    memcpy(text, key, WEIR__WS_KEY_LEN);
    memcpy(text + WEIR__WS_KEY_LEN, magic, sizeof magic - 1);
    weir__sha1(text, sizeof text, digest);
    weir__base64_encode(ret_accept, digest, sizeof digest);
}

void weir__ws_key_write(char ret_key[WEIR__WS_KEY_LEN], const uint8_t random[16]) {
    weir__base64_encode(ret_key, random, 16);
}

/* ---- server ------------------------------------------------------------------------------ */

static int refuse(struct weir__ws_request *r, int answer, const char *why) {
    r->answer = (uint16_t)answer;
    r->why = why;
    return WEIR_EPROTO;
}

/* The value of a field that may stand only once. Returns how many there are; at most 2. */
static int single(const struct weir__http1 *h, const void *buf, const char *name,
                  struct weir__slice *ret) {
    int first = weir__http1_find(h, buf, name, 0);
    if (first < 0)
        return 0;
    *ret = h->headers[first].value;
    return weir__http1_find(h, buf, name, first + 1) < 0 ? 1 : 2;
}

static bool key_good(const char *key, size_t len) {
    uint8_t bytes[16];
    return len == WEIR__WS_KEY_LEN && weir__base64_decode(bytes, sizeof bytes, key, len) == 16;
}

static bool slice_equal(const char *text, struct weir__slice s, const char *other, size_t len) {
    return s.len == len && memcmp(text + s.offset, other, len) == 0;
}

static int protocol_add(struct weir__ws_request *r, const char *text, struct weir__slice p) {
    if (!weir__chars_all((const uint8_t *)text + p.offset, p.len, WEIR__CHAR_TOKEN))
        return refuse(r, 400, "bad character in a subprotocol");
    for (uint32_t i = 0; i < r->protocols_count; i++)
        if (slice_equal(text, r->protocols[i], text + p.offset, p.len))
            return refuse(r, 400, "a subprotocol is named twice");
    if (r->protocols_count == WEIR__WS_PROTOCOLS_MAX)
        return refuse(r, 400, "too many subprotocols");
    r->protocols[r->protocols_count++] = p;
    return 0;
}

static int protocols(const struct weir__http1 *h, const void *buf, struct weir__ws_request *r) {
    for (int i = -1; (i = weir__http1_find(h, buf, "Sec-WebSocket-Protocol", i + 1)) >= 0;) {
        struct weir__slice value = h->headers[i].value, item;
        const uint8_t *text = (const uint8_t *)buf + value.offset;
        size_t at = 0;
        while (weir__chars_list_next(text, value.len, &at, &item)) {
            struct weir__slice p = {value.offset + item.offset, item.len};
            int rc = protocol_add(r, buf, p);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

int weir__ws_request_check(const struct weir__http1 *h, const void *buf,
                           struct weir__ws_request *ret) {
    const char *text = buf;
    struct weir__slice version = {0};
    *ret = (struct weir__ws_request){.host = h->host, .path = h->path};
    if (h->target_form == WEIR__HTTP1_ABSOLUTE)
        ret->host = h->authority; /* RFC 9112 3.2.2: it outranks the Host field */
    if (!weir__http1_has_token(h, buf, "Upgrade", "websocket"))
        return refuse(ret, 426, "not a websocket handshake: no upgrade to websocket");
    if (!weir__http1_has_token(h, buf, "Connection", "upgrade"))
        return refuse(ret, 400, "no connection: upgrade");
    if (!slice_equal(text, h->method, "GET", 3))
        return refuse(ret, 405, "a websocket handshake is a GET");
    if (h->minor < 1)
        return refuse(ret, 400, "a websocket handshake needs HTTP/1.1");
    if (weir__http1_framing(h, false, false) != WEIR__HTTP1_BODY_NONE)
        return refuse(ret, 400, "a websocket handshake has no body");
    if (h->target_form > WEIR__HTTP1_ABSOLUTE)
        return refuse(ret, 400, "no path in the request target");
    if (single(h, buf, "Sec-WebSocket-Version", &version) != 1 ||
        !slice_equal(text, version, "13", 2))
        return refuse(ret, 426, "websocket version is not 13");
    if (single(h, buf, "Sec-WebSocket-Key", &ret->key) != 1 ||
        !key_good(text + ret->key.offset, ret->key.len))
        return refuse(ret, 400, "bad sec-websocket-key");
    int origins = single(h, buf, "Origin", &ret->origin);
    if (origins > 1)
        return refuse(ret, 400, "more than one origin");
    ret->has_origin = origins > 0;
    return protocols(h, buf, ret);
}

int weir__ws_protocol_select(const struct weir__ws_request *r, const void *buf,
                             const char *const *names, size_t names_count) {
    for (uint32_t i = 0; i < r->protocols_count; i++)
        for (size_t n = 0; n < names_count; n++)
            if (slice_equal(buf, r->protocols[i], names[n], strlen(names[n])))
                return (int)n;
    return -1;
}

ssize_t weir__ws_response_write(char *ret_text, size_t size, const char key[WEIR__WS_KEY_LEN],
                                const char *protocol,
                                const struct weir__ws_deflate_terms *deflate) {
    struct weir__head w = {.text = ret_text, .size = size};
    char accept[WEIR__WS_ACCEPT_LEN];
    weir__ws_accept_write(accept, key);
    weir__head_put_text(&w, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
    weir__head_put(&w, accept, sizeof accept);
    weir__head_put_text(&w, "\r\n");
    if (protocol) {
        weir__head_put_text(&w, "Sec-WebSocket-Protocol: ");
        weir__head_put_foreign(&w, protocol, strlen(protocol), WEIR__CHAR_TOKEN);
        weir__head_put_text(&w, "\r\n");
    }
    if (deflate)
        weir__ws_deflate_put_answer(&w, deflate);
    weir__head_put_text(&w, "\r\n");
    return weir__head_len(&w);
}

/* ---- client ------------------------------------------------------------------------------ */

ssize_t weir__ws_request_write(char *ret_text, size_t size,
                               const struct weir__ws_request_options *o,
                               const char key[WEIR__WS_KEY_LEN]) {
    struct weir__head w = {.text = ret_text, .size = size};
    weir__head_put_text(&w, o->path_len > 0 && o->path[0] == '/' ? "GET " : "GET /");
    weir__head_put_foreign(&w, o->path, o->path_len, WEIR__CHAR_TARGET);
    weir__head_put_text(&w, " HTTP/1.1\r\nHost: ");
    weir__head_put_authority(&w, o->host, o->host_len);
    weir__head_put_text(&w, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
    weir__head_put_foreign(&w, key, WEIR__WS_KEY_LEN, WEIR__CHAR_TARGET);
    weir__head_put_text(&w, "\r\nSec-WebSocket-Version: 13\r\n");
    if (o->origin)
        weir__head_put_field(&w, "Origin", o->origin);
    if (o->protocols)
        weir__head_put_field(&w, "Sec-WebSocket-Protocol", o->protocols);
    if (o->deflate)
        weir__ws_deflate_put_offer(&w, o->deflate);
    weir__head_put_lines(&w, o->headers);
    weir__head_put_text(&w, "\r\n");
    return weir__head_len(&w);
}

static int unfit(struct weir__ws_response *r, const char *why) {
    r->why = why;
    return WEIR_EPROTO;
}

static bool offered(const char *list, const char *text, struct weir__slice name) {
    struct weir__slice item;
    size_t at = 0;
    while (list && weir__chars_list_next((const uint8_t *)list, strlen(list), &at, &item))
        if (slice_equal(text, name, list + item.offset, item.len))
            return true;
    return false;
}

int weir__ws_response_check(const struct weir__http1 *h, const void *buf,
                            const char key[WEIR__WS_KEY_LEN], const char *protocols_offered,
                            const struct weir__ws_deflate_terms *deflate_offered,
                            struct weir__ws_response *ret) {
    const char *text = buf;
    char accept[WEIR__WS_ACCEPT_LEN];
    struct weir__slice value = {0};
    *ret = (struct weir__ws_response){0};
    weir__ws_accept_write(accept, key);
    if (h->status != 101) {
        ret->why = "the server did not switch to websocket";
        return WEIR_EHTTP;
    }
    if (h->minor < 1)
        return unfit(ret, "the answer is not HTTP/1.1");
    if (!weir__http1_has_token(h, buf, "Upgrade", "websocket") ||
        !weir__http1_has_token(h, buf, "Connection", "upgrade"))
        return unfit(ret, "the answer does not upgrade to websocket");
    if (single(h, buf, "Sec-WebSocket-Accept", &value) != 1 ||
        !slice_equal(text, value, accept, sizeof accept))
        return unfit(ret, "bad sec-websocket-accept");
    if (deflate_offered == NULL && weir__http1_find(h, buf, "Sec-WebSocket-Extensions", 0) >= 0)
        return unfit(ret, "the server chose an extension that was not offered");
    int deflates = deflate_offered ? weir__ws_deflate_agree(h, buf, deflate_offered, &ret->deflate,
                                                            &ret->why)
                                   : 0;
    if (deflates < 0)
        return deflates;
    ret->deflates = deflates > 0;
    int count = single(h, buf, "Sec-WebSocket-Protocol", &ret->protocol);
    if (count > 1 || (count == 1 && !offered(protocols_offered, text, ret->protocol)))
        return unfit(ret, "the server chose a subprotocol that was not offered");
    return 0;
}
