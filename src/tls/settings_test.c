/* SPDX-License-Identifier: MIT */
/* The copy of the options: its tables lie where pointers may lie, whatever strings are before. */
#include "tls/settings.h"

#include <stdalign.h>
#include <string.h>

#include "test/runner.h"

static void expect_copy(const char *name) {
    static const char *const alpn[] = {"h2", "http/1.1", NULL};
    const struct weir_tls_name names[] = {{.name = name, .cert_pem = "c", .key_pem = "k"},
                                          {.name = NULL}};
    const struct weir_tls_options given = {.size = sizeof given, .names = names, .alpn = alpn,
                                           .ca_pem = "ca"};
    struct weir_tls_options o;
    struct weir__tls_strings strings;
    assert_int_equal(weir__tls_settings_copy(&given, &o, &strings), 0);
    assert_int_equal((uintptr_t)o.names % alignof(struct weir_tls_name), 0);
    assert_int_equal((uintptr_t)o.alpn % alignof(const char *), 0);
    assert_string_equal(o.names[0].name, name);
    assert_string_equal(o.names[0].key_pem, "k");
    assert_null(o.names[1].name);
    assert_string_equal(o.alpn[0], "h2");
    assert_string_equal(o.alpn[1], "http/1.1");
    assert_null(o.alpn[2]);
    assert_string_equal(o.ca_pem, "ca");
    weir__tls_settings_free(&strings);
}

WEIR_TEST(protocols_behind_names_of_any_length_lie_where_pointers_may) {
    static const char name[] = "*.a.name.example";
    for (size_t i = 2; i < sizeof name - 1; i++)
        expect_copy(name + i);
}
