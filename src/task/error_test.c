/* SPDX-License-Identifier: MIT */
/* Error records: what does not fit is cut at a whole character, and says so; what a group returns
 * has one. */
#include <errno.h>
#include <string.h>
#include <weir/task.h>

#include "base/alloc.h"
#include "task/task.h"
#include "test/runner.h"
#include "wire/utf8.h"

#define TEN(s) s s s s s s s s s s
#define EURO "\xe2\x82\xac"

static const char *text_of(int rc) {
    const struct weir_error *e = weir_error(rc);
    assert_non_null(e);
    assert_true(weir__utf8_valid(e->text, strlen(e->text)));
    return e->text;
}

static void ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    if (len < end_len || strcmp(text + len - end_len, end) != 0)
        fail_msg("'%s' does not end with '%s'", text, end);
}

WEIR_TEST(a_text_that_fits_is_whole) {
    char detail[160];
    memset(detail, 'x', sizeof detail);
    detail[159 - strlen("do it: ")] = '\0';
    weir__failf(-EIO, "do", "it", "%s", detail);
    assert_int_equal(strlen(text_of(-EIO)), 159);
    ends_with(text_of(-EIO), "xxx");
}

WEIR_TEST(a_text_that_is_cut_says_so) {
    char detail[161];
    memset(detail, 'x', sizeof detail);
    detail[160 - strlen("do it: ")] = '\0';
    weir__failf(-EIO, "do", "it", "%s", detail);
    assert_int_equal(strlen(text_of(-EIO)), 159);
    ends_with(text_of(-EIO), "x...");
}

WEIR_TEST(a_text_is_cut_at_a_whole_character) {
    static const char *const heads[] = {"", "1", "12"};
    for (size_t i = 0; i < 3; i++) {
        weir__failf(-EIO, "do", NULL, "%s%s", heads[i], TEN(TEN(EURO)));
        ends_with(text_of(-EIO), EURO "...");
        assert_true(strlen(text_of(-EIO)) >= 157);
    }
}

WEIR_TEST(what_it_was_on_is_cut_likewise) {
    weir__fail(-ECONNREFUSED, "connect", TEN(TEN("a")));
    assert_int_equal(strlen(weir_error(-ECONNREFUSED)->on), 63);
    ends_with(weir_error(-ECONNREFUSED)->on, "a...");
    ends_with(text_of(-ECONNREFUSED), "a...: connection refused (ECONNREFUSED)");
    weir__fail(-EIO, "read", "x" TEN(TEN(EURO)));
    ends_with(weir_error(-EIO)->on, EURO "...");
    text_of(-EIO);
    weir__fail(-EIO, "read", "here");
    assert_string_equal(text_of(-EIO), "read here: input/output error (EIO)");
}

WEIR_TEST(what_a_peer_put_into_an_error_is_escaped) {
    for (int c = 1; c < 256; c++) {
        char on[] = {'<', (char)c, '>', '\0'};
        weir__failf(-EIO, "read", on, "the peer said %c.", c);
        const struct weir_error *e = weir_error(-EIO);
        for (const char *at = e->text; *at != '\0'; at++)
            assert_true(*at >= 0x20 && *at < 0x7f);
        for (const char *at = e->on; *at != '\0'; at++)
            assert_true(*at >= 0x20 && *at < 0x7f);
        assert_non_null(strstr(e->text, ">: the peer said "));
        ends_with(e->text, ".");
    }
    weir__fail(-EIO, "read", "a\nb\x9b");
    assert_string_equal(text_of(-EIO), "read a\\nb\\x9b: input/output error (EIO)");
    weir__failf(-EIO, "read", NULL, "%s", "gr\xc3\xbc\xc3\x9f\xe2\x80\xae");
    assert_string_equal(text_of(-EIO), "read: gr\xc3\xbc\xc3\x9f\\u202e");
}

WEIR_TEST(a_long_name_of_what_failed_leaves_no_room) {
    weir__failf(-EIO, TEN(TEN("ab")), "it", "%s", "lost");
    ends_with(text_of(-EIO), "b...");
    weir__fail(-EIO, TEN(TEN("ab")), "it");
    ends_with(text_of(-EIO), "b...");
}

WEIR_TEST(an_errors_own_words_may_be_passed_on_in_the_next) {
    weir__fail(-ECONNREFUSED, "connect", "127.0.0.1:80");
    const char *text = text_of(-ECONNREFUSED), *on = weir_error(-ECONNREFUSED)->on;
    weir__failf(-EIO, "nack", NULL, "%s", text);
    assert_string_equal(text_of(-EIO), "nack: connect 127.0.0.1:80: connection refused "
                                       "(ECONNREFUSED)");
    weir__fail(-ECONNREFUSED, "connect", "127.0.0.1:80");
    weir__failf(-EIO, "reach", on, "%s", on);
    assert_string_equal(text_of(-EIO), "reach 127.0.0.1:80: 127.0.0.1:80");
    assert_string_equal(on, "127.0.0.1:80");
    weir__fail(-EIO, "again", weir_error(-EIO)->text);
    assert_string_equal(on, "reach 127.0.0.1:80: 127.0.0.1:80");
    weir__fail(-EIO, "again", weir_error(-EIO)->on + 6);
    assert_string_equal(on, "127.0.0.1:80: 127.0.0.1:80");
}

static int fails_bare(void *args) {
    return -EINVAL;
}

static int bare_error(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, fails_bare), 0);
    assert_int_equal(weir_group_close(&g, weir_sleep(WEIR_SECONDS(60))), -EINVAL);
    const struct weir_error *e = weir_error(-EINVAL);
    assert_string_equal(e->what, "fails_bare");
    assert_non_null(strstr(e->text, "task 'fails_bare' ("));
    assert_non_null(strstr(e->text, ") failed: invalid argument (EINVAL)"));
    return 0;
}

WEIR_TEST_BACKENDS(a_childs_error_without_a_record_names_the_child) {
    assert_int_equal(weir_run(bare_error, NULL, NULL), 0);
}

static int bare_error_without_memory(void *arg) {
    struct weir_group g;
    weir__fail(-EINVAL, "older", NULL); /* must not pass for the child's */
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&g, fails_bare), 0);
    weir__alloc_fail_at(1);
    weir_yield();
    weir__alloc_fail_at(0);
    assert_int_equal(weir_group_close(&g, -ECANCELED), -EINVAL);
    assert_string_equal(weir_error(-EINVAL)->text, "group: invalid argument (EINVAL)");
    return 0;
}

WEIR_TEST(without_memory_a_childs_code_travels_alone) {
    assert_int_equal(weir_run(bare_error_without_memory, NULL, NULL), 0);
}

static int stopped(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_group_cancel(&g, "enough");
    assert_int_equal(weir_group_close(&g, weir_sleep(1)), WEIR_ESTOPPED);
    assert_string_equal(weir_error(WEIR_ESTOPPED)->text,
                        "group: cancelled by the scope's owner, cause: enough");
    return 0;
}

WEIR_TEST_BACKENDS(a_group_that_its_owner_stopped_tells_the_cause) {
    assert_int_equal(weir_run(stopped, NULL, NULL), 0);
}
