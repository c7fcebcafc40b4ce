/* SPDX-License-Identifier: MIT */
/* Addresses as values, names, and the interfaces of this machine. */
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <weir/error.h>
#include <weir/loop.h>
#include <weir/net.h>
#include <weir/testing.h>

#include "test/runner.h"

static const char *again(const char *text) {
    static char out[WEIR_ADDR_TEXT];
    struct weir_addr a;
    assert_int_equal(weir_addr_parse(text, &a), 0);
    return weir_addr_text(&a, out, sizeof out);
}

WEIR_TEST(an_address_is_read_and_written_alike) {
    assert_string_equal(again("127.0.0.1:53"), "127.0.0.1:53");
    assert_string_equal(again("[::1]:65535"), "[::1]:65535");
    assert_string_equal(again("[FE80::1%1]:0"), "[fe80::1%1]:0");
    assert_string_equal(again("unix:/run/x"), "unix:/run/x");
    assert_string_equal(again("unix:@name"), "unix:@name");
}

WEIR_TEST(what_is_no_address_is_refused) {
    static const char *const bad[] = {"",       ":53",        "127.0.0.1",  "127.0.0.1:", "::1:53",
                                      "[::1]",  "[::1]53",    "[1.2.3.4]:1", "a.b:53",    "1.2.3:4",
                                      "1.2.3.4:65536", "1.2.3.4:-1", "[::1:53", "unix:",
                                      "[fe80::1%+1]:1", "[fe80::1% 1]:1", "[fe80::1%0]:1",
                                      "[fe80::1%-18446744073709551615]:1"};
    struct weir_addr a, before;
    memset(&a, 7, sizeof a);
    before = a;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(weir_addr_parse(bad[i], &a), -EINVAL);
    assert_non_null(strstr(weir_error_message(-EINVAL), "for a name weir_resolve"));
    char path[300] = "unix:";
    memset(path + 5, 'x', 200);
    assert_int_equal(weir_addr_parse(path, &a), -ENAMETOOLONG);
    assert_memory_equal(&a, &before, sizeof a);
}

WEIR_TEST(an_address_is_cut_to_its_buffer) {
    struct weir_addr a, none = {{0}};
    char text[8];
    assert_int_equal(weir_addr_parse("192.168.100.200:1234", &a), 0);
    assert_string_equal(weir_addr_text(&a, text, sizeof text), "192.168");
    assert_string_equal(weir_addr_text(&none, text, sizeof text), "?");
}

WEIR_TEST(ports_and_equality_follow_the_address) {
    struct weir_addr a, b;
    assert_int_equal(weir_addr_parse("[::1]:53", &a), 0);
    assert_int_equal(weir_addr_parse("[::1]:54", &b), 0);
    assert_int_equal(weir_addr_port(&a), 53);
    assert_false(weir_addr_equal(&a, &b));
    weir_addr_set_port(&b, 53);
    assert_true(weir_addr_equal(&a, &b));
    assert_int_equal(weir_addr_parse("unix:/x", &a), 0);
    assert_int_equal(weir_addr_port(&a), 0);
}

WEIR_TEST(an_address_becomes_a_sockaddr_and_back) {
    struct weir_addr a, b;
    socklen_t len = 0;
    assert_int_equal(weir_addr_parse("10.1.2.3:9", &a), 0);
    const struct sockaddr *sa = weir_addr_sockaddr(&a, &len);
    assert_int_equal(len, sizeof(struct sockaddr_in));
    assert_int_equal(sa->sa_family, AF_INET);
    assert_int_equal(weir_addr_from_sockaddr(sa, len, &b), 0);
    assert_true(weir_addr_equal(&a, &b));
    assert_int_equal(weir_addr_from_sockaddr(sa, len - 1, &b), -EINVAL);
    assert_int_equal(weir_addr_from_sockaddr(sa, 1, &b), -EINVAL);
    struct sockaddr other = {.sa_family = AF_NETLINK};
    assert_int_equal(weir_addr_from_sockaddr(&other, sizeof other, &b), -EINVAL);
}

/* Most programs give the size of the struct; the kernel gives that of the path. */
WEIR_TEST(a_path_is_the_same_address_whatever_length_the_program_gives) {
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    struct weir_addr whole, text;
    assert_int_equal(weir_addr_from_sockaddr((struct sockaddr *)&un, sizeof un, &whole), 0);
    assert_int_equal(weir_addr_parse("unix:/run/x", &text), 0);
    assert_true(weir_addr_equal(&whole, &text));
}

WEIR_TEST(each_nul_of_a_name_without_a_file_is_seen_in_its_text) {
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "\0a\0b"};
    struct weir_addr a;
    char text[WEIR_ADDR_TEXT];
    socklen_t len = offsetof(struct sockaddr_un, sun_path) + 4;
    assert_int_equal(weir_addr_from_sockaddr((struct sockaddr *)&un, len, &a), 0);
    assert_string_equal(weir_addr_text(&a, text, sizeof text), "unix:@a@b");
}

static int finds(void *unused) {
    struct weir_addr a[4];
    char text[WEIR_ADDR_TEXT];
    (void)unused;
    assert_int_equal(weir_resolve("10.0.0.1", 80, a, 4), 1);
    assert_string_equal(weir_addr_text(&a[0], text, sizeof text), "10.0.0.1:80");
    assert_int_equal(weir_resolve("localhost", 7, a, 1), 2);
    assert_string_equal(weir_addr_text(&a[0], text, sizeof text), "[::1]:7");
    assert_int_equal(weir_resolve("localhost", 70000, a, 1), -EINVAL);
    assert_int_equal(weir_resolve("localhost", -1, a, 1), -EINVAL);
    return 0;
}

WEIR_TEST_BACKENDS(names_are_resolved) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(finds, NULL, &o), 0);
}

static int finds_hosts(void *unused) {
    struct weir_addr a[4];
    char text[WEIR_ADDR_TEXT];
    (void)unused;
    weir_sim_host("there");
    assert_int_equal(weir_resolve("there", 80, a, 4), 2);
    assert_string_equal(weir_addr_text(&a[0], text, sizeof text), "[fd00::2]:80");
    assert_string_equal(weir_addr_text(&a[1], text, sizeof text), "10.0.0.2:80");
    assert_int_equal(weir_resolve("nowhere", 80, a, 4), WEIR_ENONAME);
    struct weir_interface i;
    assert_int_equal(weir_interfaces(&i, 1), WEIR_ESIMREFUSED);
    return 0;
}

WEIR_TEST(names_of_simulated_hosts_are_resolved) {
    assert_int_equal(weir_sim_run(finds_hosts, NULL, NULL), 0);
}

WEIR_TEST(the_loopback_is_among_the_interfaces) {
    struct weir_interface all[64];
    int count = weir_interfaces(all, 64), found = 0;
    char text[WEIR_ADDR_TEXT];
    assert_true(count > 0 && count <= 64);
    assert_int_equal(weir_interfaces(NULL, 0), count);
    for (int i = 0; i < count; i++)
        if (strcmp(weir_addr_text(&all[i].addr, text, sizeof text), "127.0.0.1:0") == 0) {
            assert_string_equal(all[i].name, "lo");
            assert_int_equal(all[i].index, if_nametoindex("lo"));
            assert_true((all[i].flags & IFF_LOOPBACK) != 0);
            assert_int_equal(all[i].prefix, 8);
            found++;
        }
    assert_int_equal(found, 1);
}
