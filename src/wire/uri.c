/* SPDX-License-Identifier: MIT */
/* uri.c - one pass over the text with one cursor; the first fault ends the parsing. */
#include "wire/uri.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <weir/base.h>

enum {
    NAME_MAX_LEN = 253, /* RFC 1035: what fits a packet, as text */
    LABEL_MAX_LEN = 63,
    UNIX_MAX_LEN = 107, /* sun_path with its NUL */
    ZONE_MAX_LEN = 15,  /* IFNAMSIZ - 1 */
};

static const struct scheme {
    const char *name;
    uint16_t port_default; /* 0: must be written */
    bool has_path;
} schemes[] = {
    [WEIR__URI_NONE] = {"", 0, false},       [WEIR__URI_TCP] = {"tcp", 0, false},
    [WEIR__URI_TLS] = {"tls", 0, false},     [WEIR__URI_UDP] = {"udp", 0, false},
    [WEIR__URI_WS] = {"ws", 80, true},       [WEIR__URI_WSS] = {"wss", 443, true},
    [WEIR__URI_HTTP] = {"http", 80, true},   [WEIR__URI_HTTPS] = {"https", 443, true},
    [WEIR__URI_UNIX] = {"unix", 0, true},
};

enum { SCHEME_COUNT = sizeof schemes / sizeof schemes[0] };

struct cursor {
    struct weir__uri *uri;
    const uint8_t *bytes;
    size_t at, len;
};

static int refuse(struct cursor *c, const char *why) {
    c->uri->why = why;
    return WEIR_EURL;
}

static struct weir__slice slice(size_t from, size_t to) {
    return (struct weir__slice){(uint32_t)from, (uint32_t)(to - from)};
}

/* Four numbers 0..255 without leading zeros: some programs read "010" as 8, others as 10. */
static bool is_ipv4(const uint8_t *bytes, size_t len) {
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        size_t digits = weir__chars_span(bytes + at, len - at, WEIR__CHAR_DIGIT);
        if (digits == 0 || digits > 3 || (digits > 1 && bytes[at] == '0') ||
            weir__chars_decimal(bytes + at, digits, 255) < 0)
            return false;
        at += digits;
        if (part < 3 && (at == len || bytes[at++] != '.'))
            return false;
    }
    return at == len;
}

/* Eight groups of 1..4 hex digits, one run of zero groups may be "::", the last two groups may be
 * written as an IPv4 address. */
static bool is_ipv6(const uint8_t *bytes, size_t len) {
    size_t at = 0;
    int groups = 0;
    bool gap = false;
    while (at < len) {
        if (len - at >= 2 && bytes[at] == ':' && bytes[at + 1] == ':') {
            if (gap)
                return false;
            gap = true;
            at += 2;
        } else if (groups > 0) {
            if (bytes[at++] != ':')
                return false;
        }
        size_t digits = weir__chars_span(bytes + at, len - at, WEIR__CHAR_HEX);
        if (at + digits < len && bytes[at + digits] == '.')
            return is_ipv4(bytes + at, len - at) && (gap ? groups <= 5 : groups == 6);
        if (digits == 0 && at == len && gap && bytes[at - 1] == ':' && bytes[at - 2] == ':')
            break;
        if (digits == 0 || digits > 4)
            return false;
        at += digits;
        groups++;
    }
    return gap ? groups <= 7 : groups == 8;
}

static int host_ipv6(struct cursor *c) {
    const uint8_t *open = c->bytes + c->at;
    const uint8_t *close = memchr(open, ']', c->len - c->at);
    if (!close)
        return refuse(c, "no ] after an IPv6 address");
    size_t end = (size_t)(close - c->bytes);
    const uint8_t *zone = memchr(open, '%', (size_t)(close - open));
    size_t address_end = zone ? (size_t)(zone - c->bytes) : end;
    if (!is_ipv6(open + 1, address_end - c->at - 1))
        return refuse(c, "not an IPv6 address between [ and ]");
    size_t zone_len = end - address_end;
    if (zone && (zone_len > ZONE_MAX_LEN + 1 ||
                 !weir__chars_all(zone + 1, zone_len - 1, WEIR__CHAR_HOST)))
        return refuse(c, "not an interface name after % in an IPv6 address");
    c->uri->host = slice(c->at + 1, end);
    c->uri->host_kind = WEIR__URI_IPV6;
    c->at = end + 1;
    return 0;
}

/* Labels of 1..63 characters; a name whose last label is a number must be an IPv4 address,
 * because resolvers take "127.1" and "0x7f.1" for one. */
static int host_name(struct cursor *c) {
    size_t from = c->at, label = c->at;
    size_t len = weir__chars_span(c->bytes + from, c->len - from, WEIR__CHAR_HOST);
    size_t end = from + len;
    if (len == 0 && c->len - from >= 2 && memcmp(c->bytes + from, "::", 2) == 0)
        return refuse(c, "an IPv6 address stands in brackets: [::1]");
    if (len == 0)
        return refuse(c, "no host");
    if (len > NAME_MAX_LEN)
        return refuse(c, "host name too long");
    for (size_t i = from; i < end; i++) {
        if (c->bytes[i] != '.')
            continue;
        if (i == label)
            return refuse(c, "empty label in a host name");
        if (i - label > LABEL_MAX_LEN)
            return refuse(c, "label too long in a host name");
        label = i + 1;
    }
    if (end - label > LABEL_MAX_LEN)
        return refuse(c, "label too long in a host name");
    c->uri->host = slice(from, end);
    c->uri->host_kind = WEIR__URI_NAME;
    c->at = end;
    if (label < end && weir__char_is(c->bytes[label], WEIR__CHAR_DIGIT)) {
        bool hex = end - label > 2 && c->bytes[label] == '0' && (c->bytes[label + 1] | 0x20) == 'x';
        size_t number = hex ? 2 + weir__chars_span(c->bytes + label + 2, end - label - 2,
                                                   WEIR__CHAR_HEX)
                            : weir__chars_span(c->bytes + label, end - label, WEIR__CHAR_DIGIT);
        if (number == end - label && !is_ipv4(c->bytes + from, len))
            return refuse(c, "not an IPv4 address");
        if (number == end - label)
            c->uri->host_kind = WEIR__URI_IPV4;
    }
    return 0;
}

/* A password was taken for a port: "http://user:password@host/". */
static bool has_user(const struct cursor *c) {
    size_t at = c->at;
    while (at < c->len && memchr("/?#@", c->bytes[at], 4) == NULL)
        at++;
    return at < c->len && c->bytes[at] == '@';
}

/* Behind the colon: digits; or none, which is the scheme's default (RFC 3986 3.2.3). */
static int port(struct cursor *c) {
    const uint8_t *digits = c->bytes + c->at;
    size_t count = weir__chars_span(digits, c->len - c->at, WEIR__CHAR_DIGIT);
    int64_t number = count > 0 ? weir__chars_decimal(digits, count, UINT16_MAX) : 0;
    c->at += count;
    if (count == 0)
        return c->at == c->len || memchr("/?#", c->bytes[c->at], 3)
                   ? 0
                   : refuse(c, c->at < c->len && c->bytes[c->at] == ':'
                                   ? "an IPv6 address stands in brackets: [::1]"
                               : has_user(c)
                                   ? "a user and a password may not stand in it"
                                   : "no port number after the colon");
    if (number < 0)
        return refuse(c, "port number above 65535");
    c->uri->port = (uint16_t)number;
    c->uri->has_port = true;
    return 0;
}

/* host [":" [port]], up to "/", "?", "#" or the last byte. */
static int authority(struct cursor *c) {
    size_t from = c->at, end;
    bool bracket = from < c->len && c->bytes[from] == '[';
    int rc = bracket ? host_ipv6(c) : host_name(c);
    if (rc < 0)
        return rc;
    end = c->at;
    if (c->at < c->len && c->bytes[c->at] == ':') {
        c->at++;
        if ((rc = port(c)) < 0)
            return rc;
        end = c->uri->has_port ? c->at : end;
    }
    if (c->at < c->len && c->bytes[c->at] == '@')
        return refuse(c, "user names are not allowed");
    if (c->at < c->len && !memchr("/?#", c->bytes[c->at], 3))
        return refuse(c, "bad character in host or port");
    c->uri->authority = slice(from, end);
    return 0;
}

static int path(struct cursor *c) {
    size_t from = c->at;
    for (; c->at < c->len; c->at++) {
        uint8_t byte = c->bytes[c->at];
        if (weir__char_is(byte, WEIR__CHAR_PATH))
            continue;
        if (byte == '#')
            return refuse(c, "a fragment (#) has no place here");
        if (byte != '%')
            return refuse(c, "bad character in the path: write it as %XX");
        if (c->len - c->at < 3 || !weir__char_is(c->bytes[c->at + 1], WEIR__CHAR_HEX) ||
            !weir__char_is(c->bytes[c->at + 2], WEIR__CHAR_HEX))
            return refuse(c, "% without two hex digits in the path");
        c->at += 2;
    }
    c->uri->path = slice(from, c->at);
    return 0;
}

/* unix:/path or unix:///path; the bytes of the path are taken literally. */
static int unix_path(struct cursor *c) {
    if (c->len - c->at >= 3 && memcmp(c->bytes + c->at, "///", 3) == 0)
        c->at += 2;
    size_t len = c->len - c->at;
    if (len == 0 || c->bytes[c->at] != '/' || (len > 1 && c->bytes[c->at + 1] == '/'))
        return refuse(c, "a unix socket needs an absolute path: unix:/path");
    if (len > UNIX_MAX_LEN)
        return refuse(c, "the path of a unix socket has at most 107 bytes");
    if (weir__chars_line_end(c->bytes, c->at, c->len) < c->len)
        return refuse(c, "control character in a path");
    c->uri->path = slice(c->at, c->len);
    return 0;
}

static enum weir__uri_scheme scheme_find(const uint8_t *bytes, size_t len) {
    for (int i = WEIR__URI_NONE + 1; i < SCHEME_COUNT; i++)
        if (weir__chars_equal(bytes, len, schemes[i].name))
            return (enum weir__uri_scheme)i;
    return WEIR__URI_NONE;
}

static int with_scheme(struct cursor *c, size_t colon) {
    enum weir__uri_scheme found = scheme_find(c->bytes, colon);
    c->uri->scheme = found;
    c->at = colon + 1;
    if (found == WEIR__URI_NONE)
        return refuse(c, "unknown scheme");
    if (found == WEIR__URI_UNIX)
        return unix_path(c);
    if (c->len - c->at < 2 || memcmp(c->bytes + c->at, "//", 2) != 0)
        return refuse(c, "no // after the scheme");
    c->at += 2;
    int rc = authority(c);
    if (rc < 0)
        return rc;
    if (!c->uri->has_port && schemes[found].port_default == 0)
        return refuse(c, "no port");
    if (!c->uri->has_port)
        c->uri->port = schemes[found].port_default;
    if (c->at < c->len && !schemes[found].has_path)
        return refuse(c, "nothing may follow the port of this scheme");
    return path(c);
}

/* A text with "://" has a scheme, and so has one that begins with "unix:/". "unix:80" is host and
 * port where an address without a scheme is allowed; elsewhere the name of a scheme was meant as
 * one. */
static bool scheme_end(const struct cursor *c, bool bare_allowed, size_t *ret) {
    const uint8_t *colon = memchr(c->bytes, ':', c->len);
    if (!colon)
        return false;
    size_t at = (size_t)(colon - c->bytes);
    *ret = at;
    if (!bare_allowed && scheme_find(c->bytes, at) != WEIR__URI_NONE)
        return true;
    return at != 0 && c->len - at >= 2 && colon[1] == '/';
}

static int bare(struct cursor *c, bool port_needed) {
    int rc = authority(c);
    if (rc < 0)
        return rc;
    if (c->at < c->len)
        return refuse(c, "nothing may follow host and port");
    if (port_needed && !c->uri->has_port)
        return refuse(c, "no port");
    return 0;
}

static_assert(WEIR__URI_LENGTH_MAX == 8192, "the text of start says so");

static int start(struct cursor *c, struct weir__uri *ret, const char *text, size_t len) {
    *ret = (struct weir__uri){.scheme = WEIR__URI_NONE};
    *c = (struct cursor){.uri = ret, .bytes = (const uint8_t *)text, .len = len};
    if (len == 0)
        return refuse(c, "empty");
    if (len > WEIR__URI_LENGTH_MAX)
        return refuse(c, "longer than 8192 bytes");
    return 0;
}

int weir__uri_parse(struct weir__uri *ret, const char *text, size_t len,
                    const char *bare_refused) {
    struct cursor c;
    size_t colon = 0;
    int rc = start(&c, ret, text, len);
    if (rc < 0)
        return rc;
    if (scheme_end(&c, bare_refused == NULL, &colon))
        return with_scheme(&c, colon);
    return bare_refused == NULL ? bare(&c, true) : refuse(&c, bare_refused);
}

int weir__uri_parse_authority(struct weir__uri *ret, const char *text, size_t len) {
    struct cursor c;
    int rc = start(&c, ret, text, len);
    return rc < 0 ? rc : bare(&c, false);
}

const char *weir__uri_host_refused(const char *text, size_t len) {
    struct weir__uri uri;
    char bracketed[64]; /* the longest IPv6 address and zone have 61 */
    if (len == 0)
        return "no host";
    if (memchr(text, ':', len) == NULL)
        return weir__uri_parse_authority(&uri, text, len) < 0 ? uri.why : NULL;
    if (len > sizeof bracketed - 2)
        return "not an IPv6 address";
    bracketed[0] = '[';
    memcpy(bracketed + 1, text, len);
    bracketed[len + 1] = ']';
    if (weir__uri_parse_authority(&uri, bracketed, len + 2) < 0 || uri.has_port)
        return "not an IPv6 address";
    return NULL;
}

const char *weir__uri_authority(const char *host, int port, char buf[static WEIR__URI_AUTHORITY]) {
    bool v6 = strchr(host, ':') != NULL;
    snprintf(buf, WEIR__URI_AUTHORITY, "%s%s%s:%d", v6 ? "[" : "", host, v6 ? "]" : "", port);
    return buf;
}

const char *weir__uri_shown_refused(const char *url, char buf[static WEIR__URI_SHOWN]) {
    snprintf(buf, WEIR__URI_SHOWN, "%.*s", (int)weir__uri_shown_len(url), url);
    return *buf != '\0' && strchr(url, '@') == NULL ? buf : NULL;
}

const char *weir__uri_scheme_name(enum weir__uri_scheme scheme) {
    return schemes[scheme].name;
}
