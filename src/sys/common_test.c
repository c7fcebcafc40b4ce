/* SPDX-License-Identifier: MIT */
/* common_test.c - names of backends that a program registers, and what is refused. The backend over
 * poll(2) in examples/ runs whole suites (test/backend). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sys/op_rig.h"

static int open_nothing(struct weir__backend **ret_backend, const char **ret_why) {
    (void)ret_backend;
    *ret_why = "no device";
    return WEIR_EBACKEND;
}

static int open_silent(struct weir__backend **ret_backend, const char **ret_why) {
    (void)ret_backend, (void)ret_why;
    return -ENOMEM;
}

WEIR_TEST(a_registered_name_opens_and_tells_why_it_cannot) {
    const char *why = "";
    assert_int_equal(weir__backend_open("own", &backend, &why), WEIR_EBACKEND);
    assert_non_null(strstr(why, "no backend 'own'"));
    assert_false(weir__backend_known("own"));
    assert_int_equal(weir_backend_register("own", open_nothing), 0);
    assert_true(weir__backend_known("own"));
    assert_int_equal(weir__backend_open("own", &backend, &why), WEIR_EBACKEND);
    assert_string_equal(why, "no device");
    assert_int_equal(weir_backend_register("silent", open_silent), 0);
    assert_int_equal(weir__backend_open("silent", &backend, &why), -ENOMEM);
    assert_true(*why != '\0');
    setenv("WEIR_BACKEND", "own", 1);
    assert_int_equal(weir__backend_open(NULL, &backend, &why), WEIR_EBACKEND);
    assert_string_equal(why, "no device");
}

WEIR_TEST(a_name_is_refused_that_is_taken_or_none) {
    char name[33] = "12345678901234567890123456789012";
    assert_int_equal(weir_backend_register(NULL, open_nothing), -EINVAL);
    assert_int_equal(weir_backend_register("", open_nothing), -EINVAL);
    assert_int_equal(weir_backend_register("own", NULL), -EINVAL);
    assert_int_equal(weir_backend_register(name, open_nothing), -EINVAL);
    assert_int_equal(weir_backend_register("epoll", open_nothing), -EEXIST);
    assert_int_equal(weir_backend_register("uring", open_nothing), -EEXIST);
    assert_int_equal(weir_backend_register("sim", open_nothing), -EEXIST);
    assert_int_equal(weir_backend_register("own", open_nothing), 0);
    assert_int_equal(weir_backend_register("own", open_nothing), -EEXIST);
    name[31] = '\0';
    for (int i = 1; i < 16; i++, name[0]++)
        assert_int_equal(weir_backend_register(name, open_nothing), 0);
    assert_int_equal(weir_backend_register("last", open_nothing), -ENOSPC);
}

static struct weir__backend broken;

static int open_broken(struct weir__backend **ret_backend, const char **ret_why) {
    static const struct weir__backend_ops ops = {.name = "broken"};
    (void)ret_why;
    broken.ops = &ops;
    *ret_backend = &broken;
    return 0;
}

WEIR_TEST_ABORTS(a_backend_that_lacks_a_function_aborts_when_it_is_opened,
                 "backend 'broken': ops lacks a function") {
    const char *why = "";
    (void)weir_backend_register("broken", open_broken);
    (void)weir__backend_open("broken", &backend, &why);
}

WEIR_TEST_ABORTS(a_backend_of_another_name_aborts_when_it_is_opened,
                 "backend 'whole': ops->name is another") {
    const char *why = "";
    (void)weir_backend_register("whole", open_broken);
    (void)weir__backend_open("whole", &backend, &why);
}

WEIR_TEST(the_common_part_returns_a_lack_of_memory_and_refuses_kinds_that_it_does_not_know) {
    struct weir__backend b = {0};
    struct weir_backend_common *c = NULL;
    struct weir__file file = {.fd = -1};
    struct weir__op op = {.kind = WEIR__RECV, .file = &file};
    for (size_t n = 1; n <= 2; n++) { /* it and its latch */
        weir__alloc_fail_at(n);
        assert_int_equal(weir_backend_common_open(&b, &c), -ENOMEM);
        assert_null(c);
    }
    weir__alloc_fail_at(0);
    assert_int_equal(weir_backend_common_open(&b, &c), 0);
    assert_int_equal(weir_backend_common_submit(c, &op), WEIR__DONE);
    assert_int_equal(op.result, -EOPNOTSUPP);
    op.kind = WEIR__POLL;
    assert_int_equal(weir_backend_try(&op), -EOPNOTSUPP);
    weir_backend_common_close(&c);
    assert_null(c);
    weir_backend_common_close(&c);
}

WEIR_TEST(a_wake_before_the_sleep_forbids_it_and_one_after_ends_it) {
    struct weir__backend b = {0};
    struct weir_backend_common *c = NULL;
    struct pollfd p = {.events = POLLIN};
    assert_int_equal(weir_backend_common_open(&b, &c), 0);
    weir_backend_common_wake(&b);
    assert_int_equal(weir_backend_common_sleep(c), -EAGAIN);
    assert_null(weir_backend_common_collect(c));
    p.fd = weir_backend_common_sleep(c);
    assert_int_equal(poll(&p, 1, 0), 0);
    weir_backend_common_wake(&b);
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_null(weir_backend_common_collect(c));
    assert_int_equal(poll(&p, 1, 0), 0); /* read empty: a level-triggered wait can wait again */
    weir_backend_common_close(&c);
}
