/* SPDX-License-Identifier: MIT */
/* Shows: weir_race weir_racer weir_map */
#include <stdio.h>
#include <weir/weir.h>

static int ask(void *arg) { /* the faster of two servers */
    int rc = weir_sleep(WEIR_MILLISECONDS(*(int *)arg));
    return rc < 0 ? rc : *(int *)arg;
}

static void forget(void *arg) { /* it had answered too, but came second */
    printf("not needed: %d\n", *(int *)arg);
}

static int square(void *item, void *arg) {
    int *n = item;
    *n *= *n;
    return weir_yield();
}

static int program(void *arg) {
    int slow = 60000, quick = 5, numbers[] = {1, 2, 3, 4, 5};
    const struct weir_racer racers[] = {{ask, &slow, forget, "slow"},
                                        {ask, &quick, forget, "quick"}};
    size_t winner;
    int rc = weir_race(racers, 2, &winner);
    if (rc >= 0)
        printf("%s answered %d\n", racers[winner].name, rc);
    rc = weir_map(square, numbers, sizeof numbers[0], 5, 2, NULL); /* two at a time */
    for (int i = 0; i < 5 && rc == 0; i++)
        printf("%d\n", numbers[i]);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
