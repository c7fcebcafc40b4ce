/* SPDX-License-Identifier: MIT */
/* Shows: weir_limiter_init weir_limiter_acquire weir_limiter_acquire_for weir_limiter_release
 * weir_limiter_set_total weir_limiter_borrowed weir_limiter_fini weir_limiter weir_borrow
 * weir-limit */
#include <stdio.h>
#include <weir/weir.h>

static struct weir_limiter licences;

static int works(void *args) {
    (void)args;
    struct weir_borrow mine = {0}; /* known as this task's: ending without a release aborts */
    int rc = weir_limiter_acquire(&licences, &mine);
    if (rc < 0)
        return rc; /* cancelled: nothing is borrowed */
    printf("%d at work\n", (int)weir_limiter_borrowed(&licences));
    rc = weir_sleep(WEIR_MILLISECONDS(1));
    weir_limiter_release(&licences, &mine);
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    struct weir_borrow connection = {0};
    weir_limiter_init(&licences, 1);
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_go0(&g, works);
    if (rc == 0 && (rc = weir_yield()) == 0) {
        weir_limiter_set_total(&licences, 4); /* the two that wait go on */
        rc = weir_limiter_acquire_for(&licences, &connection, "connection 7");
    }
    rc = weir_group_close(&g, rc);
    if (weir_limiter_borrowed(&licences) > 0)
        weir_limiter_release(&licences, &connection);
    weir_limiter_fini(&licences);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
