/* SPDX-License-Identifier: MIT */
/* micro_uv.c - the figures of bench-micro that libuv has: timers and uv_async. One figure per line:
 * name, nanoseconds. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

enum { POSTS = 200000 };

static long now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static size_t left;

static void fired(uv_timer_t *t) {
    (void)t;
    left--;
}

static void bench_timers(uv_loop_t *loop, size_t n) {
    uv_timer_t *timers = calloc(n, sizeof *timers);
    if (timers == NULL)
        exit(1);
    for (size_t i = 0; i < n; i++)
        uv_timer_init(loop, &timers[i]);
    uv_update_time(loop);
    long start = now_ns();
    for (size_t i = 0; i < n; i++)
        uv_timer_start(&timers[i], fired, 1000 + (uint64_t)(rand() % 1000), 0);
    printf("timer_arm_ns %.1f\n", (double)(now_ns() - start) / (double)n);
    struct timespec pause = {.tv_sec = 3};
    nanosleep(&pause, NULL); /* all are due */
    left = n;
    start = now_ns();
    while (left > 0)
        uv_run(loop, UV_RUN_NOWAIT);
    printf("timer_fire_ns %.1f\n", (double)(now_ns() - start) / (double)n);
    for (size_t i = 0; i < n; i++)
        uv_close((uv_handle_t *)&timers[i], NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    free(timers);
}

static uv_async_t there;
static uv_sem_t back;
static size_t pings;

static void pinged(uv_async_t *a) {
    if (++pings == POSTS)
        uv_close((uv_handle_t *)a, NULL);
    uv_sem_post(&back);
}

static void posts(void *arg) {
    (void)arg;
    long start = now_ns();
    for (int i = 0; i < POSTS; i++) {
        uv_async_send(&there);
        uv_sem_wait(&back);
    }
    printf("post_wake_ns %.1f\n", (double)(now_ns() - start) / POSTS);
}

int main(int argc, char **argv) {
    size_t n = argc > 1 ? (size_t)atol(argv[1]) : 1000000;
    uv_loop_t *loop = uv_default_loop();
    uv_thread_t thread;
    bench_timers(loop, n);
    uv_sem_init(&back, 0);
    uv_async_init(loop, &there, pinged);
    uv_thread_create(&thread, posts, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_thread_join(&thread);
    return 0;
}
