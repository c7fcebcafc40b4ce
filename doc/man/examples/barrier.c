/* SPDX-License-Identifier: MIT */
/* Shows: weir_barrier_init weir_barrier_wait weir_barrier_close weir_barrier_fini weir_barrier */
#include <stdio.h>
#include <weir/weir.h>

enum { PLAYERS = 3 };
static struct weir_barrier barrier;

static int plays(void *args) {
    (void)args;
    for (int round = 1; round <= 2; round++) {
        int place = weir_barrier_wait(&barrier); /* until all three are here */
        if (place < 0) {
            weir_barrier_close(&barrier); /* without this one the others would wait for ever */
            return place == WEIR_ECLOSED ? 0 : place;
        }
        if (place == PLAYERS - 1) /* the last to come: a task for one of them */
            printf("round %d\n", round);
    }
    return 0;
}

static int program(void *arg) {
    struct weir_group g;
    weir_barrier_init(&barrier, PLAYERS);
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < PLAYERS && rc == 0; i++)
        rc = weir_go0(&g, plays);
    rc = weir_group_close(&g, rc);
    weir_barrier_fini(&barrier);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
