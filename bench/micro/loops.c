/* SPDX-License-Identifier: MIT */
/* loops.c (bench-loops) - two loops on two processors, each echoing to itself over socketpairs,
 * against two processes that do the same. Nothing should be shared, so the ratio should be 1. The
 * two alternate, since such figures move with the hour; who is first alternates too. Medians:
 * thousands of round trips per second of both; then the ratio in each round, with quartiles; then
 * the same by processor time, which does not count what other programs take meanwhile. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/thread.h>

enum { LOOPS = 2, PAIRS = 16, TRIPS = 500, ROUNDS = 31, LEN = 64 };

static struct shared { /* between the processes */
    _Atomic int ready;
    weir_ns took[LOOPS], worked[LOOPS]; /* by the clock; of processor time */
} *shared;

struct echoes_args { struct weir_stream *s; };
static int echoes(void *args) {
    struct weir_stream *s = ((struct echoes_args *)args)->s;
    char buf[LEN];
    int rc = 0;
    while (rc == 0 && (rc = weir_read_exactly(s, buf, LEN)) == 0)
        rc = weir_write(s, buf, LEN);
    weir_close(&s);
    return rc == WEIR_EEOF ? 0 : rc;
}

struct asks_args { struct weir_stream *s; };
static int asks(void *args) {
    struct weir_stream *s = ((struct asks_args *)args)->s;
    char buf[LEN] = "";
    int rc = 0;
    for (int i = 0; i < TRIPS && rc == 0; i++)
        if ((rc = weir_write(s, buf, LEN)) == 0)
            rc = weir_read_exactly(s, buf, LEN);
    weir_close(&s);
    return rc;
}

static int pair_begin(struct weir_group *g) {
    struct weir_stream *here = NULL, *there = NULL;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    int rc = weir_stream_from_socket(fds[0], &here);
    if (rc == 0)
        rc = weir_stream_from_socket(fds[1], &there);
    if (rc == 0)
        rc = weir_go(g, echoes, .s = there);
    return rc == 0 ? weir_go(g, asks, .s = here) : rc;
}

/* All begin at once. */
static int all_ready(void) {
    shared->ready++;
    while (shared->ready < LOOPS)
        weir_yield();
    return 0;
}

static weir_ns processor_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return WEIR_SECONDS(t.tv_sec) + t.tv_nsec;
}

static int runs(void *arg, int index) {
    struct weir_group g;
    (void)arg;
    int rc = all_ready();
    weir_ns began = weir_now(), idle = processor_time();
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < PAIRS && rc == 0; i++)
        rc = pair_begin(&g);
    rc = weir_group_close(&g, rc);
    shared->took[index] = weir_now() - began;
    shared->worked[index] = processor_time() - idle;
    return rc;
}

/* ---- two ways to run it ---------------------------------------------------------------------- */

static void must(int rc) {
    if (rc == 0)
        return;
    fprintf(stderr, "bench-loops: %s\n", weir_error_message(rc));
    exit(1);
}

static int runs_alone(void *arg) {
    return runs(NULL, *(int *)arg);
}

static void pin(int index) { /* as weir_loops_run does */
    cpu_set_t allowed, one;
    sched_getaffinity(0, sizeof allowed, &allowed);
    CPU_ZERO(&one);
    int left = index % CPU_COUNT(&allowed);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && left-- == 0)
            CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static void in_processes(void) {
    int status;
    for (int i = 0; i < LOOPS; i++)
        if (fork() == 0) {
            pin(i);
            _exit(weir_run(runs_alone, &i, NULL) < 0);
        }
    for (int i = 0; i < LOOPS; i++)
        must(wait(&status) > 0 && status == 0 ? 0 : -ECHILD);
}

static void in_threads(void) {
    must(weir_loops_run(&(struct weir_loops_options){.count = LOOPS, .fn = runs,
                                                     .affinity = true}));
}

struct rates {
    double clock, work;
};

static struct rates rates_of(void (*way)(void)) {
    struct rates r = {0, 0};
    shared->ready = 0;
    way();
    for (int i = 0; i < LOOPS; i++) {
        r.clock += (double)PAIRS * TRIPS * 1e6 / (double)shared->took[i];
        r.work += (double)PAIRS * TRIPS * 1e6 / (double)shared->worked[i];
    }
    return r;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, double *values, int digits) {
    qsort(values, ROUNDS, sizeof *values, by_size);
    printf("%s", name);
    const int at[] = {ROUNDS / 2, ROUNDS / 4, ROUNDS * 3 / 4};
    for (int i = 0; i < 3; i++)
        printf(" %.*f", digits, values[at[i]]);
    printf("\n");
}

int main(void) {
    double threads[ROUNDS], processes[ROUNDS], ratios[ROUNDS], work_ratios[ROUNDS];
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    for (int i = 0; i < ROUNDS; i++) {
        struct rates t = {0, 0}, p;
        if (i % 2 == 0)
            t = rates_of(in_threads);
        p = rates_of(in_processes);
        if (i % 2 != 0)
            t = rates_of(in_threads);
        threads[i] = t.clock;
        processes[i] = p.clock;
        ratios[i] = t.clock / p.clock;
        work_ratios[i] = t.work / p.work;
    }
    printf("name median quartiles\n");
    print("two_loops", threads, 0);
    print("two_processes", processes, 0);
    print("ratio", ratios, 3);
    print("ratio_of_processor_time", work_ratios, 3);
    return 0;
}
