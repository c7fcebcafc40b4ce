/* SPDX-License-Identifier: MIT */
/* Shows: weir_mutex_init weir_mutex_lock weir_mutex_try_lock weir_mutex_unlock weir_mutex_holder
 * weir_mutex_fini weir_mutex */
#include <errno.h>
#include <stdio.h>
#include <weir/weir.h>

struct account {
    struct weir_mutex mutex;
    int balance;
};

/* Other tasks run while this one reads and writes; without the mutex they would read in between. */
static int pays_in(void *args) {
    struct account *a = *(struct account **)args;
    int rc = weir_mutex_lock(&a->mutex);
    if (rc < 0)
        return rc; /* cancelled: it does not hold the mutex */
    int balance = a->balance;
    rc = weir_sleep(WEIR_MILLISECONDS(1));
    a->balance = balance + 10;
    weir_mutex_unlock(&a->mutex);
    return rc;
}

static int program(void *arg) {
    struct account account = {.balance = 0}, *a = &account;
    struct weir_group g;
    weir_mutex_init(&account.mutex); /* remembers this line for messages */
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < 5 && rc == 0; i++)
        rc = weir_spawn(&g, WEIR_SITE(pays_in), pays_in, &a, sizeof(void *), NULL, NULL);
    if (rc == 0)
        rc = weir_yield();
    if (weir_mutex_try_lock(&account.mutex) == -EAGAIN)
        printf("%s holds it\n", weir_task_name(weir_mutex_holder(&account.mutex)));
    rc = weir_group_close(&g, rc);
    printf("%d\n", account.balance);
    weir_mutex_fini(&account.mutex);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
