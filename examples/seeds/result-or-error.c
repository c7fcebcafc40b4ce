/* SPDX-License-Identifier: MIT */
/* result-or-error - both ways to take a result that may be an error: by two callbacks of a
 * Deferred, and by a task that awaits it. And a chain, in which a callback changes the value and an
 * errback turns an error into one. */
#include <stdio.h>
#include <weir/weir.h>

struct asked {
    int answer; /* less than 0: it fails */
    struct weir_deferred *d; /* a reference: whoever fires it needs one */
};

static void replies(void *arg) {
    struct asked *a = arg;
    if (a->answer < 0)
        weir_deferred_fail(a->d, weir_fail(WEIR_EUSER, "no answer"));
    else
        weir_deferred_fire(a->d, &a->answer);
    weir_deferred_unref(&a->d);
}

static int some_function(struct asked *a, struct weir_deferred **ret_d) {
    int rc = weir_deferred_new(NULL, NULL, ret_d);
    if (rc < 0)
        return rc;
    a->d = weir_deferred_ref(*ret_d);
    if ((rc = weir_call_later(WEIR_MILLISECONDS(1), replies, a, NULL)) < 0) {
        weir_deferred_unref(&a->d);
        weir_deferred_unref(ret_d);
    }
    return rc;
}

static struct weir_result on_success(struct weir_result r, void *arg) {
    (void)arg;
    printf("result: %d\n", *(int *)r.value);
    return r;
}

static struct weir_result on_error(struct weir_result r, void *arg) {
    (void)arg;
    printf("error: %s\n", weir_error_message(r.rc));
    return (struct weir_result){0};
}

static struct weir_result doubles(struct weir_result r, void *arg) {
    int *doubled = arg;
    *doubled = 2 * *(int *)r.value;
    r.value = doubled;
    return r;
}

static struct weir_result guesses(struct weir_result r, void *guess) {
    (void)r;
    return (struct weir_result){.value = guess};
}

static int by_callbacks(int answer) {
    struct asked a = {.answer = answer};
    struct weir_deferred *d;
    int rc = some_function(&a, &d);
    if (rc < 0)
        return rc;
    rc = weir_deferred_add_callbacks(d, on_success, NULL, on_error, NULL);
    if (rc == 0)
        rc = weir_deferred_await(d, NULL); /* only so that the program does not end before */
    weir_deferred_unref(&d);
    return rc;
}

static int by_await(int answer) {
    struct asked a = {.answer = answer};
    struct weir_deferred *d;
    void *value;
    int rc = some_function(&a, &d);
    if (rc < 0)
        return rc;
    if ((rc = weir_deferred_await(d, &value)) < 0)
        printf("awaited error: %s\n", weir_error_message(rc));
    else
        printf("awaited result: %d\n", *(int *)value);
    weir_deferred_unref(&d);
    return rc == WEIR_EUSER ? 0 : rc;
}

static int by_chain(int answer) {
    struct asked a = {.answer = answer};
    struct weir_deferred *d;
    int guess = 20, doubled;
    void *value;
    int rc = some_function(&a, &d);
    if (rc < 0)
        return rc;
    rc = weir_deferred_add_errback(d, guesses, &guess);
    if (rc == 0)
        rc = weir_deferred_add_callback(d, doubles, &doubled);
    if (rc == 0 && (rc = weir_deferred_await(d, &value)) == 0)
        printf("chained result: %d\n", *(int *)value);
    weir_deferred_unref(&d);
    return rc;
}

static int program(void *arg) {
    static int (*const ways[])(int answer) = {by_callbacks, by_await, by_chain};
    int rc = 0;
    (void)arg;
    for (int i = 0; i < 3 && rc == 0; i++)
        if ((rc = ways[i](42)) == 0)
            rc = ways[i](-1);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
