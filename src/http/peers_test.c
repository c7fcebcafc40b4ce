/* SPDX-License-Identifier: MIT */
/* Lists of proxies, and whom their fields name; entries that a client has forged. */
#include "http/peers.h"

#include <stdio.h>
#include <string.h>

#include "test/runner.h"

WEIR_TEST(addresses_are_read_with_and_without_their_port) {
    static const struct {
        const char *text, *ip; /* NULL: refused */
    } cases[] = {
        {"10.1.2.3", "10.1.2.3"},   {"10.1.2.3:80", "10.1.2.3"}, {"[::1]:80", "::1"},
        {"[::1]", "::1"},           {"::1", "::1"},              {"2001:DB8::7", "2001:db8::7"},
        {"::ffff:10.1.2.3", "10.1.2.3"}, {"", NULL},             {"unknown", NULL},
        {"_hidden", NULL},          {"10.1.2", NULL},            {"010.1.2.3", NULL},
        {"10.1.2.3:", NULL},        {"10.1.2.3:x", NULL},        {"[::1", NULL},
        {"[::1]x", NULL},           {"[::1]:", NULL},            {"10.1.2.3 ", NULL},
        {"fe80::1%eth0", NULL},     {"1:2:3:4:5:6:7:8:9", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__ip ip;
        char text[WEIR__IP_MAX];
        bool is = weir__ip_parse(&ip, cases[i].text, strlen(cases[i].text));
        assert_int_equal(is, cases[i].ip != NULL);
        if (is)
            assert_string_equal(weir__ip_write(&ip, text), cases[i].ip);
    }
}

WEIR_TEST(a_peer_is_listed_by_address_and_by_network) {
    static const char *const list[] = {"10.0.0.0/8", "192.168.1.7", "2001:db8::/33", "::1",
                                      "fe80::/10", NULL};
    static const char *const all[] = {"0.0.0.0/0", NULL};
    static const struct {
        const char *peer;
        bool is;
    } cases[] = {
        {"10.255.0.1:4", true},     {"11.0.0.1:4", false},        {"192.168.1.7:1", true},
        {"192.168.1.8:1", false},   {"[2001:db8:7fff::1]:2", true}, {"[2001:db8:8000::1]:2", false},
        {"[::1]:9", true},          {"[::2]:9", false},           {"[::ffff:10.0.0.1]:9", true},
        {"unix", false},            {"memory", false},            {"fd:7", false},
        {"[fe80::1%2]:4444", true}, {"[fe80::1%eth0]:4", true},   {"[fec0::1%2]:4444", false},
        {"fe80::1%2", false},       {"10.0.0.1%2:4", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(weir__peer_listed(list, cases[i].peer, strlen(cases[i].peer)),
                         cases[i].is);
    assert_true(weir__peer_listed(all, "1.2.3.4:5", 9));
    assert_false(weir__peer_listed(all, "[::1]:5", 7));
    assert_false(weir__peer_listed(NULL, "10.0.0.1:1", 10));
}

WEIR_TEST(only_a_local_peer_is_listed_by_the_word_unix) {
    static const char *const list[] = {"unix", NULL};
    static const char *const local[] = {"unix", "unix:", "unix:/run/a", "unix:@a", "memory"};
    static const char *const others[] = {"10.0.0.1:1", "[fe80::1%2]:4444", "fd:7", "?", "unixes",
                                         "memory:", "uni", ""};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        assert_true(weir__peer_listed(list, local[i], strlen(local[i])));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(weir__peer_listed(list, others[i], strlen(others[i])));
}

WEIR_TEST(a_peer_is_written_without_what_differs_between_its_connections) {
    static const char *const cases[][2] = {
        {"10.1.2.3:80", "10.1.2.3"},   {"[2001:DB8::7]:80", "2001:db8::7"},
        {"[fe80::1%2]:4", "fe80::1"},  {"[fe80::1%eth0]:4", "fe80::1"},
        {"unix:", "unix"},             {"unix:/run/a client's choice", "unix"},
        {"memory", "memory"},          {"fd:7", "fd:7"},
        {"?", "?"},                    {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[WEIR__PEER_MAX];
        assert_string_equal(weir__peer_write(cases[i][0], text), cases[i][1]);
    }
}

WEIR_TEST(entries_of_a_list_that_mean_nothing_are_found) {
    static const char *const good[] = {"unix", "1.2.3.4", "1.2.3.4/32", "::/0", "0.0.0.0/0"};
    static const char *const bad[] = {"", "localhost", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1",
                                      "::1/129", "1.2.3.4/8", "[::1]", "10.0.0.0/8x", "Unix"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_null(weir__peer_fault(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(weir__peer_fault(bad[i]));
}

#define XFF "X-Forwarded-For: "
#define FWD "Forwarded: "

WEIR_TEST(the_client_is_whom_the_last_listed_proxy_names) {
    static const char *const list[] = {"10.0.0.0/8", "unix", NULL};
    static const struct {
        const char *peer, *fields;
        bool by_forwarded;
        const char *expected; /* "address scheme host" */
    } cases[] = {
        {"10.0.0.1:1", "", false, "- - -"},
        {"10.0.0.1:1", XFF "1.2.3.4\r\n", false, "1.2.3.4 - -"},
        {"unix", XFF "1.2.3.4\r\n", false, "1.2.3.4 - -"},
        /* a stranger names no one */
        {"9.0.0.1:1", XFF "1.2.3.4\r\nX-Forwarded-Proto: https\r\n", false, "- - -"},
        {"9.0.0.1:1", FWD "for=1.2.3.4;proto=https;host=x\r\n", true, "- - -"},
        /* what the client itself had sent stands before what the proxy added */
        {"10.0.0.1:1", XFF "127.0.0.1, 1.2.3.4\r\n", false, "1.2.3.4 - -"},
        {"10.0.0.1:1", XFF "127.0.0.1\r\n" XFF "1.2.3.4\r\n", false, "1.2.3.4 - -"},
        {"10.0.0.1:1", XFF "127.0.0.1,1.2.3.4 ,\t10.0.0.2\r\n", false, "1.2.3.4 - -"},
        {"10.0.0.1:1", XFF "10.0.0.3, 10.0.0.2\r\n", false, "10.0.0.3 - -"},
        {"10.0.0.1:1", XFF "1.2.3.4, unknown\r\n", false, "- - -"},
        {"10.0.0.1:1", XFF "1.2.3.4, unknown, 10.0.0.2\r\n", false, "10.0.0.2 - -"},
        {"10.0.0.1:1", XFF "1.2.3.4, \r\n", false, "- - -"},
        /* a quote that the client leaves open hides nothing of what the proxy added */
        {"10.0.0.1:1", XFF "\", 1.2.3.4\r\n", false, "1.2.3.4 - -"},
        {"10.0.0.1:1", XFF "\"\\, 1.2.3.4, 10.0.0.2\r\nX-Forwarded-Proto: \", https\r\n", false,
         "1.2.3.4 https -"},
        {"10.0.0.1:1", FWD "for=\", for=\"[2001:db8::1]\";proto=https\r\n", true,
         "[2001:db8::1] https -"},
        {"10.0.0.1:1", FWD "for=\"\\, for=1.2.3.4;x=\"a\\\",for=127.0.0.1\"\r\n", true,
         "1.2.3.4 - -"},
        {"10.0.0.1:1", XFF "[::1]:80\r\n", false, "[::1]:80 - -"},
        {"10.0.0.1:1", XFF "1.2.3.4\r\nX-Forwarded-Proto: http, https\r\n"
                       "X-Forwarded-Host: a, b\r\n", false, "1.2.3.4 https b"},
        {"10.0.0.1:1", XFF "1.2.3.4\r\nX-Forwarded-Proto: ftp\r\nX-Forwarded-Host: a/b\r\n", false,
         "1.2.3.4 - -"},
        /* only one kind of field is the proxies' own; the other is the client's */
        {"10.0.0.1:1", XFF "1.2.3.4\r\n" FWD "for=127.0.0.1;proto=https\r\n", false, "1.2.3.4 - -"},
        {"10.0.0.1:1", XFF "127.0.0.1\r\n" FWD "for=1.2.3.4\r\nX-Forwarded-Proto: https\r\n", true,
         "1.2.3.4 - -"},
        {"10.0.0.1:1", FWD "for=1.2.3.4\r\n", true, "1.2.3.4 - -"},
        {"10.0.0.1:1", FWD "For=\"[2001:db8::1]:4711\";Proto=HTTPS;host=\"x.org:8\";by=y\r\n", true,
         "[2001:db8::1]:4711 HTTPS x.org:8"},
        {"10.0.0.1:1", FWD "for=6.6.6.6, for=1.2.3.4;proto=https, for=10.0.0.2;proto=http\r\n",
         true, "1.2.3.4 https -"},
        {"10.0.0.1:1", FWD "for=1.2.3.4;x=\"a,for=127.0.0.1\"\r\n", true, "1.2.3.4 - -"},
        {"10.0.0.1:1", FWD "x=\"a;for=127.0.0.1;b\";for=1.2.3.4\r\n", true, "1.2.3.4 - -"},
        {"10.0.0.1:1", FWD "for=_secret\r\n", true, "- - -"},
        {"10.0.0.1:1", FWD "for=\"1.2.3.4\r\n", true, "- - -"},
        {"10.0.0.1:1", FWD "proto=https\r\n", true, "- https -"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
        struct weir__http1 h;
        struct weir__client c;
        char text[500], found[200];
        int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n",
                         cases[i].fields);
        weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &weir__http1_limits_default);
        assert_int_equal(weir__http1_parse(&h, text, (size_t)n), n);
        weir__client_find(&c, &h, text, list, cases[i].by_forwarded, cases[i].peer);
        struct weir__slice parts[] = {c.address, c.scheme, c.host};
        found[0] = '\0';
        for (int p = 0; p < 3; p++)
            snprintf(found + strlen(found), 60, "%s%.*s", p ? " " : "",
                     parts[p].len ? (int)parts[p].len : 1,
                     parts[p].len ? text + parts[p].offset : "-");
        assert_string_equal(found, cases[i].expected);
    }
}
