/* SPDX-License-Identifier: MIT */
/* Shows: weir_run_threadsafe weir_remote weir_remote_wait weir_remote_await weir_remote_cancel
 * weir_remote_ref weir_remote_release weir_remote_is_done weir-thread */
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

struct squares_args {
    int n, square;
};

static int squares(void *args) { /* a task on the loop, begun from another thread */
    struct squares_args *a = args;
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    a->square = a->n * a->n;
    return rc;
}

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_NEVER);
}

static void stop(void *arg) {
    (void)arg;
    weir_stop("the thread is done");
}

static void *plain_thread(void *arg) {
    struct weir_loop *loop = arg;
    struct weir_remote *r = NULL, *tired = NULL;
    struct squares_args a = {.n = 7};
    if (weir_run_threadsafe(loop, WEIR_SITE(squares), squares, &a, sizeof a, &r) == 0
        && weir_remote_wait(&r, WEIR_SECONDS(60), &a, sizeof a) == 0)
        printf("7 * 7 = %d\n", a.square);
    weir_remote_release(&r); /* it is NULL already, unless the wait ran out */
    if (weir_run_threadsafe(loop, WEIR_SITE(sleeps), sleeps, NULL, 0, &tired) == 0) {
        struct weir_remote *second = weir_remote_ref(tired); /* as another thread would need */
        weir_remote_cancel(tired, "enough");
        int rc = weir_remote_wait(&tired, WEIR_NEVER, NULL, 0);
        printf("%s\n", weir_error_message(rc));
        printf("done: %d\n", weir_remote_is_done(second));
        weir_remote_release(&second);
    }
    weir_post(loop, stop, NULL);
    weir_loop_unref(&loop);
    return NULL;
}

static int program(void *arg) {
    pthread_t *thread = arg;
    struct weir_remote *r = NULL;
    struct squares_args a = {.n = 8};
    /* On its own loop too: a task, begun as if from elsewhere. */
    struct weir_loop *own = weir_loop_current();
    int rc = weir_run_threadsafe(own, WEIR_SITE(squares), squares, &a, sizeof a, &r);
    if (rc == 0 && (rc = weir_remote_await(&r, &a, sizeof a)) == 0)
        printf("8 * 8 = %d\n", a.square);
    struct weir_loop *loop = weir_loop_ref(weir_loop_current()); /* the thread's own */
    if (pthread_create(thread, NULL, plain_thread, loop) != 0) {
        weir_loop_unref(&loop);
        return -EAGAIN;
    }
    rc = weir_sleep(WEIR_NEVER);
    return rc == -ECANCELED ? 0 : rc;
}

int main(void) {
    pthread_t thread;
    int rc = weir_run(program, &thread, NULL);
    if (rc == 0)
        pthread_join(thread, NULL);
    return rc < 0;
}
