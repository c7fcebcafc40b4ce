/* SPDX-License-Identifier: MIT */
/* Shows: weir_post weir_loop_ref weir_loop_unref */
#include <pthread.h>
#include <stdio.h>
#include <weir/weir.h>

static void show(void *arg) { /* on the loop's thread, between tasks */
    printf("measured %ld\n", (long)(intptr_t)arg);
    weir_stop("all is measured");
}

static void *measure(void *arg) { /* a thread of its own: it may block */
    struct weir_loop *loop = arg;
    if (weir_post(loop, show, (void *)(intptr_t)42) == WEIR_ECLOSED)
        fprintf(stderr, "the loop has finished\n");
    weir_loop_unref(&loop);
    return NULL;
}

static int program(void *arg) {
    pthread_t *thread = arg;
    struct weir_loop *loop = weir_loop_ref(weir_loop_current()); /* the thread's own */
    if (pthread_create(thread, NULL, measure, loop) != 0) {
        weir_loop_unref(&loop);
        return -EAGAIN;
    }
    int rc = weir_sleep(WEIR_NEVER);
    return rc == -ECANCELED ? 0 : rc; /* weir_stop was called */
}

int main(void) {
    pthread_t thread;
    int rc = weir_run(program, &thread, NULL);
    if (rc == 0)
        pthread_join(thread, NULL);
    return rc < 0;
}
