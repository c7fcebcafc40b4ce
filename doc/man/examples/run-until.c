/* SPDX-License-Identifier: MIT */
/* Shows: weir_run_until_complete weir_run_forever weir_loop_stop */
#include <stdio.h>
#include <weir/weir.h>

static void resolves(void *f) {
    int answer = 42;
    weir_future_resolve(f, &answer);
}

static void stops(void *loop) {
    printf("stop\n");
    weir_loop_stop(loop);
}

int main(void) {
    struct weir_loop *loop;
    struct weir_future *f = NULL;
    int answer = 0;
    int rc = weir_loop_open(NULL, &loop);
    if (rc < 0)
        return 1;
    if ((rc = weir_future_new(sizeof answer, &f)) == 0)
        rc = weir_call_later(WEIR_MILLISECONDS(1), resolves, f, NULL);
    if (rc == 0 && (rc = weir_run_until_complete(loop, f, &answer)) == 0)
        printf("%d\n", answer);
    if (rc == 0)
        rc = weir_call_later(WEIR_MILLISECONDS(1), stops, loop, NULL);
    if (rc == 0)
        rc = weir_run_forever(loop);
    weir_future_unref(&f);
    weir_loop_close(&loop);
    return rc < 0;
}
