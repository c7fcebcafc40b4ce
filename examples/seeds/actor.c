/* SPDX-License-Identifier: MIT */
/* actor - a task that owns its state, and a mailbox through which others ask it to change. */
#include <stdio.h>
#include <weir/weir.h>

struct letter {
    const char *from;
    int amount;
};

static struct weir_queue mailbox;

static int account(void *args) {
    struct letter l;
    int balance = 0, rc;
    (void)args;
    while ((rc = weir_queue_get(&mailbox, &l)) == 1) {
        balance += l.amount;
        printf("%s: %+d, balance %d\n", l.from, l.amount, balance);
        weir_queue_task_done(&mailbox);
    }
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    const struct letter letters[] = {{"ann", 10}, {"bob", -3}, {"cid", 5}};
    (void)arg;
    int rc = weir_queue_init(&mailbox, struct letter, 2);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go0(&g, account);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_queue_put(&mailbox, &letters[i]);
    weir_queue_shutdown(&mailbox);
    rc = weir_group_close(&g, rc);
    weir_queue_fini(&mailbox);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
