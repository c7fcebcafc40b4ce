/* SPDX-License-Identifier: MIT */
/* Heads that are written are heads that our own parser takes, and nothing breaks out of them. */
#include "wire/http1_write.h"

#include <string.h>
#include <weir/base.h>

#include "test/runner.h"

static struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];

WEIR_TEST(refusals_are_whole_answers) {
    static const int statuses[] = {400, 403, 405, 426, 431, 505, 418};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct weir__http1 h;
        char text[400];
        ssize_t len = weir__http1_refusal_write(text, sizeof text - 1, statuses[i], "bad origin");
        assert_true(len > 0);
        weir__http1_init(&h, WEIR__HTTP1_RESPONSE, headers, &weir__http1_limits_default);
        int head = weir__http1_parse(&h, text, (size_t)len);
        assert_int_equal(h.status, statuses[i]);
        assert_int_equal(h.body_len, len - head);
        assert_memory_equal(text + head, "bad origin\n", 11);
        assert_true(weir__http1_has_token(&h, text, "connection", "close"));
        assert_int_equal(weir__http1_find(&h, text, "upgrade", 0) >= 0, statuses[i] == 426);
    }
}
