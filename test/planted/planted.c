/* SPDX-License-Identifier: MIT */
/* planted.c - programs with one bug each. The sanitizers must report the bug with the right stack
 * frame: so they know the stacks of tasks. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static volatile int index_past_end = 16;
static volatile char *kept;
static int shared;

static int overflow_in_a_task_frame(void *args) {
    (void)args;
    char frame[16];
    memset(frame, 0, sizeof frame);
    char *volatile hidden = frame; /* or UBSan counts the array first */
    hidden[index_past_end] = 1;
    return frame[0];
}

static int leaves_its_local(void *args) {
    (void)args;
    volatile char local[64];
    local[0] = 42;
    kept = local;
    return 0;
}

static int use_of_a_finished_tasks_local(void) {
    return kept[0] == 42 ? 7 : 8;
}

static void reads_shared(void *arg) {
    *(int *)arg = shared + 1;
}

static void *writes_after_post(void *loop) {
    int unused;
    shared = 1;
    static int result;
    weir_post(loop, reads_shared, &result);
    unused = shared++; /* the loop may be reading it */
    (void)unused;
    return NULL;
}

static int race_through_post(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, writes_after_post, weir_loop_current());
    weir_sleep(WEIR_MILLISECONDS(50));
    return pthread_join(thread, NULL);
}

static int clean(void *args) {
    (void)args;
    return 0;
}

static int in_a_task(int (*fn)(void *)) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, fn);
    return weir_group_close(&g, rc);
}

static int program(void *arg) {
    const char *bug = arg;
    if (strcmp(bug, "overflow") == 0)
        return in_a_task(overflow_in_a_task_frame);
    if (strcmp(bug, "finished") == 0)
        return in_a_task(leaves_its_local) + use_of_a_finished_tasks_local();
    if (strcmp(bug, "race") == 0)
        return race_through_post();
    return in_a_task(clean);
}

int main(int argc, char **argv) {
    return weir_run(program, argc > 1 ? argv[1] : (char[]){"none"}, NULL) < 0;
}
