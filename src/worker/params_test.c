/* SPDX-License-Identifier: MIT */
/* Parameters, acks and latencies: what a worker's two functions get and return. */
#include "worker/params.h"

#include <stdio.h>
#include <string.h>
#include <weir/task.h>

#include "test/runner.h"
#include "worker/ack.h"
#include "worker/latency.h"

static void expect_text(int rc, int code, const char *needle) {
    assert_int_equal(rc, code);
    const struct weir_error *e = weir_error(rc);
    assert_non_null(e);
    if (strstr(e->text, needle) == NULL)
        fail_msg("'%s' is not in '%s'", needle, e->text);
}

static void give(struct weir_params *p, const char *text) {
    assert_int_equal(weir__params_give(p, text), 0);
}

WEIR_TEST(parameters_have_fallbacks_and_the_last_given_counts) {
    struct weir_params p = {.given_count = 0};
    const char *text = NULL;
    double number = 0;
    int64_t whole = 0;
    give(&p, "sound=moo");
    give(&p, "chance=0.25");
    give(&p, "chance=1e-1");
    give(&p, "sequence=-7");
    give(&p, "empty=");
    assert_int_equal(weir_param_text(&p, "sound", NULL, &text), 0);
    assert_string_equal(text, "moo");
    assert_int_equal(weir_param_text(&p, "empty", "x", &text), 0);
    assert_string_equal(text, "");
    assert_int_equal(weir_param_text(&p, "other", "x", &text), 0);
    assert_string_equal(text, "x");
    assert_int_equal(weir_param_double(&p, "chance", 0.5, &number), 0);
    assert_true(number == 0.1);
    assert_int_equal(weir_param_double(&p, "none", 0.5, &number), 0);
    assert_true(number == 0.5);
    assert_int_equal(weir_param_int(&p, "sequence", 3, &whole), 0);
    assert_int_equal(whole, -7);
    assert_int_equal(weir__params_check(&p), 0);
    weir__params_fini(&p);
}

WEIR_TEST(bad_parameters_are_named) {
    struct weir_params p = {.given_count = 0};
    const char *text = NULL;
    double number = 7;
    int64_t whole = 7;
    expect_text(weir__params_give(&p, "loud"), WEIR_EPARAM, "KEY=VALUE");
    expect_text(weir__params_give(&p, "=x"), WEIR_EPARAM, "KEY=VALUE");
    give(&p, "chance=often");
    give(&p, "nan=nan");
    give(&p, "whole=1.5");
    give(&p, "huge=99999999999999999999");
    expect_text(weir_param_text(&p, "sound", NULL, &text), WEIR_EPARAM, "sound: it is required");
    expect_text(weir_param_double(&p, "chance", 0, &number), WEIR_EPARAM,
                "'often' is not a number");
    expect_text(weir_param_double(&p, "nan", 0, &number), WEIR_EPARAM, "'nan'");
    expect_text(weir_param_int(&p, "whole", 0, &whole), WEIR_EPARAM, "'1.5' is not a whole number");
    expect_text(weir_param_int(&p, "huge", 0, &whole), WEIR_EPARAM, "huge");
    assert_true(number == 7 && whole == 7);
    give(&p, "chnace=1");
    expect_text(weir__params_check(&p), WEIR_EPARAM, "did you mean 'chance'?");
    weir__params_find(&p, "chnace")->optional = true;
    assert_int_equal(weir__params_check(&p), 0);
    weir__params_fini(&p);
}

WEIR_TEST(an_unknown_parameter_names_those_that_were_asked_for) {
    struct weir_params p = {.given_count = 0};
    const char *text = NULL;
    give(&p, "foo=1");
    expect_text(weir__params_check(&p), WEIR_EPARAM,
                "parameter foo: there is none of that name; it takes none");
    for (int i = 0; i < 2; i++) { /* each is told once */
        assert_int_equal(weir_param_text(&p, "sound", "x", &text), 0);
        assert_int_equal(weir_param_text(&p, "volume", "x", &text), 0);
    }
    expect_text(weir__params_check(&p), WEIR_EPARAM,
                "there is none of that name; known are sound, volume");
    assert_null(strstr(weir_error(WEIR_EPARAM)->text, "volume,"));
    weir__params_fini(&p);
}

/* ---- acks ---- */

static void expect_ack(struct weir_ack *ack, int rc, const char *text, bool binary) {
    assert_int_equal(weir__ack_finish(ack, rc), 0);
    assert_int_equal(ack->len, strlen(text));
    assert_memory_equal(ack->base, text, ack->len);
    assert_int_equal(ack->binary, binary);
    weir__ack_fini(ack);
}

WEIR_TEST(the_last_ack_counts_and_an_empty_one_is_na) {
    struct weir_ack ack = {.base = NULL};
    expect_ack(&ack, 0, "n/a", false);
    assert_int_equal(weir_ack_text(&ack, "%s", ""), 0);
    expect_ack(&ack, 0, "n/a", false);
    assert_int_equal(weir_ack_bytes(&ack, "", 0), 0);
    expect_ack(&ack, 0, "n/a", false);
    assert_int_equal(weir_ack_bytes(&ack, "\1\2", 2), 0);
    expect_ack(&ack, 0, "\1\2", true);
    assert_int_equal(weir_ack_text(&ack, "first"), 0);
    assert_int_equal(weir_ack_text(&ack, "seen %d", 42), 0);
    expect_ack(&ack, 0, "seen 42", false);
}

WEIR_TEST(a_refused_ack_leaves_the_one_before) {
    static char large[(1 << 20) + 2];
    struct weir_ack ack = {.base = NULL};
    assert_int_equal(weir_ack_text(&ack, "good"), 0);
    assert_int_equal(weir_ack_text(&ack, "\xff"), WEIR_EUTF8);
    memset(large, 'x', sizeof large - 1);
    assert_int_equal(weir_ack_text(&ack, "%s", large), WEIR_ETOOBIG);
    assert_int_equal(weir_ack_bytes(&ack, large, sizeof large), WEIR_ETOOBIG);
    expect_ack(&ack, 0, "good", false);
    assert_int_equal(weir_ack_bytes(&ack, large, 1 << 20), 0);
    weir__ack_fini(&ack);
}

WEIR_TEST(nacks_carry_their_reason) {
    char longer[400], expected[400];
    struct weir_ack ack = {.base = NULL};
    expect_ack(&ack, weir_nack("no ink"), "nack: no ink", false);
    expect_ack(&ack, weir_nack(""), "nack: ", false);
    assert_int_equal(weir_nack("lost"), WEIR_ENACK);
    (void)weir__params_give(&(struct weir_params){.given_count = 0}, "loud"); /* another error */
    expect_ack(&ack, WEIR_ENACK, "nack: the receiver refused the message", false);
    for (size_t i = 0; i + 3 < sizeof longer; i += 3)
        memcpy(longer + i, "\xe2\x82\xac", 4);
    int rc = weir_nack(longer);
    snprintf(expected, sizeof expected, "nack: %.150s...", longer);
    expect_ack(&ack, rc, expected, false);
    assert_int_equal(weir__ack_finish(&ack, -EIO), -EIO);
}

/* ---- latency ---- */

WEIR_TEST(percentiles_are_six_per_cent_off_at_most) {
    struct weir__latency l = {.count = 0};
    assert_int_equal(weir__latency_us(&l, 50), 0);
    for (int64_t us = 1; us <= 100000; us++)
        weir__latency_add(&l, us * 1000);
    uint64_t p50 = weir__latency_us(&l, 50), p99 = weir__latency_us(&l, 99);
    assert_true(p50 >= 50000 && p50 <= 53500);
    assert_true(p99 >= 99000 && p99 <= 105500);
    weir__latency_add(&l, WEIR_NEVER);
    weir__latency_add(&l, -5);
    assert_int_equal(l.count, 100002);
}

WEIR_TEST(a_quick_answer_is_a_microsecond) {
    struct weir__latency l = {.count = 0};
    weir__latency_add(&l, 3);
    assert_int_equal(weir__latency_us(&l, 99), 1);
    weir__latency_add(&l, 7000);
    assert_int_equal(weir__latency_us(&l, 99), 7);
}
