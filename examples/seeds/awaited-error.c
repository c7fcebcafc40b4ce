/* SPDX-License-Identifier: MIT */
/* awaited-error - an await returns the error of its task; an error without an await is logged. */
#include <stdio.h>
#include <weir/weir.h>

struct foo_args { int n; };
static int foo(void *args) {
    (void)args;
    return weir_fail(WEIR_EUSER, "foo failed");
}

static int bar(void) {
    struct weir_task *t = NULL;
    int rc = weir_go_task(NULL, foo, &t, .n = 1);
    if (rc == 0)
        rc = weir_await(&t, NULL, 0);
    printf("bar: %s\n", weir_error_message(rc));
    return rc;
}

static int never_awaited(void) {
    struct weir_future *f;
    int rc = weir_future_new(0, &f);
    if (rc < 0)
        return rc;
    weir_future_fail(f, weir_fail(WEIR_EUSER, "nobody will read this"));
    weir_future_unref(&f); /* the log has the error, and the place of weir_future_new */
    return 0;
}

static int program(void *arg) {
    (void)arg;
    if (bar() != WEIR_EUSER)
        return -1;
    int rc = never_awaited();
    return rc < 0 ? rc : weir_go0(NULL, foo); /* this one is logged too, when it ends */
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
