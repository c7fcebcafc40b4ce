/* SPDX-License-Identifier: MIT */
/* Shows: weir_explore_cancels weir_explore_faults weir_explore_allocations weir_explore_seeds
 * weir_story weir_explored */
#include <stdio.h>
#include <weir/testing.h>
#include <weir/weir.h>

/* A story of your program; it must leave nothing behind wherever it is disturbed. */
static int deliver(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *b = NULL;
    char got[4];
    int rc = weir_memory_pair(0, &a, &b);
    if (rc == 0)
        rc = weir_write(a, "full", 4);
    return rc == 0 ? weir_read_exactly(b, got, sizeof got) : rc;
}

int main(void) {
    const struct weir_story story = {.size = sizeof story, .name = "deliver", .fn = deliver};
    const struct weir_fault fault = {.size = sizeof fault};
    struct weir_explored e;
    int rc = weir_explore_cancels(&story, &e); /* a cancel at the 1st call, the 2nd, ... */
    printf("%d cancels\n", (int)e.points);
    if (rc == 0)
        rc = weir_explore_allocations(&story, &e); /* no memory at the 1st, the 2nd, ... */
    printf("%d allocations\n", (int)e.points);
    if (rc == 0)
        rc = weir_explore_faults(&story, &fault, NULL);
    if (rc == 0)
        rc = weir_explore_seeds(&story, &e); /* tasks in 100 orders, and as many networks */
    printf("%d seeds\n", (int)e.points);
    return rc != 0;
}
