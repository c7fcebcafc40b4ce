/* SPDX-License-Identifier: MIT */
/* Shows: weir_group_cancel weir_group_live weir_group_failed weir_group_fired WEIR_INDEPENDENT */
#include <stdio.h>
#include <weir/weir.h>

static int work(void *arg) {
    return weir_sleep(WEIR_SECONDS(60));
}

static int program(void *arg) {
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT); /* a child's error is logged, the others go on */
    int rc = weir_go0(&g, work);
    if (rc == 0)
        rc = weir_go0(&g, work);
    printf("%zu at work, %zu failed\n", weir_group_live(&g), weir_group_failed(&g));
    weir_group_cancel(&g, "nobody asks any more");
    rc = weir_group_close(&g, rc); /* their -ECANCELED is no error of theirs */
    return rc == 0 && weir_group_fired(&g) == WEIR_ESTOPPED ? 0 : 1;
}

int main(void) {
    return weir_run(program, NULL, NULL);
}
