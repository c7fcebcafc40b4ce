/* SPDX-License-Identifier: MIT */
/* The PROXY protocol, both versions, whole and cut at each byte. */
#include "http/proxy_line.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <weir/base.h>

#include "test/runner.h"
#include "wire/wire_test_util.h"

/* Parse as if the bytes came one by one; a fault may come with any of them. */
static int parse(struct weir__proxy_line *p, const void *bytes, size_t len) {
    struct guard g;
    int rc = 0, whole;
    size_t n = 0;
    guard_open(&g, 4096);
    while (rc == 0 && n <= len) {
        rc = weir__proxy_line_parse(p, guard_at_end(&g, bytes, n), n);
        n++;
    }
    struct weir__proxy_line q;
    whole = weir__proxy_line_parse(&q, guard_at_end(&g, bytes, len), len);
    assert_int_equal(whole, rc);
    if (rc > 0)
        assert_int_equal(rc, n - 1); /* no byte behind it was needed */
    assert_string_equal(p->client, q.client);
    guard_close(&g);
    return rc;
}

WEIR_TEST(the_line_of_version_1_is_read_strictly) {
    static const struct {
        const char *line, *client; /* NULL: refused; "-": more is needed */
    } cases[] = {
        {"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n", "1.2.3.4:9"},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\nGET", "255.255.255.255:65535"},
        {"PROXY TCP6 ::1 2001:db8::2 9 10\r\n", "[::1]:9"},
        {"PROXY UNKNOWN\r\n", ""},
        {"PROXY UNKNOWN a b c d\r\n", ""},
        {"PROXY UNKNOWNX\r\n", NULL},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 9 10", "-"},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r", "-"},
        {"PRO", "-"},
        {"", "-"},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\n", NULL},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\rx", NULL},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 9\r\n", NULL},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 9 10 11\r\n", NULL},
        {"PROXY TCP4  1.2.3.4 5.6.7.8 9 10\r\n", NULL},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 9 10 \r\n", NULL},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 9 65536\r\n", NULL},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 09 10\r\n", NULL},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 -9 10\r\n", NULL},
        {"PROXY TCP4 1.2.3 5.6.7.8 9 10\r\n", NULL},
        {"PROXY TCP4 ::1 ::1 9 10\r\n", NULL},
        {"PROXY TCP6 1.2.3.4 5.6.7.8 9 10\r\n", NULL},
        {"PROXY UDP4 1.2.3.4 5.6.7.8 9 10\r\n", NULL},
        {"PROXY \r\n", NULL},
        {"proxy TCP4 1.2.3.4 5.6.7.8 9 10\r\n", NULL},
        {"GET / HTTP/1.1\r\n", NULL},
        {"PROXY UNKNOWN 89012345678901234567890123456789012345678901234567890123456789012345678901"
         "2345678901234567890123456\r\n", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__proxy_line p;
        int rc = parse(&p, cases[i].line, strlen(cases[i].line));
        if (cases[i].client == NULL) {
            assert_int_equal(rc, WEIR_EPROTO);
            assert_non_null(p.why);
        } else if (strcmp(cases[i].client, "-") == 0) {
            assert_int_equal(rc, 0);
        } else {
            assert_true(rc > 0);
            assert_string_equal(p.client, cases[i].client);
        }
    }
}

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES "\1\2\3\4\5\6\7\x8\0\x9\1\0"

WEIR_TEST(the_block_of_version_2_is_read_strictly) {
    static const struct {
        const char *bytes;
        size_t len;
        int rc; /* -1: refused */
        const char *client;
    } cases[] = {
#define CASE(text, rc, client) {text, sizeof text - 1, rc, client}
        CASE(SIG "\x21\x11\0\xc" ADDRESSES "GET", 28, "1.2.3.4:9"),
        CASE(SIG "\x21\x21\0\x24" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
             "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2"
             "\0\x9\1\0", 52, "[::1]:9"),
        CASE(SIG "\x20\0\0\0", 16, ""),
        CASE(SIG "\x20\x11\0\xc" ADDRESSES, 28, ""),
        /* of LOCAL the block is ignored, whatever it is */
        CASE(SIG "\x20\x11\0\0GET", 16, ""),
        CASE(SIG "\x20\x21\0\xc" ADDRESSES, 28, ""),
        CASE(SIG "\x20\x41\0\xc" ADDRESSES, 28, ""),
        CASE(SIG "\x20\x13\0\xc" ADDRESSES, 28, ""),
        CASE(SIG "\x20\x11\0\x13" ADDRESSES "\3\0\4\0\0\0\0", 35, ""),
        CASE(SIG "\x20\x11\0\xc" "\1\2\3\4", 0, ""),
        CASE(SIG "\x20\x11\x8\1" ADDRESSES, -1, ""),
        CASE(SIG "\x21\0\0\3abc", 19, ""),
        CASE(SIG "\x21\x11\0\x10" ADDRESSES "\x4\0\1x", 32, "1.2.3.4:9"),
        CASE(SIG "\x21\x11\0\xc" "\1\2\3\4", 0, ""),
        CASE(SIG "\x21\x11\0", 0, ""),
        CASE(SIG "\x22\x11\0\xc" ADDRESSES, -1, ""),
        CASE(SIG "\x11\x11\0\xc" ADDRESSES, -1, ""),
        CASE(SIG "\x21\x11\0\xb" ADDRESSES, -1, ""),
        CASE(SIG "\x21\x21\0\xc" ADDRESSES, -1, ""),
        CASE(SIG "\x21\x12\0\xc" ADDRESSES, -1, ""),
        CASE(SIG "\x21\x41\0\xc" ADDRESSES, -1, ""),
        CASE(SIG "\x21\x13\0\xc" ADDRESSES, -1, ""),
        CASE(SIG "\x21\x11\0\xe" ADDRESSES "\x4\0", -1, ""),
        CASE(SIG "\x21\x11\0\x10" ADDRESSES "\x4\0\2x", -1, ""),
        CASE(SIG "\x21\x11\x8\1" ADDRESSES, -1, ""),
        CASE(SIG "\x21\x11\0\x13" ADDRESSES "\3\0\4\0\0\0\0", -1, ""),
        CASE("\r\n\r\n\0\r\nQUIX\n\x21\x11\0\xc" ADDRESSES, -1, ""),
        CASE("\r\n\r\nGET", -1, ""),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__proxy_line p;
        int rc = parse(&p, cases[i].bytes, cases[i].len);
        assert_int_equal(rc, cases[i].rc < 0 ? WEIR_EPROTO : cases[i].rc);
        assert_string_equal(p.client, cases[i].client);
        assert_int_equal(p.why != NULL, rc < 0);
    }
}

WEIR_TEST(the_checksum_of_version_2_is_checked) {
    char block[] = SIG "\x21\x11\0\x13" ADDRESSES "\3\0\4\0\0\0\0";
    struct weir__proxy_line p;
    uint32_t crc = UINT32_MAX; /* CRC-32C, another way than the parser's */
    for (size_t i = 0; i < sizeof block - 1; i++)
        for (int bit = 0; bit < 8; bit++) {
            uint32_t in = (uint32_t)((uint8_t)block[i] >> bit & 1);
            crc = (crc >> 1) ^ (((crc ^ in) & 1) ? 0x82f63b78u : 0);
        }
    crc = ~crc;
    for (size_t i = 0; i < 4; i++)
        block[sizeof block - 5 + i] = (char)(crc >> (24 - 8 * i));
    assert_int_equal(parse(&p, block, sizeof block - 1), 35);
    block[20] ^= 1;
    assert_int_equal(parse(&p, block, sizeof block - 1), WEIR_EPROTO);
}
