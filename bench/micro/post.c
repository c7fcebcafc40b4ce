/* SPDX-License-Identifier: MIT */
/* post.c (bench-post) - what weir_post costs. To a sleeping loop: two threads wake each other in
 * turn, by a bare eventfd in an epoll set and by posts between two loops; half a round trip is one
 * wake. Bare and weir alternate, since such figures move with the hour. To a busy loop: a thread
 * posts a million times while the loop's tasks yield. One figure per line: name, ns. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <weir/drive.h>
#include <weir/task.h>

#include "loop/handle.h"

enum { TRIPS = 10000, ROUNDS = 7, POSTS = 1000000 };

/* ---- bare ---------------------------------------------------------------------------------- */

struct bare {
    int set, own, other;
};

static void bare_open(struct bare *b) {
    struct epoll_event e = {.events = EPOLLIN};
    b->set = epoll_create1(EPOLL_CLOEXEC);
    b->own = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    epoll_ctl(b->set, EPOLL_CTL_ADD, b->own, &e);
}

static void bare_ring(struct bare *b) {
    uint64_t one = 1;
    if (write(b->other, &one, sizeof one) != sizeof one)
        abort();
}

static void bare_wait(struct bare *b) {
    struct epoll_event e;
    uint64_t n;
    while (epoll_wait(b->set, &e, 1, -1) != 1 || read(b->own, &n, sizeof n) != sizeof n)
        continue;
}

static void *bare_answers(void *arg) {
    for (int i = 0; i < TRIPS; i++) {
        bare_wait(arg);
        bare_ring(arg);
    }
    return NULL;
}

static double bare_wake(void) {
    struct bare a, b;
    pthread_t thread;
    bare_open(&a);
    bare_open(&b);
    a.other = b.own;
    b.other = a.own;
    pthread_create(&thread, NULL, bare_answers, &b);
    weir_ns start = weir_now();
    for (int i = 0; i < TRIPS; i++) {
        bare_ring(&a);
        bare_wait(&a);
    }
    double ns = (double)(weir_now() - start) / (2.0 * TRIPS);
    pthread_join(thread, NULL);
    close(a.set), close(a.own), close(b.set), close(b.own);
    return ns;
}

/* ---- posts between two loops ---------------------------------------------------------------- */

static struct weir_loop *first, *second;
static int trips_left;
static const char *backend;
static pthread_barrier_t both;

static void arrives_first(void *arg);

static void arrives_second(void *arg) {
    weir_post(first, arrives_first, arg);
}

static void arrives_first(void *arg) {
    if (--trips_left > 0)
        weir_post(second, arrives_second, arg);
}

static struct weir_loop *opened(void) {
    const struct weir_run_options o = {.size = sizeof o, .backend = backend};
    struct weir_loop *l = NULL;
    if (weir_loop_open(&o, &l) < 0)
        exit(EXIT_FAILURE);
    return l;
}

static void stop(void *arg) {
    *(int *)arg = 1;
}

static int second_is_over;

static void *second_main(void *arg) {
    struct weir_loop *l = opened();
    (void)arg;
    second = weir_loop_ref(l);
    pthread_barrier_wait(&both);
    while (!second_is_over)
        weir_loop_step(l, WEIR_NEVER);
    weir_loop_close(&l);
    return NULL;
}

static double post_wake(const char *which) {
    pthread_t thread;
    backend = which;
    second_is_over = 0;
    trips_left = TRIPS;
    struct weir_loop *l = opened();
    first = weir_loop_ref(l);
    pthread_barrier_init(&both, NULL, 2);
    pthread_create(&thread, NULL, second_main, NULL);
    pthread_barrier_wait(&both);
    weir_ns start = weir_now();
    weir_post(second, arrives_second, NULL);
    while (trips_left > 0)
        weir_loop_step(l, WEIR_NEVER);
    double ns = (double)(weir_now() - start) / (2.0 * TRIPS);
    weir_post(second, stop, &second_is_over);
    pthread_join(thread, NULL);
    weir_loop_unref(&second);
    weir_loop_unref(&first);
    weir_loop_close(&l);
    return ns;
}

/* ---- posts to a busy loop -------------------------------------------------------------------- */

static size_t arrived;
static double poster_ns;

static void arrives(void *arg) {
    (void)arg;
    arrived++;
}

static void *posts_all(void *arg) {
    struct weir_loop *l = arg;
    weir_ns start = weir_now();
    for (int i = 0; i < POSTS; i++)
        if (weir_post(l, arrives, NULL) < 0)
            abort();
    poster_ns = (double)(weir_now() - start) / POSTS;
    weir_loop_unref(&l);
    return NULL;
}

static struct weir__post *nodes;

static void node_arrives(struct weir__post *p, bool dropped) {
    (void)p, (void)dropped;
    arrived++;
}

static void *pushes_all(void *arg) {
    struct weir_loop *l = arg;
    weir_ns start = weir_now();
    for (int i = 0; i < POSTS; i++) {
        nodes[i].fn = node_arrives;
        if (weir__loop_push(l, &nodes[i]) < 0)
            abort();
    }
    poster_ns = (double)(weir_now() - start) / POSTS;
    weir__loop_unref(l);
    return NULL;
}

/* What the library's own wakes do: the node is there already. */
static void push_to_busy(void) {
    pthread_t thread;
    nodes = malloc(POSTS * sizeof nodes[0]);
    if (nodes == NULL)
        abort();
    memset(nodes, 1, POSTS * sizeof nodes[0]);
    arrived = 0;
    weir_ns start = weir_now();
    pthread_create(&thread, NULL, pushes_all, weir_loop_ref(weir_loop_current()));
    while (arrived < POSTS)
        weir_yield();
    printf("push_busy_until_run_ns %.1f\n", (double)(weir_now() - start) / POSTS);
    pthread_join(thread, NULL);
    printf("push_busy_call_ns %.1f\n", poster_ns);
    free(nodes);
}

static int is_busy(void *arg) {
    pthread_t thread;
    (void)arg;
    weir_ns start = weir_now();
    pthread_create(&thread, NULL, posts_all, weir_loop_ref(weir_loop_current()));
    while (arrived < POSTS)
        weir_yield();
    printf("post_busy_until_run_ns %.1f\n", (double)(weir_now() - start) / POSTS);
    pthread_join(thread, NULL);
    printf("post_busy_call_ns %.1f\n", poster_ns);
    push_to_busy();
    return 0;
}

static int ascending(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_median(const char *name, double *all) {
    qsort(all, ROUNDS, sizeof all[0], ascending);
    printf("%s %.0f\n", name, all[ROUNDS / 2]);
}

int main(void) {
    double bare[ROUNDS], epoll[ROUNDS], uring[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        bare[i] = bare_wake();
        epoll[i] = post_wake("epoll");
        uring[i] = post_wake("uring");
    }
    print_median("wake_bare_eventfd_ns", bare);
    print_median("wake_post_epoll_ns", epoll);
    print_median("wake_post_uring_ns", uring);
    return weir_run(is_busy, NULL, NULL) < 0;
}
