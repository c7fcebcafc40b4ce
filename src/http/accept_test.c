/* SPDX-License-Identifier: MIT */
/* Who gets gzip. */
#include "http/accept.h"

#include <stdio.h>
#include <string.h>

#include "test/runner.h"

WEIR_TEST(gzip_is_sent_only_where_it_is_asked_for) {
    static const struct {
        const char *fields;
        bool gzip;
    } cases[] = {
        {"", false},
        {"Accept-Encoding:\r\n", false},
        {"Accept-Encoding: gzip\r\n", true},
        {"Accept-Encoding: GZip, deflate, br\r\n", true},
        {"Accept-Encoding: x-gzip\r\n", true},
        {"Accept-Encoding: br\r\naccept-encoding: gzip\r\n", true},
        {"Accept-Encoding: deflate\r\n", false},
        {"Accept-Encoding: gzipp, gzi\r\n", false},
        {"Accept-Encoding: *\r\n", true},
        {"Accept-Encoding: *;q=0\r\n", false},
        {"Accept-Encoding: gzip;q=0\r\n", false},
        {"Accept-Encoding: gzip;q=0, *\r\n", false},
        {"Accept-Encoding: gzip ; q=0.001\r\n", true},
        {"Accept-Encoding: gzip;Q=0.000\r\n", false},
        {"Accept-Encoding: gzip;a=b;q=0\r\n", false},
        {"Accept-Encoding: gzip;q=1.000\r\n", true},
        {"Accept-Encoding: gzip;q=1.001\r\n", false},
        {"Accept-Encoding: gzip;q=2\r\n", false},
        {"Accept-Encoding: gzip;q=-1\r\n", false},
        {"Accept-Encoding: gzip;q=0.0000\r\n", false},
        {"Accept-Encoding: gzip;q=.5\r\n", false},
        {"Accept-Encoding: gzip;q=\r\n", false},
        {"Accept-Encoding: gzip;q=0.x\r\n", false},
        {"Accept-Encoding: identity, gzip;q=0.5\r\n", false},
        {"Accept-Encoding: identity;q=0.5, gzip;q=0.5\r\n", true},
        {"Accept-Encoding: ;q=1\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
        struct weir__http1 h;
        char text[300];
        int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n",
                         cases[i].fields);
        weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &weir__http1_limits_default);
        assert_int_equal(weir__http1_parse(&h, text, (size_t)n), n);
        if (weir__accept_gzip(&h, text) != cases[i].gzip)
            fprintf(stderr, "%s\n", cases[i].fields);
        assert_int_equal(weir__accept_gzip(&h, text), cases[i].gzip);
    }
}
