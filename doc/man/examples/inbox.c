/* SPDX-License-Identifier: MIT */
/* Shows: weir_inbox weir_inbox_init weir_inbox_fini weir_inbox_on_drop weir_inbox_join
 * weir_inbox_leave weir_inbox_send weir_inbox_try_send weir_inbox_recv weir_inbox_try_recv
 * weir_inbox_close weir_inbox_len weir_inbox_senders */
#include <stdio.h>
#include <weir/weir.h>

static struct weir_inbox inbox;

struct counts_args { int from; };
static int counts(void *args) {
    int n = ((struct counts_args *)args)->from, rc = weir_inbox_send(&inbox, &n);
    n++;
    if (rc == 0 && weir_inbox_try_send(&inbox, &n) == -EAGAIN) /* full: wait for room */
        rc = weir_inbox_send(&inbox, &n);
    weir_inbox_leave(&inbox);
    return rc;
}

static void lost(void *item, void *arg) {
    (void)arg;
    printf("not received: %d\n", *(int *)item);
}

static int program(void *arg) {
    struct weir_group g;
    int n, rc = weir_inbox_init(&inbox, int, 2); /* this task is the owner */
    (void)arg;
    if (rc < 0)
        return rc;
    weir_inbox_on_drop(&inbox, lost, NULL);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3 && rc == 0; i++) {
        weir_inbox_join(&inbox); /* before the sender begins */
        rc = weir_go(&g, counts, .from = 10 * i);
    }
    printf("%zu senders\n", weir_inbox_senders(&inbox));
    while (rc >= 0 && (rc = weir_inbox_recv(&inbox, &n)) == 1)
        printf("%d, %zu more\n", n, weir_inbox_len(&inbox));
    if (rc == 0 && weir_inbox_try_recv(&inbox, &n) == 0)
        printf("all have left\n");
    weir_inbox_close(&inbox); /* after an error: senders get WEIR_ECLOSED */
    rc = weir_group_close(&g, rc);
    weir_inbox_fini(&inbox);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
