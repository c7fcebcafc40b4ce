/* SPDX-License-Identifier: MIT */
/* access_log.c - calls the program's `log` when a request is over, and writes the line of text that
 * describes it. */
#include <stdio.h>
#include <string.h>
#include <weir/http_log.h>
#include <weir/http_values.h>
#include <weir/wall.h>

#include "base/check.h"
#include "base/options.h"
#include "http/date.h"
#include "http/http.h"
#include "http/peers.h"

enum { TARGET_MAX = 1024, FIELD_MAX = 256 };

void weir__http_logged(struct http_request *r) {
    const struct weir_http *h = r->http;
    const struct http_config *c = h->config;
    struct weir_http_sender client = {.address = ""};
    struct weir_http_log entry = {
        .size = sizeof entry, .request = r->is_whole ? &r->pub : NULL, .client = client.address,
        .status = r->status, .rc = r->pub.failed, .sent = r->sent, .received = r->body_came,
        .took = weir__loop_now(c->loop) - r->began, .at = weir_wall_now() / WEIR_SECONDS(1)};
    if (r->is_whole)
        weir_http_client_of(&r->pub, &client);
    else
        weir__peer_write(h->client != NULL ? h->client : weir_stream_peer(h->stream),
                         client.address);
    c->o.log(&entry, c->o.log_arg);
}

/* ---- the line ---- */

struct line {
    char *text;
    size_t len, size;
};

static void put(struct line *l, const char *text, size_t len) {
    for (size_t i = 0; i < len && l->len + 1 < l->size; i++)
        l->text[l->len++] = text[i];
}

static void put_text(struct line *l, const char *text) {
    put(l, text, strlen(text));
}

/* Escaped: nothing of a client's ends a quoted text or the line. */
static void put_foreign(struct line *l, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char hex[8];
        bool plain = text[i] > 0x1f && text[i] < 0x7f && text[i] != '"' && text[i] != '\\';
        int n = plain ? 1 : snprintf(hex, sizeof hex, "\\x%02x", (unsigned)(uint8_t)text[i]);
        if (l->len + (size_t)n >= l->size)
            return;
        put(l, plain ? text + i : hex, (size_t)n);
    }
}

/* What stands before the query, in which secrets travel. */
static void put_without_query(struct line *l, const char *text, size_t max) {
    size_t len = strcspn(text, "?#");
    put_foreign(l, text, len < max ? len : max);
}

static void put_field(struct line *l, const struct weir_http_request *r, const char *name,
                      bool is_url) {
    const char *value = r != NULL ? weir_http_header(r, name) : NULL;
    size_t len = value != NULL ? strlen(value) : 0;
    put_text(l, " \"");
    if (value == NULL)
        put_text(l, "-");
    else if (is_url)
        put_without_query(l, value, FIELD_MAX);
    else
        put_foreign(l, value, len < FIELD_MAX ? len : FIELD_MAX);
    put_text(l, "\"");
}

static void put_request(struct line *l, const struct weir_http_request *r) {
    put_text(l, "\"");
    if (r != NULL) {
        put_foreign(l, weir_http_method(r), strlen(weir_http_method(r)));
        put_text(l, " ");
        put_without_query(l, weir_http_target(r), TARGET_MAX);
        put_text(l, r->head.minor == 0 ? " HTTP/1.0" : " HTTP/1.1");
    } else {
        put_text(l, "-");
    }
    put_text(l, "\"");
}

int weir_http_log_line(const struct weir_http_log *entry, char *text, size_t size) {
    struct weir_http_log e;
    struct line l = {.text = text, .size = size};
    char part[96];
    weir__argument_not_null(entry, "weir_http_log_line", "entry");
    WEIR_OPTIONS_COPY(struct weir_http_log, at, &e, entry);
    if (size == 0)
        return 0;
    struct weir__civil c = weir__civil(e.at);
    put_foreign(&l, e.client != NULL ? e.client : "-", strlen(e.client != NULL ? e.client : "-"));
    snprintf(part, sizeof part, " - - [%02d/%s/%04d:%02d:%02d:%02d +0000] ", c.day,
             weir__months[c.month - 1], c.year, c.hour, c.minute, c.second);
    put_text(&l, part);
    put_request(&l, e.request);
    snprintf(part, sizeof part, " %d %llu", e.status, (unsigned long long)e.sent);
    put_text(&l, part);
    put_field(&l, e.request, "Referer", true);
    put_field(&l, e.request, "User-Agent", false);
    snprintf(part, sizeof part, " %lld.%03lld", (long long)(e.took / WEIR_SECONDS(1)),
             (long long)(e.took / WEIR_MILLISECONDS(1) % 1000));
    put_text(&l, part);
    text[l.len] = '\0';
    return (int)l.len;
}
