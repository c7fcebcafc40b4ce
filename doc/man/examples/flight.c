/* SPDX-License-Identifier: MIT */
/* Shows: weir_flight_init weir_flight_get weir_flight_fini weir_flight weir_flight_fn */
#include <stdio.h>
#include <weir/weir.h>

static struct weir_flight flight;

/* As if it asked a server: it takes a while, and one answer is good for all who ask now. */
static int look_up(void *arg, const void *key, size_t key_size, void *ret_value) {
    int *asked = arg, rc = weir_sleep(WEIR_MILLISECONDS(1));
    (void)key;
    ++*asked;
    if (rc == 0)
        *(int *)ret_value = (int)key_size;
    return rc;
}

static int asks(void *args) {
    int value = 0;
    (void)args;
    int rc = weir_flight_get(&flight, "weather", 7, &value); /* cancelled: others still get it */
    if (rc == 0)
        printf("%d\n", value);
    return rc;
}

static int program(void *arg) {
    struct weir_group runs, callers;
    int asked = 0;
    weir_group_open(&runs, WEIR_INDEPENDENT); /* the runs are tasks of this group */
    weir_flight_init(&flight, &runs, look_up, &asked, sizeof(int));
    weir_group_open(&callers, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_go0(&callers, asks);
    rc = weir_group_close(&callers, rc);
    rc = weir_group_close(&runs, rc);
    printf("asked %d times\n", asked);
    weir_flight_fini(&flight);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
