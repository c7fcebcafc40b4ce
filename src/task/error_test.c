/* SPDX-License-Identifier: MIT */
/* Error records: a text that does not fit is cut at a whole character and marked with "..."; an
 * error that a group returns has a record. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "base/alloc.h"
#include "task/internal.h"
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

WEIR_TEST(of_a_web_url_the_query_is_left_out) {
    static const struct {
        const char *on, *shown;
    } cases[] = {
        {"http://h/p?key=secret", "http://h/p"}, {"HTTPS://h?secret", "HTTPS://h"},
        {"ws://h/p#secret", "ws://h/p"},         {"wss://h/p?a#b?c", "wss://h/p"},
        {"/tmp/what?", "/tmp/what?"},            {"unix:///tmp/what?", "unix:///tmp/what?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "do %s: why", cases[i].shown);
        weir__failf(-EIO, "do", cases[i].on, "why");
        assert_string_equal(weir_error(-EIO)->on, cases[i].shown);
        assert_string_equal(text_of(-EIO), text);
        weir__fail(-EIO, "do", cases[i].on);
        assert_string_equal(weir_error(-EIO)->on, cases[i].shown);
    }
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

/* ---- a program's own text ---- */

WEIR_TEST(a_message_is_the_records_text_or_the_words_of_the_code) {
    weir__fail(-EIO, "read", "here");
    assert_string_equal(weir_error_message(-EIO), "read here: input/output error (EIO)");
    assert_string_equal(weir_error_message(-EPIPE), weir_error_text(-EPIPE));
    assert_string_equal(weir_error_message(-4444), "unknown error");
    assert_string_equal(weir_error_message(0), "no error");
    assert_string_equal(weir_error_message(1), weir_error_text(1));
}

/* A record whose every field would show if it stayed. */
static void fail_before(void) {
    weir__fail(-ECONNRESET, "read", "there");
    weir__fail_done(-ECONNRESET, 7);
    weir__error_here()->status = 403;
    weir__error_here()->reason = -EIO;
}

static int says_why(void *arg) {
    fail_before();
    assert_int_equal(weir_fail(WEIR_EUSER, "no %s", "buzzer"), WEIR_EUSER);
    const struct weir_error *e = weir_error(WEIR_EUSER);
    assert_string_equal(e->text, "no buzzer");
    assert_string_equal(e->what, "");
    assert_string_equal(e->where, weir_task_name(weir_task_current()));
    assert_string_equal(e->on, "");
    assert_string_equal(e->scope, "");
    assert_int_equal(e->done, 0);
    assert_int_equal(e->status, 0);
    assert_int_equal(e->reason, 0);
    assert_null(weir_error(-ECONNRESET));
    assert_int_equal(weir_fail(WEIR_EUSER - 1, "%s", ""), WEIR_EUSER - 1);
    assert_string_equal(weir_error_message(WEIR_EUSER - 1), "unknown error (?)");
    return 0;
}

WEIR_TEST_BACKENDS(a_program_writes_a_record_of_its_own) {
    assert_int_equal(weir_run(says_why, NULL, NULL), 0);
}

static int says_more(void *arg) {
    fail_before();
    int rc = weir_fail(-ECONNRESET, "the sensor: %s", weir_error_message(-ECONNRESET));
    assert_int_equal(rc, -ECONNRESET);
    const struct weir_error *e = weir_error(-ECONNRESET);
    assert_string_equal(e->text,
                        "the sensor: read there: connection reset by the peer (ECONNRESET)");
    assert_string_equal(e->what, "read");
    assert_string_equal(e->on, "there");
    assert_int_equal(e->done, 7);
    assert_int_equal(e->status, 403);
    assert_int_equal(e->reason, -EIO);
    return 0;
}

WEIR_TEST(a_text_of_the_programs_leaves_the_rest_of_the_record) {
    assert_int_equal(weir_run(says_more, NULL, NULL), 0);
}

static int keeps_its_meaning(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    int rc = weir_sleep(WEIR_SECONDS(60));
    rc = weir_fail(rc, "no answer: %s", weir_error_message(rc));
    assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    assert_int_equal(weir_error(-ETIME)->budget, WEIR_MILLISECONDS(5));
    assert_non_null(strstr(weir_error_message(-ETIME), "no answer: sleep: the deadline has passed "
                                                       "(ETIME), budget 5 ms, entered at "));
    weir_scope_enter(&s, WEIR_NEVER);
    weir_scope_cancel(&s, "enough");
    rc = weir_sleep(1);
    return weir_scope_leave(&s, weir_fail(rc, "no answer")) == WEIR_ESTOPPED ? 0 : 1;
}

WEIR_TEST_BACKENDS(a_text_changes_nothing_for_scopes) {
    assert_int_equal(weir_run(keeps_its_meaning, NULL, NULL), 0);
}

static int quotes(void *arg) {
    weir__fail(-ECONNREFUSED, "connect", "127.0.0.1:80");
    int rc = weir_fail(-ENODEV, "no buzzer: %s", weir_error_message(-ECONNREFUSED));
    assert_int_equal(rc, -ENODEV);
    assert_int_equal(weir_fail(-ENODEV, "%s, at all", weir_error_message(-ENODEV)), -ENODEV);
    assert_string_equal(weir_error_message(-ENODEV),
                        "no buzzer: connect 127.0.0.1:80: connection refused (ECONNREFUSED), "
                        "at all");
    weir__fail(-ECONNREFUSED, "connect", "127.0.0.1:80");
    assert_int_equal(weir_fail(-ENODEV, "no buzzer on %s", weir_error(-ECONNREFUSED)->on), -ENODEV);
    assert_string_equal(weir_error_message(-ENODEV), "no buzzer on 127.0.0.1:80");
    assert_int_equal(weir_fail(-ENODEV, "%s", "a\nb\x9b" "c"), -ENODEV);
    assert_string_equal(weir_error_message(-ENODEV), "a\\nb\\x9bc");
    assert_int_equal(weir_fail(-ENODEV, "%s", TEN(TEN(EURO))), -ENODEV);
    ends_with(text_of(-ENODEV), EURO "...");
    return 0;
}

WEIR_TEST(the_text_of_a_program_may_quote_the_record_and_is_escaped_and_cut) {
    assert_int_equal(weir_run(quotes, NULL, NULL), 0);
}

WEIR_TEST(outside_a_task_only_the_code_is_returned) {
    weir__fail(-EIO, "read", "here");
    assert_int_equal(weir_fail(-EPIPE, "no %s", "buzzer"), -EPIPE);
    assert_null(weir_error(-EPIPE));
    assert_string_equal(weir_error_message(-EIO), "read here: input/output error (EIO)");
}

static int fails_with(void *arg) {
    return weir_fail(*(int *)arg, "no buzzer") < 0;
}

WEIR_TEST_ABORTS(a_failure_without_a_code_is_a_bug, "weir_fail: 0 is no error") {
    int rc = 0;
    (void)weir_run(fails_with, &rc, NULL);
}

WEIR_TEST_ABORTS(a_failure_with_a_count_names_the_place_of_its_task, "error_test.c:") {
    int rc = 5;
    (void)weir_run(fails_with, &rc, NULL);
}

/* ---- what travels ---- */

static int no_buzzer(void *args) {
    return weir_fail(-ENODEV, "no buzzer");
}

static int to_the_group(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, no_buzzer);
    assert_int_equal(rc, 0);
    assert_int_equal(weir_group_close(&g, weir_sleep(WEIR_SECONDS(60))), -ENODEV);
    assert_string_equal(weir_error_message(-ENODEV), "no buzzer");
    assert_string_equal(weir_error(-ENODEV)->where, "no_buzzer");
    return 0;
}

WEIR_TEST_BACKENDS(a_childs_text_reaches_the_task_that_closes_the_group) {
    assert_int_equal(weir_run(to_the_group, NULL, NULL), 0);
}

static int to_who_awaits(void *arg) {
    struct weir_task *t = NULL;
    int rc = weir_spawn(NULL, WEIR_SITE(no_buzzer), no_buzzer, NULL, 0, NULL, &t);
    assert_int_equal(rc, 0);
    assert_int_equal(weir_await(&t, NULL, 0), -ENODEV);
    assert_string_equal(weir_error_message(-ENODEV), "no buzzer");
    return 0;
}

WEIR_TEST_BACKENDS(a_tasks_text_reaches_the_task_that_awaits_it) {
    assert_int_equal(weir_run(to_who_awaits, NULL, NULL), 0);
}

WEIR_TEST_BACKENDS(the_text_of_the_first_task_reaches_the_caller_of_weir_run) {
    assert_int_equal(weir_run(no_buzzer, NULL, NULL), -ENODEV);
    assert_string_equal(weir_error_message(-ENODEV), "no buzzer");
}

static char logged[1024];

static void see_log(enum weir_log_level level, const char *line, void *arg) {
    size_t used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%s\n", line);
}

static int unread(void *arg) {
    struct weir_task *t = NULL;
    assert_int_equal(weir_go0(NULL, no_buzzer), 0);
    int rc = weir_spawn(NULL, WEIR_SITE(no_buzzer), no_buzzer, NULL, 0, NULL, &t);
    assert_int_equal(rc, 0);
    return weir_yield(); /* and the handle is given up */
}

WEIR_TEST_BACKENDS(texts_that_are_read_by_no_task_are_logged) {
    weir_log_to(see_log, NULL);
    assert_int_equal(weir_run(unread, NULL, NULL), 0);
    const char *first = strstr(logged, " failed: no buzzer\n");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, ": no buzzer\n"));
}

struct sleeper_args {
    int unused;
};

static int sleeper(void *args) {
    return weir_sleep(WEIR_SECONDS(60));
}

/* What a function that has failed does before it returns. */
static int cleans_up(void *arg) {
    struct weir_scope outer, inner, shield;
    struct weir_group g;
    struct weir_task *t = NULL;
    WEIR_AUTO(weir_scope_auto_leave) struct weir_scope automatic = {0};
    weir_scope_enter(&automatic, WEIR_SECONDS(60));
    weir_scope_enter(&outer, WEIR_SECONDS(60));
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_go_task(&g, sleeper, &t, .unused = 0);
    assert_int_equal(rc, 0);
    weir_scope_enter(&inner, WEIR_SECONDS(60));
    assert_int_equal(weir_scope_on_signal(&inner, SIGUSR1), 0);
    rc = weir_fail(-ENODEV, "no buzzer");
    weir_scope_cancel(&inner, "clean-up");
    rc = weir_scope_leave(&inner, rc);
    weir_task_cancel(t, "clean-up");
    weir_task_release(&t);
    weir_group_cancel(&g, "clean-up");
    weir_shield_enter(&shield, WEIR_SECONDS(60));
    assert_int_equal(weir_sleep(1), 0);
    assert_int_equal(weir_yield(), 0);
    assert_int_equal(weir_scope_leave(&shield, 0), 0);
    rc = weir_group_close(&g, rc);
    rc = weir_scope_leave(&outer, rc);
    return rc;
}

WEIR_TEST_BACKENDS(clean_up_leaves_the_text_as_it_is) {
    assert_int_equal(weir_run(cleans_up, NULL, NULL), -ENODEV);
    assert_string_equal(weir_error_message(-ENODEV), "no buzzer");
}

/* ---- a child's error ---- */

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
                        "group: cancelled by task 'main' at error_test.c:399: enough");
    return 0;
}

WEIR_TEST_BACKENDS(a_group_that_its_owner_stopped_reports_the_cause) {
    assert_int_equal(weir_run(stopped, NULL, NULL), 0);
}

/* ---- a program's own codes are any ints ---- */

static const int own_codes[] = {WEIR_EUSER, -40000, -65536, -131072, INT_MIN};

static int returns(void *arg) {
    return *(const int *)arg;
}

struct fails_so_args {
    int code;
};

static int fails_so(void *args) {
    return weir_fail(((struct fails_so_args *)args)->code, "out of tune");
}

static void comes_back_whole(int code) {
    struct weir_task *t;
    struct weir_group g;
    struct weir_scope s;
    assert_int_equal(weir_go_task(NULL, fails_so, &t, .code = code), 0);
    assert_int_equal(weir_await(&t, NULL, 0), code);
    assert_string_equal(weir_error_message(code), "out of tune");
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, fails_so, .code = code), 0);
    assert_int_equal(weir_group_close(&g, 0), code);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_group_close(&g, code), code);
    weir_scope_enter(&s, WEIR_SECONDS(1));
    assert_int_equal(weir_scope_leave(&s, code), code);
    assert_int_equal(weir_offload(returns, &code), code);
    assert_int_equal(weir_offload_detached(returns, &code, sizeof code), code);
    assert_string_equal(weir_error_name(code), "?");
}

static int tries_each(void *arg) {
    for (size_t i = 0; i < sizeof own_codes / sizeof own_codes[0]; i++)
        comes_back_whole(own_codes[i]);
    return own_codes[(int)(intptr_t)arg];
}

WEIR_TEST_BACKENDS(any_code_of_the_programs_own_comes_back_whole) {
    for (size_t i = 0; i < sizeof own_codes / sizeof own_codes[0]; i++) {
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        assert_int_equal(weir_run(tries_each, (void *)(intptr_t)i, &o), own_codes[i]);
    }
}

/* ---- an older record of the same code ---- */

enum { CODE = WEIR_EUSER - 1 };

static int bare(void *args) {
    return CODE;
}

static int with_words(void *args) {
    return weir_fail(CODE, "of the child");
}

static void expect_no_record(int rc) {
    assert_int_equal(rc, CODE);
    assert_null(weir_error(rc));
    assert_string_equal(weir_error_message(rc), weir_error_text(rc));
}

static int awaits(int (*fn)(void *args), bool lacks_memory) {
    struct weir_task *t = NULL;
    assert_int_equal(weir_fail(CODE, "of another story"), CODE);
    assert_int_equal(weir_spawn(NULL, WEIR_SITE(fn), fn, NULL, 0, NULL, &t), 0);
    if (lacks_memory)
        weir__alloc_fail_at(1);
    int rc = weir_await(&t, NULL, 0);
    weir__alloc_fail_at(0);
    return rc;
}

static int has_older_ones(void *arg) {
    assert_int_equal(weir_fail(CODE, "of another story"), CODE);
    expect_no_record(weir_offload(bare, NULL));
    assert_int_equal(weir_fail(CODE, "of another story"), CODE);
    expect_no_record(weir_offload_detached(bare, NULL, 0));
    expect_no_record(awaits(bare, false));
    expect_no_record(awaits(with_words, true));
    assert_int_equal(awaits(with_words, false), CODE);
    assert_string_equal(weir_error_message(CODE), "of the child");
    return 0;
}

WEIR_TEST_BACKENDS(a_code_without_a_record_gets_no_older_one) {
    assert_int_equal(weir_run(has_older_ones, NULL, NULL), 0);
}

WEIR_TEST_BACKENDS(a_run_that_returns_a_bare_code_gets_no_record_of_an_earlier_run) {
    assert_int_equal(weir_run(with_words, NULL, NULL), CODE);
    assert_string_equal(weir_error_message(CODE), "of the child");
    expect_no_record(weir_run(bare, NULL, NULL));
}
