/* SPDX-License-Identifier: MIT */
/* transport.c (bench-micro-transport) - what a transport costs: resident memory of an idle one over
 * a pair in memory, beside the pair alone; and one round of an echo of 64 bytes between a task and
 * a transport, beside the same between two tasks. One figure per line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/transport.h>

#include "yield.h"

enum { IDLE = 10000, ROUNDS = 300000, MESSAGE = 64 };

static void need(int rc) {
    if (rc < 0) {
        fprintf(stderr, "%s\n", weir_error_message(rc));
        exit(1);
    }
}

/* Resident memory in KiB, as the kernel counts it. */
static long resident(void) {
    char line[128];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    if (f == NULL)
        need(-1);
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    fclose(f);
    return kib;
}

struct echo {
    struct weir_protocol protocol;
    struct weir_transport *transport;
};

static void made(struct weir_protocol *p, struct weir_transport *t) {
    ((struct echo *)p)->transport = t;
}

static int received(struct weir_protocol *p, struct weir_view v) {
    return weir_transport_write(((struct echo *)p)->transport, v.base, v.len);
}

static const struct weir_protocol_calls calls = {
    .size = sizeof calls, .connection_made = made, .data_received = received};

static int take(void *arg, struct weir_protocol **ret_protocol) {
    struct echo *e = arg;
    e->protocol.calls = &calls;
    *ret_protocol = &e->protocol;
    return 0;
}

static void bench_idle(void) {
    static struct weir_stream *near[IDLE], *far[IDLE];
    static struct echo echoes[IDLE];
    struct weir_transport *t;
    struct weir_group g;
    memset(echoes, 1, sizeof echoes); /* the caller's memory: touched before */
    long before = resident();
    for (int i = 0; i < IDLE; i++)
        need(weir_memory_pair(0, &near[i], &far[i]));
    long streams = resident();
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < IDLE; i++)
        need(weir_transport_open(&near[i], take, &echoes[i], &g, &t));
    need(weir_sleep(WEIR_MILLISECONDS(1))); /* each waits in a read */
    printf("idle_pair_bytes %ld\n", (streams - before) * 1024 / IDLE);
    printf("idle_transport_bytes %ld\n", (resident() - streams) * 1024 / IDLE);
    for (int i = 0; i < IDLE; i++)
        weir_close(&far[i]);
    need(weir_group_close(&g, 0));
}

static int echoes_in_a_task(void *args) {
    struct weir_stream *s = *(struct weir_stream **)args;
    char buf[MESSAGE];
    ssize_t n;
    while ((n = weir_read(s, buf, sizeof buf)) > 0)
        need(weir_write(s, buf, (size_t)n));
    weir_close(&s);
    return 0;
}

static void bench_echo(const char *what, bool by_transport) {
    struct weir_stream *near, *far;
    struct weir_transport *t;
    struct weir_group g;
    struct echo e;
    char buf[MESSAGE] = "";
    need(weir_memory_pair(0, &near, &far));
    weir_group_open(&g, WEIR_TOGETHER);
    if (by_transport)
        need(weir_transport_open(&near, take, &e, &g, &t));
    else
        need(weir_spawn(&g, WEIR_SITE(echoes_in_a_task), echoes_in_a_task, &near, sizeof near, NULL,
                        NULL));
    need(weir_sleep(1));
    weir_ns start = weir_now();
    for (int i = 0; i < ROUNDS; i++) {
        need(weir_write(far, buf, sizeof buf));
        need(weir_read_exactly(far, buf, sizeof buf));
    }
    printf("%s_ns %.1f\n", what, (double)(weir_now() - start) / ROUNDS);
    weir_close(&far);
    need(weir_group_close(&g, 0));
}

static int program(void *arg) {
    (void)arg;
    bench_idle();
    bench_echo("echo_task", false);
    bench_echo("echo_transport", true);
    bench_yield();
    return 0;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
