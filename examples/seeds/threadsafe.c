/* SPDX-License-Identifier: MIT */
/* threadsafe - another thread cancels a task of a loop, and then stops the loop: both go through
 * call_soon_threadsafe, for nothing else of a loop may be touched from outside. */
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

static struct weir_task *sometask;

struct sleeps_args { weir_ns for_ns; };
static int sleeps(void *args) {
    struct sleeps_args *a = args;
    int rc = weir_sleep(a->for_ns);
    printf("the task was %s\n", rc == -ECANCELED ? "cancelled" : "not cancelled");
    return rc;
}

static void cancels(void *arg) {
    (void)arg;
    weir_task_cancel(sometask, "another thread said so");
}

static void stops(void *loop) {
    weir_loop_stop(loop);
}

static void *outside(void *loop) {
    int rc = weir_call_soon_threadsafe(loop, cancels, NULL);
    if (rc == 0)
        rc = weir_call_soon_threadsafe(loop, stops, loop);
    if (rc < 0)
        fprintf(stderr, "threadsafe: %s\n", weir_error_text(rc));
    return NULL;
}

int main(void) {
    struct weir_loop *loop;
    pthread_t thread;
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    int rc = weir_go_task(NULL, sleeps, &sometask, .for_ns = WEIR_NEVER);
    if (rc == 0 && pthread_create(&thread, NULL, outside, loop) == 0) {
        rc = weir_run_forever(loop);
        pthread_join(thread, NULL);
        weir_loop_step(loop, 0); /* the cancelled task ends, if it has not ended yet */
        printf("stopped\n");
    }
    weir_task_release(&sometask);
    weir_loop_close(&loop);
    return rc < 0;
}
