/* SPDX-License-Identifier: MIT */
/* square-future - a slow function that returns a future; a done callback prints. Prints 9. */
#include <stdio.h>
#include <weir/weir.h>

struct square {
    int x;
    struct weir_future *f; /* a reference: whoever settles it needs one */
};

static void resolve(void *arg) {
    struct square *s = arg;
    int squared = s->x * s->x;
    weir_future_resolve(s->f, &squared);
    weir_future_unref(&s->f);
}

static int slow_square(struct square *s, struct weir_future **ret_f) {
    int rc = weir_future_new(sizeof(int), ret_f);
    if (rc < 0)
        return rc;
    s->f = weir_future_ref(*ret_f);
    if ((rc = weir_call_later(WEIR_MILLISECONDS(20), resolve, s, NULL)) < 0) {
        weir_future_unref(&s->f);
        weir_future_unref(ret_f);
    }
    return rc;
}

static void done(struct weir_future *f, void *arg) {
    int squared;
    (void)arg;
    if (weir_future_result(f, &squared) == 0)
        printf("%d\n", squared);
}

int main(void) {
    struct weir_loop *loop;
    struct weir_future *f = NULL;
    struct square three = {.x = 3};
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    int rc = slow_square(&three, &f);
    if (rc == 0)
        rc = weir_future_on_done(f, done, NULL);
    if (rc == 0)
        rc = weir_run_until_complete(loop, f, NULL);
    if (rc == 0)
        weir_loop_step(loop, 0); /* the callback is queued when f is settled: one round more */
    weir_future_unref(&f);
    weir_loop_close(&loop);
    return rc < 0;
}
