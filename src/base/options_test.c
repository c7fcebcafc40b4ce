/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include "test/runner.h"

struct options {
    size_t size;
    const char *name;
    int a, b;
};

struct newer {
    struct options known;
    long c; /* no padding behind it */
};

static struct options copy_of(const struct options *given) {
    struct options o = {.a = -1, .b = -1};
    WEIR_OPTIONS_COPY(struct options, a, &o, given);
    return o;
}

WEIR_TEST(options_of_size_0_are_all_that_this_version_knows) {
    struct options o = copy_of(&(struct options){.a = 1, .b = 2});
    assert_int_equal(o.a, 1);
    assert_int_equal(o.b, 2);
}

WEIR_TEST(no_options_are_all_0) {
    struct options o = copy_of(NULL);
    assert_int_equal(o.size, 0);
    assert_int_equal(o.a, 0);
    assert_int_equal(o.b, 0);
}

WEIR_TEST(fields_that_an_older_program_does_not_have_are_0) {
    struct options given = {.size = offsetof(struct options, b), .a = 1, .b = 2};
    struct options o = copy_of(&given);
    assert_int_equal(o.a, 1);
    assert_int_equal(o.b, 0);
}

WEIR_TEST(fields_that_a_newer_program_leaves_0_are_left_out) {
    struct newer given = {{.size = sizeof given, .a = 1, .b = 2}, .c = 0};
    struct newer o = {.c = -1};
    WEIR_OPTIONS_COPY(struct options, a, &o.known, &given.known);
    assert_int_equal(o.known.a, 1);
    assert_int_equal(o.known.b, 2);
    assert_int_equal(o.c, -1);
}

WEIR_TEST_ABORTS(what_only_a_newer_library_can_do_is_not_ignored,
                 "a struct options of 32 bytes asks for something behind the 24 bytes that this "
                 "library knows: it is older than the headers") {
    struct newer given = {{.size = sizeof given, .a = 1, .b = 2}, .c = 3};
    (void)copy_of(&given.known);
}

WEIR_TEST_ABORTS(the_size_of_a_pointer_is_no_size_of_options,
                 "the size of a struct options is 8, but no version has less than 20 or more than "
                 "4096 bytes: write .size = sizeof (struct options)") {
    const struct options given = {.size = sizeof &given, .a = 1};
    (void)copy_of(&given);
}

WEIR_TEST_ABORTS(options_whose_first_release_had_more_are_refused, "is 19, but no version") {
    (void)copy_of(&(struct options){.size = offsetof(struct options, b) - 1, .a = 1});
}

WEIR_TEST_ABORTS(a_size_that_nobody_has_set_is_refused, "is 18446744073709551615, but no version") {
    (void)copy_of(&(struct options){.size = SIZE_MAX});
}
