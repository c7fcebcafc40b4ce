/* SPDX-License-Identifier: MIT */
/* values.c - cookies and credentials of a request; who the client is; values put into URLs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/http_values.h>

#include "base/check.h"
#include "base/options.h"
#include "http/date.h"
#include "http/http.h"
#include "http/peers.h"
#include "wire/base64.h"

enum { COOKIE_MAX = 4096 /* what browsers keep */ };

/* ---- cookies ---- */

/* Take the next pair "name=value" of a Cookie field, without the blanks around it. */
static bool cookie_next(const char *text, size_t len, size_t *at, struct weir_view *ret_name,
                        struct weir_view *ret_value) {
    while (*at < len) {
        const char *from = text + *at, *stop = memchr(from, ';', len - *at);
        const char *end = stop != NULL ? stop : text + len;
        *at = (size_t)(end - text) + 1;
        while (from < end && (*from == ' ' || *from == '\t'))
            from++;
        while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        const char *equals = memchr(from, '=', (size_t)(end - from));
        if (equals == NULL || equals == from)
            continue;
        *ret_name = (struct weir_view){from, (size_t)(equals - from)};
        *ret_value = (struct weir_view){equals + 1, (size_t)(end - equals - 1)};
        return true;
    }
    return false;
}

int weir_http_cookie(const struct weir_http_request *r, const char *name,
                     struct weir_view *ret_value) {
    weir__http_request_check(r, "weir_http_cookie");
    weir__argument_not_null(name, "weir_http_cookie", "name");
    size_t name_len = strlen(name);
    for (int i = -1; (i = weir__http1_find(&r->head, r->text, "Cookie", i + 1)) >= 0;) {
        const char *text = r->text + r->head.headers[i].value.offset;
        struct weir_view found, value;
        for (size_t at = 0; cookie_next(text, r->head.headers[i].value.len, &at, &found, &value);)
            if (found.len == name_len && memcmp(found.base, name, name_len) == 0) {
                *ret_value = value;
                return 1;
            }
    }
    return 0;
}

static int bad_cookie(const char *why) {
    return weir__failf(-EINVAL, "http cookie", NULL, "%s", why);
}

static bool value_valid(const char *text) {
    for (; *text != '\0'; text++)
        if (*text <= 0x20 || *text > 0x7e || strchr("\",;\\", *text) != NULL)
            return false;
    return true;
}

static bool attribute_valid(const char *text) { /* RFC 6265 4.1.1: av-octet */
    for (; *text != '\0'; text++)
        if (*text < 0x20 || *text > 0x7e || *text == ';')
            return false;
    return true;
}

static int cookie_check(const struct weir_http_set_cookie *c) {
    if (c->name == NULL || c->value == NULL ||
        !weir__chars_all((const uint8_t *)c->name, strlen(c->name), WEIR__CHAR_TOKEN))
        return bad_cookie("its name is not a token");
    if (!value_valid(c->value))
        return bad_cookie("its value has a character that may not stand there");
    if (c->path != NULL && (c->path[0] != '/' || !attribute_valid(c->path)))
        return bad_cookie("its path does not begin with /, or has a bad character");
    if (c->domain != NULL && !weir__chars_all((const uint8_t *)c->domain, strlen(c->domain),
                                              WEIR__CHAR_HOST))
        return bad_cookie("its domain is not a host name");
    if (c->same_site == WEIR_HTTP_CROSS_SITE && c->insecure)
        return bad_cookie("SameSite=None needs Secure");
    bool is_host = strncasecmp(c->name, "__Host-", 7) == 0;
    bool is_whole = c->domain == NULL && (c->path == NULL || strcmp(c->path, "/") == 0);
    if ((is_host || strncasecmp(c->name, "__Secure-", 9) == 0) && c->insecure)
        return bad_cookie("its prefix needs Secure");
    return is_host && !is_whole ? bad_cookie("__Host- needs the path / and no domain") : 0;
}

int weir_http_cookie_write(char *text, size_t size, const struct weir_http_set_cookie *cookie) {
    static const char *const sites[] = {"Lax", "Strict", "None"};
    struct weir_http_set_cookie c;
    char age[80] = "";
    weir__argument_not_null(cookie, "weir_http_cookie_write", "cookie");
    WEIR_OPTIONS_COPY(struct weir_http_set_cookie, scriptable, &c, cookie);
    int rc = cookie_check(&c);
    if (rc < 0)
        return rc;
    if (c.max_age > 0)
        snprintf(age, sizeof age, "; Max-Age=%lld", (long long)c.max_age);
    else if (c.max_age < 0) /* Expires for those who know no Max-Age */
        snprintf(age, sizeof age, "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    int n = snprintf(text, size, "Set-Cookie: %s=%s; Path=%s%s%s%s; SameSite=%s%s%s", c.name,
                     c.value, c.path != NULL ? c.path : "/", c.domain != NULL ? "; Domain=" : "",
                     c.domain != NULL ? c.domain : "", age, sites[c.same_site],
                     c.insecure ? "" : "; Secure", c.scriptable ? "" : "; HttpOnly");
    if ((size_t)n >= size || n > COOKIE_MAX)
        return weir__failf(WEIR_ETOOBIG, "http cookie", NULL, "it has %d bytes of at most %zu", n,
                           size > COOKIE_MAX ? (size_t)COOKIE_MAX : size - (size > 0));
    return n;
}

/* ---- credentials ---- */

/* What follows the scheme in the only Authorization field. */
static const char *credentials(const struct weir_http_request *r, const char *scheme) {
    size_t len = strlen(scheme);
    int i = weir__http1_find(&r->head, r->text, "Authorization", 0);
    if (i < 0 || weir__http1_find(&r->head, r->text, "Authorization", i + 1) >= 0)
        return NULL;
    const char *text = r->text + r->head.headers[i].value.offset;
    if (strncasecmp(text, scheme, len) != 0 || text[len] != ' ')
        return NULL;
    return text + len + strspn(text + len, " ");
}

int weir_http_basic_auth(const struct weir_http_request *r, struct weir_http_basic *ret) {
    char plain[sizeof ret->user + sizeof ret->password];
    weir__http_request_check(r, "weir_http_basic_auth");
    const char *text = credentials(r, "Basic");
    size_t len = text != NULL ? strlen(text) : 0;
    ssize_t n = text != NULL ? weir__base64_decode(plain, sizeof plain - 1, text, len) : -1;
    if (n < 0)
        return 0;
    const char *colon = memchr(plain, ':', (size_t)n);
    bool has_controls = weir__chars_line_end((const uint8_t *)plain, 0, (size_t)n) != (size_t)n;
    if (colon == NULL || has_controls)
        return 0;
    size_t user = (size_t)(colon - plain), password = (size_t)n - user - 1;
    if (user >= sizeof ret->user || password >= sizeof ret->password)
        return 0;
    memcpy(ret->user, plain, user);
    ret->user[user] = '\0';
    memcpy(ret->password, colon + 1, password);
    ret->password[password] = '\0';
    return 1;
}

const char *weir_http_bearer(const struct weir_http_request *r) {
    weir__http_request_check(r, "weir_http_bearer");
    const char *text = credentials(r, "Bearer");
    size_t len = 0;
    while (text != NULL && text[len] != '\0' &&
           (weir__char_is((uint8_t)text[len], WEIR__CHAR_ALPHA | WEIR__CHAR_DIGIT) ||
            strchr("-._~+/", text[len]) != NULL))
        len++;
    bool whole = len > 0 && text[len + strspn(text + len, "=")] == '\0'; /* RFC 6750 2.1 */
    return whole ? text : NULL;
}

bool weir_http_secret_equal(const char *given, const char *secret) {
    weir__argument_not_null(given, "weir_http_secret_equal", "text");
    weir__argument_not_null(secret, "weir_http_secret_equal", "secret");
    size_t len = strlen(given), room = strlen(secret) + 1;
    volatile unsigned difference = (unsigned)(len + 1 != room);
    for (size_t i = 0; i <= len; i++)
        difference |= (unsigned)(uint8_t)given[i] ^ (uint8_t)secret[i % room];
    return difference == 0;
}

int weir_http_unauthorized(struct weir_http_request *r, const char *scheme, const char *realm) {
    char line[400];
    const char *const headers[] = {line, "Content-Type: text/plain; charset=utf-8",
                                   "Cache-Control: no-store", NULL};
    static const char text[] = "Unauthorized\n";
    int rc = weir__suspend_enter("http reply");
    if (rc < 0)
        return rc;
    weir__http_request_check(r, "weir_http_unauthorized");
    weir__argument_not_null(scheme, "weir_http_unauthorized", "scheme");
    weir__argument_not_null(realm, "weir_http_unauthorized", "realm");
    bool is_basic = strcmp(scheme, "Basic") == 0;
    const char *fault = NULL;
    if (!weir__chars_all((const uint8_t *)scheme, strlen(scheme), WEIR__CHAR_TOKEN))
        fault = "the scheme is no token";
    else if (!attribute_valid(realm) || strpbrk(realm, "\"\\") != NULL)
        fault = "the realm has a character that may not stand there";
    else if (strlen(realm) > 256)
        fault = "the realm has more than 256 bytes";
    if (fault != NULL)
        return weir__failf(-EINVAL, "http reply", NULL, "%s", fault);
    snprintf(line, sizeof line, "WWW-Authenticate: %s realm=\"%s\"%s", scheme, realm,
             is_basic ? ", charset=\"UTF-8\"" : "");
    return weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 401, .headers = headers, .body = text,
        .len = sizeof text - 1});
}

/* ---- who the client is ---- */

static void slice_copy(char *to, size_t size, const char *text, struct weir__slice s) {
    size_t len = s.len < size ? s.len : 0; /* rather nothing than a part */
    memcpy(to, text + s.offset, len);
    to[len] = '\0';
}

void weir_http_client_of(const struct weir_http_request *pub, struct weir_http_sender *ret) {
    struct http_request *r = weir__http_request_of(pub, "weir_http_client_of");
    const struct weir_http_server_options *o = &r->http->config->o;
    const char *peer = r->http->client != NULL ? r->http->client : weir_http_peer(pub);
    struct weir__client c;
    struct weir__ip ip;
    *ret = (struct weir_http_sender){.scheme = weir_http_scheme(pub)};
    /* The PROXY header has named no client: it may have sent the forwarded fields itself. */
    const char *const *proxies = r->http->nameless ? NULL : o->proxies;
    weir__client_find(&c, &pub->head, pub->text, proxies, o->by_forwarded, peer);
    ret->proxied = r->http->client != NULL || c.address.len > 0 || c.scheme.len > 0 ||
                   c.host.len > 0;
    if (weir__ip_parse(&ip, pub->text + c.address.offset, c.address.len))
        weir__ip_write(&ip, ret->address);
    else
        weir__peer_write(peer, ret->address);
    if (c.scheme.len > 0)
        ret->scheme = c.scheme.len == 5 ? "https" : "http";
    bool is_absolute = pub->head.target_form == WEIR__HTTP1_ABSOLUTE;
    struct weir__slice host = c.host.len > 0 ? c.host
                              : is_absolute  ? pub->head.authority
                                             : pub->head.host;
    slice_copy(ret->host, sizeof ret->host, pub->text, host);
}

/* ---- values put into URLs ---- */

/* RFC 3986 2.3; of what the caller keeps only visible ASCII, so that the result can add nothing to
 * a request but what it is. */
static bool escape_keeps(uint8_t c, const char *keep) {
    if (weir__char_is(c, WEIR__CHAR_ALPHA | WEIR__CHAR_DIGIT))
        return true;
    return c > 0x20 && c < 0x7f && c != '%' &&
           (strchr("-._~", c) != NULL || (keep != NULL && strchr(keep, c) != NULL));
}

static ssize_t escape_full(char *text, size_t size) {
    if (size > 0)
        *text = '\0';
    return weir__failf(WEIR_ETOOBIG, "http escape", NULL, "it does not fit into %zu bytes", size);
}

ssize_t weir_http_escape(char *text, size_t size, const char *value, size_t len,
                         const char *keep) {
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    if (len > 0)
        weir__argument_not_null(value, "weir_http_escape", "value");
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)value[i];
        bool stays = escape_keeps(c, keep);
        if (size - n <= (stays ? 1u : 3u))
            return escape_full(text, size);
        text[n++] = stays ? (char)c : '%';
        if (!stays) {
            text[n++] = hex[c >> 4];
            text[n++] = hex[c & 15];
        }
    }
    if (size == 0)
        return escape_full(text, size);
    text[n] = '\0';
    return (ssize_t)n;
}
