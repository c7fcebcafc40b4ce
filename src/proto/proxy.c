/* SPDX-License-Identifier: MIT */
/* proxy.c - text only: the address of a proxy, and the list of hosts that are reached without one.
 * No two programs agree on such lists. What is read here is what curl and Go have in common. */
#include "proto/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "sys/addr.h"
#include "wire/base64.h"

/* ---- the address ----------------------------------------------------------------------------- */

char *weir__http_basic(const char *user, size_t user_len, const char *password,
                       size_t password_len) {
    static const char scheme[] = "Basic ";
    size_t len = user_len + 1 + password_len, at = sizeof scheme - 1;
    char *pair = weir__alloc(len);
    char *text = weir__alloc(at + WEIR__BASE64_LEN(len) + 1);
    if (pair != NULL && text != NULL) {
        memcpy(pair, user, user_len);
        pair[user_len] = ':';
        memcpy(pair + user_len + 1, password, password_len);
        memcpy(text, scheme, at);
        at += weir__base64_encode(text + at, pair, len);
        text[at] = '\0';
    } else {
        weir__free(text);
        text = NULL;
    }
    if (pair != NULL)
        explicit_bzero(pair, len);
    weir__free(pair);
    return text;
}

/* Decode %XX in place. Returns the new length. */
static size_t decode(char *text, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++, n++) {
        const uint8_t *p = (const uint8_t *)text + i;
        bool is_escape = p[0] == '%' && len - i > 2 && weir__char_is(p[1], WEIR__CHAR_HEX) &&
                         weir__char_is(p[2], WEIR__CHAR_HEX);
        text[n] = is_escape ? (char)(weir__char_hex(p[1]) << 4 | weir__char_hex(p[2])) : text[i];
        i += is_escape ? 2 : 0;
    }
    return n;
}

/* Of "USER:PASSWORD", as a URL has it; user may be all. */
static char *basic_of_url(const char *text, size_t len) {
    char *copy = weir__alloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    const char *colon = memchr(copy, ':', len);
    size_t user = colon != NULL ? (size_t)(colon - copy) : len;
    size_t rest = colon != NULL ? len - user - 1 : 0;
    char *password = copy + len - rest;
    size_t user_len = decode(copy, user);
    char *basic = weir__http_basic(copy, user_len, password, decode(password, rest));
    explicit_bzero(copy, len);
    weir__free(copy);
    return basic;
}

static int bad_proxy(const char *why, const char **ret_why) {
    *ret_why = why;
    return WEIR_EURL;
}

int weir__proxy_init(struct weir__proxy *ret, const char *url, const char *user,
                     const char *password, const char **ret_why) {
    struct weir__uri u;
    char host[256];
    const char *from = strstr(url, "://");
    if (from != NULL && strncasecmp(url, "http://", 7) != 0)
        return bad_proxy("only proxies of http:// are known", ret_why);
    from = from != NULL ? from + 3 : url;
    size_t len = strcspn(from, "/");
    if (from[len] != '\0' && from[len + 1] != '\0')
        return bad_proxy("nothing may follow the port of a proxy", ret_why);
    const char *at = memrchr(from, '@', len);
    const char *authority = at != NULL ? at + 1 : from;
    size_t authority_len = len - (size_t)(authority - from);
    if (weir__uri_parse_authority(&u, authority, authority_len) < 0)
        return bad_proxy(u.why, ret_why);
    if (u.has_port && u.port == 0)
        return bad_proxy("port 0 cannot be dialled", ret_why);
    struct weir__proxy p = {0};
    char bracketed[WEIR__URI_AUTHORITY];
    snprintf(host, sizeof host, "%.*s", (int)u.host.len, authority + u.host.offset);
    snprintf(p.url, sizeof p.url, "tcp://%s",
             weir__uri_authority(host, u.has_port ? u.port : 80, bracketed));
    if (user != NULL) {
        const char *word = password != NULL ? password : "";
        p.authorization = weir__http_basic(user, strlen(user), word, strlen(word));
    } else if (at != NULL) {
        p.authorization = basic_of_url(from, (size_t)(at - from));
    }
    if ((user != NULL || at != NULL) && p.authorization == NULL)
        return -ENOMEM;
    *ret = p;
    return 0;
}

void weir__proxy_fini(struct weir__proxy *p) {
    if (p->authorization != NULL)
        explicit_bzero(p->authorization, strlen(p->authorization));
    weir__free(p->authorization);
    p->authorization = NULL;
}

/* ---- hosts without a proxy ------------------------------------------------------------------- */

struct bytes { /* an address */
    int count; /* 4 or 16; 0: it is a name */
    uint8_t of[16];
};

static struct bytes address_of(const char *text, size_t len) {
    struct bytes b = {0};
    char copy[64];
    text = weir__uri_host_bare(text, &len);
    if (len >= sizeof copy)
        return b;
    memcpy(copy, text, len);
    copy[len] = '\0';
    copy[strcspn(copy, "%")] = '\0';
    bool is_4 = inet_pton(AF_INET, copy, b.of) == 1;
    b.count = is_4 ? 4 : inet_pton(AF_INET6, copy, b.of) == 1 ? 16 : 0;
    return b;
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

/* "10.0.0.0/8", "fd00::/8", or one address. */
static bool is_in_range(const struct bytes *host, const char *item, size_t len) {
    const char *slash = memchr(item, '/', len);
    struct bytes b = address_of(item, slash != NULL ? (size_t)(slash - item) : len);
    int64_t bits = b.count * 8;
    if (slash != NULL)
        bits = weir__chars_decimal((const uint8_t *)slash + 1, len - (size_t)(slash + 1 - item),
                                   b.count * 8);
    return b.count != 0 && bits >= 0 && b.count == host->count &&
           bits_equal(b.of, host->of, (unsigned)bits);
}

/* "example.com" names itself and what is below, ".example.com" only what is below. */
static bool is_under(const char *host, size_t len, const char *item, size_t item_len) {
    bool below_only = item_len > 0 && item[0] == '.';
    size_t name = below_only ? item_len - 1 : item_len;
    const char *want = below_only ? item + 1 : item;
    if (name == 0 || len < name || strncasecmp(host + len - name, want, name) != 0)
        return false;
    return len == name ? !below_only : host[len - name - 1] == '.';
}

/* Take ":PORT" off the end of an item. Returns false if it names another port. */
static bool port_matches(const char *item, size_t *len, uint16_t port) {
    const char *colon = memrchr(item, ':', *len);
    const char *bracket = memrchr(item, ']', *len);
    bool is_bare_v6 = colon != NULL && bracket == NULL && memchr(item, ':', (size_t)(colon - item));
    if (colon == NULL || is_bare_v6 || (bracket != NULL && bracket > colon))
        return true;
    size_t digits = *len - (size_t)(colon + 1 - item);
    *len = (size_t)(colon - item);
    return weir__chars_decimal((const uint8_t *)colon + 1, digits, UINT16_MAX) == port;
}

bool weir__proxy_skips(const char *no_proxy, const char *host, size_t len, uint16_t port) {
    size_t total = no_proxy != NULL ? strlen(no_proxy) : 0, at = 0;
    struct weir__slice s;
    len -= len > 1 && host[len - 1] == '.';
    struct bytes address = address_of(host, len);
    while (weir__chars_list_next((const uint8_t *)no_proxy, total, &at, &s)) {
        const char *item = no_proxy + s.offset;
        size_t n = s.len;
        if (n == 1 && item[0] == '*')
            return true;
        if (port_matches(item, &n, port) &&
            (address.count != 0 ? is_in_range(&address, item, n) : is_under(host, len, item, n)))
            return true;
    }
    return false;
}

bool weir__proxy_is_local(const char *host, size_t len) {
    struct bytes b = address_of(host, len);
    static const uint8_t one[16] = {[15] = 1};
    return b.count == 4    ? b.of[0] == 127
           : b.count == 16 ? memcmp(b.of, one, 16) == 0
                           : is_under(host, len, "localhost", 9);
}

/* ---- the environment ------------------------------------------------------------------------- */

static const char *first_set(const char *const *names) {
    for (; *names != NULL; names++) {
        const char *value = getenv(*names);
        if (value != NULL && *value != '\0')
            return value;
    }
    return NULL;
}

/* Not HTTP_PROXY: in a CGI program that is the header Proxy of whoever asks. */
const char *weir__proxy_from_environment(bool tls) {
    static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    static const char *const safe[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                       NULL};
    return first_set(tls ? safe : plain);
}

const char *weir__no_proxy_from_environment(void) {
    static const char *const names[] = {"no_proxy", "NO_PROXY", NULL};
    return first_set(names);
}
