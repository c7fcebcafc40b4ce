/* SPDX-License-Identifier: MIT */
/* URLs of requests and of redirects, as text. */
#include <errno.h>
#include <string.h>
#include <weir/base.h>

#include "base/alloc.h"
#include "http/client_url.h"
#include "test/runner.h"

static const char base_text[] = "http://a/b/c/d;p?q";

static void resolves(const char *from, const char *ref, const char *want) {
    struct http_url *base = NULL, *url = NULL;
    const char *why = NULL;
    assert_int_equal(weir__http_url_new(from, strlen(from), &base, &why), 0);
    int rc = weir__http_url_resolve(base, ref, strlen(ref), &url, &why);
    if (want == NULL)
        assert_int_equal(rc, WEIR_EURL);
    else if (rc < 0)
        fail_msg("%s: %s", ref, why);
    else if (strcmp(url->text, want) != 0)
        fail_msg("%s: %s, not %s", ref, url->text, want);
    weir__free(url);
    weir__free(base);
}

WEIR_TEST(references_resolve_as_the_table_of_rfc_3986_says) {
    static const char *const table[][2] = {
        {"g", "http://a/b/c/g"},          {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},        {"/g", "http://a/g"},
        {"//g", "http://g"},              {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},      {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"}, {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},           {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},            {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},         {"../..", "http://a/"},
        {"../../", "http://a/"},          {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},     {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},           {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},      {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},       {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},    {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"}, {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"}, {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"http://b/x/../y", "http://b/y"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        resolves(base_text, table[i][0], table[i][1]);
    resolves("http://a", "g", "http://a/g");
    resolves("http://a?x", "g", "http://a/g");
    resolves("http://a?x", "?y", "http://a?y");
    resolves("https://h:8443/x", "//i/y", "https://i/y");
    resolves("http://a/b", "HTTPS://B/y", "HTTPS://B/y");
}

WEIR_TEST(what_locations_hold_though_they_may_not_is_encoded) {
    resolves(base_text, "/a b", "http://a/a%20b");
    resolves(base_text, "/caf\xc3\xa9?q=\"x\"", "http://a/caf%C3%A9?q=%22x%22");
    resolves(base_text, "/a%20b", "http://a/a%20b");
    resolves(base_text, "/x?a[]={1}", "http://a/x?a%5B%5D=%7B1%7D");
}

WEIR_TEST(a_location_that_no_program_could_give_is_refused) {
    static const char *const bad[] = {"ftp://a/b", "http:g", "javascript:alert(1)", "http://",
                                      "http://u:p@h/", "//h:99999/", "http://h:0/", "file:///etc"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        resolves(base_text, bad[i], NULL);
}

WEIR_TEST(a_long_location_is_refused_and_one_of_the_limit_is_not) {
    static char ref[3 * HTTP_URL_MAX], want[3 * HTTP_URL_MAX];
    memset(ref, 'x', sizeof ref - 1);
    resolves("http://a/", ref, NULL);
    ref[0] = '/';
    ref[HTTP_URL_MAX - 8] = '\0';
    strcat(strcpy(want, "http://a"), ref);
    resolves("http://a/", ref, want);
    memset(ref, ' ', HTTP_URL_MAX - 8);
    resolves("http://a/", ref, NULL);
}

WEIR_TEST(an_origin_is_scheme_host_and_port) {
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"http://h/x", "http://h/y?z", true},     {"http://h", "http://H:80/", true},
        {"https://h", "https://h:443/", true},    {"http://h", "https://h", false},
        {"http://h:8080", "http://h", false},     {"http://h", "http://i", false},
        {"http://h", "http://h.example", false},  {"http://[::1]/", "http://[::1]:80", true},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct http_url *a = NULL, *b = NULL;
        const char *why;
        assert_int_equal(weir__http_url_new(pairs[i].a, strlen(pairs[i].a), &a, &why), 0);
        assert_int_equal(weir__http_url_new(pairs[i].b, strlen(pairs[i].b), &b, &why), 0);
        assert_int_equal(weir__http_url_same_origin(a, b), pairs[i].same);
        weir__free(a);
        weir__free(b);
    }
}
