/* SPDX-License-Identifier: MIT */
/* Shows: weir_cond_wait weir_cond_notify weir_cond_notify_all weir_cond_fini weir_cond */
#include <stdio.h>
#include <weir/weir.h>

static struct weir_mutex mutex;
static struct weir_cond changed;
static int seats = 0;

static int comes(void *args) {
    (void)args;
    int rc = weir_mutex_lock(&mutex);
    if (rc < 0)
        return rc;
    while (rc == 0 && seats == 0) /* in a loop: another may have taken the seat in between */
        rc = weir_cond_wait(&changed, &mutex);
    if (rc == 0)
        printf("%d left\n", --seats);
    weir_mutex_unlock(&mutex); /* held here, whatever the wait returned */
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_go0(&g, comes);
    if (rc == 0 && (rc = weir_yield()) == 0 && (rc = weir_mutex_lock(&mutex)) == 0) {
        seats = 1;
        weir_cond_notify(&changed, 1);
        seats += 2;
        weir_cond_notify_all(&changed);
        weir_mutex_unlock(&mutex);
    }
    rc = weir_group_close(&g, rc);
    weir_cond_fini(&changed);
    weir_mutex_fini(&mutex);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
