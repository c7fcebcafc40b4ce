/* SPDX-License-Identifier: MIT */
/* Shows: weir_sem_init_bounded weir_sem_acquire weir_sem_try_acquire weir_sem_release
 * weir_sem_permits weir_sem_fini weir_sem */
#include <stdio.h>
#include <weir/weir.h>

static struct weir_sem megabytes;

struct load_args { int size; };

static int load(void *args) {
    struct load_args *a = args;
    size_t n = (size_t)a->size;
    int rc = weir_sem_acquire(&megabytes, n); /* a big one is not starved by small ones */
    if (rc < 0)
        return rc; /* cancelled: it has taken none */
    rc = weir_sleep(WEIR_MILLISECONDS(a->size));
    printf("%d MB loaded, %d are free\n", a->size, (int)weir_sem_permits(&megabytes));
    weir_sem_release(&megabytes, n);
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    weir_sem_init_bounded(&megabytes, 4, 4); /* a fifth would be a mistake, and abort */
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, load, .size = 3);
    if (rc == 0)
        rc = weir_go(&g, load, .size = 4);
    if (rc == 0)
        rc = weir_go(&g, load, .size = 1);
    rc = weir_group_close(&g, rc);
    if (weir_sem_try_acquire(&megabytes, 4) == 0) /* all have been given back */
        weir_sem_release(&megabytes, 4);
    weir_sem_fini(&megabytes);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
