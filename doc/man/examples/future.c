/* SPDX-License-Identifier: MIT */
/* Shows: weir_future_new weir_future_ref weir_future_unref weir_future_resolve weir_future_fail
 * weir_future_cancel weir_future_is_done weir_future_await weir_future_result weir_future_value
 * weir_future_on_done weir_future_remove_done weir-future
 * WEIR_ON_FUTURE */
#include <stdio.h>
#include <weir/weir.h>

static void tells(struct weir_future *f, void *arg) {
    const int *sum = weir_future_value(f);
    if (weir_future_is_done(f) && sum != NULL)
        printf("%s: %d\n", (const char *)arg, *sum);
}

static void never(struct weir_future *f, void *arg) {
    (void)f, (void)arg;
    printf("never printed\n");
}

struct adds_args { struct weir_future *f; };
static int adds(void *args) {
    struct adds_args *a = args;
    int sum = 20 + 22;
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    if (rc < 0)
        rc = weir_future_fail(a->f, rc);
    else
        rc = weir_future_resolve(a->f, &sum);
    weir_future_unref(&a->f);
    return rc;
}

/* A future is settled once: later calls get -EALREADY. Each call that asks gets the error. */
static int settles_once(void) {
    struct weir_future *f;
    int rc = weir_future_new(0, &f);
    if (rc < 0)
        return rc;
    weir_future_cancel(f, "not needed");
    if (weir_future_resolve(f, NULL) != -EALREADY || weir_future_result(f, NULL) != WEIR_ESTOPPED)
        rc = weir_fail(WEIR_EUSER, "it was settled twice");
    printf("%s\n", weir_error_message(WEIR_ESTOPPED));
    weir_future_unref(&f);
    return rc;
}

static int waits(void *arg) {
    struct weir_future *f;
    struct weir_group g;
    int sum = 0;
    (void)arg;
    int rc = weir_future_new(sizeof sum, &f); /* f is for an int */
    if (rc < 0)
        return rc;
    if ((rc = weir_future_on_done(f, tells, "the callback")) == 0)
        rc = weir_future_on_done(f, never, NULL);
    weir_future_remove_done(f, never, NULL);
    weir_group_open(&g, WEIR_TOGETHER);
    struct weir_future *its = weir_future_ref(f); /* the task's own reference */
    if (rc < 0 || (rc = weir_go(&g, adds, .f = its)) < 0)
        weir_future_unref(&its);
    struct weir_case cases[] = {WEIR_ON_FUTURE(f), WEIR_ON_SLEEP(WEIR_SECONDS(5))};
    if (rc == 0)
        rc = weir_select(cases, 2); /* 0: the first case happened, f is settled */
    if (rc == 0 && (rc = weir_future_await(f, &sum)) == 0)
        printf("the task: %d\n", sum);
    rc = weir_group_close(&g, rc);
    weir_future_unref(&f);
    return rc < 0 ? rc : settles_once();
}

int main(void) {
    return weir_run(waits, NULL, NULL) < 0;
}
