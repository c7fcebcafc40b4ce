/* SPDX-License-Identifier: MIT */
/* ws_dial.c - how a client comes to its server: the URL, the stream, the handshake. */
#include "proto/ws_dial.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/proxy.h"
#include "proto/ws_shake.h"
#include "stream/secure.h"
#include "stream/stream.h"
#include "stream/tls_table.h"
#include "task/task.h"

int weir__ws_url_check(const char *url, struct weir__uri *ret_uri) {
    int rc = weir__uri_parse(ret_uri, url, strlen(url), "no scheme: write ws://host:port/path");
    bool is_ws = ret_uri->scheme == WEIR__URI_WS || ret_uri->scheme == WEIR__URI_WSS;
    char shown[WEIR__URI_SHOWN];
    if (ret_uri->scheme != WEIR__URI_NONE && !is_ws) /* whatever else is wrong with it */
        return weir__failf(WEIR_EURL, "ws dial", weir__uri_shown_refused(url, shown),
                           "the scheme must be ws or wss");
    if (rc < 0)
        return weir__failf(WEIR_EURL, "ws dial", weir__uri_shown_refused(url, shown), "%s%s",
                           ret_uri->why, strcmp(ret_uri->why, "unknown scheme") == 0
                                             ? ": there are ws and wss" : "");
    return ret_uri->scheme == WEIR__URI_WSS && weir__tls_table == NULL
               ? weir__tls_missing("ws dial", url) : 0;
}

static int dial_host(const char *url, const struct weir__uri *u, struct weir_tls *tls,
                     struct weir_stream **ret_stream) {
    char host[256], authority[WEIR__URI_AUTHORITY], text[WEIR__URI_AUTHORITY + 8];
    struct weir_dial_options o = {.size = sizeof o, .tls = tls};
    struct weir_stream *s;
    if (u->host.len >= sizeof host)
        return weir__failf(WEIR_EURL, "ws dial", url, "the host is too long");
    snprintf(host, sizeof host, "%.*s", (int)u->host.len, url + u->host.offset);
    snprintf(text, sizeof text, "tcp://%s", weir__uri_authority(host, u->port, authority));
    int rc = weir_dial(text, NULL, &s);
    if (rc == 0 && u->scheme == WEIR__URI_WSS)
        return weir__secure_dial(&s, url, host, &o, ret_stream);
    if (rc == 0)
        *ret_stream = s;
    return rc;
}

/* A stream to the server, through the proxy. */
static int dial_proxy(const char *url, const struct weir__uri *u,
                      const struct weir_ws_options *options, struct weir_stream **ret_stream) {
    struct weir_dial_options o = {.size = sizeof o, .tls = options->tls};
    struct weir_stream *tunnel;
    char host[256], authority[WEIR__URI_AUTHORITY];
    struct weir__proxy p;
    const char *why = "";
    int rc = weir__proxy_init(&p, options->proxy, NULL, NULL, &why);
    if (rc == WEIR_EURL)
        return weir__failf(rc, "ws dial", url, "the proxy: %s", why);
    if (rc < 0)
        return weir__fail(rc, "ws dial", url);
    snprintf(host, sizeof host, "%.*s", (int)u->host.len, url + u->host.offset);
    weir__uri_authority(host, u->port, authority);
    rc = weir__proxy_dial(&p, NULL, &tunnel);
    if (rc == 0 && (rc = weir__proxy_connect(tunnel, &p, authority, "ws dial")) < 0)
        weir_close(&tunnel);
    weir__proxy_fini(&p);
    if (rc == 0 && u->scheme == WEIR__URI_WSS)
        return weir__secure_dial(&tunnel, url, host, &o, ret_stream);
    if (rc == 0)
        *ret_stream = tunnel;
    return rc;
}

/* ---- redirects ---- */

/* Does text begin with a scheme, "name:"? */
static size_t scheme_len(const char *text) {
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return n > 0 && text[n] == ':' ? n : 0;
}

/* Remove the segments "." and ".." of a path that begins with a slash (RFC 3986 5.2.4). */
static void dots_remove(char *path) {
    size_t end = strcspn(path, "?"), out = 0;
    for (size_t at = 0; at < end;) {
        size_t n = 1 + strcspn(path + at + 1, "/?");
        n = n > end - at ? end - at : n;
        bool is_last = at + n == end;
        bool is_dot = n == 2 && path[at + 1] == '.';
        bool is_up = n == 3 && path[at + 1] == '.' && path[at + 2] == '.';
        if (is_up)
            while (out > 0 && path[--out] != '/')
                ;
        if (!is_dot && !is_up) {
            memmove(path + out, path + at, n);
            out += n;
        } else if (is_last) {
            path[out++] = '/';
        }
        at += n;
    }
    memmove(path + out, path + end, strlen(path + end) + 1);
}

/* Where the directory of a path ends, behind its last slash. */
static size_t directory_len(const char *path, size_t len) {
    size_t end = 0;
    for (size_t i = 0; i < len && path[i] != '?'; i++)
        if (path[i] == '/')
            end = i + 1;
    return end;
}

char *weir__ws_url_join(const char *url, const struct weir__uri *u, const char *location) {
    size_t len = strcspn(location, "#"), scheme = scheme_len(location), path = 0;
    const char *base = weir__uri_scheme_name(u->scheme), *name = base;
    char *text = weir__alloc(strlen(url) + len + 16);
    if (text == NULL)
        return NULL;
    if (scheme > 0) {
        name = weir__chars_equal(location, scheme, "http")    ? "ws"
               : weir__chars_equal(location, scheme, "https") ? "wss"
                                                              : NULL;
        sprintf(text, "%s%.*s", name ? name : "", (int)(name ? len - scheme : len),
                location + (name ? scheme : 0));
        return text;
    }
    if (strncmp(location, "//", 2) == 0) {
        sprintf(text, "%s:%.*s", base, (int)len, location);
        return text;
    }
    const char *old = url + u->path.offset;
    size_t kept = location[0] == '/'                 ? 0
                  : location[0] == '?' || len == 0 ? strcspn(old, len == 0 ? "" : "?")
                                                   : directory_len(old, u->path.len);
    kept = kept < u->path.len ? kept : u->path.len;
    path = (size_t)sprintf(text, "%s://%.*s", base, (int)u->authority.len,
                           url + u->authority.offset);
    bool has_slash = kept > 0 ? old[0] == '/' : location[0] == '/';
    sprintf(text + path, "%s%.*s%.*s", has_slash ? "" : "/", (int)kept, old, (int)len, location);
    dots_remove(text + path);
    return text;
}

static bool same_origin(const char *a, const struct weir__uri *ua, const char *b,
                        const struct weir__uri *ub) {
    return ua->scheme == ub->scheme && ua->port == ub->port && ua->host.len == ub->host.len &&
           strncasecmp(a + ua->host.offset, b + ub->host.offset, ua->host.len) == 0;
}

static int not_followed(const char *on, const char *to, const char *why) {
    const struct weir_error *e = weir_error(WEIR_EHTTP);
    int status = e ? e->status : 0;
    size_t len = weir__uri_shown_len(to);
    weir__failf(WEIR_EHTTP, "ws dial", on, "the server redirects to %.*s: %s",
                len < 64 ? (int)len : 64, to, why);
    weir__fail_status(WEIR_EHTTP, status);
    return WEIR_EHTTP;
}

/* Of a client that is led from one server to the next. */
struct ws_trip {
    char *url; /* owned; NULL: the first, which is the caller's */
    const char *at;
    struct weir__uri u;
    int count;
    const char **headers; /* without credentials, once the origin has changed; else NULL */
};

/* Those that say who the user is are for the first server only. */
static int drop_credentials(struct ws_trip *t, const char *const *headers) {
    size_t count = 0, kept = 0;
    while (headers != NULL && headers[count] != NULL)
        count++;
    if (count == 0 || t->headers != NULL)
        return 0;
    t->headers = weir__alloc((count + 1) * sizeof *t->headers);
    if (t->headers == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (!weir__http1_line_is(headers[i], "Authorization") &&
            !weir__http1_line_is(headers[i], "Cookie") &&
            !weir__http1_line_is(headers[i], "Proxy-Authorization"))
            t->headers[kept++] = headers[i];
    t->headers[kept] = NULL;
    return 0;
}

/* Go to where the answer leads. Returns 0, WEIR_EHTTP, -ENOMEM. */
static int follow(struct weir_ws *ws, struct ws_trip *t, const char *location) {
    const struct weir_ws_options *o = &ws->config->o;
    const char *on = weir_ws_peer(ws);
    struct weir__uri u;
    if (*location == '\0')
        return not_followed(on, "nowhere", "no Location, or several");
    if (++t->count > (o->redirects_max < WS_REDIRECTS_MAX ? o->redirects_max : WS_REDIRECTS_MAX))
        return not_followed(on, location, "too many redirects");
    char *next = weir__ws_url_join(t->at, &t->u, location);
    if (next == NULL)
        return weir__fail(-ENOMEM, "ws dial", on);
    bool is_ws = weir__uri_parse(&u, next, strlen(next), "no scheme") == 0 &&
                 (u.scheme == WEIR__URI_WS || u.scheme == WEIR__URI_WSS);
    bool is_down = is_ws && t->u.scheme == WEIR__URI_WSS && u.scheme == WEIR__URI_WS;
    int rc = !is_ws    ? not_followed(on, location, "that is no WebSocket URL")
             : is_down ? not_followed(on, location, "that is not encrypted")
                       : 0;
    if (rc == 0 && !same_origin(t->at, &t->u, next, &u) && drop_credentials(t, o->headers) < 0)
        rc = weir__fail(-ENOMEM, "ws dial", on);
    if (rc < 0) {
        weir__free(next);
        return rc;
    }
    weir__free(t->url);
    t->at = t->url = next;
    t->u = u;
    weir_close(&ws->stream);
    return 0;
}

/* The error of a dial names an address: let its text begin with the URL, "ws dial URL: ". A long
 * URL is cut, so that the cause is not. */
static int name_url(int rc, const char *url) {
    const struct weir_error *e = weir_error(rc);
    struct weir_error named;
    if (e == NULL || strcmp(e->what, "ws dial") == 0 || weir_cancelled() != 0)
        return rc;
    size_t rest = strlen(e->text) + sizeof "ws dial : ", len = strlen(url);
    if (rest + 16 > sizeof named.text)
        return rc;
    size_t room = sizeof named.text - rest;
    bool is_cut = len > room;
    weir__error_keep(&named);
    char begin[sizeof named.text];
    int n = snprintf(begin, sizeof begin, "ws dial %.*s%s: ", (int)(is_cut ? room - 3 : len), url,
                     is_cut ? "..." : "");
    memmove(named.text + n, named.text, strlen(named.text) + 1);
    memcpy(named.text, begin, (size_t)n);
    weir__error_restore(&named);
    return rc;
}

static int ask_one(struct weir_ws *ws, struct ws_trip *t, char **ret_location) {
    struct weir__uri again; /* a redirect may need TLS */
    int rc = weir__ws_url_check(t->at, &again);
    const char *proxy = ws->config->o.proxy;
    size_t len = weir__uri_shown_len(t->at);
    char shown[sizeof ((struct weir_error *)0)->text]; /* the URL may lie where a dial writes */
    snprintf(shown, sizeof shown, "%.*s", len < sizeof shown ? (int)len : (int)sizeof shown, t->at);
    if (rc == 0)
        rc = proxy != NULL ? dial_proxy(t->at, &t->u, &ws->config->o, &ws->stream)
                           : dial_host(t->at, &t->u, ws->config->o.tls, &ws->stream);
    if (rc < 0)
        return name_url(rc, shown);
    struct ws_question q = {
        .url = t->at,
        .host = t->at + t->u.authority.offset, .host_len = t->u.authority.len,
        .path = t->at + t->u.path.offset, .path_len = t->u.path.len,
        .headers = t->headers ? (const char *const *)t->headers : ws->config->o.headers};
    rc = weir__ws_shake_client(ws, &q);
    *ret_location = q.location;
    return rc;
}

int weir__ws_dial(struct weir_ws *ws, const char *url, const struct weir__uri *u) {
    struct ws_trip t = {.at = url, .u = *u};
    int rc;
    for (;;) {
        char *location = NULL;
        rc = ask_one(ws, &t, &location);
        bool leads = rc == WEIR_EHTTP && location != NULL;
        int followed = leads ? follow(ws, &t, location) : 0;
        weir__free(location);
        rc = followed < 0 ? followed : rc;
        if (!leads || followed < 0)
            break;
    }
    weir__free(t.url);
    weir__free(t.headers);
    return rc;
}
