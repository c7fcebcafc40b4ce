/* SPDX-License-Identifier: MIT */
/* Valid and invalid addresses; each text ends at an unmapped page. */
#include "wire/uri.h"

#include <string.h>
#include <weir/base.h>

#include "test/runner.h"
#include "wire/wire_test_util.h"

/* Parse a copy that ends at an unmapped page. */
static int parse(struct weir__uri *ret, const char *text, bool bare_allowed) {
    struct guard g;
    size_t len = strlen(text);
    guard_open(&g, len);
    int rc = weir__uri_parse(ret, (char *)guard_at_end(&g, text, len), len,
                             bare_allowed ? NULL : "no scheme");
    guard_close(&g);
    return rc;
}

static void assert_slice(const char *text, struct weir__slice s, const char *expected) {
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(text + s.offset, expected, s.len);
}

static const struct good {
    const char *text;
    enum weir__uri_scheme scheme;
    enum weir__uri_host kind;
    const char *host, *authority, *path;
    uint16_t port;
    bool has_port;
} goods[] = {
    {"tcp://localhost:7000",
     WEIR__URI_TCP, WEIR__URI_NAME, "localhost", "localhost:7000", "", 7000, 1},
    {"TCP://127.0.0.1:0", WEIR__URI_TCP, WEIR__URI_IPV4, "127.0.0.1", "127.0.0.1:0", "", 0, 1},
    {"tcp://[::1]:65535", WEIR__URI_TCP, WEIR__URI_IPV6, "::1", "[::1]:65535", "", 65535, 1},
    {"tcp://a_b-c.example.:1",
     WEIR__URI_TCP, WEIR__URI_NAME, "a_b-c.example.", "a_b-c.example.:1", "", 1, 1},
    {"udp://h:00080", WEIR__URI_UDP, WEIR__URI_NAME, "h", "h:00080", "", 80, 1},
    {"tls://h:1", WEIR__URI_TLS, WEIR__URI_NAME, "h", "h:1", "", 1, 1},
    {"ws://h", WEIR__URI_WS, WEIR__URI_NAME, "h", "h", "", 80, 0},
    {"ws://h:8765/", WEIR__URI_WS, WEIR__URI_NAME, "h", "h:8765", "/", 8765, 1},
    {"ws://h/a/b?c=d&e=%2f/?", WEIR__URI_WS, WEIR__URI_NAME, "h", "h", "/a/b?c=d&e=%2f/?", 80, 0},
    {"ws://h?q", WEIR__URI_WS, WEIR__URI_NAME, "h", "h", "?q", 80, 0},
    {"ws://h:", WEIR__URI_WS, WEIR__URI_NAME, "h", "h", "", 80, 0},
    {"ws://h.:/p", WEIR__URI_WS, WEIR__URI_NAME, "h.", "h.", "/p", 80, 0},
    {"wss://[::1]:?q", WEIR__URI_WSS, WEIR__URI_IPV6, "::1", "[::1]", "?q", 443, 0},
    {"wss://h", WEIR__URI_WSS, WEIR__URI_NAME, "h", "h", "", 443, 0},
    {"http://h/", WEIR__URI_HTTP, WEIR__URI_NAME, "h", "h", "/", 80, 0},
    {"https://h//x:@", WEIR__URI_HTTPS, WEIR__URI_NAME, "h", "h", "//x:@", 443, 0},
    {"ws://[fe80::1%eth0]:1",
     WEIR__URI_WS, WEIR__URI_IPV6, "fe80::1%eth0", "[fe80::1%eth0]:1", "", 1, 1},
    {"ws://[::ffff:1.2.3.4]",
     WEIR__URI_WS, WEIR__URI_IPV6, "::ffff:1.2.3.4", "[::ffff:1.2.3.4]", "", 80, 0},
    {"unix:/run/x.sock", WEIR__URI_UNIX, WEIR__URI_NAME, "", "", "/run/x.sock", 0, 0},
    {"unix:///run/\xc3\xa9 %41", WEIR__URI_UNIX, WEIR__URI_NAME, "", "", "/run/\xc3\xa9 %41", 0, 0},
    {"localhost:80", WEIR__URI_NONE, WEIR__URI_NAME, "localhost", "localhost:80", "", 80, 1},
    {"[::]:80", WEIR__URI_NONE, WEIR__URI_IPV6, "::", "[::]:80", "", 80, 1},
    {"unix:80", WEIR__URI_NONE, WEIR__URI_NAME, "unix", "unix:80", "", 80, 1},
};

WEIR_TEST(uri_takes_good_addresses_apart) {
    for (size_t i = 0; i < sizeof goods / sizeof goods[0]; i++) {
        const struct good *g = &goods[i];
        struct weir__uri u;
        if (parse(&u, g->text, true) < 0)
            fail_msg("%s: %s", g->text, u.why);
        assert_int_equal(u.scheme, g->scheme);
        assert_int_equal(u.host_kind, g->kind);
        assert_slice(g->text, u.host, g->host);
        assert_slice(g->text, u.authority, g->authority);
        assert_slice(g->text, u.path, g->path);
        assert_int_equal(u.port, g->port);
        assert_int_equal(u.has_port, g->has_port);
    }
}

static const struct {
    const char *text, *why;
} bads[] = {
    {"", "empty"},
    {"ftp://h:1", "unknown scheme"},
    {"://h:1", "no host"},
    {"tcp:/h:1", "no // after the scheme"},
    {"tcp://", "no host"},
    {"tcp://:80", "no host"},
    {"tcp://::1:80", "an IPv6 address stands in brackets: [::1]"},
    {"tcp://fe80::1:80", "an IPv6 address stands in brackets: [::1]"},
    {"tcp://h", "no port"},
    {"tcp://h:", "no port"},
    {"h:", "no port"},
    {"ws://h:x/", "no port number after the colon"},
    {"ws://h:x/@", "no port number after the colon"},
    {"http://ada:pw@h/", "a user and a password may not stand in it"},
    {"tcp://h:65536", "port number above 65535"},
    {"tcp://h:99999999999999999999", "port number above 65535"},
    {"tcp://h:-1", "no port number after the colon"},
    {"tcp://h:1x", "bad character in host or port"},
    {"tcp://h:1/", "nothing may follow the port of this scheme"},
    {"tcp://h:1?", "nothing may follow the port of this scheme"},
    {"tcp://u@h:1", "user names are not allowed"},
    {"tcp://u:1@h:1", "user names are not allowed"},
    {"tcp://h h:1", "bad character in host or port"},
    {"tcp://h%41:1", "bad character in host or port"},
    {"tcp://\xc3\xa9:1", "no host"},
    {"tcp://a..b:1", "empty label in a host name"},
    {"tcp://.a:1", "empty label in a host name"},
    {"tcp://127.1:1", "not an IPv4 address"},
    {"tcp://0x7f.1:1", "not an IPv4 address"},
    {"tcp://a.0x1f:1", "not an IPv4 address"},
    {"tcp://1.2.3.256:1", "not an IPv4 address"},
    {"tcp://1.2.3.04:1", "not an IPv4 address"},
    {"tcp://2130706433:1", "not an IPv4 address"},
    {"tcp://[::1:1", "no ] after an IPv6 address"},
    {"tcp://[]:1", "not an IPv6 address between [ and ]"},
    {"tcp://[1.2.3.4]:1", "not an IPv6 address between [ and ]"},
    {"tcp://[::1%]:1", "not an interface name after % in an IPv6 address"},
    {"tcp://[::1%0123456789012345]:1", "not an interface name after % in an IPv6 address"},
    {"tcp://[::1]x:1", "bad character in host or port"},
    {"ws://h/#f", "a fragment (#) has no place here"},
    {"ws://h#f", "a fragment (#) has no place here"},
    {"ws://h/a b", "bad character in the path: write it as %XX"},
    {"ws://h/\xc3\xa9", "bad character in the path: write it as %XX"},
    {"ws://h/\r\nX: y", "bad character in the path: write it as %XX"},
    {"ws://h/%4", "% without two hex digits in the path"},
    {"ws://h/%zz", "% without two hex digits in the path"},
    {"ws://h:80\\", "bad character in host or port"},
    {"unix:x", "no port number after the colon"},
    {"unix://x/y", "a unix socket needs an absolute path: unix:/path"},
    {"unix:////x", "a unix socket needs an absolute path: unix:/path"},
    {"unix:/a\nb", "control character in a path"},
    {"host", "no port"},
    {"host:1/", "nothing may follow host and port"},
};

WEIR_TEST(uri_says_why_it_refuses) {
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        struct weir__uri u;
        int rc = parse(&u, bads[i].text, true);
        assert_int_equal(rc, WEIR_EURL);
        if (strcmp(u.why, bads[i].why) != 0)
            fail_msg("%s: %s", bads[i].text, u.why);
    }
}

WEIR_TEST(uri_without_scheme_only_where_asked) {
    struct weir__uri u;
    assert_int_equal(parse(&u, "h:1", false), WEIR_EURL);
    assert_string_equal(u.why, "no scheme");
    assert_int_equal(parse(&u, "unix:relative", false), WEIR_EURL);
    assert_string_equal(u.why, "a unix socket needs an absolute path: unix:/path");
    assert_int_equal(parse(&u, "tcp:h:1", false), WEIR_EURL);
    assert_string_equal(u.why, "no // after the scheme");
    assert_int_equal(weir__uri_parse_authority(&u, "h", 1), 0);
    assert_false(u.has_port);
    assert_int_equal(weir__uri_parse_authority(&u, "tcp://h:1", 9), WEIR_EURL);
}

WEIR_TEST(uri_bounds_lengths) {
    struct weir__uri u;
    char text[WEIR__URI_LENGTH_MAX + 2];
    memset(text, 'a', sizeof text);
    memcpy(text, "ws://h/", 7);
    assert_int_equal(weir__uri_parse(&u, text, WEIR__URI_LENGTH_MAX, "no"), 0);
    assert_int_equal(weir__uri_parse(&u, text, WEIR__URI_LENGTH_MAX + 1, "no"), WEIR_EURL);
    assert_string_equal(u.why, "longer than 8192 bytes");
    memcpy(text, "unix:/a", 7);
    assert_int_equal(weir__uri_parse(&u, text, 5 + 107, "no"), 0);
    assert_int_equal(weir__uri_parse(&u, text, 5 + 108, "no"), WEIR_EURL);
    memset(text, 'a', 300);
    assert_int_equal(weir__uri_parse_authority(&u, text, 63), 0);
    assert_int_equal(weir__uri_parse_authority(&u, text, 64), WEIR_EURL);
    for (int i = 63; i < 300; i += 64)
        text[i] = '.';
    assert_int_equal(weir__uri_parse_authority(&u, text, 253), 0);
    assert_int_equal(weir__uri_parse_authority(&u, text, 254), WEIR_EURL);
}

WEIR_TEST(uri_hosts_lose_the_brackets_of_ipv6) {
    static const char *const rows[][2] = {
        {"[::1]", "::1"}, {"::1", "::1"}, {"[fe80::1%eth0]", "fe80::1%eth0"}, {"[::]", "::"},
        {"h", "h"},       {"[h]", "[h]"}, {"[::1", "[::1"},                   {"::1]", "::1]"},
        {"", ""},         {"[]", "[]"},   {"[", "["},                         {"[:", "[:"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i][0]);
        const char *bare = weir__uri_host_bare(rows[i][0], &len);
        assert_int_equal(len, strlen(rows[i][1]));
        assert_memory_equal(bare, rows[i][1], len);
    }
}

WEIR_TEST(uri_writes_host_and_port_as_a_url_has_them) {
    char buf[WEIR__URI_AUTHORITY], name[400];
    assert_string_equal(weir__uri_authority("localhost", 0, buf), "localhost:0");
    assert_string_equal(weir__uri_authority("127.0.0.1", 65535, buf), "127.0.0.1:65535");
    assert_string_equal(weir__uri_authority("fe80::1%lo", 80, buf), "[fe80::1%lo]:80");
    memset(name, ':', sizeof name);
    name[255] = '\0';
    assert_int_equal(strlen(weir__uri_authority(name, 65535, buf)), 255 + 2 + 6);
    name[255] = ':';
    name[399] = '\0';
    assert_int_equal(strlen(weir__uri_authority(name, 1, buf)), sizeof buf - 1);
}

WEIR_TEST(what_is_shown_of_a_refused_url_has_no_query_and_no_password) {
    char buf[WEIR__URI_SHOWN], longer[200];
    assert_string_equal(weir__uri_shown_refused("h/p?secret#x", buf), "h/p");
    assert_string_equal(weir__uri_shown_refused("x://h/#secret", buf), "x://h/");
    assert_null(weir__uri_shown_refused("?secret", buf));
    assert_null(weir__uri_shown_refused("", buf));
    assert_null(weir__uri_shown_refused("http://me:secret@h/", buf));
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(strlen(weir__uri_shown_refused(longer, buf)), sizeof buf - 1);
}

WEIR_TEST(uri_knows_ipv6_addresses) {
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"::", 1},          {"::1", 1},          {"1::", 1},         {"1:2:3:4:5:6:7:8", 1},
        {"1::8", 1},        {"1:2:3:4:5:6:7::", 1}, {"::2:3:4:5:6:7:8", 1},
        {"::1.2.3.4", 1},   {"1:2:3:4:5:6:1.2.3.4", 1}, {"1:2:3:4:5::1.2.3.4", 1},
        {"ABCD:ef01::", 1}, {":", 0},            {":1", 0},          {"1:", 0},
        {"1:2", 0},         {":::", 0},          {"1::2::3", 0},     {"12345::", 0},
        {"1:2:3:4:5:6:7:8:9", 0}, {"1:2:3:4:5:6:7", 0}, {"1:2:3:4:5:6:7:8::", 0},
        {"::1:2:3:4:5:6:7:8", 0}, {"g::", 0},    {"::1.2.3", 0},     {"::1.2.3.4.5", 0},
        {"::1.2.3.4:5", 0}, {"1:2:3:4:5:6:7:1.2.3.4", 0}, {"1::1:", 0}, {"1.2.3.4::", 0},
        {"1:2:3:4:5:1.2.3.4", 0}, {"1:2:3:4:5:6::1.2.3.4", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__uri u;
        char text[80];
        int len = snprintf(text, sizeof text, "[%s]", cases[i].text);
        if ((weir__uri_parse_authority(&u, text, (size_t)len) == 0) != cases[i].good)
            fail_msg("%s", text);
    }
}
