/* SPDX-License-Identifier: MIT */
/* Shows: weir-broadcast weir_broadcast weir_subscriber weir_slow weir_broadcast_init
 * weir_broadcast_fini weir_subscribe weir_unsubscribe weir_broadcast_send
 * weir_broadcast_try_send weir_broadcast_recv weir_broadcast_try_recv weir_subscriber_missed
 * weir_broadcast_close */
#include <stdio.h>
#include <weir/weir.h>

static struct weir_broadcast ticks;

struct listens_args { const char *name; };
static int listens(void *args) {
    const char *name = ((struct listens_args *)args)->name;
    struct weir_subscriber s = {0};
    int n, rc;
    weir_subscribe(&ticks, &s);
    while ((rc = weir_broadcast_recv(&s, &n)) != 0) {
        if (rc == 1)
            printf("%s: %d\n", name, n);
        else if (rc == -EOVERFLOW) /* too slow: items were overtaken, and it goes on */
            printf("%s: missed %zu\n", name, weir_error(rc)->done);
        else
            break;
    }
    printf("%s missed %llu in all\n", name, (unsigned long long)weir_subscriber_missed(&s));
    weir_unsubscribe(&s);
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    struct weir_subscriber late = {0};
    int n, rc = weir_broadcast_init(&ticks, int, 2, WEIR_OVERTAKE);
    (void)arg;
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, listens, .name = "a");
    if (rc == 0)
        rc = weir_yield(); /* it subscribes */
    for (n = 1; n <= 5 && rc == 0; n++)
        rc = weir_broadcast_send(&ticks, &n);
    weir_subscribe(&ticks, &late); /* gets what is sent from now on */
    weir_broadcast_try_send(&ticks, &n);
    if (weir_broadcast_try_recv(&late, &n) == 1)
        printf("late: %d\n", n);
    weir_unsubscribe(&late);
    weir_broadcast_close(&ticks);
    rc = weir_group_close(&g, rc);
    weir_broadcast_fini(&ticks);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
