/* SPDX-License-Identifier: MIT */
/* Shows: weir_retry weir_retry_policy weir_every weir_every_init weir_every_wait */
#include <errno.h>
#include <stdio.h>
#include <weir/weir.h>

static int dial(void *arg) { /* refused twice */
    int *calls = arg;
    return ++*calls < 3 ? -ECONNREFUSED : 0;
}

static bool may_pass(int rc, void *arg) {
    return rc == -ECONNREFUSED || rc == -ETIMEDOUT;
}

static int program(void *arg) {
    const struct weir_retry_policy policy = {
        .size = sizeof policy, .first_ns = WEIR_MILLISECONDS(2), .should_retry = may_pass};
    struct weir_scope s;
    struct weir_every tick;
    int calls = 0;
    weir_scope_enter(&s, WEIR_SECONDS(5)); /* for how long to try */
    int rc = weir_scope_leave(&s, weir_retry(&policy, dial, &calls));
    printf("after %d calls: %s\n", calls, weir_error_message(rc));
    weir_every_init(&tick, WEIR_MILLISECONDS(10));
    for (int i = 0; i < 3 && rc >= 0; i++)
        rc = weir_every_wait(&tick); /* how many moments were missed */
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
