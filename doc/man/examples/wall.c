/* SPDX-License-Identifier: MIT */
/* Shows: weir_wall_now weir_wall_offset weir_wall_sleep_until weir_wall_wait_step
 * weir_sim_wall_step weir-wall */
#include <stdio.h>
#include <weir/testing.h>
#include <weir/weir.h>

static int watch(void *args) {
    weir_ns offset_ns = weir_wall_offset(), before_ns = offset_ns;
    int rc = weir_wall_wait_step(&offset_ns);
    if (rc == 0)
        printf("the clock was set forward by %d s\n", (int)((offset_ns - before_ns) / 1000000000));
    return rc;
}

static int program(void *arg) {
    weir_ns midnight_ns = (weir_wall_now() / WEIR_SECONDS(86400) + 1) * WEIR_SECONDS(86400);
    int rc = weir_go0(NULL, watch);
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(60));
    if (rc == 0)
        rc = weir_sim_wall_step(WEIR_SECONDS(3600)); /* only a simulation's can be stepped */
    while (rc == 0 && (rc = weir_wall_sleep_until(midnight_ns)) == 1)
        rc = 0; /* stepped: the calendar has changed */
    if (rc == 0 && weir_wall_now() >= midnight_ns)
        printf("midnight\n");
    return rc;
}

int main(void) {
    return weir_sim_run(program, NULL, NULL) < 0;
}
