/* SPDX-License-Identifier: MIT */
/* Shows: weir_latest weir_latest_view weir_latest_init weir_latest_fini weir_latest_set
 * weir_latest_get weir_latest_wait weir_latest_try_wait weir_latest_close */
#include <stdio.h>
#include <weir/weir.h>

struct config { int level; };

static struct weir_latest config;

static int obeys(void *args) {
    struct weir_latest_view view = {0}; /* it has seen nothing, so the first value comes at once */
    struct config c;
    int rc;
    (void)args;
    while ((rc = weir_latest_wait(&config, &view, &c)) == 1)
        printf("level %d\n", c.level);
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    struct weir_latest_view view = {0};
    struct config c = {1};
    int rc = weir_latest_init(&config, &c);
    (void)arg;
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go0(&g, obeys);
    if (rc == 0)
        rc = weir_yield();
    for (c.level = 2; c.level <= 4; c.level++) /* 2 is handed over, 3 is replaced by 4 unseen */
        weir_latest_set(&config, &c);
    if (rc == 0)
        rc = weir_yield();
    if (weir_latest_get(&config, &c) == 1 && weir_latest_try_wait(&config, &view, &c) == 1)
        printf("at last %d\n", c.level);
    weir_latest_close(&config);
    rc = weir_group_close(&g, rc);
    weir_latest_fini(&config);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
