/* SPDX-License-Identifier: MIT */
/* Shows: weir_rwlock_init weir_rwlock_read_lock weir_rwlock_read_unlock weir_rwlock_write_lock
 * weir_rwlock_write_unlock weir_rwlock_fini weir_rwlock */
#include <stdio.h>
#include <weir/weir.h>

static struct weir_rwlock lock;
static int celsius = 20, fahrenheit = 68;

static int reads(void *args) {
    (void)args;
    int rc = weir_rwlock_read_lock(&lock);
    if (rc < 0)
        return rc;
    printf("%d C", celsius);
    rc = weir_sleep(WEIR_MILLISECONDS(1)); /* other readers run, the writer does not */
    printf(" = %d F\n", fahrenheit);
    weir_rwlock_read_unlock(&lock);
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    weir_rwlock_init(&lock);
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go0(&g, reads);
    if (rc == 0)
        rc = weir_yield();
    if (rc == 0 && (rc = weir_rwlock_write_lock(&lock)) == 0) { /* when the reader has ended */
        celsius = 25;
        rc = weir_yield();
        fahrenheit = 77;
        weir_rwlock_write_unlock(&lock);
    }
    if (rc == 0)
        rc = weir_go0(&g, reads);
    rc = weir_group_close(&g, rc);
    weir_rwlock_fini(&lock);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
