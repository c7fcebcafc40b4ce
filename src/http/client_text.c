/* SPDX-License-Identifier: MIT */
/* client_text.c - the head of a request as text: which headers are sent, and to whom. A redirect to
 * another origin takes with it nothing that says who the user is. */
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/alloc.h"
#include "http/client.h"
#include "http/client_decode.h"
#include "wire/http1_write.h"

static bool is_one_of(const char *line, const char *const *names) {
    for (; *names != NULL; names++)
        if (weir__http1_line_is(line, *names))
            return true;
    return false;
}

/* They say where a message ends, what its connection does, or who is asked. */
static bool is_ours(const char *line) {
    static const char *const names[] = {
        "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection",
        "Upgrade", "TE", "Trailer", "Expect", "Host", "Proxy-Authorization", NULL};
    return is_one_of(line, names);
}

static bool is_secret(const char *line) {
    static const char *const names[] = {"Authorization", "Cookie", NULL};
    return is_one_of(line, names);
}

static bool is_about_body(const char *line) {
    return strncasecmp(line, "Content-", 8) == 0;
}

static bool has_line(const char *const *lines, const char *name) {
    for (; lines != NULL && *lines != NULL; lines++)
        if (weir__http1_line_is(*lines, name))
            return true;
    return false;
}

/* ---- what a program gives -------------------------------------------------------------------- */

int weir__http_lines_check(const char *const *lines) {
    for (; lines != NULL && *lines != NULL; lines++) {
        const char *fault = weir__http1_line_fault(*lines);
        if (fault == NULL && is_ours(*lines))
            fault = "that one is the library's";
        if (fault != NULL)
            return weir__failf(-EINVAL, "http request", NULL, "the header \"%.60s\": %s", *lines,
                               fault);
    }
    return 0;
}

int weir__http_call_check(const struct http_fetch *f) {
    struct weir__uri u;
    const char *host = f->call.host;
    size_t len = strlen(f->method);
    if (!weir__chars_all((const uint8_t *)f->method, len, WEIR__CHAR_TOKEN))
        return weir__failf(-EINVAL, "http request", f->url->text, "the method is no token");
    if (strcmp(f->method, "CONNECT") == 0)
        return weir__failf(-EINVAL, "http request", f->url->text, "CONNECT makes no request");
    if (host != NULL && weir__uri_parse_authority(&u, host, strlen(host)) < 0)
        return weir__failf(-EINVAL, "http request", host, "not a Host header: %s", u.why);
    return weir__http_lines_check(f->call.headers);
}

/* A range counts compressed bytes (RFC 9110 14.2), and a part of them cannot be decompressed. */
bool weir__http_decodes(const struct http_fetch *f) {
    return !f->client->o.no_decompress && weir__http_can_decode() &&
           !has_line(f->call.headers, "Accept-Encoding") && !has_line(f->call.headers, "Range");
}

bool weir__http_has_body(const struct http_fetch *f) {
    return !f->without_body && (f->call.more != NULL || f->call.len > 0);
}

/* ---- the text -------------------------------------------------------------------------------- */

static void put_target(struct weir__head *w, const struct http_fetch *f) {
    const struct http_url *url = f->url;
    const char *path = url->text + url->u.path.offset;
    weir__head_put_foreign(w, f->method, strlen(f->method), WEIR__CHAR_TOKEN);
    weir__head_put_text(w, " ");
    if (f->proxy != NULL && url->u.scheme == WEIR__URI_HTTP) {
        weir__head_put_text(w, "http://");
        weir__head_put_authority(w, url->text + url->u.authority.offset, url->u.authority.len);
    }
    if (url->u.path.len == 0 || path[0] != '/')
        weir__head_put_text(w, "/");
    weir__head_put_foreign(w, path, url->u.path.len, WEIR__CHAR_TARGET);
    weir__head_put_text(w, " HTTP/1.1\r\nHost: ");
    if (f->call.host != NULL && !f->left_origin)
        weir__head_put_authority(w, f->call.host, strlen(f->call.host));
    else
        weir__head_put_authority(w, url->text + url->u.authority.offset, url->u.authority.len);
    weir__head_put_text(w, "\r\n");
}

static void put_headers(struct weir__head *w, const struct http_fetch *f) {
    const char *const *lines = f->call.headers;
    const char *agent = f->client->user_agent;
    if (*agent != '\0' && !has_line(lines, "User-Agent"))
        weir__head_put_field(w, "User-Agent", agent);
    if (!has_line(lines, "Accept"))
        weir__head_put_text(w, "Accept: */*\r\n");
    if (f->decodes)
        weir__head_put_text(w, "Accept-Encoding: gzip, deflate\r\n");
    if (f->proxy != NULL && f->proxy->authorization && f->url->u.scheme == WEIR__URI_HTTP)
        weir__head_put_field(w, "Proxy-Authorization", f->proxy->authorization);
    if (f->authorization != NULL && !f->left_origin)
        weir__head_put_field(w, "Authorization", f->authorization);
    for (; lines != NULL && *lines != NULL; lines++) {
        const char *const one[] = {*lines, NULL};
        bool hidden = (f->left_origin && is_secret(*lines)) ||
                      (f->without_body && is_about_body(*lines));
        if (!hidden)
            weir__head_put_lines(w, one);
    }
}

/* A POST, PUT or PATCH without a body says so (RFC 9110 8.6). */
static bool wants_length(const struct http_fetch *f) {
    return strcmp(f->method, "POST") == 0 || strcmp(f->method, "PUT") == 0 ||
           strcmp(f->method, "PATCH") == 0;
}

static void put_framing(struct weir__head *w, const struct http_fetch *f) {
    bool has_body = weir__http_has_body(f);
    char number[32];
    if (has_body && f->call.len == 0) {
        weir__head_put_text(w, "Transfer-Encoding: chunked\r\n");
    } else if (has_body || wants_length(f)) {
        snprintf(number, sizeof number, "%zu", has_body ? f->call.len : 0);
        weir__head_put_field(w, "Content-Length", number);
    }
    if (has_body && f->call.expect_continue && !f->without_expect)
        weir__head_put_text(w, "Expect: 100-continue\r\n");
    if (f->client->o.idle_ns < 0)
        weir__head_put_text(w, "Connection: close\r\n");
    weir__head_put_text(w, "\r\n");
}

int weir__http_head_text(const struct http_fetch *f, char **ret_text, size_t *ret_len) {
    size_t size = 2 * f->url->len + weir__head_lines_len(f->call.headers) +
                  strlen(f->client->user_agent) + 512;
    size += f->call.host != NULL ? strlen(f->call.host) : 0;
    size += f->authorization != NULL ? strlen(f->authorization) : 0;
    size += f->proxy != NULL && f->proxy->authorization ? strlen(f->proxy->authorization) : 0;
    struct weir__head w = {.text = weir__alloc(size), .size = size};
    if (w.text == NULL)
        return weir__fail(-ENOMEM, "http request", NULL);
    put_target(&w, f);
    put_headers(&w, f);
    put_framing(&w, f);
    ssize_t n = weir__head_len(&w);
    if (n < 0) {
        weir__free(w.text);
        return weir__failf((int)n, "http request", f->url->text, "the head cannot be written");
    }
    *ret_text = w.text;
    *ret_len = (size_t)n;
    return 0;
}
