/* SPDX-License-Identifier: MIT */
/* Forms whole, cut at each byte, and hostile. */
#include "http/multipart.h"

#include <stdio.h>
#include <string.h>
#include <weir/base.h>

#include "test/runner.h"
#include "wire/wire_test_util.h"

#define TYPE "multipart/form-data; boundary=B"

/* What a form says, as one text: "[name|filename|type]data;" for each part, then END or the
 * fault. Its bytes come `first` at once, then `step` at a time. */
static const char *story(const char *form, size_t len, size_t first, size_t step,
                         uint32_t head_max) {
    static char told[4096];
    struct weir__multipart m;
    struct weir__multipart_event e;
    struct guard g;
    char kept[4096];
    size_t have = first < len ? first : len, n = 0, base = 0;
    guard_open(&g, 4096);
    assert_int_equal(weir__multipart_init(&m, TYPE, strlen(TYPE), head_max), 0);
    memcpy(kept, form, len);
    for (told[0] = '\0';;) {
        char *copy = (char *)guard_at_end(&g, kept + base, have - base);
        int kind = weir__multipart_next(&m, copy, have - base, &e);
        if (kind < 0 || kind == WEIR__MULTIPART_END) {
            snprintf(told + n, sizeof told - n, "%s", kind < 0 ? m.why : "END");
            break;
        }
        if (kind == WEIR__MULTIPART_PART)
            n += (size_t)snprintf(told + n, sizeof told - n, "[%s|%s|%s]", e.name,
                                  e.filename ? e.filename : "-", e.type ? e.type : "-");
        if (kind == WEIR__MULTIPART_DATA)
            n += (size_t)snprintf(told + n, sizeof told - n, "%.*s", (int)e.len, e.data);
        if (kind == WEIR__MULTIPART_PART_END)
            n += (size_t)snprintf(told + n, sizeof told - n, ";");
        base += e.used;
        if (kind == WEIR__MULTIPART_MORE && have == len) {
            snprintf(told + n, sizeof told - n, "CUT");
            break;
        }
        if (kind == WEIR__MULTIPART_MORE)
            have = have + step < len ? have + step : len;
    }
    guard_close(&g);
    return told;
}

#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static const struct {
    const char *form, *told;
} cases[] = {
    {"--B\r\n" PART("a") "1\r\n--B--\r\n", "[a|-|-]1;END"},
    {"\r\n--B\r\n" PART("a") "1\r\n--B--", "[a|-|-]1;END"},
    {"--B\r\n" PART("a") "\r\n--B\r\n" PART("b") "\r\n--B--epilogue", "[a|-|-];[b|-|-];END"},
    {"--B--\r\n", "END"},
    {"--B\r\nCONTENT-disposition:form-data;filename=x.png;name=f\r\nContent-Type: image/png \r\n"
     "X-Other: y\r\n\r\nPNG\r\n--B--", "[f|x.png|image/png]PNG;END"},
    {"--B\r\n" PART("a") "\r\r\n\r\n-\r\n--\r\n--A\r\n--B--",
     "[a|-|-]\r\r\n\r\n-\r\n--\r\n--A;END"},
    {"--B\r\nContent-Disposition: form-data; name=\"a\\\"b\\\\c\"; filename=\"C:\\dir\\x\"\r\n\r\n"
     "\r\n--B--", "[a\"b\\c|C:\\dir\\x|-];END"},
    {"--B\r\nContent-Disposition: form-data; name=\"a;b=c\"; filename=\"../../etc/passwd\"; "
     "filename*=UTF-8''x\r\n\r\n\r\n--B--", "[a;b=c|../../etc/passwd|-];END"},
    {"--B\r\nContent-Disposition: form-data; name=\"\"; filename=\"\"\r\n\r\n\r\n--B--",
     "[||-];END"},
    {"--B\r\nContent-Transfer-Encoding: Binary\r\n" PART("a") "\r\n--B--", "[a|-|-];END"},
    /* faults */
    {"", "CUT"},
    {"--B\r\n" PART("a") "1", "[a|-|-]1CUT"},
    {"--B\r\n" PART("a") "1\r\n--B", "[a|-|-]1;CUT"},
    {"--B\r\n" PART("a") "1\r\n--B-", "[a|-|-]1;CUT"},
    {"--B\r\nContent-Dispo", "CUT"},
    {"preamble\r\n--B--", "a form does not begin with its boundary"},
    {"--C\r\n", "a form does not begin with its boundary"},
    {"-B--", "a form does not begin with its boundary"},
    {"--Bx\r\n", "a line in a form begins with its boundary"},
    {"--B \r\n", "a line in a form begins with its boundary"},
    {"--B\n\n", "a line in a form begins with its boundary"},
    {"--B\r\r", "a line in a form begins with its boundary"},
    {"--B-\r\n", "a line in a form begins with its boundary"},
    {"--B\r\n" PART("a") "1\r\n--BB--", "[a|-|-]1;a line in a form begins with its boundary"},
    {"--B\r\n\r\n1\r\n--B--", "a part has no Content-Disposition"},
    {"--B\r\nContent-Type: a\r\n\r\n1\r\n--B--", "a part has no Content-Disposition"},
    {"--B\r\nContent-Type: a\r\nContent-Type: a\r\n\r\n", "a part has two Content-Type"},
    {"--B\r\nContent-Disposition: form-data\r\n\r\n",
     "a part has a bad Content-Disposition, or no name"},
    {"--B\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n",
     "a part has a bad Content-Disposition, or no name"},
    {"--B\r\nContent-Disposition: form-data; name=a; filename=b; filename=c\r\n\r\n",
     "a part has a bad Content-Disposition, or no name"},
    {"--B\r\nContent-Disposition: form-data; name=\"a\r\n\r\n",
     "a part has a bad Content-Disposition, or no name"},
    {"--B\r\nContent-Disposition: form-data name=a\r\n\r\n",
     "a part has a bad Content-Disposition, or no name"},
    {"--B\r\nContent-Disposition: form-data; name = a\r\n\r\n",
     "a part has a bad Content-Disposition, or no name"},
    {"--B\r\nContent-Disposition: attachment; name=a\r\n\r\n", "a part is not form-data"},
    {"--B\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n"
     "\r\n", "a part has two Content-Disposition"},
    {"--B\r\nContent-Transfer-Encoding: base64\r\n\r\n",
     "a part has a Content-Transfer-Encoding"},
    {"--B\r\n : a\r\n\r\n", "a part has a bad header line"},
    {"--B\r\nContent-Type\r\n\r\n", "a part has a bad header line"},
    {"--B\r\nContent-Type : a\r\n\r\n", "a part has a bad header line"},
    {"--B\r\nX: a\nContent-Type: b\r\n\r\n", "a part has a control character in its head"},
    {"--B\r\nX: a\rY: b\r\n\r\n", "a part has a control character in its head"},
    {"--B\r\n folded: a\r\n\r\n", "a part has a bad header line"},
};

WEIR_TEST(forms_say_the_same_however_they_are_cut) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *form = cases[i].form;
        size_t len = strlen(form);
        assert_string_equal(story(form, len, len, 1, 1000), cases[i].told);
        for (size_t at = 0; at < len; at++)
            assert_string_equal(story(form, len, at, len, 1000), cases[i].told);
        assert_string_equal(story(form, len, 0, 1, 1000), cases[i].told);
        assert_string_equal(story(form, len, 0, 3, 1000), cases[i].told);
    }
}

WEIR_TEST(the_head_of_a_part_is_bounded_however_it_is_cut) {
    char form[2000] = "--B\r\nX: ";
    memset(form + strlen(form), 'x', 300);
    size_t bare = strlen(form);
    strcpy(form + bare, "\r\n" PART("a") "\r\n--B--");
    size_t len = strlen(form);
    for (size_t step = 1; step < len; step += 37) {
        assert_string_equal(story(form, len, 0, step, 300), "the head of a part is too long");
        assert_string_equal(story(form, bare, 0, step, 300), "the head of a part is too long");
        assert_string_equal(story(form, len, 0, step, 400), "[a|-|-];END");
    }
    strcpy(form, "--B\r\n");
    for (int i = 0; i < WEIR__MULTIPART_HEADERS_MAX; i++)
        strcat(form, "X: y\r\n");
    strcat(form, PART("a") "\r\n--B--");
    assert_string_equal(story(form, strlen(form), 0, 1, 1000), "a part has too many headers");
}

/* A name of 85 signs of Japanese, which file systems take, and some programs send it twice: as it
 * is and escaped. Such names are bounded by the head that has them, and by nothing else. */
WEIR_TEST(a_long_name_of_a_file_is_taken) {
    static const char sign[] = "\xe3\x81\x82", escaped[] = "%E3%81%82";
    char form[4000] = "--B\r\nContent-Disposition: form-data; name=\"", told[1000] = "[";
    for (int i = 0; i < 85; i++)
        strcat(strcat(form, sign), "\\\"");
    strcat(form, "\"; filename*=UTF-8''");
    for (int i = 0; i < 85; i++)
        strcat(form, escaped);
    strcat(form, "; filename=\"");
    for (int i = 0; i < 85; i++)
        strcat(form, sign);
    strcat(form, "\"\r\nContent-Type: text/x\r\n\r\n1\r\n--B--");
    for (int i = 0; i < 85; i++)
        strcat(strcat(told, sign), "\"");
    strcat(told, "|");
    for (int i = 0; i < 85; i++)
        strcat(told, sign);
    strcat(told, "|text/x]1;END");
    size_t len = strlen(form), head = len - strlen("1\r\n--B--") - strlen("--B\r\n");
    for (size_t step = 1; step < 2 * len; step *= 5) {
        assert_string_equal(story(form, len, 0, step, (uint32_t)head), told);
        assert_string_equal(story(form, len, 0, step, (uint32_t)head - 1),
                            "the head of a part is too long");
    }
}

WEIR_TEST(only_a_form_with_a_usable_boundary_is_taken) {
    static const struct {
        const char *type;
        const char *boundary; /* NULL: refused */
    } types[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"Multipart/Form-Data;charset=x;BOUNDARY=\"a b:c\"", "a b:c"},
        {"multipart/form-data", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/form-data; boundary=\"\"", NULL},
        {"multipart/form-data; boundary=a; boundary=b", NULL},
        {"multipart/form-data; boundary=\"a ", NULL},
        {"multipart/form-data; boundary=\"a \"", NULL},
        {"multipart/form-data; boundary=\"a\\\"b\"", NULL},
        {"multipart/form-data; boundary=a;", NULL},
        {"multipart/form-data, boundary=a", NULL},
        {"multipart/form-datax; boundary=a", NULL},
        {"multipart/mixed; boundary=a", NULL},
        {"application/x-www-form-urlencoded", NULL},
        {"", NULL},
        {"multipart/form-data; boundary="
         "12345678901234567890123456789012345678901234567890123456789012345678901", NULL},
        {"multipart/form-data; boundary="
         "1234567890123456789012345678901234567890123456789012345678901234567890",
         "1234567890123456789012345678901234567890123456789012345678901234567890"},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct weir__multipart m;
        int rc = weir__multipart_init(&m, types[i].type, strlen(types[i].type), 1000);
        assert_int_equal(rc, types[i].boundary ? 0 : WEIR_EPROTO);
        assert_true(rc == 0 || m.why != NULL);
        if (rc == 0) {
            assert_int_equal(m.delimiter_len, 4 + strlen(types[i].boundary));
            assert_memory_equal(m.delimiter + 4, types[i].boundary, strlen(types[i].boundary));
        }
    }
}
