/* SPDX-License-Identifier: MIT */
/* client_response.c - the head of an answer as a program reads it, and what it says of its
 * connection: may that be used again? */
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "http/client.h"
#include "http/client_decode.h"
#include "loop/debug.h"
#include "stream/stream.h"
#include "wire/http1_write.h"

/* ---- its life -------------------------------------------------------------------------------- */

/* Behind each part stands a byte that no part needs: white space, the colon or CR. */
static void part_end(char *text, struct weir__slice part) {
    text[part.offset + part.len] = '\0';
}

struct weir_http_response *weir__http_response_new(struct http_fetch *f,
                                                   const struct weir__http1 *h, const void *base,
                                                   size_t size) {
    size_t headers_size = h->headers_count * sizeof h->headers[0];
    struct weir_http_response *r = weir__alloc(sizeof *r + headers_size + size);
    if (r == NULL)
        return NULL;
    *r = (struct weir_http_response){.client = f->client, .head = *h};
    f->client->refs++;
    weir__debug_begins(f->client->loop, r);
    r->text = (char *)r->headers + headers_size;
    r->head.headers = r->headers;
    r->head.limits = NULL;
    r->framing = weir__http1_framing(h, strcmp(f->method, "HEAD") == 0, false);
    r->decodes = f->decodes;
    memcpy(r->headers, h->headers, headers_size);
    memcpy(r->text, base, size);
    part_end(r->text, r->head.reason);
    for (uint32_t i = 0; i < r->head.headers_count; i++) {
        part_end(r->text, r->headers[i].name);
        part_end(r->text, r->headers[i].value);
    }
    return r;
}

/* The server says after how long it closes an idle connection: we do so a second earlier, or a
 * request would meet that. */
static weir_ns idle_time(const struct weir_http_response *r) {
    weir_ns idle = r->client->o.idle_ns;
    int i = weir__http1_find(&r->head, r->text, "Keep-Alive", 0);
    const char *value = i < 0 ? "" : r->text + r->headers[i].value.offset;
    size_t len = strlen(value), at = 0;
    struct weir__slice item;
    while (weir__chars_list_next((const uint8_t *)value, len, &at, &item)) {
        const uint8_t *p = (const uint8_t *)value + item.offset;
        if (item.len <= 8 || !weir__chars_equal(p, 8, "timeout="))
            continue;
        int64_t s = weir__chars_decimal(p + 8, item.len - 8, INT32_MAX);
        if (s >= 0 && WEIR_SECONDS(s - 1) < idle)
            idle = WEIR_SECONDS(s - 1);
    }
    return idle;
}

/* A 204 with a length is a contradiction: perhaps a body follows after all. */
static bool is_reusable(const struct weir_http_response *r) {
    const struct weir__http1 *h = &r->head;
    bool stays = !weir__http1_has_token(h, r->text, "Connection", "close") &&
                 (h->minor > 0 || weir__http1_has_token(h, r->text, "Connection", "keep-alive"));
    return stays && r->framing != WEIR__HTTP1_BODY_UNTIL_CLOSE &&
           !(h->status == 204 && (h->body_len > 0 || h->chunked));
}

void weir__http_response_begin(struct weir_http_response *r, struct http_conn *conn, bool held) {
    r->conn = conn;
    r->held = held;
    r->left = r->framing == WEIR__HTTP1_BODY_LENGTH ? (uint64_t)r->head.body_len : 0;
    weir__chunked_init(&r->chunked, INT64_MAX);
    if (r->framing == WEIR__HTTP1_BODY_NONE)
        weir__http_response_part(r);
}

void weir__http_response_own(struct weir_http_response *r, struct http_conn *conn, bool sent_all) {
    conn->idle_ns = idle_time(r);
    r->reusable = sent_all && is_reusable(r);
    if (!r->held) {
        weir__http_response_begin(r, conn, false);
        return;
    }
    r->held = false;
    if (r->ended)
        weir__http_response_part(r);
}

void weir__http_response_part(struct weir_http_response *r) {
    struct http_conn *conn = r->conn;
    bool is_clean = r->reusable && r->failed == 0;
    r->ended = true;
    if (r->held)
        return;
    r->conn = NULL;
    if (conn != NULL && is_clean)
        weir__http_pool_give(conn);
    else if (conn != NULL)
        weir__http_pool_drop(conn);
}

void weir__http_response_give(struct weir_http_response *r, const void *pc) {
    struct weir__loop *l = r->client->loop;
    char shown[96]; /* as much as debug mode keeps */
    r->given = true;
    l->unclosed++;
    snprintf(shown, sizeof shown, "%.*s", (int)weir__uri_shown_len(r->url->text), r->url->text);
    weir__debug_made(l, r, "response of", shown, pc);
}

/* After its run only its memory is left. */
static void take_back(struct weir_http_response *r, const void *pc) {
    struct weir__loop *l = weir__loop();
    if (!r->given || l == NULL || l != r->client->loop)
        return;
    l->unclosed--;
    weir__debug_closed(l, r, pc);
}

void weir_http_response_close(struct weir_http_response **take_response) {
    struct weir_http_response *r = take_response != NULL ? *take_response : NULL;
    if (r == NULL)
        return;
    weir__debug_not_closed(weir__loop(), r, "weir_http_response_close",
                           __builtin_return_address(0));
    if (r->reading)
        WEIR_BUG("weir_http_response_close: a task reads the body of %.*s",
                 (int)weir__uri_shown_len(r->url->text), r->url->text);
    *take_response = NULL;
    take_back(r, __builtin_return_address(0));
    if (!r->ended) {
        r->reusable = false;
        weir__http_response_part(r);
    }
    struct weir_http_client *c = r->client;
    weir__http_decoder_free(r->decoder);
    weir__free(r->trailers);
    weir__free(r->whole);
    weir__free(r->ahead);
    weir__free(r->ahead_error);
    weir__free(r->url);
    weir__free(r);
    weir__http_client_unref(c);
}

/* ---- reading it ------------------------------------------------------------------------------ */

int weir_http_response_status(const struct weir_http_response *r) {
    weir__not_null(r, "weir_http_response_status");
    return r->head.status;
}

const char *weir_http_response_reason(const struct weir_http_response *r) {
    weir__not_null(r, "weir_http_response_reason");
    return r->text + r->head.reason.offset;
}

const char *weir_http_response_url(const struct weir_http_response *r) {
    weir__not_null(r, "weir_http_response_url");
    return r->url->text;
}

const char *weir_http_response_header(const struct weir_http_response *r, const char *name) {
    weir__not_null(r, "weir_http_response_header");
    weir__argument_not_null(name, "weir_http_response_header", "name");
    int i = weir__http1_find(&r->head, r->text, name, 0);
    return i < 0 ? NULL : r->text + r->headers[i].value.offset;
}

int weir_http_response_header_at(const struct weir_http_response *r, size_t i,
                                 const char **ret_name, const char **ret_value) {
    weir__not_null(r, "weir_http_response_header_at");
    if (i >= r->head.headers_count)
        return 0;
    *ret_name = r->text + r->headers[i].name.offset;
    *ret_value = r->text + r->headers[i].value.offset;
    return 1;
}

int64_t weir_http_response_length(const struct weir_http_response *r) {
    weir__not_null(r, "weir_http_response_length");
    switch (r->framing) {
    case WEIR__HTTP1_BODY_NONE:
        return weir__http1_status_has_body(r->head.status) ? r->head.body_len : 0; /* HEAD */
    case WEIR__HTTP1_BODY_LENGTH:
        return r->head.body_len;
    default:
        return -1;
    }
}

/* The trailers are lines "name:value", each with a NUL behind name and value once the body has
 * ended (client_body.c). */
const char *weir_http_response_trailer(const struct weir_http_response *r, const char *name) {
    weir__not_null(r, "weir_http_response_trailer");
    weir__argument_not_null(name, "weir_http_response_trailer", "name");
    const char *at = r->trailers, *end = at != NULL ? at + r->trailers_len : NULL;
    while (weir__http_body_ended(r) && r->failed == 0 && at < end) {
        const char *value = at + strlen(at) + 1;
        if (weir__chars_equal(at, strlen(at), name))
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}
