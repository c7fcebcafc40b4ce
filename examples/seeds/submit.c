/* SPDX-License-Identifier: MIT */
/* submit - another thread has a loop run a task, waits for it as for a function, and gets its
 * result. Then it stops the loop. */
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

struct square_args { int x, squared; };
static int square(void *args) {
    struct square_args *a = args;
    int rc = weir_sleep(WEIR_MILLISECONDS(5)); /* what only a task of the loop can do */
    a->squared = a->x * a->x;
    return rc;
}

static void stops(void *loop) {
    weir_loop_stop(loop);
}

static void *outside(void *loop) {
    struct square_args a = {.x = 3};
    struct weir_remote *r;
    int rc = weir_run_threadsafe(loop, WEIR_SITE(square), square, &a, sizeof a, &r);
    if (rc == 0)
        rc = weir_remote_wait(&r, WEIR_NEVER, &a, sizeof a);
    if (rc == 0)
        printf("the other thread has got %d\n", a.squared);
    else
        fprintf(stderr, "submit: %s\n", weir_error_message(rc));
    if ((rc = weir_call_soon_threadsafe(loop, stops, loop)) < 0)
        fprintf(stderr, "submit: %s\n", weir_error_text(rc));
    return NULL;
}

int main(void) {
    struct weir_loop *loop;
    pthread_t thread;
    int rc = -1;
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    if (pthread_create(&thread, NULL, outside, loop) == 0) {
        rc = weir_run_forever(loop);
        pthread_join(thread, NULL);
    }
    weir_loop_close(&loop);
    return rc < 0;
}
