/* SPDX-License-Identifier: MIT */
/* Shows: weir_loop_open weir_loop_step weir_loop_close weir_loop_fd weir_loop_prepare weir_loop_use
 * weir_block_on weir-drive */
#include <poll.h>
#include <stdio.h>
#include <weir/weir.h>

struct count_args {
    const char *word;
    int times;
};

static int count(void *args) {
    struct count_args *a = args;
    int rc = 0;
    for (int i = 1; i <= a->times && rc == 0; i++) {
        rc = weir_sleep(WEIR_MILLISECONDS(1));
        printf("%s %d\n", a->word, i);
    }
    return rc;
}

static int doubled(void *arg) {
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    return rc < 0 ? rc : 2 * *(int *)arg;
}

/* A loop of the program's own, which has descriptors of its own to wait for: here none. */
static void foreign_loop(struct weir_loop *loop) {
    do {
        struct pollfd fds[1] = {{.fd = weir_loop_fd(loop), .events = POLLIN}};
        weir_ns wait = weir_loop_prepare(loop);
        poll(fds, 1, wait == WEIR_NEVER ? -1 : (int)((wait + 999999) / 1000000));
    } while (weir_loop_step(loop, 0) > 0);
}

int main(void) {
    struct weir_loop *loop = NULL, *second = NULL;
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    int n = 21;
    printf("%d\n", weir_block_on(doubled, &n)); /* plain code waits for a task */
    weir_go(NULL, count, .word = "stepped", .times = 2);
    while (weir_loop_step(loop, WEIR_NEVER) > 0)
        continue;
    weir_go(NULL, count, .word = "waited for by poll", .times = 2);
    foreign_loop(loop);
    if (weir_loop_open(NULL, &second) == 0) { /* plain code speaks to the last one now */
        weir_loop_use(loop);
        printf("%d\n", weir_block_on(doubled, &n));
    }
    weir_loop_close(&second);
    weir_loop_close(&loop);
    return 0;
}
