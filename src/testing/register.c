/* SPDX-License-Identifier: MIT */
/* register.c - what loading libweir-test changes: the backend "sim" can be opened. */
#include "sys/sim.h"

__attribute__((constructor)) static void register_sim(void) {
    weir__backend_open_sim = sim_open;
}
