/* SPDX-License-Identifier: MIT */
/* square-deferred - a slow function that returns a Deferred. Prints 9. */
#include <stdio.h>
#include <weir/weir.h>

struct square {
    int x, squared;
    struct weir_deferred *d; /* a reference: whoever fires it needs one */
};

static void resolve(void *arg) {
    struct square *s = arg;
    s->squared = s->x * s->x;
    weir_deferred_fire(s->d, &s->squared); /* the chain runs inside this call */
    weir_deferred_unref(&s->d);
}

static int slow_square(struct square *s, struct weir_deferred **ret_d) {
    int rc = weir_deferred_new(NULL, NULL, ret_d);
    if (rc < 0)
        return rc;
    s->d = weir_deferred_ref(*ret_d);
    if ((rc = weir_call_later(WEIR_MILLISECONDS(20), resolve, s, NULL)) < 0) {
        weir_deferred_unref(&s->d);
        weir_deferred_unref(ret_d);
    }
    return rc;
}

static struct weir_result on_success(struct weir_result r, void *loop) {
    printf("%d\n", *(int *)r.value);
    weir_loop_stop(loop);
    return r;
}

int main(void) {
    struct weir_loop *loop;
    struct weir_deferred *d = NULL;
    struct square three = {.x = 3};
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    int rc = slow_square(&three, &d);
    if (rc == 0)
        rc = weir_deferred_add_callback(d, on_success, loop);
    if (rc == 0)
        rc = weir_run_forever(loop);
    weir_deferred_unref(&d);
    weir_loop_close(&loop);
    return rc < 0;
}
