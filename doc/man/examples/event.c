/* SPDX-License-Identifier: MIT */
/* Shows: weir_event_wait weir_event_set weir_event_fini weir_event weir_sync_stats weir_sync
 * weir-sync */
#include <stdio.h>
#include <weir/weir.h>

static struct weir_event ready; /* all zero is a good one, and clear */

static int serves(void *args) {
    (void)args;
    int rc = weir_event_wait(&ready);
    if (rc == 0)
        printf("serving\n");
    return rc; /* a cancel: it was not set, and nothing is lost */
}

static int program(void *arg) {
    struct weir_group g;
    struct weir_sync_stats stats = {.size = sizeof stats};
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, serves);
    if (rc == 0)
        rc = weir_go0(&g, serves);
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(1)); /* load what is needed */
    weir_sync_stats(&ready.sync, &stats);
    weir_event_set(&ready); /* both go on, and whoever comes later does not wait */
    rc = weir_group_close(&g, rc);
    printf("%zu waited\n", stats.waiting);
    weir_event_fini(&ready);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
