/* SPDX-License-Identifier: MIT */
/* The address of a proxy, and the hosts that are reached without it, as text. */
#include <stdlib.h>
#include <string.h>
#include <weir/base.h>

#include "proto/proxy.h"
#include "test/runner.h"

WEIR_TEST(a_proxys_address_is_read_with_its_password) {
    static const struct {
        const char *text, *url, *authorization;
    } good[] = {
        {"http://proxy:3128", "tcp://proxy:3128", NULL},
        {"HTTP://proxy/", "tcp://proxy:80", NULL},
        {"proxy:3128", "tcp://proxy:3128", NULL},
        {"http://[::1]:8080/", "tcp://[::1]:8080", NULL},
        {"http://Aladdin:open%20sesame@h:1", "tcp://h:1", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        {"http://u@h:1", "tcp://h:1", "Basic dTo="},
        {"http://u:p@w@h:1", "tcp://h:1", "Basic dTpwQHc="},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct weir__proxy p;
        const char *why = NULL;
        if (weir__proxy_init(&p, good[i].text, NULL, NULL, &why) < 0)
            fail_msg("%s: %s", good[i].text, why);
        assert_string_equal(p.url, good[i].url);
        if (good[i].authorization != NULL)
            assert_string_equal(p.authorization, good[i].authorization);
        else
            assert_null(p.authorization);
        weir__proxy_fini(&p);
    }
}

WEIR_TEST(what_is_no_address_of_a_proxy_is_refused) {
    static const char *const bad[] = {"https://h:1", "socks5://h", "", "http://", "http://h:0",
                                      "http://h:1/path", "http://h:99999", "a b:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct weir__proxy p;
        const char *why = NULL;
        assert_int_equal(weir__proxy_init(&p, bad[i], NULL, NULL, &why), WEIR_EURL);
        assert_non_null(why);
    }
}

WEIR_TEST(the_list_of_hosts_without_a_proxy_is_read_as_others_read_it) {
    static const struct {
        const char *list, *host;
        int port;
        bool skips;
    } cases[] = {
        {NULL, "h", 80, false},
        {"", "h", 80, false},
        {"*", "h", 80, true},
        {"a, *", "h", 80, true},
        {"example.com", "example.com", 80, true},
        {"example.com", "EXAMPLE.com.", 80, true},
        {"example.com", "www.example.com", 80, true},
        {"example.com", "badexample.com", 80, false},
        {"example.com", "example.com.evil", 80, false},
        {".example.com", "www.example.com", 80, true},
        {".example.com", "example.com", 80, false},
        {"a,b , c", "b", 80, true},
        {"example.com:8080", "example.com", 8080, true},
        {"example.com:8080", "example.com", 80, false},
        {"10.0.0.0/8", "10.1.2.3", 80, true},
        {"10.0.0.0/8", "11.1.2.3", 80, false},
        {"10.0.0.0/33", "10.0.0.0", 80, false},
        {"192.168.1.128/25", "192.168.1.200", 80, true},
        {"192.168.1.128/25", "192.168.1.100", 80, false},
        {"0.0.0.0/0", "1.2.3.4", 80, true},
        {"127.0.0.1", "127.0.0.1", 80, true},
        {"127.0.0.1:81", "127.0.0.1", 80, false},
        {"2.3.4", "1.2.3.4", 80, false},
        {"[::1]", "::1", 80, true},
        {"::1", "0:0::1", 80, true},
        {"[::1]:81", "::1", 80, false},
        {"fd00::/8", "fd12::3", 80, true},
        {"fd00::/8", "fe80::1", 80, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (weir__proxy_skips(cases[i].list, cases[i].host, strlen(cases[i].host),
                              (uint16_t)cases[i].port) != cases[i].skips)
            fail_msg("\"%s\", %s:%d", cases[i].list, cases[i].host, cases[i].port);
}

WEIR_TEST(this_machine_is_known_by_its_names) {
    static const char *const local[] = {"localhost", "x.localhost", "127.0.0.1", "127.9.9.9",
                                        "::1"};
    static const char *const other[] = {"localhost.example", "128.0.0.1", "::2", "h"};
    for (size_t i = 0; i < 5; i++)
        assert_true(weir__proxy_is_local(local[i], strlen(local[i])));
    for (size_t i = 0; i < 4; i++)
        assert_false(weir__proxy_is_local(other[i], strlen(other[i])));
}

WEIR_TEST(the_environment_names_a_proxy_but_not_in_capitals_for_http) {
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"};
    for (size_t i = 0; i < 8; i++)
        unsetenv(names[i]);
    assert_null(weir__proxy_from_environment(false));
    setenv("HTTP_PROXY", "http://evil", 1);
    assert_null(weir__proxy_from_environment(false));
    setenv("ALL_PROXY", "http://all", 1);
    assert_string_equal(weir__proxy_from_environment(false), "http://all");
    setenv("HTTPS_PROXY", "http://safe", 1);
    assert_string_equal(weir__proxy_from_environment(true), "http://safe");
    setenv("https_proxy", "", 1);
    assert_string_equal(weir__proxy_from_environment(true), "http://safe");
    setenv("http_proxy", "http://plain", 1);
    assert_string_equal(weir__proxy_from_environment(false), "http://plain");
    setenv("NO_PROXY", "h", 1);
    assert_string_equal(weir__no_proxy_from_environment(), "h");
}
