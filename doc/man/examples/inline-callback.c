/* SPDX-License-Identifier: MIT */
/* Shows: weir_deferred_await weir_deferred_add_timeout weir_future_from_deferred
 * weir_deferred_from_future */
#include <stdio.h>
#include <weir/weir.h>

static char word[] = "hello";

static void fires(void *d) {
    weir_deferred_fire(d, word);
}

static struct weir_result prints(struct weir_result r, void *arg) {
    printf("%s %s\n", (const char *)arg, *(char **)r.value);
    return (struct weir_result){0};
}

/* A task that awaits is what Twisted calls inline callbacks. */
static int program(void *arg) {
    struct weir_deferred *d = NULL, *silent = NULL, *again = NULL;
    struct weir_future *f = NULL;
    void *value = NULL;
    (void)arg;
    int rc = weir_deferred_new(NULL, NULL, &d);
    if (rc == 0)
        rc = weir_deferred_new(NULL, NULL, &silent);
    if (rc == 0)
        rc = weir_deferred_add_timeout(silent, WEIR_MILLISECONDS(10));
    if (rc == 0)
        rc = weir_call_later(WEIR_MILLISECONDS(1), fires, d, NULL);
    if (rc == 0)
        rc = weir_future_from_deferred(d, &f); /* takes the result of d, at this place */
    if (rc == 0)
        rc = weir_deferred_from_future(f, &again); /* and again has the future's */
    if (rc == 0)
        rc = weir_deferred_add_callback(again, prints, "the callback:");
    if (rc == 0 && (rc = weir_future_await(f, &value)) == 0)
        printf("the task: %s\n", (char *)value);
    if (rc == 0 && weir_deferred_await(silent, NULL) == -ETIME)
        printf("%s\n", weir_error_message(-ETIME));
    weir_deferred_unref(&again);
    weir_future_unref(&f);
    weir_deferred_unref(&d);
    weir_deferred_unref(&silent);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
