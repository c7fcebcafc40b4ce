/* SPDX-License-Identifier: MIT */
/* client_url.c - text in, text out. A resolved URL is parsed by the same parser as one that a
 * program gives, so a Location can name nothing that a program could not. */
#include "http/client_url.h"

#include <errno.h>
#include <string.h>
#include <weir/base.h>

#include "base/alloc.h"
#include "base/check.h"

static int url_parse(struct http_url *url, const char **ret_why) {
    int rc = weir__uri_parse(&url->u, url->text, url->len, "no scheme: write http://HOST/PATH");
    bool is_http = url->u.scheme == WEIR__URI_HTTP || url->u.scheme == WEIR__URI_HTTPS;
    if (url->u.scheme != WEIR__URI_NONE && !is_http) { /* whatever else is wrong with it */
        *ret_why = "the scheme must be http or https";
        return WEIR_EURL;
    }
    if (rc < 0) {
        bool is_unknown = strcmp(url->u.why, "unknown scheme") == 0;
        *ret_why = is_unknown ? "unknown scheme: there are http and https" : url->u.why;
        return rc;
    }
    if (url->u.port == 0) {
        *ret_why = "port 0 cannot be dialled";
        return WEIR_EURL;
    }
    return 0;
}

int weir__http_url_new(const char *text, size_t len, struct http_url **ret, const char **ret_why) {
    const char *hash = memchr(text, '#', len);
    if (hash != NULL)
        len = (size_t)(hash - text);
    if (len > HTTP_URL_MAX) {
        *ret_why = "the URL is too long";
        return WEIR_EURL;
    }
    struct http_url *url = weir__alloc(sizeof *url + len + 1);
    if (url == NULL)
        return -ENOMEM;
    memcpy(url->text, text, len);
    url->text[len] = '\0';
    url->len = len;
    int rc = url_parse(url, ret_why);
    if (rc < 0)
        weir__free(url);
    else
        *ret = url;
    return rc;
}

/* ---- RFC 3986 5.2 ---------------------------------------------------------------------------- */

struct out {
    char *text;
    size_t len, size;
    bool full;
};

static void put(struct out *o, const char *bytes, size_t len) {
    if (len > o->size - o->len) {
        o->full = true;
        return;
    }
    memcpy(o->text + o->len, bytes, len);
    o->len += len;
}

/* Put a part of a Location: each byte that no URL may hold as %XX. */
static void put_escaped(struct out *o, const char *bytes, size_t len) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)bytes[i];
        char three[3] = {'%', hex[c >> 4], hex[c & 15]};
        bool stays = c > 0x20 && c < 0x7f && strchr("\"<>\\^`{|}[]", c) == NULL;
        put(o, stays ? bytes + i : three, stays ? 1 : 3);
    }
}

static size_t until(const char *text, size_t len, const char *stops) {
    size_t n = 0;
    while (n < len && strchr(stops, text[n]) == NULL)
        n++;
    return n;
}

/* The path in o from `from` on, without its segments "." and ".." (5.2.4). A ".." at the root is
 * dropped: nothing lies above. */
static void remove_dots(struct out *o, size_t from) {
    char *text = o->text;
    size_t read = from, write = from, end = o->len;
    while (read < end) { /* at a slash, or at the start of a path without one */
        size_t seg = read + (text[read] == '/');
        size_t len = until(text + seg, end - seg, "/");
        bool is_last = seg + len == end;
        bool dots = len > 0 && len <= 2 && text[seg] == '.' && text[seg + len - 1] == '.';
        if (dots && len == 2)
            while (write > from && text[--write] != '/')
                ;
        if (!dots) {
            memmove(text + write, text + read, seg + len - read);
            write += seg + len - read;
        } else if (is_last) {
            text[write++] = '/';
        }
        read = seg + len;
    }
    o->len = write;
}

/* How long the scheme of a reference is, with its colon; 0: it has none. */
static size_t scheme_len(const char *ref, size_t len) {
    const uint8_t *p = (const uint8_t *)ref;
    size_t n = 0;
    if (len == 0 || !weir__char_is(p[0], WEIR__CHAR_ALPHA))
        return 0;
    while (n < len && (weir__char_is(p[n], WEIR__CHAR_ALPHA | WEIR__CHAR_DIGIT) ||
                       strchr("+-.", p[n]) != NULL))
        n++;
    return n < len && p[n] == ':' ? n + 1 : 0;
}

/* Put a reference's own path, and its query behind it. */
static void put_path(struct out *o, const char *path, size_t len, size_t from) {
    size_t n = until(path, len, "?");
    put_escaped(o, path, n);
    if (!o->full)
        remove_dots(o, from);
    put_escaped(o, path + n, len - n);
}

/* Where the path of a base begins, and how long it is up to its last slash. */
static void put_merged(struct out *o, const struct http_url *base, const char *ref, size_t len) {
    const char *path = base->text + base->u.path.offset;
    size_t n = until(path, base->u.path.len, "?"), from = o->len;
    while (n > 0 && path[n - 1] != '/')
        n--;
    put(o, n > 0 ? path : "/", n > 0 ? n : 1);
    put_path(o, ref, len, from);
}

static void resolve(struct out *o, const struct http_url *base, const char *ref, size_t len) {
    const char *path = base->text + base->u.path.offset;
    size_t scheme = scheme_len(ref, len), authority;
    bool has_authority = len - scheme >= 2 && memcmp(ref + scheme, "//", 2) == 0;
    if (scheme > 0)
        put(o, ref, scheme);
    else
        put(o, base->text, (size_t)(strchr(base->text, ':') + 1 - base->text));
    if (scheme > 0 && !has_authority) {
        put(o, ref + scheme, len - scheme); /* the parser refuses it */
        return;
    }
    if (has_authority) {
        authority = 2 + until(ref + scheme + 2, len - scheme - 2, "/?");
        put(o, ref + scheme, authority);
        put_path(o, ref + scheme + authority, len - scheme - authority, o->len);
        return;
    }
    put(o, "//", 2);
    put(o, base->text + base->u.authority.offset, base->u.authority.len);
    if (len == 0) {
        put(o, path, base->u.path.len);
    } else if (ref[0] == '?') {
        put(o, path, until(path, base->u.path.len, "?"));
        put_escaped(o, ref, len);
    } else if (ref[0] == '/') {
        put_path(o, ref, len, o->len);
    } else {
        put_merged(o, base, ref, len);
    }
}

int weir__http_url_resolve(const struct http_url *base, const char *ref, size_t len,
                           struct http_url **ret, const char **ret_why) {
    struct out o = {.size = HTTP_URL_MAX + 1};
    const char *hash = memchr(ref, '#', len);
    o.text = weir__alloc(o.size);
    if (o.text == NULL)
        return -ENOMEM;
    resolve(&o, base, ref, hash != NULL ? (size_t)(hash - ref) : len);
    *ret_why = "the URL is too long";
    int rc = o.full ? WEIR_EURL : weir__http_url_new(o.text, o.len, ret, ret_why);
    weir__free(o.text);
    return rc;
}

bool weir__http_url_same_origin(const struct http_url *a, const struct http_url *b) {
    return a->u.scheme == b->u.scheme && a->u.port == b->u.port &&
           a->u.host.len == b->u.host.len &&
           strncasecmp(a->text + a->u.host.offset, b->text + b->u.host.offset, a->u.host.len) == 0;
}
