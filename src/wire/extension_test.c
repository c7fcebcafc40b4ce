/* SPDX-License-Identifier: MIT */
/* What a server answers to offers, what a client takes for an answer, and what breaks the grammar;
 * with the examples of RFC 7692. */
#include "wire/extension.h"

#include <stdio.h>
#include <string.h>
#include <weir/base.h>

#include "test/runner.h"

static struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];

/* "a" gives one field, "a|b" two. */
static void parse(struct weir__http1 *h, enum weir__http1_kind kind, const char *values,
                  char *head, size_t size) {
    int n = snprintf(head, size, kind == WEIR__HTTP1_REQUEST
                                     ? "GET / HTTP/1.1\r\nHost: a\r\n"
                                     : "HTTP/1.1 101 Switching Protocols\r\n");
    size_t at = (size_t)n;
    while (values != NULL) {
        const char *bar = strchr(values, '|');
        int len = bar ? (int)(bar - values) : (int)strlen(values);
        at += (size_t)snprintf(head + at, size - at, "Sec-WebSocket-Extensions: %.*s\r\n", len,
                               values);
        values = bar ? bar + 1 : NULL;
    }
    snprintf(head + at, size - at, "\r\n");
    weir__http1_init(h, kind, headers, &weir__http1_limits_default);
    assert_int_equal(weir__http1_parse(h, head, strlen(head)), strlen(head));
}

#define PD "permessage-deflate"
#define SNC "server_no_context_takeover"
#define CNC "client_no_context_takeover"
#define SMW "server_max_window_bits"
#define CMW "client_max_window_bits"

static const struct weir__ws_deflate_terms all = {15, 15}, fresh = {15, 15, true, true},
                                           small = {10, 9, false, true};

/* The line of the answer without its name; "": no compression; "!": the request is refused. */
static void expect_answer(const struct weir__ws_deflate_terms *own, const char *offers,
                          const char *want) {
    char head[1024], line[256] = "";
    struct weir__http1 h;
    struct weir__ws_deflate_terms t;
    const char *why = NULL;
    parse(&h, WEIR__HTTP1_REQUEST, offers, head, sizeof head);
    int rc = weir__ws_deflate_choose(&h, head, own, &t, &why);
    if (rc == 1) {
        struct weir__head w = {.text = line, .size = sizeof line - 1};
        weir__ws_deflate_put_answer(&w, &t);
        line[weir__head_len(&w) - 2] = '\0';
        memmove(line, line + 26, strlen(line + 26) + 1);
        assert_in_range(t.server_bits, 8, 15);
        assert_in_range(t.client_bits, 8, 15);
    } else if (rc < 0) {
        assert_int_equal(rc, WEIR_EPROTO);
        assert_non_null(why);
        strcpy(line, "!");
    }
    if (strcmp(line, want) != 0)
        fprintf(stderr, "# offer: %s\n", offers);
    assert_string_equal(line, want);
}

WEIR_TEST(a_server_takes_the_first_offer_that_it_can_have) {
    static const struct {
        const struct weir__ws_deflate_terms *own;
        const char *offers, *answer;
    } cases[] = {
        {&all, PD, PD},
        {&all, "Permessage-Deflate", PD},
        {&all, " , ," PD " ,", PD},
        {&all, PD "; " CMW, PD},
        {&all, PD ";" CMW "; " SMW "=10", PD "; " SMW "=10"}, /* RFC 7692 7.1.3 */
        {&all, PD "; " SMW "=10 , " PD, PD "; " SMW "=10"},
        {&all, PD "; " SMW "=15", PD "; " SMW "=15"}, /* what was asked for must be answered */
        {&all, PD "; " SMW "=\"8\"", PD "; " SMW "=8"},
        {&all, PD "; " SMW "=\"1\\2\"", PD "; " SMW "=12"},
        {&all, PD "; " SNC, PD "; " SNC},
        {&all, PD "; " CNC "; " SNC, PD "; " SNC "; " CNC},
        {&all, PD "; " CMW "=9", PD "; " CMW "=9"},
        {&fresh, PD, PD "; " SNC "; " CNC},
        {&small, PD, PD "; " CNC "; " SMW "=10"}, /* the client cannot be asked to be small */
        {&small, PD "; " CMW, PD "; " CNC "; " SMW "=10; " CMW "=9"},
        {&small, PD "; " CMW "=8; " SMW "=9", PD "; " CNC "; " SMW "=9; " CMW "=8"},
        {&all, "foo; bar=1, " PD, PD},
        {&all, "foo|" PD, PD},
        {&all, PD "; unknown, " PD "; " SNC, PD "; " SNC},
        {&all, PD "; " SMW "=7|" PD, PD},
        {&all, "foo", ""},
        {&all, "x-webkit-deflate-frame", ""},
        {&all, "", ""},
        /* declined */
        {&all, PD "; unknown", ""},
        {&all, PD "; " SNC "=1", ""},
        {&all, PD "; " SNC "; " SNC, ""},
        {&all, PD "; " CNC "; " CNC, ""},
        {&all, PD "; " SMW, ""},
        {&all, PD "; " SMW "=7", ""},
        {&all, PD "; " SMW "=16", ""},
        {&all, PD "; " SMW "=08", ""},
        {&all, PD "; " SMW "=+9", ""},
        {&all, PD "; " SMW "=100000000000000000015", ""},
        {&all, PD "; " SMW "=10; " SMW "=10", ""},
        {&all, PD "; " CMW "=7", ""},
        {&all, PD "; " CMW "; " CMW "=10", ""},
        {&all, PD "; " CMW "=10; " CMW, ""},
        /* refused */
        {&all, PD "; ", "!"},
        {&all, PD ";;" SNC, "!"},
        {&all, ";" PD, "!"},
        {&all, PD " " SNC, "!"},
        {&all, PD "; " SMW "=", "!"},
        {&all, PD "; " SMW "=\"\"", "!"},
        {&all, PD "; " SMW "=\"10", "!"},
        {&all, PD "; " SMW "=\"10\\", "!"},
        {&all, PD "; " SMW "=\"1 0\"", "!"},
        {&all, PD "; " SMW "=\"10\"x", "!"},
        {&all, PD ", foo; a=(", "!"}, /* also behind the one that was chosen */
        {&all, "@", "!"},
        /* a server without compression */
        {NULL, PD, ""},
        {NULL, PD "; unknown=1, foo", ""},
        {NULL, PD ";;" SNC, "!"},
        {NULL, PD ", foo; a=(", "!"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_answer(cases[i].own, cases[i].offers, cases[i].answer);
}

WEIR_TEST(a_client_takes_only_what_follows_from_its_offer) {
    static const struct weir__ws_deflate_terms limited = {12, 11, true, false};
    static const struct {
        const struct weir__ws_deflate_terms *own;
        const char *answer;
        int rc; /* 1 agreed; 0 none; -1: fails */
        struct weir__ws_deflate_terms t;
    } cases[] = {
        {&all, PD, 1, {15, 15}},
        {&all, PD "; " SMW "=8; " CMW "=\"9\"", 1, {8, 9, .client_bits_named = true}},
        {&all, PD "; " SNC "; " CNC, 1, {15, 15, true, true}},
        {&fresh, PD "; " SNC, 1, {15, 15, true, true}},
        {&limited, PD "; " SNC "; " SMW "=12", 1, {12, 11, true}},
        {&limited, PD "; " SNC "; " SMW "=9; " CMW "=10", 1,
         {9, 10, true, .client_bits_named = true}},
        {&all, NULL, 0, {0}},
        {&all, "", 0, {0}},
        {&fresh, PD, -1, {0}},                                     /* it keeps its context */
        {&limited, PD "; " SNC, -1, {0}},                          /* its window */
        {&limited, PD "; " SNC "; " SMW "=13", -1, {0}},
        {&limited, PD "; " SNC "; " SMW "=12; " CMW "=12", -1, {0}},
        {&all, PD "; " CMW, -1, {0}},                              /* without a value */
        {&all, PD "; " CMW "=7", -1, {0}},
        {&all, PD "; " SMW, -1, {0}},
        {&all, PD "; unknown", -1, {0}},
        {&all, PD "; " SNC "; " SNC, -1, {0}},
        {&all, PD ", " PD, -1, {0}},
        {&all, PD "|" PD, -1, {0}},
        {&all, PD ", foo", -1, {0}},
        {&all, "foo", -1, {0}},
        {&all, PD ";", -1, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char head[512];
        struct weir__http1 h;
        struct weir__ws_deflate_terms t = {0};
        const char *why = NULL;
        parse(&h, WEIR__HTTP1_RESPONSE, cases[i].answer, head, sizeof head);
        int rc = weir__ws_deflate_agree(&h, head, cases[i].own, &t, &why);
        if (rc != (cases[i].rc < 0 ? WEIR_EPROTO : cases[i].rc))
            fprintf(stderr, "# answer: %s\n", cases[i].answer);
        assert_int_equal(rc, cases[i].rc < 0 ? WEIR_EPROTO : cases[i].rc);
        assert_true(rc >= 0 || why != NULL);
        if (rc == 1)
            assert_memory_equal(&t, &cases[i].t, sizeof t);
    }
}

static void expect_offer(const struct weir__ws_deflate_terms *own, const char *want) {
    char line[256];
    struct weir__head w = {.text = line, .size = sizeof line - 1};
    weir__ws_deflate_put_offer(&w, own);
    line[weir__head_len(&w) - 2] = '\0';
    assert_string_equal(line + 26, want);
}

WEIR_TEST(an_offer_says_what_the_client_wants_and_that_its_window_may_be_limited) {
    static const struct weir__ws_deflate_terms limited = {12, 8, true, false};
    expect_offer(&all, PD "; " CMW);
    expect_offer(&fresh, PD "; " SNC "; " CNC "; " CMW);
    expect_offer(&limited, PD "; " SNC "; " SMW "=12; " CMW "=8");
}
