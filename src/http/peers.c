/* SPDX-License-Identifier: MIT */
/* peers.c - entries of proxies are read from the last one back: only what a listed proxy has added
 * can be believed, and each adds at the end. */
#include "http/peers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- addresses ---- */

/* Take off the brackets and the port. */
static const char *bare(const char *text, size_t *len) {
    const char *close = *len > 0 && text[0] == '[' ? memchr(text, ']', *len) : NULL;
    const char *colon = memchr(text, ':', *len);
    if (close != NULL) {
        size_t after = *len - (size_t)(close - text) - 1;
        bool has_port = after == 0 || (close[1] == ':' && after > 1 &&
                                       weir__chars_all((const uint8_t *)close + 2, after - 1,
                                                       WEIR__CHAR_DIGIT));
        *len = has_port ? (size_t)(close - text) - 1 : 0;
        return text + 1;
    }
    bool is_single = colon != NULL && memchr(colon + 1, ':', *len - (size_t)(colon + 1 - text))
                                          == NULL;
    if (is_single && weir__chars_all((const uint8_t *)colon + 1,
                                     *len - (size_t)(colon + 1 - text), WEIR__CHAR_DIGIT))
        *len = (size_t)(colon - text);
    return text;
}

/* with_zone: leave out the "%2" of "[fe80::1%2]:80", as weir_stream_peer writes it. */
static bool parse(struct weir__ip *ret, const char *text, size_t len, bool with_zone) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[WEIR__IP_MAX];
    struct weir__ip ip;
    bool in_brackets = len > 0 && text[0] == '[';
    text = bare(text, &len);
    const char *zone = with_zone && in_brackets ? memchr(text, '%', len) : NULL;
    len = zone != NULL ? (size_t)(zone - text) : len;
    if (len == 0 || len >= sizeof copy || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    memcpy(ip.bytes, mapped, sizeof mapped);
    if (inet_pton(AF_INET, copy, ip.bytes + 12) != 1 && inet_pton(AF_INET6, copy, ip.bytes) != 1)
        return false;
    *ret = ip;
    return true;
}

bool weir__ip_parse(struct weir__ip *ret, const char *text, size_t len) {
    return parse(ret, text, len, false);
}

static bool is_ipv4(const struct weir__ip *ip) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(ip->bytes, mapped, sizeof mapped) == 0;
}

const char *weir__ip_write(const struct weir__ip *ip, char text[static WEIR__IP_MAX]) {
    if (is_ipv4(ip))
        inet_ntop(AF_INET, ip->bytes + 12, text, WEIR__IP_MAX);
    else
        inet_ntop(AF_INET6, ip->bytes, text, WEIR__IP_MAX);
    return text;
}

/* ---- peers ---- */

/* "unix:" and perhaps a name, which is the client's choice. */
static bool is_unix(const char *peer, size_t len) {
    return len >= 4 && memcmp(peer, "unix", 4) == 0 && (len == 4 || peer[4] == ':');
}

const char *weir__peer_write(const char *peer, char text[static WEIR__PEER_MAX]) {
    struct weir__ip ip;
    size_t len = strlen(peer);
    if (parse(&ip, peer, len, true))
        return weir__ip_write(&ip, text);
    snprintf(text, WEIR__PEER_MAX, "%s", is_unix(peer, len) ? "unix" : peer);
    return text;
}

/* ---- the list ---- */

struct network {
    struct weir__ip ip;
    uint32_t bits; /* of 128 */
};

static const char *network_parse(const char *entry, struct network *ret) {
    const char *slash = strchr(entry, '/');
    size_t len = slash != NULL ? (size_t)(slash - entry) : strlen(entry);
    if (memchr(entry, '[', len) != NULL || !weir__ip_parse(&ret->ip, entry, len))
        return "it is no address, no network \"ADDRESS/BITS\" and not \"unix\"";
    bool short_ip = memchr(entry, ':', len) == NULL;
    int64_t most = short_ip ? 32 : 128, bits = most;
    if (slash != NULL)
        bits = weir__chars_decimal((const uint8_t *)slash + 1, strlen(slash + 1), most);
    if (bits < 0)
        return "the number of bits behind the slash is not 0 .. 32 (IPv4) or 0 .. 128";
    ret->bits = (uint32_t)bits + (short_ip ? 96 : 0);
    for (uint32_t i = ret->bits; i < 128; i++)
        if (ret->ip.bytes[i / 8] >> (7 - i % 8) & 1)
            return "the address has bits set behind the network";
    return NULL;
}

const char *weir__peer_fault(const char *entry) {
    struct network n;
    return strcmp(entry, "unix") == 0 ? NULL : network_parse(entry, &n);
}

static bool in_network(const struct network *n, const struct weir__ip *ip) {
    uint32_t whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->ip.bytes, ip->bytes, whole) != 0)
        return false;
    return rest == 0 || (n->ip.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest) == 0;
}

bool weir__peer_listed(const char *const *list, const char *peer, size_t len) {
    struct weir__ip ip;
    bool has_ip = parse(&ip, peer, len, true);
    /* any other name, such as "fd:7" or "?", does not say who the peer is */
    bool is_local = is_unix(peer, len) || (len == 6 && memcmp(peer, "memory", 6) == 0);
    for (; list != NULL && *list != NULL; list++) {
        struct network n;
        if (strcmp(*list, "unix") == 0 ? is_local
                                       : has_ip && network_parse(*list, &n) == NULL &&
                                             in_network(&n, &ip))
            return true;
    }
    return false;
}

/* ---- what proxies write ---- */

enum { HOPS_MAX = 32 }; /* listed proxies in a row */

/* The elements of all fields of a name, from the last one back. No comma in quotes separates. */
struct elements {
    const struct weir__http1 *head;
    const char *buf, *name;
    int field;       /* the next field to look at, from behind */
    size_t end;      /* of its value: what lies behind was given */
};

static bool next_field(struct elements *e) {
    int last = -1;
    for (int i = -1; (i = weir__http1_find(e->head, e->buf, e->name, i + 1)) >= 0;)
        if (e->field < 0 || i < e->field)
            last = i;
    if (last < 0)
        return false;
    e->field = last;
    e->end = e->head->headers[last].value.len;
    return true;
}

/* The first separator at or after from that stands in no quotes; end: there is none. */
static size_t separator_find(const char *text, size_t from, size_t end, char separator) {
    bool quoted = false;
    for (size_t i = from; i < end; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (text[i] == separator && !quoted)
            return i;
    }
    return end;
}

static struct weir__slice trimmed(const char *buf, size_t from, size_t end) {
    while (from < end && (buf[from] == ' ' || buf[from] == '\t'))
        from++;
    while (end > from && (buf[end - 1] == ' ' || buf[end - 1] == '\t'))
        end--;
    return (struct weir__slice){(uint32_t)from, (uint32_t)(end - from)};
}

/* Where the last element before end begins. From behind: a quote that a client has left open must
 * not hide the element that the proxy has added. */
static size_t last_begin(const char *text, size_t end) {
    bool quoted = false;
    for (size_t i = end; i > 0; i--) {
        size_t escapes = 0;
        if (text[i - 1] == ',' && !quoted)
            return i;
        if (text[i - 1] != '"')
            continue;
        while (escapes + 1 < i && text[i - 2 - escapes] == '\\')
            escapes++;
        quoted ^= escapes % 2 == 0;
        i -= escapes;
    }
    return 0;
}

static bool element_before(struct elements *e, struct weir__slice *ret) {
    if ((e->field < 0 || e->end == SIZE_MAX) && !next_field(e))
        return false;
    struct weir__slice value = e->head->headers[e->field].value;
    size_t from = last_begin(e->buf + value.offset, e->end);
    *ret = trimmed(e->buf, value.offset + from, value.offset + e->end);
    e->end = from > 0 ? from - 1 : SIZE_MAX;
    return true;
}

/* The value of a parameter of one element of Forwarded, without its quotes. */
static struct weir__slice forwarded_part(const char *buf, struct weir__slice element,
                                         const char *name) {
    size_t at = element.offset, end = at + element.len;
    while (at < end) {
        size_t stop = separator_find(buf, at, end, ';');
        struct weir__slice pair = trimmed(buf, at, stop);
        const char *equals = memchr(buf + pair.offset, '=', pair.len);
        size_t name_len = equals != NULL ? (size_t)(equals - buf) - pair.offset : pair.len;
        if (equals != NULL && weir__chars_equal(buf + pair.offset, name_len, name)) {
            struct weir__slice v = {pair.offset + (uint32_t)name_len + 1,
                                    pair.len - (uint32_t)name_len - 1};
            bool quoted = v.len >= 2 && buf[v.offset] == '"' && buf[v.offset + v.len - 1] == '"';
            return (struct weir__slice){v.offset + quoted, v.len - 2 * quoted};
        }
        at = stop + 1;
    }
    return (struct weir__slice){0, 0};
}

static bool scheme_valid(const char *buf, struct weir__slice s) {
    return weir__chars_equal(buf + s.offset, s.len, "http") ||
           weir__chars_equal(buf + s.offset, s.len, "https");
}

static bool host_valid(const char *buf, struct weir__slice s) {
    for (uint32_t i = 0; i < s.len; i++)
        if (!weir__char_is((uint8_t)buf[s.offset + i], WEIR__CHAR_HOST) &&
            strchr("[]:", buf[s.offset + i]) == NULL)
            return false;
    return s.len > 0;
}

/* The entry that the nearest proxy has added stands last in its field. */
static struct weir__slice last_of(const struct weir__http1 *head, const char *buf,
                                  const char *name) {
    struct elements e = {head, buf, name, -1, 0};
    struct weir__slice s = {0, 0};
    return element_before(&e, &s) ? s : (struct weir__slice){0, 0};
}

void weir__client_find(struct weir__client *ret, const struct weir__http1 *head, const void *buf,
                       const char *const *list, bool by_forwarded, const char *peer) {
    struct elements e = {head, buf, by_forwarded ? "Forwarded" : "X-Forwarded-For", -1, 0};
    struct weir__slice element;
    struct weir__ip ip;
    const char *text = buf;
    const char *believed = peer;
    size_t len = strlen(peer);
    *ret = (struct weir__client){0};
    if (!weir__peer_listed(list, peer, len))
        return;
    struct weir__slice scheme = {0, 0}, host = {0, 0};
    if (!by_forwarded) {
        scheme = last_of(head, text, "X-Forwarded-Proto");
        host = last_of(head, text, "X-Forwarded-Host");
    }
    for (int hops = 0; hops < HOPS_MAX && weir__peer_listed(list, believed, len) &&
                       element_before(&e, &element);
         hops++) {
        struct weir__slice address = by_forwarded ? forwarded_part(text, element, "for") : element;
        if (by_forwarded) {
            scheme = forwarded_part(text, element, "proto");
            host = forwarded_part(text, element, "host");
        }
        if (!weir__ip_parse(&ip, text + address.offset, address.len))
            break;
        ret->address = address;
        believed = text + address.offset;
        len = address.len;
    }
    if (scheme_valid(text, scheme))
        ret->scheme = scheme;
    if (host_valid(text, host))
        ret->host = host;
}
