/* SPDX-License-Identifier: MIT */
/* world_rig.h - op_rig.h in a simulated world whose configuration the test knows, for tests by raw
 * ops of the simulation and of what every backend does alike. On the kernel it is op_rig.h. */
#ifndef WEIR_SIM_WORLD_RIG_H
#define WEIR_SIM_WORLD_RIG_H

#include <stdio.h>
#include <stdlib.h>

#include "sim/fault.h"
#include "sim/sim.h"
#include "sys/op_rig.h"

static struct sim_world *world; /* NULL on the kernel */

/* The variable WEIR_TEST_SIM makes the whole suite run in a stranger world: "deferred", "tiny". */
static inline void world_vary(struct sim_config *c) {
    const char *how = getenv("WEIR_TEST_SIM");
    if (how != NULL && strstr(how, "deferred") != NULL)
        c->deferred = true;
    if (how != NULL && strstr(how, "tiny") != NULL) {
        c->piece_size = 7;
        c->piece_count = 2;
        c->segment_max = 6;
    }
}

/* Open the backend. config NULL: the defaults. Only the simulation looks at it. */
static inline void world_open(const struct sim_config *config) {
    const char *why = "";
    struct sim_config c;
    if (test_backend != NULL && strcmp(test_backend, "sim") != 0) {
        rig_open();
        return;
    }
    weir__sim_config_defaults(&c);
    world_vary(&c);
    world = weir__sim_world_new(config != NULL ? config : &c, "main");
    weir__sim_world_enter(world);
    assert_int_equal(weir__backend_open("sim", &backend, &why), 0);
}

static inline void world_close(void) {
    if (world != NULL) {
        assert_int_equal(weir__sim_lent(world), 0);
        assert_int_equal(weir__sim_pending(world), 0);
        assert_int_equal(world->open, 0);
    }
    rig_close();
    if (world != NULL)
        weir__sim_world_free(world);
    world = NULL;
}

/* Run the simulated stamps of this program again in a world as WEIR_TEST_SIM says. */
static inline void world_again(const char *how) {
    char command[512], self[256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    snprintf(command, sizeof command, "WEIR_TEST_SIM=%s '%s' '[sim]' >&2", how, self);
    assert_int_equal(system(command), 0);
}

#endif
