/* SPDX-License-Identifier: MIT */
/* looked_at.c - a program that test_outside.py looks at: two threads, each with a loop, stand still
 * until standard input ends. */
#include <pthread.h>
#include <stdio.h>
#include <weir/loop.h>

static pthread_barrier_t both;

static int stand_still(void *is_main) {
    pthread_barrier_wait(&both);
    if (is_main == NULL) {
        puts("ready");
        fflush(stdout);
        getchar();
    }
    pthread_barrier_wait(&both);
    return 0;
}

static void *other(void *arg) {
    (void)arg;
    weir_run(stand_still, &both, NULL);
    return NULL;
}

int main(void) {
    pthread_t thread;
    pthread_barrier_init(&both, NULL, 2);
    pthread_create(&thread, NULL, other, NULL);
    int rc = weir_run(stand_still, NULL, NULL);
    pthread_join(thread, NULL);
    return rc;
}
