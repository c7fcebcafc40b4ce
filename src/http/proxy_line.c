/* SPDX-License-Identifier: MIT */
/* proxy_line.c - version 1 is a line of text, version 2 a block of bytes. */
#include "http/proxy_line.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <weir/base.h>

#include "wire/chars.h"

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";

enum {
    SIGNATURE = sizeof signature - 1,
    FIXED = 16,       /* bytes of version 2 before the addresses */
    LINE_MAX_1 = 107, /* bytes of version 1, with its CR LF */
    CHECKSUM = 3,     /* the type of the extension that has a CRC-32C of the header */
};

static int refused(struct weir__proxy_line *p, const char *why) {
    p->why = why;
    p->client[0] = p->server[0] = '\0';
    return WEIR_EPROTO;
}

static void address_write(char *target, int family, const void *ip, unsigned port) {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(family, ip, text, sizeof text);
    snprintf(target, WEIR__PROXY_ADDRESS, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

/* ---- version 1 ---- */

/* Take a word and the blank, or the end of the line, behind it. */
static bool word_take(const char *line, size_t len, size_t *at, char word[static 48]) {
    size_t from = *at;
    const char *blank = memchr(line + from, ' ', len - from);
    size_t end = blank != NULL ? (size_t)(blank - line) : len;
    if (end == from || end - from >= 48 || memchr(line + from, '\0', end - from) != NULL)
        return false;
    memcpy(word, line + from, end - from);
    word[end - from] = '\0';
    *at = blank != NULL ? end + 1 : len;
    return blank == NULL || *at < len;
}

static bool port_parse(const char *word, unsigned *ret) {
    size_t len = strlen(word);
    int64_t port = weir__chars_decimal((const uint8_t *)word, len, 65535);
    if (port < 0 || (len > 1 && word[0] == '0'))
        return false;
    *ret = (unsigned)port;
    return true;
}

static int line_parse(struct weir__proxy_line *p, const char *line, size_t len) {
    char words[5][48];
    unsigned char ip[2][16];
    unsigned ports[2];
    size_t at = 6, count = 0; /* behind "PROXY " */
    if (len >= 13 && memcmp(line + 6, "UNKNOWN", 7) == 0 && (len == 13 || line[13] == ' '))
        return 0;
    for (; count < 5 && at < len; count++)
        if (!word_take(line, len, &at, words[count]))
            return refused(p, "the PROXY line has an empty or a long word");
    if (count != 5 || at != len)
        return refused(p, "the PROXY line has not five words");
    int family = strcmp(words[0], "TCP4") == 0   ? AF_INET
                 : strcmp(words[0], "TCP6") == 0 ? AF_INET6
                                                 : AF_UNSPEC;
    if (family == AF_UNSPEC)
        return refused(p, "the PROXY line has an unknown protocol");
    for (int i = 0; i < 2; i++)
        if (inet_pton(family, words[1 + i], ip[i]) != 1 || !port_parse(words[3 + i], &ports[i]))
            return refused(p, "the PROXY line has a bad address or port");
    address_write(p->client, family, ip[0], ports[0]);
    address_write(p->server, family, ip[1], ports[1]);
    return 0;
}

static int text_parse(struct weir__proxy_line *p, const char *buf, size_t len) {
    static const char begin[] = "PROXY ";
    size_t there = len < 6 ? len : 6;
    if (memcmp(buf, begin, there) != 0)
        return refused(p, "the connection does not begin with a PROXY line");
    size_t end = 0, most = len < LINE_MAX_1 ? len : LINE_MAX_1;
    while (end < most && (uint8_t)buf[end] >= 0x20 && (uint8_t)buf[end] < 0x7f)
        end++;
    if (end + 1 < most && buf[end] == '\r' && buf[end + 1] == '\n') {
        int rc = line_parse(p, buf, end);
        return rc < 0 ? rc : (int)end + 2;
    }
    bool may_end = end == most || (end + 1 == most && buf[end] == '\r');
    if (!may_end)
        return refused(p, "the PROXY line has a control character");
    return len >= LINE_MAX_1 ? refused(p, "the PROXY line is too long") : 0;
}

/* ---- version 2 ---- */

static uint32_t crc32c(const uint8_t *bytes, size_t len, size_t skip_from) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= i - skip_from < 4 ? 0u : bytes[i]; /* its own field counts as 0 */
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static unsigned be16(const uint8_t *p) {
    return (unsigned)p[0] << 8 | p[1];
}

/* The extensions fill the rest of the header; a checksum must be right. */
static int extensions_check(struct weir__proxy_line *p, const uint8_t *buf, size_t from,
                            size_t end) {
    while (from < end) {
        if (end - from < 3 || be16(buf + from + 1) > end - from - 3)
            return refused(p, "the PROXY header has an extension that is cut");
        size_t len = be16(buf + from + 1), at = from + 3;
        if (buf[from] == CHECKSUM) {
            uint32_t sent = len == 4 ? be16(buf + at) << 16 | be16(buf + at + 2) : 0;
            if (len != 4 || sent != crc32c(buf, end, at))
                return refused(p, "the checksum of the PROXY header is wrong");
        }
        from = at + len;
    }
    return 0;
}

static int block_parse(struct weir__proxy_line *p, const uint8_t *buf, size_t size) {
    unsigned family = buf[13] >> 4, transport = buf[13] & 15;
    size_t ip = family == 1 ? 4 : family == 2 ? 16 : 0, from = FIXED;
    if ((buf[12] & 15) == 0) /* LOCAL: there is no client, and the block is ignored */
        return (int)size;
    if (family > 3 || transport > 2)
        return refused(p, "the PROXY header has an unknown protocol");
    size_t need = family == 3 ? 216 : ip == 0 ? 0 : 2 * ip + 4;
    if (size - FIXED < need)
        return refused(p, "the PROXY header is too short for its addresses");
    if (ip > 0 && transport == 1) {
        int af = ip == 4 ? AF_INET : AF_INET6;
        const uint8_t *ports = buf + FIXED + 2 * ip;
        address_write(p->client, af, buf + FIXED, be16(ports));
        address_write(p->server, af, buf + FIXED + ip, be16(ports + 2));
    } else if (ip > 0) {
        return refused(p, "the PROXY header speaks of no stream");
    }
    from += need;
    /* without a family the rest may be anything */
    int rc = buf[13] == 0 ? 0 : extensions_check(p, buf, from, size);
    return rc < 0 ? rc : (int)size;
}

int weir__proxy_line_parse(struct weir__proxy_line *ret, const void *buf, size_t len) {
    const uint8_t *bytes = buf;
    size_t there = len < SIGNATURE ? len : SIGNATURE;
    *ret = (struct weir__proxy_line){0};
    if (len == 0)
        return 0;
    if (bytes[0] == 'P')
        return text_parse(ret, buf, len);
    if (memcmp(buf, signature, there) != 0)
        return refused(ret, "the connection does not begin with a PROXY line");
    if (len > 12 && (bytes[12] & 0xfe) != 0x20)
        return refused(ret, "the PROXY header has an unknown version or command");
    if (len < FIXED)
        return 0;
    size_t size = FIXED + be16(bytes + 14);
    if (size > WEIR__PROXY_LINE_MAX)
        return refused(ret, "the PROXY header is too long");
    return len < size ? 0 : block_parse(ret, bytes, size);
}
