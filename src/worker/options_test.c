/* SPDX-License-Identifier: MIT */
/* The command line of a worker: what hosts may look like, and which are safe. */
#include "worker/options.h"

#include <string.h>

#include "test/runner.h"

/* The program that "test -s HOST" makes; NULL: refused, with that exit code. */
static struct weir__program *with_host(const char *host, int *ret_code) {
    char word[] = "test", flag[] = "-s", copy[400];
    strcpy(copy, host);
    char *argv[] = {word, flag, copy, NULL};
    struct weir__program *p = weir__program_new("test");
    assert_non_null(p);
    *ret_code = weir__options_read(p, WEIR__USAGE_WORKER, 3, argv, NULL);
    if (*ret_code < 0)
        return p;
    weir__program_free(p);
    return NULL;
}

WEIR_TEST(brackets_of_a_host_are_left_out) {
    static const struct {
        const char *given, *host;
        bool safe;
    } rows[] = {
        {"[::1]", "::1", true},     {"::1", "::1", true},     {"localhost", "localhost", true},
        {"127.0.0.1", "127.0.0.1", true}, {"[::]", "::", false}, {"[h]", "[h]", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code;
        struct weir__program *p = with_host(rows[i].given, &code);
        assert_non_null(p);
        assert_string_equal(p->host, rows[i].host);
        assert_int_equal(weir__options_safe(p), rows[i].safe);
        weir__program_free(p);
    }
}

WEIR_TEST(a_host_has_its_bounds) {
    char host[300];
    int code;
    memset(host, 'h', sizeof host);
    host[WEIR__NODE_HOST_MAX] = '\0';
    struct weir__program *p = with_host(host, &code);
    assert_non_null(p);
    assert_string_equal(p->host, host);
    weir__program_free(p);
    host[WEIR__NODE_HOST_MAX] = 'h';
    host[WEIR__NODE_HOST_MAX + 1] = '\0';
    assert_null(with_host(host, &code));
    assert_int_equal(code, 2);
    assert_null(with_host("", &code));
    assert_int_equal(code, 2);
}
