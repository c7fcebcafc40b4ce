/* SPDX-License-Identifier: MIT */
/* Shows: weir_deferred_new weir_deferred_ref weir_deferred_unref weir_deferred_add_callbacks
 * weir_deferred_add_callback weir_deferred_add_errback weir_deferred_add_both weir_wait_for
 * weir_deferred_fire weir_deferred_fail weir_deferred_cancel weir_deferred_is_fired
 * weir_deferred_list weir_deferred weir-deferred weir_result weir_on_result
 * weir_deferred_list_flags */
#include <stdio.h>
#include <weir/weir.h>

static struct weir_result doubles(struct weir_result r, void *arg) {
    static int doubled;
    doubled = 2 * *(int *)r.value;
    printf("%s\n", (const char *)arg);
    return (struct weir_result){0, &doubled};
}

static struct weir_result refuses(struct weir_result r, void *arg) {
    (void)r;
    return (struct weir_result){weir_fail(WEIR_EUSER, "%s", (const char *)arg), NULL};
}

static struct weir_result mends(struct weir_result r, void *arg) {
    printf("mended: %s\n", weir_error_message(r.rc));
    return (struct weir_result){0, arg}; /* an error becomes a value */
}

static struct weir_result waits(struct weir_result r, void *other) {
    (void)r;
    return weir_wait_for(weir_deferred_ref(other)); /* the chain goes on when other has fired */
}

static struct weir_result prints(struct weir_result r, void *arg) {
    if (r.rc == 0)
        printf("%s %d\n", (const char *)arg, r.value ? *(int *)r.value : 0);
    return r;
}

static struct weir_result prints_all(struct weir_result r, void *arg) {
    const struct weir_result *results = r.value;
    for (int i = 0; i < 2; i++)
        prints(results[i], arg);
    return (struct weir_result){0};
}

static void cancels(struct weir_deferred *d, void *arg) {
    (void)d;
    printf("%s\n", (const char *)arg);
}

int main(void) {
    struct weir_deferred *first = NULL, *second = NULL, *both = NULL, *unwanted = NULL;
    int ten = 10, one = 1, zero = 0;
    int rc = weir_deferred_new(NULL, NULL, &first);
    if (rc == 0)
        rc = weir_deferred_new(NULL, NULL, &second);
    if (rc == 0)
        rc = weir_deferred_new(cancels, "the canceller is called", &unwanted);
    if (rc == 0)
        rc = weir_deferred_add_callback(first, doubles, "doubles inside the fire");
    if (rc == 0)
        rc = weir_deferred_add_callback(first, refuses, "no luck");
    if (rc == 0)
        rc = weir_deferred_add_errback(first, mends, &zero);
    if (rc == 0)
        rc = weir_deferred_add_callbacks(first, waits, second, mends, &zero);
    if (rc == 0)
        rc = weir_deferred_add_errback(second, mends, &one);
    if (rc == 0)
        rc = weir_deferred_list((struct weir_deferred *[]){first, second}, 2, 0, &both);
    if (rc == 0)
        rc = weir_deferred_add_both(both, prints_all, "result");
    if (rc == 0)
        rc = weir_deferred_add_errback(unwanted, mends, &zero);
    if (rc == 0) {
        weir_deferred_fire(first, &ten); /* its chain stops where it waits for second */
        weir_deferred_fail(second, -EIO);
        weir_deferred_cancel(unwanted);
        printf("fired: %d\n", weir_deferred_is_fired(unwanted));
    }
    weir_deferred_unref(&both);
    weir_deferred_unref(&first);
    weir_deferred_unref(&second);
    weir_deferred_unref(&unwanted);
    return rc < 0;
}
