/* SPDX-License-Identifier: MIT */
/* square-callback - a slow function whose result a callback gets. Prints 9. */
#include <stdio.h>
#include <weir/weir.h>

struct square {
    int x;
    void (*done)(int squared, void *arg);
    void *arg;
};

static void resolve(void *arg) {
    struct square *s = arg;
    s->done(s->x * s->x, s->arg);
}

static int slow_square(struct square *s) {
    return weir_call_later(WEIR_MILLISECONDS(20), resolve, s, NULL);
}

static void shows(int squared, void *loop) {
    printf("%d\n", squared);
    weir_loop_stop(loop);
}

int main(void) {
    struct weir_loop *loop;
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    struct square three = {3, shows, loop};
    int rc = slow_square(&three);
    if (rc == 0)
        rc = weir_run_forever(loop);
    weir_loop_close(&loop);
    return rc < 0;
}
